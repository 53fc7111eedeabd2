/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a body: answered exactly once, nothing left behind, each item with what its outcome needs, and whatever is delivered is
 * JSON in every dialect. The first byte says which form the body has. */

#include <wse.h>

#include "wse-json-private.h"
#include "wsed-pipeline.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define FUZZ_TYPE_LOG (fuzz_log_get_type ())
G_DECLARE_FINAL_TYPE (FuzzLog, fuzz_log, FUZZ, LOG, GObject)

/* Keeps nothing. */
struct _FuzzLog
{
  GObject parent_instance;

  guint64 n;
};

static void
fuzz_log_append (WsedLog    *log,
                 WsedAppend *append)
{
  static const guint64 seqs[WSE_MAX_TARGETS] = { 1, 2, 3, 4, 5 };

  for (; append->n_done < append->events->len; append->n_done++)
    append->entries[append->n_done] = wsed_entry_new (g_ptr_array_index (append->events, append->n_done), ++FUZZ_LOG (log)->n, seqs);
  wsed_inbox_push (append->reply_to, &append->message);
}

static void
log_iface_init (WsedLogInterface *iface)
{
  iface->append = fuzz_log_append;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (FuzzLog, fuzz_log, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, log_iface_init))

static void
fuzz_log_class_init (FuzzLogClass *klass)
{
}

static void
fuzz_log_init (FuzzLog *self)
{
}

static void
hold_written (const WsedEntry *entry,
              WseDialect       dialect,
              guint            channel)
{
  g_autoptr (GString) out = g_string_new (NULL);
  WseJsonValue value;
  WseJson json;

  wse_dialect_write (dialect, entry->event, entry->event->channels[channel], entry->seqs[channel], out);
  wse_json_init (&json, out->str, out->len);
  g_assert_true (wse_json_value (&json, &value) && wse_json_end (&json));
  g_assert_cmpint (value.type, ==, WSE_JSON_OBJECT);
  g_assert_false (value.spaced);
}

static void
on_deliver (WsedEntry * const *entries,
            guint              n_entries,
            gpointer           user_data)
{
  for (guint i = 0; i < n_entries; i++)
    for (guint channel = 0; channel < entries[i]->event->n_channels; channel++)
      for (guint dialect = 0; dialect < WSE_N_DIALECTS; dialect++)
        hold_written (entries[i], dialect, channel);
}

static void
on_answer (const WsedItem *items,
           guint           n_items,
           gboolean        single,
           const GError   *error,
           gpointer        user_data)
{
  (*(guint *) user_data)++;
  g_assert_true (error == NULL || (n_items == 0 && g_utf8_validate (error->message, -1, NULL)));
  for (guint i = 0; i < n_items; i++)
    {
      g_assert_true ((items[i].outcome == WSED_OUTCOME_APPENDED) == (items[i].entry != NULL));
      g_assert_true ((items[i].outcome == WSED_OUTCOME_REJECTED) == (items[i].error != NULL));
      g_assert_true (items[i].error == NULL || g_utf8_validate (items[i].error->message, -1, NULL));
    }
}

static WsedPipeline *
make_pipeline (WsedInbox *inbox)
{
  WsedPipeline *pipeline = wsed_pipeline_new (g_object_new (FUZZ_TYPE_LOG, NULL), wsed_sequence_new (on_deliver, NULL), inbox);
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (WseRouter) router = wse_router_new ();

  wse_type_mapper_add_defaults (mapper);
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (mapper));
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (router));
  return pipeline;
}

static WsedForm
choose_form (guint8 letter)
{
  switch (letter)
    {
    case 'N':
      return WSED_FORM_NDJSON;
    case 'C':
      return WSED_FORM_CLOUD;
    case 'B':
      return WSED_FORM_CLOUD_BATCH;
    default:
      return WSED_FORM_JSON;
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  static WsedInbox *inbox;
  static WsedPipeline *pipeline;
  g_autofree char *body = NULL;
  guint n_answers = 0;

  if (pipeline == NULL)
    {
      inbox = wsed_inbox_new ();
      pipeline = make_pipeline (inbox);
    }
  if (size == 0)
    return 0;
  body = g_memdup2 (data + 1, size - 1);
  wsed_pipeline_submit (pipeline, choose_form (data[0]), body, size - 1, on_answer, &n_answers);
  g_clear_pointer (&body, g_free);
  wsed_inbox_run (inbox);
  g_assert_cmpuint (n_answers, ==, 1);
  g_assert_cmpuint (wsed_pipeline_get_pending (pipeline), ==, 0);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (pipeline), ==, 0);
  return 0;
}
