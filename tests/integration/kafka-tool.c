/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kafka for the tests: `mock BROKERS` is librdkafka's mock cluster as a process of its own, `client BOOTSTRAP [TRANSACTIONAL-ID]` a producer
 * and administrator. Both obey the words of a line of standard input and answer each with a line: "ok …" or "error …". */

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <glib.h>
#include <stdio.h>
#include <string.h>

#define MS 30000

typedef rd_kafka_resp_err_t (*Obey) (gpointer with, char **words, guint n);

static rd_kafka_t *
make_handle (const char *bootstrap, const char *transactional)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  char problem[256];
  rd_kafka_t *handle;

  if (bootstrap != NULL)
    rd_kafka_conf_set (conf, "bootstrap.servers", bootstrap, problem, sizeof problem);
  if (transactional != NULL)
    rd_kafka_conf_set (conf, "transactional.id", transactional, problem, sizeof problem);
  rd_kafka_conf_set (conf, "linger.ms", "2", problem, sizeof problem);
  rd_kafka_conf_set (conf, "reconnect.backoff.max.ms", "500", problem, sizeof problem);
  rd_kafka_conf_set (conf, "queue.buffering.max.messages", "10000000", problem, sizeof problem);
  handle = rd_kafka_new (RD_KAFKA_PRODUCER, conf, problem, sizeof problem);
  if (handle == NULL)
    g_error ("%s", problem);
  return handle;
}

