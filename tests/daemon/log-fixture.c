/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The log tests' fixture: it plays whoever asks. */

#include "log-fixture.h"
#include "postgres-fixture.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void
log_fixture_open (LogFixture *fixture)
{
  g_autoptr (GError) error = NULL;

  if (fixture->kind == LOG_MEMORY)
    fixture->log = wsed_memory_log_new (&fixture->retention);
  else if (fixture->kind == LOG_POSTGRES)
    fixture->log = wsed_pg_log_new (fixture->path, &fixture->retention, 0, &error);
  else
    fixture->log = wsed_sqlite_log_new (fixture->path, &fixture->retention, &error);
  g_assert_no_error (error);
  g_assert_nonnull (fixture->log);
}

void
log_fixture_close (LogFixture *fixture)
{
  wsed_log_close (fixture->log);
  g_clear_object (&fixture->log);
}

void
log_fixture_init (LogFixture          *fixture,
                  LogKind              kind,
                  const WsedRetention *retention)
{
  memset (fixture, 0, sizeof *fixture);
  fixture->kind = kind;
  if (retention != NULL)
    fixture->retention = *retention;
  fixture->inbox = wsed_inbox_new ();
  fixture->directory = g_dir_make_tmp ("wse-log-XXXXXX", NULL);
  if (kind == LOG_POSTGRES)
    {
      postgres_fixture_start ();
      fixture->path = postgres_fixture_get_uri (LOG_DATABASE);
      g_free (postgres_fixture_ask (LOG_DATABASE, "DROP SCHEMA IF EXISTS wse CASCADE"));
    }
  else
    fixture->path = g_build_filename (fixture->directory, "wse.db", NULL);
  log_fixture_open (fixture);
}

