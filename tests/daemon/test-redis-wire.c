/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What daemons and strangers say over Redis: events and batches there and back, and what is refused. */

#include "relay/wsed-redis-wire.h"

#include <string.h>

static WsedRedisRules
make_rules (void)
{
  WseTypeMapper *mapper = wse_type_mapper_new ();

  wse_type_mapper_add_defaults (mapper);
  return (WsedRedisRules) { .max_event = 1000, .mapper = WSE_TRANSFORMER (mapper), .self = "me" };
}

static WsedEntry *
make_entry (guint64 n, const char *channels, const WseEventFields *more)
{
  g_auto(GStrv) names = g_strsplit (channels, " ", -1);
  guint64 seqs[WSE_MAX_TARGETS] = { n * 10, n * 10 + 1, n * 10 + 2, n * 10 + 3, n * 10 + 4 };
  WseEventFields fields = *more;
  g_autoptr(WseEvent) event = NULL;

  fields.payload_length = strlen (fields.payload);

  fields.channels = (const char * const *) names;
  fields.n_channels = g_strv_length (names);
  event = wse_event_new_from_fields (&fields);
  return wsed_entry_new (event, n, seqs);
}

/* The same frames come of it at the other daemon: nothing that a dialect writes is lost. */
static void
test_there_and_back (void)
{
  static const WseEventFields cases[] = {
    { .event_type = "a", .id = "1", .payload = "{}", .latency = -1 },
    { .event_type = "order_update", .original_type = "OrderPlaced", .id = "ü\" \\", .message = "über\n\"x\"", .severity = WSE_SEVERITY_ERROR,
      .payload = "{\"n\":12345678901234567890,\"x\":1.10,\"s\":\"\\u00e9\\/\"}", .timestamp = 1234567890123456, .latency = 0 },
    { .event_type = "cache", .id = "3", .payload = "null", .latency = 12345, .severity_given = TRUE },
    { .event_type = "a", .id = "4", .payload = "\"\"", .message = "", .latency = -1 },
    { .event_type = "a", .id = "5", .payload = "[]", .latency = -1 },
  };
  static const char * const channels[] = { "user:u", "user:7 role:r team:t session:s global", "system", "global", "user:u user:global team:t team:u" };
  WsedRedisRules rules = make_rules ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(WsedEntry) entry = make_entry (i + 1, channels[i], &cases[i]);
      g_autoptr(GString) text = g_string_new (NULL);
      g_autoptr(GError) error = NULL;
      g_auto(WsedRedisEvent) event = { 0 };
      const char *first = entry->event->channels[0];

      wsed_redis_event_write (text, entry, "epoch", "other");
      wsed_redis_event_read (&event, first, text->str, text->len, &rules, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (event.log, ==, "epoch");
      g_assert_cmpstr (event.from, ==, "other");
      g_assert_null (event.event);
      g_assert_cmpuint (event.entry->n, ==, entry->n);
      g_assert_cmpmem (event.entry->seqs, entry->event->n_channels * sizeof (guint64), entry->seqs, entry->event->n_channels * sizeof (guint64));
      for (WseDialect dialect = 0; dialect < WSE_N_DIALECTS; dialect++)
        {
          g_autoptr(GString) before = g_string_new (NULL);
          g_autoptr(GString) after = g_string_new (NULL);

          wse_dialect_write (dialect, entry->event, first, 1, before);
          wse_dialect_write (dialect, event.entry->event, first, 1, after);
          g_assert_cmpstr (after->str, ==, before->str);
        }
      /* What it says itself is not made an event of. */
      wsed_redis_event_clear (&event);
      rules.self = "other";
      g_assert_true (wsed_redis_event_read (&event, first, text->str, text->len, &rules, NULL));
      g_assert_true (event.entry == NULL && event.event == NULL && event.log != NULL);
      rules.self = "me";
    }
  g_object_unref (rules.mapper);
}

static void
test_foreign (void)
{
  static const struct
  {
    const char *text, *channel, *type, *original, *payload;
  } cases[] = {
    { "{\"event_type\":\"OrderPlaced\",\"data\":{\"a\": 1}}", "user:u", "order_update", "OrderPlaced", "{\"a\":1}" },
    { "{\"event_type\":\"order_update\",\"original_event_type\":\"OrderPlaced\",\"user_id\":\"x\",\"data\":[]}", "global", "order_update", "OrderPlaced", "[]" },
    { "{\"event_type\":\"a\",\"original_event_type\":\"a\",\"payload\":1}", "role:r", "a", NULL, "1" },
    { "{\"event_type\":\"a\",\"original_event_type\":null,\"wse\":null,\"data\":1}", "team:t", "a", NULL, "1" },
  };
  WsedRedisRules rules = make_rules ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_auto(WsedRedisEvent) event = { 0 };

      g_assert_true (wsed_redis_event_read (&event, cases[i].channel, cases[i].text, strlen (cases[i].text), &rules, &error));
      g_assert_no_error (error);
      g_assert_null (event.entry);
      g_assert_cmpuint (event.event->n_channels, ==, 1);
      g_assert_cmpstr (event.event->channels[0], ==, cases[i].channel);
      g_assert_cmpstr (event.event->event_type, ==, cases[i].type);
      g_assert_cmpstr (event.event->original_type, ==, cases[i].original);
      g_assert_cmpstr (event.event->payload, ==, cases[i].payload);
    }
  g_object_unref (rules.mapper);
}

