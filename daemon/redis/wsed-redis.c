/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRedis is one connection to Redis: it connects, says who it is, sends commands and gives out what is answered and published, watches
 * whether the other side is alive, and when it is not begins again, each time after a longer while. What waits in either direction is
 * bounded. It repeats nothing by itself and knows no event; a password is only ever sent. */

#include "redis/wsed-redis.h"

#include <string.h>

#include "wse-error.h"

#define READ_BYTES (64 * 1024)
/* Reads before others have their turn. */
#define READS_PER_TURN 4
#define DEFAULT_TIMEOUT 5000
/* Commands that may wait for their answers. */
#define MAX_PENDING (256 * 1024)
/* ms: the first and the longest wait before another try; each is shortened by up to half, so that many daemons do not come together. */
#define FIRST_WAIT 100
#define LONGEST_WAIT 5000
/* ms that a connection has to last for the waits to begin anew */
#define LASTING 2000
/* Looks at the time so often while it is connected, ms, and asks whether anybody is there after so long a silence, microseconds. */
#define BEAT 500
#define SILENCE (2 * G_TIME_SPAN_SECOND)

typedef struct
{
  WsedRedisReplied replied;    /* may be NULL */
  gpointer user_data;
} Pending;

struct _WsedRedis
{
  WsedRedisConfig config;
  WsedRedisHandler handler;
  gpointer user_data;

  GCancellable *cancellable;   /* of a try under way; NULL: none is */
  GIOStream *stream;           /* NULL: not connected */
  gboolean connected;          /* it has said who it is */
  gboolean failing;            /* has said so in the log */
  GSource *readable, *writable; /* NULL: not waited for */
  gboolean paused;
  WsedResp *resp;
  GByteArray *out;
  gsize sent;                  /* of out */
  GArray *pending;             /* (element-type Pending) ring of commands without an answer, oldest first */
  guint first_pending;
  guint confirmations;         /* of subscribed and unsubscribed channels that have not come */
  gboolean pinged;             /* the answer to that is none in the order of commands */

  guint timer;                 /* the beat, or the next try */
  guint wait;                  /* ms before the next try */
  gint64 connected_at, heard_at, asked_at; /* monotonic */
  guint64 connects;
  char *problem;
};

static void begin (WsedRedis *self);

static guint
get_n_pending (WsedRedis *self)
{
  return self->pending->len - self->first_pending;
}

static Pending
pop_pending (WsedRedis *self)
{
  Pending pending = g_array_index (self->pending, Pending, self->first_pending++);

  if (self->first_pending == self->pending->len || self->first_pending > 4096)
    {
      g_array_remove_range (self->pending, 0, self->first_pending);
      self->first_pending = 0;
    }
  return pending;
}

static void
stop_watching (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
on_wait_over (gpointer user_data)
{
  WsedRedis *self = user_data;

  self->timer = 0;
  begin (self);
  return G_SOURCE_REMOVE;
}

/* Takes everything down but what belongs to the next try. */
static void
take_down (WsedRedis *self)
{
  g_autoptr(GArray) pending = self->pending;
  guint first = self->first_pending;

  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  stop_watching (&self->readable);
  stop_watching (&self->writable);
  g_clear_object (&self->stream);
  g_clear_pointer (&self->resp, wsed_resp_free);
  g_byte_array_set_size (self->out, 0);
  self->sent = 0;
  self->pending = g_array_new (FALSE, FALSE, sizeof (Pending));
  self->first_pending = self->confirmations = 0;
  self->pinged = FALSE;
  self->connected = FALSE;
  for (guint i = first; i < pending->len; i++)
    {
      Pending *one = &g_array_index (pending, Pending, i);

      if (one->replied != NULL)
        one->replied (NULL, one->user_data);
    }
}

/* Said once, not with each try, and again where it is another problem. */
static void
say (WsedRedis *self, const char *problem)
{
  if (!self->failing || strcmp (self->problem, problem) != 0)
    g_warning ("redis %s (%s): %s; trying again", self->config.address->name, self->config.name, problem);
  self->failing = TRUE;
  g_free (self->problem);
  self->problem = g_strdup (problem);
}

static void
fail (WsedRedis *self, const char *problem)
{
  gboolean was_connected = self->connected;

  if (was_connected && g_get_monotonic_time () - self->connected_at >= LASTING * G_TIME_SPAN_MILLISECOND)
    self->wait = FIRST_WAIT;
  say (self, problem);
  take_down (self);
  self->timer = g_timeout_add (g_random_int_range ((gint32) self->wait / 2, (gint32) self->wait + 1), on_wait_over, self);
  self->wait = MIN (self->wait * 2, LONGEST_WAIT);
  if (was_connected)
    self->handler.disconnected (self->user_data);
}

/* What goes out */

static gboolean
on_writable (GObject *stream, gpointer user_data)
{
  WsedRedis *self = user_data;
  GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM (stream);
  g_autoptr(GError) error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (output, self->out->data + self->sent, self->out->len - self->sent, NULL, &error);

  if (n < 0)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          fail (self, error->message);
          return G_SOURCE_REMOVE;
        }
      return G_SOURCE_CONTINUE;
    }
  self->sent += n;
  /* What has gone is let go of a half at a time. */
  if (self->sent == self->out->len || self->sent > self->out->len / 2)
    {
      g_byte_array_remove_range (self->out, 0, self->sent);
      self->sent = 0;
    }
  if (self->out->len == 0)
    stop_watching (&self->writable);
  if (self->connected && self->handler.drained != NULL)
    self->handler.drained (self->user_data);
  return self->writable != NULL;
}

