/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsectlSender posts the same bytes until they are answered. What it is given has ids, so what the server has kept of an attempt
 * whose answer was lost is a duplicate in the next. A server that never answered is not waited for. */

#include "wsectl-sender.h"

#include "wsectl-answer.h"
#include "wsectl-line.h"

#define FIRST_PAUSE (100 * 1000)     /* microseconds */
#define LONGEST_PAUSE (2 * G_USEC_PER_SEC)

static gboolean
is_later (guint status)
{
  return status == 429 || status == 503;
}

gboolean
wsectl_sender_post (WsectlSender  *self,
                    const char    *content_type,
                    GBytes        *body,
                    WsectlReply   *reply,
                    GError       **error)
{
  gint64 end = g_get_monotonic_time () + self->patience * G_USEC_PER_SEC;
  gint64 pause = FIRST_PAUSE;

  while (TRUE)
    {
      g_autoptr (GError) problem = NULL;
      gboolean answered = wsectl_server_ask (self->server, "POST", "/api/events", NULL, content_type, body, reply, &problem);

      self->answered |= answered;
      if (answered && reply->status >= 200 && reply->status < 300)
        return TRUE;
      if (answered)
        wsectl_answer_set_refusal (reply->status, reply->body, &problem);
      if (g_get_monotonic_time () + pause > end || !self->answered || (answered && !is_later (reply->status)))
        {
          g_propagate_error (error, g_steal_pointer (&problem));
          return FALSE;
        }
      if (pause == FIRST_PAUSE)
        wsectl_line_note ("trying again: %s", problem->message);
      g_usleep (pause);
      pause = MIN (pause * 2, LONGEST_PAUSE);
    }
}
