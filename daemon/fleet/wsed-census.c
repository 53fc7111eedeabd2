/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedCensus owns a table of counts by user and a sum over it, so that two of them can be compared in a word. It knows no daemon. */

#include "fleet/wsed-census.h"

#include <string.h>

/* Users; one has about 100 bytes. */
#define MAX_USERS 2000000
/* The greatest count: nobody is allowed more. */
#define MAX_COUNT 10000000

struct _WsedCensus
{
  GHashTable *counts;          /* (element-type utf8 guint) */
  guint64 sum;
};

WsedCensus *
wsed_census_new (void)
{
  WsedCensus *self = g_new0 (WsedCensus, 1);

  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
wsed_census_free (WsedCensus *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->counts);
  g_free (self);
}

/* FNV-1a; who chose names that meet would only be told again what is known. */
static guint64
hash (const char *user)
{
  guint64 sum = G_GUINT64_CONSTANT (14695981039346656037);

  for (; *user != '\0'; user++)
    sum = (sum ^ (guint8) *user) * G_GUINT64_CONSTANT (1099511628211);
  return sum | 1;
}

guint
wsed_census_get (WsedCensus *self,
                 const char *user)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, user));
}

gboolean
wsed_census_set (WsedCensus *self,
                 const char *user,
                 guint       count)
{
  guint before = wsed_census_get (self, user);

  if (before == 0 && count > 0 && g_hash_table_size (self->counts) >= MAX_USERS)
    return FALSE;
  self->sum += hash (user) * ((guint64) count - before);
  if (count > 0)
    g_hash_table_replace (self->counts, g_strdup (user), GUINT_TO_POINTER (count));
  else
    g_hash_table_remove (self->counts, user);
  return TRUE;
}

guint64
wsed_census_get_sum (WsedCensus *self)
{
  return self->sum;
}

void
wsed_census_take (WsedCensus *self,
                  const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      char *user = strchr (lines[i], ' ');
      guint64 count;

      if (user == NULL || user[1] == '\0')
        continue;
      *user++ = '\0';
      if (g_ascii_string_to_unsigned (lines[i], 10, 0, MAX_COUNT, &count, NULL))
        wsed_census_set (self, user, (guint) count);
    }
}

void
wsed_census_write_line (GString    *out,
                        const char *user,
                        guint       count)
{
  g_string_append_printf (out, "%u %s\n", count, user);
}

GPtrArray *
wsed_census_write (WsedCensus *self,
                   gsize       max_bytes)
{
  GPtrArray *pieces = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) piece = g_string_new (NULL);
  GHashTableIter iter;
  gpointer user, count;

  g_hash_table_iter_init (&iter, self->counts);
  while (g_hash_table_iter_next (&iter, &user, &count))
    {
      gsize before = piece->len;

      wsed_census_write_line (piece, user, GPOINTER_TO_UINT (count));
      if (piece->len <= max_bytes)
        continue;
      g_ptr_array_add (pieces, g_strndup (piece->str, before));
      g_string_erase (piece, 0, (gssize) before);
    }
  g_ptr_array_add (pieces, g_strdup (piece->str));
  return pieces;
}

void
wsed_census_clear (WsedCensus *self)
{
  g_hash_table_remove_all (self->counts);
  self->sum = 0;
}
