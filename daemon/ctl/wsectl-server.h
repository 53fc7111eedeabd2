/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

#define WSECTL_DEFAULT_SERVER "http://127.0.0.1:8000"
/* The option --server, to stand among a command's own. */
#define WSECTL_SERVER_ENTRY(address)                                                                                                       \
  { "server", 0, 0, G_OPTION_ARG_FILENAME, (address), "Where wsed is (else WSE_SERVER, else " WSECTL_DEFAULT_SERVER ")", "ADDRESS" }

typedef struct _WsectlServer WsectlServer;

typedef struct
{
  guint status;
  guint retry_after;           /* seconds; 0: the server did not say */
  GBytes *body;
} WsectlReply;

/* @address NULL: of the environment, else the default. Who asks is what WSE_TOKEN says. */
WsectlServer *wsectl_server_new (const char *address, GError **error);
void          wsectl_server_free (WsectlServer *self);
const char   *wsectl_server_get_address (WsectlServer *self);
SoupSession  *wsectl_server_get_session (WsectlServer *self);
/* @query as wsectl_query_add() writes it. */
GUri         *wsectl_server_get_uri (WsectlServer *self, const char *path, const char *query, gboolean websocket);
/* Asks and waits. FALSE where there is no whole answer; any status is an answer. @content_type and @body may be NULL. */
gboolean      wsectl_server_ask (WsectlServer *self, const char *method, const char *path, const char *query,
                                 const char *content_type, GBytes *body, WsectlReply *reply, GError **error);
/* Says in @message who asks. */
void          wsectl_server_sign (WsectlServer *self, SoupMessage *message);
void          wsectl_reply_clear (WsectlReply *reply);
/* Appends name=value, percent-encoded; nothing for NULL. */
void          wsectl_query_add (GString *query, const char *name, const char *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsectlServer, wsectl_server_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsectlReply, wsectl_reply_clear)

G_END_DECLS
