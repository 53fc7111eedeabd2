/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/types.h>

#include "thread/wsed-inbox.h"

G_BEGIN_DECLS

/* The certificate and the rules under which TLS is spoken. */
typedef struct _WsedTlsContext WsedTlsContext;

/* Reads the chain, the server's certificate first, and its private key, both PEM; and again, in a thread beside, whenever the files, or what
 * links of that name lead to, have changed. @main: the inbox that the main loop runs. NULL with @error, which names the file, where they are
 * of no use. */
WsedTlsContext *wsed_tls_context_new  (const char *certificate, const char *key, WsedInbox *main, GError **error);
/* Of the newest pair that was good. */
SSL_CTX        *wsed_tls_context_get  (WsedTlsContext *self);
/* Looks no more; what it found last is still in the inbox, which has to be run before it is freed. */
void            wsed_tls_context_stop (WsedTlsContext *self);
void            wsed_tls_context_free (WsedTlsContext *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedTlsContext, wsed_tls_context_free)

G_END_DECLS
