/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRoster asks this daemon's workers and the other daemons for their connections, or has them ended. A page begins at a daemon's name
 * and a serial there, so that any daemon can give the next one. It keeps nothing, and waits for nobody longer than the fleet does. */

#include "transport/wsed-roster.h"

#include <string.h>

typedef struct
{
  WsedHub *hub;
  WsedFleet *fleet;
  WsedSurveyWish wish;
  char *at;                    /* the daemon that is being asked */
  WsedRosterResult result;
  WsedRostered done;
  gpointer user_data;
} Roster;

static void
finish (Roster *self)
{
  self->done (&self->result, self->user_data);
  g_string_free (self->result.text, TRUE);
  g_free (self->result.next);
  g_free (self->wish.id);
  g_free (self->wish.user);
  g_free (self->wish.endpoint);
  g_free (self->wish.channel);
  g_free (self->at);
  g_free (self);
}

/* Adds what one daemon gave. */
static void
add (Roster     *self,
     guint       count,
     const char *text,
     guint64     next)
{
  if (self->result.text->len > 0 && *text != '\0')
    g_string_append_c (self->result.text, ',');
  g_string_append (self->result.text, text);
  self->result.count += count;
  self->wish.limit -= MIN (count, self->wish.limit);
  if (next > 0)
    self->result.next = self->at != NULL ? g_strdup_printf ("%s:%" G_GUINT64_FORMAT, self->at, next)
                                         : g_strdup_printf ("%" G_GUINT64_FORMAT, next);
}

static void ask (Roster *self);

/* Goes on with the next daemon, unless enough has been found. */
static void
go_on (Roster *self)
{
  const char *next = self->fleet != NULL && self->result.next == NULL ? wsed_fleet_get_next (self->fleet, self->at) : NULL;

  if (next != NULL && self->wish.limit == 0 && !self->wish.dismiss)
    self->result.next = g_strdup_printf ("%s:0", next);
  if (next == NULL || self->wish.limit == 0)
    {
      finish (self);
      return;
    }
  g_free (self->at);
  self->at = g_strdup (next);
  self->wish.after = 0;
  ask (self);
}

static void
on_surveyed (const WsedSurveyResult *result,
             gpointer                user_data)
{
  Roster *self = user_data;

  add (self, result->count, result->text->str, result->next);
  go_on (self);
}

/* "COUNT NEXT", and the rows. */
static void
on_answered (const char *text,
             gpointer    user_data)
{
  Roster *self = user_data;
  const char *rows = text != NULL ? strchr (text, '\n') : NULL;
  g_autofree char *head = rows != NULL ? g_strndup (text, rows - text) : NULL;
  char *space = head != NULL ? strchr (head, ' ') : NULL;
  guint64 count = 0, next = 0;

  if (space != NULL)
    *space++ = '\0';
  if (space != NULL && g_ascii_string_to_unsigned (head, 10, 0, G_MAXUINT, &count, NULL)
      && g_ascii_string_to_unsigned (space, 10, 0, G_MAXUINT64, &next, NULL))
    add (self, (guint) count, rows + 1, next);
  else
    self->result.unanswered++;
  go_on (self);
}

/* A value with a line's end in it is nobody's. */
static void
write_field (GString    *out,
             const char *name,
             const char *value)
{
  g_autofree char *line = g_strdup (value);

  if (value != NULL)
    g_string_append_printf (out, "%s %s\n", name, g_strdelimit (line, "\r\n", ' '));
}

static void
ask (Roster *self)
{
  g_autoptr (GString) text = NULL;

  if (self->fleet == NULL || strcmp (self->at, wsed_fleet_get_name (self->fleet)) == 0)
    {
      wsed_survey_start (self->hub, &self->wish, on_surveyed, self);
      return;
    }
  text = g_string_new (NULL);
  g_string_append_printf (text, "survey %u %d %" G_GUINT64_FORMAT "\n", self->wish.limit, self->wish.dismiss, self->wish.after);
  write_field (text, "id", self->wish.id);
  write_field (text, "user", self->wish.user);
  write_field (text, "endpoint", self->wish.endpoint);
  write_field (text, "channel", self->wish.channel);
  if (text->len <= WSED_RELAY_MAX_SAID / 2)
    wsed_fleet_ask (self->fleet, self->at, text->str, on_answered, self);
  else
    go_on (self);
}

