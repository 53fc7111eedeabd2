/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedMemoryConsumers keeps who has acked what, in memory: at most 16 for each user, and those not used for 30 days not at all. */

#include "log/wsed-memory-consumers.h"

#include <string.h>

#include "wse-error.h"

typedef struct
{
  char *name;
  GArray *acks;
  gint64 used;
} Consumer;

struct _WsedMemoryConsumers
{
  GHashTable *users;           /* user → (element-type Consumer) */
};

static void
consumer_free (gpointer data)
{
  Consumer *consumer = data;

  g_free (consumer->name);
  g_array_unref (consumer->acks);
  g_free (consumer);
}

WsedMemoryConsumers *
wsed_memory_consumers_new (void)
{
  WsedMemoryConsumers *self = g_new0 (WsedMemoryConsumers, 1);

  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  return self;
}

void
wsed_memory_consumers_free (WsedMemoryConsumers *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->users);
  g_free (self);
}

/* The user's, without those that are to be forgotten. */
static GPtrArray *
get_consumers (WsedMemoryConsumers *self,
               const char          *user,
               gint64               now)
{
  GPtrArray *consumers = g_hash_table_lookup (self->users, user);

  if (consumers == NULL)
    {
      consumers = g_ptr_array_new_with_free_func (consumer_free);
      g_hash_table_insert (self->users, g_strdup (user), consumers);
    }
  for (guint i = consumers->len; i-- > 0;)
    if (((Consumer *) g_ptr_array_index (consumers, i))->used < now - WSED_CONSUMER_AGE)
      g_ptr_array_remove_index_fast (consumers, i);
  return consumers;
}

static Consumer *
find_or_make (WsedMemoryConsumers *self,
              WsedConsumer        *request,
              gint64               now)
{
  GPtrArray *consumers = get_consumers (self, request->user, now);
  Consumer *consumer;

  for (guint i = 0; i < consumers->len; i++)
    {
      consumer = g_ptr_array_index (consumers, i);
      if (strcmp (consumer->name, request->name) == 0)
        return consumer;
    }
  if (consumers->len >= WSED_MAX_CONSUMERS)
    {
      request->error = g_error_new (WSE_ERROR, WSE_ERROR_BUSY, "this user has %d consumers already: use one of them", WSED_MAX_CONSUMERS);
      return NULL;
    }
  consumer = g_new0 (Consumer, 1);
  consumer->name = g_strdup (request->name);
  consumer->acks = wsed_acks_new ();
  g_ptr_array_add (consumers, consumer);
  return consumer;
}

void
wsed_memory_consumers_carry_out (WsedMemoryConsumers *self,
                                 WsedConsumer        *request,
                                 gint64               now)
{
  Consumer *consumer = wsed_consumer_claim (request) ? find_or_make (self, request, now) : NULL;

  if (consumer == NULL)
    return;
  consumer->used = now;
  for (guint i = 0; i < request->acks->len; i++)
    {
      const WsedAck *ack = &g_array_index (request->acks, WsedAck, i);

      wsed_acks_add (consumer->acks, ack->channel, ack->epoch, ack->seq);
    }
  g_array_unref (request->acks);
  request->acks = wsed_acks_copy (consumer->acks);
}
