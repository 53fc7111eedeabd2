/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "wse-json-private.h"

G_BEGIN_DECLS

/* The permissions as they are written, in a token's claim `wse` and in a line of the API keys' file: `subscribe`, `publish`: lists of
 * channels or prefixes; `monitor`, `admin`: booleans; `filter`: an object of `types` (a list, or joined by commas) and `severity`. */

/* Reads one member into @grant. *@known: whether it is one of them. NULL, or what is wrong with it. */
const char *wsed_permissions_read (const char *name, const WseJsonValue *value, WsedGrant *grant, gboolean *known);

G_END_DECLS