static void
watch_writable (WsedRedis *self)
{
  GPollableOutputStream *output;

  if (self->writable != NULL)
    return;
  output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  self->writable = g_pollable_output_stream_create_source (output, NULL);
  g_source_set_callback (self->writable, G_SOURCE_FUNC (on_writable), self, NULL);
  g_source_attach (self->writable, NULL);
}

/* Nothing is waited for but, maybe, the answer to a ping. */
static gboolean
is_quiet (WsedRedis *self)
{
  return get_n_pending (self) == 0 && self->confirmations == 0;
}

/* The silence that is waited out begins when something is asked, not when it was last quiet. */
static void
note_asked (WsedRedis *self)
{
  if (is_quiet (self) && !self->pinged)
    self->asked_at = g_get_monotonic_time ();
}

static gboolean
put (WsedRedis *self, guint n, const char * const *words, const gsize *lengths)
{
  char *text = NULL;
  int length = redisFormatCommandArgv (&text, (int) n, (const char **) words, lengths);

  if (length < 0)
    return FALSE;
  if (self->out->len - self->sent + (gsize) length > self->config.max_out)
    {
      redisFreeCommand (text);
      return FALSE;
    }
  note_asked (self);
  g_byte_array_append (self->out, (const guint8 *) text, (guint) length);
  redisFreeCommand (text);
  watch_writable (self);
  return TRUE;
}

static gboolean
send_command (WsedRedis *self, guint n, const char * const *words, const gsize *lengths, WsedRedisReplied replied, gpointer user_data)
{
  Pending pending = { replied, user_data };

  if (get_n_pending (self) == MAX_PENDING || !put (self, n, words, lengths))
    return FALSE;
  g_array_append_val (self->pending, pending);
  return TRUE;
}

/* What comes in */

static gboolean
take_push (WsedRedis *self, const redisReply *reply)
{
  const redisReply *kind = reply->element[0];

  if (reply->elements == 3 && wsed_resp_is (kind, "message") && reply->element[1]->type == REDIS_REPLY_STRING
      && reply->element[2]->type == REDIS_REPLY_STRING)
    {
      self->handler.message (reply->element[1]->str, reply->element[1]->len, reply->element[2]->str, reply->element[2]->len, self->user_data);
      return TRUE;
    }
  if (reply->elements == 3 && (wsed_resp_is (kind, "subscribe") || wsed_resp_is (kind, "unsubscribe")))
    {
      if (self->confirmations > 0 && --self->confirmations == 0 && self->handler.settled != NULL)
        self->handler.settled (self->user_data);
      return TRUE;
    }
  if (wsed_resp_is (kind, "pong"))
    {
      self->pinged = FALSE;
      return TRUE;
    }
  return FALSE;
}

