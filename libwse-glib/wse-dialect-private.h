/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-dialect.h"
#include "wse-event-private.h"
#include "wse-json-private.h"

G_BEGIN_DECLS

/* What the files of the single dialects share: each writes one form, by appending constants and copies. An event is written once per
 * dialect and subscribed channel, not once per subscriber. */

void wse_dialect_v2_write       (WseEvent *event, const char *channel, guint64 seq, GString *out);
void wse_dialect_feed_write     (WseEvent *event, GString *out);
void wse_dialect_envelope_write (WseEvent *event, const char *channel, guint64 seq, GString *out);
void wse_dialect_session_write  (WseEvent *event, const char *channel, GString *out);

/* @number in decimal digits. */
void wse_dialect_append_uint    (GString *out, guint64 number);
/* `,"original_event_type":"…"` where it differs from the type. */
void wse_dialect_append_original (GString *out, WseEvent *event);
/* `,"latency_ms":12` where the producer gave a time. */
void wse_dialect_append_latency (GString *out, WseEvent *event);

#define wse_dialect_append_literal(out, literal) g_string_append_len ((out), "" literal, sizeof (literal) - 1)

G_END_DECLS
