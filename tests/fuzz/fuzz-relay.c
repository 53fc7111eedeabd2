/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes published in Redis: what is taken of them keeps all rules, and a daemon's event comes back the same when it is said again. */

#include "relay/wsed-redis-wire.h"

#include <string.h>

#define MAX_EVENT 400

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_event (const WseEvent *event)
{
  g_assert_true (wse_channel_id_is_valid (event->event_type, -1));
  g_assert_true (wse_event_id_is_valid (event->id, strlen (event->id)));
  g_assert_true (event->n_channels >= 1 && event->n_channels <= WSE_MAX_TARGETS);
  for (guint i = 0; i < event->n_channels; i++)
    g_assert_true (wse_channel_is_valid (event->channels[i]));
  g_assert_cmpuint (event->payload_length, ==, strlen (event->payload));
}

static void
check_again (const WsedRedisEvent *event, const WsedRedisRules *rules)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(GString) again = g_string_new (NULL);
  g_auto(WsedRedisEvent) second = { 0 };

  wsed_redis_event_write (text, event->entry, event->log, event->from);
  g_assert_true (wsed_redis_event_read (&second, event->entry->event->channels[0], text->str, text->len, rules, NULL));
  wsed_redis_event_write (again, second.entry, second.log, second.from);
  g_assert_cmpstr (again->str, ==, text->str);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static WsedRedisRules rules;
  g_autoptr(GError) error = NULL;
  g_auto(WsedRedisEvent) event = { 0 };
  g_auto(WsedRedisBatch) batch = { 0 };

  if (rules.mapper == NULL)
    {
      WseTypeMapper *mapper = wse_type_mapper_new ();

      wse_type_mapper_add_defaults (mapper);
      rules = (WsedRedisRules) { .max_event = MAX_EVENT, .mapper = WSE_TRANSFORMER (mapper), .self = "me" };
    }
  if (wsed_redis_event_read (&event, size % 2 == 0 ? "user:u" : "system", (const char *) data, size, &rules, &error))
    {
      g_assert_no_error (error);
      g_assert_true ((event.log == NULL) == (event.event != NULL));
      if (event.event != NULL)
        check_event (event.event);
      if (event.entry != NULL)
        {
          check_event (event.entry->event);
          check_again (&event, &rules);
        }
    }
  else
    g_assert_nonnull (error);
  g_clear_error (&error);
  if (wsed_redis_batch_read (&batch, (const char *) data, size, &error))
    for (guint i = 0; i < batch.mentions->len; i++)
      {
        const WsedMention *mention = &g_array_index (batch.mentions, WsedMention, i);

        g_assert_cmpuint (mention->n, ==, batch.end + 1 - batch.mentions->len + i);
        for (guint j = 0; j < mention->n_channels; j++)
          g_assert_true (wse_channel_is_valid (mention->channels[j]) && mention->seqs[j] > 0);
      }
  else
    g_assert_nonnull (error);
  return 0;
}
