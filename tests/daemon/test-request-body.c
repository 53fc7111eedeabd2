/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bodies of requests: where they end, what is taken out of them, and what is refused. */

#include "guard/wsed-request-body.h"

#include <string.h>

static const WsedRequestHead chunked = { .chunked = TRUE };

/* What is kept of @bytes in pieces of @step; *@taken: how many belong to the body. */
static GString *
take_in_steps (WsedRequestBody *body,
               const char      *bytes,
               gsize            length,
               gsize            step,
               gsize           *taken)
{
  GString *out = g_string_new (NULL);
  gboolean open = TRUE;

  *taken = 0;
  while (open && *taken < length)
    {
      gsize part = MIN (step, length - *taken), kept;
      g_autofree char *copy = g_memdup2 (bytes + *taken, part);
      gsize n = wsed_request_body_take (body, copy, part, &kept);

      g_string_append_len (out, copy, kept);
      *taken += n;
      open = n == part && !wsed_request_body_is_bad (body);
    }
  return out;
}

/* @rest: bytes behind the body. */
static void
check (const WsedRequestHead *head,
       const char            *bytes,
       gsize                  rest,
       const char            *expected)
{
  static const gsize steps[] = { 1, 2, 3, 5, 1 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      WsedRequestBody body;
      gsize taken;
      g_autoptr (GString) out = NULL;

      wsed_request_body_init (&body, head);
      out = take_in_steps (&body, bytes, strlen (bytes), steps[i], &taken);
      g_assert_true (wsed_request_body_is_done (&body));
      g_assert_false (wsed_request_body_is_bad (&body));
      g_assert_cmpuint (taken, ==, strlen (bytes) - rest);
      g_assert_cmpstr (out->str, ==, expected);
    }
}

static void
test_length (void)
{
  static const WsedRequestHead none = { 0 }, five = { .length = 5 };

  check (&five, "01\r\n4GET", 3, "01\r\n4");
  check (&five, "01234", 0, "01234");
  check (&none, "GET", 3, "");
}

static void
test_chunks (void)
{
  check (&chunked, "0\r\n\r\nGET", 3, "0\r\n\r\n");
  check (&chunked, "5\r\n01\r\n4\r\n0\r\n\r\n", 0, "5\r\n01\r\n4\r\n0\r\n\r\n");
  check (&chunked, "A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\n5\r\n", 3, "A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\n");
}

/* Extensions and trailers reach nobody. */
static void
test_extras (void)
{
  check (&chunked, "1;a\r\nx\r\n2 ; a=\"b\" ;c\r\nxy\r\n0;\r\n\r\n", 0, "1\r\nx\r\n2\r\nxy\r\n0\r\n\r\n");
  check (&chunked, "1\r\nx\r\n0\r\nX: y\r\nContent-Length:\t9\r\n\r\nGET", 3, "1\r\nx\r\n0\r\n\r\n");
}

static void
test_refused (void)
{
  static const char * const cases[] = {
    "\r\n", ";\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\n", "1 2\r\n", "1\n", "1\rx", "1\r\nxy", "1\r\nx\n", "1\r\nx\rx",
    "1;\n", "1;\rx", "1;a\x7f", "1;\x01", "1234567890abcdef\r\n", "fffffffffffffffff\r\n", "0000000000000001\r\n",
    "0\r\nX\r\n", "0\r\n: y\r\n", "0\r\nX : y\r\n", "0\r\n X: y\r\n", "0\r\nX: y\n", "0\r\nX: y\r\r", "0\r\n\n", "0\r\n\rx", "0\r\nX: y\r\n z\r\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize step = 1; step < 4; step++)
      {
        WsedRequestBody body;
        gsize taken;
        g_autoptr (GString) out = NULL;

        wsed_request_body_init (&body, &chunked);
        out = take_in_steps (&body, cases[i], strlen (cases[i]), step, &taken);
        if (!wsed_request_body_is_bad (&body))
          g_error ("taken: %s", cases[i]);
        /* Not a line that could be understood. */
        g_assert_false (g_str_has_suffix (out->str, "\r\n\r\n"));
      }
}

static void
check_bound (const char *first,
             const char *more,
             gsize       n)
{
  WsedRequestBody body;
  g_autoptr (GString) bytes = g_string_new (first), out = NULL;
  gsize taken;

  for (gsize i = 0; i < n; i++)
    g_string_append (bytes, more);
  wsed_request_body_init (&body, &chunked);
  out = take_in_steps (&body, bytes->str, bytes->len, 1000, &taken);
  g_assert_true (wsed_request_body_is_bad (&body));
  g_assert_cmpuint (taken - out->len, <=, WSED_MAX_CHUNK_EXTRAS + 1);
}

static void
test_bounds (void)
{
  check_bound ("1;", "a", WSED_MAX_CHUNK_EXTRAS + 10);
  check_bound ("1", " ", WSED_MAX_CHUNK_EXTRAS + 10);
  check_bound ("0\r\n", "X: y\r\n", WSED_MAX_CHUNK_EXTRAS);
  check_bound ("0\r\n", "X", WSED_MAX_CHUNK_EXTRAS + 10);
  check_bound ("", "1;a\r\nx\r\n", WSED_MAX_CHUNK_EXTRAS);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/request-body/length", test_length);
  g_test_add_func ("/request-body/chunks", test_chunks);
  g_test_add_func ("/request-body/extras", test_extras);
  g_test_add_func ("/request-body/refused", test_refused);
  g_test_add_func ("/request-body/bounds", test_bounds);
  return g_test_run ();
}
