/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service manager is told, held with a socket in its place. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/wsed-notify.h"

typedef struct
{
  int fd;
  char *path;
  char *directory;
} Manager;

static void
manager_set_up (Manager *manager, gconstpointer data)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length;
  gboolean is_abstract = data != NULL;

  manager->directory = g_dir_make_tmp ("wsed-notify-XXXXXX", NULL);
  manager->path = is_abstract ? g_strdup_printf ("@%s", manager->directory) : g_build_filename (manager->directory, "n", NULL);
  strcpy (address.sun_path, manager->path);
  length = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (manager->path));
  if (is_abstract)
    address.sun_path[0] = '\0';
  manager->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (manager->fd, (const struct sockaddr *) &address, length), ==, 0);
}

static void
manager_tear_down (Manager *manager, gconstpointer data)
{
  close (manager->fd);
  unlink (manager->path);
  rmdir (manager->directory);
  g_free (manager->path);
  g_free (manager->directory);
}

/* The next datagram, NULL where there is none. */
static char *
hear (Manager *manager)
{
  char text[512];
  gssize n = recv (manager->fd, text, sizeof text, 0);

  if (n < 0)
    g_assert_cmpint (errno, ==, EAGAIN);
  return n < 0 ? NULL : g_strndup (text, (gsize) n);
}

static GStrv
make_environment (Manager *manager, const char *usec, const char *pid)
{
  GStrv environment = g_environ_setenv (NULL, "NOTIFY_SOCKET", manager->path, TRUE);

  if (usec != NULL)
    environment = g_environ_setenv (environment, "WATCHDOG_USEC", usec, TRUE);
  if (pid != NULL)
    environment = g_environ_setenv (environment, "WATCHDOG_PID", pid, TRUE);
  return environment;
}

static void
count_and_answer (WsedNotify *notify, gpointer user_data)
{
  ++*(guint *) user_data;
  wsed_notify_alive (notify);
}

static void
count_only (WsedNotify *notify, gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_states (Manager *manager, gconstpointer data)
{
  g_auto (GStrv) environment = make_environment (manager, NULL, NULL);
  g_autoptr (WsedNotify) notify = wsed_notify_new (environment);
  guint n = 0;
  g_autofree char *ready = NULL;
  g_autofree char *stopping = NULL;

  g_assert_null (hear (manager));
  wsed_notify_ready (notify, "Listening", count_and_answer, &n);
  ready = hear (manager);
  g_assert_cmpstr (ready, ==, "READY=1\nSTATUS=Listening");
  wsed_notify_stopping (notify);
  stopping = hear (manager);
  g_assert_cmpstr (stopping, ==, "STOPPING=1\nSTATUS=Stopping");
  g_assert_false (g_main_context_pending (NULL));
}

static void
test_watchdog (Manager *manager, gconstpointer data)
{
  g_autofree char *pid = g_strdup_printf ("%d", (int) getpid ());
  g_auto (GStrv) environment = make_environment (manager, "40000", pid);
  g_autoptr (WsedNotify) notify = wsed_notify_new (environment);
  guint n = 0;
  gint64 begin = g_get_monotonic_time ();
  g_autofree char *ready = NULL;

  wsed_notify_ready (notify, "Listening", count_and_answer, &n);
  ready = hear (manager);
  while (n < 3)
    g_main_context_iteration (NULL, TRUE);
  /* Half of 40 ms each. */
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 3 * 20000 - 3000);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *fed = hear (manager);

      g_assert_cmpstr (fed, ==, "WATCHDOG=1");
    }
}

/* A check without an answer feeds nothing. */
static void
test_silent (Manager *manager, gconstpointer data)
{
  g_auto (GStrv) environment = make_environment (manager, "2000", NULL);
  g_autoptr (WsedNotify) notify = wsed_notify_new (environment);
  guint n = 0;
  g_autofree char *ready = NULL;

  wsed_notify_ready (notify, "Listening", count_only, &n);
  ready = hear (manager);
  while (n < 3)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (hear (manager));
}

static void
test_not_ours (Manager *manager, gconstpointer data)
{
  static const char *const cases[][2] = { { "2000", "1" }, { "2000", "x" }, { "0", NULL }, { "soon", NULL } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (GStrv) environment = make_environment (manager, cases[i][0], cases[i][1]);
      g_autoptr (WsedNotify) notify = wsed_notify_new (environment);
      guint n = 0;

      wsed_notify_ready (notify, "Listening", count_only, &n);
      g_assert_null (g_main_context_find_source_by_user_data (NULL, notify));
    }
}

static void
test_nobody (void)
{
  g_autoptr (WsedNotify) notify = wsed_notify_new (NULL);
  g_auto (GStrv) gone = g_environ_setenv (NULL, "NOTIFY_SOCKET", "/nonexistent/socket", TRUE);
  g_autoptr (WsedNotify) unheard = wsed_notify_new (gone);
  guint n = 0;

  wsed_notify_ready (notify, "", count_only, &n);
  wsed_notify_ready (unheard, "", count_only, &n);
  wsed_notify_alive (notify);
  wsed_notify_stopping (notify);
  g_assert_cmpuint (n, ==, 0);
}

static void
test_odd (void)
{
  if (g_test_subprocess ())
    {
      g_auto (GStrv) odd = g_environ_setenv (NULL, "NOTIFY_SOCKET", "relative", TRUE);
      g_autoptr (WsedNotify) notify = NULL;
      guint n = 0;

      g_log_set_always_fatal (G_LOG_FATAL_MASK);
      notify = wsed_notify_new (odd);
      wsed_notify_ready (notify, "", count_only, &n);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*relative*no address*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/notify/states", Manager, NULL, manager_set_up, test_states, manager_tear_down);
  g_test_add ("/notify/abstract", Manager, "abstract", manager_set_up, test_states, manager_tear_down);
  g_test_add ("/notify/watchdog", Manager, NULL, manager_set_up, test_watchdog, manager_tear_down);
  g_test_add ("/notify/silent", Manager, NULL, manager_set_up, test_silent, manager_tear_down);
  g_test_add ("/notify/not-ours", Manager, NULL, manager_set_up, test_not_ours, manager_tear_down);
  g_test_add_func ("/notify/nobody", test_nobody);
  g_test_add_func ("/notify/odd", test_odd);
  return g_test_run ();
}
