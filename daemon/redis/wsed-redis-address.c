/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRedisAddress is what an operator wrote about where Redis is, taken apart. It connects to nothing, and its errors never have a part
 * of the address in them: there may be a password in it. */

#include "redis/wsed-redis-address.h"

#include <string.h>

#include "wse-error.h"

#define DEFAULT_PORT 6379
/* Redis has as many as it is configured to have; 16 by default. */
#define MAX_DATABASE 65535
/* sun_path, with its NUL */
#define MAX_PATH_BYTES 108

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, reason);
  return FALSE;
}

static gboolean
take_database (WsedRedisAddress *self, const char *text, GError **error)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 0, MAX_DATABASE, &number, NULL))
    return refuse (error, "a database of Redis is a number from 0 to 65535");
  self->database = (guint) number;
  return TRUE;
}

static gboolean
take_query (WsedRedisAddress *self, const char *query, GError **error)
{
  GUriParamsIter iter;
  char *name, *value;

  g_uri_params_iter_init (&iter, query, -1, "&", G_URI_PARAMS_NONE);
  while (g_uri_params_iter_next (&iter, &name, &value, NULL))
    {
      g_autofree char *key = name, *text = value;

      if (strcmp (key, "db") == 0)
        {
          if (!take_database (self, text, error))
            return FALSE;
        }
      else if (strcmp (key, "user") == 0 || strcmp (key, "username") == 0)
        {
          g_free (self->user);
          self->user = g_steal_pointer (&text);
        }
      else if (strcmp (key, "password") == 0)
        {
          g_free (self->password);
          self->password = g_steal_pointer (&text);
        }
      else
        return refuse (error, "behind ? an address of Redis may have db, user and password");
    }
  return TRUE;
}

static gboolean
take_path (WsedRedisAddress *self, const char *path, GError **error)
{
  if (path == NULL || path[0] == '\0')
    return refuse (error, "unix: needs a path behind it");
  if (strlen (path) >= MAX_PATH_BYTES)
    return refuse (error, "the path of a Unix socket has at most 107 bytes");
  self->path = g_strdup (path);
  self->name = g_strdup (path);
  return TRUE;
}

static gboolean
take_host (WsedRedisAddress *self, GUri *uri, GError **error)
{
  const char *host = g_uri_get_host (uri), *path = g_uri_get_path (uri);
  int port = g_uri_get_port (uri);

  if (host == NULL || host[0] == '\0')
    return refuse (error, "an address of Redis needs a host");
  if (port == 0 || port > G_MAXUINT16)
    return refuse (error, "a port is a number from 1 to 65535");
  self->host = g_strdup (host);
  self->port = port > 0 ? (guint16) port : DEFAULT_PORT;
  self->name = g_strdup_printf (strchr (host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, self->port);
  if (path[0] == '/' && path[1] != '\0')
    return take_database (self, path + 1, error);
  return TRUE;
}

WsedRedisAddress *
wsed_redis_address_new (const char *url, GError **error)
{
  g_autoptr(WsedRedisAddress) self = g_new0 (WsedRedisAddress, 1);
  g_autoptr(GUri) uri = g_uri_parse (url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY, NULL);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";
  gboolean local = strcmp (scheme, "unix") == 0;

  if (!local && strcmp (scheme, "redis") != 0 && strcmp (scheme, "rediss") != 0)
    {
      refuse (error, "it is a redis://, rediss:// or unix: address; in a password what is neither letter nor digit is written %XX");
      return NULL;
    }
  self->tls = strcmp (scheme, "rediss") == 0;
  if (g_uri_get_user (uri) != NULL && g_uri_get_user (uri)[0] != '\0')
    self->user = g_strdup (g_uri_get_user (uri));
  self->password = g_strdup (g_uri_get_password (uri));
  if (local && g_uri_get_host (uri) != NULL && g_uri_get_host (uri)[0] != '\0')
    {
      refuse (error, "a Unix socket has no host: write unix:///path");
      return NULL;
    }
  if (local ? !take_path (self, g_uri_get_path (uri), error) : !take_host (self, uri, error))
    return NULL;
  if (g_uri_get_query (uri) != NULL && !take_query (self, g_uri_get_query (uri), error))
    return NULL;
  if (g_uri_get_fragment (uri) != NULL)
    {
      refuse (error, "an address of Redis has no #; in a password it is written %23");
      return NULL;
    }
  if (self->user != NULL && self->password == NULL)
    {
      refuse (error, "a user of Redis needs a password: user:password@");
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
wsed_redis_address_free (WsedRedisAddress *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->host);
  g_free (self->path);
  g_free (self->user);
  g_free (self->password);
  g_free (self);
}
