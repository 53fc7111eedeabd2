/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Daemons of one log over a relay that hands on at once what it is told to, and loses what it is told to lose. */

#include "fleet/wsed-fleet.h"

#include <string.h>

#define DAEMONS 3

typedef struct
{
  WsedFleet *fleet;            /* NULL: it is not there */
  WsedRelay *relay;
  GString *story;
  guint answers;
  char *answer;                /* the last; NULL: none came */
  const char *reply;           /* to who asks */
} Daemon;

static Daemon daemons[DAEMONS];
static const char *lost;       /* messages that begin so do not arrive; NULL: all do */

static const char *const names[DAEMONS] = { "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc" };

#define LINE_TYPE_RELAY (line_relay_get_type ())
G_DECLARE_FINAL_TYPE (LineRelay, line_relay, LINE, RELAY, GObject)

struct _LineRelay
{
  GObject parent;
  guint index;
};

static void
line_relay_say (WsedRelay  *relay,
                const char *to,
                const char *text,
                gsize       length)
{
  guint from = LINE_RELAY (relay)->index;

  if (lost != NULL && g_str_has_prefix (text, lost))
    return;
  for (guint i = 0; i < DAEMONS; i++)
    if (i != from && daemons[i].fleet != NULL && (to == NULL || strcmp (to, names[i]) == 0))
      wsed_fleet_hear (daemons[i].fleet, names[from], text, length);
}

static void
line_relay_iface_init (WsedRelayInterface *iface)
{
  iface->say = line_relay_say;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (LineRelay, line_relay, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_RELAY, line_relay_iface_init))

static void
line_relay_class_init (LineRelayClass *klass)
{
}

static void
line_relay_init (LineRelay *self)
{
}

static void
on_told (const char *kind,
         const char *text,
         gboolean    own,
         gpointer    user_data)
{
  g_string_append_printf (((Daemon *) user_data)->story, "%s %s%s;", kind, text, own ? " own" : "");
}

static void
on_asked (WsedQuestion *question,
          const char   *text,
          gpointer      user_data)
{
  Daemon *self = user_data;

  g_string_append_printf (self->story, "asked %s;", text);
  wsed_question_answer (question, self->reply);
}

static void
on_answered (const char *text,
             gpointer    user_data)
{
  Daemon *self = user_data;

  self->answers++;
  g_free (self->answer);
  self->answer = g_strdup (text);
}

static void
arrive (guint index)
{
  Daemon *self = &daemons[index];

  self->relay = g_object_new (LINE_TYPE_RELAY, NULL);
  LINE_RELAY (self->relay)->index = index;
  self->story = g_string_new (NULL);
  self->fleet = wsed_fleet_new (self->relay, names[index]);
  wsed_fleet_set_told (self->fleet, on_told, self);
  wsed_fleet_set_asked (self->fleet, on_asked, self);
  wsed_fleet_greet (self->fleet);
}

static void
leave (guint index)
{
  Daemon *self = &daemons[index];

  if (self->fleet == NULL)
    return;
  wsed_fleet_free (g_steal_pointer (&self->fleet));
  g_object_unref (self->relay);
  g_string_free (self->story, TRUE);
  g_free (self->answer);
  *self = (Daemon) { 0 };
}

static void
leave_all (void)
{
  lost = NULL;
  for (guint i = 0; i < DAEMONS; i++)
    leave (i);
}

static guint
elsewhere (guint       index,
           const char *user)
{
  return wsed_fleet_get_elsewhere (daemons[index].fleet, user);
}

static void
wait_until_told (guint       index,
                 const char *user,
                 guint       count)
{
  while (elsewhere (index, user) != count)
    g_main_context_iteration (NULL, TRUE);
}

/* Known to each other once one has spoken; gone with its counts when it says goodbye. */
static void
test_counts (void)
{
  for (guint i = 0; i < DAEMONS; i++)
    arrive (i);
  g_assert_cmpuint (wsed_fleet_get_size (daemons[0].fleet), ==, 2);
  wsed_fleet_count (daemons[0].fleet, "alice", 1);
  g_assert_cmpuint (elsewhere (1, "alice"), ==, 1);
  wsed_fleet_count (daemons[0].fleet, "alice", 3);
  wsed_fleet_count (daemons[2].fleet, "alice", 2);
  wait_until_told (1, "alice", 5);
  g_assert_cmpuint (elsewhere (0, "alice"), ==, 2);
  wsed_fleet_count (daemons[0].fleet, "alice", 0);
  wait_until_told (1, "alice", 2);
  leave (2);
  g_assert_cmpuint (elsewhere (1, "alice"), ==, 0);
  g_assert_cmpuint (wsed_fleet_get_size (daemons[1].fleet), ==, 1);
  leave_all ();
}