/* "NAME:SERIAL", alone "SERIAL". */
static gboolean
read_page (WsedFleet  *fleet,
           const char *page,
           char      **at,
           guint64    *after)
{
  const char *colon = page != NULL && fleet != NULL ? strchr (page, ':') : NULL;

  *after = 0;
  *at = NULL;
  if (page == NULL)
    *at = fleet != NULL ? g_strdup (wsed_fleet_get_next (fleet, NULL)) : NULL;
  else if (fleet == NULL)
    return g_ascii_string_to_unsigned (page, 10, 1, G_MAXUINT64, after, NULL);
  else if (colon == NULL || colon - page != WSED_RELAY_NAME_BYTES || !g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT64, after, NULL))
    return FALSE;
  else
    *at = g_strndup (page, colon - page);
  return TRUE;
}

gboolean
wsed_roster_start (WsedHub              *hub,
                   WsedFleet            *fleet,
                   const WsedSurveyWish *wish,
                   const char           *page,
                   WsedRostered          done,
                   gpointer              user_data)
{
  guint64 after;
  char *at;
  Roster *self;

  if (!read_page (fleet, page, &at, &after))
    return FALSE;
  self = g_new0 (Roster, 1);
  self->hub = hub;
  self->fleet = fleet;
  self->wish = *wish;
  self->wish.id = g_strdup (wish->id);
  self->wish.user = g_strdup (wish->user);
  self->wish.endpoint = g_strdup (wish->endpoint);
  self->wish.channel = g_strdup (wish->channel);
  self->wish.after = after;
  self->at = at;
  self->result.text = g_string_new (NULL);
  self->done = done;
  self->user_data = user_data;
  ask (self);
  return TRUE;
}

/* For another daemon */

static void
reply (const WsedSurveyResult *result,
       gpointer                user_data)
{
  g_autofree char *text = g_strdup_printf ("%u %" G_GUINT64_FORMAT "\n%s", result->count, result->next, result->text->str);

  wsed_question_answer (user_data, text);
}

static void
take_field (WsedSurveyWish *wish,
            char           *line)
{
  char *value = strchr (line, ' ');

  if (value == NULL)
    return;
  *value++ = '\0';
  if (strcmp (line, "id") == 0)
    wish->id = value;
  else if (strcmp (line, "user") == 0)
    wish->user = value;
  else if (strcmp (line, "endpoint") == 0)
    wish->endpoint = value;
  else if (strcmp (line, "channel") == 0)
    wish->channel = value;
}

gboolean
wsed_roster_answer (WsedHub      *hub,
                    WsedQuestion *question,
                    const char   *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", 6);
  g_auto (GStrv) head = g_strsplit (lines[0] != NULL ? lines[0] : "", " ", 4);
  WsedSurveyWish wish = { 0 };
  guint64 limit, dismiss;

  if (g_strv_length (head) < 4 || strcmp (head[0], "survey") != 0 || !g_ascii_string_to_unsigned (head[1], 10, 1, G_MAXUINT, &limit, NULL)
      || !g_ascii_string_to_unsigned (head[2], 10, 0, 1, &dismiss, NULL)
      || !g_ascii_string_to_unsigned (head[3], 10, 0, G_MAXUINT64, &wish.after, NULL))
    return FALSE;
  for (guint i = 1; lines[i] != NULL; i++)
    take_field (&wish, lines[i]);
  wish.limit = (guint) limit;
  wish.dismiss = dismiss != 0;
  wsed_survey_start (hub, &wish, reply, question);
  return TRUE;
}
