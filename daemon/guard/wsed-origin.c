/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Parses origins strictly: a lenient parser is how a page of another host gets in. */

#include "guard/wsed-origin.h"

#include <arpa/inet.h>
#include <string.h>

/* More than a host name (253), brackets, a scheme and a port can have (bytes). */
#define MAX_ORIGIN 512

typedef struct
{
  char scheme[32];             /* lower case; "": none is named */
  char host[256];              /* lower case; an IPv6 address in its canonical form, in brackets */
  guint port;                  /* 0: none is named */
} Origin;

/* "scheme://" at the start of *@text is passed over. FALSE: there is one that is none. */
static gboolean
read_scheme (const char **text,
             Origin      *origin)
{
  const char *end = strstr (*text, "://");
  gsize length = end != NULL ? end - *text : 0;

  if (end == NULL)
    return TRUE;
  if (length == 0 || length >= sizeof origin->scheme || !g_ascii_isalpha (**text))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      char c = (*text)[i];

      if (!g_ascii_isalnum (c) && c != '+' && c != '-' && c != '.')
        return FALSE;
      origin->scheme[i] = g_ascii_tolower (c);
    }
  *text = end + strlen ("://");
  return TRUE;
}

static gboolean
read_address (const char **text,
              Origin      *origin)
{
  const char *end = strchr (*text, ']');
  struct in6_addr address;
  gsize length;

  if (end == NULL || (gsize) (end - *text - 1) >= INET6_ADDRSTRLEN)
    return FALSE;
  length = end - *text - 1;
  memcpy (origin->host, *text + 1, length);
  origin->host[length] = '\0';
  if (inet_pton (AF_INET6, origin->host, &address) != 1)
    return FALSE;
  origin->host[0] = '[';
  inet_ntop (AF_INET6, &address, origin->host + 1, INET6_ADDRSTRLEN);
  g_strlcat (origin->host, "]", sizeof origin->host);
  *text = end + 1;
  return TRUE;
}

static gboolean
read_host (const char **text,
           Origin      *origin)
{
  gsize length = 0;

  if (**text == '[')
    return read_address (text, origin);
  for (const char *c = *text; g_ascii_isalnum (*c) || *c == '-' || *c == '.' || *c == '_'; c++)
    {
      if (length + 1 == sizeof origin->host)
        return FALSE;
      origin->host[length++] = g_ascii_tolower (*c);
    }
  *text += length;
  return length > 0;
}

static gboolean
read_port (const char *text,
           Origin     *origin)
{
  guint64 port;

  if (*text == '\0')
    return TRUE;
  /* A serialized one has no zeros before it. */
  if (text[0] != ':' || text[1] == '0' || !g_ascii_string_to_unsigned (text + 1, 10, 1, G_MAXUINT16, &port, NULL))
    return FALSE;
  origin->port = port;
  return TRUE;
}

static gboolean
origin_read (const char *text,
             Origin     *origin)
{
  memset (origin, 0, sizeof *origin);
  return strnlen (text, MAX_ORIGIN) < MAX_ORIGIN && read_scheme (&text, origin) && read_host (&text, origin) && read_port (text, origin);
}

/* The port that is not written; 0: the scheme has none. */
static guint
port_of (const Origin *origin)
{
  if (origin->port != 0)
    return origin->port;
  if (g_str_equal (origin->scheme, "http") || g_str_equal (origin->scheme, "ws"))
    return 80;
  return g_str_equal (origin->scheme, "https") || g_str_equal (origin->scheme, "wss") ? 443 : 0;
}

static gboolean
entry_covers (const Origin *entry,
              const Origin *origin)
{
  if (!g_str_equal (entry->host, origin->host) || (entry->scheme[0] != '\0' && !g_str_equal (entry->scheme, origin->scheme)))
    return FALSE;
  return (entry->scheme[0] == '\0' && entry->port == 0) || port_of (entry) == port_of (origin);
}

gboolean
wsed_origin_is_allowed (const char         *origin,
                        const char * const *allowed)
{
  static const char * const defaults[] = { "localhost", "127.0.0.1", "[::1]", NULL };
  Origin page, entry;

  if (!origin_read (origin, &page) || page.scheme[0] == '\0')
    return FALSE;
  for (allowed = allowed != NULL ? allowed : defaults; *allowed != NULL; allowed++)
    if (origin_read (*allowed, &entry) && entry_covers (&entry, &page))
      return TRUE;
  return FALSE;
}

gboolean
wsed_origin_is_entry (const char *entry)
{
  Origin origin;

  return origin_read (entry, &origin) && !g_str_equal (origin.host, "null");
}
