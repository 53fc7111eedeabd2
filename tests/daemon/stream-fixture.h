/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-memory-log.h"
#include "stall-log.h"
#include "stream/wsed-hub.h"
#include "wse-frame-private.h"

G_BEGIN_DECLS

/* A hub with its workers over a memory log, and clients on socket pairs: everything of streaming but the handshake. */
typedef struct
{
  WsedLog *log;                /* a memory log … */
  StallLog *stall;             /* … behind this one, the same object */
  WsedInbox *main;
  GSource *source;
  WsedHub *hub;
  char *epoch;                  /* of the log */
  guint appending;
  guint64 appended;
} StreamFixture;

typedef struct
{
  const char *channels;        /* "user:a global" */
  WseDialect dialect;
  WsedFraming framing;
  gboolean control;
  guint history;
  const char *after;           /* with EPOCH for the log's epoch */
  const char *types;
  const char *severity;
  const char *consumer;        /* of the user "u" */
  gboolean records;            /* each of the daemon's sends is received by itself, and counted */
  int send_buffer;             /* bytes that the daemon's socket takes in; 0: what is usual */
} ClientOptions;

typedef struct
{
  StreamFixture *fixture;
  int fd;
  WseFrameDecoder *decoder;
  GString *blocks;             /* of Server-Sent Events: received, not complete; NULL on a WebSocket */
  GQueue texts;                /* (element-type utf8) received, not looked at: messages, or blocks of Server-Sent Events */
  guint16 close_code;          /* 0: no close frame came */
  gboolean ended;
  guint pings;
  guint received;              /* times that something came */
} Client;

void    stream_fixture_init  (StreamFixture *fixture, guint workers, gsize tail_bytes, guint64 retention, guint heartbeat);
/* With a tail that holds all that a test publishes, no retention, and no heartbeat in its time. */
void    stream_fixture_begin (StreamFixture *fixture, guint workers);
/* With one worker and so many microseconds between two flushes. */
void    stream_fixture_init_tick (StreamFixture *fixture, guint tick);
/* With one worker, a policy for those that lie @buffer_size events behind, and @conflation, which may be NULL. */
void    stream_fixture_init_slow (StreamFixture *fixture, WsedSlowConsumer policy, guint buffer_size, gsize tail_bytes,
                                  const WsedConflation *conflation);
/* Over another log, which it takes, with two workers and as good as no tail. */
void    stream_fixture_init_log (StreamFixture *fixture, WsedSlowConsumer policy, guint buffer_size, const WsedConflation *conflation,
                                 WsedLog *log);
void    stream_fixture_clear (StreamFixture *fixture);
/* The end of a test: frees @client, the last one, and clears its fixture. */
void    stream_fixture_end   (Client *client);
/* One turn of the main loop. */
void    stream_fixture_turn  (StreamFixture *fixture);
/* @channels: "user:a global"; does not wait. */
void    stream_publish       (StreamFixture *fixture, const char *channels, const char *type, WseSeverity severity, const char *payload);
/* @n events in one append, with payloads of @size bytes between the quotes; does not wait. */
void    stream_publish_at_once (StreamFixture *fixture, const char *channels, gsize size, guint n);
/* Erases what @channel holds, and waits for the answer. */
void    stream_erase         (StreamFixture *fixture, const char *channel);
/* Waits until all that was published is appended and handed to the hub. */
void    stream_settle        (StreamFixture *fixture);
/* Asks the log for its epoch, and waits for the answer. */
char   *stream_epoch         (StreamFixture *fixture);
/* @n events of the type "t", payload {}, one after the other; waits for them. */
void    stream_publish_some  (StreamFixture *fixture, const char *channels, guint n);
/* @text with the log's epoch where EPOCH stands; NULL for NULL. */
char   *stream_fill          (StreamFixture *fixture, const char *text);

Client *client_new           (StreamFixture *fixture, const ClientOptions *options);
void    client_free          (Client *client);
/* Waits until something comes, or anything else happens. */
void    client_wait          (Client *client);
/* The next text, waiting for it; NULL when the connection ended. */
char   *client_next          (Client *client);
/* Waits for a text, at most so many milliseconds; whether there is one. */
gboolean client_wait_text    (Client *client, gint timeout);
/* Asserts that nothing comes before the answer to a ping that is sent now. */
void    client_expect_quiet  (Client *client);
/* FALSE: the daemon takes nothing more now. */
gboolean client_send         (Client *client, WseOpcode opcode, const char *data, gsize length);
/* Asserts the next text's p.x member (payload {"x":N}) and seq. */
void    client_expect        (Client *client, const char *channel, guint64 seq);
/* @text: with EPOCH for the log's epoch. */
void    client_expect_text   (Client *client, const char *text);
/* Sends a text message, which has to be taken at once. */
void    client_say           (Client *client, const char *text);

G_END_DECLS
