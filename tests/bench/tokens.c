/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verifies one token over and over, as wsed does for each request: `bench-tokens KEY TOKEN SECONDS` writes how many a second of CPU, and what
 * of that the signature alone takes is for others to say (tests/bench/tokens). */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/wsed-token.h"

/* Verifications between two looks at the clock. */
#define STEP 64

static double
cpu_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

int
main (int    argc,
      char **argv)
{
  const WsedTokenRules rules = { NULL, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedKeySet) keys = NULL;
  double begin, end, taken;
  guint64 n = 0;

  if (argc != 4)
    {
      fprintf (stderr, "usage: bench-tokens KEY TOKEN SECONDS\n");
      return 2;
    }
  keys = wsed_key_set_new (argv[1], ~0u, &error);
  if (keys == NULL)
    {
      fprintf (stderr, "bench-tokens: %s\n", error->message);
      return 1;
    }
  begin = cpu_seconds ();
  end = begin + strtod (argv[3], NULL);
  do
    {
      for (guint i = 0; i < STEP; i++)
        {
          WsedCredentialProblem problem;
          gboolean unknown_key;
          g_autoptr (WsedGrant) grant = wsed_token_verify (argv[2], keys, &rules, g_get_real_time (), &problem, &unknown_key);

          if (grant == NULL)
            {
              fprintf (stderr, "bench-tokens: %s\n", problem.text);
              return 1;
            }
        }
      n += STEP;
      taken = cpu_seconds ();
    }
  while (taken < end);
  printf ("%.0f\n", (double) n / (taken - begin));
  return 0;
}
