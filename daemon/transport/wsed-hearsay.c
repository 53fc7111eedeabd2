/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What another daemon did that holds here, too: an erasure, a revocation; and what it asks of this one. It carries out, and answers
 * nobody but that daemon. */

#include "transport/wsed-hearsay.h"

#include <string.h>

#include "transport/wsed-roster.h"
#include "wse-channel.h"

/* "N HEAD CHANNEL" */
static void
take_erased (WsedApi    *api,
             const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, " ", 3);
  WsedErase erase = { .known = TRUE };

  if (g_strv_length (parts) < 3 || !g_ascii_string_to_unsigned (parts[0], 10, 0, G_MAXUINT64, &erase.n, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 0, G_MAXUINT64, &erase.head, NULL) || !wse_channel_is_valid (parts[2]))
    return;
  erase.channel = parts[2];
  wsed_sequence_erase (wsed_following_get_sequence (api->following), erase.n);
  wsed_hub_erase (api->hub, &erase);
}

static void
on_revoked (WsedRevocation *revocation,
            const GError   *error,
            gpointer        user_data)
{
  if (error != NULL)
    g_warning ("a revocation of another daemon: %s", error->message);
}

static void
take_revoked (WsedApi    *api,
              const char *text)
{
  const char *problem;
  WsedRevocation *revocation = api->authority != NULL ? wsed_revocation_new (text, strlen (text), g_get_real_time (), &problem) : NULL;

  if (revocation != NULL)
    wsed_authority_revoke (api->authority, revocation, on_revoked, NULL);
}

static void
on_told (const char *kind,
         const char *text,
         gboolean    own,
         gpointer    user_data)
{
  if (strcmp (kind, "erased") == 0)
    take_erased (user_data, text);
  else if (strcmp (kind, "revoked") == 0 && !own)
    take_revoked (user_data, text);
}

static void
on_asked (WsedQuestion *question,
          const char   *text,
          gpointer      user_data)
{
  WsedApi *api = user_data;

  if (!wsed_roster_answer (api->hub, question, text))
    wsed_question_answer (question, "");
}

void
wsed_hearsay_listen (WsedApi *api)
{
  if (api->fleet == NULL)
    return;
  wsed_fleet_set_told (api->fleet, on_told, api);
  wsed_fleet_set_asked (api->fleet, on_asked, api);
}

void
wsed_hearsay_tell_erased (WsedApi         *api,
                          const WsedErase *erase)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s", erase->n, erase->head, erase->channel);

  if (api->fleet != NULL)
    wsed_fleet_tell (api->fleet, "erased", text);
  else
    wsed_hub_erase (api->hub, erase);
}

void
wsed_hearsay_tell_revoked (WsedApi              *api,
                           const WsedRevocation *revocation,
                           WsedNoted             done,
                           gpointer              user_data)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (api->fleet == NULL)
    {
      done (NULL, user_data);
      return;
    }
  wsed_revocation_append (revocation, text);
  wsed_fleet_tell (api->fleet, "revoked", text->str);
  wsed_notices_add (wsed_following_get_notices (api->following), "revoked", text->str, revocation->expires, done, user_data);
}
