/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRevocations owns the deny list and its file: a line an entry, appended and synced before it is answered, written anew without what
 * has expired at the start and when half of it has. It never touches a connection. */

#include "auth/wsed-revocations.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "wse-error.h"

/* Entries; one has about 200 bytes in memory. */
#define MAX_ENTRIES 100000
/* Lines beyond twice the entries before the file is written anew. */
#define SLACK 1024
/* Bytes of the file: the entries at their longest, which nobody has. */
#define MAX_BYTES (256 * 1024 * 1024)

struct _WsedRevocations
{
  GHashTable *tokens;          /* jti → WsedRevocation */
  GHashTable *users;           /* sub → WsedRevocation */
  guint lines;                 /* in the file */
  char *path;                  /* NULL: nothing is kept */
  WsedInbox *main;

  /* The writer's. */
  WsedInbox *inbox;
  pthread_t thread;
  gboolean started, stopping;
  int fd;
};

/* From main to the writer and back. */
typedef struct
{
  WsedMessage message;
  WsedRevocations *self;
  WsedRevocation *revocation;
  GString *text;               /* to be appended, or the whole file */
  gboolean whole;
  GError *error;
  WsedRevoked done;
  gpointer user_data;
} Write;

/* The writer's thread */

static void
set_problem (GError    **error,
             const char *doing)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "%s the list of revocations: %s", doing, g_strerror (errno));
}

static void
append (WsedRevocations *self,
        Write           *write_)
{
  off_t end = lseek (self->fd, 0, SEEK_END);
  gsize done = 0;

  while (end >= 0 && done < write_->text->len)
    {
      ssize_t n = write (self->fd, write_->text->str + done, write_->text->len - done);

      if (n < 0 && errno != EINTR)
        break;
      done += MAX (n, 0);
    }
  if (end >= 0 && done == write_->text->len && fdatasync (self->fd) == 0)
    return;
  set_problem (&write_->error, "writing");
  /* No part of a line may stand before the next. */
  if (end >= 0 && ftruncate (self->fd, end) != 0)
    g_warning ("the list of revocations cannot be put back as it was: %s", g_strerror (errno));
}

static gboolean
write_whole (WsedRevocations *self,
             const GString   *text,
             GError         **error)
{
  g_autoptr (GError) problem = NULL;

  if (!g_file_set_contents_full (self->path, text->str, (gssize) text->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &problem))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "writing the list of revocations: %s", problem->message);
      return FALSE;
    }
  if (self->fd >= 0)
    close (self->fd);
  self->fd = open (self->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (self->fd < 0)
    set_problem (error, "opening");
  return self->fd >= 0;
}

static void
run_write (WsedMessage *message,
           gpointer     user_data)
{
  Write *write_ = (Write *) message;
  WsedRevocations *self = write_->self;

  if (self->path != NULL && write_->whole)
    write_whole (self, write_->text, &write_->error);
  else if (self->path != NULL)
    append (self, write_);
  message->run = user_data;
  wsed_inbox_push (self->main, message);
}

static void
run_stop (WsedMessage *message,
          gpointer     user_data)
{
  ((WsedRevocations *) user_data)->stopping = TRUE;
  g_free (message);
}

static void *
loop (void *user_data)
{
  WsedRevocations *self = user_data;

  while (!self->stopping)
    {
      wsed_inbox_wait (self->inbox, -1);
      wsed_inbox_run (self->inbox);
    }
  return NULL;
}

/* The main thread */

static GHashTable *
new_table (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) wsed_revocation_unref);
}

/* Takes @revocation; one that is there already is widened. */
static void
keep (WsedRevocations *self,
      WsedRevocation  *revocation)
{
  GHashTable *table = revocation->jti != NULL ? self->tokens : self->users;
  const char *key = revocation->jti != NULL ? revocation->jti : revocation->user;
  const WsedRevocation *before = g_hash_table_lookup (table, key);

  if (before != NULL)
    {
      WsedRevocation *merged = wsed_revocation_merge (before, revocation);

      wsed_revocation_unref (revocation);
      revocation = merged;
      key = revocation->jti != NULL ? revocation->jti : revocation->user;
    }
  /* The key belongs to the value. */
  g_hash_table_replace (table, (char *) key, revocation);
}

static gboolean
is_over (gpointer key,
         gpointer value,
         gpointer user_data)
{
  return ((WsedRevocation *) value)->expires <= *(gint64 *) user_data;
}

static void
forget_expired (WsedRevocations *self,
                gint64           now)
{
  g_hash_table_foreach_remove (self->tokens, is_over, &now);
  g_hash_table_foreach_remove (self->users, is_over, &now);
}

static void
append_line (gpointer key,
             gpointer value,
             gpointer user_data)
{
  wsed_revocation_append (value, user_data);
  g_string_append_c (user_data, '\n');
}

static GString *
write_all (WsedRevocations *self)
{
  GString *text = g_string_new (NULL);

  g_hash_table_foreach (self->tokens, append_line, text);
  g_hash_table_foreach (self->users, append_line, text);
  self->lines = wsed_revocations_get_length (self);
  return text;
}

