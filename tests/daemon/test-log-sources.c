/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a log keeps for sources: where they stand, moved with the events or not at all, and the inputs that failed. */

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "log-fixture.h"
#include "log/wsed-memory-sources.h"

static void
reopen (LogFixture *fixture)
{
  if (fixture->kind != LOG_REOPENED)
    return;
  log_fixture_close (fixture);
  log_fixture_open (fixture);
}

static GArray *
move (const char *source,
      gint64      from,
      gint64      to)
{
  GArray *moves = wsed_moves_new ();

  wsed_moves_add (moves, source, from, to);
  return moves;
}

static WsedLetter *
letter (const char *source,
        gint64      position,
        const char *input,
        gsize       length)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_SYNTAX, "this is no JSON");
  WsedLetter *made = wsed_letter_new (source, position);

  wsed_letter_set_input (made, input, length);
  wsed_letter_set_error (made, error);
  return made;
}

static GPtrArray *
letters_of (WsedLetter *first)
{
  GPtrArray *letters = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_letter_free);

  g_ptr_array_add (letters, first);
  return letters;
}

/* Answered: it says so itself, since several may be under way. */
static void
on_answer (WsedMessage *message,
           gpointer     user_data)
{
  message->user_data = message;
}

static void
wait_for (LogFixture  *fixture,
          WsedMessage *message)
{
  while (message->user_data == NULL)
    for (WsedMessage *answer = log_wait (fixture->inbox), *next; answer != NULL; answer = next)
      {
        next = answer->next;
        answer->run (answer, answer->user_data);
      }
}

/* Appends COUNT events PREFIX1 … of user:1 with @moves and @letters; the answer. */
static WsedAppend *
send (LogFixture *fixture,
      const char *prefix,
      guint       count,
      GArray     *moves,
      GPtrArray  *letters)
{
  GPtrArray *events = log_new_events ();
  WsedAppend *append;

  for (guint i = 1; i <= count; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", prefix, i);

      g_ptr_array_add (events, log_event (id, "user:1"));
    }
  append = wsed_append_new (events, fixture->inbox);
  wsed_append_set_moves (append, moves);
  wsed_append_set_letters (append, letters);
  append->message.run = on_answer;
  wsed_log_append (fixture->log, append);
  return append;
}

static void
expect_done (LogFixture *fixture,
             WsedAppend *append)
{
  wait_for (fixture, &append->message);
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->n_done, ==, append->events->len);
  wsed_append_free (append);
}

static void
expect_conflict (LogFixture *fixture,
                 WsedAppend *append,
                 guint       index,
                 gint64      kept)
{
  wait_for (fixture, &append->message);
  g_assert_error (append->error, WSE_ERROR, WSE_ERROR_CONFLICT);
  g_assert_cmpuint (append->n_done, ==, 0);
  g_assert_cmpint (g_array_index (append->moves, WsedMove, index).kept, ==, kept);
  wsed_append_free (append);
}

