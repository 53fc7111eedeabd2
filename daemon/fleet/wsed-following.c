/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedFollowing joins relay, sequence and fleet: it hands what the relay tells to whom it is for. It keeps no event and decides nothing. */

#include "fleet/wsed-following.h"

#include <string.h>

/* ms: that a hole waits to be filled, between two comparisons with the log while there is a relay, and while there is none. */
#define PATIENCE 20
#define COMPARE 10000
#define COMPARE_ALONE 250

struct _WsedFollowing
{
  WsedFollowingConfig config;
  char *name;
  gpointer user_data;
  WsedSequence *sequence;
  WsedFleet *fleet;
  WsedNotices *notices;
  gboolean started;
};

char *
wsed_following_make_name (void)
{
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  G_STATIC_ASSERT (WSE_MAX_EPOCH_BYTES >= WSED_RELAY_NAME_BYTES);

  wsed_log_make_epoch (epoch);
  return g_strndup (epoch, WSED_RELAY_NAME_BYTES);
}

static void
on_entry (const char *epoch,
          WsedEntry  *entry,
          gpointer    user_data)
{
  wsed_sequence_take_entry (((WsedFollowing *) user_data)->sequence, epoch, entry);
}

static void
on_batch (const char        *epoch,
          const WsedMention *mentions,
          guint              n_mentions,
          gpointer           user_data)
{
  wsed_sequence_take_batch (((WsedFollowing *) user_data)->sequence, epoch, mentions, n_mentions);
}

static void
on_end (const char *epoch,
        guint64     n,
        gboolean    own,
        gpointer    user_data)
{
  wsed_sequence_take_end (((WsedFollowing *) user_data)->sequence, epoch, n, own);
}

static void
on_foreign (WseEvent *event,
            gpointer  user_data)
{
  WsedFollowing *self = user_data;

  if (self->config.foreign != NULL)
    self->config.foreign (event, self->user_data);
}

static void
on_lost (gpointer user_data)
{
  WsedFollowing *self = user_data;

  if (self->config.shared == NULL)
    return;
  wsed_sequence_compare (self->sequence);
  if (self->notices != NULL)
    wsed_notices_look (self->notices);
}

static void
on_said (const char *from,
         const char *text,
         gsize       length,
         gpointer    user_data)
{
  WsedFollowing *self = user_data;

  if (self->fleet != NULL)
    wsed_fleet_hear (self->fleet, from, text, length);
}

/* There again or not there: then the log is looked at more often. */
static void
on_changed (gpointer user_data)
{
  WsedFollowing *self = user_data;
  WsedRelayStats stats;

  wsed_relay_get_stats (self->config.relay, &stats);
  if (stats.state == WSED_RELAY_OK && self->fleet != NULL)
    wsed_fleet_greet (self->fleet);
  on_lost (self);
}

WsedFollowing *
wsed_following_new (const WsedFollowingConfig *config,
                    const char                *name,
                    gpointer                   user_data)
{
  WsedFollowing *self = g_new0 (WsedFollowing, 1);
  const WsedSequenceShared shared = { config->reads, config->strayed, PATIENCE, COMPARE, COMPARE_ALONE };

  self->config = *config;
  self->name = g_strdup (name);
  self->user_data = user_data;
  if (config->relay != NULL)
    g_object_ref (config->relay);
  self->sequence = wsed_sequence_new (config->deliver, user_data);
  if (config->shared == NULL)
    return self;
  wsed_postgres_address_ref (config->shared);
  wsed_sequence_share (self->sequence, config->log, config->main, config->relay, &shared);
  if (config->relay != NULL)
    self->fleet = wsed_fleet_new (config->relay, name);
  return self;
}

/* Nobody was here to have read what was erased before. */
static void
on_noticed (const char *kind,
            const char *text,
            gboolean    first,
            gpointer    user_data)
{
  WsedFollowing *self = user_data;

  if (!first || strcmp (kind, "erased") != 0)
    wsed_fleet_relate (self->fleet, kind, text);
}

void
wsed_following_read (WsedFollowing *self)
{
  if (self->fleet != NULL)
    self->notices = wsed_notices_new (self->config.shared, on_noticed, self);
}

void
wsed_following_start (WsedFollowing *self)
{
  static const WsedRelayListener listener = { on_entry, on_batch, on_end, on_foreign, on_lost, on_said, on_changed };

  if (self->config.relay == NULL)
    return;
  self->started = TRUE;
  wsed_relay_start (self->config.relay, self->name, &listener, self);
}

void
wsed_following_part (WsedFollowing *self)
{
  if (self->fleet != NULL)
    wsed_fleet_stop (self->fleet);
}

void
wsed_following_stop (WsedFollowing *self)
{
  wsed_following_part (self);
  wsed_sequence_stop (self->sequence);
}

void
wsed_following_free (WsedFollowing *self)
{
  if (self == NULL)
    return;
  wsed_notices_free (self->notices);
  wsed_fleet_free (self->fleet);
  if (self->started)
    wsed_relay_stop (self->config.relay);
  wsed_sequence_free (self->sequence);
  g_clear_object (&self->config.relay);
  g_clear_pointer (&self->config.shared, wsed_postgres_address_unref);
  g_free (self->name);
  g_free (self);
}

WsedSequence *
wsed_following_get_sequence (WsedFollowing *self)
{
  return self->sequence;
}

WsedNotices *
wsed_following_get_notices (WsedFollowing *self)
{
  return self->notices;
}

WsedFleet *
wsed_following_get_fleet (WsedFollowing *self)
{
  return self->fleet;
}

gboolean
wsed_following_get_stats (WsedFollowing  *self,
                          WsedRelayStats *stats)
{
  if (self->config.relay == NULL)
    return FALSE;
  wsed_relay_get_stats (self->config.relay, stats);
  return TRUE;
}

void
wsed_following_watch (WsedFollowing *self,
                      const char    *channel,
                      gboolean       watched)
{
  if (self->config.relay == NULL)
    return;
  if (watched)
    wsed_relay_watch (self->config.relay, channel);
  else
    wsed_relay_unwatch (self->config.relay, channel);
}
