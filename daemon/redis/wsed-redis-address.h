/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where a Redis is and who one is there. */
typedef struct
{
  char *name;                  /* host:port or the path: for messages, without credentials */
  char *host;                  /* NULL: a Unix socket */
  guint16 port;
  char *path;                  /* of that socket */
  gboolean tls;
  char *user;                  /* NULL: the default one */
  char *password;              /* NULL: none is asked for */
  guint database;
} WsedRedisAddress;

/* redis://[[user]:password@]host[:port][/database], rediss:// for TLS, unix:///path[?db=N&user=…&password=…] or unix:path. What is not a
 * letter or digit in user and password is written %XX. The error never repeats what was given. */
WsedRedisAddress *wsed_redis_address_new  (const char *url, GError **error);
void              wsed_redis_address_free (WsedRedisAddress *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedRedisAddress, wsed_redis_address_free)

G_END_DECLS
