/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "log/wsed-consumer.h"
#include "log/wsed-entry.h"
#include "log/wsed-letter.h"
#include "log/wsed-move.h"
#include "thread/wsed-inbox.h"
#include "wse-error.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* The store of events. Every request is a message: its maker fills the upper part and sends it with the function of its name; the
 * log fills the lower part and pushes it to reply_to, whose thread then owns it again (message.run). Requests of one sender are
 * answered in the order of sending per kind; appends and heads share one order: a heads answer holds exactly what the appends
 * answered before it have added. That is what joins replay to live without a lock, a hole or a double. */

/* Appends events in their order. Not atomic as a whole: with an error the first n_done are kept.
 * One that has moves or letters is a transaction: events, duplicates, moves and letters together or nothing of them, so with an error
 * n_done is 0; it may have no events at all. It has at most WSED_MAX_ATOMIC_EVENTS and is refused with WSE_ERROR_CONFLICT, which is no
 * fault of the log, where a move's `from` is not what is kept (with what was appended before it): moves[i].kept then says what is. */
typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  GPtrArray *events;           /* (element-type WseEvent), each with 1 to 5 channels, no channel twice */
  gsize bytes;                 /* about what it holds, for the bounds */
  GArray *moves;               /* (element-type WsedMove), or NULL */
  GPtrArray *letters;          /* (element-type WsedLetter), or NULL: kept as dead letters; their ids are the log's to give */

  guint n_done;
  WsedEntry **entries;         /* n_done: the event as kept; for a duplicate the first one, as far as it is still known (the
                                * event as it was sent, with the first's n and seqs) */
  guint8 *duplicates;          /* n_done: 1 where events[i] was not appended */
  GError *error;               /* WSE_ERROR_UNAVAILABLE: cannot be written now (full, I/O, corrupt, …); WSE_ERROR_CONFLICT: a move */
} WsedAppend;

#define WSED_MAX_ATOMIC_EVENTS 4096

WsedAppend *wsed_append_new  (GPtrArray *events, WsedInbox *reply_to);   /* takes events */
/* Makes it a transaction, before it is sent; each takes what it is given, NULL for none. */
void        wsed_append_set_moves   (WsedAppend *append, GArray *moves);
void        wsed_append_set_letters (WsedAppend *append, GPtrArray *letters);
gboolean    wsed_append_is_atomic   (const WsedAppend *append);
void        wsed_append_free (WsedAppend *append);

/* Where channels end. */
typedef struct
{
  char *channel;               /* in; "*" for the whole log: the numbers are n then */

  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 low;                 /* the last seq no longer kept; 0: all are */
  guint64 head;                /* the last seq given; 0: none yet */
} WsedHead;

typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  GArray *heads;               /* (element-type WsedHead) */

  guint64 n;                   /* the end of the log */
  GError *error;
} WsedHeads;

WsedHeads *wsed_heads_new  (WsedInbox *reply_to);
void       wsed_heads_add  (WsedHeads *heads, const char *channel);
void       wsed_heads_free (WsedHeads *heads);

/* Reads forward from a position in each of several channels, merged by n, an event that is in several of them once. */
typedef struct
{
  char *channel;               /* or "*", alone: the whole log */
  WseFilter *filter;           /* NULL: all */
  guint64 seq;                 /* in: after this; out: everything up to here was given, passed over by the filter, or is below low */

  guint64 low;                 /* out: what lies between the seq asked for and this is lost: as in WsedHead, or further on where events
                                * in between turned out to be gone (trimmed meanwhile, unreadable, holes in "*"). Reading never passes
                                * over a hole behind an event that it gives: it ends before it, and the next one reports it here. */
} WsedPosition;

typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  GArray *positions;           /* (element-type WsedPosition) */
  guint max_events;            /* of those that match; at most 1000 */
  gsize max_bytes;             /* of payload, about; at least one event is given even if it is larger */

  GPtrArray *entries;          /* (element-type WsedEntry) by n; entries that match no position's filter are not in it */
  gboolean end;                /* the positions now stand at the end of what was committed when the reading began */
  guint64 n;                   /* everything up to here in the log, of these channels, is done with */
  GError *error;
} WsedRead;

WsedRead *wsed_read_new  (WsedInbox *reply_to, guint max_events, gsize max_bytes);
void      wsed_read_add  (WsedRead *read, const char *channel, WseFilter *filter, guint64 after);
void      wsed_read_free (WsedRead *read);

