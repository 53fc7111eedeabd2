/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-event.h"
#include "wse-limits.h"

G_BEGIN_DECLS

/* One allocation: the struct, the channel pointers and all bytes behind it. All strings are valid UTF-8 and end in NUL. */
struct _WseEvent
{
  gatomicrefcount refs;
  gint64 timestamp;            /* microseconds since 1970, UTC */
  gint64 latency;              /* milliseconds from the producer's time to the taking in; -1: the producer gave no time */
  WseSeverity severity;
  guint8 severity_given : 1;   /* the publisher named the severity: system events' own rules do not change it */
  guint32 payload_length;
  guint32 n_channels;
  const char *event_type;
  const char *original_type;   /* NULL: as event_type */
  const char *id;
  const char *message;         /* NULL: none */
  const char *payload;         /* compact JSON, payload_length bytes and a NUL */
  const char **channels;       /* n_channels and a NULL */
};

/* What an event is made of. Everything is borrowed and copied; nothing is checked: who fills it has checked it. */
typedef struct
{
  const char *event_type;
  const char *original_type;
  const char *id;
  const char *message;
  const char *payload;
  gsize payload_length;
  const char * const *channels;
  guint n_channels;
  gint64 timestamp;
  gint64 latency;
  WseSeverity severity;
  gboolean severity_given;
} WseEventFields;

/* Payloads are counted in 32 bits, and every sum of lengths stays far below a gsize. */
#define WSE_EVENT_MAX_PAYLOAD G_MAXINT32

WseEvent *wse_event_new_from_fields (const WseEventFields *fields);
void      wse_event_get_fields (WseEvent *event, WseEventFields *fields);

/* The rule for ids of events: 1 to 128 bytes of UTF-8 without control characters; white space is allowed. */
gboolean  wse_event_id_is_valid (const char *id, gsize length);

/* Intake: one JSON object in the form of PROTOCOL section 2 → an event, not yet mapped or routed. */
typedef struct
{
  gsize max_bytes;             /* of the object as it came in */
  guint max_depth;             /* the object itself is level 1 */
  gint64 now;                  /* when it was taken in, microseconds since 1970 */
  const char *id;              /* of an event that names none, valid; NULL: a UUID is made */
} WseEventParse;

WseEvent *wse_event_parse (const char *json, gsize length, const WseEventParse *parse, GError **error);
/* The same from a CloudEvent 1.0; WSE_ERROR_UNSUPPORTED where its data is not JSON. */
WseEvent *wse_event_parse_cloud (const char *json, gsize length, const WseEventParse *parse, GError **error);

G_END_DECLS
