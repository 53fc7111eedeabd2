/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemons of a schedule share: the log and the relay. It decides nothing by itself but by chance. */

#include "sequence-world.h"

#include <string.h>

char *
world_name_channel (guint channel)
{
  return channel < CHANNELS ? g_strdup_printf ("user:%u", channel) : g_strdup ("*");
}

guint
world_find_channel (const char *name)
{
  return strcmp (name, "*") == 0 ? CHANNELS : (guint) (name[5] - '0');
}

gboolean
world_has_chance (World *world,
                  guint  percent)
{
  return (guint) g_rand_int_range (world->chance, 0, 100) < percent;
}

/* A log whose requests are taken up, and answered, when the schedule says so */

#define LATE_TYPE_LOG (late_log_get_type ())
G_DECLARE_FINAL_TYPE (LateLog, late_log, LATE, LOG, GObject)

struct _LateLog
{
  GObject parent;
  Daemon *daemon;
};

static void
late_log_append (WsedLog    *log,
                 WsedAppend *append)
{
  g_queue_push_tail (&LATE_LOG (log)->daemon->requests[KIND_APPEND], append);
}

static void
late_log_heads (WsedLog   *log,
                WsedHeads *heads)
{
  g_queue_push_tail (&LATE_LOG (log)->daemon->requests[KIND_HEADS], heads);
}

static void
late_log_read (WsedLog  *log,
               WsedRead *read)
{
  g_queue_push_tail (&LATE_LOG (log)->daemon->requests[KIND_READ], read);
}

static void
late_log_iface_init (WsedLogInterface *iface)
{
  iface->append = late_log_append;
  iface->heads = late_log_heads;
  iface->read = late_log_read;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (LateLog, late_log, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, late_log_iface_init))

static void
late_log_class_init (LateLogClass *klass)
{
}

static void
late_log_init (LateLog *self)
{
}

void
world_take_up (Daemon *daemon,
               Kind    kind)
{
  gpointer request = g_queue_pop_head (&daemon->requests[kind]);

  if (request == NULL)
    return;
  if (kind == KIND_APPEND)
    {
      ((WsedAppend *) request)->reply_to = daemon->ether[kind];
      wsed_log_append (daemon->world->log, request);
    }
  else if (kind == KIND_HEADS)
    {
      ((WsedHeads *) request)->reply_to = daemon->ether[kind];
      wsed_log_heads (daemon->world->log, request);
    }
  else
    {
      ((WsedRead *) request)->reply_to = daemon->ether[kind];
      wsed_log_read (daemon->world->log, request);
    }
  for (WsedMessage *message = wsed_inbox_take (daemon->ether[kind]), *next; message != NULL; message = next)
    {
      next = message->next;
      g_queue_push_tail (&daemon->answers[kind], message);
    }
}

void
world_answer (Daemon *daemon,
              Kind    kind)
{
  WsedMessage *message = g_queue_pop_head (&daemon->answers[kind]);

  if (message != NULL)
    message->run (message, message->user_data);
}

/* The relay */

#define FAKE_TYPE_RELAY (fake_relay_get_type ())
G_DECLARE_FINAL_TYPE (FakeRelay, fake_relay, FAKE, RELAY, GObject)

struct _FakeRelay
{
  GObject parent;
  Daemon *daemon;
};

void
world_send_news (World     *world,
                 NewsKind   kind,
                 guint      from,
                 guint      to,
                 GPtrArray *entries,
                 guint64    n)
{
  News *news = g_new0 (News, 1);

  if (world_has_chance (world, world->loss))
    {
      g_free (news);
      return;
    }
  *news = (News) { kind, from, to, entries != NULL ? g_ptr_array_ref (entries) : NULL, n, world->erased_last, world->erased[world->erased_last] };
  g_ptr_array_add (world->network, news);
  if (world_has_chance (world, 5))
    world_send_news (world, kind, from, to, entries, n);
}

