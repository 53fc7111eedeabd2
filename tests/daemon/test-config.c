/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration: what is taken, what is refused and in which words, and that documentation and default file follow the table. */
#include <glib/gstdio.h>
#include <string.h>

#include "wse.h"
#include "stream/wsed-hub.h"
#include "wsed-config.h"
#include "config/wsed-option.h"

static WsedConfig *
load (const char *command, const char *variables, GError **error)
{
  g_autofree char *line = g_strconcat ("wsed ", command, NULL);
  g_auto (GStrv) argv = g_strsplit (g_strchomp (line), " ", -1);
  g_auto (GStrv) environment = g_strsplit (variables, "\n", -1);

  return wsed_config_load ((int) g_strv_length (argv), argv, environment, error);
}

static char *
write_file (const char *text)
{
  g_autoptr (GError) error = NULL;
  char *path = NULL;
  int fd = g_file_open_tmp ("wsed-XXXXXX.conf", &path, &error);

  g_assert_no_error (error);
  g_close (fd, NULL);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  return path;
}

static WsedConfig *
load_file (const char *text, GError **error)
{
  g_autofree char *path = write_file (text);
  g_autofree char *command = g_strdup_printf ("--dev --config %s", path);
  WsedConfig *config = load (command, "", error);

  g_unlink (path);
  return config;
}

static void
test_defaults (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config = load ("--dev", "HOME=/home/u\nSTATE_DIRECTORY=/run/one:/run/two", &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (config->listen), ==, 1);
  g_assert_cmpstr (config->listen[0], ==, "127.0.0.1:8000");
  g_assert_cmpstr (config->log, ==, "sqlite:/run/one/wse.db");
  g_assert_cmpstr (config->log_directory, ==, "/run/one");
  g_assert_true (config->retention.sync_full);
  g_assert_cmpuint (config->retention.max_events, ==, 100000);
  g_assert_cmpint (config->retention.max_age, ==, G_GINT64_CONSTANT (604800) * G_USEC_PER_SEC);
  g_assert_cmpuint (config->retention.max_bytes, ==, 10ULL << 30);
  g_assert_cmpuint (config->buffer_size, ==, 1000);
  g_assert_cmpuint (config->flush_tick, ==, 2);
  g_assert_cmpuint (config->tail_bytes, ==, 64 << 20);
  g_assert_cmpuint (config->workers, ==, g_get_num_processors ());
  g_assert_cmpuint (config->heartbeat, ==, 30);
  g_assert_cmpuint (config->max_connections_per_user, ==, 5);
  g_assert_cmpuint (config->max_body, ==, WSE_DEFAULT_MAX_BODY);
  g_assert_cmpuint (config->max_event, ==, WSE_DEFAULT_MAX_EVENT);
  g_assert_cmpuint (config->max_message, ==, WSE_DEFAULT_MAX_MESSAGE);
  g_assert_null (config->allowed_origins);
  g_assert_false (config->log_json);
  g_assert_cmpint (config->log_level, ==, G_LOG_LEVEL_INFO);
  g_assert_true (config->dev);
  g_assert_false (config->demo);
}

static void
test_state_directory (void)
{
  g_autoptr (WsedConfig) xdg = load ("--dev", "HOME=/home/u\nXDG_STATE_HOME=/home/u/state", NULL);
  g_autoptr (WsedConfig) home = load ("--dev", "HOME=/home/u", NULL);
  g_autoptr (WsedConfig) named = load ("--dev --log=memory:", "STATE_DIRECTORY=/run/one", NULL);

  if (!g_file_test ("/var/lib/wse", G_FILE_TEST_EXISTS))
    {
      g_assert_cmpstr (xdg->log, ==, "sqlite:/home/u/state/wse/wse.db");
      g_assert_cmpstr (home->log, ==, "sqlite:/home/u/.local/state/wse/wse.db");
    }
  g_assert_cmpstr (named->log, ==, "memory:");
  g_assert_null (named->log_directory);
}

