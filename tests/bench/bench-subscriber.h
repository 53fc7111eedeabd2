/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* One WebSocket connection that counts messages. Small, so that ten thousand of them leave the caches to the server. */
typedef struct
{
  int fd;                      /* -1: ended */
  uint8_t state;
  uint8_t matched;             /* bytes of the blank line behind the handshake's answer, or of a frame's header */
  uint8_t header[14];
  uint8_t nats;                /* the frames carry the NATS protocol */
  uint8_t control;             /* the frame under way is one */
  uint8_t n_line;              /* NATS: bytes of a line that came in part */
  char line[40];
  uint64_t payload;            /* NATS: bytes to come of a message */
  uint64_t left;               /* bytes to come of the frame's payload */
  uint64_t count;              /* messages whose header has come */
} BenchSubscriber;

enum
{
  BENCH_CONNECTING,
  BENCH_HANDSHAKE,
  BENCH_OPEN,
};

/* Called for every message, once, when its last header is read; @data what is at hand of the payload (perhaps nothing). */
typedef void (*BenchMessage) (BenchSubscriber *subscriber, const char *data, size_t length, void *user_data);

/* @index chooses one of several addresses of the loopback, so that ports never run short. Exits where it cannot. */
void bench_subscriber_connect   (BenchSubscriber *subscriber, const struct sockaddr_in *server, unsigned index);
/* The socket is connected: sends @request. */
void bench_subscriber_handshake (BenchSubscriber *subscriber, const char *request, size_t length);
/* Reads what is there, once, through @buffer; 0 where the connection has ended. */
int  bench_subscriber_read      (BenchSubscriber *subscriber, char *buffer, size_t size, BenchMessage message, void *user_data);
/* Ends it at once, without leaving the port in TIME_WAIT. */
void bench_subscriber_end       (BenchSubscriber *subscriber);
