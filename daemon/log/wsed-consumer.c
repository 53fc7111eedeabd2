/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The request about a durable reader, and the list of what one has acked. */

#include "log/wsed-consumer.h"

#include <string.h>

enum
{
  FATE_WAITING,
  FATE_CLAIMED,
  FATE_WITHDRAWN,
};

static void
ack_clear (gpointer data)
{
  g_free (((WsedAck *) data)->channel);
}

GArray *
wsed_acks_new (void)
{
  GArray *acks = g_array_new (FALSE, FALSE, sizeof (WsedAck));

  g_array_set_clear_func (acks, ack_clear);
  return acks;
}

WsedAck *
wsed_acks_find (GArray     *acks,
                const char *channel)
{
  for (guint i = 0; i < acks->len; i++)
    {
      WsedAck *ack = &g_array_index (acks, WsedAck, i);

      if (strcmp (ack->channel, channel) == 0)
        return ack;
    }
  return NULL;
}

void
wsed_acks_add (GArray     *acks,
               const char *channel,
               const char *epoch,
               guint64     seq)
{
  WsedAck *old = wsed_acks_find (acks, channel);
  WsedAck ack = { NULL, "", seq };

  if (old != NULL && strcmp (old->epoch, epoch) == 0)
    {
      old->seq = MAX (old->seq, seq);
      return;
    }
  g_strlcpy (ack.epoch, epoch, sizeof ack.epoch);
  if (old != NULL)
    {
      memcpy (old->epoch, ack.epoch, sizeof old->epoch);
      old->seq = seq;
      return;
    }
  ack.channel = g_strdup (channel);
  g_array_append_val (acks, ack);
}

GArray *
wsed_acks_copy (GArray *acks)
{
  GArray *copy = wsed_acks_new ();

  for (guint i = 0; i < acks->len; i++)
    {
      const WsedAck *ack = &g_array_index (acks, WsedAck, i);

      wsed_acks_add (copy, ack->channel, ack->epoch, ack->seq);
    }
  return copy;
}

WsedConsumer *
wsed_consumer_new (const char *user,
                   const char *name,
                   WsedInbox  *reply_to)
{
  WsedConsumer *consumer = g_new0 (WsedConsumer, 1);

  consumer->reply_to = reply_to;
  consumer->user = g_strdup (user);
  consumer->name = g_strdup (name);
  consumer->acks = wsed_acks_new ();
  return consumer;
}

void
wsed_consumer_free (WsedConsumer *consumer)
{
  g_free (consumer->user);
  g_free (consumer->name);
  g_array_unref (consumer->acks);
  g_clear_error (&consumer->error);
  g_free (consumer);
}

static gboolean
decide (WsedConsumer *consumer,
        int           fate)
{
  int waiting = FATE_WAITING;

  return __atomic_compare_exchange_n (&consumer->fate, &waiting, fate, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

gboolean
wsed_consumer_claim (WsedConsumer *consumer)
{
  return decide (consumer, FATE_CLAIMED);
}

gboolean
wsed_consumer_withdraw (WsedConsumer *consumer)
{
  return decide (consumer, FATE_WITHDRAWN);
}
