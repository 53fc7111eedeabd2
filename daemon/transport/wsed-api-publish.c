/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* POST /api/events: hands the body to the pipeline and writes what became of it (PROTOCOL section 2). It never looks into the body. */

#include "transport/wsed-api.h"

#include <string.h>

#include "transport/wsed-answer.h"
#include "transport/wsed-peer.h"
#include "wse-json-private.h"

gboolean
wsed_api_publish_form (SoupServerMessage  *message,
                       WsedForm           *form,
                       const char        **problem)
{
  static const struct
  {
    const char *type;
    WsedForm form;
  } forms[] = {
    { "application/json", WSED_FORM_JSON },
    { "application/x-ndjson", WSED_FORM_NDJSON },
    { "application/cloudevents+json", WSED_FORM_CLOUD },
    { "application/cloudevents-batch+json", WSED_FORM_CLOUD_BATCH },
  };
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *type = soup_message_headers_get_list (headers, "Content-Type");
  const char *coding = soup_message_headers_get_list (headers, "Content-Encoding");
  gsize length = type != NULL ? strcspn (type, "; \t") : 0;

  *form = WSED_FORM_JSON;
  if (coding != NULL && g_ascii_strcasecmp (coding, "identity") != 0)
    {
      *problem = "send the body as it is, without a Content-Encoding";
      return FALSE;
    }
  if (length == 0)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    if (length == strlen (forms[i].type) && g_ascii_strncasecmp (type, forms[i].type, length) == 0)
      {
        *form = forms[i].form;
        return TRUE;
      }
  *problem = "send application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json";
  return FALSE;
}

static void
append_place (GString    *out,
              const char *channel,
              guint64     seq)
{
  g_string_append (out, "\"channel\":");
  wse_json_append_string (out, channel, -1);
  g_string_append_printf (out, ",\"seq\":%" G_GUINT64_FORMAT, seq);
}

static void
append_entry (GString         *out,
              const WsedEntry *entry,
              gboolean         duplicate)
{
  const WseEvent *event = entry->event;

  g_string_append (out, "{\"event_id\":");
  wse_json_append_string (out, event->id, -1);
  g_string_append_c (out, ',');
  append_place (out, event->channels[0], entry->seqs[0]);
  g_string_append_printf (out, ",\"duplicate\":%s", duplicate ? "true" : "false");
  for (guint i = 0; event->n_channels > 1 && i < event->n_channels; i++)
    {
      g_string_append (out, i == 0 ? ",\"channels\":[{" : ",{");
      append_place (out, event->channels[i], entry->seqs[i]);
      g_string_append (out, i + 1 == event->n_channels ? "}]" : "}");
    }
  g_string_append_c (out, '}');
}

static void
answer_single (SoupServerMessage *message,
               const WsedItem    *item)
{
  GString *out;

  if (item->outcome == WSED_OUTCOME_REJECTED)
    {
      wsed_answer_gerror (message, item->error);
      return;
    }
  out = g_string_new (NULL);
  if (item->outcome == WSED_OUTCOME_DROPPED)
    {
      g_string_append (out, "{\"event_id\":");
      wse_json_append_string (out, item->event_id, -1);
      g_string_append (out, ",\"dropped\":true}");
    }
  else
    append_entry (out, item->entry, item->outcome == WSED_OUTCOME_DUPLICATE);
  wsed_answer_json (message, item->outcome == WSED_OUTCOME_APPENDED ? 201 : 200, out);
}

static void
answer_batch (SoupServerMessage *message,
              const WsedItem    *items,
              guint              n_items)
{
  GString *out = g_string_new (NULL);
  guint counts[WSED_OUTCOME_REJECTED + 1] = { 0 };

  for (guint i = 0; i < n_items; i++)
    counts[items[i].outcome]++;
  g_string_append_printf (out, "{\"accepted\":%u,\"duplicates\":%u,\"dropped\":%u,\"rejected\":[", counts[WSED_OUTCOME_APPENDED],
                          counts[WSED_OUTCOME_DUPLICATE], counts[WSED_OUTCOME_DROPPED]);
  for (guint i = 0, n = 0; i < n_items; i++)
    {
      if (items[i].outcome != WSED_OUTCOME_REJECTED)
        continue;
      g_string_append_printf (out, "%s{\"index\":%u,\"error\":", n++ > 0 ? "," : "", i);
      wsed_answer_append_error (out, wse_error_get_code (items[i].error), items[i].error->message);
      g_string_append_c (out, '}');
    }
  g_string_append (out, "]}");
  wsed_answer_json (message, 200, out);
}

static void
on_submitted (const WsedItem *items,
              guint           n_items,
              gboolean        single,
              const GError   *error,
              gpointer        user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);

  if (message != NULL && error != NULL)
    wsed_answer_gerror (message, error);
  else if (message != NULL && single)
    answer_single (message, items);
  else if (message != NULL)
    answer_batch (message, items, n_items);
  wsed_pending_done (pending);
}

static gboolean
may_publish (const char *channel,
             gpointer    user_data)
{
  return wsed_grant_may_publish (user_data, channel);
}

void
wsed_api_publish (WsedApi           *api,
                  SoupServerMessage *message)
{
  WsedPeer *peer = wsed_peer_of (message);
  g_autoptr (GBytes) body = peer != NULL ? wsed_peer_take_body (peer) : NULL;
  const char *problem;
  WsedForm form;

  if (!wsed_api_check_query (api, message))
    return;
  if (!wsed_api_publish_form (message, &form, &problem))
    wsed_answer_error (message, 415, "unsupported_media_type", problem);
  else if (body == NULL)
    wsed_answer_error (message, 400, "syntax", "the body is empty; send an event");
  else
    wsed_pipeline_submit_for (api->pipeline, form, g_bytes_get_data (body, NULL), g_bytes_get_size (body), may_publish,
                              wsed_credential_get (message), on_submitted, wsed_pending_new (message));
}
