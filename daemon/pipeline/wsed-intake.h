/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* The bytes of one item within a body that somebody else owns. */
typedef struct
{
  const char *data;
  gsize length;
} WsedSlice;

/* Appends the items of @body to @slices (element-type WsedSlice), without the white space around them. *@single: the body is one value,
 * not a list. FALSE with WSE_ERROR_SYNTAX where the body is empty, or an array that is not JSON as a whole; with WSE_ERROR_TOO_LARGE
 * where there are more than WSE_MAX_ITEMS; with WSE_ERROR_INVALID where a batch is none. A single value and the lines of NDJSON are
 * not looked into. */
gboolean wsed_intake_split (WsedForm form, const char *body, gsize length, GArray *slices, gboolean *single, GError **error);

G_END_DECLS
