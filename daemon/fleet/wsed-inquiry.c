/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedInquiries owns the questions that wait for another daemon's answer, each with its deadline. It knows nothing of what is asked. */

#include "fleet/wsed-inquiry.h"

#include <string.h>

/* Bytes of one answer. */
#define MAX_ANSWER (16 * 1024 * 1024)
/* Bytes of one piece, beside its head. */
#define PIECE (WSED_RELAY_MAX_SAID - 96)

typedef struct
{
  WsedInquiries *inquiries;
  guint64 id;
  char *to;
  GString *text;
  guint pieces;                /* that have come */
  guint deadline;              /* source */
  WsedAnswered done;
  gpointer user_data;
} Inquiry;

struct _WsedInquiries
{
  WsedRelay *relay;
  gboolean stopped;
  guint64 last;
  GHashTable *waiting;         /* (element-type guint64 Inquiry), owned by finish() */
};

WsedInquiries *
wsed_inquiries_new (WsedRelay *relay)
{
  WsedInquiries *self = g_new0 (WsedInquiries, 1);

  self->relay = relay;
  self->waiting = g_hash_table_new (g_int64_hash, g_int64_equal);
  return self;
}

static void
finish (Inquiry    *inquiry,
        const char *text)
{
  g_hash_table_remove (inquiry->inquiries->waiting, &inquiry->id);
  g_clear_handle_id (&inquiry->deadline, g_source_remove);
  inquiry->done (text, inquiry->user_data);
  g_string_free (inquiry->text, TRUE);
  g_free (inquiry->to);
  g_free (inquiry);
}

void
wsed_inquiries_forget (WsedInquiries *self,
                       const char    *from)
{
  g_autoptr (GList) all = g_hash_table_get_values (self->waiting);

  for (GList *link = all; link != NULL; link = link->next)
    if (from == NULL || strcmp (((Inquiry *) link->data)->to, from) == 0)
      finish (link->data, NULL);
}

void
wsed_inquiries_stop (WsedInquiries *self)
{
  self->stopped = TRUE;
  wsed_inquiries_forget (self, NULL);
}

void
wsed_inquiries_free (WsedInquiries *self)
{
  wsed_inquiries_stop (self);
  g_hash_table_unref (self->waiting);
  g_free (self);
}

static gboolean
on_deadline (gpointer user_data)
{
  Inquiry *inquiry = user_data;

  inquiry->deadline = 0;
  finish (inquiry, NULL);
  return G_SOURCE_REMOVE;
}

void
wsed_inquiries_ask (WsedInquiries *self,
                    const char    *to,
                    const char    *text,
                    WsedAnswered   done,
                    gpointer       user_data)
{
  g_autofree char *message = NULL;
  Inquiry *inquiry;

  if (self->stopped)
    {
      done (NULL, user_data);
      return;
    }
  message = g_strdup_printf ("ask %" G_GUINT64_FORMAT "\n%s", ++self->last, text);
  inquiry = g_new0 (Inquiry, 1);
  inquiry->inquiries = self;
  inquiry->id = self->last;
  inquiry->to = g_strdup (to);
  inquiry->text = g_string_new (NULL);
  inquiry->done = done;
  inquiry->user_data = user_data;
  inquiry->deadline = g_timeout_add (WSED_FLEET_TIMEOUT, on_deadline, inquiry);
  g_hash_table_insert (self->waiting, &inquiry->id, inquiry);
  wsed_relay_say (self->relay, to, message, strlen (message));
}

void
wsed_inquiries_take (WsedInquiries *self,
                     const char    *from,
                     const char    *head,
                     const char    *text)
{
  g_auto (GStrv) parts = g_strsplit (head, " ", 3);
  guint64 id, index, last;
  Inquiry *inquiry;

  if (g_strv_length (parts) < 3 || !g_ascii_string_to_unsigned (parts[0], 10, 0, G_MAXUINT64, &id, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 0, G_MAXUINT, &index, NULL)
      || !g_ascii_string_to_unsigned (parts[2], 10, 0, G_MAXUINT, &last, NULL))
    return;
  inquiry = g_hash_table_lookup (self->waiting, &id);
  if (inquiry == NULL || strcmp (inquiry->to, from) != 0)
    return;
  if (index != inquiry->pieces || inquiry->text->len + strlen (text) > MAX_ANSWER)
    {
      finish (inquiry, NULL);
      return;
    }
  inquiry->pieces++;
  g_string_append (inquiry->text, text);
  if (index == last)
    finish (inquiry, inquiry->text->str);
}

void
wsed_inquiries_reply (WsedInquiries *self,
                      const char    *to,
                      guint64        id,
                      const char    *text)
{
  gsize length = strlen (text);
  g_autoptr (GArray) ends = g_array_new (FALSE, FALSE, sizeof (gsize));

  /* A piece ends where a character does. */
  for (gsize at = 0; at < length || ends->len == 0;)
    {
      gsize end = MIN (length, at + PIECE);

      while (end < length && (text[end] & 0xc0) == 0x80)
        end--;
      g_array_append_val (ends, end);
      at = end;
    }
  for (guint i = 0; i < ends->len; i++)
    {
      gsize from = i > 0 ? g_array_index (ends, gsize, i - 1) : 0;
      g_autofree char *message = g_strdup_printf ("reply %" G_GUINT64_FORMAT " %u %u\n%.*s", id, i, ends->len - 1,
                                                  (int) (g_array_index (ends, gsize, i) - from), text + from);

      wsed_relay_say (self->relay, to, message, strlen (message));
    }
}
