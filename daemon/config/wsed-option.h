/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  WSED_OPTION_TEXT,
  WSED_OPTION_PATH,
  WSED_OPTION_LIST,            /* separated by commas; may not be empty */
  WSED_OPTION_NUMBER,
  WSED_OPTION_BYTES,           /* with KiB, MiB, GiB or TiB */
  WSED_OPTION_FLAG,
  WSED_OPTION_CHOICE,          /* one of choices */
  WSED_OPTION_CHOICES,         /* a list of them */
  WSED_OPTION_RETENTION,       /* EVENTS,AGE */
} WsedOptionKind;

/* One setting: what the parser, --help, docs/configuration.md and data/wsed.conf are all made or checked from. */
typedef struct
{
  const char *name;            /* lower case with hyphens: the key in the file; --NAME; WSE_NAME */
  WsedOptionKind kind;
  guint64 min, max;            /* NUMBER, BYTES */
  gboolean unbounded;          /* BYTES: `-` is taken for 0, without a bound */
  const char * const *choices; /* CHOICE, CHOICES */
  const char *form;            /* what a value looks like; NULL: the kind says it */
  gboolean (*check) (const char *item, GError **error);    /* TEXT: the value, LIST: each item; NULL: anything */
  const char *preset;          /* the default as text; NULL: none, or found out at the start */
  const char *help;            /* with the unit */
  gssize offset;               /* into WsedConfig; -1: known, but not in this version: only the preset may be set */
  gboolean secret;             /* never repeated in a message */
} WsedOption;

/* A value as its kind reads it. */
typedef struct
{
  char *text;                  /* TEXT, PATH */
  GStrv list;                  /* LIST, CHOICES */
  guint64 number;              /* NUMBER, BYTES, FLAG, CHOICE (its place), RETENTION (events) */
  gint64 age;                  /* RETENTION: microseconds; 0: unbounded */
} WsedValue;

/* @who: how the value was set ("WSE_LISTEN", "--listen"), for the message. @value is to be cleared, also after an error. */
gboolean wsed_option_parse    (const WsedOption *option, const char *who, const char *text, WsedValue *value, GError **error);
/* "a whole number from 1 to 3600", "on or off", … */
char    *wsed_option_allowed  (const WsedOption *option);
char    *wsed_option_variable (const WsedOption *option);                        /* WSE_HEARTBEAT_INTERVAL */
void     wsed_value_clear     (WsedValue *value);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsedValue, wsed_value_clear)

/* The tables. */
const WsedOption *wsed_options (guint *n_options);                               /* group [wsed] */
const WsedOption *wsed_options_snapshot (guint *n_options);                      /* groups [snapshot NAME] */
const WsedOption *wsed_options_route (guint *n_options);                         /* groups [route NAME] */
const WsedOption *wsed_option_find (const WsedOption *options, guint n_options, const char *name, gsize length);
const WsedOption *wsed_option_find_variable (const char *variable);

G_END_DECLS
