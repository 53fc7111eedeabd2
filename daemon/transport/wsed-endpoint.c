/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the parameters of a subscriber's request into an admission. It never looks at headers and asks nobody anything. */

#include "transport/wsed-endpoint.h"

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-filter-private.h"
#include "wse-limits.h"

/* The parts of a comma list, each a valid id; empty for NULL. NULL with @error. */
static GStrv
read_ids (WsedQuery   *query,
          const char  *name,
          GError     **error)
{
  const char *value = wsed_query_get (query, name);
  g_auto (GStrv) ids = g_strsplit (value != NULL ? value : "", ",", -1);

  if (value != NULL && *value == '\0')
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `%s` is empty", name);
      return NULL;
    }
  for (guint i = 0; ids[i] != NULL; i++)
    if (!wse_channel_id_is_valid (ids[i], -1))
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                     "query parameter `%s`: an id is 1 to %d bytes without white space, control characters, `,`, `@` or `*`", name,
                     WSE_MAX_ID_BYTES);
        return NULL;
      }
  return g_steal_pointer (&ids);
}

static gboolean
read_user (WsedQuery   *query,
           const char **user,
           GError     **error)
{
  *user = wsed_query_get (query, "user_id");
  if (*user == NULL || wse_channel_id_is_valid (*user, -1))
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
               "query parameter `user_id`: an id is 1 to %d bytes without white space, control characters, `,`, `@` or `*`",
               WSE_MAX_ID_BYTES);
  return FALSE;
}

gboolean
wsed_endpoint_check_identity (WsedQuery  *query,
                              gboolean    authenticated,
                              GError    **error)
{
  static const char * const names[] = { "user_id", "roles", "teams" };
  g_auto (GStrv) roles = NULL, teams = NULL;
  const char *user;

  for (guint i = 0; authenticated && i < G_N_ELEMENTS (names); i++)
    if (wsed_query_get (query, names[i]) != NULL)
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `%s` is only taken where authentication is off: the token says who "
                     "asks", names[i]);
        return FALSE;
      }
  if (!read_user (query, &user, error))
    return FALSE;
  roles = read_ids (query, "roles", error);
  if (roles == NULL)
    return FALSE;
  teams = read_ids (query, "teams", error);
  return teams != NULL;
}

/* Takes @channel; one that is there already is not added again. */
static void
add_channel (GPtrArray *channels,
             char      *channel)
{
  if (g_ptr_array_find_with_equal_func (channels, channel, g_str_equal, NULL))
    g_free (channel);
  else
    g_ptr_array_add (channels, channel);
}

static gboolean
add_ids (GPtrArray       *channels,
         WsedQuery       *query,
         const char      *name,
         WseChannelKind   kind,
         GError         **error)
{
  g_auto (GStrv) ids = read_ids (query, name, error);

  for (guint i = 0; ids != NULL && ids[i] != NULL; i++)
    add_channel (channels, wse_channel_build (kind, ids[i]));
  return ids != NULL;
}

static void
add_granted (GPtrArray       *channels,
             const WsedGrant *grant)
{
  for (guint i = 0; grant->roles[i] != NULL; i++)
    add_channel (channels, wse_channel_build (WSE_CHANNEL_ROLE, grant->roles[i]));
  for (guint i = 0; grant->teams[i] != NULL; i++)
    add_channel (channels, wse_channel_build (WSE_CHANNEL_TEAM, grant->teams[i]));
}

static gboolean
add_own (GPtrArray   *channels,
         WsedQuery   *query,
         const WsedAdmission *admission,
         GError     **error)
{
  if (admission->client.user != NULL)
    add_channel (channels, wse_channel_build (WSE_CHANNEL_USER, admission->client.user));
  add_channel (channels, g_strdup ("global"));
  if (admission->client.grant != NULL)
    add_granted (channels, admission->client.grant);
  return add_ids (channels, query, "roles", WSE_CHANNEL_ROLE, error) && add_ids (channels, query, "teams", WSE_CHANNEL_TEAM, error);
}

static gboolean
add_named (GPtrArray   *channels,
           WsedQuery   *query,
           GError     **error)
{
  g_auto (GStrv) named = wsed_query_get_all (query, "channel");

  for (guint i = 0; named[i] != NULL; i++)
    {
      gboolean whole_log = g_str_equal (named[i], "*");

      if (!whole_log && !wse_channel_is_valid (named[i]))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                       "query parameter `channel`: user:<id>, role:<id>, team:<id>, session:<id>, global or system is needed");
          return FALSE;
        }
      if (whole_log && named[1] != NULL)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `channel`: `*` stands alone");
          return FALSE;
        }
      if (whole_log)
        g_ptr_array_set_size (channels, 0);
      add_channel (channels, g_strdup (named[i]));
    }
  if (channels->len == 0)
    add_channel (channels, g_strdup ("system"));
  return TRUE;
}

