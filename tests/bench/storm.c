/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A storm of reconnections: ten thousand readers that are cut at once and come back. Told what to do line by line on its input, and
 * answering each with a line: "open PATH" connects all and waits for a message each; "cut" ends all; "leave" waits until the server has
 * ended all, each with a bye that says when to come back; "back PID PATH MESSAGES" connects all again, as many abreast as there are, but
 * none before its time, and tells how long it took until each had so many messages (half, 99 % of them), and what the server used. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "bench-clock.h"
#include "bench-process.h"
#include "bench-subscriber.h"

#define BUFFER (256 * 1024)
#define ABREAST 2000           /* handshakes: what a listener's queue holds */
#define DEADLINE 120.0         /* seconds */

typedef struct
{
  BenchSubscriber *subscribers;
  unsigned *order;             /* of coming back */
  double *due;                 /* seconds after all were ended, when each may come back */
  double *took;                /* seconds from then until it had all, in the order in which they had */
  double started;
  unsigned n, begun, opened, ended, complete;
  uint64_t wanted;             /* messages of each */
  uint64_t messages;
  struct sockaddr_in server;
  int epoll;
  char *buffer;
} Storm;

/* A bye says so, any other message does not. */
static void
note_bye (Storm *storm, unsigned index, const char *data, size_t length)
{
  static const char member[] = "\"retry_after_ms\":";
  const char *at = memmem (data, length, member, sizeof member - 1);

  if (at != NULL)
    storm->due[index] = strtoul (at + sizeof member - 1, NULL, 10) / 1e3;
}

static void
on_message (BenchSubscriber *subscriber, const char *data, size_t length, void *user_data)
{
  Storm *storm = user_data;

  unsigned index = subscriber - storm->subscribers;

  storm->messages++;
  note_bye (storm, index, data, length);
  if (subscriber->count + 1 == storm->wanted)
    storm->took[storm->complete++] = bench_clock_now () - storm->started - storm->due[index];
}

static void
watch (Storm *storm, int op, unsigned index, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.u32 = index };

  if (epoll_ctl (storm->epoll, op, storm->subscribers[index].fd, &event) == 0)
    return;
  perror ("epoll_ctl");
  exit (1);
}

static void
on_ready (Storm *storm, unsigned index, const char *request, size_t length)
{
  BenchSubscriber *subscriber = &storm->subscribers[index];
  int state = subscriber->state;

  if (state == BENCH_CONNECTING)
    {
      bench_subscriber_handshake (subscriber, request, length);
      watch (storm, EPOLL_CTL_MOD, index, EPOLLIN);
      return;
    }
  if (!bench_subscriber_read (subscriber, storm->buffer, BUFFER, on_message, storm))
    {
      if (storm->ended++ == 0)
        fprintf (stderr, "subscriber %u: ended by the server\n", index);
      bench_subscriber_end (subscriber);
    }
  storm->opened += state == BENCH_HANDSHAKE && subscriber->state == BENCH_OPEN;
}

/* Until all have what they want; how long that took. */
static double
connect_all (Storm *storm, const char *path, unsigned wanted)
{
  double start = bench_clock_now ();
  char request[1024];
  size_t length = snprintf (request, sizeof request,
                            "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Protocol: wse.v2\r\n\r\n", path);

  storm->started = start;
  storm->begun = storm->opened = storm->ended = storm->complete = storm->messages = 0;
  storm->wanted = wanted;
  while (storm->complete + storm->ended < storm->n && bench_clock_now () - start < DEADLINE)
    {
      struct epoll_event events[256];
      int n;

      for (; storm->begun < storm->n && storm->begun - storm->opened - storm->ended < ABREAST
             && storm->due[storm->order[storm->begun]] <= bench_clock_now () - start; storm->begun++)
        {
          unsigned index = storm->order[storm->begun];

          bench_subscriber_connect (&storm->subscribers[index], &storm->server, index);
          watch (storm, EPOLL_CTL_ADD, index, EPOLLOUT);
        }
      n = epoll_wait (storm->epoll, events, 256, storm->begun < storm->n ? 1 : 100);
      for (int i = 0; i < n; i++)
        on_ready (storm, events[i].data.u32, request, length);
    }
  return bench_clock_now () - start;
}

