/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which offers of extensions are taken, and with which answer. More of them, over a socket: tests/conformance/deflate.py. */

#include "transport/wsed-extension.h"

#define DEFLATE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static void
assert_answer (const char *offers,
               const char *expected)
{
  const char *answer;

  g_test_message ("%s", offers != NULL ? offers : "no header");
  g_assert_true (wsed_extension_choose (offers, &answer));
  g_assert_cmpstr (answer, ==, expected);
}

static void
test_taken (void)
{
  assert_answer ("permessage-deflate", DEFLATE);
  assert_answer ("permessage-deflate;client_max_window_bits=\"8\";server_no_context_takeover", DEFLATE);
  assert_answer ("permessage-deflate; server_max_window_bits=12", DEFLATE "; server_max_window_bits=12");
  assert_answer ("permessage-deflate; server_max_window_bits=15; client_max_window_bits", DEFLATE "; server_max_window_bits=12");
}

static void
test_declined (void)
{
  static const char * const offers[] = {
    NULL, "", " , ", "x", "permessage-deflate; server_max_window_bits=11", "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=0012", "permessage-deflate; client_max_window_bits=16", "permessage-deflate; y",
    "permessage-deflate; client_no_context_takeover=1", "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
  };

  for (guint i = 0; i < G_N_ELEMENTS (offers); i++)
    assert_answer (offers[i], NULL);
}

static void
test_first (void)
{
  assert_answer ("permessage-deflate; y, x; a=\"b\", permessage-deflate; server_max_window_bits=13, permessage-deflate",
                 DEFLATE "; server_max_window_bits=12");
  assert_answer ("permessage-deflate, permessage-deflate; server_max_window_bits=13", DEFLATE);
}

static void
test_malformed (void)
{
  static const char * const offers[] = {
    ";", "permessage-deflate;", "permessage-deflate x", "permessage-deflate; a=", "permessage-deflate; a=\"b", "permessage-deflate; a=\"b\\",
    "permessage-deflate; a=\"\"", "permessage-deflate; a=\"b c\"", "permessage-deflate; a=\"b\"c", "permessage-deflate, x;", "x\x7f",
  };

  for (guint i = 0; i < G_N_ELEMENTS (offers); i++)
    {
      const char *answer;

      g_test_message ("%s", offers[i]);
      g_assert_false (wsed_extension_choose (offers[i], &answer));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/extension/taken", test_taken);
  g_test_add_func ("/extension/declined", test_declined);
  g_test_add_func ("/extension/first", test_first);
  g_test_add_func ("/extension/malformed", test_malformed);
  return g_test_run ();
}
