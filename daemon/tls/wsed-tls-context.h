/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <openssl/types.h>

G_BEGIN_DECLS

/* The certificate and the rules under which TLS is spoken. */
typedef struct _WsedTlsContext WsedTlsContext;

/* Reads the chain, the server's certificate first, and its private key, both PEM; and again, from the default main context, whenever the
 * files, or what links of that name lead to, have changed. NULL with @error, which names the file, where they are of no use. */
WsedTlsContext *wsed_tls_context_new  (const char *certificate, const char *key, GError **error);
/* Of the newest pair that was good. */
SSL_CTX        *wsed_tls_context_get  (WsedTlsContext *self);
void            wsed_tls_context_free (WsedTlsContext *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedTlsContext, wsed_tls_context_free)

G_END_DECLS
