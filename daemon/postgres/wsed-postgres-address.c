/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPostgresAddress owns the parts of a libpq URI. libpq itself would look a host's name up while everything waits: here GResolver does,
 * and libpq is given numbers (the name stays, for TLS). It never connects. */

#include "postgres/wsed-postgres-address.h"

#include <libpq-fe.h>
#include <string.h>

#include "wse-error.h"

struct _WsedPostgresAddress
{
  gatomicrefcount refs;
  PQconninfoOption *options;
  char *name;
};

typedef struct
{
  WsedPostgresAddress *address;
  GStrv hosts, ports;
  guint next;                  /* the host to be looked up */
  GPtrArray *names, *numbers, *services; /* one for each place to try */
  GError *error;               /* of the first host that was not found */
} Search;

static void
search_free (gpointer data)
{
  Search *search = data;

  wsed_postgres_address_unref (search->address);
  g_strfreev (search->hosts);
  g_strfreev (search->ports);
  g_ptr_array_unref (search->names);
  g_ptr_array_unref (search->numbers);
  g_ptr_array_unref (search->services);
  g_clear_error (&search->error);
  g_free (search);
}

static const char *
get_option (WsedPostgresAddress *self,
            const char          *keyword)
{
  for (PQconninfoOption *option = self->options; option->keyword != NULL; option++)
    if (strcmp (option->keyword, keyword) == 0)
      return option->val != NULL && option->val[0] != '\0' ? option->val : NULL;
  return NULL;
}

static char *
make_name (WsedPostgresAddress *self)
{
  g_autoptr (GString) name = g_string_new ("postgresql://");

  if (get_option (self, "user") != NULL)
    g_string_append_printf (name, "%s@", get_option (self, "user"));
  if (get_option (self, "host") != NULL || get_option (self, "hostaddr") != NULL)
    g_string_append (name, get_option (self, get_option (self, "host") != NULL ? "host" : "hostaddr"));
  if (get_option (self, "port") != NULL)
    g_string_append_printf (name, ":%s", get_option (self, "port"));
  if (get_option (self, "dbname") != NULL)
    g_string_append_printf (name, "/%s", get_option (self, "dbname"));
  return g_string_free (g_steal_pointer (&name), FALSE);
}

/* libpq ends the user's part at the first @ or /: with a password that has one of them the rest of it would be a host or a database, which
 * are told. */
static gboolean
is_plain (const char *uri)
{
  const char *begin = strstr (uri, "://") + strlen ("://");
  const char *end = begin + strcspn (begin, "@/");
  const char *rest = end[0] == '@' ? end + 1 : begin;

  return memchr (rest, '@', strcspn (rest, "?")) == NULL;
}

static gboolean
ports_are_good (WsedPostgresAddress  *self,
                GError              **error)
{
  g_auto (GStrv) ports = g_strsplit (get_option (self, "port") != NULL ? get_option (self, "port") : "", ",", -1);

  for (guint i = 0; ports[i] != NULL; i++)
    if (ports[i][0] != '\0' && !g_ascii_string_to_unsigned (ports[i], 10, 1, 65535, NULL, NULL))
      {
        /* Not what stands there: it may be the beginning of a password. */
        g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "reading the address of PostgreSQL: a port is a number from 1 to 65535");
        return FALSE;
      }
  return TRUE;
}

static gboolean
mode_is_good (WsedPostgresAddress  *self,
              GError              **error)
{
  static const char *const modes[] = { "disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL };
  const char *mode = get_option (self, "sslmode");

  if (mode == NULL || g_strv_contains (modes, mode))
    return TRUE;
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "reading the address of PostgreSQL: sslmode is one of "
                       "disable, allow, prefer, require, verify-ca, verify-full");
  return FALSE;
}

WsedPostgresAddress *
wsed_postgres_address_new (const char  *uri,
                           GError     **error)
{
  WsedPostgresAddress *self;
  char *message = NULL;
  PQconninfoOption *options = PQconninfoParse (uri, &message);

  if (options == NULL || !is_plain (uri))
    {
      /* What libpq says may show the password. */
      PQfreemem (message);
      PQconninfoFree (options);
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID,
                           "reading the address of PostgreSQL: it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE, "
                           "other characters than letters and digits in its parts as %XX, parameters as libpq names them");
      return NULL;
    }
  self = g_new0 (WsedPostgresAddress, 1);
  g_atomic_ref_count_init (&self->refs);
  self->options = options;
  self->name = make_name (self);
  if (!ports_are_good (self, error) || !mode_is_good (self, error))
    g_clear_pointer (&self, wsed_postgres_address_unref);
  return self;
}

