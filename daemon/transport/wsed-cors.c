/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Answers browsers that ask for pages of other origins. Who may is the list of origins; this one writes the headers and keeps nothing. */

#include "transport/wsed-cors.h"

#include "guard/wsed-origin.h"
#include "transport/wsed-answer.h"

static const struct
{
  const char *name;
  const char *value;           /* NULL: the page's origin */
} headers[] = {
  { "Access-Control-Allow-Origin", NULL },
  { "Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate" },
  { "Vary", "Origin" },
};

static const char *
get_origin (SoupServerMessage *message)
{
  return soup_message_headers_get_list (soup_server_message_get_request_headers (message), "Origin");
}

gboolean
wsed_cors_admit (SoupServerMessage  *message,
                 const char * const *allowed)
{
  const char *origin = get_origin (message);
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);

  if (origin == NULL)
    return TRUE;
  if (!wsed_origin_is_allowed (origin, allowed))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    soup_message_headers_replace (answer, headers[i].name, headers[i].value != NULL ? headers[i].value : origin);
  return TRUE;
}

gboolean
wsed_cors_is_asked (SoupServerMessage *message)
{
  return g_str_equal (soup_server_message_get_method (message), "OPTIONS") && get_origin (message) != NULL &&
         soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Access-Control-Request-Method") != NULL;
}

void
wsed_cors_answer (SoupServerMessage *message,
                  const char        *methods)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);

  soup_message_headers_replace (answer, "Access-Control-Allow-Methods", methods);
  soup_message_headers_replace (answer, "Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, X-API-Key");
  /* Seconds. */
  soup_message_headers_replace (answer, "Access-Control-Max-Age", "600");
  wsed_answer_set (message, 204, NULL, g_string_new (NULL));
}

void
wsed_cors_append (SoupServerMessage *message,
                  GString           *head)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      const char *value = soup_message_headers_get_one (answer, headers[i].name);

      if (value != NULL)
        g_string_append_printf (head, "%s: %s\r\n", headers[i].name, value);
    }
}
