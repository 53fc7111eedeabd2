/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Cursors: what is one, what it says of a channel, and its text. */

#include "wse-cursor.h"
#include "wse-error.h"
#include "wse-limits.h"

static WseCursor *
cursor (const char *text)
{
  g_autoptr (GError) error = NULL;
  WseCursor *self = wse_cursor_new (text, &error);

  g_assert_no_error (error);
  g_assert_nonnull (self);
  return self;
}

static void
test_one (void)
{
  g_autoptr (WseCursor) self = cursor ("user:a:b@Ep-och_1:42");
  g_autofree char *text = wse_cursor_to_string (self);
  const char *channel, *epoch;
  guint64 seq;
  gboolean whole = TRUE;

  g_assert_cmpstr (text, ==, "user:a:b@Ep-och_1:42");
  g_assert_cmpuint (wse_cursor_get_length (self), ==, 1);
  g_assert_false (wse_cursor_is_whole_log (self));
  wse_cursor_get_place (self, 0, &channel, &epoch, &seq);
  g_assert_cmpstr (channel, ==, "user:a:b");
  g_assert_cmpstr (epoch, ==, "Ep-och_1");
  g_assert_cmpuint (seq, ==, 42);
  wse_cursor_get_place (self, 0, NULL, NULL, NULL);

  epoch = NULL;
  seq = 0;
  g_assert_true (wse_cursor_lookup (self, "user:a:b", &epoch, &seq, &whole));
  g_assert_cmpstr (epoch, ==, "Ep-och_1");
  g_assert_cmpuint (seq, ==, 42);
  g_assert_false (whole);
  seq = 7;
  g_assert_false (wse_cursor_lookup (self, "user:a", &epoch, &seq, &whole));
  g_assert_cmpuint (seq, ==, 7);
  g_assert_true (wse_cursor_lookup (self, "user:a:b", NULL, NULL, NULL));
}

static void
test_several (void)
{
  static const char text[] = "user:z@e:3,global@f:0,team:a@e:9223372036854775807,system@e:1";
  g_autoptr (WseCursor) self = cursor (text);
  g_autofree char *again = wse_cursor_to_string (self);
  const char *channel, *epoch;
  guint64 seq;

  g_assert_cmpstr (again, ==, text);
  g_assert_cmpuint (wse_cursor_get_length (self), ==, 4);
  wse_cursor_get_place (self, 1, &channel, &epoch, &seq);
  g_assert_cmpstr (channel, ==, "global");
  g_assert_cmpstr (epoch, ==, "f");
  g_assert_cmpuint (seq, ==, 0);
  g_assert_true (wse_cursor_lookup (self, "team:a", NULL, &seq, NULL));
  g_assert_cmpuint (seq, ==, G_MAXINT64);
  g_assert_true (wse_cursor_lookup (self, "user:z", NULL, &seq, NULL));
  g_assert_cmpuint (seq, ==, 3);
  g_assert_false (wse_cursor_lookup (self, "*", NULL, NULL, NULL));
}

static void
test_whole_log (void)
{
  g_autoptr (WseCursor) self = cursor ("*@e:77");
  const char *epoch;
  guint64 seq;
  gboolean whole = FALSE;

  g_assert_true (wse_cursor_is_whole_log (self));
  g_assert_true (wse_cursor_lookup (self, "user:anybody", &epoch, &seq, &whole));
  g_assert_true (whole);
  g_assert_cmpstr (epoch, ==, "e");
  g_assert_cmpuint (seq, ==, 77);
}

static void
test_refused (void)
{
  static const char * const texts[] = {
    "", ",", "user:a", "user:a@", "user:a@e", "user:a@e:", "user:a@:1", "@e:1", "user:@e:1", "user:a@e:-1", "user:a@e:+1", "user:a@e: 1",
    "user:a@e:1 ", " user:a@e:1", "user:a@e:1x", "user:a@e:0x1", "user:a@e:1.0", "user:a@e:1:2", "user:a@@e:1", "user:a@e@f:1", "user:a@e!:1",
    "user:a@\xc3\xa9:1", "user:a@e:9223372036854775808", "user:a@e:18446744073709551616", "user:a@e:00000000000000000001", "user:a b@e:1",
    "user:a@e:1,", ",user:a@e:1", "user:a@e:1,,user:b@e:1", "user:a@e:1, user:b@e:1", "user:a@e:1;user:b@e:1", "user:a@e:1,user:a@e:1",
    "user:a@e:1,user:b@e:1,user:a@f:2", "*@e:1,user:a@e:1", "user:a@e:1,*@e:1", "*@e:1,*@e:1", "*", "*:1", "user:*@e:1", "**@e:1", "a:b@e:1",
    "user:\xff@e:1", "user:a@123456789012345678901234567890123:1", "$", "null", "user:a@e:1\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      if (wse_cursor_new (texts[i], &error) != NULL)
        {
          g_test_message ("%s", texts[i]);
          g_test_fail ();
          continue;
        }
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

static void
test_limits (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *id = g_strnfill (WSE_MAX_ID_BYTES, 'x');
  g_autofree char *epoch = g_strnfill (WSE_MAX_EPOCH_BYTES, 'e');
  g_autofree char *longest = g_strdup_printf ("session:%s@%s:%" G_GINT64_FORMAT, id, epoch, G_MAXINT64);
  g_autoptr (WseCursor) long_place = cursor (longest);
  g_autoptr (WseCursor) self = NULL;
  g_autoptr (GError) error = NULL;
  guint64 seq;

  /* Not in order, so that looking up needs more than chance. */
  for (guint i = 0; i < WSE_MAX_CURSOR_CHANNELS; i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i * 7919 % WSE_MAX_CURSOR_CHANNELS);

      wse_cursor_append (text, channel, "e", i);
    }
  self = cursor (text->str);
  g_assert_cmpuint (wse_cursor_get_length (self), ==, WSE_MAX_CURSOR_CHANNELS);
  for (guint i = 0; i < WSE_MAX_CURSOR_CHANNELS; i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i * 7919 % WSE_MAX_CURSOR_CHANNELS);

      g_assert_true (wse_cursor_lookup (self, channel, NULL, &seq, NULL));
      g_assert_cmpuint (seq, ==, i);
    }

  wse_cursor_append (text, "global", "e", 1);
  g_assert_null (wse_cursor_new (text->str, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE);
}

static void
test_boxed (void)
{
  g_autoptr (WseCursor) self = cursor ("global@e:1");
  GValue value = G_VALUE_INIT;

  g_value_init (&value, WSE_TYPE_CURSOR);
  g_value_set_boxed (&value, self);
  g_assert_true (g_value_get_boxed (&value) == self);
  g_value_unset (&value);
  g_assert_cmpuint (wse_cursor_get_length (self), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cursor/one", test_one);
  g_test_add_func ("/cursor/several", test_several);
  g_test_add_func ("/cursor/whole-log", test_whole_log);
  g_test_add_func ("/cursor/refused", test_refused);
  g_test_add_func ("/cursor/limits", test_limits);
  g_test_add_func ("/cursor/boxed", test_boxed);
  return g_test_run ();
}
