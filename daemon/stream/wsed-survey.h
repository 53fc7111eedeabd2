/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* Which connections are meant. */
struct _WsedSurveyWish
{
  char *id, *user, *endpoint, *channel; /* NULL: any */
  guint64 after;               /* only those admitted behind this one, by its serial */
  guint limit;                 /* so many at most, the first ones */
  gboolean dismiss;            /* ends them; else describes them */
};

typedef struct
{
  guint count;
  GString *text;               /* what describe wrote, joined by commas; "" where they were ended */
  guint64 next;                /* the serial of the last one, where there may be more; else 0 */
} WsedSurveyResult;

typedef void (*WsedSurveyed) (const WsedSurveyResult *result, gpointer user_data);

/* Asks every worker, a few connections at a time, so that none of them is held up; @done is called on the main thread. The strings of
 * @wish are copied. */
void wsed_survey_start (WsedHub *hub, const WsedSurveyWish *wish, WsedSurveyed done, gpointer user_data);

G_END_DECLS