static gboolean
take_lines (WsedRevocations *self,
            const char      *text,
            GError         **error)
{
  const char *end;

  /* A last line without its end was never answered. */
  for (guint i = 1; (end = strchr (text, '\n')) != NULL; i++, text = end + 1)
    {
      const char *problem;
      WsedRevocation *revocation = wsed_revocation_new (text, end - text, 0, &problem);

      if (revocation == NULL)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "reading the list of revocations: %s, line %u: %s", self->path, i, problem);
          return FALSE;
        }
      keep (self, revocation);
    }
  return TRUE;
}

static gboolean
load (WsedRevocations *self,
      gint64           now,
      GError         **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) missing = NULL;
  g_autoptr (GString) whole = NULL;
  gsize length;

  if (!g_file_get_contents (self->path, &text, &length, &missing))
    {
      if (!g_error_matches (missing, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "reading the list of revocations: %s", missing->message);
          return FALSE;
        }
      length = 0;
    }
  if (length > MAX_BYTES || (text != NULL && strlen (text) != length))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "reading the list of revocations: %s is none", self->path);
      return FALSE;
    }
  if (text != NULL && !take_lines (self, text, error))
    return FALSE;
  forget_expired (self, now);
  whole = write_all (self);
  return write_whole (self, whole, error);
}

WsedRevocations *
wsed_revocations_new (const char  *path,
                      WsedInbox   *main,
                      gint64       now,
                      GError     **error)
{
  g_autoptr (WsedRevocations) self = g_new0 (WsedRevocations, 1);
  int problem;

  self->tokens = new_table ();
  self->users = new_table ();
  self->path = g_strdup (path);
  self->main = main;
  self->fd = -1;
  self->inbox = wsed_inbox_new ();
  if (path != NULL && !load (self, now, error))
    return NULL;
  problem = pthread_create (&self->thread, NULL, loop, self);
  if (problem != 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "starting the thread that keeps revocations: %s", g_strerror (problem));
      return NULL;
    }
  pthread_setname_np (self->thread, "revocations");
  self->started = TRUE;
  return g_steal_pointer (&self);
}

static void
on_written (WsedMessage *message,
            gpointer     user_data)
{
  Write *write_ = (Write *) message;

  write_->done (write_->revocation, write_->error, write_->user_data);
  wsed_revocation_unref (write_->revocation);
  g_clear_error (&write_->error);
  g_string_free (write_->text, TRUE);
  g_free (write_);
}

void
wsed_revocations_add (WsedRevocations *self,
                      WsedRevocation  *revocation,
                      gint64           now,
                      WsedRevoked      done,
                      gpointer         user_data)
{
  Write *write_;

  if (wsed_revocations_get_length (self) >= MAX_ENTRIES)
    forget_expired (self, now);
  if (wsed_revocations_get_length (self) >= MAX_ENTRIES)
    {
      g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_BUSY, "the list of revocations is full: give exp with each, so "
                                                      "that it can be forgotten, or change the key");

      done (revocation, error, user_data);
      wsed_revocation_unref (revocation);
      return;
    }
  write_ = g_new0 (Write, 1);
  write_->message.run = run_write;
  write_->message.user_data = on_written;
  write_->self = self;
  write_->revocation = wsed_revocation_ref (revocation);
  write_->done = done;
  write_->user_data = user_data;
  keep (self, revocation);
  write_->whole = self->lines++ > 2 * wsed_revocations_get_length (self) + SLACK;
  if (write_->whole)
    {
      forget_expired (self, now);
      write_->text = write_all (self);
    }
  else
    {
      write_->text = g_string_new (NULL);
      wsed_revocation_append (write_->revocation, write_->text);
      g_string_append_c (write_->text, '\n');
    }
  wsed_inbox_push (self->inbox, &write_->message);
}

gboolean
wsed_revocations_cover (WsedRevocations *self,
                        const WsedGrant *grant)
{
  const WsedRevocation *token = grant->jti != NULL ? g_hash_table_lookup (self->tokens, grant->jti) : NULL;
  const WsedRevocation *user = grant->user != NULL ? g_hash_table_lookup (self->users, grant->user) : NULL;

  return (token != NULL && wsed_revocation_covers (token, grant)) || (user != NULL && wsed_revocation_covers (user, grant));
}

guint
wsed_revocations_get_length (WsedRevocations *self)
{
  return g_hash_table_size (self->tokens) + g_hash_table_size (self->users);
}

void
wsed_revocations_stop (WsedRevocations *self)
{
  WsedMessage *message;

  if (!self->started)
    return;
  message = g_new0 (WsedMessage, 1);
  message->run = run_stop;
  message->user_data = self;
  wsed_inbox_push (self->inbox, message);
  pthread_join (self->thread, NULL);
  self->started = FALSE;
}

void
wsed_revocations_free (WsedRevocations *self)
{
  if (self == NULL)
    return;
  wsed_revocations_stop (self);
  if (self->fd >= 0)
    close (self->fd);
  wsed_inbox_free (self->inbox);
  g_hash_table_unref (self->tokens);
  g_hash_table_unref (self->users);
  g_free (self->path);
  g_free (self);
}