void
log_fixture_clear (LogFixture *fixture)
{
  static const char *const endings[] = { "", "-wal", "-shm", ".lock", ".ballast" };

  if (fixture->log != NULL)
    log_fixture_close (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *path = g_strconcat (fixture->path, endings[i], NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  wsed_inbox_free (fixture->inbox);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static void
reopen (LogFixture *fixture)
{
  if (fixture->kind != LOG_REOPENED)
    return;
  log_fixture_close (fixture);
  log_fixture_open (fixture);
}

WseEvent *
log_event_full (const char  *id,
                const char  *type,
                WseSeverity  severity,
                const char  *channels,
                gsize        payload)
{
  g_auto (GStrv) names = g_strsplit (channels, ",", -1);
  g_autofree char *text = g_strnfill (payload + 2, 'x');
  WseEventFields fields = {
    .event_type = type, .id = id, .payload = text, .payload_length = payload + 2, .channels = (const char *const *) names,
    .n_channels = g_strv_length (names), .timestamp = 1700000000000000, .latency = -1, .severity = severity,
  };

  text[0] = text[payload + 1] = '"';
  return wse_event_new_from_fields (&fields);
}

WseEvent *
log_event (const char *id,
           const char *channels)
{
  return log_event_full (id, "tick", WSE_SEVERITY_INFO, channels, 10);
}

static gboolean
on_answer (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
on_late (gpointer user_data)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

/* A log without a thread of its own needs the loop to run. */
static WsedMessage *
wait_in_loop (WsedInbox *inbox)
{
  GSource *answer = g_unix_fd_source_new (wsed_inbox_get_fd (inbox), G_IO_IN);
  guint late = g_timeout_add_seconds (60, on_late, NULL);
  WsedMessage *message;

  g_source_set_callback (answer, G_SOURCE_FUNC (on_answer), NULL, NULL);
  g_source_attach (answer, NULL);
  while ((message = wsed_inbox_take (inbox)) == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (answer);
  g_source_unref (answer);
  g_source_remove (late);
  return message;
}

WsedMessage *
log_wait (WsedInbox *inbox)
{
  WsedMessage *message;

  if (syscall (SYS_gettid) == getpid ())
    return wait_in_loop (inbox);
  while ((message = wsed_inbox_take (inbox)) == NULL)
    g_assert_true (wsed_inbox_wait (inbox, g_get_monotonic_time () + 60 * G_USEC_PER_SEC));
  return message;
}

WsedAppend *
log_append (LogFixture *fixture,
            GPtrArray  *events)
{
  WsedAppend *append = wsed_append_new (events, fixture->inbox);

  wsed_log_append (fixture->log, append);
  g_assert_true (log_wait (fixture->inbox) == &append->message);
  return append;
}

GPtrArray *
log_new_events (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
}

WsedAppend *
log_append_events (LogFixture *fixture,
                   WseEvent   *first,
                   ...)
{
  GPtrArray *events = log_new_events ();
  va_list args;

  va_start (args, first);
  for (WseEvent *event = first; event != NULL; event = va_arg (args, WseEvent *))
    g_ptr_array_add (events, event);
  va_end (args);
  return log_append (fixture, events);
}

void
log_append_many (LogFixture *fixture,
                 const char *prefix,
                 guint       count,
                 const char *channels)
{
  GPtrArray *events = log_new_events ();
  WsedAppend *append;

  for (guint i = 1; i <= count; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", prefix, i);

      g_ptr_array_add (events, log_event (id, channels));
    }
  append = log_append (fixture, events);
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->n_done, ==, count);
  wsed_append_free (append);
}

void
log_heads (LogFixture *fixture,
           const char *channel,
           guint64    *low,
           guint64    *head,
           char       *epoch)
{
  WsedHeads *heads = wsed_heads_new (fixture->inbox);
  WsedHead *answer;

  reopen (fixture);
  wsed_heads_add (heads, channel);
  wsed_log_heads (fixture->log, heads);
  g_assert_true (log_wait (fixture->inbox) == &heads->message);
  g_assert_no_error (heads->error);
  answer = &g_array_index (heads->heads, WsedHead, 0);
  *low = answer->low;
  *head = answer->head;
  if (epoch != NULL)
    strcpy (epoch, answer->epoch);
  wsed_heads_free (heads);
}

WsedErase *
log_erase (LogFixture *fixture,
           const char *channel)
{
  WsedErase *erase = wsed_erase_new (fixture->inbox, channel);

  reopen (fixture);
  wsed_log_erase (fixture->log, erase);
  g_assert_true (log_wait (fixture->inbox) == &erase->message);
  return erase;
}

WsedRead *
log_read (LogFixture *fixture,
          WsedRead   *read)
{
  reopen (fixture);
  wsed_log_read (fixture->log, read);
  g_assert_true (log_wait (fixture->inbox) == &read->message);
  g_assert_no_error (read->error);
  return read;
}

guint64
log_locate (LogFixture *fixture,
            const char *channel,
            WseFilter  *filter,
            guint       history,
            guint64     after_n,
            guint64     upto)
{
  WsedLocate *locate = wsed_locate_new (fixture->inbox, channel);
  guint64 seq;

  reopen (fixture);
  locate->filter = filter != NULL ? wse_filter_ref (filter) : NULL;
  locate->history = history;
  locate->after_n = after_n;
  locate->upto = upto;
  wsed_log_locate (fixture->log, locate);
  g_assert_true (log_wait (fixture->inbox) == &locate->message);
  g_assert_no_error (locate->error);
  seq = locate->seq;
  wsed_locate_free (locate);
  return seq;
}

char *
log_read_ids (LogFixture *fixture,
              const char *channel,
              guint64     after,
              guint       page)
{
  g_autoptr (GString) ids = g_string_new (NULL);
  gboolean end = FALSE;

  while (!end)
    {
      WsedRead *read = wsed_read_new (fixture->inbox, page, G_MAXSIZE);

      wsed_read_add (read, channel, NULL, after);
      log_read (fixture, read);
      for (guint i = 0; i < read->entries->len; i++)
        {
          WsedEntry *entry = g_ptr_array_index (read->entries, i);

          g_string_append_printf (ids, "%s%s", ids->len > 0 ? " " : "", entry->event->id);
        }
      g_assert_cmpuint (read->entries->len, <=, page);
      after = g_array_index (read->positions, WsedPosition, 0).seq;
      end = read->end;
      wsed_read_free (read);
    }
  return g_string_free (g_steal_pointer (&ids), FALSE);
}

void
log_wait_low (LogFixture *fixture,
              const char *channel,
              guint64     low)
{
  gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  guint64 now, head;

  for (log_heads (fixture, channel, &now, &head, NULL); now < low; log_heads (fixture, channel, &now, &head, NULL))
    {
      /* Retention has ten seconds (PROTOCOL section 5); there is no sign of it to wait for. */
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (20 * 1000);
    }
}

static void
skip (gconstpointer data)
{
  g_test_skip ("PostgreSQL is not installed");
}

void
log_test_add (const char    *name,
              GTestDataFunc  function,
              gboolean       reopened)
{
  static const char *const kinds[] = { "memory", "sqlite", "postgres", "reopened" };

  for (guint kind = LOG_MEMORY; kind <= (reopened ? LOG_REOPENED : LOG_POSTGRES); kind++)
    {
      g_autofree char *path = g_strdup_printf ("/log/%s/%s", kinds[kind], name);

      g_test_add_data_func (path, GUINT_TO_POINTER (kind), kind == LOG_POSTGRES && !postgres_fixture_is_installed () ? skip : function);
    }
}