WsedPostgresAddress *
wsed_postgres_address_ref (WsedPostgresAddress *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
wsed_postgres_address_unref (WsedPostgresAddress *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  PQconninfoFree (self->options);
  g_free (self->name);
  g_free (self);
}

const char *
wsed_postgres_address_get_name (WsedPostgresAddress *self)
{
  return self->name;
}

static void
put (GPtrArray  *parameters,
     const char *keyword,
     const char *value)
{
  g_ptr_array_add (parameters, g_strdup (keyword));
  g_ptr_array_add (parameters, g_strdup (value));
}

static void
put_list (GPtrArray  *parameters,
          const char *keyword,
          GPtrArray  *values)
{
  g_ptr_array_add (values, NULL);
  g_ptr_array_add (parameters, g_strdup (keyword));
  g_ptr_array_add (parameters, g_strjoinv (",", (char **) values->pdata));
}

/* The first ones are what the URI may put otherwise: the last of two with one keyword holds. */
static GPtrArray *
make_parameters (WsedPostgresAddress *self)
{
  GPtrArray *parameters = g_ptr_array_new_with_free_func (g_free);

  put (parameters, "keepalives_idle", "10");
  put (parameters, "keepalives_interval", "5");
  put (parameters, "keepalives_count", "3");
  put (parameters, "fallback_application_name", "wsed");
  for (PQconninfoOption *option = self->options; option->keyword != NULL; option++)
    if (option->val != NULL && option->val[0] != '\0')
      put (parameters, option->keyword, option->val);
  put (parameters, "client_encoding", "UTF8");
  return parameters;
}

static void
add_place (Search     *search,
           const char *host,
           const char *number)
{
  guint ports = g_strv_length (search->ports);

  g_ptr_array_add (search->names, g_strdup (host));
  g_ptr_array_add (search->numbers, g_strdup (number));
  g_ptr_array_add (search->services, g_strdup (ports == 1 ? search->ports[0] : search->next < ports ? search->ports[search->next] : ""));
}

static void
finish_search (GTask *task)
{
  Search *search = g_task_get_task_data (task);
  GPtrArray *parameters;

  if (search->names->len == 0)
    {
      g_task_return_error (task, g_steal_pointer (&search->error));
      return;
    }
  parameters = make_parameters (search->address);
  put_list (parameters, "host", search->names);
  put_list (parameters, "hostaddr", search->numbers);
  put_list (parameters, "port", search->services);
  g_task_return_pointer (task, parameters, (GDestroyNotify) g_ptr_array_unref);
}

static void look_up (GTask *task);

static void
on_looked_up (GObject      *resolver,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  Search *search = g_task_get_task_data (task);
  GList *addresses = g_resolver_lookup_by_name_finish (G_RESOLVER (resolver), result, &error);

  for (GList *item = addresses; item != NULL; item = item->next)
    {
      g_autofree char *number = g_inet_address_to_string (item->data);

      add_place (search, search->hosts[search->next], number);
    }
  g_resolver_free_addresses (addresses);
  if (error != NULL && search->error == NULL)
    search->error = g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "looking up PostgreSQL's host: %s", error->message);
  search->next++;
  look_up (g_steal_pointer (&task));
}

/* Takes @task. Goes on with what is no number and no path. */
static void
look_up (GTask *task)
{
  Search *search = g_task_get_task_data (task);
  const char *host;

  for (; (host = search->hosts[search->next]) != NULL; search->next++)
    if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
      add_place (search, host, "");
    else if (g_hostname_is_ip_address (host))
      add_place (search, host, host);
    else
      {
        g_autoptr (GResolver) resolver = g_resolver_get_default ();

        g_resolver_lookup_by_name_async (resolver, host, g_task_get_cancellable (task), on_looked_up, task);
        return;
      }
  finish_search (task);
  g_object_unref (task);
}

void
wsed_postgres_address_resolve (WsedPostgresAddress *self,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  const char *host = get_option (self, "host"), *port = get_option (self, "port");
  Search *search = g_new0 (Search, 1);

  if (host == NULL && g_getenv ("PGHOST") != NULL)
    host = g_getenv ("PGHOST");
  if (port == NULL && g_getenv ("PGPORT") != NULL)
    port = g_getenv ("PGPORT");
  search->address = wsed_postgres_address_ref (self);
  search->hosts = g_strsplit (host != NULL ? host : "", ",", -1);
  search->ports = g_strsplit (port != NULL ? port : "", ",", -1);
  search->names = g_ptr_array_new_with_free_func (g_free);
  search->numbers = g_ptr_array_new_with_free_func (g_free);
  search->services = g_ptr_array_new_with_free_func (g_free);
  g_task_set_task_data (task, search, search_free);
  if (get_option (self, "hostaddr") == NULL && get_option (self, "service") == NULL && host != NULL)
    {
      look_up (task);
      return;
    }
  g_task_return_pointer (task, make_parameters (self), (GDestroyNotify) g_ptr_array_unref);
  g_object_unref (task);
}

GPtrArray *
wsed_postgres_address_resolve_finish (GAsyncResult  *result,
                                      GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
