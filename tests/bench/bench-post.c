/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns one publisher's connection. Knows just enough HTTP for answers of the servers compared here: a Content-Length, or chunks. */
#include "bench-post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void
fail (const char *what)
{
  fprintf (stderr, "publisher: %s: %s\n", what, strerror (errno));
  exit (1);
}

void
bench_post_open (BenchPost *post, const char *host, int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
  int one = 1;

  memset (post, 0, sizeof *post);
  inet_pton (AF_INET, host, &address.sin_addr);
  post->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (post->fd < 0 || connect (post->fd, (struct sockaddr *) &address, sizeof address) < 0)
    fail ("connecting");
  setsockopt (post->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int
bench_post_flush (BenchPost *post)
{
  while (post->out_done < post->out_length)
    {
      ssize_t n = send (post->fd, post->out + post->out_done, post->out_length - post->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
      if (n < 0)
        fail ("sending");
      post->out_done += n;
    }
  if (post->raw)
    post->busy = 0;
  return 0;
}

int
bench_post_start (BenchPost *post, const char *path, const char *type, const char *body, size_t length, unsigned lines)
{
  size_t needed = length + (path != NULL ? strlen (path) + strlen (type) : 0) + 160;
  int head = 0;

  if (needed > post->out_size)
    {
      post->out_size = needed * 2;
      post->out = realloc (post->out, post->out_size);
    }
  post->raw = path == NULL;
  if (!post->raw)
    head = sprintf (post->out, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                    path, type, length);
  memcpy (post->out + head, body, length);
  post->out_length = head + length;
  post->out_done = 0;
  post->in_length = 0;
  post->busy = 1;
  post->lines = lines;
  return bench_post_flush (post);
}

static int
answer_is_whole (BenchPost *post)
{
  const char *end, *field;

  post->in[post->in_length] = '\0';
  end = strstr (post->in, "\r\n\r\n");
  if (end == NULL)
    return 0;
  end += 4;
  post->status = atoi (post->in + 9);
  field = strcasestr (post->in, "\r\nContent-Length:");
  if (field != NULL && field < end)
    return (size_t) (post->in + post->in_length - end) >= strtoul (field + 17, NULL, 10);
  field = strcasestr (post->in, "\r\nTransfer-Encoding:");
  if (field != NULL && field < end)
    return post->in_length >= 5 && memcmp (post->in + post->in_length - 5, "0\r\n\r\n", 5) == 0;
  return 1;
}

int
bench_post_read (BenchPost *post)
{
  ssize_t n = recv (post->fd, post->in + post->in_length, sizeof post->in - 1 - post->in_length, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n <= 0)
    fail ("the server closed the connection");
  if (post->raw)
    return 0;
  post->in_length += n;
  if (!post->busy || !answer_is_whole (post))
    return 0;
  post->busy = 0;
  return 1;
}

int
bench_post_ok (const BenchPost *post)
{
  const char *rejected = strstr (post->in, "\"rejected\":[");

  return post->status >= 200 && post->status < 300 && (rejected == NULL || rejected[12] == ']');
}