static void
test_precedence (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_file ("[wsed]\nheartbeat-interval=1\nbuffer-size=1\nmax-event = 1 MiB \nlisten=[::1]:1, unix:/run/s\n");
  g_autofree char *command = g_strdup_printf ("--dev --demo --heartbeat-interval 3 --config=%s", path);
  g_autoptr (WsedConfig) config = load (command, "WSE_BUFFER_SIZE=2\nWSE_HEARTBEAT_INTERVAL=2\nPATH=/bin", &error);

  g_unlink (path);
  g_assert_no_error (error);
  g_assert_true (config->demo);
  g_assert_cmpuint (config->heartbeat, ==, 3);
  g_assert_cmpuint (config->buffer_size, ==, 2);
  g_assert_cmpuint (config->max_event, ==, 1 << 20);
  g_assert_cmpstr (config->listen[0], ==, "[::1]:1");
  g_assert_cmpstr (config->listen[1], ==, "unix:/run/s");
}

static void
test_values (void)
{
  static const struct
  {
    const char *text;
    guint64 events;
    gint64 seconds;
  } retentions[] = { { "5,90s", 5, 90 }, { "5,2m", 5, 120 }, { " 1 , 3h ", 1, 10800 }, { "-,1d", 0, 86400 }, { "7,-", 7, 0 }, { "-,-", 0, 0 } };
  static const struct
  {
    const char *text;
    guint64 bytes;
  } sizes[] = { { "65536", 65536 }, { "64KiB", 65536 }, { "64k", 65536 }, { "1M", 1 << 20 }, { "2 GiB", 2ULL << 30 }, { "-", 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (retentions); i++)
    {
      g_autofree char *variable = g_strconcat ("WSE_RETENTION=", retentions[i].text, NULL);
      g_autoptr (WsedConfig) config = load ("--dev", variable, NULL);

      g_assert_nonnull (config);
      g_assert_cmpuint (config->retention.max_events, ==, retentions[i].events);
      g_assert_cmpint (config->retention.max_age, ==, retentions[i].seconds * G_USEC_PER_SEC);
    }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *variable = g_strconcat ("WSE_LOG_MAX_BYTES=", sizes[i].text, NULL);
      g_autoptr (WsedConfig) config = load ("--dev", variable, NULL);

      g_assert_nonnull (config);
      g_assert_cmpuint (config->retention.max_bytes, ==, sizes[i].bytes);
    }
}

static void
test_flag (void)
{
  g_autoptr (WsedConfig) preset = load ("--dev", "", NULL);
  g_autoptr (WsedConfig) on = load ("--dev", "WSE_COMPRESSION=on", NULL);
  g_autoptr (WsedConfig) off = load ("--dev --compression=off", "WSE_COMPRESSION=1", NULL);

  g_assert_false (preset->compression);
  g_assert_true (on->compression);
  g_assert_false (off->compression);
}

