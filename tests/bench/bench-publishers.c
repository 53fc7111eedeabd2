/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the loop that keeps some publishers busy: each waits for its answer before it sends again. What they send it does not know. */
#include "bench-publishers.h"
#include "bench-clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

void
bench_publishers_open (BenchPost *posts, int n, int port)
{
  for (int i = 0; i < n; i++)
    bench_post_open (&posts[i], "127.0.0.1", port);
}

uint64_t
bench_publishers_run (BenchPost *posts, int n, double seconds, BenchPublish publish, void *user_data)
{
  struct pollfd fds[BENCH_MAX_PUBLISHERS];
  double end = bench_clock_now () + seconds;
  uint64_t answered = 0;

  while (bench_clock_now () < end)
    {
      for (int i = 0; i < n; i++)
        if (!posts[i].busy)
          publish (&posts[i], user_data);
      for (int i = 0; i < n; i++)
        fds[i] = (struct pollfd) { .fd = posts[i].fd, .events = bench_post_flush (&posts[i]) ? POLLIN | POLLOUT : POLLIN };
      poll (fds, n, 1000);
      for (int i = 0; i < n; i++)
        if ((fds[i].revents & ~POLLOUT) != 0 && bench_post_read (&posts[i]))
          {
            if (!bench_post_ok (&posts[i]))
              {
                fprintf (stderr, "publisher: answer: %s\n", posts[i].in);
                exit (1);
              }
            answered++;
          }
    }
  return answered;
}
