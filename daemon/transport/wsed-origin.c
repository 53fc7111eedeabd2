/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parses an Origin header strictly: a lenient parser is how a page of another host gets in. */

#include "transport/wsed-origin.h"

#include <string.h>

/* The length of the scheme of "scheme://", 0 where there is none. */
static gsize
scheme_length (const char *origin)
{
  gsize length = 0;

  if (!g_ascii_isalpha (origin[0]))
    return 0;
  while (g_ascii_isalnum (origin[length]) || origin[length] == '+' || origin[length] == '-' || origin[length] == '.')
    length++;
  return g_str_has_prefix (origin + length, "://") ? length : 0;
}

/* The length of "host" or "[v6]", 0 where it is neither. */
static gsize
host_length (const char *host)
{
  gsize length;

  if (host[0] == '[')
    {
      length = strspn (host + 1, "0123456789abcdefABCDEF:.");
      return length > 0 && host[length + 1] == ']' ? length + 2 : 0;
    }
  for (length = 0; g_ascii_isalnum (host[length]) || host[length] == '-' || host[length] == '.' || host[length] == '_'; length++)
    ;
  return length;
}

static gboolean
port_is_valid (const char *port)
{
  return g_ascii_string_to_unsigned (port, 10, 1, G_MAXUINT16, NULL, NULL);
}

gboolean
wsed_origin_is_allowed (const char         *origin,
                        const char * const *allowed)
{
  static const char * const defaults[] = { "localhost", "127.0.0.1", "[::1]", NULL };
  gsize scheme = scheme_length (origin), length;
  g_autofree char *host = NULL;
  const char *rest;

  if (scheme == 0)
    return FALSE;
  origin += scheme + strlen ("://");
  length = host_length (origin);
  rest = origin + length;
  if (length == 0 || (*rest != '\0' && (*rest != ':' || !port_is_valid (rest + 1))))
    return FALSE;

  host = g_strndup (origin, length);
  for (allowed = allowed != NULL ? allowed : defaults; *allowed != NULL; allowed++)
    if (g_ascii_strcasecmp (*allowed, host) == 0 || g_ascii_strcasecmp (*allowed, origin) == 0)
      return TRUE;
  return FALSE;
}
