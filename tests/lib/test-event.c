/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The event as a value: making, the same but for one thing, ids, life. How it comes in as JSON is test-event-parse. */

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-time-private.h"
#include "wse-uuid-private.h"

static GBytes *
bytes (const char *text)
{
  return g_bytes_new (text, strlen (text));
}

static WseEvent *
event (void)
{
  static const char * const channels[] = { "user:1", "global", NULL };
  g_autoptr (GBytes) payload = bytes ("{ \"a\" : 1.10 }");
  g_autoptr (GError) error = NULL;
  WseEvent *self = wse_event_new ("OrderPlaced", channels, payload, &error);

  g_assert_no_error (error);
  return self;
}

static void
check_payload (WseEvent *self, const char *expected)
{
  g_autoptr (GBytes) payload = wse_event_get_payload (self);

  g_assert_cmpmem (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload), expected, strlen (expected));
}

static void
test_new (void)
{
  gint64 before = wse_time_now ();
  g_autoptr (WseEvent) self = event ();

  g_assert_cmpstr (wse_event_get_event_type (self), ==, "OrderPlaced");
  g_assert_null (wse_event_get_original_type (self));
  g_assert_true (g_uuid_string_is_valid (wse_event_get_id (self)));
  g_assert_cmpint (wse_event_get_timestamp (self), >=, before);
  g_assert_cmpint (wse_event_get_timestamp (self), <=, wse_time_now ());
  g_assert_cmpint (wse_event_get_latency (self), ==, -1);
  g_assert_cmpint (wse_event_get_severity (self), ==, WSE_SEVERITY_INFO);
  g_assert_null (wse_event_get_message (self));
  check_payload (self, "{\"a\":1.10}");
  g_assert_cmpstr (wse_event_get_channels (self)[0], ==, "user:1");
  g_assert_cmpstr (wse_event_get_channels (self)[1], ==, "global");
  g_assert_null (wse_event_get_channels (self)[2]);
}

static void
test_new_bare (void)
{
  static const char * const none[] = { NULL };
  g_autoptr (WseEvent) self = wse_event_new ("a", NULL, NULL, NULL);
  g_autoptr (WseEvent) other = wse_event_new ("a", none, NULL, NULL);

  check_payload (self, "{}");
  g_assert_null (wse_event_get_channels (self)[0]);
  g_assert_null (wse_event_get_channels (other)[0]);
  g_assert_cmpstr (wse_event_get_id (self), !=, wse_event_get_id (other));
}

static void
check_new_refused (const char *type, const char * const *channels, const char *payload, WseError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) data = payload != NULL ? bytes (payload) : NULL;

  g_assert_null (wse_event_new (type, channels, data, &error));
  g_assert_error (error, WSE_ERROR, code);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_new_refused (void)
{
  static const char * const six[] = { "user:1", "role:1", "team:1", "session:1", "global", "system", NULL };
  static const char * const twice[] = { "user:1", "role:1", "user:1", NULL };
  static const char * const bad[] = { "user:1", "role:a b", NULL };
  static const char * const empty[] = { "", NULL };
  g_autofree char *long_type = g_strnfill (WSE_MAX_ID_BYTES + 1, 'x');
  g_autoptr (GString) deep = g_string_new (NULL);

  check_new_refused ("", NULL, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a b", NULL, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a\xff", NULL, NULL, WSE_ERROR_INVALID);
  check_new_refused (long_type, NULL, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a", six, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a", twice, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a", bad, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a", empty, NULL, WSE_ERROR_INVALID);
  check_new_refused ("a", NULL, "", WSE_ERROR_SYNTAX);
  check_new_refused ("a", NULL, "{} {}", WSE_ERROR_SYNTAX);
  check_new_refused ("a", NULL, "{'a':1}", WSE_ERROR_SYNTAX);
  for (guint i = 0; i <= WSE_MAX_DEPTH; i++)
    g_string_append_c (deep, '[');
  for (guint i = 0; i <= WSE_MAX_DEPTH; i++)
    g_string_append_c (deep, ']');
  check_new_refused ("a", NULL, deep->str, WSE_ERROR_TOO_DEEP);
}

