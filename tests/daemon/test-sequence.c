/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several sequences over one log: random schedules, held against what readers are promised: every event of their channels once, in order,
 * from where they joined. WSE_TEST_SEED: the first schedule's; WSE_TEST_SCHEDULES: how many. */

#include "sequence-world.h"

#include <string.h>

#include "wse-error.h"
#include "wse-limits.h"

#define STEPS 1500

/* Readers */

/* Everything in between was there when it was appended; what is not given must be gone. */
static void
have (Reader *reader,
      guint   channel,
      guint64 place)
{
  World *world = reader->daemon->world;

  g_assert_cmpuint (place, >, reader->at[channel]);
  if (place != reader->at[channel] + 1)
    {
      if (channel == CHANNELS)
        g_assert_true (world->any_erased || world->keep > 0);
      else
        g_assert_cmpuint (place - 1, <=, MAX (world_get_ends (world, channel).low, world->erased[channel]));
    }
  reader->at[channel] = place;
}

static void
on_deliver (WsedEntry * const *entries,
            guint              n_entries,
            gpointer           user_data)
{
  Daemon *daemon = user_data;

  for (guint i = 0; i < n_entries; i++)
    {
      const WsedEntry *entry = entries[i];

      g_assert_cmpuint (entry->n, >, daemon->last);
      daemon->last = entry->n;
      daemon->world->delivered++;
      for (guint c = 0; c < entry->event->n_channels; c++)
        if (entry->seqs[c] > 0)
          g_assert_cmpuint (entry->seqs[c], >, daemon->erased[world_find_channel (entry->event->channels[c])]);
      for (guint r = 0; r < READERS; r++)
        {
          Reader *reader = daemon->readers[r];

          if (reader == NULL || !reader->joined)
            continue;
          for (guint c = 0; c < entry->event->n_channels; c++)
            {
              guint channel = world_find_channel (entry->event->channels[c]);

              if ((reader->channels & 1u << channel) != 0 && entry->seqs[c] > 0)
                have (reader, channel, entry->seqs[c]);
            }
          if ((reader->channels & 1u << CHANNELS) != 0)
            have (reader, CHANNELS, entry->n);
        }
    }
}

static gboolean
on_reads (const char *channel,
          gpointer    user_data)
{
  Daemon *daemon = user_data;

  return daemon->reads[world_find_channel (channel)] > 0 || daemon->reads[CHANNELS] > 0;
}

static void
on_strayed (const char *how,
            gpointer    user_data)
{
  ((Daemon *) user_data)->strayed = TRUE;
}

static void
count_reads (Reader *reader,
             int     by)
{
  for (guint c = 0; c <= CHANNELS; c++)
    if ((reader->channels & 1u << c) != 0)
      reader->daemon->reads[c] += by;
}

static void
on_joined (WsedMessage *message,
           gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;
  Reader *reader = user_data;

  g_assert_no_error (heads->error);
  reader->joining = FALSE;
  reader->joined = !reader->gone;
  for (guint i = 0; i < heads->heads->len; i++)
    {
      const WsedHead *head = &g_array_index (heads->heads, WsedHead, i);

      reader->at[world_find_channel (head->channel)] = head->head;
    }
  if (reader->gone)
    {
      count_reads (reader, -1);
      g_free (reader);
    }
  wsed_heads_free (heads);
}

static void
join (World  *world,
      Daemon *daemon,
      guint   index)
{
  Reader *reader = g_new0 (Reader, 1);
  WsedHeads *heads = wsed_heads_new (daemon->main);

  daemon->readers[index] = reader;
  reader->daemon = daemon;
  reader->channels = world_has_chance (world, 10) ? 1u << CHANNELS : (guint) g_rand_int_range (world->chance, 1, 1 << CHANNELS);
  reader->joining = TRUE;
  count_reads (reader, 1);
  for (guint c = 0; c <= CHANNELS; c++)
    if ((reader->channels & 1u << c) != 0)
      {
        g_autofree char *name = world_name_channel (c);

        wsed_heads_add (heads, name);
      }
  heads->message.run = on_joined;
  heads->message.user_data = reader;
  wsed_sequence_ask (daemon->sequence, heads);
}

static void
leave (Daemon *daemon,
       guint   index)
{
  Reader *reader = g_steal_pointer (&daemon->readers[index]);

  if (reader->joining)
    reader->gone = TRUE;
  else
    {
      count_reads (reader, -1);
      g_free (reader);
    }
}

