/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-request-head.h"
#include "tls/wsed-tls-session.h"

G_BEGIN_DECLS

/* Where a connection's bytes come in, and go out, while it speaks HTTP. Nothing blocks: -1 with errno EAGAIN where it would. */
typedef struct _WsedInlet WsedInlet;

typedef enum
{
  WSED_INLET_NOTHING,          /* no byte of a request has come */
  WSED_INLET_PART,             /* a part of a head */
  WSED_INLET_REQUEST,          /* a head, which is sound: the request can be read */
  WSED_INLET_BAD,              /* a head that is not */
  WSED_INLET_ENDED,            /* the client sends no more */
} WsedInletStep;

/* Takes @fd, and @session, the TLS over it, or NULL. @max_head: bytes of a request's head. */
WsedInlet          *wsed_inlet_new          (int fd, WsedTlsSession *session, gsize max_head);
void                wsed_inlet_free         (WsedInlet *self);
int                 wsed_inlet_get_fd       (WsedInlet *self);
gboolean            wsed_inlet_is_tls       (WsedInlet *self);

/* Forgets the request before, and looks for the next one. */
WsedInletStep       wsed_inlet_next         (WsedInlet *self);
/* Whether bytes are there that nobody has looked at. */
gboolean            wsed_inlet_is_ahead     (WsedInlet *self);
/* Of the request that next has found: its head; whether its body is understood so far, and all of it was read; why not. */
const WsedRequestHead *wsed_inlet_get_head  (WsedInlet *self);
gboolean            wsed_inlet_is_done      (WsedInlet *self);
const WsedRefusal  *wsed_inlet_get_refusal  (WsedInlet *self);
/* The request's bytes as they are to be seen further in; 0: there are no more of it. Errno EBADMSG: its body is not sound, or breaks off. */
gssize              wsed_inlet_read         (WsedInlet *self, void *buffer, gsize size);
/* As send(). After EAGAIN the next call must begin with the same bytes. @more: what follows at once may go out with it. */
gssize              wsed_inlet_write        (WsedInlet *self, const void *data, gsize length, gboolean more);
/* Nothing follows at once. */
void                wsed_inlet_push         (WsedInlet *self);
/* Of @condition, what the descriptor is to be asked for; 0: it is there already. */
GIOCondition        wsed_inlet_wait_for     (WsedInlet *self, GIOCondition condition);

/* Says that nothing more is written. */
void                wsed_inlet_finish       (WsedInlet *self);
/* Gives up the descriptor and all that has come behind the request, at most @max bytes; *@session: NULL: in the clear. Then it is to be
 * freed. */
int                 wsed_inlet_hand_over    (WsedInlet *self, gsize max, WsedTlsSession **session, GByteArray **early);

G_END_DECLS