/* "SOURCE=POSITION …" */
static void
expect_positions (LogFixture *fixture,
                  const char *prefix,
                  const char *expected)
{
  g_autoptr (WsedPositions) positions = wsed_positions_new (prefix, fixture->inbox);
  g_autoptr (GString) text = g_string_new (NULL);

  reopen (fixture);
  wsed_log_positions (fixture->log, positions);
  g_assert_true (log_wait (fixture->inbox) == &positions->message);
  g_assert_no_error (positions->error);
  for (guint i = 0; i < positions->positions->len; i++)
    {
      const WsedSourcePosition *position = &g_array_index (positions->positions, WsedSourcePosition, i);

      g_string_append_printf (text, "%s%s=%" G_GINT64_FORMAT, i > 0 ? " " : "", position->source, position->position);
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
expect_ids (LogFixture *fixture,
            const char *expected)
{
  g_autofree char *ids = log_read_ids (fixture, "user:1", 0, 1000);

  g_assert_cmpstr (ids, ==, expected);
}

static WsedLetters *
ask (LogFixture      *fixture,
     WsedLettersVerb  verb,
     guint64          id,
     guint            limit)
{
  WsedLetters *letters = wsed_letters_new (verb, fixture->inbox);

  reopen (fixture);
  letters->id = id;
  letters->limit = limit;
  if (verb == WSED_LETTERS_FAIL)
    {
      letters->code = g_strdup ("no_route");
      letters->reason = g_strdup ("still wrong");
    }
  wsed_log_letters (fixture->log, letters);
  g_assert_true (log_wait (fixture->inbox) == &letters->message);
  g_assert_no_error (letters->error);
  return letters;
}

static guint64
count_letters (LogFixture *fixture)
{
  g_autoptr (WsedLetters) list = ask (fixture, WSED_LETTERS_LIST, 0, 1);

  return list->count;
}

static void
test_moves (gconstpointer kind)
{
  LogFixture fixture;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  expect_positions (&fixture, "", "");
  expect_done (&fixture, send (&fixture, "a", 3, move ("kafka:g/t/0", -1, 3), NULL));
  expect_done (&fixture, send (&fixture, "b", 1, move ("kafka:g/t/1", -1, 0), NULL));
  /* Nothing but the move: what was there was not wanted. */
  expect_done (&fixture, send (&fixture, "", 0, move ("kafka:g/t/0", 3, 9), NULL));
  expect_done (&fixture, send (&fixture, "c", 1, move ("outbox:x", -1, G_MAXINT64), NULL));
  expect_positions (&fixture, "", "kafka:g/t/0=9 kafka:g/t/1=0 outbox:x=9223372036854775807");
  expect_positions (&fixture, "kafka:g/", "kafka:g/t/0=9 kafka:g/t/1=0");
  expect_positions (&fixture, "kafka:G/", "");
  /* A position may go back: what was there is gone, and it begins anew. */
  expect_done (&fixture, send (&fixture, "d", 1, move ("kafka:g/t/0", 9, 2), NULL));
  expect_positions (&fixture, "kafka:g/t/0", "kafka:g/t/0=2");
  expect_ids (&fixture, "a1 a2 a3 b1 c1 d1");
  log_fixture_clear (&fixture);
}

/* Nothing of an append is kept whose move does not fit. */
static void
test_conflict (gconstpointer kind)
{
  LogFixture fixture;
  GArray *moves = wsed_moves_new ();

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  expect_conflict (&fixture, send (&fixture, "x", 2, move ("s", 5, 7), NULL), 0, -1);
  expect_done (&fixture, send (&fixture, "a", 1, move ("s", -1, 5), NULL));
  reopen (&fixture);
  expect_conflict (&fixture, send (&fixture, "x", 2, move ("s", -1, 7), letters_of (letter ("s", 6, "x", 1))), 0, 5);
  expect_conflict (&fixture, send (&fixture, "x", 2, move ("s", 4, 7), NULL), 0, 5);
  /* The first one of several fits. */
  wsed_moves_add (moves, "other", -1, 1);
  wsed_moves_add (moves, "s", 4, 7);
  expect_conflict (&fixture, send (&fixture, "x", 2, moves, NULL), 1, 5);
  expect_positions (&fixture, "", "s=5");
  g_assert_cmpuint (count_letters (&fixture), ==, 0);
  expect_ids (&fixture, "a1");
  /* What was refused is not known as a duplicate afterwards. */
  expect_done (&fixture, send (&fixture, "x", 2, move ("s", 5, 7), NULL));
  expect_ids (&fixture, "a1 x1 x2");
  log_fixture_clear (&fixture);
}

/* Two readers of one partition, all sent before the first answer: each event once, in order. */
static void
test_race (gconstpointer kind)
{
  LogFixture fixture;
  WsedAppend *first, *second, *third, *plain;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  first = send (&fixture, "a", 2, move ("s", -1, 2), NULL);
  second = send (&fixture, "b", 2, move ("s", -1, 2), NULL);
  plain = send (&fixture, "p", 1, NULL, NULL);
  third = send (&fixture, "c", 2, move ("s", 2, 4), NULL);
  expect_done (&fixture, first);
  expect_conflict (&fixture, second, 0, 2);
  expect_done (&fixture, plain);
  expect_done (&fixture, third);
  expect_positions (&fixture, "", "s=4");
  expect_ids (&fixture, "a1 a2 p1 c1 c2");
  log_fixture_clear (&fixture);
}

/* Duplicates are told beside what is new, and the position moves past them. */
static void
test_duplicates (gconstpointer kind)
{
  LogFixture fixture;
  WsedAppend *append;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  expect_done (&fixture, send (&fixture, "a", 2, NULL, NULL));
  append = send (&fixture, "a", 3, move ("s", -1, 3), NULL);
  wait_for (&fixture, &append->message);
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->n_done, ==, 3);
  g_assert_true (append->duplicates[0] && append->duplicates[1] && !append->duplicates[2]);
  wsed_append_free (append);
  expect_positions (&fixture, "", "s=3");
  expect_ids (&fixture, "a1 a2 a3");
  log_fixture_clear (&fixture);
}

/* As many events as one may have, twice, behind others: neither is torn apart. */
static void
test_large (gconstpointer kind)
{
  LogFixture fixture;
  WsedAppend *appends[3];
  guint64 low, head;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  appends[0] = send (&fixture, "p", 100, NULL, NULL);
  appends[1] = send (&fixture, "a", WSED_MAX_ATOMIC_EVENTS, move ("s", -1, 1), NULL);
  appends[2] = send (&fixture, "b", WSED_MAX_ATOMIC_EVENTS, move ("s", 1, 2), NULL);
  for (guint i = 0; i < G_N_ELEMENTS (appends); i++)
    expect_done (&fixture, appends[i]);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 100 + 2 * WSED_MAX_ATOMIC_EVENTS);
  expect_positions (&fixture, "", "s=2");
  log_fixture_clear (&fixture);
}