#define OWN(wse) "{\"event_type\":\"a\",\"data\":1,\"wse\":" wse "}"

static void
test_refused (void)
{
  static const char * const events[] = {
    "", "[]", "{\"event_type\":\"a\"", OWN ("1"), OWN ("{}"), OWN ("{\"log\":\"l\"}"), OWN ("{\"log\":\"l\",\"from\":\"\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[1]}"),
    OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":0,\"channels\":[\"global\"],\"seqs\":[1]}"), OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[],\"seqs\":[]}"),
    OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[]}"), OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[1,2]}"),
    OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[0]}"), OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"nowhere\"],\"seqs\":[1]}"),
    OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"*\"],\"seqs\":[1]}"), OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":-1,\"channels\":[\"global\"],\"seqs\":[1]}"),
    OWN ("{\"log\":\"l\",\"from\":\"f\",\"n\":1,\"channels\":[\"user:1\",\"user:2\",\"user:3\",\"user:4\",\"user:5\",\"user:6\"],\"seqs\":[1,1,1,1,1,1]}"),
    OWN ("{\"log\":\"l\\u0000\",\"from\":\"f\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[1]}"),
    OWN ("{\"log\":\"l\",\"from\":\"a name that is too long\",\"n\":1,\"channels\":[\"global\"],\"seqs\":[1]}"),
  };
  static const char * const batches[] = {
    "", "{}", "[]", "{\"log\":\"l\",\"from\":\"f\"}", "{\"log\":\"l\",\"from\":\"f\",\"end\":0}", "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[]}",
    "{\"log\":\"l\",\"from\":\"f\",\"events\":[[[\"global\",1]]]}", "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[]]}",
    "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[[\"global\"]]]}", "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[[1,\"global\"]]]}",
    "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[[\"global\",1,2]]]}", "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[[\"elsewhere\",1]]]}",
    "{\"log\":\"l\",\"from\":\"f\",\"first\":18446744073709551615,\"events\":[[[\"global\",1]]]}", "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":{}}",
    "{\"log\":\"l\",\"from\":\"f\",\"first\":1,\"events\":[[[\"user:1\",1],[\"user:2\",1],[\"user:3\",1],[\"user:4\",1],[\"user:5\",1],[\"user:6\",1]]]}",
  };
  WsedRedisRules rules = make_rules ();

  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      g_autoptr(GError) error = NULL;
      g_auto(WsedRedisEvent) event = { 0 };

      g_test_message ("%s", events[i]);
      g_assert_false (wsed_redis_event_read (&event, "global", events[i], strlen (events[i]), &rules, &error));
      g_assert_nonnull (error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (batches); i++)
    {
      g_autoptr(GError) error = NULL;
      g_auto(WsedRedisBatch) batch = { 0 };

      g_test_message ("%s", batches[i]);
      g_assert_false (wsed_redis_batch_read (&batch, batches[i], strlen (batches[i]), &error));
      g_assert_nonnull (error);
    }
  g_object_unref (rules.mapper);
}

/* A batch goes as far as its events follow each other, and as it is not too large. */
static void
test_batches (void)
{
  static const WseEventFields fields = { .event_type = "a", .id = "1", .payload = "{}" };
  g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);
  guint messages = 0;
  guint64 n = 5;

  for (guint i = 0; i < 5000; i++)
    g_ptr_array_add (entries, make_entry (i < 3 ? n + i : n + i + 1, i % 2 == 0 ? "user:u" : "team:t global", &fields));
  for (guint i = 0; i < entries->len; messages++)
    {
      g_autoptr(GString) text = g_string_new (NULL);
      g_auto(WsedRedisBatch) batch = { 0 };
      guint wrote = wsed_redis_batch_write (text, (WsedEntry * const *) (gpointer) &entries->pdata[i], entries->len - i, "log", "from");

      g_assert_true (wsed_redis_batch_read (&batch, text->str, text->len, NULL));
      g_assert_cmpuint (batch.mentions->len, ==, wrote);
      g_assert_cmpuint (text->len, <, 70000);
      for (guint j = 0; j < wrote; j++)
        {
          const WsedEntry *entry = entries->pdata[i + j];
          const WsedMention *mention = &g_array_index (batch.mentions, WsedMention, j);

          g_assert_cmpuint (mention->n, ==, entry->n);
          g_assert_cmpuint (mention->n_channels, ==, entry->event->n_channels);
          g_assert_cmpstr (mention->channels[0], ==, entry->event->channels[0]);
          g_assert_cmpuint (mention->seqs[mention->n_channels - 1], ==, entry->seqs[mention->n_channels - 1]);
        }
      i += wrote;
      if (messages == 0)
        g_assert_cmpuint (wrote, ==, 3);
    }
  g_assert_cmpuint (messages, >, 2);
}

static void
test_end (void)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_auto(WsedRedisBatch) batch = { 0 };

  wsed_redis_end_write (text, 77, "log", "from");
  g_assert_true (wsed_redis_batch_read (&batch, text->str, text->len, NULL));
  g_assert_cmpuint (batch.end, ==, 77);
  g_assert_cmpuint (batch.mentions->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redis-wire/there-and-back", test_there_and_back);
  g_test_add_func ("/redis-wire/foreign", test_foreign);
  g_test_add_func ("/redis-wire/refused", test_refused);
  g_test_add_func ("/redis-wire/batches", test_batches);
  g_test_add_func ("/redis-wire/end", test_end);
  return g_test_run ();
}
