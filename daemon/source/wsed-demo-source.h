/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/wsed-source.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

#define WSED_TYPE_DEMO_SOURCE (wsed_demo_source_get_type ())
G_DECLARE_FINAL_TYPE (WsedDemoSource, wsed_demo_source, WSED, DEMO_SOURCE, GObject)

/* Real readings of this machine as system events, and a simulated trading session for user:demo, every @interval ms. @pipeline is
 * borrowed: stop the source before it is freed. @proc: "/proc"; @seed: of the session. */
WsedSource *wsed_demo_source_new (WsedPipeline *pipeline, const char *proc, guint interval, guint64 seed);

G_END_DECLS
