/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "thread/wsed-inbox.h"

G_BEGIN_DECLS

/* Something that may block for as long as it likes, and so is done in a thread of its own, once or over and over: reading a file that may
 * lie on a disk that hangs. Main thread, but for run. */
typedef struct _WsedErrand WsedErrand;

typedef struct
{
  /* In its thread, never two at a time: nobody else may touch what @what says meanwhile. NULL with or without @error. */
  gpointer (*run) (gpointer what, GError **error);
  /* On the main thread. Takes @result. */
  void (*done) (gpointer result, const GError *error, gpointer user_data);
  GDestroyNotify free_result;
  GDestroyNotify free_what;
  const char *what_for;        /* told in the log where it takes long: "reading the keys" */
} WsedErrandClass;

/* @main: the inbox that the main loop runs. Takes @what. */
WsedErrand *wsed_errand_new       (WsedInbox *main, const WsedErrandClass *klass, gpointer what, gpointer user_data);
/* Begins. Where it is under way already it is done once more behind that: what is there now is seen for certain. */
void        wsed_errand_start     (WsedErrand *self);
/* For how long it has been under way (µs); -1: it is not. */
gint64      wsed_errand_get_age   (WsedErrand *self);
/* Waits for nothing; done is called no more. What was pushed before is still in the inbox, which has to be run before it is freed. */
void        wsed_errand_free      (WsedErrand *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedErrand, wsed_errand_free)

G_END_DECLS
