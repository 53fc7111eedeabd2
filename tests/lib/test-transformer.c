/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever an implementation of WseTransformer answers, three clear verdicts come out, and silence is never a drop. */

#include <wse.h>

#define TEST_TYPE_TRANSFORMER (test_transformer_get_type ())
G_DECLARE_FINAL_TYPE (TestTransformer, test_transformer, TEST, TRANSFORMER, GObject)

struct _TestTransformer
{
  GObject parent_instance;

  WseVerdict verdict;
  gboolean gives_event;
  gboolean sets_error;
};

static WseVerdict
test_transformer_transform (WseTransformer *transformer,
                            WseEvent       *event,
                            WseEvent      **out,
                            GError        **error)
{
  TestTransformer *self = TEST_TRANSFORMER (transformer);

  if (self->gives_event)
    *out = wse_event_ref (event);
  if (self->sets_error)
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "not this one");
  return self->verdict;
}

static void
transformer_iface_init (WseTransformerInterface *iface)
{
  iface->transform = test_transformer_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestTransformer, test_transformer, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, transformer_iface_init))

static void
test_transformer_class_init (TestTransformerClass *klass)
{
}

static void
test_transformer_init (TestTransformer *self)
{
}

static WseEvent *
new_event (void)
{
  g_autoptr (GBytes) payload = g_bytes_new_static ("{}", 2);
  const char * const channels[] = { "user:1", NULL };
  g_autoptr (GError) error = NULL;
  WseEvent *event = wse_event_new ("thing", channels, payload, &error);

  g_assert_no_error (error);
  return event;
}

typedef struct
{
  const char *name;
  WseVerdict answer;
  gboolean gives_event, sets_error;

  WseVerdict verdict;
  int code;                    /* -1: no error */
  const char *says;
} Case;

static const Case cases[] = {
  { "deliver", WSE_VERDICT_DELIVER, TRUE, FALSE, WSE_VERDICT_DELIVER, -1, NULL },
  { "drop", WSE_VERDICT_DROP, FALSE, FALSE, WSE_VERDICT_DROP, -1, NULL },
  { "drop-with-event", WSE_VERDICT_DROP, TRUE, FALSE, WSE_VERDICT_DROP, -1, NULL },
  { "fail", WSE_VERDICT_FAIL, FALSE, TRUE, WSE_VERDICT_FAIL, WSE_ERROR_INVALID, "not this one" },
  { "fail-with-event", WSE_VERDICT_FAIL, TRUE, TRUE, WSE_VERDICT_FAIL, WSE_ERROR_INVALID, "not this one" },
  { "fail-silently", WSE_VERDICT_FAIL, FALSE, FALSE, WSE_VERDICT_FAIL, WSE_ERROR_FAILED, "without saying why" },
  { "deliver-nothing", WSE_VERDICT_DELIVER, FALSE, FALSE, WSE_VERDICT_FAIL, WSE_ERROR_FAILED, "no event" },
  { "deliver-with-error", WSE_VERDICT_DELIVER, TRUE, TRUE, WSE_VERDICT_FAIL, WSE_ERROR_INVALID, "not this one" },
  { "drop-with-error", WSE_VERDICT_DROP, FALSE, TRUE, WSE_VERDICT_FAIL, WSE_ERROR_INVALID, "not this one" },
  { "no-verdict", (WseVerdict) 7, TRUE, FALSE, WSE_VERDICT_FAIL, WSE_ERROR_FAILED, "no verdict" },
};

static void
test_verdict (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (TestTransformer) transformer = g_object_new (TEST_TYPE_TRANSFORMER, NULL);
  g_autoptr (WseEvent) event = new_event ();
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  transformer->verdict = c->answer;
  transformer->gives_event = c->gives_event;
  transformer->sets_error = c->sets_error;
  g_assert_cmpint (wse_transformer_transform (WSE_TRANSFORMER (transformer), event, &out, &error), ==, c->verdict);
  g_assert_true ((out == event) == (c->verdict == WSE_VERDICT_DELIVER));
  if (c->code < 0)
    g_assert_no_error (error);
  else
    {
      g_assert_error (error, WSE_ERROR, c->code);
      g_assert_nonnull (strstr (error->message, c->says));
    }
}

/* An error that nobody wants is neither leaked nor does it turn a failure into something else. */
static void
test_error_unwanted (void)
{
  g_autoptr (TestTransformer) transformer = g_object_new (TEST_TYPE_TRANSFORMER, NULL);
  g_autoptr (WseEvent) event = new_event ();
  WseEvent *out = NULL;

  transformer->verdict = WSE_VERDICT_DELIVER;
  transformer->gives_event = TRUE;
  transformer->sets_error = TRUE;
  g_assert_cmpint (wse_transformer_transform (WSE_TRANSFORMER (transformer), event, &out, NULL), ==, WSE_VERDICT_FAIL);
  g_assert_null (out);
}

static void
test_not_implemented (void)
{
  g_autoptr (TestTransformer) transformer = g_object_new (TEST_TYPE_TRANSFORMER, NULL);
  WseTransformerInterface *iface = WSE_TRANSFORMER_GET_IFACE (transformer);
  g_autoptr (WseEvent) event = new_event ();
  g_autoptr (GError) error = NULL;
  WseEvent *out = NULL;

  iface->transform = NULL;
  g_assert_cmpint (wse_transformer_transform (WSE_TRANSFORMER (transformer), event, &out, &error), ==, WSE_VERDICT_FAIL);
  g_assert_error (error, WSE_ERROR, WSE_ERROR_FAILED);
  g_assert_null (out);
  iface->transform = test_transformer_transform;
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/transformer/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_verdict);
    }
  g_test_add_func ("/transformer/error-unwanted", test_error_unwanted);
  g_test_add_func ("/transformer/not-implemented", test_not_implemented);
  return g_test_run ();
}
