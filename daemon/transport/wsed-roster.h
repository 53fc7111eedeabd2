/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fleet/wsed-fleet.h"
#include "stream/wsed-survey.h"

G_BEGIN_DECLS

/* A survey of the connections of all daemons of a log, one daemon after the other in the order of their names. */
typedef struct
{
  guint count;
  GString *text;               /* as in WsedSurveyResult */
  char *next;                  /* where the next page begins; NULL: nothing is left */
  guint unanswered;            /* daemons that did not answer */
} WsedRosterResult;

typedef void (*WsedRostered) (const WsedRosterResult *result, gpointer user_data);

/* @fleet: NULL: this daemon is alone. @wish's `after` comes from @page, what a result had as `next`; NULL: from the beginning. FALSE where
 * that cannot be, and nothing is done. */
gboolean wsed_roster_start  (WsedHub *hub, WsedFleet *fleet, const WsedSurveyWish *wish, const char *page, WsedRostered done,
                             gpointer user_data);
/* Answers another daemon's part of it. FALSE: @text is not such a question, and @question is still the caller's. */
gboolean wsed_roster_answer (WsedHub *hub, WsedQuestion *question, const char *text);

G_END_DECLS
