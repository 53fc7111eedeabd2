/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replies of Redis, cut anywhere, and what is not one. */

#include "redis/wsed-resp.h"

#include <string.h>

#include "wse-error.h"

static void
test_cut_anywhere (void)
{
  static const char text[] = "*3\r\n$7\r\nmessage\r\n$10\r\nwse:global\r\n$3\r\na\0b\r\n+OK\r\n-ERR no\r\n:7\r\n$-1\r\n*0\r\n";
  static const int types[] = { REDIS_REPLY_ARRAY, REDIS_REPLY_STATUS, REDIS_REPLY_ERROR, REDIS_REPLY_INTEGER, REDIS_REPLY_NIL, REDIS_REPLY_ARRAY };

  for (gsize step = 1; step < sizeof text; step++)
    {
      WsedResp *resp = wsed_resp_new (64);
      redisReply *more;
      guint n = 0;

      for (gsize at = 0; at < sizeof text - 1; at += step)
        {
          redisReply *reply;

          wsed_resp_feed (resp, text + at, MIN (step, sizeof text - 1 - at));
          while (n < G_N_ELEMENTS (types) && wsed_resp_next (resp, &reply, NULL) && reply != NULL)
            {
              g_assert_cmpint (reply->type, ==, types[n]);
              if (n == 0)
                {
                  g_assert_true (wsed_resp_is (reply->element[0], "message"));
                  g_assert_false (wsed_resp_is (reply->element[0], "messag"));
                  g_assert_cmpmem (reply->element[2]->str, reply->element[2]->len, "a\0b", 3);
                }
              n++;
              freeReplyObject (reply);
            }
        }
      g_assert_cmpuint (n, ==, G_N_ELEMENTS (types));
      g_assert_true (wsed_resp_next (resp, &more, NULL));
      g_assert_null (more);
      wsed_resp_free (resp);
    }
}

/* The error that ends the reading of @text, fed whole and byte for byte; 0: none. */
static int
read_all (const char *text, gsize length, gsize step)
{
  WsedResp *resp = wsed_resp_new (100);
  g_autoptr(GError) error = NULL;
  redisReply *reply = NULL;

  for (gsize at = 0; at < length && error == NULL; at += step)
    {
      wsed_resp_feed (resp, text + at, MIN (step, length - at));
      while (wsed_resp_next (resp, &reply, &error) && reply != NULL)
        freeReplyObject (reply);
    }
  wsed_resp_free (resp);
  return error != NULL ? error->code : 0;
}

static void
test_bounds (void)
{
  static const struct
  {
    const char *text;
    int code;
  } cases[] = {
    { "*64\r\n", 0 },
    { "*65\r\n", WSE_ERROR_SYNTAX },
    { "*2147483647\r\n", WSE_ERROR_SYNTAX },
    { "*4294967297\r\n", WSE_ERROR_SYNTAX },
    { "*-2\r\n", WSE_ERROR_SYNTAX },
    { "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", 0 },
    { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", WSE_ERROR_SYNTAX },
    { "?", WSE_ERROR_SYNTAX },
    { "HTTP/1.1 400 Bad Request\r\n", WSE_ERROR_SYNTAX },
    { "$9999999999999999999\r\n", WSE_ERROR_SYNTAX },
    { "$1000000\r\n", 0 },
  };
  g_autoptr(GString) much = g_string_new ("$1000000\r\n");
  g_autoptr(GString) many = g_string_new ("*60\r\n");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize step = 1; step <= 64; step += 63)
      {
        g_test_message ("%s", cases[i].text);
        g_assert_cmpint (read_all (cases[i].text, strlen (cases[i].text), step), ==, cases[i].code);
      }
  /* A reply is too large in one piece or in several. */
  for (guint i = 0; i < 60; i++)
    {
      g_string_append (much, "0123456789");
      g_string_append (many, "$3\r\nabc\r\n");
    }
  for (gsize step = 1; step <= 64; step += 63)
    {
      g_assert_cmpint (read_all (much->str, much->len, step), ==, WSE_ERROR_TOO_LARGE);
      g_assert_cmpint (read_all (many->str, many->len - 9, step), ==, WSE_ERROR_TOO_LARGE);
    }
  /* Many small ones are none that is. */
  g_string_truncate (many, 0);
  for (guint i = 0; i < 1000; i++)
    g_string_append (many, ":1\r\n");
  g_assert_cmpint (read_all (many->str, many->len, many->len), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/resp/cut-anywhere", test_cut_anywhere);
  g_test_add_func ("/resp/bounds", test_bounds);
  return g_test_run ();
}
