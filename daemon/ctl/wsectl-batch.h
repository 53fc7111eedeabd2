/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "wsectl-sender.h"

G_BEGIN_DECLS

/* Publishes the lines that come from @fd until its end. An event without an id gets @ids-LINE. FALSE with an error where it was
 * not all taken; what was rejected by itself has been told by then, and the rest was published. */
gboolean wsectl_batch_publish (WsectlSender *sender, int fd, const char *ids, GError **error);

G_END_DECLS
