/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the offers of extensions, strictly: an offer with a parameter that is unknown, twice there or without its proper value is passed
 * over, whatever else stands in it. It never answers with what was not asked for, but for the two words by which no side keeps anything
 * from one message to the next: a server may say these of its own accord (RFC 7692 7.1.1). */

#include "transport/wsed-extension.h"

#include <string.h>

#include "wse-deflate-private.h"

#define NO_TAKEOVER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const char with_window[] = NO_TAKEOVER "; server_max_window_bits=" G_STRINGIFY (WSE_DEFLATE_WINDOW_BITS);

/* In the order of the bits in Offer.seen. */
static const char * const parameters[] = {
  "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits",
};

typedef enum
{
  SERVER_NO_TAKEOVER,
  CLIENT_NO_TAKEOVER,
  SERVER_WINDOW,
  CLIENT_WINDOW,
} Parameter;

typedef struct
{
  guint seen;                  /* a bit for each parameter */
  gboolean declined;
} Offer;

static void
skip_space (const char **at)
{
  *at += strspn (*at, " \t");
}

/* RFC 7230 3.2.6. NULL: there is none. */
static char *
read_token (const char **at)
{
  gsize length = strspn (*at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");
  char *token = length > 0 ? g_strndup (*at, length) : NULL;

  *at += length;
  skip_space (at);
  return token;
}

/* What is quoted must be a token, too (RFC 6455 9.1). */
static char *
read_quoted (const char **at)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *token = NULL;
  const char *rest;

  for ((*at)++; **at != '"'; (*at)++)
    {
      if (**at == '\\')
        (*at)++;
      if (**at == '\0')
        return NULL;
      g_string_append_c (text, **at);
    }
  (*at)++;
  skip_space (at);
  rest = text->str;
  token = read_token (&rest);
  return *rest == '\0' && token != NULL && strlen (token) == text->len ? g_steal_pointer (&token) : NULL;
}

/* RFC 7692 7.1.2: 8 to 15, without a zero before it. 0: it is not. */
static guint
read_window (const char *value)
{
  if (strlen (value) == 1 && (*value == '8' || *value == '9'))
    return *value - '0';
  return strlen (value) == 2 && *value == '1' && value[1] >= '0' && value[1] <= '5' ? 10 + value[1] - '0' : 0;
}

/* @value: NULL where none stands there. */
static gboolean
can_be_kept (Parameter   parameter,
             const char *value)
{
  switch (parameter)
    {
    case SERVER_NO_TAKEOVER:
    case CLIENT_NO_TAKEOVER:
      return value == NULL;
    case SERVER_WINDOW:
      /* One frame goes to all: its window cannot be each client's own. */
      return value != NULL && read_window (value) >= WSE_DEFLATE_WINDOW_BITS;
    case CLIENT_WINDOW:
      return value == NULL || read_window (value) > 0;
    default:
      g_assert_not_reached ();
    }
}

static void
take_parameter (Offer      *offer,
                const char *name,
                const char *value)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (parameters) && strcmp (name, parameters[i]) != 0)
    i++;
  if (i == G_N_ELEMENTS (parameters) || (offer->seen & 1u << i) != 0 || !can_be_kept (i, value))
    offer->declined = TRUE;
  else
    offer->seen |= 1u << i;
}

/* `; name`, `; name=value`, `; name="value"` */
static gboolean
read_parameter (const char **at,
                Offer       *offer)
{
  g_autofree char *name = NULL, *value = NULL;

  (*at)++;
  skip_space (at);
  name = read_token (at);
  if (name == NULL)
    return FALSE;
  if (**at == '=')
    {
      (*at)++;
      skip_space (at);
      value = **at == '"' ? read_quoted (at) : read_token (at);
      if (value == NULL)
        return FALSE;
    }
  take_parameter (offer, name, value);
  return TRUE;
}

static gboolean
read_offer (const char **at,
            Offer       *offer)
{
  g_autofree char *name = read_token (at);

  *offer = (Offer) { .declined = name == NULL || strcmp (name, "permessage-deflate") != 0 };
  while (name != NULL && **at == ';')
    if (!read_parameter (at, offer))
      return FALSE;
  return name != NULL && (**at == ',' || **at == '\0');
}

gboolean
wsed_extension_choose (const char  *offers,
                       const char **answer)
{
  const char *at = offers != NULL ? offers : "";

  *answer = NULL;
  while (at += strspn (at, ", \t"), *at != '\0')
    {
      Offer offer;

      if (!read_offer (&at, &offer))
        return FALSE;
      if (*answer == NULL && !offer.declined)
        *answer = (offer.seen & 1u << SERVER_WINDOW) != 0 ? with_window : NO_TAKEOVER;
    }
  return TRUE;
}
