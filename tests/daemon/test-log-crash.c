/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A child appends and reports what was answered; it is killed at any moment. Nothing that was answered is lost, no number is left
 * out, none is given twice, and what was sent again is there once. */

#include "log-fixture.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20
#define CHANNELS 7

typedef struct
{
  guint64 number;              /* of the event: its id and its channels follow from it */
  guint64 seqs[2];
} Report;

static WseEvent *
numbered_event (guint64 number)
{
  g_autofree char *id = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  g_autofree char *channels = g_strdup_printf ("user:%" G_GUINT64_FORMAT ",global", number % CHANNELS);

  return log_event (id, channels);
}

/* Appends from @number on until it is killed. */
static void
append_for_ever (LogFixture *fixture,
                 guint64     number,
                 int         out)
{
  for (;;)
    {
      GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
      guint count = g_random_int_range (1, 400);
      g_autofree Report *reports = g_new (Report, count);
      WsedAppend *append;

      for (guint i = 0; i < count; i++)
        g_ptr_array_add (events, numbered_event (number + i));
      append = log_append (fixture, events);
      if (append->error != NULL || append->n_done != count)
        _exit (3);
      for (guint i = 0; i < count; i++)
        reports[i] = (Report) { number + i, { append->entries[i]->seqs[0], append->entries[i]->seqs[1] } };
      for (gsize sent = 0; sent < count * sizeof (Report);)
        {
          ssize_t n = write (out, (char *) reports + sent, count * sizeof (Report) - sent);

          if (n < 0)
            _exit (4);
          sent += n;
        }
      wsed_append_free (append);
      number += count;
    }
}

/* One child's life: its reports are added to @acked, which says where each event went. */
static void
live_and_die (LogFixture *fixture,
              GArray     *acked)
{
  int pipe_fds[2], status;
  gint64 end;
  GByteArray *bytes = g_byte_array_new ();
  pid_t child;

  g_assert_cmpint (pipe (pipe_fds), ==, 0);
  child = fork ();
  if (child == 0)
    {
      close (pipe_fds[0]);
      log_fixture_open (fixture);
      /* The sender does not know of the last ones: it sends a few again. */
      append_for_ever (fixture, acked->len > 1000 ? acked->len - 1000 : 0, pipe_fds[1]);
    }
  close (pipe_fds[1]);
  end = g_get_monotonic_time () + g_test_rand_int_range (20, 250) * 1000;
  for (gboolean killed = FALSE;;)
    {
      guint8 buffer[65536];
      ssize_t n = read (pipe_fds[0], buffer, sizeof buffer);

      if (n <= 0)
        break;
      g_byte_array_append (bytes, buffer, n);
      if (!killed && g_get_monotonic_time () > end)
        killed = kill (child, SIGKILL) == 0;
    }
  waitpid (child, &status, 0);
  g_assert_true (WIFSIGNALED (status));
  close (pipe_fds[0]);
  for (gsize at = 0; at + sizeof (Report) <= bytes->len; at += sizeof (Report))
    {
      Report report;

      memcpy (&report, bytes->data + at, sizeof report);
      if (report.number < acked->len)
        g_assert_cmpmem (&report, sizeof report, &g_array_index (acked, Report, report.number), sizeof report);
      else
        {
          g_assert_cmpuint (report.number, ==, acked->len);
          g_array_append_val (acked, report);
        }
    }
  g_byte_array_unref (bytes);
}

/* Everything that is kept of @channel, against what was answered. */
static void
check_channel (LogFixture *fixture,
               const char *channel,
               guint       place,
               GArray     *acked,
               guint64     keep)
{
  guint64 low, head, after, seq;
  gboolean end = FALSE;

  log_heads (fixture, channel, &low, &head, NULL);
  g_assert_cmpuint (low, ==, keep > 0 && head > keep ? head - keep : 0);
  for (seq = after = low; !end; after = seq)
    {
      WsedRead *read = wsed_read_new (fixture->inbox, 1000, G_MAXSIZE);

      wsed_read_add (read, channel, NULL, after);
      log_read (fixture, read);
      g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).low, ==, low);
      for (guint i = 0; i < read->entries->len; i++)
        {
          WsedEntry *entry = g_ptr_array_index (read->entries, i);
          guint64 number = g_ascii_strtoull (entry->event->id, NULL, 10);

          g_assert_cmpuint (entry->seqs[place], ==, ++seq);
          if (number < acked->len)
            g_assert_cmpuint (g_array_index (acked, Report, number).seqs[place], ==, seq);
          /* global has every event once: its seq counts them. */
          if (place == 1)
            g_assert_cmpuint (number, ==, seq - 1);
        }
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpuint (seq, ==, head);
  if (place == 1)
    g_assert_cmpuint (head, >=, acked->len);
}

static void
check_log (LogFixture *fixture,
           GArray     *acked)
{
  log_fixture_open (fixture);
  check_channel (fixture, "global", 1, acked, fixture->retention.max_events);
  for (guint i = 0; i < CHANNELS; i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i);

      check_channel (fixture, channel, 0, acked, fixture->retention.max_events);
    }
  log_fixture_close (fixture);
}

static void
test_kill (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = GPOINTER_TO_UINT (data) };
  g_autoptr (GArray) acked = g_array_new (FALSE, FALSE, sizeof (Report));

  log_fixture_init (&fixture, LOG_SQLITE, &retention);
  log_fixture_close (&fixture);
  for (guint i = 0; i < ROUNDS; i++)
    {
      live_and_die (&fixture, acked);
      /* Now and then it is killed again before anybody has put its file in order. */
      if (i % 3 == 0)
        check_log (&fixture, acked);
    }
  check_log (&fixture, acked);
  g_test_message ("%u events answered", acked->len);
  g_assert_cmpuint (acked->len, >, 1000);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/log-crash/kill", GUINT_TO_POINTER (0), test_kill);
  g_test_add_data_func ("/log-crash/kill-with-retention", GUINT_TO_POINTER (300), test_kill);
  return g_test_run ();
}
