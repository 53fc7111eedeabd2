/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the one epoll loop of the load: ten thousand readers and the publishers beside them. Order within a connection is taken for
 * granted, so the k-th message of a connection is the k-th published: what is in flight is known without reading a payload. */
#include "bench-clock.h"
#include "bench-nats.h"
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TAG_POST (UINT64_C (1) << 32)
#define TAG_TIMER (UINT64_C (2) << 32)

double
load_now (void)
{
  return bench_clock_now () * 1e6;
}

static void
watch (Load *load, int op, int fd, uint32_t events, uint64_t tag)
{
  struct epoll_event event = { .events = events, .data.u64 = tag };

  if (epoll_ctl (load->epoll, op, fd, &event) < 0)
    {
      perror ("epoll_ctl");
      exit (1);
    }
}

void
load_open (Load *load)
{
  load->epoll = epoll_create1 (EPOLL_CLOEXEC);
  load->timer = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  load->subscribers = calloc (load->n, sizeof *load->subscribers);
  load->line = malloc (load->payload + 512);
  load->body = malloc ((load->payload + 512) * load->peer->batch);
  load->buffer = malloc (LOAD_BUFFER);
  load->stride = load->n > 100 ? load->n / 100 : 1;
  load->interval = -1;
  watch (load, EPOLL_CTL_ADD, load->timer, EPOLLIN, TAG_TIMER);
  for (int i = 0; i < load->peer->posts; i++)
    {
      bench_post_open (&load->posts[i], "127.0.0.1", load->publish_port);
      if (load->peer->nats)
        bench_post_start (&load->posts[i], NULL, NULL, BENCH_NATS_CONNECT, strlen (BENCH_NATS_CONNECT), 0);
      watch (load, EPOLL_CTL_ADD, load->posts[i].fd, EPOLLIN, TAG_POST | i);
    }
}

/* Looks into a message: how old it is, and, where one connection publishes all of them, whether it is the one that is due. */
static void
sample (Load *load, const char *data, size_t length, uint64_t expected)
{
  static const char name[] = "{\"sent\":\"";
  const char *found = memmem (data, length, name, sizeof name - 1);
  double sent, now;

  if (found == NULL || found + sizeof name - 1 + 16 + 8 + 16 > data + length)
    return;
  found += sizeof name - 1;
  sent = strtod (found, NULL);
  now = load_now ();
  bench_histogram_add (&load->latency, now > sent ? now - sent : 0);
  if (load->peer->posts == 1 && strtoull (found + 16 + 8, NULL, 10) != expected)
    load->misplaced++;
}

static void
on_message (BenchSubscriber *subscriber, const char *data, size_t length, void *user_data)
{
  Load *load = user_data;
  uint16_t *done = &load->done[subscriber->count % LOAD_RING];

  load->deliveries++;
  if (++*done == load->n)
    {
      *done = 0;
      load->completed++;
    }
  if ((subscriber - load->subscribers) % load->stride == 0)
    sample (load, data, length, subscriber->count);
}

static size_t
write_line (Load *load, char *out, double sent, uint64_t number)
{
  size_t length = sprintf (out, "%s{\"sent\":\"%016.0f\",\"no\":\"%016llu\",\"pad\":\"", load->peer->before, sent,
                           (unsigned long long) number);
  size_t end = strlen (load->peer->before) + load->payload - 2;

  while (length < end)
    {
      out[length] = 'a' + length % 26;
      length++;
    }
  return length + sprintf (out + length, "\"}%s", load->peer->after);
}

static BenchPost *
find_free_post (Load *load)
{
  for (int i = 0; i < load->peer->posts; i++)
    if (!load->posts[i].busy)
      return &load->posts[i];
  return NULL;
}

static void
publish (Load *load, BenchPost *post, unsigned lines, double now)
{
  size_t length = 0;

  for (unsigned i = 0; i < lines; i++)
    {
      length += write_line (load, load->body + length, load->interval > 0 ? load->due : now, load->published + i);
      load->due += load->interval;
      if (load->peer->batch > 1 && !load->peer->nats)
        load->body[length++] = '\n';
    }
  load->published += lines;
  if (bench_post_start (post, load->peer->publish_path, load->peer->type, load->body, length, lines))
    watch (load, EPOLL_CTL_MOD, post->fd, EPOLLIN | EPOLLOUT, TAG_POST | (post - load->posts));
}

