/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* What the daemon was told: command line over environment over file (PROTOCOL section 5). Plain data, made once, then only read. */
typedef struct
{
  GStrv listen;                /* "127.0.0.1:8000", "[::1]:0", "unix:PATH"; port 0 takes a free one (told in the log and by --print-address) */
  char *log;                   /* "sqlite:PATH", "memory:" */
  WsedRetention retention;
  gboolean dev;                /* authentication off, loopback only */
  gboolean demo;               /* the demo source */
  guint buffer_size;           /* events a connection may lie behind before the slow consumer policy holds */
  gsize tail_bytes;
  guint workers;
  guint heartbeat;             /* seconds */
  guint max_connections_per_user;
  gsize max_body, max_event, max_message;
  GStrv allowed_origins;       /* NULL: the default list */
  gboolean log_json;
  GLogLevelFlags log_level;    /* the least that is written */
} WsedConfig;

/* @argv: as main() got it. NULL with @error, which names what is wrong and what is allowed; sets *@exit_early where --help or --version
 * was answered. */
WsedConfig *wsed_config_load (int argc, char **argv, gboolean *exit_early, GError **error);
void        wsed_config_free (WsedConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedConfig, wsed_config_free)

G_END_DECLS