/* A variable, and what the message has to say. */
static const char *const bad_variables[][3] = {
  { "WSE_FLUSH_TICK=1001", "WSE_FLUSH_TICK", "from 0 to 1000" },
  { "WSE_BUFFER_SIZE=0", "WSE_BUFFER_SIZE", "from 1 to 10000000" },
  { "WSE_BUFFER_SIZE=1.5", "“1.5”", "a whole number" },
  { "WSE_BUFFER_SIZE=-1", "“-1”", "a whole number" },
  { "WSE_BUFFER_SIZE=99999999999999999999999", "WSE_BUFFER_SIZE", "a whole number" },
  { "WSE_BUFFER_SIZE=", "WSE_BUFFER_SIZE", "a whole number" },
  { "WSE_BUFFER_SIZE=10 ", "WSE_BUFFER_SIZE", "a whole number" },
  { "WSE_HEARTBEAT_INTERVAL=soon", "“soon”", "from 1 to 3600" },
  { "WSE_TAIL_BYTES=1 KiB", "WSE_TAIL_BYTES", "from 64 KiB to 64 GiB" },
  { "WSE_TAIL_BYTES=-", "WSE_TAIL_BYTES", "from 64 KiB" },
  { "WSE_TAIL_BYTES=18446744073709551615", "WSE_TAIL_BYTES", "from 64 KiB" },
  { "WSE_LOG_MAX_BYTES=16777216 TiB", "WSE_LOG_MAX_BYTES", "- is without a bound" },
  { "WSE_LOG_MAX_BYTES=5 XB", "WSE_LOG_MAX_BYTES", "KiB" },
  { "WSE_RETENTION=100", "WSE_RETENTION", "EVENTS,AGE" },
  { "WSE_RETENTION=0,7d", "WSE_RETENTION", "EVENTS,AGE" },
  { "WSE_RETENTION=5,7", "WSE_RETENTION", "s, m, h or d" },
  { "WSE_RETENTION=5,7d,3", "WSE_RETENTION", "EVENTS,AGE" },
  { "WSE_RETENTION=5,0s", "WSE_RETENTION", "EVENTS,AGE" },
  { "WSE_LOG_SYNC=maybe", "WSE_LOG_SYNC", "normal, full" },
  { "WSE_LOG_LEVEL=loud", "WSE_LOG_LEVEL", "error, critical, warning, message, info, debug" },
  { "WSE_LOG_FORMAT=xml", "WSE_LOG_FORMAT", "text, json" },
  { "WSE_LOG=oracle:x", "WSE_LOG", "sqlite:PATH, postgresql://… or memory:" },
  { "WSE_LOG=sqlite:", "WSE_LOG", "needs a path" },
  { "WSE_LISTEN=8000", "WSE_LISTEN", "ADDRESS:PORT" },
  { "WSE_LISTEN=127.0.0.1:70000", "WSE_LISTEN", "0 to 65535" },
  { "WSE_LISTEN=::1:80", "WSE_LISTEN", "[IPV6]:PORT" },
  { "WSE_LISTEN=[127.0.0.1]:80", "WSE_LISTEN", "[IPV6]:PORT" },
  { "WSE_LISTEN=[::1:80", "WSE_LISTEN", "[IPV6]:PORT" },
  { "WSE_LISTEN=]:80", "WSE_LISTEN", "[IPV6]:PORT" },
  { "WSE_LISTEN=[]:80", "WSE_LISTEN", "[IPV6]:PORT" },
  { "WSE_LISTEN=example.com:80", "WSE_LISTEN", "not an address" },
  { "WSE_LISTEN=127.0.0.1:80,,", "WSE_LISTEN", "a list" },
  { "WSE_LISTEN=unix:", "WSE_LISTEN", "needs a path" },
  { "WSE_ADMIN_LISTEN=8001", "WSE_ADMIN_LISTEN", "a port is missing" },
  { "WSE_ALLOWED_ORIGINS=*", "WSE_ALLOWED_ORIGINS", "named whole" },
  { "WSE_SLOW_CONSUMER=shout", "WSE_SLOW_CONSUMER", "catch-up, drop-oldest, drop-newest, disconnect" },
  { "WSE_COMPRESSION=perhaps", "WSE_COMPRESSION", "on or off" },
  { "WSE_JWT_ALG=none", "WSE_JWT_ALG", "HS256" },
  { "WSE_KAFKA_BROKERS=here", "WSE_KAFKA_BROKERS", "HOST:PORT" },
  { "WSE_KAFKA_BROKERS=h:1", "kafka-brokers is set", "kafka-topics is not" },
  { "WSE_KAFKA_TOPICS=a", "kafka-topics is set", "kafka-brokers is not" },
  { "WSE_KAFKA_TOPICS=a,b c", "WSE_KAFKA_TOPICS", "a topic has up to 249" },
  { "WSE_KAFKA_TOPICS=^", "WSE_KAFKA_TOPICS", "no pattern" },
  { "WSE_KAFKA_TOPICS=^(orders", "WSE_KAFKA_TOPICS", "extended regular expression" },
  { "WSE_LOG=postgresql://h:x/d", "WSE_LOG", "from 1 to 65535" },
  { "WSE_OUTBOX=postgresql://h/d?sslmode=on", "WSE_OUTBOX", "verify-full" },
  { "WSE_OUTBOX=mysql://db/shop", "WSE_OUTBOX", "PostgreSQL" },
  { "WSE_OUTBOX=postgresql://[", "WSE_OUTBOX", "postgresql://" },
  { "WSE_CONSUMER_GROUP=a/b", "WSE_CONSUMER_GROUP", "249" },
  { "WSE_CONSUMER_ID=", "WSE_CONSUMER_ID", "not empty" },
  { "WSE_TRUSTED_PROXIES=10.0.0.0/99", "WSE_TRUSTED_PROXIES", "ADDRESS/BITS" },
  { "WSE_TRUSTED_PROXIES=10.0.0.1/8", "WSE_TRUSTED_PROXIES", "nothing behind them" },
  { "WSE_SNAPSHOT_TTL=x", "WSE_SNAPSHOT_TTL", "from 0 to 86400" },
  { "WSE_SURPRISE=1", "the variable WSE_SURPRISE is unknown", "WSE_LISTEN" },
  { "WSE_=1", "unknown", "WSE_LISTEN" },
  { "WSE_DEV=1", "unknown", "WSE_LISTEN" },
};

