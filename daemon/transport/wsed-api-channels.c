/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* DELETE /api/channels/<channel>: has the log erase it, then the workers forget what waits of it, then answers. */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "transport/wsed-hearsay.h"
#include "wse-channel.h"
#include "wse-cursor.h"
#include "wse-error.h"
#include "wse-json-private.h"

typedef struct
{
  WsedApi *api;
  WsedPending *pending;
} Request;

static GString *
write_answer (const WsedErase *erase)
{
  g_autoptr (GString) cursor = g_string_new (NULL);
  GString *out = g_string_new ("{\"channel\":");

  wse_cursor_append (cursor, erase->channel, erase->epoch, erase->head);
  wse_json_append_string (out, erase->channel, -1);
  g_string_append_printf (out, ",\"erased\":%" G_GUINT64_FORMAT ",\"cursor\":", erase->head - erase->low);
  wse_json_append_string (out, cursor->str, -1);
  g_string_append_c (out, '}');
  return out;
}

static void
on_erased (WsedMessage *reply,
           gpointer     user_data)
{
  WsedErase *erase = (WsedErase *) reply;
  g_autofree Request *request = user_data;
  SoupServerMessage *message = wsed_pending_get_message (request->pending);

  if (erase->error == NULL && erase->known)
    wsed_hearsay_tell_erased (request->api, erase);
  if (message != NULL && erase->error != NULL)
    wsed_answer_error (message, 503, wse_error_get_code (erase->error), erase->error->message);
  else if (message != NULL && !erase->known)
    wsed_answer_error (message, 404, "not_found", "this channel never had an event");
  else if (message != NULL)
    wsed_answer_json (message, 200, write_answer (erase));
  wsed_pending_done (request->pending);
  wsed_erase_free (erase);
}

void
wsed_api_erase_channel (WsedApi           *api,
                        SoupServerMessage *message)
{
  g_autofree char *channel = wsed_api_check_query (api, message) ? wsed_api_get_name (message) : NULL;
  WsedErase *erase;
  Request *request;

  if (channel == NULL)
    return;
  if (!wse_channel_is_valid (channel))
    {
      wsed_answer_error (message, 400, "bad_request",
                         "the channel in the path must be user:<id>, role:<id>, team:<id>, session:<id>, global or system");
      return;
    }
  request = g_new (Request, 1);
  *request = (Request) { api, wsed_pending_new (message) };
  erase = wsed_erase_new (api->main, channel);
  erase->message.run = on_erased;
  erase->message.user_data = request;
  wsed_log_erase (api->log, erase);
}
