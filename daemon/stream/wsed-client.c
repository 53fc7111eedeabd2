/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedClient is who is connected, and how. It lies in what it is a part of, and owns what it points to. */

#include "stream/wsed-client.h"

#include <string.h>

void
wsed_client_clear (WsedClient *client)
{
  wsed_grant_unref (client->grant);
  g_free (client->user);
  g_free (client->place);
  g_free (client->remote);
  g_free (client->owner);
  g_free (client->consumer);
  g_clear_pointer (&client->acks, g_array_unref);
  memset (client, 0, sizeof *client);
}
