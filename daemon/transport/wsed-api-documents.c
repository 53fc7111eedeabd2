/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract for machines, as it lies in data/: /openapi.json for HTTP, /asyncapi.json for what is said over WebSockets. */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "wsed-documents.h"

static void
answer_document (WsedApi           *api,
                 SoupServerMessage *message,
                 const char        *path)
{
  g_autoptr (GBytes) document = NULL;
  gsize length;
  const char *text;

  if (!wsed_api_check_query (api, message))
    return;
  document = g_resource_lookup_data (wsed_documents_get_resource (), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  text = g_bytes_get_data (document, &length);
  wsed_answer_json (message, 200, g_string_new_len (text, length));
}

void
wsed_api_openapi (WsedApi           *api,
                  SoupServerMessage *message)
{
  answer_document (api, message, "/wse/openapi.json");
}

void
wsed_api_asyncapi (WsedApi           *api,
                   SoupServerMessage *message)
{
  answer_document (api, message, "/wse/asyncapi.json");
}