static void
set_timer (Load *load)
{
  struct itimerspec at = { .it_value = { (time_t) (load->due / 1e6), 0 } };

  at.it_value.tv_nsec = (load->due - at.it_value.tv_sec * 1e6) * 1e3;
  timerfd_settime (load->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Publishes whatever may be published now. */
static void
pump (Load *load)
{
  for (;;)
    {
      uint64_t flying = load->published - load->completed;
      double now = load_now ();
      BenchPost *post;
      unsigned lines;

      if (load->interval < 0)
        return;
      if (load->interval > 0)
        lines = load->due > now ? 0 : (now - load->due) / load->interval + 1;
      else
        lines = flying < load->flight ? load->flight - flying : 0;
      if (flying + lines >= LOAD_RING)
        lines = 0;
      if (lines == 0 || (post = find_free_post (load)) == NULL)
        break;
      publish (load, post, lines < (unsigned) load->peer->batch ? lines : (unsigned) load->peer->batch, now);
    }
  if (load->interval > 0)
    set_timer (load);
}

static void
on_post (Load *load, unsigned index, uint32_t events)
{
  BenchPost *post = &load->posts[index];

  if ((events & EPOLLOUT) != 0 && !bench_post_flush (post))
    watch (load, EPOLL_CTL_MOD, post->fd, EPOLLIN, TAG_POST | index);
  if ((events & ~EPOLLOUT) == 0 || !bench_post_read (post) || bench_post_ok (post))
    return;
  if (load->refused++ == 0)
    fprintf (stderr, "publisher: answer: %s\n", post->in);
}

static void
on_subscriber (Load *load, unsigned index, const char *request, size_t length)
{
  BenchSubscriber *subscriber = &load->subscribers[index];
  int state = subscriber->state;

  if (state == BENCH_CONNECTING)
    {
      bench_subscriber_handshake (subscriber, request, length);
      watch (load, EPOLL_CTL_MOD, subscriber->fd, EPOLLIN, index);
      return;
    }
  if (!bench_subscriber_read (subscriber, load->buffer, LOAD_BUFFER, on_message, load))
    {
      if (load->ended++ == 0)
        fprintf (stderr, "subscriber %u: ended by the server\n", index);
      bench_subscriber_end (subscriber);
    }
  else if (state == BENCH_HANDSHAKE && subscriber->state == BENCH_OPEN)
    {
      load->opened++;
      if (subscriber->nats)
        bench_nats_greet (subscriber);
    }
}

static void
turn (Load *load, int timeout, const char *request, size_t length)
{
  struct epoll_event events[256];
  int n = epoll_wait (load->epoll, events, 256, timeout);

  for (int i = 0; i < n; i++)
    {
      uint64_t tag = events[i].data.u64;
      uint64_t ticks;

      if (tag & TAG_POST)
        on_post (load, (uint32_t) tag, events[i].events);
      else if (tag & TAG_TIMER)
        (void) !read (load->timer, &ticks, sizeof ticks);
      else
        on_subscriber (load, (uint32_t) tag, request, length);
    }
}

double
load_connect (Load *load)
{
  struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons (load->port) };
  char request[512];
  size_t length;
  unsigned begun = 0;
  double start = load_now ();

  server.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  length = snprintf (request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                     load->peer->subscribe_path, load->peer->header != NULL ? load->peer->header : "");
  while (load->opened + load->ended < load->n && load_now () - start < 120e6)
    {
      for (; begun < load->n && begun - load->opened - load->ended < load->peer->connects; begun++)
        {
          bench_subscriber_connect (&load->subscribers[begun], &server, begun);
          load->subscribers[begun].nats = load->peer->nats;
          watch (load, EPOLL_CTL_ADD, load->subscribers[begun].fd, EPOLLOUT, begun);
        }
      turn (load, 100, request, length);
    }
  return (load_now () - start) / 1e6;
}

void
load_touch (Load *load)
{
  unsigned n = load->n;

  load->n = 1;
  load_connect (load);
  bench_subscriber_end (&load->subscribers[0]);
  load->n = n;
  load->opened = load->ended = 0;
}

void
load_run (Load *load, double seconds, int drain)
{
  double end = load_now () + seconds * 1e6;

  if (load->interval > 0)
    load->due = load_now ();
  while (load_now () < end && !(drain && load->completed == load->published))
    {
      pump (load);
      turn (load, 10, NULL, 0);
    }
}

int
load_settle (Load *load)
{
  for (int tries = 0; tries < 20; tries++)
    {
      uint64_t before = load->deliveries;

      publish (load, &load->posts[0], 1, load_now ());
      for (double end = load_now () + 2e6; load_now () < end && load->deliveries - before < load->n - load->ended;)
        load_run (load, 0.02, 0);
      load_run (load, 0.2, 0);
      if (load->posts[0].busy || load->ended > 0 || load->deliveries - before != load->n)
        continue;
      for (unsigned i = 0; i < load->n; i++)
        load->subscribers[i].count = 0;
      memset (load->done, 0, sizeof load->done);
      load->published = load->completed = load->deliveries = load->refused = load->misplaced = 0;
      return 1;
    }
  return 0;
}