static gboolean
read_channels (const WsedEndpoint  *self,
               WsedQuery           *query,
               WsedAdmission       *admission,
               GError             **error)
{
  g_autoptr (GPtrArray) channels = g_ptr_array_new_with_free_func (g_free);

  if (!wsed_endpoint_check_identity (query, admission->client.grant != NULL, error) || (self->own_channels && !add_own (channels, query, admission, error))
      || (self->named_channels && !add_named (channels, query, error)))
    return FALSE;
  if (channels->len > WSE_MAX_CURSOR_CHANNELS)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%u channels at once, at most %d are allowed", channels->len,
                   WSE_MAX_CURSOR_CHANNELS);
      return FALSE;
    }
  for (guint i = 0; i < channels->len; i++)
    if (!wsed_grant_may_subscribe (admission->client.grant, channels->pdata[i]))
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_FORBIDDEN, "reading the channel %s is not permitted", (char *) channels->pdata[i]);
        return FALSE;
      }
  g_ptr_array_add (channels, NULL);
  admission->channels = g_strdupv ((GStrv) channels->pdata);
  return TRUE;
}

static gboolean
read_format (WsedQuery      *query,
             WsedAdmission  *admission,
             GError        **error)
{
  const char *format = wsed_query_get (query, "format");
  WseDialect dialect;

  if (format == NULL)
    return TRUE;
  if (wse_dialect_from_name (format, &dialect))
    {
      admission->client.dialect = dialect;
      return TRUE;
    }
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `format`: v2, feed, envelope or session is needed");
  return FALSE;
}

static gboolean
read_after (WsedQuery      *query,
            WsedAdmission  *admission,
            GError        **error)
{
  const char *after = wsed_query_get (query, "after");

  if (after == NULL)
    return TRUE;
  admission->after = wse_cursor_new (after, error);
  if (admission->after != NULL)
    return TRUE;
  g_prefix_error (error, "query parameter `after`: ");
  return FALSE;
}

static gboolean
read_consumer (WsedQuery      *query,
               WsedAdmission  *admission,
               GError        **error)
{
  admission->client.consumer = g_strdup (wsed_query_get (query, "consumer"));
  if (admission->client.consumer == NULL)
    return TRUE;
  if (!wse_channel_id_is_valid (admission->client.consumer, -1))
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                 "query parameter `consumer`: a name is 1 to %d bytes without white space, control characters, `,`, `@` or `*`",
                 WSE_MAX_ID_BYTES);
  else if (admission->client.owner == NULL)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `consumer`: only a user has consumers; say who with `user_id`");
  else
    return TRUE;
  return FALSE;
}

/* What is asked for, of what is let through. */
static gboolean
read_filter (WsedQuery      *query,
             WsedAdmission  *admission,
             GError        **error)
{
  g_autoptr (WseFilter) asked = NULL;

  if (!wse_filter_parse (wsed_query_get (query, "types"), wsed_query_get (query, "severity"), &asked, error))
    return FALSE;
  admission->filter = wse_filter_both (asked, wsed_grant_get_filter (admission->client.grant));
  return TRUE;
}

/* @user: of the parameters, NULL where they do not say; what a credential says stands before it. */
static void
take_identity (WsedAdmission *admission,
               const char    *user)
{
  const WsedGrant *grant = admission->client.grant;

  admission->client.user = g_strdup (grant != NULL ? grant->user : user);
  admission->client.owner = grant != NULL ? wsed_grant_dup_holder (grant) : g_strdup (user);
}

gboolean
wsed_endpoint_read (const WsedEndpoint  *self,
                    const char          *query,
                    WsedAdmission       *admission,
                    GError             **error)
{
  const char *many = self->named_channels ? "channel" : "";
  const char *known = admission->client.grant != NULL ? "format types severity history after consumer token " WSED_IDENTITY_PARAMETERS
                                               : "format types severity history after consumer " WSED_IDENTITY_PARAMETERS;
  const char *once = self->parameters ? known : "";
  g_autoptr (WsedQuery) read = wsed_query_new (query, once, many, error);
  const char *user;

  admission->client.endpoint = self->path;
  admission->client.dialect = self->dialect;
  admission->client.framing = self->framing;
  if (read == NULL)
    return FALSE;
  if (!self->parameters)
    {
      admission->channels = g_new0 (char *, 1);
      return TRUE;
    }
  if (!read_user (read, &user, error))
    return FALSE;
  take_identity (admission, user);
  if (!read_consumer (read, admission, error))
    return FALSE;

  /* Where `after` is given, a channel that it does not name begins live. */
  admission->history = wsed_query_get (read, "after") != NULL ? 0 : WSE_DEFAULT_HISTORY;
  admission->history_given = wsed_query_get (read, "history") != NULL;
  return read_format (read, admission, error) && read_channels (self, read, admission, error) &&
         wsed_query_get_uint (read, "history", 0, WSE_MAX_HISTORY, &admission->history, error) && read_after (read, admission, error) &&
         read_filter (read, admission, error);
}