/* Who comes later, and who missed something, asks for all of it: more than one message's worth. */
static void
test_mended (void)
{
  arrive (0);
  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *user = g_strdup_printf ("user-%u", i);

      wsed_fleet_count (daemons[0].fleet, user, 1 + i % 3);
    }
  arrive (1);
  wait_until_told (1, "user-2999", 3);
  g_assert_cmpuint (elsewhere (1, "user-0"), ==, 1);
  lost = "counts";
  wsed_fleet_count (daemons[0].fleet, "user-0", 0);
  wsed_fleet_count (daemons[0].fleet, "bob", 4);
  wsed_fleet_greet (daemons[0].fleet);
  lost = NULL;
  wait_until_told (1, "bob", 4);
  g_assert_cmpuint (elsewhere (1, "user-0"), ==, 0);
  leave_all ();
}

/* In pieces that end where characters do; without one of them there is no answer. */
static void
test_questions (void)
{
  g_autoptr (GString) much = g_string_new ("x");

  while (much->len < 100000)
    g_string_append (much, "€");
  arrive (0);
  arrive (1);
  daemons[1].reply = much->str;
  wsed_fleet_ask (daemons[0].fleet, names[1], "how much?", on_answered, &daemons[0]);
  g_assert_cmpstr (daemons[1].story->str, ==, "asked how much?;");
  g_assert_cmpstr (daemons[0].answer, ==, much->str);
  daemons[1].reply = "";
  wsed_fleet_ask (daemons[0].fleet, names[1], "what?", on_answered, &daemons[0]);
  g_assert_cmpstr (daemons[0].answer, ==, "");
  lost = "reply 3 1 ";
  daemons[1].reply = much->str;
  wsed_fleet_ask (daemons[0].fleet, names[1], "how much?", on_answered, &daemons[0]);
  g_assert_cmpuint (daemons[0].answers, ==, 3);
  g_assert_null (daemons[0].answer);
  /* One that goes answers nothing. */
  lost = "ask";
  wsed_fleet_ask (daemons[0].fleet, names[1], "there?", on_answered, &daemons[0]);
  lost = NULL;
  leave (1);
  g_assert_cmpuint (daemons[0].answers, ==, 4);
  leave_all ();
}

/* Once, whichever way it comes. */
static void
test_told (void)
{
  arrive (0);
  arrive (1);
  wsed_fleet_tell (daemons[0].fleet, "erased", "7 3 user:a");
  wsed_fleet_relate (daemons[1].fleet, "erased", "7 3 user:a");
  wsed_fleet_relate (daemons[0].fleet, "erased", "7 3 user:a");
  wsed_fleet_relate (daemons[1].fleet, "revoked", "{}");
  g_assert_cmpstr (daemons[0].story->str, ==, "erased 7 3 user:a own;");
  g_assert_cmpstr (daemons[1].story->str, ==, "erased 7 3 user:a;revoked {};");
  leave_all ();
}

/* In the order of names, this one among them. */
static void
test_order (void)
{
  arrive (1);
  g_assert_cmpstr (wsed_fleet_get_next (daemons[1].fleet, NULL), ==, names[1]);
  g_assert_null (wsed_fleet_get_next (daemons[1].fleet, names[1]));
  arrive (2);
  arrive (0);
  for (guint i = 0; i < DAEMONS; i++)
    {
      const char *name = NULL;

      for (guint k = 0; k < DAEMONS; k++)
        {
          name = wsed_fleet_get_next (daemons[i].fleet, name);
          g_assert_cmpstr (name, ==, names[k]);
        }
      g_assert_null (wsed_fleet_get_next (daemons[i].fleet, name));
    }
  g_assert_cmpstr (wsed_fleet_get_next (daemons[0].fleet, "bbbb"), ==, names[1]);
  leave_all ();
}

static void
test_nonsense (void)
{
  static const char *const bad[] = { "", "here", "here\n", "here x\n", "counts\n-1 a\n1\n x\nx y\n99999999999 b\n", "anew 7\n", "tell\n", "reply\n",
                                     "reply 1 2\n", "reply 1 2 3\nx", "reply x y z\n", "ask\n", "ask x\n", "told\n", "bye again", "nonsense\n", "\n",
                                     "told x\n\xff" };

  arrive (0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      wsed_fleet_hear (daemons[0].fleet, names[1], bad[i], strlen (bad[i]));
      wsed_fleet_hear (daemons[0].fleet, "nobody's name", bad[i], strlen (bad[i]));
      wsed_fleet_hear (daemons[0].fleet, names[0], bad[i], strlen (bad[i]));
    }
  wsed_fleet_hear (daemons[0].fleet, names[1], "told a\0b\nc", 10);
  g_assert_cmpuint (wsed_fleet_get_size (daemons[0].fleet), ==, 1);
  g_assert_cmpuint (elsewhere (0, "a"), ==, 0);
  g_assert_cmpuint (elsewhere (0, "b"), ==, 0);
  g_assert_cmpstr (daemons[0].story->str, ==, " ;");
  leave_all ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fleet/counts", test_counts);
  g_test_add_func ("/fleet/mended", test_mended);
  g_test_add_func ("/fleet/questions", test_questions);
  g_test_add_func ("/fleet/told", test_told);
  g_test_add_func ("/fleet/order", test_order);
  g_test_add_func ("/fleet/nonsense", test_nonsense);
  return g_test_run ();
}
