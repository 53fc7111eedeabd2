/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The heads of requests: what is taken, what is refused and why, however they come in pieces. */

#include "guard/wsed-request-head.h"

#include <string.h>

#define MAX_HEAD 4096
#define GET "GET / HTTP/1.1\r\nHost: x\r\n"

/* In pieces of @step bytes, each in a copy of its own, so that a sanitizer sees a byte too many. */
static WsedHeadVerdict
read_in_steps (WsedRequestHead *head,
               const char      *bytes,
               gsize            length,
               gsize            step)
{
  WsedHeadVerdict verdict = WSED_HEAD_MORE;

  memset (head, 0, sizeof *head);
  for (gsize i = MIN (step, length); verdict == WSED_HEAD_MORE; i = MIN (i + step, length))
    {
      g_autofree char *copy = g_memdup2 (bytes, i);

      verdict = wsed_request_head_read (head, copy, i, MAX_HEAD);
      if (i == length)
        break;
    }
  return verdict;
}

static void
check (const char *bytes,
       gsize       length,
       guint       status)
{
  static const gsize steps[] = { 1, 2, 3, 7, 1 << 20 };
  WsedRequestHead head;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      WsedHeadVerdict verdict = read_in_steps (&head, bytes, length, steps[i]);

      if (verdict != (status == 0 ? WSED_HEAD_DONE : WSED_HEAD_BAD) || head.refusal.status != status)
        g_error ("verdict %d, status %u, for %s", verdict, head.refusal.status, bytes);
      if (status == 0)
        g_assert_cmpuint (head.size, ==, length);
    }
}