static void
test_bad_variables (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_variables); i++)
    {
      const char *const *row = bad_variables[i];
      g_autoptr (GError) error = NULL;
      g_autoptr (WsedConfig) config = load ("--dev", row[0], &error);

      g_test_message ("%s: %s", row[0], error != NULL ? error->message : "taken");
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_null (config);
      g_assert_nonnull (strstr (error->message, row[1]));
      g_assert_nonnull (strstr (error->message, row[2]));
    }
}

static void
test_secrets (void)
{
  static const char *const cases[] = { "WSE_JWT_KEY=hunter2", "WSE_REDIS_URL=http:hunter2@h", "WSE_REDIS_URL=redis://u:hunter2@h:x", "WSE_REDIS_URL=redis://hunter2@h", "WSE_LOG=postgresql://u:hunter2%@h/d" };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load ("--dev", cases[i], &error));
      g_assert_null (strstr (error->message, "hunter2"));
    }
}

static void
test_kafka (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config
    = load ("--dev", "WSE_KAFKA_BROKERS=a:9092,b:9093\nWSE_KAFKA_TOPICS=orders,^trade-.*\nWSE_CONSUMER_ID=wsed-1\nWSE_KAFKA_CONFIG=/k", &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (config->kafka_brokers), ==, 2);
  g_assert_cmpstr (config->kafka_topics[1], ==, "^trade-.*");
  g_assert_cmpstr (config->kafka_config, ==, "/k");
  g_assert_cmpstr (config->consumer_group, ==, "wse");
  g_assert_cmpstr (config->consumer_id, ==, "wsed-1");
}

static void
test_later (void)
{
  static const char *const refused[] = {
    "WSE_SNAPSHOT_TTL=10",
    "WSE_METRICS_USERS=on",
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config
    = load ("--dev", "WSE_SLOW_CONSUMER=disconnect\nWSE_SNAPSHOT_TTL=300\nWSE_METRICS_USERS=0", &error);

  g_assert_no_error (error);
  g_assert_nonnull (config);
  g_assert_cmpuint (config->slow_consumer, ==, WSED_SLOW_DISCONNECT);
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) refusal = NULL;
      g_autofree char *name = g_strndup (refused[i], strcspn (refused[i], "="));

      g_assert_null (load ("--dev", refused[i], &refusal));
      g_assert_true (g_str_has_prefix (refusal->message, name));
      g_assert_nonnull (strstr (refusal->message, "this version of wsed does not implement it yet"));
    }
}

static void
test_left_alone (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config
    = load ("--dev", "WSE_TEST_ANY=1\nWSE_PORT=tcp://1\nWSE_PORT_80_TCP=x\nWSE_FOO_PORT_80=x\nWSE_SERVICE_HOST=h\nWSEX=1\nWSE_BROKEN", &error);

  g_assert_no_error (error);
  g_assert_nonnull (config);
}

static void
test_routes (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *routes = write_file ("[route b]\ntypes=depth*\nconflate=symbol\n");
  g_autofree char *path = write_file ("[route a]\ntypes=Price, price_update\nconflate=payload.symbol.id\n");
  g_autofree char *command = g_strconcat ("--dev --config ", path, NULL);
  g_autofree char *variable = g_strconcat ("WSE_ROUTES=", routes, NULL);
  g_autofree char *twice = g_strconcat ("WSE_ROUTES=", path, NULL);
  g_autofree char *other = write_file ("[wsed]\nworkers=1\n");
  g_autofree char *mixed = g_strconcat ("WSE_ROUTES=", other, NULL);
  g_autoptr (WsedConfig) config = load (command, variable, &error);
  const WsedRoute *first, *second;

  g_assert_no_error (error);
  g_assert_cmpuint (config->routes->len, ==, 2);
  first = config->routes->pdata[0];
  second = config->routes->pdata[1];
  g_assert_cmpstr (first->name, ==, "route a");
  g_assert_cmpuint (g_strv_length (first->types), ==, 2);
  g_assert_cmpstr (first->types[1], ==, "price_update");
  g_assert_cmpstr (first->conflate, ==, "payload.symbol.id");
  g_assert_cmpstr (second->types[0], ==, "depth*");
  g_assert_null (load (command, twice, &error));
  g_assert_nonnull (strstr (error->message, "[route a] stands in the configuration file, too"));
  g_clear_error (&error);
  g_assert_null (load (command, mixed, &error));
  g_assert_nonnull (strstr (error->message, "[wsed] does not belong into a file of routes"));
  g_clear_error (&error);
  g_assert_null (load ("--dev", "WSE_ROUTES=/nowhere", &error));
  g_assert_nonnull (strstr (error->message, "reading the routes /nowhere"));
  g_remove (routes);
  g_remove (path);
  g_remove (other);
}