static int
compare_due (const void *a, const void *b, void *due)
{
  double first = ((double *) due)[*(unsigned *) a], second = ((double *) due)[*(unsigned *) b];

  return (first > second) - (first < second);
}

static int
compare_times (const void *a, const void *b)
{
  return (*(double *) a > *(double *) b) - (*(double *) a < *(double *) b);
}

static void
come_back (Storm *storm, int pid, const char *path, unsigned wanted)
{
  double cpu = bench_process_cpu (pid, NULL) / 1e9;
  double seconds;

  qsort_r (storm->order, storm->n, sizeof *storm->order, compare_due, storm->due);
  seconds = connect_all (storm, path, wanted);
  qsort (storm->took, storm->complete, sizeof *storm->took, compare_times);
  printf ("{\"seconds\":%.3f,\"half_s\":%.3f,\"p99_s\":%.3f,\"cpu_s\":%.3f,\"rss\":%llu,\"complete\":%u,\"ended\":%u,\"messages\":%llu}\n", seconds,
          storm->took[storm->complete / 2], storm->took[(size_t) (storm->complete * 0.99)],
          bench_process_cpu (pid, NULL) / 1e9 - cpu, (unsigned long long) bench_process_rss (pid), storm->complete, storm->ended,
          (unsigned long long) storm->messages);
}

static void
cut_all (Storm *storm)
{
  for (unsigned i = 0; i < storm->n; i++)
    bench_subscriber_end (&storm->subscribers[i]);
  puts ("cut");
}

/* Reads until the server has ended all, which it does within a moment. */
static void
leave_all (Storm *storm)
{
  unsigned left = storm->n;
  double last = 0;

  storm->wanted = 0;
  while (left > 0)
    {
      struct epoll_event events[256];
      int n = epoll_wait (storm->epoll, events, 256, -1);

      for (int i = 0; i < n; i++)
        {
          BenchSubscriber *subscriber = &storm->subscribers[events[i].data.u32];

          if (subscriber->fd < 0 || bench_subscriber_read (subscriber, storm->buffer, BUFFER, on_message, storm))
            continue;
          bench_subscriber_end (subscriber);
          left--;
        }
    }
  for (unsigned i = 0; i < storm->n; i++)
    last = storm->due[i] > last ? storm->due[i] : last;
  printf ("%.3f\n", last);
}

int
main (int argc, char *argv[])
{
  Storm storm = { .n = argc == 3 ? strtoul (argv[2], NULL, 10) : 0, .server = { .sin_family = AF_INET } };
  char line[1024], path[900];
  unsigned wanted;
  int pid;

  if (storm.n == 0)
    {
      fprintf (stderr, "usage: %s PORT READERS\n", argv[0]);
      return 2;
    }
  storm.server.sin_port = htons (atoi (argv[1]));
  storm.server.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  storm.subscribers = calloc (storm.n, sizeof *storm.subscribers);
  storm.order = calloc (storm.n, sizeof *storm.order);
  storm.due = calloc (storm.n, sizeof *storm.due);
  storm.took = calloc (storm.n + 1, sizeof *storm.took);
  for (unsigned i = 0; i < storm.n; i++)
    storm.order[i] = i;
  storm.buffer = malloc (BUFFER);
  storm.epoll = epoll_create1 (EPOLL_CLOEXEC);
  for (unsigned i = 0; i < storm.n; i++)
    storm.subscribers[i].fd = -1;
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (strcmp (line, "cut\n") == 0)
        cut_all (&storm);
      else if (strcmp (line, "leave\n") == 0)
        leave_all (&storm);
      else if (sscanf (line, "open %899s", path) == 1)
        printf ("%.3f\n", connect_all (&storm, path, 1));
      else if (sscanf (line, "back %d %899s %u", &pid, path, &wanted) == 3)
        come_back (&storm, pid, path, wanted);
      fflush (stdout);
    }
  free (storm.subscribers);
  free (storm.order);
  free (storm.due);
  free (storm.took);
  free (storm.buffer);
  return 0;
}
