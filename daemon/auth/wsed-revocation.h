/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"

G_BEGIN_DECLS

/* That a token, or all that were issued to a user up to a time, are good no more. Immutable, refcounted, any thread. */
typedef struct
{
  guint refs;                  /* atomic */
  char *jti;                   /* the one token; NULL: `user` says whose */
  char *user;
  gint64 issued;               /* those issued up to then (microseconds since 1970), and those that do not say when */
  gint64 expires;              /* when the last of them has expired by itself; G_MAXINT64: not known */
} WsedRevocation;

/* @text: {"jti":…,"exp":…} or {"sub":…,"iat":…,"exp":…}, times as in a token; @now where iat is missing. NULL with *@problem, a static
 * text. */
WsedRevocation *wsed_revocation_new    (const char *text, gsize length, gint64 now, const char **problem);
/* What covers all that @one and @other, of the same user or jti, cover. */
WsedRevocation *wsed_revocation_merge  (const WsedRevocation *one, const WsedRevocation *other);
WsedRevocation *wsed_revocation_ref    (WsedRevocation *self);
void            wsed_revocation_unref  (WsedRevocation *self);
gboolean        wsed_revocation_covers (const WsedRevocation *self, const WsedGrant *grant);
/* The same text again, one line without its end. */
void            wsed_revocation_append (const WsedRevocation *self, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedRevocation, wsed_revocation_unref)

G_END_DECLS
