/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  WSED_COMMAND_ANSWERED,       /* the answer is in @out */
  WSED_COMMAND_TAKEN,          /* understood, nothing to answer */
  WSED_COMMAND_BAD,            /* not understood; the answer that says so is in @out */
} WsedCommandResult;

/* Answers one message of a client, which may be anything. */
WsedCommandResult wsed_command_answer (const char *message, gsize length, GString *out);

G_END_DECLS
