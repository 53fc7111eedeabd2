/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedAdmission carries what a handshake found out from the transport to the worker that will own the connection. */

#include <unistd.h>

#include "stream/wsed-admission.h"

WsedAdmission *
wsed_admission_new (void)
{
  WsedAdmission *admission = g_new0 (WsedAdmission, 1);

  admission->fd = -1;
  return admission;
}

void
wsed_admission_free (WsedAdmission *admission)
{
  wsed_tls_session_free (admission->tls);
  if (admission->fd >= 0)
    close (admission->fd);
  wsed_client_clear (&admission->client);
  g_free (admission->early);
  g_free (admission->head);
  g_strfreev (admission->channels);
  g_clear_pointer (&admission->filter, wse_filter_unref);
  g_clear_pointer (&admission->after, wse_cursor_unref);
  g_free (admission);
}
