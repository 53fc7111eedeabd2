/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How wsed writes its own messages (GLib's structured log) to standard error. */
typedef enum
{
  WSED_JOURNAL_TEXT,           /* time, level, message */
  WSED_JOURNAL_PREFIXED,       /* "<6>message": the journal takes the level from it and has its own clock */
  WSED_JOURNAL_JSON,           /* one object a line: time, level, domain, message, and the fields given */
} WsedJournalForm;

/* TEXT, or PREFIXED where @environment says that standard error goes to the journal. */
WsedJournalForm wsed_journal_find_form (GStrv environment);
/* One line, with its end. @fields as a GLogWriterFunc gets them; @time in µs since 1970, UTC. */
char           *wsed_journal_format    (WsedJournalForm form, GLogLevelFlags level, const GLogField *fields, gsize n_fields, gint64 time);
/* Takes the log over for the life of the process, for any thread. What is less important than @least, a single level, is not written. */
void            wsed_journal_install   (WsedJournalForm form, GLogLevelFlags least);

G_END_DECLS
