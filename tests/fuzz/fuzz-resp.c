/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes from Redis: however they are cut, the same replies come out, none deeper or larger than allowed. */

#include "redis/wsed-resp.h"

#include <string.h>

#define MAX_BYTES 200

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
describe (const redisReply *reply, guint depth, GString *out)
{
  g_assert_cmpuint (depth, <=, 4);
  g_string_append_printf (out, "%d ", reply->type);
  if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR)
    {
      g_string_append_len (out, reply->str, reply->len);
      g_assert_cmpint (wsed_resp_is (reply, "message"), ==, reply->type != REDIS_REPLY_ERROR && reply->len == 7 && memcmp (reply->str, "message", 7) == 0);
    }
  else if (reply->type == REDIS_REPLY_INTEGER)
    g_string_append_printf (out, "%lld", reply->integer);
  else if (reply->type == REDIS_REPLY_ARRAY)
    {
      g_assert_cmpuint (reply->elements, <=, 64);
      for (gsize i = 0; i < reply->elements; i++)
        describe (reply->element[i], depth + 1, out);
    }
  g_string_append_c (out, '\n');
}

/* What comes out when it comes in pieces of @step bytes. */
static GString *
read_all (const guint8 *data, gsize size, gsize step)
{
  GString *out = g_string_new (NULL);
  WsedResp *resp = wsed_resp_new (MAX_BYTES);
  g_autoptr(GError) error = NULL;

  for (gsize at = 0; at < size && error == NULL; at += step)
    {
      redisReply *reply;

      wsed_resp_feed (resp, (const char *) data + at, MIN (step, size - at));
      while (wsed_resp_next (resp, &reply, &error) && reply != NULL)
        {
          describe (reply, 0, out);
          freeReplyObject (reply);
        }
    }
  if (error != NULL)
    g_assert_cmpuint (strlen (error->message), <, 300);
  wsed_resp_free (resp);
  return out;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(GString) whole = read_all (data, MIN (size, MAX_BYTES), MAX_BYTES);
  g_autoptr(GString) bytewise = read_all (data, MIN (size, MAX_BYTES), 1);
  g_autoptr(GString) more = read_all (data, size, 7);

  g_assert_cmpstr (whole->str, ==, bytewise->str);
  g_assert_cmpuint (whole->len, ==, bytewise->len);
  return 0;
}
