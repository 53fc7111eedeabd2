/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <wse.h>

G_BEGIN_DECLS

WseBus   *running_bus (guint queue_size);
/* @channels: joined by ","; NULL: none. */
WseEvent *make_event (const char *type, const char *channels);
void      publish (WseBus *bus, const char *type, const char *channels);
void      publish_many (WseBus *bus, guint n, const char *type, const char *channels);
/* Fails with @code. */
void      publish_bad (WseBus *bus, const char *type, const char *channels, int code);

/* Takes what a subscription emits: "channel:seq type" or "lagged n", each followed by ";". */
GString         *record (WseSubscription *subscription);
WseSubscription *subscribe (WseBus *bus, const char *channels, WseFilter *filter, guint history);
/* Runs the default context until nothing is left. */
void             run_out (void);
/* Runs out, compares, empties. */
void             check_seen (GString *seen, const char *expected);
/* From now on warnings are kept and do not end the test, which g_test_expect_message cannot do for structured ones. */
void             take_warnings (void);
/* There is one warning since the last check, and it matches @pattern. */
void             check_warning (const char *pattern);
/* "channel:from type;" to "channel:to type;". */
char            *sequence (const char *channel, guint from, guint to, const char *type);

G_END_DECLS
