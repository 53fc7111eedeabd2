/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedFleet owns what is known of the other daemons. Each says every second that it is here, with the sum of its counts; whose sum differs
 * from what is known of it is asked for all of them. A message is a line with a verb and its arguments, then a text. It decides nothing. */

#include "fleet/wsed-fleet.h"

#include <string.h>

#include "fleet/wsed-census.h"
#include "fleet/wsed-inquiry.h"

#define MAX_MEMBERS 256
/* ms between two messages of counts under load. */
#define COUNTS_INTERVAL 5
/* Things told that are remembered, so that they are not heard twice. */
#define MAX_TOLD 1024
/* Bytes of one message, beside its first line. */
#define MAX_TEXT (WSED_RELAY_MAX_SAID - 64)

typedef struct
{
  char *name;
  gint64 heard;                /* monotonic */
  WsedCensus *census;
} Member;

struct _WsedFleet
{
  WsedRelay *relay;
  char *name;
  GPtrArray *members;          /* (element-type Member), by name */
  WsedCensus *census;          /* of this one */
  GHashTable *changed;         /* set of users whose counts have to be told */
  gint64 counts_told;          /* monotonic */
  gboolean stopped;
  WsedInquiries *inquiries;
  GHashTable *heard;           /* set of what was told last */
  GQueue hearsay;              /* of it, oldest first */
  WsedAsked asked;
  WsedTold told;
  gpointer asked_data, told_data;
  guint beat, counts;          /* sources */
};

struct _WsedQuestion
{
  WsedFleet *fleet;
  char *from;
  guint64 id;
};

static void
member_free (gpointer data)
{
  Member *member = data;

  wsed_census_free (member->census);
  g_free (member->name);
  g_free (member);
}

static void
say (WsedFleet  *self,
     const char *to,
     const char *head,
     const char *text)
{
  g_autofree char *message = g_strconcat (head, "\n", text, NULL);
  gsize length = strlen (message);

  g_return_if_fail (length <= WSED_RELAY_MAX_SAID);
  wsed_relay_say (self->relay, to, message, length);
}

/* Counts */

static void
tell_counts (WsedFleet *self)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GHashTableIter iter;
  gpointer user;

  g_clear_handle_id (&self->counts, g_source_remove);
  self->counts_told = g_get_monotonic_time ();
  g_hash_table_iter_init (&iter, self->changed);
  while (g_hash_table_iter_next (&iter, &user, NULL))
    {
      gsize before = text->len;

      wsed_census_write_line (text, user, wsed_census_get (self->census, user));
      if (text->len > MAX_TEXT)
        {
          g_autofree char *piece = g_strndup (text->str, before);

          say (self, NULL, "counts", piece);
          g_string_erase (text, 0, (gssize) before);
        }
    }
  g_hash_table_remove_all (self->changed);
  if (text->len > 0)
    say (self, NULL, "counts", text->str);
}

static gboolean
on_counts (gpointer user_data)
{
  WsedFleet *self = user_data;

  self->counts = 0;
  tell_counts (self);
  return G_SOURCE_REMOVE;
}

void
wsed_fleet_count (WsedFleet  *self,
                  const char *user,
                  guint       count)
{
  gint64 since = g_get_monotonic_time () - self->counts_told;

  if (self->stopped || !wsed_census_set (self->census, user, count))
    return;
  g_hash_table_add (self->changed, g_strdup (user));
  if (since >= COUNTS_INTERVAL * G_TIME_SPAN_MILLISECOND)
    tell_counts (self);
  else if (self->counts == 0)
    self->counts = g_timeout_add (COUNTS_INTERVAL, on_counts, self);
}

/* All of them, to one who does not know them. */
static void
tell_all (WsedFleet  *self,
          const char *to)
{
  g_autoptr (GPtrArray) pieces = wsed_census_write (self->census, MAX_TEXT);

  for (guint i = 0; i < pieces->len; i++)
    say (self, to, i == 0 ? "anew" : "counts", g_ptr_array_index (pieces, i));
}

guint
wsed_fleet_get_elsewhere (WsedFleet  *self,
                          const char *user)
{
  guint total = 0;

  for (guint i = 0; i < self->members->len; i++)
    total += wsed_census_get (((Member *) g_ptr_array_index (self->members, i))->census, user);
  return total;
}

/* Members */