/* Steps */

static void
on_appended (WsedMessage *message,
             gpointer     user_data)
{
  WsedAppend *append = (WsedAppend *) message;
  Daemon *daemon = user_data;

  g_assert_no_error (append->error);
  wsed_sequence_append (daemon->sequence, append->entries, append->n_done);
  wsed_append_free (append);
}

static void
append (World  *world,
        Daemon *daemon)
{
  static const WseEventParse rules = { 65536, WSE_MAX_DEPTH, 1700000000000000 };
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
  guint count = g_rand_int_range (world->chance, 1, 5);
  WsedAppend *request;

  for (guint i = 0; i < count; i++)
    {
      guint channel = g_rand_int_range (world->chance, 0, CHANNELS);
      g_autofree char *json = g_strdup_printf ("{\"event_type\":\"t\",\"event_id\":\"%u\",\"user_id\":\"%u\"}", ++world->events, channel);
      g_autoptr (GError) error = NULL;
      WseEvent *event = wse_event_parse (json, strlen (json), &rules, &error);

      g_assert_no_error (error);
      g_ptr_array_add (events, event);
    }
  request = wsed_append_new (events, daemon->main);
  request->message.run = on_appended;
  request->message.user_data = daemon;
  wsed_log_append (daemon->log, request);
}

static void
erase (World  *world,
       Daemon *daemon)
{
  guint channel = g_rand_int_range (world->chance, 0, CHANNELS);
  g_autofree char *name = world_name_channel (channel);
  WsedErase *request = wsed_erase_new (world->inbox, name);

  wsed_log_erase (world->log, request);
  g_assert_true (wsed_inbox_take (world->inbox) == &request->message);
  world->erased[channel] = request->head;
  daemon->erased[channel] = request->head;
  world->erased_last = channel;
  world->any_erased = TRUE;
  wsed_sequence_erase (daemon->sequence, request->n);
  for (guint to = 0; to < DAEMONS; to++)
    if (to != daemon->index)
      world_send_news (world, NEWS_ERASED, daemon->index, to, NULL, request->n);
  wsed_erase_free (request);
}

static void
take_step (World *world)
{
  Daemon *daemon = &world->daemons[g_rand_int_range (world->chance, 0, DAEMONS)];
  guint kind = g_rand_int_range (world->chance, 0, N_KINDS);
  guint index = g_rand_int_range (world->chance, 0, READERS);
  guint at = g_rand_int_range (world->chance, 0, 100);

  if (at < 14)
    append (world, daemon);
  else if (at < 42)
    world_take_up (daemon, kind);
  else if (at < 65)
    world_answer (daemon, kind);
  else if (at < 90 && world->network->len > 0)
    world_arrive (world, world_has_chance (world, 50) ? 0 : g_rand_int_range (world->chance, 0, world->network->len));
  else if (at < 94 && daemon->readers[index] == NULL)
    join (world, daemon, index);
  else if (at == 94 && daemon->readers[index] != NULL)
    leave (daemon, index);
  else if (at == 95 && world_has_chance (world, 10))
    erase (world, daemon);
  else if (at == 96)
    wsed_sequence_compare (daemon->sequence);
  else
    g_main_context_iteration (NULL, FALSE);
}

static gboolean
is_settled (World *world)
{
  guint64 end = world_get_ends (world, CHANNELS).head;

  for (guint i = 0; i < DAEMONS; i++)
    {
      WsedSequenceStats stats;

      wsed_sequence_get_stats (world->daemons[i].sequence, &stats);
      if (stats.done != end)
        return FALSE;
      for (guint r = 0; r < READERS; r++)
        if (world->daemons[i].readers[r] != NULL && world->daemons[i].readers[r]->joining)
          return FALSE;
    }
  return TRUE;
}

