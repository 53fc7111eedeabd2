/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "wsectl-server.h"

G_BEGIN_DECLS

typedef struct
{
  WsectlServer *server;
  gint64 patience;             /* seconds to try the same again; 0: once */
  gboolean answered;           /* by this server, ever */
} WsectlSender;

/* Posts events that bear ids; tries again while there is no answer, or one that says later. FALSE with an error where none came
 * in time, or it is a refusal of the whole. */
gboolean wsectl_sender_post (WsectlSender *self, const char *content_type, GBytes *body, WsectlReply *reply, GError **error);

G_END_DECLS
