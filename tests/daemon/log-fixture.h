/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-memory-log.h"
#include "log/wsed-pg-log.h"
#include "log/wsed-sqlite-log.h"

/* A log of any kind, and its requests as plain calls. */
typedef enum
{
  LOG_MEMORY,
  LOG_SQLITE,
  LOG_POSTGRES,                /* in a server of the test's own */
  LOG_REOPENED,                /* SQLite, closed and opened again before every question: what is in memory was read back */
} LogKind;

/* Of LOG_POSTGRES. */
#define LOG_DATABASE "log"

typedef struct
{
  LogKind kind;
  WsedRetention retention;
  char *directory, *path;      /* path: LOG_POSTGRES: the URI */
  WsedInbox *inbox;
  WsedLog *log;
} LogFixture;

void        log_fixture_init   (LogFixture *fixture, LogKind kind, const WsedRetention *retention);
void        log_fixture_clear  (LogFixture *fixture);
void        log_fixture_open   (LogFixture *fixture);
void        log_fixture_close  (LogFixture *fixture);

/* Channels joined by ",". */
WseEvent   *log_event          (const char *id, const char *channels);
WseEvent   *log_event_full     (const char *id, const char *type, WseSeverity severity, const char *channels, gsize payload);

/* Sends, and waits for the answer, which is freed by the caller. Takes @events. */
WsedAppend *log_append         (LogFixture *fixture, GPtrArray *events);
GPtrArray  *log_new_events     (void);
/* Takes the events, up to a NULL. */
WsedAppend *log_append_events  (LogFixture *fixture, WseEvent *first, ...) G_GNUC_NULL_TERMINATED;
/* Ids PREFIX1 … PREFIXn, all in @channels; asserts that all were kept. */
void        log_append_many    (LogFixture *fixture, const char *prefix, guint count, const char *channels);
void        log_heads          (LogFixture *fixture, const char *channel, guint64 *low, guint64 *head, char *epoch);
WsedRead   *log_read           (LogFixture *fixture, WsedRead *read);
WsedErase  *log_erase          (LogFixture *fixture, const char *channel);
guint64     log_locate         (LogFixture *fixture, const char *channel, WseFilter *filter, guint history, guint64 after_n,
                                guint64 upto);
/* Everything of one channel behind @after, by as many reads as it takes: ids joined by " ". */
char       *log_read_ids       (LogFixture *fixture, const char *channel, guint64 after, guint page);
/* One test for each kind of log. */
void        log_test_add       (const char *name, GTestDataFunc function, gboolean reopened);
/* Waits until @channel's low is at least @low. */
void        log_wait_low       (LogFixture *fixture, const char *channel, guint64 low);
/* The next answer. In the main thread the default context runs meanwhile. */
WsedMessage *log_wait          (WsedInbox *inbox);
