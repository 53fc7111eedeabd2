/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-filter.h"

G_BEGIN_DECLS

/* What a credential grants to who holds it: who that is, and what is permitted (PROTOCOL section 5, token). Immutable once made, refcounted,
 * any thread. Where authentication is off there is none: every question below is answered with yes for NULL. */
typedef struct
{
  guint refs;                  /* atomic */
  char *user;                  /* sub; NULL: a service's */
  char *service;               /* the API key's name; NULL: a user's */
  GStrv roles, teams;          /* never NULL */
  GStrv subscribe, publish;    /* channels, or prefixes that end in `*`; never NULL */
  gboolean monitor, admin;
  WseFilter *filter;           /* what is let through of everything that is read; NULL: all */
  gint64 expires;              /* microseconds since 1970; G_MAXINT64: never */
  gint64 issued;               /* microseconds since 1970; G_MININT64: it does not say */
  char *jti;                   /* NULL: it does not say */
  guint8 digest[32];           /* SHA-256 of the key that let it in: a service's own, or the one that its token is signed with */
  guint algorithm;             /* a token's: WsedAlgorithm; 0: there is no token */
  char *kid;                   /* a token's: the name of a key in it; NULL: it names none */
  char *line;                  /* a service's: what grants it this, as it stands in the file; NULL: a user's */
} WsedGrant;

WsedGrant *wsed_grant_new   (void);
WsedGrant *wsed_grant_ref   (WsedGrant *grant);
/* NULL is allowed. */
void       wsed_grant_unref (WsedGrant *grant);

/* Whose it is: the user, or `@` and the service's name, which no user can have. NULL for NULL. */
char       *wsed_grant_dup_holder    (const WsedGrant *grant);

/* @channel: a valid channel, or `*` for the whole log. */
gboolean    wsed_grant_may_subscribe (const WsedGrant *grant, const char *channel);
gboolean    wsed_grant_may_publish   (const WsedGrant *grant, const char *channel);
/* Who may administer may monitor. */
gboolean    wsed_grant_may_monitor   (const WsedGrant *grant);
gboolean    wsed_grant_may_administer (const WsedGrant *grant);
/* NULL for NULL: none. */
WseFilter  *wsed_grant_get_filter    (const WsedGrant *grant);
/* Whether @pattern is a channel, or a prefix ending in `*`. */
gboolean    wsed_grant_pattern_is_valid (const char *pattern);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedGrant, wsed_grant_unref)

G_END_DECLS
