/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-memory-log.h"
#include "relay/wsed-sequence.h"

G_BEGIN_DECLS

/* A few daemons, as far as their sequences go: one log that takes requests up, and answers, when it is told to, and a relay between them
 * that loses, doubles, delays and reorders what it is given. */

#define DAEMONS 3
#define READERS 4
#define CHANNELS 5

typedef enum { KIND_APPEND, KIND_HEADS, KIND_READ, N_KINDS } Kind;

typedef struct _World World;
typedef struct _Daemon Daemon;

typedef struct
{
  Daemon *daemon;
  gboolean joining, joined, gone; /* gone: left while it was joining */
  guint channels;              /* a bit for each; 1 << CHANNELS: the whole log */
  guint64 at[CHANNELS + 1];
} Reader;

struct _Daemon
{
  World *world;
  guint index;
  WsedSequence *sequence;
  WsedRelay *relay;
  WsedLog *log;
  WsedInbox *ether[N_KINDS];   /* where the log answers */
  WsedInbox *main;             /* where it is taken to answer */
  GQueue requests[N_KINDS], answers[N_KINDS];
  Reader *readers[READERS];
  guint reads[CHANNELS + 1];
  guint64 last;                /* n delivered */
  guint64 erased[CHANNELS];    /* what it was told of */
  gboolean strayed;
};

typedef enum { NEWS_ENTRY, NEWS_BATCH, NEWS_END, NEWS_ERASED } NewsKind;

typedef struct
{
  NewsKind kind;
  guint from, to;
  GPtrArray *entries;
  guint64 n;
  guint channel;               /* erased, up to the head */
  guint64 head;
} News;

struct _World
{
  GRand *chance;
  WsedLog *log;
  WsedInbox *inbox;
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  Daemon daemons[DAEMONS];
  GPtrArray *network;          /* (element-type News) */
  gboolean carries;            /* the relay has events, else it only says how far the log is */
  guint loss;                  /* messages lost of a hundred */
  guint64 erased[CHANNELS];
  guint erased_last;           /* the channel */
  gboolean any_erased;
  guint64 keep;
  guint events;
  guint64 delivered, filled;
};

/* The name of a channel; the last is the whole log. */
char    *world_name_channel (guint channel);
guint    world_find_channel (const char *name);
/* Of a hundred. */
gboolean world_has_chance   (World *world, guint percent);
WsedHead world_get_ends     (World *world, guint channel);
/* The log of @daemon; the relay. Both report to @daemon. */
WsedLog   *world_make_log   (Daemon *daemon);
WsedRelay *world_make_relay (Daemon *daemon);
/* The log takes up the next request of @daemon; the daemon hears the next answer. */
void     world_take_up      (Daemon *daemon, Kind kind);
void     world_answer       (Daemon *daemon, Kind kind);
void     world_send_news    (World *world, NewsKind kind, guint from, guint to, GPtrArray *entries, guint64 n);
/* One of the messages under way gets to where it goes. */
void     world_arrive       (World *world, guint index);
void     world_free_news    (gpointer news);

G_END_DECLS
