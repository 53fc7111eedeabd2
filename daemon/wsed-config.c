/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts the configuration together: presets, then the file, then the environment, then the command line, each value checked where it
 * stands, even one that is set again further up; then what holds between several of them. Opens nothing but the file. */
#include "wsed-config.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "wse.h"
#include "config/wsed-config-file.h"
#include "config/wsed-config-help.h"
#include "config/wsed-option.h"

#define DEFAULT_FILE "/etc/wse/wsed.conf"
#define SYSTEM_STATE "/var/lib/wse"

/* What the command line said, before its settings are applied, which is last. */
typedef struct
{
  const char *file;            /* --config; NULL: the default one, if there */
  gboolean dev, demo, help, version, check;
  GPtrArray *options;          /* (element-type WsedOption) */
  GPtrArray *texts;            /* (element-type utf8), as many */
} Arguments;

static void
arguments_clear (Arguments *arguments)
{
  g_ptr_array_unref (arguments->options);
  g_ptr_array_unref (arguments->texts);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arguments, arguments_clear)

static void
take (gpointer target, const WsedOption *option, WsedValue *value)
{
  gpointer at = (char *) target + option->offset;

  switch (option->kind)
    {
    case WSED_OPTION_TEXT:
    case WSED_OPTION_PATH:
      g_free (*(char **) at);
      *(char **) at = g_steal_pointer (&value->text);
      break;
    case WSED_OPTION_LIST:
    case WSED_OPTION_CHOICES:
      g_strfreev (*(GStrv *) at);
      *(GStrv *) at = g_steal_pointer (&value->list);
      break;
    case WSED_OPTION_BYTES:
      *(guint64 *) at = value->number;
      break;
    case WSED_OPTION_RETENTION:
      ((WsedRetention *) at)->max_events = value->number;
      ((WsedRetention *) at)->max_age = value->age;
      break;
    case WSED_OPTION_NUMBER:
    case WSED_OPTION_FLAG:
    case WSED_OPTION_CHOICE:
      *(guint *) at = (guint) value->number;
      break;
    default:
      g_assert_not_reached ();
    }
}

/* What this version does not do may be said as it is: the preset. */
static gboolean
is_preset (const WsedOption *option, const WsedValue *value)
{
  g_auto (WsedValue) preset = { 0 };

  if (option->preset == NULL || !wsed_option_parse (option, option->name, option->preset, &preset, NULL))
    return FALSE;
  return preset.number == value->number;
}

gboolean
wsed_config_set (gpointer target, const WsedOption *option, const char *who, const char *text, GError **error)
{
  g_auto (WsedValue) value = { 0 };

  if (!wsed_option_parse (option, who, text, &value, error))
    return FALSE;
  if (option->offset >= 0)
    take (target, option, &value);
  else if (!is_preset (option, &value))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: this version of wsed does not implement it yet; leave it out%s%s", who,
                   option->preset != NULL ? ", or set it to " : "", option->preset != NULL ? option->preset : "");
      return FALSE;
    }
  return TRUE;
}

static WsedConfig *
config_new (void)
{
  WsedConfig *config = g_new0 (WsedConfig, 1);
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);

  config->routes = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_route_free);
  config->workers = MAX (1, (guint) g_get_num_processors ());
  for (guint i = 0; i < n_options; i++)
    {
      if (options[i].preset == NULL || options[i].offset < 0)
        continue;
      if (!wsed_config_set (config, &options[i], options[i].name, options[i].preset, NULL))
        g_assert_not_reached ();
    }
  return config;
}

void
wsed_config_free (WsedConfig *config)
{
  if (config == NULL)
    return;
  g_strfreev (config->listen);
  g_strfreev (config->admin_listen);
  g_strfreev (config->allowed_origins);
  g_strfreev (config->trusted_proxies);
  g_free (config->jwt_key);
  g_strfreev (config->jwt_algorithms);
  g_strfreev (config->jwt_issuers);
  g_strfreev (config->jwt_audiences);
  g_free (config->api_keys);
  g_free (config->routes_file);
  g_ptr_array_unref (config->routes);
  g_strfreev (config->kafka_brokers);
  g_strfreev (config->kafka_topics);
  g_free (config->kafka_config);
  g_free (config->consumer_group);
  g_free (config->consumer_id);
  g_free (config->outbox);
  g_free (config->tls_cert);
  g_free (config->tls_key);
  g_free (config->redis_url);
  g_free (config->redis_ca);
  g_free (config->redis_cert);
  g_free (config->redis_key);
  g_free (config->log);
  g_free (config->log_directory);
  g_free (config);
}

