/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A PostgreSQL server of the test's own: in a new directory, on a Unix socket only, as nobody where the test is root; it ends with the
 * test. One a process, made when it is first asked for. */

gboolean    postgres_fixture_is_installed (void);
/* NULL, and the test is skipped: PostgreSQL is not installed. */
const char *postgres_fixture_start     (void);
/* postgresql://… of the database @name, which is made where it is not there. Free it. */
char       *postgres_fixture_get_uri   (const char *name);
/* Carries one statement out in that database and gives the first column of the first row, "" where there is none. Free it. */
char       *postgres_fixture_ask       (const char *name, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* kill -9 of everything that it consists of; what it has written to its files stays. */
void        postgres_fixture_kill      (void);
/* After a kill. */
void        postgres_fixture_restart   (void);
/* SIGSTOP and SIGCONT to all of it. */
void        postgres_fixture_suspend   (void);
void        postgres_fixture_resume    (void);

G_END_DECLS