/* Finds where to begin reading. */
typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  char *channel;               /* or "*" */
  WseFilter *filter;           /* for history: what counts; NULL: all */
  guint history;               /* the last so many matching; looks back over at most WSE_MAX_LOOKBACK events */
  guint64 after_n;             /* with history 0: the place in the channel of the last event with n ≤ after_n */
  guint64 upto;                /* history: counts back from this seq, included (a head) */

  guint64 seq;                 /* read after this; never below low */
  gboolean lost;               /* after_n: events of the channel behind that place may have been removed */
  GError *error;
} WsedLocate;

WsedLocate *wsed_locate_new  (WsedInbox *reply_to, const char *channel);
void        wsed_locate_free (WsedLocate *locate);

/* Erases what a channel holds. With the answer nothing of it is read any more, and that is as durable as an append. Its seqs go on
 * behind head and ids that it has seen stay known. An event that is in other channels too is kept there. What it took on the disk is
 * overwritten in steps between the appends that follow. In the order of appends and heads. */
typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  char *channel;               /* never "*" */

  gboolean known;              /* FALSE: it never had an event, or was forgotten; nothing is done then */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 low, head;           /* erased: seq low + 1 … head */
  guint64 n;                   /* the end of the log then */
  GError *error;
} WsedErase;

WsedErase *wsed_erase_new  (WsedInbox *reply_to, const char *channel);
void       wsed_erase_free (WsedErase *erase);

typedef enum
{
  WSED_LOG_OK,
  WSED_LOG_DEGRADED,           /* reads, does not write: publishing answers 503 */
  WSED_LOG_DOWN,
} WsedLogState;

typedef struct
{
  WsedLogState state;
  char reason[160];            /* "" where OK */
  guint64 events;              /* kept now, about */
  guint64 bytes;               /* on disk or in memory */
  guint64 appended;            /* since the start */
  guint64 duplicates;
  guint64 commits;
  guint64 removed;             /* by retention and erasing, since the start */
  guint64 queued_bytes;        /* appends not yet answered */
  guint64 unreadable;          /* blocks met with a wrong checksum, since the start */
  guint64 letters;             /* dead letters kept now */
} WsedLogStats;

/* For the stores. */
void  wsed_append_set_conflict (WsedAppend *append, const WsedMove *move);
gsize wsed_log_measure    (WseEvent *event);
void  wsed_log_make_epoch (char epoch[WSE_MAX_EPOCH_BYTES + 1]);

#define WSED_TYPE_LOG (wsed_log_get_type ())
G_DECLARE_INTERFACE (WsedLog, wsed_log, WSED, LOG, GObject)

/* All of these may be called from any thread and do not block; close does: it answers everything that is queued first. */
struct _WsedLogInterface
{
  GTypeInterface parent;

  void (*append) (WsedLog *self, WsedAppend *append);
  void (*heads) (WsedLog *self, WsedHeads *heads);
  void (*read) (WsedLog *self, WsedRead *read);
  void (*locate) (WsedLog *self, WsedLocate *locate);
  void (*consume) (WsedLog *self, WsedConsumer *consumer);
  void (*erase) (WsedLog *self, WsedErase *erase);
  void (*positions) (WsedLog *self, WsedPositions *positions);
  void (*letters) (WsedLog *self, WsedLetters *letters);
  void (*get_stats) (WsedLog *self, WsedLogStats *stats);
  void (*close) (WsedLog *self);
};

void wsed_log_append    (WsedLog *self, WsedAppend *append);
void wsed_log_heads     (WsedLog *self, WsedHeads *heads);
void wsed_log_read      (WsedLog *self, WsedRead *read);
void wsed_log_locate    (WsedLog *self, WsedLocate *locate);
void wsed_log_consume   (WsedLog *self, WsedConsumer *consumer);
void wsed_log_erase     (WsedLog *self, WsedErase *erase);
void wsed_log_positions (WsedLog *self, WsedPositions *positions);
void wsed_log_letters   (WsedLog *self, WsedLetters *letters);
void wsed_log_get_stats (WsedLog *self, WsedLogStats *stats);
void wsed_log_close     (WsedLog *self);

/* How much is kept; what a log is made with. */
typedef struct
{
  guint64 max_events;          /* per channel; 0: unbounded */
  gint64 max_age;              /* microseconds; 0: unbounded */
  guint64 max_bytes;           /* of the whole log; 0: unbounded */
  gboolean sync_full;          /* fdatasync before an append is answered */
} WsedRetention;

G_END_DECLS
