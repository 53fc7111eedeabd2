/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several who append and read at the same time, whatever the log. */

#include "log-fixture.h"

#include <pthread.h>

typedef struct
{
  LogFixture *fixture;
  guint number;
  WsedInbox *inbox;
  guint done;                  /* atomic */
} Peer;

#define PEER_BATCHES 40
#define PEER_EVENTS 25

static void
say_done (Peer *peer)
{
  __atomic_store_n (&peer->done, 1, __ATOMIC_RELEASE);
  g_main_context_wakeup (NULL);
}

static void *
run_appender (void *data)
{
  Peer *peer = data;
  g_autofree char *channels = g_strdup_printf ("user:%u,global", peer->number);

  for (guint i = 0; i < PEER_BATCHES; i++)
    {
      GPtrArray *events = log_new_events ();
      WsedAppend *append;

      for (guint k = 0; k < PEER_EVENTS; k++)
        {
          g_autofree char *id = g_strdup_printf ("%u.%u.%u", peer->number, i, k);

          g_ptr_array_add (events, log_event (id, channels));
        }
      append = wsed_append_new (events, peer->inbox);
      wsed_log_append (peer->fixture->log, append);
      g_assert_true (log_wait (peer->inbox) == &append->message);
      g_assert_no_error (append->error);
      g_assert_cmpuint (append->entries[0]->seqs[0], ==, i * PEER_EVENTS + 1);
      wsed_append_free (append);
    }
  say_done (peer);
  return NULL;
}

/* Reads along: every seq once, in order; what was answered before the reading began is there. */
static void *
run_reader (void *data)
{
  Peer *peer = data;
  guint64 after = 0, most = 3 * PEER_BATCHES * PEER_EVENTS;

  while (after < most)
    {
      WsedHeads *heads = wsed_heads_new (peer->inbox);
      WsedRead *read = wsed_read_new (peer->inbox, 100, G_MAXSIZE);
      guint64 head;

      wsed_heads_add (heads, "global");
      wsed_log_heads (peer->fixture->log, heads);
      g_assert_true (log_wait (peer->inbox) == &heads->message);
      head = g_array_index (heads->heads, WsedHead, 0).head;
      wsed_heads_free (heads);
      wsed_read_add (read, "global", NULL, after);
      wsed_log_read (peer->fixture->log, read);
      g_assert_true (log_wait (peer->inbox) == &read->message);
      g_assert_no_error (read->error);
      for (guint i = 0; i < read->entries->len; i++)
        g_assert_cmpuint (wsed_entry_get_seq (g_ptr_array_index (read->entries, i), "global"), ==, ++after);
      g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).seq, ==, after);
      if (read->end)
        g_assert_cmpuint (after, >=, head);
      wsed_read_free (read);
    }
  say_done (peer);
  return NULL;
}

static void
test_concurrent (gconstpointer data)
{
  LogFixture fixture;
  Peer peers[5];
  pthread_t threads[5];
  guint64 low, head;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  for (guint i = 0; i < 5; i++)
    {
      peers[i] = (Peer) { &fixture, i, wsed_inbox_new (), 0 };
      g_assert_cmpint (pthread_create (&threads[i], NULL, i < 3 ? run_appender : run_reader, &peers[i]), ==, 0);
    }
  for (guint i = 0; i < 5; i++)
    {
      /* Some logs are served by this loop. */
      while (!__atomic_load_n (&peers[i].done, __ATOMIC_ACQUIRE))
        g_main_context_iteration (NULL, TRUE);
      pthread_join (threads[i], NULL);
      wsed_inbox_free (peers[i].inbox);
    }
  log_heads (&fixture, "global", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 3 * PEER_BATCHES * PEER_EVENTS);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_test_add ("concurrent", test_concurrent, FALSE);
  return g_test_run ();
}
