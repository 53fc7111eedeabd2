/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <wse.h>

#include "wsed-pipeline.h"

/* A log that numbers events across all channels, knows ids for ever, and answers when it is let. */
#define TEST_TYPE_LOG (test_log_get_type ())
G_DECLARE_FINAL_TYPE (TestLog, test_log, TEST, LOG, GObject)

struct _TestLog
{
  GObject parent_instance;

  GHashTable *ids;             /* (element-type utf8 WsedEntry) */
  guint64 n;
  guint fail_at;               /* the append that would be this event's fails; 0: none */
  gboolean held;               /* answers wait for release */
  GPtrArray *waiting;          /* (element-type WsedAppend) */
  guint n_appends;
};

/* Lets the answers go that were held. */
void test_log_release (TestLog *self);

/* A pipeline with a log, the default transformers and a step that drops what is of the type `unwanted`, and the last answer. */
typedef struct
{
  WsedInbox *inbox;
  WsedLog *log;
  TestLog *test_log;           /* the same, where it is one */
  WsedSequence *sequence;
  WsedPipeline *pipeline;
  GString *published;          /* the ids, each with a comma behind it */
  gsize backlog;

  GString *answer;             /* a letter for each item, or the error's code */
  GString *details;            /* id@seq, id or code of each item, each with a comma behind it */
  gboolean single;
  guint n_answers;
} PipelineFixture;

/* @data: "memory" for the log in memory, else a TestLog. */
void pipeline_fixture_set_up    (PipelineFixture *fixture, gconstpointer data);
void pipeline_fixture_tear_down (PipelineFixture *fixture, gconstpointer data);

/* @length -1: up to a NUL. */
void pipeline_submit (PipelineFixture *fixture, WsedForm form, const char *body, gssize length);
/* Submits and waits for the answer, which must be @answer. */
void pipeline_ask    (PipelineFixture *fixture, WsedForm form, const char *body, const char *answer);