static void
test_with_type (void)
{
  g_autoptr (WseEvent) self = event ();
  g_autoptr (WseEvent) mapped = wse_event_with_type (self, "order_update", NULL);
  g_autoptr (WseEvent) again = wse_event_with_type (mapped, "order_changed", NULL);
  g_autoptr (WseEvent) back = wse_event_with_type (again, "OrderPlaced", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (wse_event_get_event_type (mapped), ==, "order_update");
  g_assert_cmpstr (wse_event_get_original_type (mapped), ==, "OrderPlaced");
  g_assert_cmpstr (wse_event_get_event_type (again), ==, "order_changed");
  g_assert_cmpstr (wse_event_get_original_type (again), ==, "OrderPlaced");
  g_assert_cmpstr (wse_event_get_event_type (back), ==, "OrderPlaced");
  g_assert_null (wse_event_get_original_type (back));
  /* The rest is the same, and the first is untouched. */
  g_assert_cmpstr (wse_event_get_id (mapped), ==, wse_event_get_id (self));
  g_assert_cmpint (wse_event_get_timestamp (mapped), ==, wse_event_get_timestamp (self));
  check_payload (mapped, "{\"a\":1.10}");
  g_assert_cmpstr (wse_event_get_channels (mapped)[1], ==, "global");
  g_assert_cmpstr (wse_event_get_event_type (self), ==, "OrderPlaced");

  g_assert_null (wse_event_with_type (self, "a b", &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
}

static void
test_with_channels (void)
{
  static const char * const system[] = { "system", NULL };
  static const char * const twice[] = { "system", "system", NULL };
  g_autoptr (WseEvent) self = event ();
  g_autoptr (WseEvent) moved = wse_event_with_channels (self, system, NULL);
  g_autoptr (WseEvent) none = wse_event_with_channels (self, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (wse_event_get_channels (moved)[0], ==, "system");
  g_assert_null (wse_event_get_channels (moved)[1]);
  g_assert_null (wse_event_get_channels (none)[0]);
  g_assert_cmpstr (wse_event_get_id (none), ==, wse_event_get_id (self));
  g_assert_null (wse_event_with_channels (self, twice, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
}

static void
test_with_severity (void)
{
  g_autoptr (WseEvent) self = event ();
  g_autoptr (WseEvent) grave = wse_event_with_severity (self, WSE_SEVERITY_ERROR);

  g_assert_cmpint (wse_event_get_severity (grave), ==, WSE_SEVERITY_ERROR);
  g_assert_true (grave->severity_given);
  g_assert_false (self->severity_given);
}

static void
test_with_message (void)
{
  g_autoptr (WseEvent) self = event ();
  g_autoptr (WseEvent) told = wse_event_with_message (self, "caf\xc3\xa9", NULL);
  g_autoptr (WseEvent) silent = wse_event_with_message (told, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (wse_event_get_message (told), ==, "caf\xc3\xa9");
  g_assert_null (wse_event_get_message (silent));
  g_assert_null (wse_event_with_message (self, "\xff", &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
}

static void
test_with_payload (void)
{
  g_autoptr (WseEvent) self = event ();
  g_autoptr (GBytes) list = bytes (" [ 1, 2 ]\n");
  g_autoptr (GBytes) bad = bytes ("[1,]");
  g_autoptr (WseEvent) changed = wse_event_with_payload (self, list, NULL);
  g_autoptr (GError) error = NULL;

  check_payload (changed, "[1,2]");
  check_payload (self, "{\"a\":1.10}");
  g_assert_null (wse_event_with_payload (self, bad, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_SYNTAX);
  g_assert_true (g_str_has_prefix (error->message, "payload: "));
}

/* The bytes of the payload outlive the caller's event. */
static void
test_payload_lives (void)
{
  WseEvent *self = event ();
  g_autoptr (GBytes) payload = wse_event_get_payload (self);

  wse_event_unref (self);
  g_assert_cmpmem (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload), "{\"a\":1.10}", 10);
}

static void
test_fields (void)
{
  g_autoptr (WseEvent) self = event ();
  g_autoptr (WseEvent) copy = NULL;
  WseEventFields fields;

  wse_event_get_fields (self, &fields);
  fields.message = "m";
  fields.latency = 12;
  copy = wse_event_new_from_fields (&fields);
  g_assert_cmpstr (wse_event_get_message (copy), ==, "m");
  g_assert_cmpint (wse_event_get_latency (copy), ==, 12);
  g_assert_cmpint (copy->payload[copy->payload_length], ==, '\0');
  g_assert_cmpuint (copy->n_channels, ==, 2);
}

static void
test_severity_names (void)
{
  WseSeverity severity = WSE_SEVERITY_WARNING;

  for (WseSeverity each = WSE_SEVERITY_INFO; each <= WSE_SEVERITY_ERROR; each++)
    {
      g_assert_true (wse_severity_from_string (wse_severity_to_string (each), &severity));
      g_assert_cmpint (severity, ==, each);
    }
  g_assert_false (wse_severity_from_string ("Info", &severity));
  g_assert_false (wse_severity_from_string ("", &severity));
  g_assert_cmpint (severity, ==, WSE_SEVERITY_ERROR);
}

static void
test_id_rule (void)
{
  g_autofree char *longest = g_strnfill (WSE_MAX_ID_BYTES + 1, 'x');

  g_assert_true (wse_event_id_is_valid ("a b,c@d*", 8));
  g_assert_true (wse_event_id_is_valid ("\xc3\xa9", 2));
  g_assert_true (wse_event_id_is_valid ("\xc2\xa0", 2));
  g_assert_true (wse_event_id_is_valid (longest, WSE_MAX_ID_BYTES));
  g_assert_false (wse_event_id_is_valid (longest, WSE_MAX_ID_BYTES + 1));
  g_assert_false (wse_event_id_is_valid ("", 0));
  g_assert_false (wse_event_id_is_valid ("a\0b", 3));
  g_assert_false (wse_event_id_is_valid ("a\n", 2));
  g_assert_false (wse_event_id_is_valid ("a\x7f", 2));
  g_assert_false (wse_event_id_is_valid ("\xc2\x80", 2));
  g_assert_false (wse_event_id_is_valid ("\xc2\x9f", 2));
  g_assert_false (wse_event_id_is_valid ("\xc2", 1));
  g_assert_false (wse_event_id_is_valid ("\xff", 1));
}

static void *
make_ids (void *data)
{
  GPtrArray *ids = data;

  for (guint i = 0; i < 1000; i++)
    {
      char id[WSE_UUID_LENGTH + 1];

      wse_uuid_make (id);
      g_ptr_array_add (ids, g_strdup (id));
    }
  return NULL;
}

/* Version 4, and never twice, in several threads as well. */
static void
test_uuid (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *ids[4];
  pthread_t threads[4];

  for (guint i = 0; i < 4; i++)
    {
      ids[i] = g_ptr_array_new_with_free_func (g_free);
      g_assert_cmpint (pthread_create (&threads[i], NULL, make_ids, ids[i]), ==, 0);
    }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (pthread_join (threads[i], NULL), ==, 0);
  for (guint i = 0; i < 4; i++)
    for (guint j = 0; j < ids[i]->len; j++)
      {
        const char *id = ids[i]->pdata[j];

        g_assert_true (g_uuid_string_is_valid (id));
        g_assert_cmpint (id[14], ==, '4');
        g_assert_nonnull (strchr ("89ab", id[19]));
        g_assert_true (g_hash_table_add (seen, (gpointer) id));
      }
  for (guint i = 0; i < 4; i++)
    g_ptr_array_unref (ids[i]);
}

/* A child of fork() must not give out the ids that its parent is about to. */
static void
test_uuid_fork (void)
{
  char first[WSE_UUID_LENGTH + 1], ours[WSE_UUID_LENGTH + 1], theirs[WSE_UUID_LENGTH + 1];
  int ends[2], status;
  pid_t child;

  wse_uuid_make (first);
  g_assert_cmpint (pipe (ends), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      wse_uuid_make (theirs);
      _exit (write (ends[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
  wse_uuid_make (ours);
  g_assert_cmpint (read (ends[0], theirs, sizeof theirs), ==, sizeof theirs);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpstr (ours, !=, theirs);
  close (ends[0]);
  close (ends[1]);
}

static void *
read_and_drop (void *data)
{
  WseEvent *self = data;

  for (guint i = 0; i < 2000; i++)
    {
      g_autoptr (WseEvent) other = wse_event_with_type (self, "order_update", NULL);
      GBytes *payload = wse_event_get_payload (self);

      g_assert_cmpstr (wse_event_get_id (other), ==, wse_event_get_id (self));
      g_assert_cmpuint (g_bytes_get_size (payload), ==, 10);
      g_bytes_unref (payload);
    }
  wse_event_unref (self);
  return NULL;
}

/* Whichever of several threads is the last to drop an event frees it, after all have read it. */
static void
test_shared (void)
{
  for (guint round = 0; round < 20; round++)
    {
      WseEvent *self = event ();
      pthread_t threads[4];

      for (guint i = 0; i < 4; i++)
        g_assert_cmpint (pthread_create (&threads[i], NULL, read_and_drop, wse_event_ref (self)), ==, 0);
      wse_event_unref (self);
      for (guint i = 0; i < 4; i++)
        g_assert_cmpint (pthread_join (threads[i], NULL), ==, 0);
    }
}

static void
test_boxed (void)
{
  g_autoptr (WseEvent) self = event ();
  GValue value = G_VALUE_INIT;

  g_value_init (&value, WSE_TYPE_EVENT);
  g_value_set_boxed (&value, self);
  g_assert_true (g_value_get_boxed (&value) == self);
  g_value_unset (&value);
  g_assert_cmpstr (wse_event_get_event_type (self), ==, "OrderPlaced");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event/new", test_new);
  g_test_add_func ("/event/new-bare", test_new_bare);
  g_test_add_func ("/event/new-refused", test_new_refused);
  g_test_add_func ("/event/with-type", test_with_type);
  g_test_add_func ("/event/with-channels", test_with_channels);
  g_test_add_func ("/event/with-severity", test_with_severity);
  g_test_add_func ("/event/with-message", test_with_message);
  g_test_add_func ("/event/with-payload", test_with_payload);
  g_test_add_func ("/event/payload-lives", test_payload_lives);
  g_test_add_func ("/event/fields", test_fields);
  g_test_add_func ("/event/severity-names", test_severity_names);
  g_test_add_func ("/event/id-rule", test_id_rule);
  g_test_add_func ("/event/uuid", test_uuid);
  g_test_add_func ("/event/uuid-fork", test_uuid_fork);
  g_test_add_func ("/event/shared", test_shared);
  g_test_add_func ("/event/boxed", test_boxed);
  return g_test_run ();
}