static gboolean
read_setting (Arguments *arguments, char **argv, int *i, GError **error)
{
  const char *name = argv[*i] + 2;
  const char *equals = strchr (name, '=');
  gsize length = equals != NULL ? (gsize) (equals - name) : strlen (name);
  gboolean is_file = length == 6 && memcmp (name, "config", 6) == 0;
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);
  const WsedOption *option = wsed_option_find (options, n_options, name, length);
  const char *text = equals != NULL ? equals + 1 : argv[*i + 1];

  if (option == NULL && !is_file)
    {
      g_autofree char *known = wsed_config_list_options ("--");

      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--%.*s is unknown; known are --config, --dev, --demo, --check-config, --help, "
                   "--version, %s", (int) length, name, known);
      return FALSE;
    }
  if (text == NULL)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--%s needs a value behind it", name);
      return FALSE;
    }
  if (equals == NULL)
    ++*i;
  if (is_file)
    {
      arguments->file = text;
      return TRUE;
    }
  g_ptr_array_add (arguments->options, (gpointer) option);
  g_ptr_array_add (arguments->texts, (gpointer) text);
  return TRUE;
}

static gboolean
read_arguments (Arguments *arguments, int argc, char **argv, GError **error)
{
  const struct
  {
    const char *text;
    gboolean *flag;
  } flags[] = {
    { "--dev", &arguments->dev }, { "--demo", &arguments->demo }, { "--help", &arguments->help }, { "-h", &arguments->help },
    { "--version", &arguments->version }, { "--check-config", &arguments->check },
  };

  arguments->options = g_ptr_array_new ();
  arguments->texts = g_ptr_array_new ();
  for (int i = 1; i < argc; i++)
    {
      gboolean known = FALSE;

      for (guint j = 0; j < G_N_ELEMENTS (flags) && !known; j++)
        {
          if (strcmp (argv[i], flags[j].text) == 0)
            known = *flags[j].flag = TRUE;
        }
      if (known)
        continue;
      if (!g_str_has_prefix (argv[i], "--") || argv[i][2] == '\0')
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "“%s” is not understood; wsed only takes options, see --help", argv[i]);
          return FALSE;
        }
      if (!read_setting (arguments, argv, &i, error))
        return FALSE;
    }
  return TRUE;
}

/* Not settings: switches for tests, and what Kubernetes makes for services whose name begins with wse. */
static gboolean
is_left_alone (const char *name)
{
  return g_str_has_prefix (name, "WSE_TEST_") || g_str_has_prefix (name, "WSE_SERVICE_") || strstr (name + 3, "_PORT") != NULL;
}

static gboolean
read_environment (WsedConfig *config, GStrv environment, GError **error)
{
  for (guint i = 0; environment[i] != NULL; i++)
    {
      const char *equals = strchr (environment[i], '=');
      g_autofree char *name = NULL;
      const WsedOption *option;

      if (equals == NULL || !g_str_has_prefix (environment[i], "WSE_"))
        continue;
      name = g_strndup (environment[i], (gsize) (equals - environment[i]));
      if (is_left_alone (name))
        continue;
      option = wsed_option_find_variable (name);
      if (option == NULL)
        {
          g_autofree char *known = wsed_config_list_options ("WSE_");

          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "the variable %s is unknown; known are %s", name, known);
          return FALSE;
        }
      if (!wsed_config_set (config, option, name, equals + 1, error))
        return FALSE;
    }
  return TRUE;
}

/* A list of directories when the unit names several: the first is the one. */
static char *
find_state_directory (GStrv environment)
{
  const char *given = g_environ_getenv (environment, "STATE_DIRECTORY");
  const char *home = g_environ_getenv (environment, "XDG_STATE_HOME");

  if (given != NULL && given[0] == '/')
    return g_strndup (given, strcspn (given, ":"));
  if (access (SYSTEM_STATE, W_OK | X_OK) == 0)
    return g_strdup (SYSTEM_STATE);
  if (home != NULL && home[0] == '/')
    return g_build_filename (home, "wse", NULL);
  home = g_environ_getenv (environment, "HOME");
  return g_build_filename (home != NULL && home[0] == '/' ? home : g_get_home_dir (), ".local", "state", "wse", NULL);
}

