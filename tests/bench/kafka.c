/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From Kafka to a client through wsed, beside a bare consumer of the same topic in the same run: `bench-kafka BOOTSTRAP TOPIC PORT RATE
 * SECONDS` produces events with the time in them, reads each once from Kafka and once from wsed's WebSocket, and prints how long either
 * took, as a line of JSON. */
#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench-clock.h"
#include "bench-histogram.h"
#include "bench-subscriber.h"

#define BUFFER (256 * 1024)
/* seconds: until both readers are there, and of events that are not counted */
#define READY 2
#define WARM_UP 2

typedef struct
{
  const char *bootstrap, *topic;
  double rate, seconds;
  uint64_t sent, unread;       /* unread: a message whose time was not at hand */
  uint64_t from;               /* µs: what was sent before is not counted: everything finds its way first */
  BenchHistogram bare, client;
  int stop;                    /* atomic */
} Run;

static uint64_t
now_us (void)
{
  return (uint64_t) (bench_clock_now () * 1e6);
}

static rd_kafka_t *
make (Run *run, rd_kafka_type_t type, const char *const *settings)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  char problem[256];
  rd_kafka_t *handle;

  rd_kafka_conf_set (conf, "bootstrap.servers", run->bootstrap, problem, sizeof problem);
  for (; settings[0] != NULL; settings += 2)
    rd_kafka_conf_set (conf, settings[0], settings[1], problem, sizeof problem);
  handle = rd_kafka_new (type, conf, problem, sizeof problem);
  if (handle != NULL)
    return handle;
  fprintf (stderr, "%s\n", problem);
  exit (1);
}

/* How long ago the time in @data was; the message is counted where there is one. */
static void
take (Run *run, BenchHistogram *histogram, const char *data, size_t length)
{
  static const char member[] = "\"us\":";
  const char *at = memmem (data, length, member, sizeof member - 1);

  uint64_t time = at != NULL ? strtoull (at + sizeof member - 1, NULL, 10) : 0;

  if (at != NULL && time >= run->from)
    bench_histogram_add (histogram, now_us () - time);
  else if (at == NULL && histogram == &run->client)
    run->unread++;
}

static void *
consume (void *user_data)
{
  static const char *const settings[] = { "group.id", "bench-bare", "auto.offset.reset", "latest", "socket.nagle.disable", "true", NULL };
  Run *run = user_data;
  rd_kafka_t *consumer = make (run, RD_KAFKA_CONSUMER, settings);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new (1);

  rd_kafka_topic_partition_list_add (list, run->topic, 0)->offset = RD_KAFKA_OFFSET_END;
  rd_kafka_assign (consumer, list);
  rd_kafka_topic_partition_list_destroy (list);
  while (!__atomic_load_n (&run->stop, __ATOMIC_RELAXED))
    {
      rd_kafka_message_t *message = rd_kafka_consumer_poll (consumer, 50);

      if (message != NULL && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        take (run, &run->bare, message->payload, message->len);
      if (message != NULL)
        rd_kafka_message_destroy (message);
    }
  rd_kafka_consumer_close (consumer);
  rd_kafka_destroy (consumer);
  return NULL;
}

static void *
produce (void *user_data)
{
  static const char *const settings[] = { "linger.ms", "0.5", "socket.nagle.disable", "true", NULL };
  Run *run = user_data;
  rd_kafka_t *producer = make (run, RD_KAFKA_PRODUCER, settings);
  double start = bench_clock_now () + READY;

  for (double now = bench_clock_now (); now < start + run->seconds; now = bench_clock_now ())
    {
      for (; now > start && run->sent < (now - start) * run->rate; run->sent++)
        {
          char text[256];
          int length = snprintf (text, sizeof text, "{\"event_type\":\"tick\",\"user_id\":\"bench\",\"payload\":{\"us\":%llu,\"price\":1234.5,"
                                 "\"symbol\":\"ACME\",\"volume\":100000}}", (unsigned long long) now_us ());

          rd_kafka_producev (producer, RD_KAFKA_V_TOPIC (run->topic), RD_KAFKA_V_PARTITION (0), RD_KAFKA_V_MSGFLAGS (RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_VALUE (text, (size_t) length), RD_KAFKA_V_END);
        }
      rd_kafka_poll (producer, 0);
      nanosleep (&(struct timespec) { 0, 200000 }, NULL);
    }
  rd_kafka_flush (producer, 10000);
  rd_kafka_destroy (producer);
  nanosleep (&(struct timespec) { 1, 0 }, NULL);
  __atomic_store_n (&run->stop, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void
on_message (BenchSubscriber *subscriber, const char *data, size_t length, void *user_data)
{
  Run *run = user_data;

  take (run, &run->client, data, length);
}

static void
subscribe (Run *run, int port)
{
  static const char request[] = "GET /wse?user_id=bench&history=0 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  BenchSubscriber subscriber = { 0 };
  char *buffer = malloc (BUFFER);
  struct pollfd ready;

  bench_subscriber_connect (&subscriber, &server, 0);
  ready = (struct pollfd) { subscriber.fd, POLLOUT, 0 };
  poll (&ready, 1, 5000);
  bench_subscriber_handshake (&subscriber, request, sizeof request - 1);
  ready.events = POLLIN;
  while (!__atomic_load_n (&run->stop, __ATOMIC_RELAXED))
    if (poll (&ready, 1, 50) > 0 && !bench_subscriber_read (&subscriber, buffer, BUFFER, on_message, run))
      break;
  bench_subscriber_end (&subscriber);
  free (buffer);
}

static void
print (const char *name, const BenchHistogram *histogram)
{
  printf ("\"%s\":{\"n\":%llu,\"p50_ms\":%.2f,\"p99_ms\":%.2f}", name, (unsigned long long) histogram->total,
          bench_histogram_get (histogram, 0.5) / 1e3, bench_histogram_get (histogram, 0.99) / 1e3);
}

int
main (int argc, char **argv)
{
  static Run run;
  pthread_t producer, consumer;

  if (argc != 6)
    {
      fprintf (stderr, "Usage: bench-kafka BOOTSTRAP TOPIC PORT RATE SECONDS\n");
      return 2;
    }
  run.bootstrap = argv[1];
  run.topic = argv[2];
  run.rate = atof (argv[4]);
  run.seconds = atof (argv[5]) + WARM_UP;
  run.from = now_us () + (READY + WARM_UP) * 1000000;
  pthread_create (&consumer, NULL, consume, &run);
  pthread_create (&producer, NULL, produce, &run);
  subscribe (&run, atoi (argv[3]));
  pthread_join (producer, NULL);
  pthread_join (consumer, NULL);
  printf ("{\"sent\":%llu,\"unread\":%llu,", (unsigned long long) run.sent, (unsigned long long) run.unread);
  print ("bare", &run.bare);
  printf (",");
  print ("client", &run.client);
  printf ("}\n");
  return 0;
}
