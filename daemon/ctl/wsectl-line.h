/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "wse-json-private.h"

G_BEGIN_DECLS

typedef enum
{
  WSECTL_FORMAT_TEXT,
  WSECTL_FORMAT_JSON,
} WsectlFormat;

/* An event's members within its JSON, in whichever dialect; the data of one that is absent is NULL. */
typedef struct
{
  const char *data;
  gsize length;
  WseJsonValue channel, seq, time, severity, type, message, payload;
} WsectlEvent;

/* NULL is text. */
gboolean wsectl_format_parse (const char *name, WsectlFormat *format, GError **error);
/* FALSE: this is no event of dialect v2, nor what history gives. Borrows @data. */
gboolean wsectl_event_read (WsectlEvent *event, const char *data, gsize length);
/* Writes a line to standard output at once. G_IO_ERROR_BROKEN_PIPE: nobody reads it any more. */
gboolean wsectl_event_print (const WsectlEvent *event, WsectlFormat format, GError **error);
gboolean wsectl_line_print (GString *line, GError **error);
/* A line on standard error. */
void     wsectl_line_note (const char *format, ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