static void
test_taken (void)
{
  static const char * const heads[] = {
    GET "\r\n", "GET / HTTP/1.0\r\n\r\n", "\r\n\r\n" GET "\r\n", "get /a?b=\xc3\xa9 HTTP/1.1\r\nhOST:x\r\n\r\n", "M-SEARCH * HTTP/1.1\r\nHost:\r\n\r\n",
    "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", GET "Content-Length: 0\r\n\r\n", GET "Content-Length:\t12 \r\n\r\n", GET "Transfer-Encoding: Chunked\r\n\r\n",
    GET "X:\r\n\r\n", GET "X: \xff\xc3\xa9\ty\r\n\r\n", GET "!#$%&'*+-.^_`|~09: y\r\n\r\n", GET "Connection: upgrade, x\r\n\r\n", GET "Expect: 100-Continue\r\n\r\n",
    GET "Content-Length: 000000000000000017\r\n\r\n", GET "Content-Lengthy: x\r\n\r\n", "GET / HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    check (heads[i], strlen (heads[i]), 0);
}

static void
test_refused (void)
{
  static const struct
  {
    guint status;
    const char *bytes;
  } cases[] = {
    { 400, "GET / HTTP/1.1\nHost: x\n\n" }, { 400, GET "\n" }, { 400, GET "X: y\n\r\n" }, { 400, "GET / HTTP/1.1\rHost: x\r\n\r\n" },
    { 400, GET "X: a\rb\r\n\r\n" }, { 400, GET "\r\r\n" }, { 400, GET "X: a\r\n b\r\n\r\n" }, { 400, GET "X: a\r\n\tb\r\n\r\n" },
    { 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n" }, { 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n" }, { 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n" }, { 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n" }, { 400, "GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n" }, { 400, "GET\r\n" }, { 400, "GET /\r\n" }, { 400, "G(T / HTTP/1.1\r\n" }, { 400, " / HTTP/1.1\r\n" },
    { 400, "GET / http/1.1\r\n" }, { 400, "GET / HTTP/1\r\n" }, { 400, "GET / HTTP/1.1x\r\n" }, { 400, "GET / HTTP/1.11\r\n" }, { 400, "GET / HTTP/+1.1\r\n" },
    { 505, "GET / HTTP/2.0\r\n" }, { 505, "GET / HTTP/1.2\r\n" }, { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
    { 400, GET "Host: y\r\n" }, { 400, "GET / HTTP/1.1\r\n\r\n" }, { 400, "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n" },
    { 400, GET "no colon\r\n" }, { 400, GET ": no name\r\n" }, { 400, GET "X : y\r\n" }, { 400, GET "X\t: y\r\n" }, { 400, GET "X y: z\r\n" }, { 400, GET "X\xc3\xa9: z\r\n" },
    { 400, GET "Transfer-Encoding : chunked\r\n" }, { 400, GET "Transfer-Encoding: gzip, chunked\r\n" }, { 400, GET "Transfer-Encoding: chunked, chunked\r\n" },
    { 400, GET "Transfer-Encoding: identity\r\n" }, { 400, GET "Transfer-Encoding: xchunked\r\n" }, { 400, GET "Transfer-Encoding: \"chunked\"\r\n" },
    { 400, GET "Transfer-Encoding:\r\n" }, { 400, GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" },
    { 400, GET "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" }, { 400, GET "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 400, GET "Content-Length: 4\r\nContent-Length: 4\r\n" }, { 400, GET "Content-Length: 4\r\nContent-Length: 5\r\n" }, { 400, GET "Content-Length: 4, 4\r\n" },
    { 400, GET "Content-Length: -1\r\n" }, { 400, GET "Content-Length: +4\r\n" }, { 400, GET "Content-Length: 0x4\r\n" }, { 400, GET "Content-Length: 4 4\r\n" },
    { 400, GET "Content-Length:\r\n" }, { 400, GET "Content-Length: 1234567890123456789\r\n" }, { 400, GET "Content-Length: 99999999999999999999999999\r\n" },
    { 400, "GET / HTTP/1.0\r\nConnection: x, content-length\r\n" }, { 400, GET "Connection: Transfer-Encoding\r\n" }, { 400, GET "Connection: host\r\n" },
    { 417, GET "Expect: x\r\n" }, { 417, GET "Expect: 100-continue\r\nExpect: 100-continue\r\n" },
    { 400, "\x16\x03\x01" }, { 400, GET "X: \x7f" }, { 400, GET "X: \x1b" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check (cases[i].bytes, strlen (cases[i].bytes), cases[i].status);
  check (GET "X: a\0b", sizeof GET + 5, 400);
  check ("\0", 1, 400);
}

static void
test_meaning (void)
{
  static const struct
  {
    const char *bytes;
    guint64 length;
    gboolean chunked, keep;
  } cases[] = {
    { GET "\r\n", 0, FALSE, TRUE },
    { GET "Content-Length: 12345678901\r\n\r\n", G_GUINT64_CONSTANT (12345678901), FALSE, TRUE },
    { GET "Connection: x, Close \r\nTransfer-Encoding: chunked\r\n\r\n", 0, TRUE, FALSE },
    { GET "Connection: x\r\nConnection: close\r\n\r\n", 0, FALSE, FALSE },
    { GET "Connection: closed\r\n\r\n", 0, FALSE, TRUE },
    { "GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 007\r\n\r\n", 7, FALSE, FALSE },
  };
  WsedRequestHead head;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpint (read_in_steps (&head, cases[i].bytes, strlen (cases[i].bytes), 5), ==, WSED_HEAD_DONE);
      g_assert_cmpuint (head.length, ==, cases[i].length);
      g_assert_cmpint (head.chunked, ==, cases[i].chunked);
      g_assert_cmpint (head.keep, ==, cases[i].keep);
    }
  g_assert_cmpint (read_in_steps (&head, "\r\n\r\n" GET "\r\n", strlen (GET) + 6, 1), ==, WSED_HEAD_DONE);
  g_assert_cmpuint (head.begin, ==, 4);
}

/* Nothing behind the head is looked at. */
static void
test_more (void)
{
  WsedRequestHead head = { 0 };
  const char bytes[] = GET "\r\n\0\n\r{\x7f";

  g_assert_cmpint (wsed_request_head_read (&head, bytes, sizeof bytes, MAX_HEAD), ==, WSED_HEAD_DONE);
  g_assert_cmpuint (head.size, ==, strlen (GET) + 2);
}

static void
test_bounds (void)
{
  g_autoptr (GString) bytes = g_string_new (GET "X: ");

  while (bytes->len < MAX_HEAD - 4)
    g_string_append_c (bytes, 'y');
  g_string_append (bytes, "\r\n\r\n");
  check (bytes->str, bytes->len, 0);
  g_string_insert_c (bytes, bytes->len - 5, 'y');
  check (bytes->str, bytes->len, 431);

  g_string_truncate (bytes, 0);
  while (bytes->len <= MAX_HEAD)
    g_string_append (bytes, "\r\n");
  check (bytes->str, bytes->len, 431);

  g_string_assign (bytes, GET);
  for (guint i = 1; i < WSED_MAX_HEADERS; i++)
    g_string_append (bytes, "A:\r\n");
  g_string_append (bytes, "\r\n");
  check (bytes->str, bytes->len, 0);
  g_string_insert (bytes, bytes->len - 2, "A:\r\n");
  check (bytes->str, bytes->len, 431);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/request-head/taken", test_taken);
  g_test_add_func ("/request-head/refused", test_refused);
  g_test_add_func ("/request-head/meaning", test_meaning);
  g_test_add_func ("/request-head/more", test_more);
  g_test_add_func ("/request-head/bounds", test_bounds);
  return g_test_run ();
}