static void
test_letters (gconstpointer kind)
{
  LogFixture fixture;
  GPtrArray *letters = letters_of (letter ("kafka:g/t/0", 7, "{\0broken", 8));
  WsedLetter *second = letter ("kafka:g/t/0", 9, NULL, 0), *kept;
  WsedLetters *answer;

  second->event_id = g_strdup ("kafka:t:0:9");
  second->topic = g_strdup ("t");
  second->key = g_bytes_new_static ("\xff\0k", 3);
  second->headers = g_strdup ("{\"ce_id\":\"1\"}");
  g_ptr_array_add (letters, second);
  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  expect_done (&fixture, send (&fixture, "a", 1, move ("kafka:g/t/0", -1, 10), letters));
  expect_ids (&fixture, "a1");
  answer = ask (&fixture, WSED_LETTERS_LIST, 0, 10);
  g_assert_cmpuint (answer->count, ==, 2);
  g_assert_cmpuint (answer->letters->len, ==, 2);
  kept = g_ptr_array_index (answer->letters, 0);
  g_assert_cmpuint (kept->id, ==, 2);
  g_assert_cmpstr (kept->event_id, ==, "kafka:t:0:9");
  g_assert_cmpstr (kept->topic, ==, "t");
  g_assert_cmpmem (g_bytes_get_data (kept->key, NULL), g_bytes_get_size (kept->key), "\xff\0k", 3);
  g_assert_cmpstr (kept->headers, ==, "{\"ce_id\":\"1\"}");
  g_assert_null (kept->input);
  g_assert_cmpuint (kept->length, ==, 0);
  kept = g_ptr_array_index (answer->letters, 1);
  g_assert_cmpstr (kept->source, ==, "kafka:g/t/0");
  g_assert_cmpint (kept->position, ==, 7);
  g_assert_null (kept->input);
  g_assert_cmpuint (kept->length, ==, 8);
  g_assert_cmpuint (kept->tries, ==, 1);
  g_assert_cmpstr (kept->code, ==, "syntax");
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_LIST, 2, 10);
  g_assert_cmpuint (answer->letters->len, ==, 1);
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_GET, 1, 1);
  g_assert_true (answer->found);
  kept = g_ptr_array_index (answer->letters, 0);
  g_assert_cmpmem (g_bytes_get_data (kept->input, NULL), g_bytes_get_size (kept->input), "{\0broken", 8);
  wsed_letters_free (answer);
  log_fixture_clear (&fixture);
}

