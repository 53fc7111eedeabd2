/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "relay/wsed-sequence.h"
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
  WsedEntry *entry;            /* APPENDED, DUPLICATE: then with the first one's n and seqs */
  char *event_id;              /* DROPPED */
  GError *error;               /* REJECTED */
} WsedItem;

typedef enum
{
  WSED_FORM_JSON,              /* one object, or an array of them */
  WSED_FORM_NDJSON,
  WSED_FORM_CLOUD,             /* one CloudEvent */
  WSED_FORM_CLOUD_BATCH,       /* an array of them */
} WsedForm;

typedef struct _WsedSubmission WsedSubmission;
/* The answer, on the main thread, perhaps before submit returns. @error: nothing can be said of single items (400, 413, 422, 429,
 * 503); else @items has one for each, in their order; @single where the body was one object. */
typedef void (*WsedSubmitted) (const WsedItem *items, guint n_items, gboolean single, const GError *error, gpointer user_data);

/* Borrows @log, @sequence and @main, the inbox that the main loop runs. */
WsedPipeline *wsed_pipeline_new    (WsedLog *log, WsedSequence *sequence, WsedInbox *main);
/* Only when drained: the log answers to it until then. NULL is allowed. */
void          wsed_pipeline_free   (WsedPipeline *self);
/* Bytes of one event as it comes in, and bytes held by submissions not yet answered: what would go beyond is answered with
 * WSE_ERROR_BUSY. A submission that is larger than @max_queued is taken where it is alone. */
void          wsed_pipeline_set_limits (WsedPipeline *self, gsize max_event, gsize max_queued);
/* Bytes that wait behind the relay; they count towards max_queued, so that publishing cannot run away from delivery. */
typedef gsize (*WsedBacklog) (gpointer user_data);
void          wsed_pipeline_set_backlog (WsedPipeline *self, WsedBacklog backlog, gpointer user_data);
/* Adds a step to the end of the chain. */
void          wsed_pipeline_add    (WsedPipeline *self, WseTransformer *transformer);
/* Bytes of @body are only read during the call. */
void          wsed_pipeline_submit (WsedPipeline *self, WsedForm form, const char *body, gsize length, WsedSubmitted done, gpointer user_data);
/* Whether events may be published to @channel; asked during the call only. An event is rejected with WSE_ERROR_FORBIDDEN unless it may be
 * to all of its channels. */
typedef gboolean (*WsedMayPublish) (const char *channel, gpointer user_data);
/* The same for somebody who may not publish everything. */
void          wsed_pipeline_submit_for (WsedPipeline *self, WsedForm form, const char *body, gsize length, WsedMayPublish may,
                                        gpointer may_data, WsedSubmitted done, gpointer user_data);

/* What came beside a value: a name that ends in NUL, and bytes. */
typedef struct
{
  const char *name;
  const char *value;           /* NULL: none */
  gsize length;
} WsedHeader;

/* Where an event comes from, while it is transformed. */
typedef struct
{
  const char *topic;
  const char *key;             /* key_length bytes; NULL: none */
  gsize key_length;
  const WsedHeader *headers;
  guint n_headers;
} WsedOrigin;

/* An input from a source without an asker (pipeline/wsed-input.h makes one). Bytes are only read during the call. */
typedef struct
{
  WsedForm form;               /* WSED_FORM_JSON or WSED_FORM_CLOUD, one object */
  const char *data;
  gsize length;
  const char *event_id;        /* of an event that names none; NULL: a UUID is made */
  WsedOrigin origin;
  GError *fault;               /* it cannot be an event, because of this; NULL: let it be seen */
  char *built;                 /* what data points to where it was made, or NULL */
} WsedInput;

/* The dead letter for the input @index, which failed with @error. During the call to submit_from. */
typedef WsedLetter *(*WsedMakeLetter) (guint index, const GError *error, gpointer user_data);

/* Takes in up to WSED_MAX_ATOMIC_EVENTS inputs as one transaction with @moves, of which it takes a reference: all of it is kept or nothing.
 * What fails by its own fault becomes a dead letter and is kept with the others; an event without a target is passed over (PROTOCOL section
 * 2). @done gets an error where nothing was kept: WSE_ERROR_CONFLICT, then the moves say what is kept; else the same may be submitted
 * again, with @again, so that it is counted once. */
void          wsed_pipeline_submit_from (WsedPipeline *self, const WsedInput *inputs, guint n_inputs, GArray *moves, gboolean again,
                                         WsedMakeLetter letter, WsedSubmitted done, gpointer user_data);
/* For transformers of this daemon, while they are called: where the event comes from; NULL: over HTTP, or from the demo. */
const WsedOrigin *wsed_pipeline_get_origin (WsedPipeline *self);
/* Submissions not yet answered: 0 means drained. */
guint         wsed_pipeline_get_pending (WsedPipeline *self);
gsize         wsed_pipeline_get_queued_bytes (WsedPipeline *self);

G_END_DECLS
