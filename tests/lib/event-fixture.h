/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-error.h"
#include "wse-event-private.h"

G_BEGIN_DECLS

/* When events are taken in: microseconds since 1970. */
#define NOW G_GINT64_CONSTANT (1700000000123456)

/* The form that is read; a test sets it first. */
extern WseEvent *(*event_form) (const char *json, gsize length, const WseEventParse *rules, GError **error);

/* From exactly these bytes: a sanitizer sees one read too far. */
WseEvent *parse_bytes   (const char *data, gsize length, gsize max_bytes, GError **error);
/* One that has to be taken. */
WseEvent *parse         (const char *json);
/* @message: how the error's begins. */
void      check_refused (const char *json, WseError code, const char *message);
/* Takes @event. */
void      check_payload_of (WseEvent *event, const char *expected);

G_END_DECLS
