/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Channel names, and the rule for ids and event types. */

#include <string.h>

#include "wse-channel.h"
#include "wse-limits.h"

static void
test_names (void)
{
  static const struct
  {
    const char *name;
    WseChannelKind kind;
    const char *id;
  } cases[] = {
    { "user:123", WSE_CHANNEL_USER, "123" },
    { "role:admin", WSE_CHANNEL_ROLE, "admin" },
    { "team:a/b", WSE_CHANNEL_TEAM, "a/b" },
    { "session:s:1", WSE_CHANNEL_SESSION, "s:1" },
    { "user::", WSE_CHANNEL_USER, ":" },
    { "user:\xc3\xa9\xf0\x9f\x98\x80", WSE_CHANNEL_USER, "\xc3\xa9\xf0\x9f\x98\x80" },
    { "global", WSE_CHANNEL_GLOBAL, NULL },
    { "system", WSE_CHANNEL_SYSTEM, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *id = "unset";
      g_autofree char *built = wse_channel_build (cases[i].kind, cases[i].id);

      g_assert_cmpint (wse_channel_parse (cases[i].name, &id), ==, cases[i].kind);
      g_assert_cmpstr (id, ==, cases[i].id);
      g_assert_true (wse_channel_is_valid (cases[i].name));
      g_assert_cmpstr (built, ==, cases[i].name);
    }
}

static void
test_no_names (void)
{
  static const char * const names[] = {
    "", "user", "user:", "role:", "team:", "session:", "User:1", "user 1", " user:1", "user: 1", "user:1 ", "global ", "globals", "global:1",
    "system:", "systems", "*", "user:*", "user:a,b", "user:a@b", "user:a\n", "user:\t", "user:a\x7f", "user:\xc2\x85", "user:\xff", "tenant:1",
    ":1", "users:1", "sessio:1", "GLOBAL",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *id = "unset";

      if (wse_channel_parse (names[i], &id) != WSE_CHANNEL_INVALID)
        {
          g_test_message ("%s", names[i]);
          g_test_fail ();
        }
      g_assert_null (id);
      g_assert_false (wse_channel_is_valid (names[i]));
    }
}

static void
test_build_refused (void)
{
  g_assert_null (wse_channel_build (WSE_CHANNEL_USER, NULL));
  g_assert_null (wse_channel_build (WSE_CHANNEL_USER, ""));
  g_assert_null (wse_channel_build (WSE_CHANNEL_TEAM, "a b"));
}

static void
test_id_length (void)
{
  g_autofree char *long_id = g_strnfill (WSE_MAX_ID_BYTES, 'x');
  g_autofree char *longer = g_strnfill (WSE_MAX_ID_BYTES + 1, 'x');
  g_autofree char *channel = g_strconcat ("session:", long_id, NULL);
  g_autofree char *no_channel = g_strconcat ("session:", longer, NULL);
  g_autoptr (GString) wide = g_string_new (NULL);

  g_assert_false (wse_channel_id_is_valid ("", -1));
  g_assert_false (wse_channel_id_is_valid ("x", 0));
  g_assert_true (wse_channel_id_is_valid (long_id, -1));
  g_assert_false (wse_channel_id_is_valid (longer, -1));
  g_assert_true (wse_channel_id_is_valid (longer, WSE_MAX_ID_BYTES));
  g_assert_true (wse_channel_is_valid (channel));
  g_assert_false (wse_channel_is_valid (no_channel));

  /* Bytes are counted, not characters. */
  for (guint i = 0; i < WSE_MAX_ID_BYTES / 2; i++)
    g_string_append (wide, "\xc3\xa9");
  g_assert_true (wse_channel_id_is_valid (wide->str, -1));
  g_string_append (wide, "\xc3\xa9");
  g_assert_false (wse_channel_id_is_valid (wide->str, -1));
}

/* Every character on its own, against the words of the contract. */
static void
test_id_characters (void)
{
  for (gunichar c = 0; c <= 0x10ffff; c++)
    {
      char text[8];
      int n;
      gboolean expected = !g_unichar_isspace (c) && c != ',' && c != '@' && c != '*' && c >= 0x20 && !(c >= 0x7f && c < 0xa0);

      if (c >= 0xd800 && c <= 0xdfff)
        continue;
      n = g_unichar_to_utf8 (c, text);
      if (wse_channel_id_is_valid (text, n) != expected)
        {
          g_test_message ("U+%04X", c);
          g_test_fail ();
        }
    }
  g_assert_false (wse_channel_id_is_valid ("a\xc2\xa0z", -1));
  g_assert_false (wse_channel_id_is_valid ("a\xe2\x80\x83z", -1));
  g_assert_false (wse_channel_id_is_valid ("a\xe3\x80\x80z", -1));
  g_assert_false (wse_channel_id_is_valid ("\xc3\xa9 ", -1));
  g_assert_false (wse_channel_id_is_valid ("\xc3\xa9,", -1));
  g_assert_true (wse_channel_id_is_valid ("a\xe2\x80\x8bz", -1));
}

static void
test_id_not_utf8 (void)
{
  g_assert_false (wse_channel_id_is_valid ("a\xff", -1));
  g_assert_false (wse_channel_id_is_valid ("\xc3", -1));
  g_assert_false (wse_channel_id_is_valid ("\xc3\xa9", 1));
  g_assert_false (wse_channel_id_is_valid ("\xed\xa0\x80", -1));
  g_assert_false (wse_channel_id_is_valid ("a\0b", 3));
  g_assert_false (wse_channel_id_is_valid ("\xc3\xa9\0b", 4));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/channel/names", test_names);
  g_test_add_func ("/channel/no-names", test_no_names);
  g_test_add_func ("/channel/build-refused", test_build_refused);
  g_test_add_func ("/channel/id-length", test_id_length);
  g_test_add_func ("/channel/id-characters", test_id_characters);
  g_test_add_func ("/channel/id-not-utf8", test_id_not_utf8);
  return g_test_run ();
}