static void
test_bad_files (void)
{
  static const char *const cases[][2] = {
    { "[wsed]\nsurprise=1\n", "[wsed] surprise is unknown; known are listen, admin-listen, log" },
    { "[wsed]\nHeartbeat-Interval=1\n", "unknown" },
    { "[wsed]\nheartbeat_interval=1\n", "unknown" },
    { "[wsed]\nheartbeat-interval=0\n", "[wsed] heartbeat-interval: “0” is not allowed; allowed is a whole number from 1 to 3600" },
    { "[wsed]\nlog=\\q\n", "[wsed] log" },
    { "[other]\nx=1\n", "[other] is unknown; known are [wsed], [snapshot NAME], [route NAME]" },
    { "[snapshot a]\nwhat=1\n", "[snapshot a] what is unknown; known are database" },
    { "[snapshot a]\nevery=soon\n", "[snapshot a] every: “soon” is not allowed" },
    { "[snapshot a]\nevery=5\n", "does not implement" },
    { "[snapshot a]\n", "does not implement snapshots yet" },
    { "[route a]\nseverity=loud\n", "one of info, warning, error" },
    { "[route a]\n", "[route a]: types is missing" },
    { "[route a]\ntopic=t\n", "[route a]: it does nothing" },
    { "[route a]\ntopic=t\nconflate=x\n", "[route a]: conflate goes by types alone" },
    { "[route a]\ntypes=t\ntopic=t\nconflate=x\n", "[route a]: conflate goes by types alone" },
    { "[route a]\ntypes=t\ndrop=on\nconflate=x\n", "[route a]: conflate and drop" },
    { "[route a]\ntopic=a*b\ndrop=on\n", "[route a] topic: “a*b” is not allowed" },
    { "[route a]\ntypes=t\ndrop=off\n", "[route a]: it does nothing" },
    { "[route a]\ntypes=t\n", "[route a]: it does nothing" },
    { "[route a]\ntypes=t\nconflate=x\ntype=u\n", "[route a] type: this version of wsed does not implement it yet" },
    { "[route a]\ntypes=a*b\n", "[route a] types: “a*b” is not allowed" },
    { "[route a]\nconflate=a..b\n", "[route a] conflate: “a..b” is not allowed" },
    { "[route a]\nconflate=payload\n", "names a value in the payload" },
    { "[route a]\nconflate=1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7\n", "at most 16 steps" },
    { "[route a]\nwhat=1\n", "[route a] what is unknown; known are types" },
    { "heartbeat-interval=1\n", "reading the configuration" },
    { "[wse\xff]\nx=1\n", "it is not UTF-8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load_file (cases[i][0], &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i][1]));
    }
}

static void
test_bad_command_lines (void)
{
  static const char *const cases[][2] = {
    { "--dev --surprise=1", "--surprise is unknown; known are --config" },
    { "--dev --surprise", "--surprise is unknown" },
    { "--dev --dev=1", "--dev is unknown" },
    { "--dev --log", "--log needs a value" },
    { "--dev --buffer-size=0", "--buffer-size: “0”" },
    { "--dev extra", "“extra” is not understood" },
    { "--dev --", "“--” is not understood" },
    { "--dev -x", "“-x” is not understood" },
    { "--dev --config=/nonexistent/wsed.conf", "reading the configuration /nonexistent/wsed.conf" },
    { "--dev --listen=0.0.0.0:80", "0.0.0.0:80 is not a loopback address" },
    { "--dev --listen=127.0.0.1:80,[::]:80", "[::]:80 is not a loopback address" },
    { "", "nobody could be let in" },
    { "--listen=10.0.0.1:80", "nobody could be let in" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (cases[i][0], "", &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i][1]));
    }
}

