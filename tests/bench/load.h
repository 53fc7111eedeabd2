/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-histogram.h"
#include "bench-post.h"
#include "bench-subscriber.h"

#define LOAD_MAX_POSTS 64
#define LOAD_RING 65536        /* messages that may be under way at once */
#define LOAD_BUFFER 65536

/* What one kind of server wants: how it is posted to and how a line of it begins and ends around the payload. */
typedef struct
{
  const char *name;
  const char *publish_path, *subscribe_path, *type;
  const char *before, *after;
  int posts;                   /* connections that publish */
  int batch;                   /* most lines of one request */
  unsigned connects;           /* subscribers that connect at the same time: no more than it takes without dropping any */
  const char *header;          /* a line of the handshake beside the necessary ones, with its end; NULL: none */
  int nats;                    /* speaks that within WebSocket frames, and to publishers without them */
} LoadPeer;

typedef struct
{
  const LoadPeer *peer;
  int port, pid;
  int publish_port;            /* the same, but for NATS */
  unsigned n;                  /* subscribers */
  unsigned flight;             /* messages in flight, flat out */
  double seconds;              /* of a measured phase */
  unsigned payload;            /* bytes */

  int epoll, timer;
  BenchSubscriber *subscribers;
  unsigned opened, ended;
  BenchPost posts[LOAD_MAX_POSTS];
  char *line, *body;
  char *buffer;

  uint16_t done[LOAD_RING];    /* by message: subscribers that have it */
  uint64_t published, completed, deliveries, refused;
  uint64_t misplaced;          /* messages looked at that were not the next of those published */
  double interval, due;        /* microseconds: between messages and of the next one; interval 0: closed loop, below 0: silent */
  unsigned stride;             /* every so-manyth subscriber is looked at for latency */
  BenchHistogram latency;
} Load;

/* Microseconds of a clock that does not jump. */
double load_now     (void);
void   load_open    (Load *load);
/* Lets one subscriber come and go, so that what a server touches for its first is not counted for the others. */
void   load_touch   (Load *load);
/* Connects all subscribers; the seconds it took. */
double load_connect (Load *load);
/* Waits until one message reaches all subscribers, and counts from there; 0 where that does not come about. */
int    load_settle  (Load *load);
/* Publishes as @interval says and reads, for @seconds, or until all that was published has arrived where @drain. */
void   load_run     (Load *load, double seconds, int drain);
