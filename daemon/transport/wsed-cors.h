/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What browsers are told about pages of other origins (WHATWG Fetch, "HTTP extensions"). Cookies are never asked for and nothing else that
 * a browser adds by itself counts, so credentials mode is not allowed. */

/* Whether the request is no page's, or one's that may: then its answer, whatever it becomes, tells the browser so. */
gboolean wsed_cors_admit     (SoupServerMessage *message, const char * const *allowed);
/* Whether a browser asks ahead; the answer to that, to be made after admit. @methods: what the path takes, "GET, HEAD". */
gboolean wsed_cors_is_asked  (SoupServerMessage *message);
void     wsed_cors_answer    (SoupServerMessage *message, const char *methods);
/* Adds what admit set to @head, the head of an answer that is written by hand. */
void     wsed_cors_append    (SoupServerMessage *message, GString *head);

G_END_DECLS
