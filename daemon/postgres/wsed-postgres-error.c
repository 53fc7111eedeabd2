/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tells which of PostgreSQL's errors pass by themselves. It never shows an address, or the text of a statement: what it makes may end up
 * where everybody reads it. */

#include "postgres/wsed-postgres-error.h"

#include <string.h>

#include "wse-error.h"

/* Classes and codes (PostgreSQL documentation, appendix A) that pass by themselves: a lost connection, a conflict of transactions, no
 * room, somebody in the way, an operator, a server that starts, stops or is not the primary one, an error of its system; and what was
 * to be prepared by a statement before that failed. */
static gboolean
passes (const char *code)
{
  static const char *const passing[] = { "08", "25006", "26000", "40", "53", "55P03", "55006", "57", "58" };

  for (guint i = 0; i < G_N_ELEMENTS (passing); i++)
    if (g_str_has_prefix (code, passing[i]))
      return TRUE;
  return FALSE;
}

/* The first line, without what libpq puts before it. */
static char *
tidy (const char *message)
{
  g_autofree char *line = g_strndup (message, strcspn (message, "\n"));
  g_autofree char *valid = g_utf8_make_valid (line, -1);

  return g_strdup (g_strstrip (valid));
}

GError *
wsed_postgres_error_of_result (const PGresult *result)
{
  const char *code = PQresultErrorField (result, PG_DIAG_SQLSTATE);
  const char *primary = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
  g_autofree char *text = tidy (primary != NULL ? primary : PQresultErrorMessage (result));

  return g_error_new (WSE_ERROR, code == NULL || passes (code) ? WSE_ERROR_UNAVAILABLE : WSE_ERROR_FAILED, "PostgreSQL: %s", text);
}

/* "…: FATAL:  28P01: password authentication failed …": where its code begins; NULL: it does not come from the server. */
static const char *
find_code (const char *message)
{
  for (const char *at = message; (at = strstr (at, ":  ")) != NULL; at++)
    if (strspn (at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':')
      return at + 3;
  return NULL;
}

GError *
wsed_postgres_error_of_connection (const PGconn *connection,
                                   const char   *doing)
{
  static const char where[] = " failed: ";
  const char *message = PQerrorMessage (connection), *code = find_code (message), *why = strstr (message, where);
  g_autofree char *text = tidy (code != NULL ? code + 7 : why != NULL ? why + strlen (where) : message);

  if (PQconnectionNeedsPassword (connection))
    return g_error_new (WSE_ERROR, WSE_ERROR_FAILED, "%s: it wants a password, and there is none", doing);
  return g_error_new (WSE_ERROR, code == NULL || passes (code) ? WSE_ERROR_UNAVAILABLE : WSE_ERROR_FAILED, "%s: %s", doing,
                      text[0] != '\0' ? text : "the connection is lost");
}
