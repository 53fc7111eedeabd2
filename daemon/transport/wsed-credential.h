/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "auth/wsed-authority.h"

G_BEGIN_DECLS

/* What a request brings along to say who asks: a token or the key of a service as `Authorization: Bearer`, the latter as `X-API-Key` too;
 * on streaming endpoints also as the subprotocol `bearer.<token>` and, where that is allowed, as the parameter `token`. */

/* What an endpoint asks for; where nothing was said, the most. */
typedef enum
{
  WSED_PERMISSION_ADMIN,
  WSED_PERMISSION_MONITOR,
  WSED_PERMISSION_ANY,         /* somebody who is known; what is permitted is decided by channel */
  WSED_PERMISSION_NONE,        /* open to everybody */
} WsedPermission;

typedef struct
{
  guint status;                /* 400, 401 or 403; 0: let in */
  const char *code;            /* static */
  const char *text;            /* static */
  const char *reason;          /* static, one word, for a metric */
  gboolean presented;          /* there was a credential, and it is none that is taken */
  gboolean undecided;          /* 401 for now: the file of keys is being read, see wsed_credential_await() */
} WsedDenial;

typedef void (*WsedDecide) (SoupServerMessage *message, gpointer user_data);

/* Whether who asks may. *@grant: what was granted (transfer full); NULL where @authority is, with which authentication is off, and where
 * nothing is asked for. @may_wait: FALSE: what is undecided is refused. */
WsedDenial wsed_credential_check     (WsedAuthority *authority, SoupServerMessage *message, WsedPermission permission, gboolean streaming,
                                      gboolean url_token, gboolean may_wait, WsedGrant **grant);
/* Holds the request still until there is more to decide by, within two seconds, then @decide; not where its client has gone by then. */
void       wsed_credential_await     (WsedAuthority *authority, SoupServerMessage *message, WsedDecide decide, gpointer user_data);
/* The value of WWW-Authenticate for a 401 (RFC 6750 section 3). */
char      *wsed_credential_challenge (const WsedDenial *denial);

/* What was granted to the request, kept with it; NULL: nothing. Takes @grant. */
void       wsed_credential_keep      (SoupServerMessage *message, WsedGrant *grant);
WsedGrant *wsed_credential_get       (SoupServerMessage *message);

/* That it is to be judged again, see wsed_credential_await(); until then it is kept as somebody's who may nothing. */
void       wsed_credential_defer       (SoupServerMessage *message);
gboolean   wsed_credential_is_deferred (SoupServerMessage *message);

G_END_DECLS
