/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "thread/wsed-inbox.h"
#include "wse-limits.h"

G_BEGIN_DECLS

/* Dead letters (PROTOCOL section 1): an input from a source without an asker that could not be processed, kept with its error. They come
 * with an append; the oldest go where there are too many, they are too large together, or too old. */

#define WSED_MAX_LETTERS 10000
#define WSED_MAX_LETTERS_BYTES (64 * 1024 * 1024)
#define WSED_LETTER_AGE (30 * G_TIME_SPAN_DAY)
/* Of one input; what is longer is cut there and cannot be tried again. */
#define WSED_MAX_LETTER_INPUT (1024 * 1024)

/* Plain data; all text is UTF-8. */
typedef struct
{
  guint64 id;                  /* given by the log, 1, 2, 3 …: grows, never reused */
  char *source;                /* where it comes from, as in WsedMove */
  gint64 position;             /* in the source: of the input itself */
  char *event_id;              /* what the event is called if the input has no id for it; NULL: it has to have one */
  char *topic;                 /* NULL: none */
  GBytes *key;                 /* NULL: none */
  char *headers;               /* a JSON object of texts; NULL: none */
  GBytes *input;               /* at most WSED_MAX_LETTER_INPUT bytes; NULL: there was no value, or it was not asked for */
  guint64 length;              /* bytes the input had */
  char *code;                  /* as wse_error_get_code() names it */
  char *error;                 /* what was wrong, for people */
  gint64 first, last;          /* microseconds since 1970: when it first and last failed */
  guint tries;                 /* at least 1 */
} WsedLetter;

WsedLetter *wsed_letter_new     (const char *source, gint64 position);   /* now, one try */
WsedLetter *wsed_letter_copy    (const WsedLetter *letter);
void        wsed_letter_free    (WsedLetter *letter);
/* Cuts it where it is too long. @data NULL: there is none. */
void        wsed_letter_set_input (WsedLetter *letter, const void *data, gsize length);
void        wsed_letter_set_error (WsedLetter *letter, const GError *error);
/* What it counts towards WSED_MAX_LETTERS_BYTES. */
gsize       wsed_letter_measure (const WsedLetter *letter);

typedef enum
{
  WSED_LETTERS_LIST,           /* the newest first, without their inputs */
  WSED_LETTERS_GET,            /* one, whole */
  WSED_LETTERS_REMOVE,         /* one */
  WSED_LETTERS_FAIL,           /* one was tried again in vain: one more try, last now, with the error that there is now */
} WsedLettersVerb;

/* A request to the log like those of wsed-log.h, in the order of appends. */
typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  WsedLettersVerb verb;
  guint64 id;                  /* GET, REMOVE, FAIL: which one. LIST: those with a smaller one; 0: from the newest on */
  guint limit;                 /* LIST: at most so many, 1 to WSE_MAX_PAGE */
  char *code, *reason;         /* FAIL: the letter's code and error from now on */

  GPtrArray *letters;          /* (element-type WsedLetter) LIST, GET; those that are too old are not told any more */
  gboolean found;              /* GET, REMOVE, FAIL: it was there */
  guint64 count;               /* letters kept now, after the request */
  GError *error;               /* WSE_ERROR_UNAVAILABLE: the log; nothing was changed */
} WsedLetters;

WsedLetters *wsed_letters_new  (WsedLettersVerb verb, WsedInbox *reply_to);
void         wsed_letters_free (WsedLetters *letters);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedLetter, wsed_letter_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedLetters, wsed_letters_free)

G_END_DECLS
