/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tls/wsed-tls-context.h"
#include "tls/wsed-tls-session.h"
#include "transport/wsed-listener.h"
#include "transport/wsed-visitor.h"

G_BEGIN_DECLS

/* The way of a connection from the listening sockets to HTTP: who it comes from, whether one more of those may come in, and its TLS. */
typedef struct _WsedDoor WsedDoor;

/* @fd is the receiver's, @session, NULL: in the clear, too; @remote knows its visitor. */
typedef void (*WsedDoorEntered) (int fd, GSocketAddress *remote, WsedTlsSession *session, gpointer user_data);
/* How many are on their way has changed. */
typedef void (*WsedDoorChanged) (guint count, gpointer user_data);

typedef struct
{
  const char * const *listen;
  const char * const *admin_listen;    /* NULL: none */
  WsedTlsContext *tls;         /* borrowed, for TCP; NULL: everybody speaks in the clear */
  const WsedTrust *trust;      /* borrowed */
  WsedLimits *limits;          /* borrowed */
  WsedDoorEntered entered;
  WsedDoorChanged changed;
  gpointer user_data;
} WsedDoorConfig;

WsedDoor           *wsed_door_new           (const WsedDoorConfig *config, GError **error);
void                wsed_door_open          (WsedDoor *self, int max_fd);
/* TRUE: nobody new is accepted but operators. */
void                wsed_door_set_held      (WsedDoor *self, gboolean held);
/* No longer listens; ends who is on the way. */
void                wsed_door_close         (WsedDoor *self);
guint               wsed_door_get_count     (WsedDoor *self);
/* With the real ports, in the order of the configuration; of those for operators, NULL: there are none. */
const char * const *wsed_door_get_addresses (WsedDoor *self);
const char * const *wsed_door_get_admin_addresses (WsedDoor *self);
/* Whether @message came in where operators do, or there is no such place. */
gboolean            wsed_door_is_admin      (WsedDoor *self, SoupServerMessage *message);
void                wsed_door_free          (WsedDoor *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedDoor, wsed_door_free)

G_END_DECLS
