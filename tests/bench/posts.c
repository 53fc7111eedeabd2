/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-posts wsed|nchan PORT PID [SECONDS [CONNECTIONS]]
 * Posts one message of 250 bytes a request over keep-alive connections, each waiting for its answer before the next one, and prints one
 * line of JSON with what the server used. Nobody subscribes. */
#include "bench-publishers.h"
#include "bench-usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 250

typedef struct
{
  const char *path;
  char body[PAYLOAD + 128];
} Message;

static void
publish (BenchPost *post, void *user_data)
{
  Message *message = user_data;

  bench_post_start (post, message->path, "application/json", message->body, strlen (message->body), 1);
}

static Message
make_message (int wsed)
{
  Message message = { .path = wsed ? "/api/events" : "/pub" };
  char payload[PAYLOAD + 1];

  memset (payload, 'x', PAYLOAD);
  memcpy (payload, "{\"pad\":\"", 8);
  strcpy (payload + PAYLOAD - 2, "\"}");
  snprintf (message.body, sizeof message.body, "%s%s%s", wsed ? "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":" : "",
            payload, wsed ? "}" : "");
  return message;
}

int
main (int argc, char **argv)
{
  static BenchPost posts[BENCH_MAX_PUBLISHERS];
  static BenchUsage before, after;
  int pid = argc > 3 ? atoi (argv[3]) : 0, n = argc > 5 ? atoi (argv[5]) : BENCH_MAX_PUBLISHERS;
  double seconds = argc > 4 ? atof (argv[4]) : 3;
  uint64_t answered;
  Message message;

  if (pid == 0 || n < 1 || n > BENCH_MAX_PUBLISHERS)
    {
      fprintf (stderr, "usage: bench-posts wsed|nchan PORT PID [SECONDS [CONNECTIONS, at most %d]]\n", BENCH_MAX_PUBLISHERS);
      return 2;
    }
  message = make_message (strcmp (argv[1], "wsed") == 0);
  bench_publishers_open (posts, n, atoi (argv[2]));
  bench_publishers_run (posts, n, seconds / 2, publish, &message);
  bench_usage_take (&before, pid);
  answered = bench_publishers_run (posts, n, seconds, publish, &message);
  bench_usage_take (&after, pid);
  bench_usage_print (&before, &after, "posts", answered, seconds);
  return 0;
}