/* topic NAME PARTITIONS · down ID · up ID · error APIKEY CODE */
static rd_kafka_resp_err_t
obey_mock (gpointer with, char **words, guint n)
{
  if (n == 3 && strcmp (words[0], "topic") == 0)
    return rd_kafka_mock_topic_create (with, words[1], atoi (words[2]), 1);
  if (n == 2 && strcmp (words[0], "down") == 0)
    return rd_kafka_mock_broker_set_down (with, atoi (words[1]));
  if (n == 2 && strcmp (words[0], "up") == 0)
    return rd_kafka_mock_broker_set_up (with, atoi (words[1]));
  if (n == 3 && strcmp (words[0], "error") == 0)
    {
      rd_kafka_mock_push_request_errors (with, atoi (words[1]), 1, atoi (words[2]));
      return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
  return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static rd_kafka_resp_err_t
end_transaction (rd_kafka_error_t *error)
{
  rd_kafka_resp_err_t code = error != NULL ? rd_kafka_error_code (error) : RD_KAFKA_RESP_ERR_NO_ERROR;

  rd_kafka_error_destroy (error);
  return code;
}

/* Makes (@partitions > 0) or deletes a topic. */
static rd_kafka_resp_err_t
change_topic (rd_kafka_t *handle, const char *name, int partitions)
{
  rd_kafka_queue_t *queue = rd_kafka_queue_new (handle);
  rd_kafka_event_t *event;
  rd_kafka_resp_err_t code;
  char problem[256];
  size_t n;

  if (partitions > 0)
    {
      rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new (name, partitions, 1, problem, sizeof problem);

      rd_kafka_CreateTopics (handle, &topic, 1, NULL, queue);
      rd_kafka_NewTopic_destroy (topic);
    }
  else
    {
      rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new (name);

      rd_kafka_DeleteTopics (handle, &topic, 1, NULL, queue);
      rd_kafka_DeleteTopic_destroy (topic);
    }
  event = rd_kafka_queue_poll (queue, MS);
  code = event != NULL ? rd_kafka_event_error (event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0)
    code = rd_kafka_topic_result_error (rd_kafka_CreateTopics_result_topics (rd_kafka_event_CreateTopics_result (event), &n)[0]);
  else if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    code = rd_kafka_topic_result_error (rd_kafka_DeleteTopics_result_topics (rd_kafka_event_DeleteTopics_result (event), &n)[0]);
  rd_kafka_event_destroy (event);
  rd_kafka_queue_destroy (queue);
  return code;
}

static rd_kafka_resp_err_t
produce (rd_kafka_t *handle, const char *topic, int partition, const char *value)
{
  rd_kafka_resp_err_t code;

  do
    {
      code = rd_kafka_producev (handle, RD_KAFKA_V_TOPIC (topic), RD_KAFKA_V_PARTITION (partition),
                                RD_KAFKA_V_MSGFLAGS (RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE ((void *) value, strlen (value)), RD_KAFKA_V_END);
      rd_kafka_poll (handle, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
    }
  while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
  return code;
}

/* Events FIRST … FIRST + COUNT - 1 of each partition's own user, at RATE a second (0: as fast as may be). */
static rd_kafka_resp_err_t
burst (rd_kafka_t *handle, const char *topic, int partitions, int first, int count, int rate)
{
  gint64 begin = g_get_monotonic_time ();
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

  for (int i = first; i < first + count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
    for (int partition = 0; partition < partitions && code == RD_KAFKA_RESP_ERR_NO_ERROR; partition++)
      {
        g_autofree char *value = g_strdup_printf ("{\"event_type\":\"tick\",\"user_id\":\"p%d\",\"payload\":{\"i\":%d}}", partition, i);

        code = produce (handle, topic, partition, value);
        while (rate > 0 && (g_get_monotonic_time () - begin) * rate < (gint64) (i - first) * partitions * G_USEC_PER_SEC)
          rd_kafka_poll (handle, 1);
      }
  return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : rd_kafka_flush (handle, MS);
}

/* create TOPIC PARTITIONS · delete TOPIC · send TOPIC PARTITION VALUE · flush · burst TOPIC PARTITIONS FIRST COUNT RATE ·
 * begin · commit · abort */
static rd_kafka_resp_err_t
obey_client (gpointer with, char **words, guint n)
{
  if (n == 3 && strcmp (words[0], "create") == 0)
    return change_topic (with, words[1], atoi (words[2]));
  if (n == 2 && strcmp (words[0], "delete") == 0)
    return change_topic (with, words[1], 0);
  if (n == 4 && strcmp (words[0], "send") == 0)
    return produce (with, words[1], atoi (words[2]), words[3]);
  if (n == 1 && strcmp (words[0], "flush") == 0)
    return rd_kafka_flush (with, MS);
  if (n == 6 && strcmp (words[0], "burst") == 0)
    return burst (with, words[1], atoi (words[2]), atoi (words[3]), atoi (words[4]), atoi (words[5]));
  if (n == 1 && strcmp (words[0], "begin") == 0)
    return end_transaction (rd_kafka_begin_transaction (with));
  if (n == 1 && strcmp (words[0], "commit") == 0)
    return end_transaction (rd_kafka_commit_transaction (with, MS));
  if (n == 1 && strcmp (words[0], "abort") == 0)
    return end_transaction (rd_kafka_abort_transaction (with, MS));
  return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static void
answer (const char *word, const char *text)
{
  printf ("%s %s\n", word, text);
  fflush (stdout);
}

static void
serve (Obey obey, gpointer with)
{
  char line[65536];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      g_auto (GStrv) words = g_strsplit (g_strstrip (line), " ", -1);
      rd_kafka_resp_err_t code = obey (with, words, g_strv_length (words));

      answer (code == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok" : "error", rd_kafka_err2name (code));
    }
}

int
main (int argc, char **argv)
{
  gboolean mock = argc == 3 && strcmp (argv[1], "mock") == 0;
  rd_kafka_t *handle;

  if (!mock && (argc < 3 || strcmp (argv[1], "client") != 0))
    return 2;
  handle = make_handle (mock ? NULL : argv[2], mock ? NULL : argv[3]);
  if (mock)
    {
      rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new (handle, atoi (argv[2]));

      answer ("ok", rd_kafka_mock_cluster_bootstraps (cluster));
      serve (obey_mock, cluster);
      rd_kafka_mock_cluster_destroy (cluster);
    }
  else
    {
      rd_kafka_error_t *error = argv[3] != NULL ? rd_kafka_init_transactions (handle, MS) : NULL;

      answer (error == NULL ? "ok" : "error", error == NULL ? "ready" : rd_kafka_error_string (error));
      rd_kafka_error_destroy (error);
      serve (obey_client, handle);
    }
  rd_kafka_destroy (handle);
  return 0;
}
