/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads Forwarded (RFC 7239) and X-Forwarded-For. What stands left of the first address that is not a trusted proxy's is anybody's word
 * and does not count. Whether who connected is trusted is not decided here. */

#include "guard/wsed-forwarded.h"

#include <string.h>

/* Bytes of a value; a head has not room for much more. */
#define MAX_VALUE 8192
#define MAX_ELEMENTS 64

/* A value's `for`, unquoted; length 0: the element has none. */
typedef struct
{
  char text[80];               /* the longest address with brackets and port has fewer */
  gsize length;
  gboolean too_long;
} Node;

static void
skip_spaces (const char **text)
{
  while (**text == ' ' || **text == '\t')
    (*text)++;
}

/* RFC 9110, section 5.6.2. */
static gboolean
is_token_char (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr ("!#$%&'*+-.^_`|~", c) != NULL);
}

static void
node_add (Node *node,
          char  c)
{
  if (node->length + 1 < sizeof node->text)
    node->text[node->length++] = c;
  else
    node->too_long = TRUE;
}

/* A token or a quoted string; @node: NULL: it does not matter what. */
static gboolean
read_value (const char **text,
            Node        *node)
{
  Node waste = { 0 };
  const char *begin = *text;

  node = node != NULL ? node : &waste;
  if (**text != '"')
    {
      for (; is_token_char (**text); (*text)++)
        node_add (node, **text);
      return *text != begin;
    }
  for ((*text)++; **text != '"'; (*text)++)
    {
      if (**text == '\\')
        (*text)++;
      if ((guchar) **text < ' ' && **text != '\t')
        return FALSE;
      node_add (node, **text);
    }
  (*text)++;
  return TRUE;
}

/* The pairs up to the next comma or the end. */
static gboolean
read_element (const char **text,
              Node        *node)
{
  gboolean seen = FALSE;

  memset (node, 0, sizeof *node);
  for (;; (*text)++)
    {
      const char *name;
      gsize length;
      gboolean is_for;

      skip_spaces (text);
      for (name = *text; is_token_char (**text); (*text)++)
        ;
      length = *text - name;
      is_for = length == 3 && g_ascii_strncasecmp (name, "for", 3) == 0;
      if (length > 0 && (*(*text)++ != '=' || (is_for && seen) || !read_value (text, is_for ? node : NULL)))
        return FALSE;
      seen |= is_for;
      skip_spaces (text);
      if (**text != ';')
        return **text == ',' || **text == '\0';
    }
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80"; @bare: "2001:db8::1" as well. FALSE: no address. */
static gboolean
node_read (const Node  *node,
           gboolean     bare,
           WsedAddress *address)
{
  const char *end = memchr (node->text, ']', node->length);
  const char *colon = memchr (node->text, ':', node->length);

  if (node->too_long)
    return FALSE;
  if (node->text[0] == '[' && end != NULL)
    {
      const char *rest = end + 1;

      return memchr (node->text, ':', end - node->text) != NULL && (rest == node->text + node->length || *rest == ':') &&
             wsed_address_parse (node->text + 1, end - node->text - 1, address);
    }
  if (colon == NULL)
    return wsed_address_parse (node->text, node->length, address);
  if (bare && memchr (colon + 1, ':', node->length - (colon + 1 - node->text)) != NULL)
    return wsed_address_parse (node->text, node->length, address);
  return wsed_address_parse (node->text, colon - node->text, address);
}

static guint
read_forwarded (const char *text,
                Node       *nodes)
{
  guint n = 0;

  for (;; text++)
    {
      /* The last ones count. */
      if (n == MAX_ELEMENTS)
        memmove (nodes, nodes + 1, --n * sizeof *nodes);
      if (!read_element (&text, &nodes[n]))
        return G_MAXUINT;
      n++;
      if (*text == '\0')
        return n;
    }
}

static guint
read_x_forwarded_for (const char *text,
                      Node       *nodes)
{
  guint n = 0;

  for (;; text++)
    {
      if (n == MAX_ELEMENTS)
        memmove (nodes, nodes + 1, --n * sizeof *nodes);
      memset (&nodes[n], 0, sizeof *nodes);
      for (skip_spaces (&text); *text != ',' && *text != '\0'; text++)
        node_add (&nodes[n], *text);
      while (nodes[n].length > 0 && strchr (" \t", nodes[n].text[nodes[n].length - 1]) != NULL)
        nodes[n].length--;
      n++;
      if (*text == '\0')
        return n;
    }
}

/* From the right; FALSE: nobody else than *@client was named. */
static gboolean
walk (const Node         *nodes,
      guint               n,
      gboolean            bare,
      const WsedNetworks *trusted,
      WsedAddress        *client)
{
  gboolean other = FALSE;
  WsedAddress address;

  for (guint hops = 0; n > 0 && hops < WSED_MAX_HOPS; hops++)
    {
      if (!node_read (&nodes[--n], bare, &address))
        break;
      *client = address;
      other = TRUE;
      if (!wsed_networks_contain (trusted, client))
        break;
    }
  return other;
}

WsedForwardedVerdict
wsed_forwarded_read (const char         *forwarded,
                     const char         *x_forwarded_for,
                     const WsedNetworks *trusted,
                     WsedAddress        *client)
{
  Node nodes[MAX_ELEMENTS];
  WsedAddress known = *client, first = known;
  gboolean by_first = FALSE, by_second = FALSE;
  guint n;

  if ((forwarded != NULL && strlen (forwarded) > MAX_VALUE) || (x_forwarded_for != NULL && strlen (x_forwarded_for) > MAX_VALUE))
    return WSED_FORWARDED_BAD;
  if (forwarded != NULL)
    {
      n = read_forwarded (forwarded, nodes);
      if (n == G_MAXUINT)
        return WSED_FORWARDED_BAD;
      by_first = walk (nodes, n, FALSE, trusted, client);
      first = *client;
    }
  if (x_forwarded_for == NULL)
    return by_first ? WSED_FORWARDED_CLIENT : WSED_FORWARDED_SAME;
  *client = known;
  n = read_x_forwarded_for (x_forwarded_for, nodes);
  by_second = walk (nodes, n, TRUE, trusted, client);
  /* A proxy that sets one of them lets the client set the other: none of the two can be believed then. */
  if (forwarded != NULL && (by_first != by_second || memcmp (&first, client, sizeof first) != 0))
    {
      *client = known;
      return WSED_FORWARDED_BAD;
    }
  return by_second ? WSED_FORWARDED_CLIENT : WSED_FORWARDED_SAME;
}
