/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What PROTOCOL section 3 promises a reader, said as plainly as it can be, to compare the stream with. */

#define MODEL_CHANNELS 3       /* in the order of an event's targets */
#define MODEL_WHOLE 3          /* "*": its places are n */
#define MODEL_STREAMS 4

typedef struct
{
  guint number;                /* its id */
  guint channels;              /* a bit for each */
  guint type;
  gsize size;                  /* of its payload */
  guint64 places[MODEL_STREAMS]; /* its seq in each of its channels, and n: 0 until it is known */
} ModelEvent;

typedef struct
{
  GPtrArray *streams[MODEL_STREAMS]; /* (element-type ModelEvent) in their order; the whole log's owns them */
  guint64 keep;                /* events of a channel; 0: all */
  guint64 erased[MODEL_CHANNELS]; /* up to there */
  gboolean drops;              /* a policy takes events from who is slow */
  gboolean conflates;          /* of two of one type and size the slow may get the newer alone */
} Model;

/* A subscription: it began behind `start`, and up to `at` everything came, or was told to be lost. */
typedef struct
{
  gboolean on;
  guint types;                 /* a bit for each that its filter takes */
  gboolean from_cursor;
  gboolean epoch_lost;         /* its cursor was another log's: that has to be told first */
  guint64 start, at;
} ModelPosition;

typedef struct
{
  ModelPosition positions[MODEL_STREAMS];
  GHashTable *had;             /* (element-type ModelEvent) on this connection */
} ModelReader;

void        model_init    (Model *model, guint64 keep);
/* What a channel has now is gone. */
void        model_erase   (Model *model, guint channel);
void        model_clear   (Model *model);
ModelEvent *model_append  (Model *model, guint number, guint channels, guint type, gsize size);
guint64     model_get_head (const Model *model, guint stream);
guint64     model_get_low (const Model *model, guint channel);
/* The place in a stream up to which all have n up to @n. */
guint64     model_locate  (const Model *model, guint stream, guint64 n);
/* So many that the filter takes are kept behind @place. */
guint       model_count   (const Model *model, guint stream, guint types, guint64 place);

/* Each tells a problem, or NULL. */
char       *model_event   (const Model *model, ModelReader *reader, guint stream, guint64 place, guint number, gsize size);
char       *model_gap     (const Model *model, ModelReader *reader, guint stream, guint64 from, guint64 to, const char *reason);
/* Everything up to @place is said to be done with. */
char       *model_done    (const Model *model, ModelReader *reader, guint stream, guint64 place);

G_END_DECLS
