/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The floor under every server of this kind: accepts, and sends each line of a POST to each WebSocket connection by a call of its own.
 * No keeping, no checking, no numbering, and a handshake that is always answered with the same key. Usage: bench-floor PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (256 * 1024)
#define LISTENER UINT32_MAX

typedef struct
{
  char *in;                    /* a request that came in part; NULL: none */
  size_t length;
} Request;

static int epoll, *subscribers, n_subscribers;
static Request *requests;      /* by descriptor */

static void
watch (int fd, uint32_t tag)
{
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = tag };

  if (epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    {
      perror ("epoll_ctl");
      exit (1);
    }
}

static void
end (int fd)
{
  for (int i = 0; i < n_subscribers; i++)
    if (subscribers[i] == fd)
      {
        subscribers[i] = subscribers[--n_subscribers];
        break;
      }
  free (requests[fd].in);
  requests[fd] = (Request) { NULL, 0 };
  close (fd);
}

static void
send_whole (int fd, const char *data, size_t length)
{
  if (send (fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t) length && errno != EPIPE && errno != ECONNRESET)
    {
      fprintf (stderr, "floor: a connection takes no more\n");
      exit (1);
    }
}

static void
send_to_all (const char *line, size_t length)
{
  static char frame[REQUEST_MAX + 4];
  size_t head = length < 126 ? 2 : 4;

  frame[0] = (char) 0x81;
  frame[1] = length < 126 ? (char) length : 126;
  if (head == 4)
    {
      frame[2] = (char) (length >> 8);
      frame[3] = (char) length;
    }
  memcpy (frame + head, line, length);
  for (int i = 0; i < n_subscribers; i++)
    send_whole (subscribers[i], frame, head + length);
}

/* The bytes of a whole request at the beginning of @data, which ends in a NUL; 0: it is not whole. */
static size_t
take_request (int fd, const char *data, size_t length)
{
  static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  const char *body = strstr (data, "\r\n\r\n"), *field = strstr (data, "\r\nContent-Length:"), *stop;

  if (body == NULL)
    return 0;
  body += 4;
  if (strncmp (data, "GET ", 4) == 0)
    {
      subscribers[n_subscribers++] = fd;
      send_whole (fd, upgraded, sizeof upgraded - 1);
      return body - data;
    }
  stop = body + (field != NULL && field < body ? strtoul (field + 17, NULL, 10) : 0);
  if (stop > data + length)
    return 0;
  for (const char *line = body, *next; line < stop; line = next + 1)
    {
      next = memchr (line, '\n', stop - line);
      next = next != NULL ? next : stop;
      if (next > line)
        send_to_all (line, next - line);
    }
  send_whole (fd, answer, sizeof answer - 1);
  return stop - data;
}

static void
on_readable (int fd)
{
  static char buffer[REQUEST_MAX + 1];
  Request *request = &requests[fd];
  size_t length = request->length, used;
  ssize_t n;

  if (length > 0)
    memcpy (buffer, request->in, length);
  n = recv (fd, buffer + length, REQUEST_MAX - length, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      end (fd);
      return;
    }
  length += n;
  buffer[length] = '\0';
  used = take_request (fd, buffer, length);
  free (request->in);
  *request = (Request) { NULL, length - used };
  if (length > used)
    request->in = memcpy (malloc (length - used), buffer + used, length - used);
}

static void
accept_all (int listener)
{
  int fd, one = 1;

  while ((fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      watch (fd, fd);
    }
}

int
main (int argc, char **argv)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (argc > 1 ? atoi (argv[1]) : 0) };
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  struct epoll_event events[256];
  struct rlimit files;

  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);
  subscribers = calloc (files.rlim_max, sizeof *subscribers);
  requests = calloc (files.rlim_max, sizeof *requests);
  epoll = epoll_create1 (EPOLL_CLOEXEC);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (listener, (struct sockaddr *) &address, sizeof address) < 0 || listen (listener, 4096) < 0)
    {
      perror ("listening");
      return 1;
    }
  watch (listener, LISTENER);
  for (;;)
    {
      int n = epoll_wait (epoll, events, 256, -1);

      for (int i = 0; i < n; i++)
        if (events[i].data.u32 == LISTENER)
          accept_all (listener);
        else
          on_readable (events[i].data.u32);
    }
}
