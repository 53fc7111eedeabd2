/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedQuery owns the decoded parameters of one request. It never knows what they mean. */

#include "transport/wsed-query.h"

#include <string.h>

#include "wse-error.h"

typedef struct
{
  char *name;
  char *value;
} Parameter;

struct _WsedQuery
{
  GArray *parameters;          /* (element-type Parameter) */
};

static void
parameter_clear (gpointer data)
{
  Parameter *parameter = data;

  g_free (parameter->name);
  g_free (parameter->value);
}

/* As forms do it: `+` is a space. NULL where an escape is broken, or what comes out is not UTF-8 or has a NUL in it. */
static char *
decode (const char *text,
        gsize       length)
{
  g_autoptr (GString) out = g_string_sized_new (length);

  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '+')
        g_string_append_c (out, ' ');
      else if (text[i] != '%')
        g_string_append_c (out, text[i]);
      else
        {
          int high = length - i > 2 ? g_ascii_xdigit_value (text[i + 1]) : -1;
          int low = length - i > 2 ? g_ascii_xdigit_value (text[i + 2]) : -1;

          if (high < 0 || low < 0)
            return NULL;
          g_string_append_c (out, high << 4 | low);
          i += 2;
        }
    }
  /* Refuses a NUL as well. */
  if (!g_utf8_validate (out->str, out->len, NULL))
    return NULL;
  return g_strdup (out->str);
}

static gboolean
is_one_of (const char *name,
           const char *names)
{
  g_auto (GStrv) each = g_strsplit (names, " ", -1);

  return *name != '\0' && g_strv_contains ((const char * const *) each, name);
}

static gboolean
query_add (WsedQuery   *self,
           const char  *pair,
           gsize        length,
           const char  *once,
           const char  *many,
           GError     **error)
{
  const char *equals = memchr (pair, '=', length);
  gsize name_length = equals != NULL ? (gsize) (equals - pair) : length;
  Parameter parameter = { decode (pair, name_length), NULL };

  parameter.value = equals != NULL ? decode (equals + 1, length - name_length - 1) : g_strdup ("");
  if (parameter.name == NULL || parameter.value == NULL)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "a query parameter is not percent-encoded UTF-8");
  else if (is_one_of (parameter.name, once))
    {
      if (wsed_query_get (self, parameter.name) == NULL)
        {
          g_array_append_val (self->parameters, parameter);
          return TRUE;
        }
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `%s` is given twice", parameter.name);
    }
  else if (is_one_of (parameter.name, many))
    {
      g_array_append_val (self->parameters, parameter);
      return TRUE;
    }
  else
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "unknown query parameter `%s`; allowed: %s%s%s", parameter.name, once,
                 *many != '\0' ? " " : "", many);
  parameter_clear (&parameter);
  return FALSE;
}

WsedQuery *
wsed_query_new (const char  *query,
                const char  *once,
                const char  *many,
                GError     **error)
{
  g_autoptr (WsedQuery) self = g_new0 (WsedQuery, 1);

  self->parameters = g_array_new (FALSE, FALSE, sizeof (Parameter));
  g_array_set_clear_func (self->parameters, parameter_clear);
  while (query != NULL && *query != '\0')
    {
      gsize length = strcspn (query, "&");

      if (length > 0 && !query_add (self, query, length, once, many, error))
        return NULL;
      query += length;
      if (*query == '&')
        query++;
    }
  return g_steal_pointer (&self);
}

const char *
wsed_query_get (WsedQuery  *self,
                const char *name)
{
  for (guint i = 0; i < self->parameters->len; i++)
    {
      Parameter *parameter = &g_array_index (self->parameters, Parameter, i);

      if (g_str_equal (parameter->name, name))
        return parameter->value;
    }
  return NULL;
}

GStrv
wsed_query_get_all (WsedQuery  *self,
                    const char *name)
{
  g_autoptr (GStrvBuilder) values = g_strv_builder_new ();

  for (guint i = 0; i < self->parameters->len; i++)
    {
      Parameter *parameter = &g_array_index (self->parameters, Parameter, i);

      if (g_str_equal (parameter->name, name))
        g_strv_builder_add (values, parameter->value);
    }
  return g_strv_builder_end (values);
}

gboolean
wsed_query_get_uint (WsedQuery   *self,
                     const char  *name,
                     guint        min,
                     guint        max,
                     guint       *number,
                     GError     **error)
{
  const char *value = wsed_query_get (self, name);
  guint64 parsed;

  if (value == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (value, 10, min, max, &parsed, NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `%s` must be a number from %u to %u", name, min, max);
      return FALSE;
    }
  *number = parsed;
  return TRUE;
}

void
wsed_query_free (WsedQuery *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->parameters);
  g_free (self);
}
