/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pipeline/wsed-input.h"
#include "postgres/wsed-postgres.h"

G_BEGIN_DECLS

/* The outbox table as SQL, and what comes from it. */

/* Rows of one batch, at most WSED_MAX_ATOMIC_EVENTS. */
#define WSED_OUTBOX_MAX_ROWS 1000

/* Settings of a new connection. Gives: is the outbox there, is its text UTF-8. */
extern const WsedPostgresStatement wsed_outbox_settings;
#define WSED_OUTBOX_SETTINGS_THERE 0
#define WSED_OUTBOX_SETTINGS_UTF8 1
/* Makes it where it is not; of two daemons that come at once the second finds it made. */
const WsedPostgresStatement *wsed_outbox_make (void);
extern const WsedPostgresStatement wsed_outbox_listen;
/* Takes the lock of who drains. Gives: whether, and the outbox's name. */
extern const WsedPostgresStatement wsed_outbox_lock;
#define WSED_OUTBOX_LOCK_TAKEN 0
#define WSED_OUTBOX_LOCK_NAME 1
/* $1: where the log stands. A batch under way gets a number that the log has not had, where it has been farther than this outbox knows. */
extern const WsedPostgresStatement wsed_outbox_renumber;
/* $1: where the log stands. $2: rows. $3: bytes. Puts the oldest rows that can be seen into a new batch, unless one is under way. */
extern const WsedPostgresStatement wsed_outbox_claim;
/* $1: characters of one event. Gives the batch under way. */
extern const WsedPostgresStatement wsed_outbox_fetch;
/* $1: number of a batch. Removes its rows. */
extern const WsedPostgresStatement wsed_outbox_finish;
/* $1: rows to count at most. Gives: rows, microseconds since the oldest was written. */
extern const WsedPostgresStatement wsed_outbox_look;
#define WSED_OUTBOX_LOOK_ROWS 0
#define WSED_OUTBOX_LOOK_AGE 1

typedef struct
{
  WsedInput input;             /* borrows text and id */
  gint64 number;               /* in the table */
  char *key;                   /* NULL: none */
  char *text;                  /* NULL: none; cut where it is longer than any event may be */
  guint64 length;              /* bytes it had */
  char id[WSE_MAX_ID_BYTES + 1];
} WsedOutboxRow;

/* What @result of wsed_outbox_fetch says. @n: the batch's number. NULL: none is under way. */
GPtrArray  *wsed_outbox_read_batch  (const PGresult *result, const char *source, gint64 *n);
/* The dead letter for @row, which came from @source. */
WsedLetter *wsed_outbox_make_letter (const WsedOutboxRow *row, const char *source, const GError *error);

G_END_DECLS
