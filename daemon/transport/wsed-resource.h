/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/wsed-api.h"
#include "transport/wsed-credential.h"

G_BEGIN_DECLS

/* What there is at the paths (PROTOCOL sections 3 and 5): who answers which method, and what it asks for. */
typedef struct
{
  const char *path;
  void (*get) (WsedApi *api, SoupServerMessage *message);
  void (*post) (WsedApi *api, SoupServerMessage *message);
  const WsedEndpoint *endpoint;
  void (*delete) (WsedApi *api, SoupServerMessage *message);
  gboolean under;              /* path ends in "/": what is under it, a name to be read by the handler */
  WsedPermission read, write;  /* what GET and HEAD ask for, and what any other method does */
} WsedResource;

/* @echo: the one for tests is there, too. NULL: there is nothing. */
const WsedResource *wsed_resource_find           (const char *path, gboolean echo);
guint               wsed_resource_count          (void);
/* As `Allow` names them. */
const char         *wsed_resource_get_methods    (const WsedResource *self);
gboolean            wsed_resource_takes          (const WsedResource *self, const char *method);
WsedPermission      wsed_resource_get_permission (const WsedResource *self, const char *method);

G_END_DECLS
