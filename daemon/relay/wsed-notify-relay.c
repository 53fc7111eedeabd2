/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedNotifyRelay owns one connection to the log's database that listens, and says. It watches no channel: what it says of the
 * log is its end, and what small events came last. */

#include "relay/wsed-notify-relay.h"

#include <string.h>

#include "log/wsed-pg-entry.h"
#include "postgres/wsed-postgres.h"

/* ms */
#define CONNECT_TIMEOUT 5000
#define ANSWER_TIMEOUT 10000
/* Bytes of what is said and not yet taken by the server. */
#define MAX_QUEUED (4 * 1024 * 1024)

struct _WsedNotifyRelay
{
  GObject parent_instance;
  WsedPostgresAddress *address;
  char *writer;
  char *name;
  WsedPostgres *postgres;      /* NULL: not started, or stopped */
  const WsedRelayListener *listener;
  gpointer user_data;
  gboolean listening;
  guint openings;
  WsedRelayStats stats;
};

static void wsed_notify_relay_iface_init (WsedRelayInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedNotifyRelay, wsed_notify_relay, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_RELAY, wsed_notify_relay_iface_init))

/* Nothing that is said has to survive a crash of the server: it need not wait for its disk. */
static const WsedPostgresStatement hurry = { "relay_hurry", "SET synchronous_commit = off" };
static const WsedPostgresStatement listen_log = { "relay_log", "LISTEN wse_log" };
static const WsedPostgresStatement listen_daemons = { "relay_daemons", "LISTEN wse_daemons" };
static const WsedPostgresStatement say = { "relay_say", "SELECT pg_notify('wse_daemons', $1)" };

static void
on_listening (const PGresult *result,
              const GError   *error,
              gpointer        user_data)
{
  WsedNotifyRelay *self = user_data;

  if (error != NULL)
    {
      /* The loss of the connection is told by itself. */
      if (result != NULL)
        wsed_postgres_give_up (self->postgres, error);
      return;
    }
  self->listening = TRUE;
  self->stats.state = WSED_RELAY_OK;
  self->stats.reason[0] = '\0';
  self->listener->changed (self->user_data);
  /* From here on nothing is missing; what was before has to be looked for. */
  self->listener->lost (self->user_data);
}

static void
on_ignored (const PGresult *result,
            const GError   *error,
            gpointer        user_data)
{
}

static void
on_opened (WsedPostgres *postgres,
           gpointer      user_data)
{
  WsedNotifyRelay *self = user_data;
  g_auto (WsedPostgresValues) none;

  wsed_postgres_values_init (&none);
  self->stats.reconnections += self->openings++ > 0;
  wsed_postgres_send (postgres, &hurry, &none, on_ignored, self);
  wsed_postgres_send (postgres, &listen_log, &none, on_ignored, self);
  wsed_postgres_send (postgres, &listen_daemons, &none, on_listening, self);
}

static void
on_lost (WsedPostgres *postgres,
         const GError *error,
         gpointer      user_data)
{
  WsedNotifyRelay *self = user_data;

  self->listening = FALSE;
  self->stats.state = WSED_RELAY_DEGRADED;
  g_strlcpy (self->stats.reason, error->message, sizeof self->stats.reason);
  self->listener->changed (self->user_data);
}