void
world_free_news (gpointer data)
{
  News *news = data;

  g_clear_pointer (&news->entries, g_ptr_array_unref);
  g_free (news);
}

static void
fake_relay_publish (WsedRelay         *relay,
                    const char        *epoch,
                    WsedEntry * const *entries,
                    guint              n_entries)
{
  Daemon *daemon = FAKE_RELAY (relay)->daemon;
  World *world = daemon->world;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);

  g_assert_cmpstr (epoch, ==, world->epoch);
  for (guint i = 0; i < n_entries; i++)
    g_ptr_array_add (all, wsed_entry_ref (entries[i]));
  for (guint to = 0; to < DAEMONS; to++)
    {
      if (!world->carries)
        world_send_news (world, NEWS_END, daemon->index, to, NULL, entries[n_entries - 1]->n);
      else if (to != daemon->index)
        {
          for (guint i = 0; i < n_entries; i++)
            {
              g_autoptr (GPtrArray) one = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);

              g_ptr_array_add (one, wsed_entry_ref (entries[i]));
              world_send_news (world, NEWS_ENTRY, daemon->index, to, one, 0);
            }
          world_send_news (world, NEWS_BATCH, daemon->index, to, all, 0);
        }
    }
}

static void
fake_relay_get_stats (WsedRelay      *relay,
                      WsedRelayStats *stats)
{
  stats->state = WSED_RELAY_OK;
}

static void
fake_relay_iface_init (WsedRelayInterface *iface)
{
  iface->publish = fake_relay_publish;
  iface->get_stats = fake_relay_get_stats;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeRelay, fake_relay, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_RELAY, fake_relay_iface_init))

static void
fake_relay_class_init (FakeRelayClass *klass)
{
}

static void
fake_relay_init (FakeRelay *self)
{
}

void
world_arrive (World *world,
              guint  index)
{
  News *news = g_ptr_array_steal_index_fast (world->network, index);
  WsedSequence *sequence = world->daemons[news->to].sequence;

  if (news->kind == NEWS_ENTRY)
    wsed_sequence_take_entry (sequence, world->epoch, news->entries->pdata[0]);
  else if (news->kind == NEWS_END)
    wsed_sequence_take_end (sequence, world->epoch, news->n, news->from == news->to);
  else if (news->kind == NEWS_ERASED)
    {
      guint64 *told = &world->daemons[news->to].erased[news->channel];

      *told = MAX (*told, news->head);
      wsed_sequence_erase (sequence, news->n);
    }
  else
    {
      g_autofree WsedMention *mentions = g_new (WsedMention, news->entries->len);

      for (guint i = 0; i < news->entries->len; i++)
        {
          WsedEntry *entry = news->entries->pdata[i];

          mentions[i] = (WsedMention) { entry->n, entry->event->n_channels, (const char *const *) entry->event->channels, entry->seqs };
        }
      wsed_sequence_take_batch (sequence, world->epoch, mentions, news->entries->len);
    }
  world_free_news (news);
}

WsedLog *
world_make_log (Daemon *daemon)
{
  LateLog *log = g_object_new (LATE_TYPE_LOG, NULL);

  log->daemon = daemon;
  return WSED_LOG (log);
}

WsedRelay *
world_make_relay (Daemon *daemon)
{
  FakeRelay *relay = g_object_new (FAKE_TYPE_RELAY, NULL);

  relay->daemon = daemon;
  return WSED_RELAY (relay);
}

WsedHead
world_get_ends (World *world,
                guint  channel)
{
  g_autofree char *name = world_name_channel (channel);
  WsedHeads *heads = wsed_heads_new (world->inbox);
  WsedHead head;

  wsed_heads_add (heads, name);
  wsed_log_heads (world->log, heads);
  g_assert_true (wsed_inbox_take (world->inbox) == &heads->message);
  head = g_array_index (heads->heads, WsedHead, 0);
  wsed_heads_free (heads);
  return head;
}
