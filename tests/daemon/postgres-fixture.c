/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The server is the test's child: postgres itself, not pg_ctl, so that nothing is left when the test dies. */

#include "postgres-fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char *directory, *programs;
static GPid server;

static char *
find_programs (void)
{
  g_autoptr (GDir) versions = g_dir_open ("/usr/lib/postgresql", 0, NULL);
  const char *version;

  while (versions != NULL && (version = g_dir_read_name (versions)) != NULL)
    {
      g_autofree char *program = g_build_filename ("/usr/lib/postgresql", version, "bin", "initdb", NULL);

      if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
        return g_path_get_dirname (program);
    }
  return NULL;
}

/* PostgreSQL refuses to run as root. */
static GPtrArray *
new_command (const char *program)
{
  GPtrArray *command = g_ptr_array_new_with_free_func (g_free);

  if (getuid () == 0)
    for (const char *const *word = (const char *const[]) { "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=QUIT",
                                                           "--", NULL }; *word != NULL; word++)
      g_ptr_array_add (command, g_strdup (*word));
  g_ptr_array_add (command, g_build_filename (programs, program, NULL));
  return command;
}

static void
add_words (GPtrArray  *command,
           const char *first,
           ...)
{
  va_list words;

  va_start (words, first);
  for (const char *word = first; word != NULL; word = va_arg (words, const char *))
    g_ptr_array_add (command, g_strdup (word));
  va_end (words);
  g_ptr_array_add (command, NULL);
}

static void
on_child (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGQUIT);
}

static void
make_cluster (void)
{
  g_autoptr (GPtrArray) command = new_command ("initdb");
  g_autofree char *data = g_build_filename (directory, "data", NULL), *output = NULL, *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  add_words (command, "-D", data, "-U", "wse", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", NULL);
  g_spawn_sync (directory, (char **) command->pdata, NULL, G_SPAWN_SEARCH_PATH, on_child, NULL, &output, &errors, &status,
                &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("initdb: %s%s", output, errors);
}

static void
wait_until_ready (void)
{
  g_autofree char *where = g_strdup_printf ("host=%s user=wse dbname=postgres connect_timeout=5", directory);

  while (PQping (where) != PQPING_OK)
    {
      int status;

      /* What a kill has left of the one before keeps its memory for a moment. */
      if (waitpid (server, &status, WNOHANG) == server)
        {
          server = 0;
          postgres_fixture_restart ();
          return;
        }
      g_usleep (10000);
    }
}

void
postgres_fixture_restart (void)
{
  g_autoptr (GPtrArray) command = new_command ("postgres");
  g_autofree char *data = g_build_filename (directory, "data", NULL), *log = g_build_filename (directory, "log", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (server, ==, 0);
  add_words (command, "-D", data, "-k", directory, "-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=60",
             "-c", "logging_collector=on", "-c", "log_directory=.", "-c", "log_filename=server.log", NULL);
  g_spawn_async (directory, (char **) command->pdata, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, on_child, NULL,
                 &server, &error);
  g_assert_no_error (error);
  wait_until_ready ();
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) entries = g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *entry = g_build_filename (path, name, NULL);

      if (g_file_test (entry, G_FILE_TEST_IS_DIR) && !g_file_test (entry, G_FILE_TEST_IS_SYMLINK))
        remove_all (entry);
      else
        g_unlink (entry);
    }
  g_rmdir (path);
}

static void
stop (void)
{
  if (server != 0)
    {
      kill (server, SIGQUIT);
      g_assert_cmpint (waitpid (server, NULL, 0), ==, server);
    }
  remove_all (directory);
  server = 0;
  g_clear_pointer (&directory, g_free);
  g_clear_pointer (&programs, g_free);
}

gboolean
postgres_fixture_is_installed (void)
{
  if (programs == NULL)
    programs = find_programs ();
  return programs != NULL;
}

const char *
postgres_fixture_start (void)
{
  if (directory != NULL)
    return directory;
  if (!postgres_fixture_is_installed ())
    {
      g_test_skip ("PostgreSQL is not installed");
      return NULL;
    }
  /* In /tmp: the path of a socket is short. */
  directory = g_strdup ("/tmp/wse-pg-XXXXXX");
  g_assert_nonnull (g_mkdtemp_full (directory, 0755));
  if (getuid () == 0)
    g_assert_cmpint (chown (directory, 65534, 65534), ==, 0);
  make_cluster ();
  postgres_fixture_restart ();
  atexit (stop);
  return directory;
}

char *
postgres_fixture_ask (const char *name,
                      const char *format,
                      ...)
{
  g_autofree char *where = g_strdup_printf ("host=%s user=wse dbname=%s options='-c client_min_messages=warning'", directory, name), *sql = NULL;
  PGconn *connection = PQconnectdb (where);
  PGresult *result;
  char *answer;
  va_list args;

  va_start (args, format);
  sql = g_strdup_vprintf (format, args);
  va_end (args);
  g_assert_cmpint (PQstatus (connection), ==, CONNECTION_OK);
  result = PQexec (connection, sql);
  if (PQresultStatus (result) != PGRES_TUPLES_OK && PQresultStatus (result) != PGRES_COMMAND_OK)
    g_error ("%s: %s", sql, PQresultErrorMessage (result));
  answer = g_strdup (PQntuples (result) > 0 && PQnfields (result) > 0 ? PQgetvalue (result, 0, 0) : "");
  PQclear (result);
  PQfinish (connection);
  return answer;
}

char *
postgres_fixture_get_uri (const char *name)
{
  g_autofree char *there = postgres_fixture_ask ("postgres", "SELECT count(*) FROM pg_database WHERE datname='%s'", name);
  g_autofree char *escaped = g_uri_escape_string (directory, NULL, FALSE);

  if (strcmp (there, "0") == 0)
    g_free (postgres_fixture_ask ("postgres", "CREATE DATABASE \"%s\"", name));
  return g_strdup_printf ("postgresql://wse@%s/%s", escaped, name);
}

/* The processes that serve connections, and the others, are children of the first one. */
static void
signal_all (int number)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%d/children", server, server), *text = NULL;
  g_auto (GStrv) children = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  children = g_strsplit (g_strstrip (text), " ", -1);
  if (number != SIGCONT)
    kill (server, number);
  for (guint i = 0; children[i] != NULL && children[i][0] != '\0'; i++)
    kill (atoi (children[i]), number);
  if (number == SIGCONT)
    kill (server, number);
}

void
postgres_fixture_kill (void)
{
  signal_all (SIGKILL);
  g_assert_cmpint (waitpid (server, NULL, 0), ==, server);
  server = 0;
}

void
postgres_fixture_suspend (void)
{
  signal_all (SIGSTOP);
}

void
postgres_fixture_resume (void)
{
  signal_all (SIGCONT);
}