/* Bytes that stand in hexadecimal digits; NULL: they are none. */
static guint8 *
read_hex (const char *text,
          gsize      *length)
{
  g_autofree guint8 *bytes = NULL;

  *length = strlen (text) / 2;
  if (strlen (text) % 2 != 0 || strspn (text, "0123456789abcdef") != strlen (text))
    return NULL;
  bytes = g_malloc (*length + 1);
  for (gsize i = 0; i < *length; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  return g_steal_pointer (&bytes);
}

/* An event that goes along; what cannot be read is read from the log. */
static void
take_entry (WsedNotifyRelay *self,
            const char      *epoch,
            guint64          n,
            const char      *names,
            const char      *places,
            const char      *hex)
{
  guint64 seqs[WSE_MAX_TARGETS] = { 0 };
  g_auto (GStrv) parts = g_strsplit (places, ",", WSE_MAX_TARGETS + 1);
  guint n_seqs = g_strv_length (parts);
  g_autofree guint8 *data = NULL;
  g_autoptr (WsedEntry) entry = NULL;
  gsize length;

  for (guint i = 0; i < MIN (n_seqs, WSE_MAX_TARGETS); i++)
    if (!g_ascii_string_to_unsigned (parts[i], 10, 1, G_MAXINT64, &seqs[i], NULL))
      return;
  data = read_hex (hex, &length);
  entry = data != NULL ? wsed_pg_entry_make (n, names, seqs, n_seqs, data, length) : NULL;
  if (entry != NULL)
    self->listener->entry (epoch, entry, self->user_data);
}

/* "EPOCH N WRITER", then the events up to N where they are small: channels, seqs, a block in hexadecimal digits. */
static void
take_end (WsedNotifyRelay *self,
          const char      *payload)
{
  g_auto (GStrv) parts = g_strsplit (payload, " ", -1);
  guint length = g_strv_length (parts), count = length >= 3 ? (length - 3) / 3 : 0;
  gboolean own;
  guint64 n;

  if (length < 3 || length % 3 != 0 || !g_ascii_string_to_unsigned (parts[1], 10, 1, G_MAXINT64, &n, NULL) || n < count)
    {
      self->stats.dropped++;
      return;
    }
  own = strcmp (parts[2], self->writer) == 0;
  for (guint i = 0; !own && i < count; i++)
    take_entry (self, parts[0], n - count + 1 + i, parts[3 + 3 * i], parts[4 + 3 * i], parts[5 + 3 * i]);
  self->listener->end (parts[0], n, own, self->user_data);
}

/* "FROM TO TEXT", TO is * for all. */
static void
take_said (WsedNotifyRelay *self,
           const char      *payload)
{
  const char *to = strchr (payload, ' '), *text = to != NULL ? strchr (to + 1, ' ') : NULL;
  g_autofree char *from = NULL;

  if (text == NULL)
    {
      self->stats.dropped++;
      return;
    }
  from = g_strndup (payload, to++ - payload);
  if (strcmp (from, self->name) == 0)
    return;
  if (strncmp (to, "* ", 2) != 0 && (strncmp (to, self->name, strlen (self->name)) != 0 || to[strlen (self->name)] != ' '))
    return;
  self->listener->said (from, text + 1, strlen (text + 1), self->user_data);
}

static void
on_notified (WsedPostgres *postgres,
             const char   *channel,
             const char   *payload,
             gpointer      user_data)
{
  WsedNotifyRelay *self = user_data;

  self->stats.received++;
  if (strcmp (channel, "wse_log") == 0)
    take_end (self, payload);
  else
    take_said (self, payload);
}

static void
wsed_notify_relay_start (WsedRelay               *relay,
                         const char              *name,
                         const WsedRelayListener *listener,
                         gpointer                 user_data)
{
  static const WsedPostgresConfig config = { CONNECT_TIMEOUT, ANSWER_TIMEOUT, MAX_QUEUED, on_opened, on_lost, on_notified };
  WsedNotifyRelay *self = WSED_NOTIFY_RELAY (relay);

  self->name = g_strdup (name);
  self->listener = listener;
  self->user_data = user_data;
  self->postgres = wsed_postgres_new (self->address, &config, self);
  wsed_postgres_set_context (self->postgres, NULL);
}

/* The append has told it. */
static void
wsed_notify_relay_publish (WsedRelay         *relay,
                           const char        *epoch,
                           WsedEntry * const *entries,
                           guint              n_entries)
{
}

static void
wsed_notify_relay_watch (WsedRelay  *relay,
                         const char *channel)
{
}

static void
on_said (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedNotifyRelay *self = user_data;

  self->stats.dropped += error != NULL;
}

static void
wsed_notify_relay_say (WsedRelay  *relay,
                       const char *to,
                       const char *text,
                       gsize       length)
{
  WsedNotifyRelay *self = WSED_NOTIFY_RELAY (relay);
  g_autofree char *payload = NULL;
  g_auto (WsedPostgresValues) values;

  wsed_postgres_values_init (&values);
  if (self->postgres == NULL || !self->listening)
    {
      self->stats.dropped++;
      return;
    }
  payload = g_strdup_printf ("%s %s %.*s", self->name, to != NULL ? to : "*", (int) length, text);
  wsed_postgres_values_add_text (&values, payload);
  self->stats.sent++;
  wsed_postgres_send (self->postgres, &say, &values, on_said, self);
}

static void
wsed_notify_relay_get_stats (WsedRelay      *relay,
                             WsedRelayStats *stats)
{
  *stats = WSED_NOTIFY_RELAY (relay)->stats;
}

static void
wsed_notify_relay_stop (WsedRelay *relay)
{
  WsedNotifyRelay *self = WSED_NOTIFY_RELAY (relay);

  self->listening = FALSE;
  g_clear_pointer (&self->postgres, wsed_postgres_free);
}

static void
wsed_notify_relay_iface_init (WsedRelayInterface *iface)
{
  iface->start = wsed_notify_relay_start;
  iface->publish = wsed_notify_relay_publish;
  iface->watch = wsed_notify_relay_watch;
  iface->unwatch = wsed_notify_relay_watch;
  iface->say = wsed_notify_relay_say;
  iface->get_stats = wsed_notify_relay_get_stats;
  iface->stop = wsed_notify_relay_stop;
}

static void
wsed_notify_relay_finalize (GObject *object)
{
  WsedNotifyRelay *self = WSED_NOTIFY_RELAY (object);

  g_clear_pointer (&self->postgres, wsed_postgres_free);
  wsed_postgres_address_unref (self->address);
  g_free (self->writer);
  g_free (self->name);
  G_OBJECT_CLASS (wsed_notify_relay_parent_class)->finalize (object);
}

static void
wsed_notify_relay_class_init (WsedNotifyRelayClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_notify_relay_finalize;
}

static void
wsed_notify_relay_init (WsedNotifyRelay *self)
{
  self->stats.state = WSED_RELAY_DEGRADED;
  g_strlcpy (self->stats.reason, "not yet connected", sizeof self->stats.reason);
}

WsedRelay *
wsed_notify_relay_new (WsedPostgresAddress *address,
                       const char          *writer)
{
  WsedNotifyRelay *self = g_object_new (WSED_TYPE_NOTIFY_RELAY, NULL);

  self->address = wsed_postgres_address_ref (address);
  self->writer = g_strdup (writer);
  return WSED_RELAY (self);
}