/* What becomes of one that is tried again. */
static void
test_letter_fates (gconstpointer kind)
{
  LogFixture fixture;
  WsedLetters *answer;
  WsedLetter *kept;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  expect_done (&fixture, send (&fixture, "", 0, NULL, letters_of (letter ("s", 1, "x", 1))));
  answer = ask (&fixture, WSED_LETTERS_FAIL, 1, 1);
  g_assert_true (answer->found);
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_GET, 1, 1);
  kept = g_ptr_array_index (answer->letters, 0);
  g_assert_cmpuint (kept->tries, ==, 2);
  g_assert_cmpint (kept->last, >=, kept->first);
  g_assert_cmpstr (kept->code, ==, "no_route");
  g_assert_cmpstr (kept->error, ==, "still wrong");
  wsed_letters_free (answer);
  for (guint i = 0; i < 2; i++)
    {
      answer = ask (&fixture, WSED_LETTERS_REMOVE, 1, 1);
      g_assert_cmpint (answer->found, ==, i == 0);
      g_assert_cmpuint (answer->count, ==, 0);
      wsed_letters_free (answer);
    }
  answer = ask (&fixture, WSED_LETTERS_FAIL, 1, 1);
  g_assert_false (answer->found);
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_GET, G_MAXUINT64, 1);
  g_assert_false (answer->found);
  wsed_letters_free (answer);
  /* An id never comes again. */
  expect_done (&fixture, send (&fixture, "", 0, NULL, letters_of (letter ("s", 1, "x", 1))));
  answer = ask (&fixture, WSED_LETTERS_LIST, 0, 1);
  g_assert_cmpuint (((WsedLetter *) g_ptr_array_index (answer->letters, 0))->id, ==, 2);
  wsed_letters_free (answer);
  log_fixture_clear (&fixture);
}

/* The oldest go where there are too many, or they are too large together; an input that is too long is cut. */
static void
test_letter_bounds (gconstpointer kind)
{
  const guint large = WSED_MAX_LETTERS_BYTES / WSED_MAX_LETTER_INPUT;
  g_autofree char *text = g_strnfill (WSED_MAX_LETTER_INPUT + 1, 'x');
  LogFixture fixture;
  WsedLogStats stats;
  WsedLetters *answer;
  WsedLetter *newest;
  GPtrArray *letters;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  letters = letters_of (letter ("s", 0, "x", 1));
  for (guint i = 1; i < WSED_MAX_LETTERS + 5; i++)
    g_ptr_array_add (letters, letter ("s", i, "x", 1));
  expect_done (&fixture, send (&fixture, "", 0, NULL, letters));
  g_assert_cmpuint (count_letters (&fixture), ==, WSED_MAX_LETTERS);
  wsed_log_get_stats (fixture.log, &stats);
  g_assert_cmpuint (stats.letters, ==, WSED_MAX_LETTERS);
  answer = ask (&fixture, WSED_LETTERS_GET, 5, 1);
  g_assert_false (answer->found);
  wsed_letters_free (answer);
  for (guint i = 0; i < large + 1; i++)
    expect_done (&fixture, send (&fixture, "", 0, NULL, letters_of (letter ("s", i, text, WSED_MAX_LETTER_INPUT + 1))));
  answer = ask (&fixture, WSED_LETTERS_LIST, 0, 1000);
  g_assert_cmpuint (answer->count, ==, large - 1);
  newest = g_ptr_array_index (answer->letters, 0);
  g_assert_cmpuint (newest->id, ==, WSED_MAX_LETTERS + 5 + large + 1);
  g_assert_cmpuint (newest->length, ==, WSED_MAX_LETTER_INPUT + 1);
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_GET, WSED_MAX_LETTERS + 5 + large + 1, 1);
  g_assert_cmpuint (g_bytes_get_size (((WsedLetter *) g_ptr_array_index (answer->letters, 0))->input), ==, WSED_MAX_LETTER_INPUT);
  wsed_letters_free (answer);
  log_fixture_clear (&fixture);
}

