/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Characters of a UUID, without a NUL. */
#define WSE_UUID_LENGTH 36

/* Writes a random UUID (RFC 9562 version 4) and a NUL. Any thread. */
void wse_uuid_make (char out[WSE_UUID_LENGTH + 1]);

G_END_DECLS
