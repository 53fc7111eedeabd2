/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"

G_BEGIN_DECLS

/* The keys of services, out of the file of WSE_API_KEYS: one JSON object a line,
 * {"name":"shop","sha256":"…64 hex digits…","publish":["user:*"]}, with permissions as in a token's claim `wse`; empty lines and those
 * that begin with # say nothing. The file has no key, only what a key is recognised by. Immutable, refcounted, any thread. */
typedef struct _WsedApiKeys WsedApiKeys;

/* NULL with @error, which names the file and the line. */
WsedApiKeys *wsed_api_keys_new   (const char *path, GError **error);
WsedApiKeys *wsed_api_keys_ref   (WsedApiKeys *self);
void         wsed_api_keys_unref (WsedApiKeys *self);
guint        wsed_api_keys_get_length (WsedApiKeys *self);
/* The grant of the service that has @key, to be referenced; NULL: nobody has it. The time it takes tells nothing of the keys. */
WsedGrant   *wsed_api_keys_find  (WsedApiKeys *self, const char *key);
/* Whether @grant, of an earlier reading of the file, is still in it as it was. */
gboolean     wsed_api_keys_has   (WsedApiKeys *self, const WsedGrant *grant);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedApiKeys, wsed_api_keys_unref)

G_END_DECLS
