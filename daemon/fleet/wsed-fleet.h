/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "relay/wsed-relay.h"

G_BEGIN_DECLS

/* The daemons of one log: which there are besides this one, how many connections each user has at them, and what they ask and tell each
 * other over the relay. What it says may be lost, and is said again; a daemon that is no longer heard of is forgotten with all that it
 * counted after WSED_FLEET_PATIENCE. Main thread. */
typedef struct _WsedFleet WsedFleet;

/* ms */
#define WSED_FLEET_BEAT 1000
#define WSED_FLEET_PATIENCE 5000
/* ms until a daemon that does not answer is given up */
#define WSED_FLEET_TIMEOUT 2000

/* Another daemon's, to be answered once. */
typedef struct _WsedQuestion WsedQuestion;

/* @text: NULL where no answer came. */
typedef void (*WsedAnswered) (const char *text, gpointer user_data);
typedef void (*WsedAsked)    (WsedQuestion *question, const char *text, gpointer user_data);
/* @own: by this daemon. */
typedef void (*WsedTold)     (const char *kind, const char *text, gboolean own, gpointer user_data);

/* @name: this daemon's, as the relay was started with. Borrows @relay. */
WsedFleet  *wsed_fleet_new       (WsedRelay *relay, const char *name);
/* Says goodbye: nobody else is asked, and nothing is heard any more. */
void        wsed_fleet_stop      (WsedFleet *self);
/* NULL is allowed. */
void        wsed_fleet_free      (WsedFleet *self);
void        wsed_fleet_set_asked (WsedFleet *self, WsedAsked asked, gpointer user_data);
void        wsed_fleet_set_told  (WsedFleet *self, WsedTold told, gpointer user_data);

/* What the relay heard. */
void        wsed_fleet_hear      (WsedFleet *self, const char *from, const char *text, gsize length);
/* The relay is there again: says who is here. */
void        wsed_fleet_greet     (WsedFleet *self);

/* So many connections @user has at this daemon now. */
void        wsed_fleet_count     (WsedFleet *self, const char *user, guint count);
/* So many at the others. What happened there in the last few ms may not be counted yet. */
guint       wsed_fleet_get_elsewhere (WsedFleet *self, const char *user);

/* The others. */
guint       wsed_fleet_get_size  (WsedFleet *self);
const char *wsed_fleet_get_name  (WsedFleet *self);
/* The name of the first daemon behind @after in the order of their names, this one among them; NULL: there is none. @after: NULL for the
 * first of all. */
const char *wsed_fleet_get_next  (WsedFleet *self, const char *after);
/* Asks the daemon @to; @done is called once. @text: at most WSED_RELAY_MAX_SAID - 64 bytes. */
void        wsed_fleet_ask       (WsedFleet *self, const char *to, const char *text, WsedAnswered done, gpointer user_data);
/* Answers, with a text of any length, and takes @question. */
void        wsed_question_answer (WsedQuestion *question, const char *text);
/* Tells all, this one at once; @kind: letters. Bounded as in ask; may be lost. */
void        wsed_fleet_tell      (WsedFleet *self, const char *kind, const char *text);
/* What was told reached this daemon another way: the listener hears it, unless it has. */
void        wsed_fleet_relate    (WsedFleet *self, const char *kind, const char *text);

G_END_DECLS
