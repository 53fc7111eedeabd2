/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns as much of the NATS protocol as a reader needs that counts: lines, and the payloads behind those that begin with MSG. */
#include "bench-nats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
bench_nats_greet (BenchSubscriber *subscriber)
{
  static const char commands[] = BENCH_NATS_SUBSCRIBE;
  char frame[6 + sizeof commands] = { (char) 0x82, (char) (0x80 | (sizeof commands - 1)) };

  _Static_assert (sizeof commands - 1 < 126, "a short frame");
  memcpy (frame + 6, commands, sizeof commands - 1);
  if (send (subscriber->fd, frame, 6 + sizeof commands - 1, MSG_NOSIGNAL) < 0)
    fprintf (stderr, "subscriber: subscribing: %s\n", strerror (errno));
}

/* The length of the payload behind a line, with its line end; 0: none. */
static uint64_t
payload_behind (const char *line, size_t length)
{
  uint64_t bytes = 0, unit = 1;

  if (length < 4 || memcmp (line, "MSG ", 4) != 0)
    return 0;
  for (const char *at = line + length - 2; at > line && *at >= '0' && *at <= '9'; at--, unit *= 10)
    bytes += unit * (*at - '0');
  return bytes + 2;
}

void
bench_nats_feed (BenchSubscriber *subscriber, const char *data, size_t length, BenchMessage message, void *user_data)
{
  const char *end = data + length;

  while (data < end)
    {
      const char *newline;
      size_t step;

      if (subscriber->payload > 0)
        {
          step = subscriber->payload < (size_t) (end - data) ? subscriber->payload : (size_t) (end - data);
          subscriber->payload -= step;
          data += step;
          continue;
        }
      newline = memchr (data, '\n', end - data);
      step = newline != NULL ? newline - data : end - data;
      if (newline != NULL && subscriber->n_line == 0)
        subscriber->payload = payload_behind (data, step);
      else
        {
          /* Of a line that is longer the end is not wanted: it is no MSG. */
          size_t kept = sizeof subscriber->line - subscriber->n_line < step ? sizeof subscriber->line - subscriber->n_line : step;

          memcpy (subscriber->line + subscriber->n_line, data, kept);
          subscriber->n_line += kept;
          if (newline == NULL)
            return;
          subscriber->payload = payload_behind (subscriber->line, subscriber->n_line);
          subscriber->n_line = 0;
        }
      data = newline + 1;
      if (subscriber->payload == 0)
        continue;
      message (subscriber, data, subscriber->payload < (size_t) (end - data) ? subscriber->payload : (size_t) (end - data), user_data);
      subscriber->count++;
    }
}