/* FALSE: the connection has failed. */
static gboolean
take_reply (WsedRedis *self, const redisReply *reply)
{
  Pending pending;

  if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && take_push (self, reply))
    return TRUE;
  /* One that may not ask so has an answer, too. */
  if (self->pinged && (wsed_resp_is (reply, "PONG") || (reply->type == REDIS_REPLY_ERROR && is_quiet (self))))
    {
      self->pinged = FALSE;
      return TRUE;
    }
  if (self->confirmations > 0 && reply->type == REDIS_REPLY_ERROR)
    {
      g_autofree char *problem = g_strdup_printf ("SUBSCRIBE is refused: %s", reply->str);

      fail (self, problem);
      return FALSE;
    }
  if (get_n_pending (self) == 0)
    {
      fail (self, "an answer came that nothing had been asked for");
      return FALSE;
    }
  pending = pop_pending (self);
  if (pending.replied != NULL)
    pending.replied (reply, pending.user_data);
  return self->stream != NULL;
}

static gboolean
take_in (WsedRedis *self, const char *data, gsize length)
{
  g_autoptr(GError) error = NULL;
  redisReply *reply;

  wsed_resp_feed (self->resp, data, length);
  while (wsed_resp_next (self->resp, &reply, &error))
    {
      gboolean alive;

      if (reply == NULL)
        return TRUE;
      alive = take_reply (self, reply);
      freeReplyObject (reply);
      if (!alive)
        return FALSE;
    }
  fail (self, error->message);
  return FALSE;
}

static gboolean
on_readable (GObject *stream, gpointer user_data)
{
  static char buffer[READ_BYTES];
  WsedRedis *self = user_data;

  for (guint i = 0; i < READS_PER_TURN && self->readable != NULL; i++)
    {
      g_autoptr(GError) error = NULL;
      gssize n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream), buffer, sizeof buffer, NULL, &error);

      if (n > 0)
        {
          self->heard_at = g_get_monotonic_time ();
          if (!take_in (self, buffer, n))
            return G_SOURCE_REMOVE;
          continue;
        }
      if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      fail (self, n == 0 ? "it has ended the connection" : error->message);
      return G_SOURCE_REMOVE;
    }
  return self->readable != NULL;
}

static void
watch_readable (WsedRedis *self)
{
  if (self->readable != NULL || self->paused || self->stream == NULL)
    return;
  self->readable = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (self->stream)), NULL);
  g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->readable, NULL);
}

/* Connecting */

/* One that is silent is asked; one that was asked and does not answer is not there. */
static gboolean
on_beat (gpointer user_data)
{
  static const char * const ping[] = { "PING" };
  static const gsize length[] = { 4 };
  WsedRedis *self = user_data;
  gint64 now = g_get_monotonic_time ();
  gboolean asked = !is_quiet (self) || self->pinged;

  /* What it has said lies in the socket's buffer. */
  if (self->paused)
    self->heard_at = now;
  if (asked && now - MAX (self->heard_at, self->asked_at) >= (gint64) self->config.answer_timeout * G_TIME_SPAN_MILLISECOND)
    {
      self->timer = 0;
      fail (self, "it does not answer");
      return G_SOURCE_REMOVE;
    }
  if (!asked && now - self->heard_at >= SILENCE)
    self->pinged = put (self, 1, ping, length);
  return G_SOURCE_CONTINUE;
}

static void
on_ready (WsedRedis *self)
{
  self->connected = TRUE;
  self->connected_at = g_get_monotonic_time ();
  self->connects++;
  if (self->failing)
    g_message ("redis %s (%s): connected again", self->config.address->name, self->config.name);
  self->failing = FALSE;
  g_clear_pointer (&self->problem, g_free);
  self->handler.connected (self->user_data);
}

/* Only the first word of what Redis says is repeated: it may have repeated what it was given. */
static void
refuse (WsedRedis *self, const char *what, const redisReply *reply)
{
  g_autofree char *problem = g_strdup_printf ("%s (%.*s)", what, (int) strcspn (reply->str, " "), reply->str);

  fail (self, problem);
}

static void
on_authenticated (const redisReply *reply, gpointer user_data)
{
  if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
    refuse (user_data, "it refuses the user name or the password", reply);
}

static void
on_selected (const redisReply *reply, gpointer user_data)
{
  if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
    refuse (user_data, "it refuses the database", reply);
}

/* The last of the greeting: who may not have a name is still let in. */
static void
on_named (const redisReply *reply, gpointer user_data)
{
  if (reply == NULL)
    return;
  if (reply->type == REDIS_REPLY_ERROR && !g_str_has_prefix (reply->str, "NOPERM") && !g_str_has_prefix (reply->str, "ERR"))
    refuse (user_data, "it lets nobody in like that", reply);
  else
    on_ready (user_data);
}

