/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns one reading WebSocket connection: handshake, frame headers, pongs. Looks at no payload and checks nothing of what a server
 * sends beyond what counting needs: it has to be cheaper than any server it measures. */
#include "bench-subscriber.h"
#include "bench-nats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
bench_subscriber_connect (BenchSubscriber *subscriber, const struct sockaddr_in *server, unsigned index)
{
  struct sockaddr_in own = { .sin_family = AF_INET };
  int one = 1;

  memset (subscriber, 0, sizeof *subscriber);
  own.sin_addr.s_addr = htonl (0x7f000002 + index / 4000);
  subscriber->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (subscriber->fd < 0
      || setsockopt (subscriber->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) < 0
      || bind (subscriber->fd, (struct sockaddr *) &own, sizeof own) < 0
      || (connect (subscriber->fd, (struct sockaddr *) server, sizeof *server) < 0 && errno != EINPROGRESS))
    {
      fprintf (stderr, "subscriber %u: connecting: %s\n", index, strerror (errno));
      exit (1);
    }
  subscriber->state = BENCH_CONNECTING;
}

void
bench_subscriber_handshake (BenchSubscriber *subscriber, const char *request, size_t length)
{
  int error = 0;
  socklen_t size = sizeof error;

  getsockopt (subscriber->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 || send (subscriber->fd, request, length, MSG_NOSIGNAL) != (ssize_t) length)
    {
      fprintf (stderr, "subscriber: handshake: %s\n", strerror (error != 0 ? error : errno));
      exit (1);
    }
  subscriber->state = BENCH_HANDSHAKE;
}

void
bench_subscriber_end (BenchSubscriber *subscriber)
{
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };

  if (subscriber->fd < 0)
    return;
  setsockopt (subscriber->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close (subscriber->fd);
  subscriber->fd = -1;
}

static size_t
read_handshake (BenchSubscriber *subscriber, const char *data, size_t length)
{
  static const char blank_line[] = "\r\n\r\n";

  if (length >= 12 && subscriber->matched == 0 && memcmp (data, "HTTP/1.1 ", 9) == 0 && memcmp (data + 9, "101", 3) != 0)
    {
      fprintf (stderr, "subscriber: refused: %.*s\n", (int) length, data);
      exit (1);
    }
  for (size_t i = 0; i < length; i++)
    {
      if (data[i] == blank_line[subscriber->matched])
        subscriber->matched++;
      else
        subscriber->matched = data[i] == '\r';
      if (subscriber->matched == 4)
        {
          subscriber->matched = 0;
          subscriber->state = BENCH_OPEN;
          return i + 1;
        }
    }
  return length;
}

static unsigned
header_length (const uint8_t *header)
{
  return (header[1] & 0x7f) == 126 ? 4 : (header[1] & 0x7f) == 127 ? 10 : 2;
}

static uint64_t
payload_length (const uint8_t *header)
{
  uint64_t length = header[1] & 0x7f;

  if (length == 126)
    return header[2] << 8 | header[3];
  if (length < 126)
    return length;
  length = 0;
  for (int i = 2; i < 10; i++)
    length = length << 8 | header[i];
  return length;
}

static void
on_frame (BenchSubscriber *subscriber, const uint8_t *header, const char *data, size_t length, BenchMessage message,
          void *user_data)
{
  static const char pong[6] = { (char) 0x8a, (char) 0x80, 0, 0, 0, 0 };
  int opcode = header[0] & 0x0f;

  if (opcode == 9 && send (subscriber->fd, pong, sizeof pong, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    fprintf (stderr, "subscriber: pong: %s\n", strerror (errno));
  subscriber->control = opcode >= 8;
  if (opcode < 8 && (header[0] & 0x80) != 0 && !subscriber->nats)
    {
      message (subscriber, data, length, user_data);
      subscriber->count++;
    }
}

static void
read_frames (BenchSubscriber *subscriber, const char *data, size_t length, BenchMessage message, void *user_data)
{
  const char *end = data + length;

  while (data < end)
    {
      const uint8_t *header = (const uint8_t *) data;
      size_t step;

      if (subscriber->left > 0)
        {
          step = subscriber->left < (size_t) (end - data) ? subscriber->left : (size_t) (end - data);
          if (subscriber->nats && !subscriber->control)
            bench_nats_feed (subscriber, data, step, message, user_data);
          subscriber->left -= step;
          data += step;
          continue;
        }
      if (subscriber->matched == 0 && end - data >= 10)
        data += header_length (header);
      else
        {
          subscriber->header[subscriber->matched++] = *data++;
          header = subscriber->header;
          if (subscriber->matched < 2 || subscriber->matched < header_length (header))
            continue;
        }
      subscriber->matched = 0;
      subscriber->left = payload_length (header);
      on_frame (subscriber, header, data, subscriber->left < (size_t) (end - data) ? subscriber->left : (size_t) (end - data),
                message, user_data);
    }
}

int
bench_subscriber_read (BenchSubscriber *subscriber, char *buffer, size_t size, BenchMessage message, void *user_data)
{
  ssize_t n = recv (subscriber->fd, buffer, size, 0);
  size_t used = 0;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 1;
  if (n <= 0)
    return 0;
  if (subscriber->state == BENCH_HANDSHAKE)
    used = read_handshake (subscriber, buffer, n);
  if (used < (size_t) n)
    read_frames (subscriber, buffer + used, n - used, message, user_data);
  return 1;
}