static gboolean
is_name (const char *name)
{
  return strlen (name) == WSED_RELAY_NAME_BYTES && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS) == WSED_RELAY_NAME_BYTES;
}

/* The place of the first member with at least that name. */
static guint
find_place (WsedFleet  *self,
            const char *name)
{
  guint place = 0;

  while (place < self->members->len && strcmp (((Member *) g_ptr_array_index (self->members, place))->name, name) < 0)
    place++;
  return place;
}

/* Known from now on; NULL: it is none, or there are too many. */
static Member *
meet (WsedFleet  *self,
      const char *name)
{
  guint place = find_place (self, name);
  Member *member = place < self->members->len ? g_ptr_array_index (self->members, place) : NULL;

  if (member == NULL || strcmp (member->name, name) != 0)
    {
      if (!is_name (name) || strcmp (name, self->name) == 0 || self->members->len == MAX_MEMBERS)
        return NULL;
      member = g_new0 (Member, 1);
      member->name = g_strdup (name);
      member->census = wsed_census_new ();
      g_ptr_array_insert (self->members, (int) place, member);
      g_message ("another daemon of this log is here: %s", name);
      wsed_fleet_greet (self);
    }
  member->heard = g_get_monotonic_time ();
  return member;
}

static void
part (WsedFleet *self,
      guint      place)
{
  g_autofree char *name = g_strdup (((Member *) g_ptr_array_index (self->members, place))->name);

  g_message ("a daemon of this log is gone: %s", name);
  g_ptr_array_remove_index (self->members, place);
  wsed_inquiries_forget (self->inquiries, name);
}

void
wsed_fleet_greet (WsedFleet *self)
{
  g_autofree char *head = NULL;

  /* Before the sum: it holds for what was told before it. */
  if (g_hash_table_size (self->changed) > 0)
    tell_counts (self);
  head = g_strdup_printf ("here %" G_GUINT64_FORMAT, wsed_census_get_sum (self->census));
  say (self, NULL, head, "");
}

static gboolean
on_beat (gpointer user_data)
{
  WsedFleet *self = user_data;
  gint64 now = g_get_monotonic_time ();

  wsed_fleet_greet (self);
  for (guint i = self->members->len; i-- > 0;)
    if (now - ((Member *) g_ptr_array_index (self->members, i))->heard > WSED_FLEET_PATIENCE * G_TIME_SPAN_MILLISECOND)
      part (self, i);
  return G_SOURCE_CONTINUE;
}

guint
wsed_fleet_get_size (WsedFleet *self)
{
  return self->members->len;
}

const char *
wsed_fleet_get_name (WsedFleet *self)
{
  return self->name;
}

const char *
wsed_fleet_get_next (WsedFleet  *self,
                     const char *after)
{
  guint place = after != NULL ? find_place (self, after) : 0;
  const char *next = NULL;

  while (place < self->members->len && next == NULL)
    {
      next = ((Member *) g_ptr_array_index (self->members, place++))->name;
      if (g_strcmp0 (next, after) == 0)
        next = NULL;
    }
  if (self->stopped)
    return NULL;
  if (g_strcmp0 (self->name, after) > 0 && (next == NULL || strcmp (self->name, next) < 0))
    return self->name;
  return next;
}

/* What is said */

/* Once, whichever way it comes. */
static void
take_told (WsedFleet  *self,
           const char *kind,
           const char *text,
           gboolean    own)
{
  char *all = g_strconcat (kind, " ", text, NULL);

  if (g_hash_table_contains (self->heard, all))
    {
      g_free (all);
      return;
    }
  if (self->hearsay.length == MAX_TOLD)
    g_hash_table_remove (self->heard, g_queue_pop_head (&self->hearsay));
  g_hash_table_add (self->heard, all);
  g_queue_push_tail (&self->hearsay, all);
  if (self->told != NULL)
    self->told (kind, text, own, self->told_data);
}

static void
take_here (WsedFleet  *self,
           Member     *member,
           const char *sum)
{
  guint64 value;

  if (g_ascii_string_to_unsigned (sum, 10, 0, G_MAXUINT64, &value, NULL) && value != wsed_census_get_sum (member->census))
    say (self, member->name, "tell", "");
}

