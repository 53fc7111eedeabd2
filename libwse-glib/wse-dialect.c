/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialects by name and number, and what several of them write in the same way. The form of each is in the file of its name. */

#include "wse-dialect.h"

#include <string.h>

#include "wse-dialect-private.h"

static const char * const names[WSE_N_DIALECTS] = {
  [WSE_DIALECT_V2] = "v2",
  [WSE_DIALECT_FEED] = "feed",
  [WSE_DIALECT_ENVELOPE] = "envelope",
  [WSE_DIALECT_SESSION] = "session",
};

void
wse_dialect_append_uint (GString *out,
                         guint64  number)
{
  char digits[20];
  char *at = digits + sizeof digits;

  do
    {
      *--at = '0' + number % 10;
      number /= 10;
    }
  while (number > 0);
  g_string_append_len (out, at, digits + sizeof digits - at);
}

void
wse_dialect_append_original (GString  *out,
                             WseEvent *event)
{
  if (event->original_type == NULL || strcmp (event->original_type, event->event_type) == 0)
    return;
  wse_dialect_append_literal (out, ",\"original_event_type\":");
  wse_json_append_string (out, event->original_type, -1);
}

void
wse_dialect_append_latency (GString  *out,
                            WseEvent *event)
{
  if (event->latency < 0)
    return;
  wse_dialect_append_literal (out, ",\"latency_ms\":");
  wse_dialect_append_uint (out, event->latency);
}

/**
 * wse_dialect_from_name:
 * @name: a name, as in the query parameter `format`
 * @dialect: (out): return location for the dialect; not touched where there is none of that name
 *
 * Looks a dialect up by its name: `v2`, `feed`, `envelope`, `session` (PROTOCOL section 3).
 *
 * Returns: TRUE where there is one
 *
 * Since: 0.1
 */
gboolean
wse_dialect_from_name (const char *name,
                       WseDialect *dialect)
{
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (dialect != NULL, FALSE);

  for (guint i = 0; i < WSE_N_DIALECTS; i++)
    if (strcmp (names[i], name) == 0)
      {
        *dialect = i;
        return TRUE;
      }
  return FALSE;
}

/**
 * wse_dialect_get_name:
 * @dialect: a dialect
 *
 * Tells the name of a dialect, as in the query parameter `format`.
 *
 * Returns: a static name
 *
 * Since: 0.1
 */
const char *
wse_dialect_get_name (WseDialect dialect)
{
  g_return_val_if_fail (dialect < WSE_N_DIALECTS, NULL);

  return names[dialect];
}

/**
 * wse_dialect_write:
 * @dialect: a dialect
 * @event: an event
 * @channel: the channel in which it is told
 * @seq: its place in that channel; 0 where it is not kept
 * @out: where to append
 *
 * Appends @event as @dialect writes it: one object of compact JSON, its payload byte for byte as it is kept (PROTOCOL section 3).
 *
 * Since: 0.1
 */
void
wse_dialect_write (WseDialect  dialect,
                   WseEvent   *event,
                   const char *channel,
                   guint64     seq,
                   GString    *out)
{
  g_return_if_fail (event != NULL);
  g_return_if_fail (channel != NULL);
  g_return_if_fail (out != NULL);

  switch (dialect)
    {
    case WSE_DIALECT_V2:
      wse_dialect_v2_write (event, channel, seq, out);
      break;
    case WSE_DIALECT_FEED:
      wse_dialect_feed_write (event, out);
      break;
    case WSE_DIALECT_ENVELOPE:
      wse_dialect_envelope_write (event, channel, seq, out);
      break;
    case WSE_DIALECT_SESSION:
      wse_dialect_session_write (event, channel, out);
      break;
    default:
      g_return_if_reached ();
    }
}
