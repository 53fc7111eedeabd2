/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A log's file that is damaged where no checksum guards it: it is opened or refused, and never a crash. */

#include "log-fixture.h"

#include <string.h>

#include "log/wsed-sqlite-log.h"

/* Whole pages lost: a clear refusal, or what is left is right. Never a crash. */
static void
test_damaged_pages (void)
{
  LogFixture fixture;
  g_autofree char *whole = NULL;
  gsize length;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u.", i);

      log_append_many (&fixture, prefix, 100, "user:1");
    }
  log_fixture_close (&fixture);
  g_assert_true (g_file_get_contents (fixture.path, &whole, &length, NULL));
  for (gsize page = 0; page < MIN (length, 16 * 4096); page += 4096)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      g_autoptr (GError) error = NULL;

      memset (damaged + page + (page == 0 ? 100 : 0), 0xaa, page == 0 ? 3996 : 4096);
      g_assert_true (g_file_set_contents (fixture.path, damaged, length, NULL));
      fixture.log = wsed_sqlite_log_new (fixture.path, &fixture.retention, &error);
      if (fixture.log != NULL)
        {
          WsedRead *read = wsed_read_new (fixture.inbox, 1000, G_MAXSIZE);

          wsed_read_add (read, "user:1", NULL, 0);
          wsed_log_read (fixture.log, read);
          g_assert_true (log_wait (fixture.inbox) == &read->message);
          wsed_read_free (read);
          log_fixture_close (&fixture);
        }
      else
        g_assert_nonnull (strstr (error->message, "log"));
    }
  g_assert_true (g_file_set_contents (fixture.path, whole, length / 2, NULL));
  fixture.log = wsed_sqlite_log_new (fixture.path, &fixture.retention, NULL);
  log_fixture_clear (&fixture);
}

/* In the schema, and in what a channel's row says: it is opened or refused, and reading comes to an end. */
static void
test_flips_of_rows (void)
{
  LogFixture fixture;
  g_autofree char *whole = NULL;
  gsize length, name;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "e", 640, "user:1");
  log_fixture_close (&fixture);
  g_assert_true (g_file_get_contents (fixture.path, &whole, &length, NULL));
  name = (const char *) memmem (whole, length, "user:1", strlen ("user:1")) - whole;
  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      gsize at = i % 2 == 0 ? (gsize) g_test_rand_int_range (6800, 8192) : name + g_test_rand_int_range (-10, 12);
      guint64 low, head;

      damaged[at] ^= 1 << g_test_rand_int_range (0, 8);
      g_assert_true (g_file_set_contents (fixture.path, damaged, length, NULL));
      fixture.log = wsed_sqlite_log_new (fixture.path, &fixture.retention, NULL);
      if (fixture.log == NULL)
        continue;
      log_heads (&fixture, "user:1", &low, &head, NULL);
      g_assert_cmpuint (head, <=, 640);
      log_fixture_close (&fixture);
    }
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Damage is told in the journal. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/log-damage/pages", test_damaged_pages);
  g_test_add_func ("/log-damage/rows", test_flips_of_rows);
  return g_test_run ();
}
