/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Word to the service manager: sd_notify(3) and its watchdog, without libsystemd. Main thread. Without NOTIFY_SOCKET in the environment
 * everything here does nothing. */
typedef struct _WsedNotify WsedNotify;

/* Asks whether the daemon is well; it calls wsed_notify_alive() when it is, at once or later. */
typedef void (*WsedNotifyCheck) (WsedNotify *notify, gpointer user_data);

/* @environment: as g_get_environ(): NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. */
WsedNotify *wsed_notify_new      (GStrv environment);
/* @status: one line for people. From here on @check is called at half of WATCHDOG_USEC. */
void        wsed_notify_ready    (WsedNotify *self, const char *status, WsedNotifyCheck check, gpointer user_data);
void        wsed_notify_stopping (WsedNotify *self);
/* The answer to a check: feeds the watchdog. */
void        wsed_notify_alive    (WsedNotify *self);
void        wsed_notify_free     (WsedNotify *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedNotify, wsed_notify_free)

G_END_DECLS
