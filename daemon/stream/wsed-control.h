/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The messages about the stream itself, {"v":2,"t":…,"p":{…}}, as PROTOCOL section 3 has them. Each is appended to @out. */

void wsed_control_write_hello     (GString *out, const char *connection_id, guint heartbeat, gsize max_message, const char *cursor);
void wsed_control_write_gap       (GString *out, const char *channel, const char *epoch, guint64 from, guint64 to, const char *reason);
/* @channel: NULL but after a subscribe. */
void wsed_control_write_caught_up (GString *out, const char *channel, const char *cursor);
void wsed_control_write_mark      (GString *out, const char *cursor);
/* @retry_after_ms: 0 where nothing is said of coming back. */
void wsed_control_write_bye       (GString *out, const char *reason, guint retry_after_ms);

G_END_DECLS