static void
greet (WsedRedis *self, WsedRedisReplied replied, const char * const *words)
{
  gsize lengths[3];
  guint n;

  for (n = 0; words[n] != NULL; n++)
    lengths[n] = strlen (words[n]);
  send_command (self, n, words, lengths, replied, self);
}

static void
say_who (WsedRedis *self)
{
  const WsedRedisAddress *address = self->config.address;
  g_autofree char *database = g_strdup_printf ("%u", address->database);

  if (address->user != NULL)
    greet (self, on_authenticated, (const char * const[]) { "AUTH", address->user, address->password, NULL });
  else if (address->password != NULL)
    greet (self, on_authenticated, (const char * const[]) { "AUTH", address->password, NULL });
  if (address->database != 0)
    greet (self, on_selected, (const char * const[]) { "SELECT", database, NULL });
  greet (self, on_named, (const char * const[]) { "CLIENT", "SETNAME", self->config.name, NULL });
}

static void
on_linked (GIOStream *stream, const GError *error, gpointer user_data)
{
  WsedRedis *self = user_data;

  g_clear_object (&self->cancellable);
  if (stream == NULL)
    {
      fail (self, error->message);
      return;
    }
  self->stream = g_object_ref (stream);
  self->resp = wsed_resp_new (self->config.max_in);
  self->heard_at = g_get_monotonic_time ();
  self->timer = g_timeout_add (BEAT, on_beat, self);
  watch_readable (self);
  say_who (self);
}

static void
begin (WsedRedis *self)
{
  self->cancellable = g_cancellable_new ();
  wsed_redis_link (self->config.address, self->config.trust, self->config.connect_timeout, self->cancellable, on_linked, self);
}

/* What others ask for */

WsedRedis *
wsed_redis_new (const WsedRedisConfig *config, const WsedRedisHandler *handler, gpointer user_data)
{
  WsedRedis *self = g_new0 (WsedRedis, 1);

  self->config = *config;
  if (self->config.connect_timeout == 0)
    self->config.connect_timeout = DEFAULT_TIMEOUT;
  if (self->config.answer_timeout == 0)
    self->config.answer_timeout = DEFAULT_TIMEOUT;
  self->handler = *handler;
  self->user_data = user_data;
  self->out = g_byte_array_new ();
  self->pending = g_array_new (FALSE, FALSE, sizeof (Pending));
  self->wait = FIRST_WAIT;
  self->problem = g_strdup ("not connected yet");
  return self;
}

void
wsed_redis_start (WsedRedis *self)
{
  begin (self);
}

void
wsed_redis_free (WsedRedis *self)
{
  if (self == NULL)
    return;
  take_down (self);
  g_byte_array_unref (self->out);
  g_array_unref (self->pending);
  g_free (self->problem);
  g_free (self);
}

gboolean
wsed_redis_is_connected (WsedRedis *self)
{
  return self->connected;
}

const char *
wsed_redis_get_problem (WsedRedis *self)
{
  return self->problem != NULL ? self->problem : "";
}

guint64
wsed_redis_get_connects (WsedRedis *self)
{
  return self->connects;
}

gsize
wsed_redis_get_waiting (WsedRedis *self)
{
  return self->out->len - self->sent;
}

gboolean
wsed_redis_send (WsedRedis *self, guint n, const char * const *words, const gsize *lengths, WsedRedisReplied replied, gpointer user_data)
{
  return self->connected && send_command (self, n, words, lengths, replied, user_data);
}

gboolean
wsed_redis_subscribe (WsedRedis *self, gboolean subscribe, guint n, const char * const *channels)
{
  g_autofree const char **words = g_new (const char *, n + 1);
  g_autofree gsize *lengths = g_new (gsize, n + 1);

  words[0] = subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE";
  for (guint i = 0; i < n; i++)
    words[i + 1] = channels[i];
  for (guint i = 0; i <= n; i++)
    lengths[i] = strlen (words[i]);
  if (!self->connected || !put (self, n + 1, words, lengths))
    return FALSE;
  self->confirmations += n;
  return TRUE;
}

void
wsed_redis_set_paused (WsedRedis *self, gboolean paused)
{
  self->paused = paused;
  if (paused)
    stop_watching (&self->readable);
  else
    watch_readable (self);
}