static void
test_loopback (void)
{
  g_autoptr (WsedConfig) config = load ("--dev --listen=localhost:1,127.9.9.9:2,[::1]:3,unix:s", "", NULL);

  g_assert_nonnull (config);
  g_assert_cmpstr (config->listen[0], ==, "127.0.0.1:1");
}

static void
test_early_exit (void)
{
  g_autoptr (GError) error = NULL;

  if (g_test_subprocess ())
    {
      g_assert_null (load ("--help", "", &error));
      g_assert_null (load ("--version", "", &error));
      g_assert_null (load ("--dev --check-config", "", &error));
      g_assert_no_error (error);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*--heartbeat-interval=VALUE*");
  g_test_trap_assert_stdout ("*wsed 0.*");
  g_test_trap_assert_stdout ("*The configuration is valid.*");
}

static char *
read_source (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* docs/configuration.md has exactly this row for each option; a failure prints those that are missing. */
static void
test_documentation (void)
{
  g_autofree char *text = read_source ("docs/configuration.md");
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);
  gboolean complete = TRUE;

  for (guint i = 0; i < n_options; i++)
    {
      const WsedOption *option = &options[i];
      g_autofree char *variable = wsed_option_variable (option);
      g_autofree char *allowed = wsed_option_allowed (option);
      g_autofree char *preset = option->preset != NULL ? g_strdup_printf ("`%s`", option->preset) : g_strdup ("-");
      g_autofree char *row = option->offset >= 0
                               ? g_strdup_printf ("| `%s` | %s | %s | %s |\n", variable, preset, allowed, option->help)
                               : g_strdup_printf ("| `%s` | %s | %s |\n", variable, allowed, option->help);

      if (strstr (text, row) == NULL)
        {
          g_printerr ("%s", row);
          complete = FALSE;
        }
    }
  g_assert_true (complete);
}

/* data/wsed.conf: every line commented; with the settings uncommented it says what wsed does by default. */
static void
test_default_file (void)
{
  g_autofree char *text = read_source ("data/wsed.conf");
  g_autofree char *empty = write_file ("");
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GString) uncommented = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config = NULL;
  guint n_options, n_found = 0, n_expected = 0;
  const WsedOption *options = wsed_options (&n_options);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *equals = strchr (lines[i], '=');
      const WsedOption *option;

      g_assert_true (lines[i][0] == '\0' || lines[i][0] == '#');
      if (strcmp (lines[i], "#[wsed]") == 0)
        g_string_append (uncommented, "[wsed]\n");
      if (equals == NULL || lines[i][1] == ' ')
        continue;
      option = wsed_option_find (options, n_options, lines[i] + 1, (gsize) (equals - lines[i]) - 1);
      g_assert_nonnull (option);
      /* A file that is named has to be there. */
      if (option->kind == WSED_OPTION_PATH)
        g_string_append_printf (uncommented, "%s=%s\n", option->name, empty);
      else
        g_string_append_printf (uncommented, "%s\n", lines[i] + 1);
      g_assert_true (option->preset == NULL || strcmp (option->preset, equals + 1) == 0);
      n_found++;
    }
  for (guint i = 0; i < n_options; i++)
    n_expected += options[i].offset >= 0;
  g_assert_cmpuint (n_found, ==, n_expected);
  config = load_file (uncommented->str, &error);
  g_assert_no_error (error);
  g_remove (empty);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/defaults", test_defaults);
  g_test_add_func ("/config/state-directory", test_state_directory);
  g_test_add_func ("/config/precedence", test_precedence);
  g_test_add_func ("/config/values", test_values);
  g_test_add_func ("/config/flag", test_flag);
  g_test_add_func ("/config/bad-variables", test_bad_variables);
  g_test_add_func ("/config/secrets", test_secrets);
  g_test_add_func ("/config/kafka", test_kafka);
  g_test_add_func ("/config/later", test_later);
  g_test_add_func ("/config/left-alone", test_left_alone);
  g_test_add_func ("/config/bad-files", test_bad_files);
  g_test_add_func ("/config/routes", test_routes);
  g_test_add_func ("/config/bad-command-lines", test_bad_command_lines);
  g_test_add_func ("/config/loopback", test_loopback);
  g_test_add_func ("/config/early-exit", test_early_exit);
  g_test_add_func ("/config/documentation", test_documentation);
  g_test_add_func ("/config/default-file", test_default_file);
  return g_test_run ();
}
