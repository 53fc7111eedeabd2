/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* At most so many of them are looked at. */
#define WSED_MAX_HEADERS 64

/* Says of what form @data, as a message brings it, is by its @headers: the JSON of PROTOCOL section 2, or where `content-type` or
 * `ce_specversion` say so a CloudEvent, structured or binary. What it cannot be is its fault. @data NULL: there is none. Borrows @data. */
void  wsed_input_init  (WsedInput *input, const WsedHeader *headers, guint n_headers, const char *data, gsize length);
void  wsed_input_clear (WsedInput *input);

/* The headers as a JSON object of texts, at most @max_bytes long: what would not fit is left out. NULL: there are none. */
char *wsed_headers_to_json (const WsedHeader *headers, guint n_headers, gsize max_bytes);

G_END_DECLS
