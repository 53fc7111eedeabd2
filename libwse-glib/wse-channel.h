/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-version.h"

G_BEGIN_DECLS

/**
 * WseChannelKind:
 * @WSE_CHANNEL_INVALID: not a channel's name
 * @WSE_CHANNEL_USER: `user:<id>`
 * @WSE_CHANNEL_ROLE: `role:<id>`
 * @WSE_CHANNEL_TEAM: `team:<id>`
 * @WSE_CHANNEL_SESSION: `session:<id>`
 * @WSE_CHANNEL_GLOBAL: `global`
 * @WSE_CHANNEL_SYSTEM: `system`
 *
 * The kinds of channels (PROTOCOL section 1). An id is 1 to 128 bytes, see [func@Wse.channel_id_is_valid].
 *
 * Since: 0.1
 */
typedef enum
{
  WSE_CHANNEL_INVALID,
  WSE_CHANNEL_USER,
  WSE_CHANNEL_ROLE,
  WSE_CHANNEL_TEAM,
  WSE_CHANNEL_SESSION,
  WSE_CHANNEL_GLOBAL,
  WSE_CHANNEL_SYSTEM,
} WseChannelKind;

WSE_AVAILABLE_IN_0_1
WseChannelKind  wse_channel_parse (const char *name, const char **id);
WSE_AVAILABLE_IN_0_1
char           *wse_channel_build (WseChannelKind kind, const char *id);
WSE_AVAILABLE_IN_0_1
gboolean        wse_channel_is_valid (const char *name);
WSE_AVAILABLE_IN_0_1
gboolean        wse_channel_id_is_valid (const char *id, gssize length);

G_END_DECLS
