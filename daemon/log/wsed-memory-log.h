/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

#define WSED_TYPE_MEMORY_LOG (wsed_memory_log_get_type ())
G_DECLARE_FINAL_TYPE (WsedMemoryLog, wsed_memory_log, WSED, MEMORY_LOG, GObject)

/* A log that is gone with the process. @retention is copied. */
WsedLog *wsed_memory_log_new (const WsedRetention *retention);

G_END_DECLS
