/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The two directions of permessage-deflate (RFC 7692) without context takeover: each message stands by itself. */

/* A message of fewer bytes is sent as it is: what deflate could take off would not be worth the time. */
#define WSE_DEFLATE_MIN 256
/* The window that is compressed with, as a power of two: what is sent can be read with this one and any larger one. */
#define WSE_DEFLATE_WINDOW_BITS 12

/* @data as a message's payload with RSV1 set; NULL where it is better sent as it is, short or not compressible. Valid until the thread's
 * next call. */
const char  *wse_deflate (const char *data, gsize length, gsize *compressed);

/* A message being inflated; some 40 KB, so one exists while a message is under way and no longer. */
typedef struct _WseInflater WseInflater;

WseInflater *wse_inflater_new      (void);
void         wse_inflater_free     (WseInflater *inflater);
/* Inflates from *@data / *@length, moving them forward, at most @room bytes to @out. Returns how many; 0 once the input
 * is used up and nothing more comes of it. -1: this is not deflate data. */
gssize       wse_inflater_read     (WseInflater *inflater, const char **data, gsize *length, char *out, gsize room);
/* The message's payload was all read. Ends it as RFC 7692 7.2.2 says; FALSE where it breaks off within a block. */
gboolean     wse_inflater_finish   (WseInflater *inflater);
/* Bytes of payload that went in. */
guint64      wse_inflater_get_used (const WseInflater *inflater);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseInflater, wse_inflater_free)

G_END_DECLS
