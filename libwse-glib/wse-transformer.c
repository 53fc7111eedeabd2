/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interface of a transformer, and the one way to call it: whatever an implementation answers, what comes out is one of three clear
 * verdicts. It never takes silence for a drop. */

#include "wse-transformer.h"

#include "wse-error.h"
#include "wse-transformer-private.h"

/**
 * WseTransformer:
 *
 * Turns a domain event into the event to deliver, drops it, or fails.
 *
 * Transformers stand in a chain between the taking in of an event and the log: what one gives out is what the next one gets, and what
 * the last one gives out is kept and delivered, so that a replay gives what was given. A transformer is called for one event at a
 * time, on the thread that runs the chain, and must not block.
 *
 * In Python an implementation returns the verdict and the event:
 *
 * ```python
 * class Loud (GObject.Object, Wse.Transformer):
 *     def do_transform (self, event):
 *         if event.get_severity () == Wse.Severity.INFO:
 *             return Wse.Verdict.DROP, None
 *         return Wse.Verdict.DELIVER, event
 * ```
 *
 * An exception that is raised there is a failure: [enum@Wse.Verdict] `FAIL`, with the domain and code of a `GLib.Error`, or with
 * `WSE_ERROR_FAILED` for any other exception.
 *
 * Since: 0.1
 */
G_DEFINE_INTERFACE (WseTransformer, wse_transformer, G_TYPE_OBJECT)

static void
wse_transformer_default_init (WseTransformerInterface *iface)
{
}

static WseVerdict
fail (WseTransformer *self,
      const char     *problem,
      WseEvent      **out,
      GError        **error)
{
  g_clear_pointer (out, wse_event_unref);
  if (problem != NULL)
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "transformer %s: %s", G_OBJECT_TYPE_NAME (self), problem);
  return WSE_VERDICT_FAIL;
}

/**
 * wse_transformer_transform:
 * @self: a transformer
 * @event: the event; it is not changed
 * @out: (out) (transfer full) (nullable): the event to go on with; NULL unless the verdict is `WSE_VERDICT_DELIVER`
 * @error: return location for an error, set where the verdict is `WSE_VERDICT_FAIL` and only there
 *
 * Asks @self what becomes of @event.
 *
 * An implementation that fails without an error, delivers nothing, delivers and sets an error, or answers with something that is no
 * verdict, has failed: nothing is lost without a word.
 *
 * Returns: the verdict; `WSE_VERDICT_FAIL` with the implementation's error, or with `WSE_ERROR_FAILED` where it set none
 *
 * Since: 0.1
 */
WseVerdict
wse_transformer_transform (WseTransformer *self,
                           WseEvent       *event,
                           WseEvent      **out,
                           GError        **error)
{
  g_autoptr (GError) local_error = NULL;
  WseVerdict verdict;

  g_return_val_if_fail (WSE_IS_TRANSFORMER (self), WSE_VERDICT_FAIL);
  g_return_val_if_fail (event != NULL, WSE_VERDICT_FAIL);
  g_return_val_if_fail (out != NULL, WSE_VERDICT_FAIL);
  g_return_val_if_fail (error == NULL || *error == NULL, WSE_VERDICT_FAIL);

  *out = NULL;
  if (WSE_TRANSFORMER_GET_IFACE (self)->transform == NULL)
    return fail (self, "does not implement transform", out, error);
  verdict = WSE_TRANSFORMER_GET_IFACE (self)->transform (self, event, out, &local_error);

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return fail (self, NULL, out, error);
    }
  switch (verdict)
    {
    case WSE_VERDICT_DELIVER:
      if (*out == NULL)
        return fail (self, "delivered no event", out, error);
      return WSE_VERDICT_DELIVER;

    case WSE_VERDICT_DROP:
      g_clear_pointer (out, wse_event_unref);
      return WSE_VERDICT_DROP;

    case WSE_VERDICT_FAIL:
      return fail (self, "failed without saying why", out, error);

    default:
      return fail (self, "gave no verdict", out, error);
    }
}

WseVerdict
wse_transformers_run (GPtrArray *chain,
                      WseEvent **event,
                      GError   **error)
{
  for (guint i = 0; i < chain->len; i++)
    {
      WseEvent *out;
      WseVerdict verdict = wse_transformer_transform (g_ptr_array_index (chain, i), *event, &out, error);

      if (verdict != WSE_VERDICT_DELIVER)
        return verdict;
      wse_event_unref (*event);
      *event = out;
    }
  return WSE_VERDICT_DELIVER;
}
