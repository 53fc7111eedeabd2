/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-pg-session.h"
#include "log/wsed-pg-task.h"

G_BEGIN_DECLS

/* Reads and searches, one after the other, each as many pages as it takes. */
typedef struct _WsedPgReader WsedPgReader;

WsedPgReader *wsed_pg_reader_new         (const WsedPgConfig *config);
void          wsed_pg_reader_free        (WsedPgReader *self);
void          wsed_pg_reader_set_context (WsedPgReader *self, GMainContext *context);
void          wsed_pg_reader_push        (WsedPgReader *self, WsedPgTask *task);
void          wsed_pg_reader_tick        (WsedPgReader *self);
void          wsed_pg_reader_fail        (WsedPgReader *self, const GError *error);
gboolean      wsed_pg_reader_is_ready    (WsedPgReader *self);
gboolean      wsed_pg_reader_is_idle     (WsedPgReader *self);
const GError *wsed_pg_reader_get_fault   (WsedPgReader *self);
/* Events met that this program could not read. */
guint64       wsed_pg_reader_get_unreadable (WsedPgReader *self);

G_END_DECLS
