/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "relay/wsed-relay.h"
#include "wse-transformer.h"

G_BEGIN_DECLS

/* Steps 2 to 5 of an event's way: intake, transformers, log, relay. Main thread. */
typedef struct _WsedPipeline WsedPipeline;

/* What became of one item of a submission. */
typedef enum
{
  WSED_OUTCOME_APPENDED,
  WSED_OUTCOME_DUPLICATE,
  WSED_OUTCOME_DROPPED,
  WSED_OUTCOME_REJECTED,
} WsedOutcome;

typedef struct
{
  WsedOutcome outcome;
  WsedEntry *entry;            /* APPENDED, DUPLICATE */
  char *event_id;              /* DROPPED */
  GError *error;               /* REJECTED */
} WsedItem;

typedef enum
{
  WSED_FORM_JSON,              /* one object, or an array of them */
  WSED_FORM_NDJSON,
} WsedForm;

typedef struct _WsedSubmission WsedSubmission;
/* The answer, on the main thread, perhaps before submit returns. @error: nothing can be said of single items (400, 413, 429, 503); else
 * @items has one for each, in their order; @single where the body was one object. */
typedef void (*WsedSubmitted) (const WsedItem *items, guint n_items, gboolean single, const GError *error, gpointer user_data);

WsedPipeline *wsed_pipeline_new    (WsedLog *log, WsedRelay *relay, WsedInbox *main);
void          wsed_pipeline_free   (WsedPipeline *self);
void          wsed_pipeline_set_limits (WsedPipeline *self, gsize max_event, gsize max_queued);
void          wsed_pipeline_add    (WsedPipeline *self, WseTransformer *transformer);
/* Bytes of @body are only read during the call. */
void          wsed_pipeline_submit (WsedPipeline *self, WsedForm form, const char *body, gsize length, WsedSubmitted done, gpointer user_data);
/* Submissions not yet answered: 0 means drained. */
guint         wsed_pipeline_get_pending (WsedPipeline *self);
gsize         wsed_pipeline_get_queued_bytes (WsedPipeline *self);

G_END_DECLS