/* In memory the time is the caller's to say. */
static void
test_letter_age_memory (void)
{
  WsedMemorySources *sources = wsed_memory_sources_new ();
  WsedAppend *append = wsed_append_new (log_new_events (), NULL);
  g_autoptr (WsedLetters) now = wsed_letters_new (WSED_LETTERS_LIST, NULL), later = wsed_letters_new (WSED_LETTERS_LIST, NULL);

  wsed_append_set_letters (append, letters_of (letter ("s", 1, "x", 1)));
  g_assert_true (wsed_memory_sources_apply (sources, append, g_get_real_time ()));
  wsed_memory_sources_letters (sources, now, g_get_real_time () + WSED_LETTER_AGE - G_TIME_SPAN_HOUR);
  g_assert_cmpuint (now->count, ==, 1);
  wsed_memory_sources_letters (sources, later, g_get_real_time () + WSED_LETTER_AGE + G_TIME_SPAN_HOUR);
  g_assert_cmpuint (later->count, ==, 0);
  wsed_append_free (append);
  wsed_memory_sources_free (sources);
}

/* In the file it was long ago. */
static void
test_letter_age_sqlite (void)
{
  g_autofree char *sql = g_strdup_printf ("UPDATE letter SET last=%" G_GINT64_FORMAT " WHERE id=1",
                                          g_get_real_time () - WSED_LETTER_AGE - G_TIME_SPAN_HOUR);
  LogFixture fixture;
  GPtrArray *letters = letters_of (letter ("s", 1, "x", 1));
  WsedLetters *answer;
  sqlite3 *db;

  g_ptr_array_add (letters, letter ("s", 2, "y", 1));
  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  expect_done (&fixture, send (&fixture, "", 0, NULL, letters));
  log_fixture_close (&fixture);
  g_assert_cmpint (sqlite3_open (fixture.path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
  log_fixture_open (&fixture);
  answer = ask (&fixture, WSED_LETTERS_LIST, 0, 10);
  g_assert_cmpuint (answer->letters->len, ==, 1);
  wsed_letters_free (answer);
  answer = ask (&fixture, WSED_LETTERS_GET, 1, 1);
  g_assert_false (answer->found);
  wsed_letters_free (answer);
  /* The first look at what is too old is due at once. */
  while (count_letters (&fixture) > 1)
    g_usleep (10 * 1000);
  log_fixture_clear (&fixture);
}

static void
test_closed (gconstpointer kind)
{
  LogFixture fixture;
  g_autoptr (WsedPositions) positions = NULL;
  g_autoptr (WsedLetters) letters = NULL;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (kind), NULL);
  wsed_log_close (fixture.log);
  positions = wsed_positions_new ("", fixture.inbox);
  wsed_log_positions (fixture.log, positions);
  g_assert_true (log_wait (fixture.inbox) == &positions->message);
  g_assert_error (positions->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  letters = wsed_letters_new (WSED_LETTERS_LIST, fixture.inbox);
  wsed_log_letters (fixture.log, letters);
  g_assert_true (log_wait (fixture.inbox) == &letters->message);
  g_assert_error (letters->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  log_fixture_clear (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_test_add ("moves", test_moves, TRUE);
  log_test_add ("conflict", test_conflict, TRUE);
  log_test_add ("race", test_race, TRUE);
  log_test_add ("move-duplicates", test_duplicates, TRUE);
  log_test_add ("move-large", test_large, TRUE);
  log_test_add ("letters", test_letters, TRUE);
  log_test_add ("letter-fates", test_letter_fates, TRUE);
  log_test_add ("letter-bounds", test_letter_bounds, FALSE);
  log_test_add ("sources-closed", test_closed, FALSE);
  g_test_add_func ("/log/memory/letter-age", test_letter_age_memory);
  g_test_add_func ("/log/sqlite/letter-age", test_letter_age_sqlite);
  return g_test_run ();
}
