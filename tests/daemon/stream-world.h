/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream-fixture.h"
#include "stream-model.h"

G_BEGIN_DECLS

/* A stream with its log and a few readers, and the model of it: each step is taken on both, and what the readers get is held against the
 * model. */

typedef enum
{
  READER_AFTER,                /* comes back with a cursor */
  READER_FILTERED,             /* the same, of some channels and some types */
  READER_CONSUMER,
  READER_EVENT_SOURCE,         /* comes back with the last id */
  READER_WHOLE,                /* channel=* */
  READER_HISTORY,              /* begins anew each time, so many events back */
  READER_SUBSCRIBER,           /* subscribes and unsubscribes as it goes */
  N_READERS,
} ReaderKind;

typedef struct
{
  ReaderKind kind;
  Client *client;              /* NULL: not connected */
  ModelReader model;
  char *epoch;                 /* of the log that it had its places from; NULL: none yet */
  gboolean greeted;
  guint64 acked[MODEL_STREAMS];
  guint acked_channels;        /* a bit for each with an ack */
  guint64 last_id;             /* n, of an EventSource */
  guint64 settled[MODEL_STREAMS]; /* the heads when it connected */
  guint history;
  ModelPosition next;          /* of a subscribe that is under way */
  char *reply;                 /* to the last command; NULL: none yet */
} Reader;

typedef struct
{
  StreamFixture stream;
  Model model;
  Reader readers[N_READERS];
  char *directory, *path;      /* of a SQLite log; NULL: in memory */
  WsedSlowConsumer policy;
  WsedConflation *conflation;  /* NULL: nothing is conflated */
  guint n_logs;
  guint n_events;
  gsize tail_bytes;
  gboolean dead;               /* killed: what is still answered nobody hears */
  char *problem;               /* the first that was found; NULL: none */
} World;

void world_init        (World *world, gboolean sqlite, guint64 keep, WsedSlowConsumer policy, gboolean conflates);
void world_clear       (World *world);
/* @count events of one kind in one append; does not wait for it. */
void world_publish     (World *world, guint channels, guint type, gsize size, guint count);
void world_connect     (World *world, Reader *reader, guint history);
/* Ends it without reading what has been sent. */
void world_disconnect  (World *world, Reader *reader);
/* Takes at most so many messages of those that are there. */
void world_read        (World *world, Reader *reader, guint most);
/* An event to each channel that every filter takes; each reader gets everything up to it. */
void world_sync        (World *world);
/* Acks some of what was read, and waits for the answer. */
void world_acknowledge (World *world, Reader *reader, guint channels);
void world_subscribe   (World *world, Reader *reader, guint channel, guint filter, guint mode, guint place);
void world_unsubscribe (World *world, Reader *reader, guint channel);
/* Erases what was appended to the channel, and waits for the answer. */
void world_erase       (World *world, guint channel);
/* Everything stops at once; what the log had committed is found again. In memory nothing is. */
void world_kill        (World *world);

G_END_DECLS
