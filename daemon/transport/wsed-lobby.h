/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Connections that wait for something before they go on, each no longer than 10 s. */
typedef struct _WsedLobby WsedLobby;
typedef struct _WsedGuest WsedGuest;

/* One that waits; the first member of what its host knows of it. */
struct _WsedGuest
{
  WsedLobby *lobby;
  GList link;                  /* in the lobby */
  int fd;
  GSocketAddress *remote;
  GSource *watch;              /* NULL: nothing is waited for */
  GIOCondition waits_for;      /* of the descriptor; 0: for a time */
  gint64 deadline;             /* monotonic microseconds */
};

/* What the host does with its guests. */
typedef struct
{
  gsize size;                              /* bytes of what it knows of one */
  void (*ready) (WsedGuest *guest);        /* what is waited for is there */
  void (*expired) (WsedGuest *guest);      /* its time is over, and it goes */
  void (*cleared) (WsedGuest *guest);      /* it goes, whyever; NULL: nothing to do */
} WsedHost;

/* One has come or gone. */
typedef void (*WsedLobbyChanged) (guint count, gpointer user_data);

WsedLobby *wsed_lobby_new       (const WsedHost *host, WsedLobbyChanged changed, gpointer user_data);
/* Takes @fd. The guest waits for nothing yet. */
WsedGuest *wsed_lobby_add       (WsedLobby *self, int fd, GSocketAddress *remote);
guint      wsed_lobby_get_count (WsedLobby *self);
/* Ends all that are there. */
void       wsed_lobby_clear     (WsedLobby *self);
void       wsed_lobby_free      (WsedLobby *self);

/* Calls ready when the descriptor is. */
void       wsed_guest_wait_for  (WsedGuest *self, GIOCondition condition);
/* Calls ready again and again, every so many milliseconds. */
void       wsed_guest_wait      (WsedGuest *self, guint interval);
/* Waits for nothing but its deadline. */
void       wsed_guest_rest      (WsedGuest *self);
/* It goes, and its connection ends. */
void       wsed_guest_free      (WsedGuest *self);
/* It goes, and its descriptor is the caller's. */
int        wsed_guest_leave     (WsedGuest *self);

G_END_DECLS
