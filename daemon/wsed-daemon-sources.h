/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-config.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* ms between two beats of the demo */
#define WSED_DAEMON_DEMO_INTERVAL 2000

/* What sources work with; all borrowed. */
typedef struct
{
  WsedLog *log;
  gboolean shared;             /* others append to the log, too */
  WsedPipeline *pipeline;
  WsedInbox *main;
} WsedDaemonSources;

/* Adds the sources that the configuration names to @sources. FALSE where one cannot be made. */
gboolean wsed_daemon_make_sources (const WsedConfig *config, const WsedDaemonSources *with, GPtrArray *sources, GError **error);

G_END_DECLS
