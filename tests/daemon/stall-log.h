/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* A log in front of another one that can stop to answer, appends excepted, as one on a disk that hangs. */
#define TYPE_STALL_LOG (stall_log_get_type ())
G_DECLARE_FINAL_TYPE (StallLog, stall_log, STALL, LOG, GObject)

/* Takes @log. */
WsedLog *stall_log_new     (WsedLog *log);
/* From now on requests wait. */
void     stall_log_hold    (StallLog *self);
/* How many wait. */
guint    stall_log_waiting (StallLog *self);
/* Those that wait are carried out, and all that follow. */
void     stall_log_release (StallLog *self);
/* From now on nothing can be read. */
void     stall_log_break   (StallLog *self);
/* How many requests about consumers there were. */
guint    stall_log_consumes (StallLog *self);

G_END_DECLS
