/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedResp reads replies of Redis with hiredis' reader and puts the bounds around it that it lacks: of a reply's bytes, and of a list's
 * length, for which hiredis takes memory as soon as it is announced, and of how deep lists lie in each other (hiredis 1.0 has none). */

#include "redis/wsed-resp.h"

#include <string.h>

#include "wse-error.h"

/* Elements of one list: a message has three, and nothing else that is asked for has more. */
#define MAX_ELEMENTS 64
/* Lists in lists: nothing that is asked for has any. */
#define MAX_DEPTH 4

/* The type of an array's length has changed. */
#if HIREDIS_MAJOR >= 1
typedef size_t Elements;
#else
typedef int Elements;
#endif

struct _WsedResp
{
  redisReader *reader;
  redisReplyObjectFunctions functions;
  void *(*create_array) (const redisReadTask *, Elements);
  gsize max_bytes;
  gsize bytes;                 /* fed since the last reply was whole */
};

static void *
create_array (const redisReadTask *task, Elements elements)
{
  WsedResp *self = task->privdata;
  guint depth = 1;

  for (const redisReadTask *outer = task->parent; outer != NULL && depth <= MAX_DEPTH; outer = outer->parent)
    depth++;
  /* As where memory has run out: the reader ends with an error. */
  if ((gint64) elements < 0 || (gint64) elements > MAX_ELEMENTS || depth > MAX_DEPTH)
    return NULL;
  return self->create_array (task, elements);
}

WsedResp *
wsed_resp_new (gsize max_bytes)
{
  WsedResp *self = g_new0 (WsedResp, 1);

  self->reader = redisReaderCreate ();
  g_assert (self->reader != NULL);
  self->functions = *self->reader->fn;
  self->create_array = self->functions.createArray;
  self->functions.createArray = create_array;
  self->reader->fn = &self->functions;
  self->reader->privdata = self;
  self->max_bytes = max_bytes;
  return self;
}

void
wsed_resp_free (WsedResp *self)
{
  if (self == NULL)
    return;
  redisReaderFree (self->reader);
  g_free (self);
}

void
wsed_resp_feed (WsedResp *self, const char *data, gsize length)
{
  redisReaderFeed (self->reader, data, length);
  self->bytes += length;
}

gboolean
wsed_resp_next (WsedResp *self, redisReply **reply, GError **error)
{
  void *read = NULL;

  *reply = NULL;
  if (redisReaderGetReply (self->reader, &read) != REDIS_OK)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_SYNTAX, "what came is not what Redis says: %s", self->reader->errstr);
      return FALSE;
    }
  if (read != NULL)
    self->bytes = self->reader->len - self->reader->pos;
  else if (self->bytes > self->max_bytes)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "a reply has more than %" G_GSIZE_FORMAT " bytes", self->max_bytes);
      return FALSE;
    }
  *reply = read;
  return TRUE;
}

gboolean
wsed_resp_is (const redisReply *reply, const char *text)
{
  return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && (gsize) reply->len == strlen (text)
         && memcmp (reply->str, text, reply->len) == 0;
}