static void
take_question (WsedFleet  *self,
               const char *from,
               const char *id,
               const char *text)
{
  WsedQuestion *question;
  guint64 value;

  if (self->asked == NULL || !g_ascii_string_to_unsigned (id, 10, 0, G_MAXUINT64, &value, NULL))
    return;
  question = g_new (WsedQuestion, 1);
  *question = (WsedQuestion) { self, g_strdup (from), value };
  self->asked (question, text, self->asked_data);
}

void
wsed_fleet_hear (WsedFleet  *self,
                 const char *from,
                 const char *text,
                 gsize       length)
{
  g_autofree char *message = g_strndup (text, length);
  char *rest = strchr (message, '\n'), *arguments;
  Member *member;

  if (self->stopped || rest == NULL || strlen (message) != length || !g_utf8_validate (message, (gssize) length, NULL))
    return;
  *rest++ = '\0';
  arguments = strchr (message, ' ');
  if (arguments != NULL)
    *arguments++ = '\0';
  else
    arguments = rest - 1;
  member = meet (self, from);
  if (member == NULL)
    return;
  if (strcmp (message, "here") == 0)
    take_here (self, member, arguments);
  else if (strcmp (message, "bye") == 0)
    part (self, find_place (self, from));
  else if (strcmp (message, "tell") == 0)
    tell_all (self, member->name);
  else if (strcmp (message, "ask") == 0)
    take_question (self, from, arguments, rest);
  else if (strcmp (message, "reply") == 0)
    wsed_inquiries_take (self->inquiries, from, arguments, rest);
  else if (strcmp (message, "told") == 0)
    take_told (self, arguments, rest, FALSE);
  else if (strcmp (message, "anew") == 0 || strcmp (message, "counts") == 0)
    {
      if (message[0] == 'a')
        wsed_census_clear (member->census);
      wsed_census_take (member->census, rest);
    }
}

void
wsed_fleet_ask (WsedFleet   *self,
                const char  *to,
                const char  *text,
                WsedAnswered done,
                gpointer     user_data)
{
  wsed_inquiries_ask (self->inquiries, to, text, done, user_data);
}

void
wsed_question_answer (WsedQuestion *question,
                      const char   *text)
{
  wsed_inquiries_reply (question->fleet->inquiries, question->from, question->id, text);
  g_free (question->from);
  g_free (question);
}

void
wsed_fleet_tell (WsedFleet  *self,
                 const char *kind,
                 const char *text)
{
  g_autofree char *head = g_strconcat ("told ", kind, NULL);

  say (self, NULL, head, text);
  take_told (self, kind, text, TRUE);
}

void
wsed_fleet_relate (WsedFleet  *self,
                   const char *kind,
                   const char *text)
{
  take_told (self, kind, text, FALSE);
}

void
wsed_fleet_set_asked (WsedFleet *self,
                      WsedAsked  asked,
                      gpointer   user_data)
{
  self->asked = asked;
  self->asked_data = user_data;
}

void
wsed_fleet_set_told (WsedFleet *self,
                     WsedTold   told,
                     gpointer   user_data)
{
  self->told = told;
  self->told_data = user_data;
}

WsedFleet *
wsed_fleet_new (WsedRelay  *relay,
                const char *name)
{
  WsedFleet *self = g_new0 (WsedFleet, 1);

  self->relay = relay;
  self->name = g_strdup (name);
  self->members = g_ptr_array_new_with_free_func (member_free);
  self->census = wsed_census_new ();
  self->changed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->inquiries = wsed_inquiries_new (relay);
  self->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_queue_init (&self->hearsay);
  self->beat = g_timeout_add (WSED_FLEET_BEAT, on_beat, self);
  return self;
}

void
wsed_fleet_stop (WsedFleet *self)
{
  if (self->stopped)
    return;
  say (self, NULL, "bye", "");
  self->stopped = TRUE;
  g_clear_handle_id (&self->beat, g_source_remove);
  wsed_inquiries_stop (self->inquiries);
}

void
wsed_fleet_free (WsedFleet *self)
{
  if (self == NULL)
    return;
  wsed_fleet_stop (self);
  g_clear_handle_id (&self->counts, g_source_remove);
  wsed_inquiries_free (self->inquiries);
  g_queue_clear (&self->hearsay);
  g_hash_table_unref (self->heard);
  g_hash_table_unref (self->changed);
  wsed_census_free (self->census);
  g_ptr_array_unref (self->members);
  g_free (self->name);
  g_free (self);
}
