/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "guard/wsed-request-head.h"
#include "tls/wsed-tls-session.h"

G_BEGIN_DECLS

/* One accepted connection while it speaks HTTP, and the set of them. libsoup gets a peer's requests one by one, each as a connection of its
 * own. */
typedef struct _WsedPeer WsedPeer;
typedef struct _WsedPeers WsedPeers;

typedef enum
{
  WSED_PEER_HEADERS,           /* reading a request's headers: 10 s */
  WSED_PEER_BODY,              /* reading its body: 30 s and 1 s per 64 KiB */
  WSED_PEER_WORK,              /* answering it: no deadline here */
  WSED_PEER_ANSWER,            /* sending the answer: 60 s */
  WSED_PEER_IDLE,              /* between two requests: 60 s */
  WSED_PEER_LINGER,            /* refused; what it still sends is thrown away: 5 s */
  WSED_PEER_N_STATES,
} WsedPeerState;

/* Called when a peer has come or gone. */
typedef void (*WsedPeersChanged) (guint count, gpointer user_data);

/* @crowd: from so many peers on, idle ones are ended after 5 s. @max_head: bytes of a request's head. */
WsedPeers *wsed_peers_new        (SoupServer *server, guint crowd, gsize max_head, WsedPeersChanged changed, gpointer user_data);
/* Takes @fd, and @session, the TLS over it, or NULL; its requests go to the server. */
void       wsed_peers_add        (WsedPeers *self, int fd, GSocketAddress *remote, WsedTlsSession *session);
guint      wsed_peers_get_count  (WsedPeers *self);
/* Ends the idle ones now and every other after the answer to its request. */
void       wsed_peers_stop       (WsedPeers *self);
void       wsed_peers_free       (WsedPeers *self);

/* The peer that @message came from; NULL once it is over. */
WsedPeer  *wsed_peer_of          (SoupServerMessage *message);
/* Bytes of the body that the request under way announces; G_MAXUINT64: it is chunked. */
guint64    wsed_peer_get_length  (WsedPeer *self);
/* The state's deadline counts from entering it; entering BODY again only tells how much of it there is. */
void       wsed_peer_enter       (WsedPeer *self, WsedPeerState state, guint64 body_bytes);
/* The server has taken a request; its answer has gone. */
void       wsed_peer_begin       (WsedPeer *self, SoupServerMessage *message);
void       wsed_peer_end         (WsedPeer *self, SoupServerMessage *message);
/* More of the request's body has come, to be kept or not; how many bytes came so far. */
guint64    wsed_peer_receive     (WsedPeer *self, GBytes *chunk, gboolean keep);
/* The body as far as it was kept; NULL where nothing was. */
GBytes    *wsed_peer_take_body   (WsedPeer *self);
/* Bytes of bodies kept for all peers. */
gsize      wsed_peers_get_held   (WsedPeers *self);
/* Answers the request under way by hand, whatever of it has come: libsoup answers only when all of it has. @lines: more headers, each with
 * CR and LF. Then the client is read on for a while without looking, so that the answer is not lost to a reset. */
void       wsed_peer_refuse      (WsedPeer *self, const WsedRefusal *refusal, const char *lines, gboolean with_body);
/* Takes the connection from HTTP: its socket, *@session, its TLS or NULL, and *@early, what came behind the request, NULL: nothing. @self is
 * gone after that. */
int        wsed_peer_hand_over   (WsedPeer *self, WsedTlsSession **session, GByteArray **early);
/* The set that a peer belongs to; whether that is stopping: then an answer says `Connection: close`. */
WsedPeers *wsed_peer_get_set     (WsedPeer *self);
gboolean   wsed_peers_is_stopping (WsedPeers *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedPeers, wsed_peers_free)

G_END_DECLS
