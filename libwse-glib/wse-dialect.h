/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-event.h"
#include "wse-version.h"

G_BEGIN_DECLS

/**
 * WseDialect:
 * @WSE_DIALECT_V2: `{"v":2,"id":…}`
 * @WSE_DIALECT_FEED: the five members of the system feed
 * @WSE_DIALECT_ENVELOPE: `{"type":"event","data":{…}}`
 * @WSE_DIALECT_SESSION: `{"event_type":…,"data":{…}}`
 *
 * How an event is written on the wire (PROTOCOL section 3).
 *
 * Since: 0.1
 */
typedef enum
{
  WSE_DIALECT_V2,
  WSE_DIALECT_FEED,
  WSE_DIALECT_ENVELOPE,
  WSE_DIALECT_SESSION,
} WseDialect;

/**
 * WSE_N_DIALECTS:
 *
 * The number of dialects.
 *
 * Since: 0.1
 */
#define WSE_N_DIALECTS 4

WSE_AVAILABLE_IN_0_1
gboolean    wse_dialect_from_name (const char *name, WseDialect *dialect);
WSE_AVAILABLE_IN_0_1
const char *wse_dialect_get_name (WseDialect dialect);
WSE_AVAILABLE_IN_0_1
void        wse_dialect_write (WseDialect dialect, WseEvent *event, const char *channel, guint64 seq, GString *out);
WSE_AVAILABLE_IN_0_1
void        wse_dialect_write_envelope_data (WseEvent *event, const char *channel, guint64 seq, GString *out);

G_END_DECLS
