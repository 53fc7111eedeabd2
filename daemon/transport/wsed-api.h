/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "fleet/wsed-following.h"
#include "log/wsed-log.h"
#include "stream/wsed-hub.h"
#include "transport/wsed-credential.h"
#include "transport/wsed-handshake.h"
#include "wsed-config.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* What the requests' handlers work with; all borrowed, main thread. */
typedef struct
{
  const WsedConfig *config;
  WsedPipeline *pipeline;
  WsedLog *log;
  WsedHub *hub;
  WsedInbox *main;
  WsedAuthority *authority;    /* NULL: authentication is off */
  WsedLimits *limits;
  WsedHandshakes *handshakes;
  WsedFollowing *following;
  WsedFleet *fleet;            /* of `following`; NULL: this daemon is alone on its log */
} WsedApi;

/* Each answers @message, at once or later. */
void wsed_api_publish      (WsedApi *api, SoupServerMessage *message);    /* POST /api/events */
void wsed_api_history      (WsedApi *api, SoupServerMessage *message);    /* GET /api/events */
void wsed_api_stats        (WsedApi *api, SoupServerMessage *message);
void wsed_api_health       (WsedApi *api, SoupServerMessage *message);
void wsed_api_metrics_text (WsedApi *api, SoupServerMessage *message);
void wsed_api_metrics_json (WsedApi *api, SoupServerMessage *message);
void wsed_api_list_connections (WsedApi *api, SoupServerMessage *message);
void wsed_api_end_connections  (WsedApi *api, SoupServerMessage *message); /* those of a user */
void wsed_api_end_connection   (WsedApi *api, SoupServerMessage *message); /* /api/connections/<id> */
void wsed_api_erase_channel    (WsedApi *api, SoupServerMessage *message); /* /api/channels/<channel> */
void wsed_api_root         (WsedApi *api, SoupServerMessage *message);
void wsed_api_openapi      (WsedApi *api, SoupServerMessage *message);
void wsed_api_asyncapi     (WsedApi *api, SoupServerMessage *message);
void wsed_api_revoke       (WsedApi *api, SoupServerMessage *message);    /* POST /api/revocations */

/* FALSE where the request has parameters, but for those that say who one is where authentication is off; it is answered 400 then. */
gboolean wsed_api_check_query (WsedApi *api, SoupServerMessage *message);
/* What is behind /api/<something>/ in the path, decoded; NULL where it cannot be, and it is answered 400 then. */
char    *wsed_api_get_name    (SoupServerMessage *message);
/* Before the body is read: the form that its Content-Type names; FALSE where it is none that is taken. */
gboolean wsed_api_publish_form (SoupServerMessage *message, WsedForm *form, const char **problem);

G_END_DECLS
