/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Permissions as options, and as wsed reads them in a token and in its file of keys. */
typedef struct
{
  char *subscribe, *publish, *types, *severity;
  gboolean monitor, admin;
} WsectlGrant;

/* The options, to stand among a command's own. */
#define WSECTL_GRANT_ENTRIES(grant)                                                                                                       \
  { "subscribe", 0, 0, G_OPTION_ARG_FILENAME, &(grant)->subscribe, "Channels, or prefixes that end in *, that may be read", "A,B" },       \
    { "publish", 0, 0, G_OPTION_ARG_FILENAME, &(grant)->publish, "… that may be published to", "A,B" },                                    \
    { "monitor", 0, 0, G_OPTION_ARG_NONE, &(grant)->monitor, "May read metrics, connections and system", NULL },                           \
    { "admin", 0, 0, G_OPTION_ARG_NONE, &(grant)->admin, "May end connections, erase channels and revoke tokens", NULL },                  \
    { "types", 0, 0, G_OPTION_ARG_FILENAME, &(grant)->types, "Of all that is read only these types", "A,B" },                              \
    { "severity", 0, 0, G_OPTION_ARG_FILENAME, &(grant)->severity, "Of all that is read only what is at least as severe", "SEVERITY" }

/* Appends the members that were asked for, each with a comma before it but the first of an object. FALSE with an error where one cannot be. */
gboolean wsectl_grant_append (const WsectlGrant *grant, GString *out, GError **error);
/* Appends `"name":["a","b"]` of a comma list; nothing for NULL. */
void     wsectl_grant_append_list (GString *out, const char *name, const char *list);
void     wsectl_grant_clear  (WsectlGrant *grant);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsectlGrant, wsectl_grant_clear)

G_END_DECLS
