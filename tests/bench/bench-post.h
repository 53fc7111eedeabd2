/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One keep-alive HTTP connection that posts: one request at a time, not blocking. */
typedef struct
{
  int fd;
  int raw;                     /* nothing is answered: free again once all is sent */
  int busy;                    /* a request is under way */
  unsigned lines;              /* events in it */
  char *out;
  size_t out_length, out_done, out_size;
  char in[65536];
  size_t in_length;
  int status;                  /* of the last answer */
} BenchPost;

/* Exits with a message where it cannot connect. */
void bench_post_open  (BenchPost *post, const char *host, int port);
/* Without @path: @body as it is, on a connection that answers nothing. Sends what the socket takes at once; 1 where something is left, so that the caller waits for EPOLLOUT. */
int  bench_post_start (BenchPost *post, const char *path, const char *type, const char *body, size_t length, unsigned lines);
int  bench_post_flush (BenchPost *post);
/* Reads; 1 when the answer is whole: status is set, the answer is in @in. Exits where the server has closed. */
int  bench_post_read  (BenchPost *post);
/* Whether the last answer took everything in. */
int  bench_post_ok    (const BenchPost *post);