static gboolean
is_loopback (const char *listen)
{
  const char *colon = strrchr (listen, ':');
  g_autofree char *host = NULL;
  g_autoptr (GInetAddress) address = NULL;

  if (g_str_has_prefix (listen, "unix:"))
    return TRUE;
  host = listen[0] == '[' ? g_strndup (listen + 1, (gsize) (colon - listen) - 2) : g_strndup (listen, (gsize) (colon - listen));
  address = g_inet_address_new_from_string (host);
  return address != NULL && g_inet_address_get_is_loopback (address);
}

static gboolean
finish_listen (const WsedConfig *config, const char *name, GStrv listen, GError **error)
{
  for (guint i = 0; listen[i] != NULL; i++)
    {
      if (g_str_has_prefix (listen[i], "localhost:"))
        {
          char *address = g_strconcat ("127.0.0.1", listen[i] + strlen ("localhost"), NULL);

          g_free (listen[i]);
          listen[i] = address;
        }
      if (config->dev && !is_loopback (listen[i]))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: %s is not a loopback address; with --dev nobody is authenticated, so "
                       "only 127.0.0.0/8, [::1] and unix: are allowed", name, listen[i]);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
finish (WsedConfig *config, GStrv environment, GError **error)
{
  if (config->log == NULL)
    {
      config->log_directory = find_state_directory (environment);
      config->log = g_strdup_printf ("sqlite:%s/wse.db", config->log_directory);
    }
  if ((config->tls_cert == NULL) != (config->tls_key == NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is set and %s is not: TLS needs both", config->tls_cert != NULL ? "tls-cert" : "tls-key",
                   config->tls_cert != NULL ? "tls-key" : "tls-cert");
      return FALSE;
    }
  if ((config->redis_cert == NULL) != (config->redis_key == NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is set and %s is not: a certificate of one's own needs both",
                   config->redis_cert != NULL ? "redis-cert" : "redis-key", config->redis_cert != NULL ? "redis-key" : "redis-cert");
      return FALSE;
    }
  if ((config->redis_ca != NULL || config->redis_cert != NULL) && (config->redis_url == NULL || !g_str_has_prefix (config->redis_url, "rediss:")))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "redis-ca, redis-cert and redis-key are for a redis-url that begins with rediss://");
      return FALSE;
    }
  if ((config->kafka_brokers == NULL) != (config->kafka_topics == NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is set and %s is not: reading from Kafka needs both",
                   config->kafka_brokers != NULL ? "kafka-brokers" : "kafka-topics",
                   config->kafka_brokers != NULL ? "kafka-topics" : "kafka-brokers");
      return FALSE;
    }
  config->log_level = (GLogLevelFlags) (G_LOG_LEVEL_ERROR << (guint) config->log_level);
  if (!finish_listen (config, "listen", config->listen, error)
      || (config->admin_listen != NULL && !finish_listen (config, "admin-listen", config->admin_listen, error)))
    return FALSE;
  if (!config->dev && config->jwt_key == NULL && config->api_keys == NULL)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "nobody could be let in: set jwt-key (WSE_JWT_KEY) to the key that tokens are "
                           "verified with, or api-keys (WSE_API_KEYS) to a file of services' keys; only --dev starts without, lets "
                           "everybody in, and listens on a loopback address");
      return FALSE;
    }
  return TRUE;
}

WsedConfig *
wsed_config_load (int argc, char **argv, GStrv environment, GError **error)
{
  g_autoptr (WsedConfig) config = config_new ();
  g_auto (Arguments) arguments = { 0 };

  if (!read_arguments (&arguments, argc, argv, error))
    return NULL;
  if (arguments.help || arguments.version)
    {
      (arguments.help ? wsed_config_print_help : wsed_config_print_version) ();
      return NULL;
    }
  if (arguments.file != NULL || access (DEFAULT_FILE, F_OK) == 0)
    {
      if (!wsed_config_read_file (config, arguments.file != NULL ? arguments.file : DEFAULT_FILE, error))
        return NULL;
    }
  if (!read_environment (config, environment, error))
    return NULL;
  for (guint i = 0; i < arguments.options->len; i++)
    {
      const WsedOption *option = arguments.options->pdata[i];
      g_autofree char *who = g_strconcat ("--", option->name, NULL);

      if (!wsed_config_set (config, option, who, arguments.texts->pdata[i], error))
        return NULL;
    }
  if (config->routes_file != NULL && !wsed_config_read_routes (config, config->routes_file, error))
    return NULL;
  config->dev = arguments.dev;
  config->demo = arguments.demo;
  if (!finish (config, environment, error))
    return NULL;
  if (arguments.check)
    {
      g_print ("The configuration is valid.\n");
      return NULL;
    }
  return g_steal_pointer (&config);
}
