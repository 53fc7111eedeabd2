/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "log/wsed-entry.h"

G_BEGIN_DECLS

/* Joins the daemons of one log: tells the others what this one appended, and this one what they did. It may lose, double, delay and
 * reorder messages, and it never needs the log: WsedSequence reads there what did not come, and puts all into the order of n. A daemon
 * that is alone has none. Everything here is called on the main thread, and calls back there. */
#define WSED_TYPE_RELAY (wsed_relay_get_type ())
G_DECLARE_INTERFACE (WsedRelay, wsed_relay, WSED, RELAY, GObject)

/* Bytes of what daemons say to each other in one message (PostgreSQL's NOTIFY takes 8000). */
#define WSED_RELAY_MAX_SAID 7000
/* The length of a daemon's name: random letters and digits, made anew at each start. */
#define WSED_RELAY_NAME_BYTES 16

/* An event that another daemon appended, by its places alone. */
typedef struct
{
  guint64 n;
  guint n_channels;
  const char * const *channels;
  const guint64 *seqs;         /* one for each channel */
} WsedMention;

/* What a relay tells. @epoch is the log's that the message names; of another log, the listener ignores it. Nothing that is passed is
 * the listener's to keep, but for a reference that it takes. None of them may be called before start() returned or after stop(). */
typedef struct
{
  /* An event of another daemon, whole. May come before, after or without its batch, once for each of its channels. */
  void (*entry) (const char *epoch, WsedEntry *entry, gpointer user_data);
  /* Events of another daemon, by n without a hole. Entries of watched channels among them that have not come by now do not come
   * any more by themselves: they are read from the log. */
  void (*batch) (const char *epoch, const WsedMention *mentions, guint n_mentions, gpointer user_data);
  /* The log reaches at least to @n; nothing of it comes by itself. @own: by an append of this daemon. */
  void (*end) (const char *epoch, guint64 n, gboolean own, gpointer user_data);
  /* What somebody who is no daemon published on one of the channels: delivered live, kept nowhere. Already checked as any input. */
  void (*foreign) (WseEvent *event, gpointer user_data);
  /* Messages may be missing from here back to the last one: the connection was lost and is back, or something was dropped. */
  void (*lost) (gpointer user_data);
  /* What the daemon @from said, to this one or to all; never what this one said. Not zero-terminated, not checked. */
  void (*said) (const char *from, const char *text, gsize length, gpointer user_data);
  /* The state in the statistics has changed. */
  void (*changed) (gpointer user_data);
} WsedRelayListener;

typedef enum
{
  WSED_RELAY_OK,
  WSED_RELAY_DEGRADED,         /* not connected: others are followed by reading the log */
} WsedRelayState;

typedef struct
{
  WsedRelayState state;
  char reason[160];            /* "" where OK */
  guint64 sent, received;      /* messages since the start */
  guint64 dropped;             /* messages not sent for want of room, or refused on arrival, since the start */
  guint64 reconnections;
  gsize queued_bytes;          /* to be sent */
} WsedRelayStats;

/**
 * WsedRelayInterface:
 * @start: connects, and from then on keeps itself connected; not to be connected is no error. @name: this daemon's, for `from`.
 *   @listener is borrowed
 * @publish: tells the others of events that this daemon appended, in the order of their n. Bounded: what has no room is dropped and counted
 * @watch: from now on entries of @channel are wanted; "*": of all. Each channel once, until unwatch. Takes effect a little later
 * @say: tells @to (a daemon's name; %NULL: all others) up to %WSED_RELAY_MAX_SAID bytes of UTF-8. May be lost
 * @get_stats: fills @stats, which is zeroed
 * @stop: ends for good, what is queued is dropped; the listener is not called any more
 */
struct _WsedRelayInterface
{
  GTypeInterface parent;

  void (*start) (WsedRelay *self, const char *name, const WsedRelayListener *listener, gpointer user_data);
  void (*publish) (WsedRelay *self, const char *epoch, WsedEntry * const *entries, guint n_entries);
  void (*watch) (WsedRelay *self, const char *channel);
  void (*unwatch) (WsedRelay *self, const char *channel);
  void (*say) (WsedRelay *self, const char *to, const char *text, gsize length);
  void (*get_stats) (WsedRelay *self, WsedRelayStats *stats);
  void (*stop) (WsedRelay *self);
};

void wsed_relay_start     (WsedRelay *self, const char *name, const WsedRelayListener *listener, gpointer user_data);
void wsed_relay_publish   (WsedRelay *self, const char *epoch, WsedEntry * const *entries, guint n_entries);
void wsed_relay_watch     (WsedRelay *self, const char *channel);
void wsed_relay_unwatch   (WsedRelay *self, const char *channel);
void wsed_relay_say       (WsedRelay *self, const char *to, const char *text, gsize length);
void wsed_relay_get_stats (WsedRelay *self, WsedRelayStats *stats);
void wsed_relay_stop      (WsedRelay *self);

G_END_DECLS
