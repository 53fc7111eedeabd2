/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for a request: read whole and in pieces it is the same one, and what libsoup is shown of it, libsoup understands as we do: one
 * request, with the method, path and length of body that were found. */

#include <string.h>

#include <libsoup/soup.h>

#include "guard/wsed-request-body.h"

#define MAX_HEAD 300

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What libsoup's server saw. */
static struct
{
  SoupServer *server;
  GSocketAddress *address;
  guint started, understood, read;
  gsize body;
} seen;

static void
on_got_headers (SoupServerMessage *message)
{
  seen.understood += soup_server_message_get_status (message) == 0;
}

static void
on_got_chunk (SoupServerMessage *message,
              GBytes            *chunk)
{
  seen.body += g_bytes_get_size (chunk);
}

static void
on_got_body (SoupServerMessage *message)
{
  seen.read++;
}

static void
on_started (SoupServer        *server,
            SoupServerMessage *message)
{
  seen.started++;
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), NULL);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), NULL);
  g_signal_connect (message, "got-body", G_CALLBACK (on_got_body), NULL);
}

static void
show_to_server (const GString *request,
                gsize          length)
{
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data (request->str, request->len, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GIOStream) stream = g_simple_io_stream_new (input, output);

  if (seen.server == NULL)
    {
      seen.server = g_object_new (SOUP_TYPE_SERVER, "raw-paths", TRUE, NULL);
      seen.address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
      g_signal_connect (seen.server, "request-started", G_CALLBACK (on_started), NULL);
    }
  seen.started = seen.understood = seen.read = seen.body = 0;
  soup_server_accept_iostream (seen.server, stream, seen.address, seen.address, NULL);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (seen.started, ==, 1);
  /* What it refuses by itself it may read nevertheless. */
  g_assert_cmpuint (seen.read, >=, seen.understood);
  if (seen.read > 0)
    {
      g_assert_cmpuint (seen.body, ==, length);
      g_assert_cmpint (g_seekable_tell (G_SEEKABLE (input)), ==, request->len);
    }
}

static void
check_head (const char            *bytes,
            const WsedRequestHead *head)
{
  g_autofree char *text = g_strndup (bytes + head->begin, head->size - head->begin - 2), *method = NULL, *path = NULL, *line = NULL;
  SoupMessageHeaders *headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  SoupHTTPVersion version;

  g_assert_cmpuint (soup_headers_parse_request (text, strlen (text), headers, &method, &path, &version), ==, SOUP_STATUS_OK);
  line = g_strdup_printf ("%s %s HTTP/1.%c\r\n", method, path, version == SOUP_HTTP_1_0 ? '0' : '1');
  g_assert_true (g_str_has_prefix (text, line));
  if (head->chunked)
    g_assert_cmpint (soup_message_headers_get_encoding (headers), ==, SOUP_ENCODING_CHUNKED);
  else if (head->n_lengths > 0)
    g_assert_cmpint (soup_message_headers_get_encoding (headers), ==, SOUP_ENCODING_CONTENT_LENGTH);
  else
    g_assert_cmpint (soup_message_headers_get_encoding (headers), ==, SOUP_ENCODING_NONE);
  if (!head->chunked)
    g_assert_cmpint (soup_message_headers_get_content_length (headers), ==, head->length);
  soup_message_headers_unref (headers);
}

/* Bytes of data in chunks as they are shown. */
static gsize
count_data (const char *chunks)
{
  gsize sum = 0, size;
  char *end;

  while ((size = g_ascii_strtoull (chunks, &end, 16)) > 0)
    {
      sum += size;
      chunks = end + 2 + size + 2;
    }
  g_assert_cmpstr (end, ==, "\r\n\r\n");
  return sum;
}

/* What is kept of @bytes, in pieces of @step; *@taken: how many belong to the body. */
static GString *
take (WsedRequestBody       *body,
      const WsedRequestHead *head,
      const char            *bytes,
      gsize                  length,
      gsize                  step,
      gsize                 *taken)
{
  GString *out = g_string_new (NULL);

  *taken = 0;
  wsed_request_body_init (body, head);
  while (*taken < length && !wsed_request_body_is_done (body) && !wsed_request_body_is_bad (body))
    {
      gsize part = MIN (step, length - *taken), kept;
      g_autofree char *copy = g_memdup2 (bytes + *taken, part);

      *taken += wsed_request_body_take (body, copy, part, &kept);
      g_string_append_len (out, copy, kept);
    }
  return out;
}

static void
check_body (const char            *bytes,
            gsize                  length,
            const WsedRequestHead *head)
{
  const char *rest = bytes + head->size;
  WsedRequestBody body, again;
  gsize taken, taken_again;
  g_autoptr (GString) whole = take (&body, head, rest, length - head->size, length + 1, &taken);
  g_autoptr (GString) pieces = take (&again, head, rest, length - head->size, 1 + length % 7, &taken_again);

  g_assert_cmpuint (taken, ==, taken_again);
  g_assert_true (wsed_request_body_is_done (&body) == wsed_request_body_is_done (&again));
  g_assert_true (wsed_request_body_is_bad (&body) == wsed_request_body_is_bad (&again));
  g_assert_cmpmem (whole->str, whole->len, pieces->str, pieces->len);
  if (!wsed_request_body_is_done (&body))
    return;
  if (!head->chunked)
    g_assert_cmpuint (taken, ==, head->length);
  g_string_prepend_len (pieces, bytes + head->begin, head->size - head->begin);
  show_to_server (pieces, head->chunked ? count_data (whole->str) : head->length);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  WsedRequestHead whole = { 0 }, pieces = { 0 };
  const char *bytes = (const char *) data;
  WsedHeadVerdict verdict, again = WSED_HEAD_MORE;

  if (size == 0)
    return 0;
  verdict = wsed_request_head_read (&whole, bytes, size, MAX_HEAD);
  for (gsize i = 1; i <= size && again == WSED_HEAD_MORE; i++)
    again = wsed_request_head_read (&pieces, bytes, i, MAX_HEAD);
  g_assert_cmpint (verdict, ==, again);
  g_assert_cmpuint (whole.refusal.status, ==, pieces.refusal.status);
  if (verdict != WSED_HEAD_DONE)
    return 0;
  g_assert_cmpuint (whole.size, ==, pieces.size);
  check_head (bytes, &whole);
  check_body (bytes, size, &whole);
  return 0;
}