/* No more messages: what is missing is found by comparing alone. */
static void
settle (World *world)
{
  gint64 deadline = g_get_monotonic_time () + 20 * G_TIME_SPAN_SECOND;

  while (world->network->len > 0)
    world_arrive (world, 0);
  do
    {
      for (guint i = 0; i < DAEMONS; i++)
        for (guint kind = 0; kind < N_KINDS; kind++)
          {
            world_take_up (&world->daemons[i], kind);
            world_answer (&world->daemons[i], kind);
          }
      while (world->network->len > 0)
        world_arrive (world, 0);
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  while (!is_settled (world));
}

static void
check_complete (World *world)
{
  for (guint i = 0; i < DAEMONS; i++)
    {
      WsedSequenceStats stats;

      g_assert_false (world->daemons[i].strayed);
      wsed_sequence_get_stats (world->daemons[i].sequence, &stats);
      g_assert_cmpuint (stats.held_bytes, ==, 0);
      world->filled += stats.filled;
      for (guint r = 0; r < READERS; r++)
        for (guint c = 0; world->daemons[i].readers[r] != NULL && c < CHANNELS; c++)
          {
            Reader *reader = world->daemons[i].readers[r];
            WsedHead head = world_get_ends (world, c);

            if ((reader->channels & 1u << c) != 0 && reader->at[c] != head.head)
              g_assert_cmpuint (head.head, <=, MAX (head.low, world->erased[c]));
          }
    }
}

static void
start (World *world,
       guint  index)
{
  static const WsedSequenceShared shared = { on_reads, on_strayed, 1, 3, 3 };
  Daemon *daemon = &world->daemons[index];

  daemon->world = world;
  daemon->index = index;
  daemon->main = wsed_inbox_new ();
  for (guint kind = 0; kind < N_KINDS; kind++)
    daemon->ether[kind] = wsed_inbox_new ();
  daemon->log = world_make_log (daemon);
  daemon->relay = world_make_relay (daemon);
  daemon->sequence = wsed_sequence_new (on_deliver, daemon);
  wsed_sequence_share (daemon->sequence, daemon->log, daemon->main, daemon->relay, &shared);
}

static void
stop (Daemon *daemon)
{
  for (guint r = 0; r < READERS; r++)
    if (daemon->readers[r] != NULL)
      leave (daemon, r);
  wsed_sequence_stop (daemon->sequence);
  for (guint kind = 0; kind < N_KINDS; kind++)
    while (daemon->requests[kind].length > 0 || daemon->answers[kind].length > 0)
      {
        world_take_up (daemon, kind);
        world_answer (daemon, kind);
      }
  wsed_sequence_free (daemon->sequence);
  g_object_unref (daemon->relay);
  g_object_unref (daemon->log);
  wsed_inbox_free (daemon->main);
  for (guint kind = 0; kind < N_KINDS; kind++)
    wsed_inbox_free (daemon->ether[kind]);
}

static void
run_schedule (guint32  seed,
              gboolean carries)
{
  World world = { .chance = g_rand_new_with_seed (seed), .carries = carries };
  WsedRetention retention = { 0 };

  world.keep = retention.max_events = g_rand_int_range (world.chance, 0, 4) == 0 ? 10 : 0;
  world.loss = g_rand_int_range (world.chance, 0, 3) * 15;
  world.log = wsed_memory_log_new (&retention);
  world.inbox = wsed_inbox_new ();
  world.network = g_ptr_array_new_with_free_func (world_free_news);
  g_strlcpy (world.epoch, world_get_ends (&world, CHANNELS).epoch, sizeof world.epoch);
  for (guint i = 0; i < DAEMONS; i++)
    start (&world, i);
  for (guint i = 0; i < STEPS; i++)
    take_step (&world);
  settle (&world);
  check_complete (&world);
  g_test_message ("seed %u: %u events, %" G_GUINT64_FORMAT " delivered, %" G_GUINT64_FORMAT " of them read to fill holes", seed, world.events,
                  world.delivered, world.filled);
  for (guint i = 0; i < DAEMONS; i++)
    stop (&world.daemons[i]);
  g_ptr_array_unref (world.network);
  wsed_inbox_free (world.inbox);
  g_object_unref (world.log);
  g_rand_free (world.chance);
}

static guint
get_variable (const char *name,
              guint       otherwise)
{
  const char *value = g_getenv (name);

  return value != NULL ? g_ascii_strtoull (value, NULL, 10) : otherwise;
}

static void
test_schedules (gconstpointer carries)
{
  guint32 seed = get_variable ("WSE_TEST_SEED", 1);

  for (guint i = 0; i < get_variable ("WSE_TEST_SCHEDULES", 40); i++)
    run_schedule (seed + i, carries != NULL);
}

static void
count_deliveries (WsedEntry * const *entries,
                  guint              n_entries,
                  gpointer           user_data)
{
  *(guint *) user_data += n_entries;
}

/* Nothing is kept, asked or counted. */
static void
test_alone (void)
{
  guint delivered = 0;
  WsedSequence *sequence = wsed_sequence_new (count_deliveries, &delivered);
  g_autoptr (WseEvent) event = NULL;
  g_autoptr (WsedEntry) entry = NULL;
  static const WseEventParse rules = { 65536, WSE_MAX_DEPTH, 1700000000000000 };
  const char *json = "{\"event_type\":\"t\",\"user_id\":\"1\"}";

  event = wse_event_parse (json, strlen (json), &rules, NULL);
  entry = wsed_entry_new (event, 7, NULL);
  wsed_sequence_append (sequence, &entry, 1);
  wsed_sequence_append (sequence, NULL, 0);
  wsed_sequence_erase (sequence, 9);
  wsed_sequence_take_end (sequence, "x", 9, FALSE);
  g_assert_cmpuint (delivered, ==, 1);
  wsed_sequence_stop (sequence);
  wsed_sequence_free (sequence);
}

/* The relay tells that something may be missing while the log's end is asked for: the answer may be from before that. */
static void
test_compare_again (void)
{
  World world = { .chance = g_rand_new_with_seed (1) };
  WsedRetention retention = { 0 };
  Daemon *daemon = &world.daemons[0];

  world.log = wsed_memory_log_new (&retention);
  start (&world, 0);
  world_take_up (daemon, KIND_HEADS);
  wsed_sequence_compare (daemon->sequence);
  g_assert_cmpuint (daemon->requests[KIND_HEADS].length, ==, 0);
  world_answer (daemon, KIND_HEADS);
  g_assert_cmpuint (daemon->requests[KIND_HEADS].length, ==, 1);
  world_take_up (daemon, KIND_HEADS);
  world_answer (daemon, KIND_HEADS);
  g_assert_cmpuint (daemon->requests[KIND_HEADS].length, ==, 0);
  stop (daemon);
  g_object_unref (world.log);
  g_rand_free (world.chance);
}

/* Whoever reaches the relay may say that something was erased far behind the log's end: that holds until the log is asked. */
static void
test_erased_nowhere (void)
{
  static const WseEventParse rules = { 65536, WSE_MAX_DEPTH, 1700000000000000 };
  World world = { .chance = g_rand_new_with_seed (1) };
  WsedRetention retention = { 0 };
  Daemon *daemon = &world.daemons[0];
  const char *json = "{\"event_type\":\"t\",\"user_id\":\"0\"}";
  const char *channels[] = { "user:0", NULL };
  const guint64 seq = 1;
  g_autoptr (WseEvent) event = wse_event_parse (json, strlen (json), &rules, NULL);
  g_autoptr (WseEvent) placed = NULL;
  g_autoptr (WsedEntry) entry = NULL;
  WseEventFields fields;
  WsedSequenceStats stats;

  wse_event_get_fields (event, &fields);
  fields.channels = channels;
  fields.n_channels = 1;
  placed = wse_event_new_from_fields (&fields);
  entry = wsed_entry_new (placed, 1, &seq);
  world.log = wsed_memory_log_new (&retention);
  start (&world, 0);
  for (guint i = 0; i < 2; i++)
    {
      world_take_up (daemon, KIND_HEADS);
      world_answer (daemon, KIND_HEADS);
      if (i == 0)
        wsed_sequence_erase (daemon->sequence, G_MAXINT64);
      wsed_sequence_compare (daemon->sequence);
    }
  wsed_sequence_take_entry (daemon->sequence, wsed_sequence_get_epoch (daemon->sequence), entry);
  wsed_sequence_get_stats (daemon->sequence, &stats);
  g_assert_cmpuint (stats.done, ==, 1);
  stop (daemon);
  g_object_unref (world.log);
  g_rand_free (world.chance);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sequence/alone", test_alone);
  g_test_add_func ("/sequence/compare-again", test_compare_again);
  g_test_add_func ("/sequence/erased-nowhere", test_erased_nowhere);
  g_test_add_data_func ("/sequence/carried", GINT_TO_POINTER (TRUE), test_schedules);
  g_test_add_data_func ("/sequence/told", NULL, test_schedules);
  return g_test_run ();
}
