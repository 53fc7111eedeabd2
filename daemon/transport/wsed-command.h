/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-cursor.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* What a client can say (PROTOCOL section 3, commands). */
typedef enum
{
  WSED_SAID_NOTHING,           /* it cannot be understood */
  WSED_SAID_PING,              /* {"type":"ping"} */
  WSED_SAID_PONG,
  WSED_SAID_COMMAND,
} WsedSaid;

typedef enum
{
  WSED_METHOD_UNKNOWN,
  WSED_METHOD_SUBSCRIBE,
  WSED_METHOD_UNSUBSCRIBE,
  WSED_METHOD_ACK,
  WSED_METHOD_HISTORY,
  WSED_METHOD_SNAPSHOT,
  WSED_METHOD_REFRESH,
  WSED_METHOD_PING,
} WsedMethod;

typedef struct
{
  char *id;                    /* a JSON string, quotes included */
  WsedMethod method;
  char *channel;               /* also where it was given as session_id */
  char *session_id;            /* NULL: channel was given */
  WseFilter *filter;           /* NULL: all */
  WseCursor *after;            /* NULL: not given */
  WseCursor *cursor;
  gboolean bad_cursor;         /* it is `cursor` that is wrong of its parameters */
  gboolean has_history;
  guint history;
  guint limit;
  char *token;                 /* of refresh; never to be repeated */
} WsedCommand;

/* Reads one message. For WSED_SAID_COMMAND *@command is made; *@error is set where its parameters are wrong: then only its id and method
 * mean something. */
WsedSaid wsed_command_read (const char *message, gsize length, WsedCommand **command, GError **error);
void     wsed_command_free (WsedCommand *command);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedCommand, wsed_command_free)

G_END_DECLS
