/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* NDJSON from a file descriptor to the server: cuts it into lines, gives every event an id, sends batches, and tells of each line
 * that was not taken. It holds one batch and one line, never a whole file, and keeps nothing back while no more is there to be
 * read. */

#include "wsectl-batch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "wse-error.h"
#include "wse-limits.h"
#include "wsectl-answer.h"
#include "wsectl-line.h"

#define BATCH_ITEMS 1000
#define BATCH_BYTES (1024 * 1024)
#define CHUNK (64 * 1024)

typedef struct
{
  WsectlSender *sender;
  const char *ids;
  guint64 line;                /* the number of the last one read, from 1 */
  GString *partial;            /* what was read of the next one */
  gboolean too_long;           /* that one is passed over */
  GString *body;
  GArray *lines;               /* (element-type guint64) the numbers of those in the body */
  guint64 accepted, duplicates, dropped, rejected;
} Batch;

static void
reject (Batch      *batch,
        guint64     line,
        const char *why)
{
  batch->rejected++;
  wsectl_line_note ("line %" G_GUINT64_FORMAT ": %s", line, why);
}

static void
reject_item (Batch              *batch,
             const WseJsonValue *item)
{
  guint64 index = wsectl_answer_number (item, "index", G_MAXUINT64);
  g_autofree char *code = NULL, *message = NULL;
  g_autoptr (GString) why = g_string_new (NULL);
  WseJsonValue said;

  if (wsectl_answer_member (item, "error", &said))
    {
      code = wsectl_answer_text (&said, "code");
      message = wsectl_answer_text (&said, "message");
    }
  wsectl_answer_append_safe (why, message != NULL ? message : "rejected", message != NULL ? strlen (message) : 8);
  if (code != NULL)
    {
      g_string_append (why, " (");
      wsectl_answer_append_safe (why, code, strlen (code));
      g_string_append_c (why, ')');
    }
  reject (batch, index < batch->lines->len ? g_array_index (batch->lines, guint64, index) : 0, why->str);
}

static void
take_answer (Batch       *batch,
             WsectlReply *reply)
{
  gsize length;
  const char *data = g_bytes_get_data (reply->body, &length);
  WseJsonValue answer = { data, length, WSE_JSON_OBJECT }, rejected, item;
  WseJson json;

  batch->accepted += wsectl_answer_number (&answer, "accepted", 0);
  batch->duplicates += wsectl_answer_number (&answer, "duplicates", 0);
  batch->dropped += wsectl_answer_number (&answer, "dropped", 0);
  if (!wsectl_answer_member (&answer, "rejected", &rejected))
    return;
  wse_json_init (&json, rejected.data, rejected.length);
  if (wse_json_enter_array (&json))
    while (wse_json_next_element (&json, &item))
      reject_item (batch, &item);
}

static gboolean
send_batch (Batch   *batch,
            GError **error)
{
  g_autoptr (GBytes) body = NULL;
  g_auto (WsectlReply) reply = { 0 };

  if (batch->lines->len == 0)
    return TRUE;
  body = g_bytes_new (batch->body->str, batch->body->len);
  if (!wsectl_sender_post (batch->sender, "application/x-ndjson", body, &reply, error))
    {
      g_prefix_error (error, "lines %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " and what follows were not published; "
                      "the same input with --id=%s doubles nothing: ", g_array_index (batch->lines, guint64, 0),
                      g_array_index (batch->lines, guint64, batch->lines->len - 1), batch->ids);
      return FALSE;
    }
  take_answer (batch, &reply);
  g_string_truncate (batch->body, 0);
  g_array_set_size (batch->lines, 0);
  return TRUE;
}

/* Writes the event of a line with an id in it; FALSE with an error where it is no JSON object. */
static gboolean
append_event (Batch       *batch,
              const char  *data,
              gsize        length,
              GString     *out,
              GError     **error)
{
  gboolean has_id = FALSE;
  WseJsonValue key, value;
  WseJson json;

  wse_json_init (&json, data, length);
  if (!wse_json_value (&json, &value) || !wse_json_end (&json))
    {
      wse_json_set_error (&json, error);
      return FALSE;
    }
  if (value.type != WSE_JSON_OBJECT)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "an event is a JSON object");
      return FALSE;
    }
  wse_json_init (&json, data, length);
  g_string_append_c (out, '{');
  wse_json_enter_object (&json);
  while (wse_json_next_member (&json, &key, &value))
    {
      gboolean is_id = wse_json_string_equal (&key, "event_id");

      /* A null counts as absent. */
      if (is_id && value.type == WSE_JSON_NULL)
        continue;
      has_id |= is_id;
      g_string_append_len (out, key.data, key.length);
      g_string_append_c (out, ':');
      g_string_append_len (out, value.data, value.length);
      g_string_append_c (out, ',');
    }
  if (has_id)
    g_string_truncate (out, out->len - 1);
  else
    g_string_append_printf (out, "\"event_id\":\"%s-%" G_GUINT64_FORMAT "\"", batch->ids, batch->line);
  g_string_append (out, "}\n");
  return TRUE;
}

static gboolean
is_blank (const char *data,
          gsize       length)
{
  return strspn (data, " \t\r") >= length;
}

/* Some editors begin a file with a byte order mark. */
static void
skip_mark (Batch *batch)
{
  if (batch->line == 0 && g_str_has_prefix (batch->partial->str, "\xef\xbb\xbf"))
    g_string_erase (batch->partial, 0, 3);
}

static gboolean
take_line (Batch   *batch,
           GError **error)
{
  g_autoptr (GString) event = g_string_new (NULL);
  g_autoptr (GError) problem = NULL;
  gboolean blank, taken;

  skip_mark (batch);
  blank = is_blank (batch->partial->str, batch->partial->len);
  batch->line++;
  if (batch->too_long)
    reject (batch, batch->line, "longer than 16 MiB");
  taken = !batch->too_long && !blank && append_event (batch, batch->partial->str, batch->partial->len, event, &problem);
  /* Within the line that is named already. */
  if (problem != NULL)
    reject (batch, batch->line, problem->message + (g_str_has_prefix (problem->message, "line 1, ") ? strlen ("line 1, ") : 0));
  g_string_truncate (batch->partial, 0);
  batch->too_long = FALSE;
  if (!taken)
    return TRUE;
  if (batch->body->len + event->len > BATCH_BYTES && !send_batch (batch, error))
    return FALSE;
  g_string_append_len (batch->body, event->str, event->len);
  g_array_append_val (batch->lines, batch->line);
  return batch->lines->len < BATCH_ITEMS || send_batch (batch, error);
}

static gboolean
take_chunk (Batch       *batch,
            const char  *data,
            gsize        length,
            GError     **error)
{
  while (length > 0)
    {
      const char *end = memchr (data, '\n', length);
      gsize part = end != NULL ? (gsize) (end - data) : length;

      if (batch->partial->len + part > WSE_DEFAULT_MAX_BODY)
        batch->too_long = TRUE;
      if (batch->too_long)
        g_string_truncate (batch->partial, 0);
      else
        g_string_append_len (batch->partial, data, part);
      if (end != NULL && !take_line (batch, error))
        return FALSE;
      part += end != NULL;
      data += part;
      length -= part;
    }
  return TRUE;
}

static gboolean
read_lines (Batch   *batch,
            int      fd,
            GError **error)
{
  g_autofree char *chunk = g_malloc (CHUNK);

  while (TRUE)
    {
      struct pollfd more = { .fd = fd, .events = POLLIN };
      gssize n = 0;

      /* Who waits for input has published what there was. */
      if (poll (&more, 1, 0) == 0 && !send_batch (batch, error))
        return FALSE;
      do
        n = read (fd, chunk, CHUNK);
      while (n < 0 && errno == EINTR);
      if (n < 0)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "reading line %" G_GUINT64_FORMAT ": %s", batch->line + 1,
                       g_strerror (errno));
          return FALSE;
        }
      if (n == 0)
        return (batch->partial->len == 0 && !batch->too_long) || take_line (batch, error);
      if (!take_chunk (batch, chunk, n, error))
        return FALSE;
    }
}

gboolean
wsectl_batch_publish (WsectlSender  *sender,
                      int            fd,
                      const char    *ids,
                      GError       **error)
{
  Batch batch = { .sender = sender, .ids = ids, .partial = g_string_new (NULL), .body = g_string_new (NULL),
                  .lines = g_array_new (FALSE, FALSE, sizeof (guint64)) };
  gboolean done = read_lines (&batch, fd, error) && send_batch (&batch, error);
  g_autoptr (GString) sum = g_string_new (NULL);

  g_string_printf (sum, "{\"accepted\":%" G_GUINT64_FORMAT ",\"duplicates\":%" G_GUINT64_FORMAT ",\"dropped\":%" G_GUINT64_FORMAT
                   ",\"rejected\":%" G_GUINT64_FORMAT "}", batch.accepted, batch.duplicates, batch.dropped, batch.rejected);
  done = wsectl_line_print (sum, done ? error : NULL) && done;
  if (done && batch.rejected > 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "%" G_GUINT64_FORMAT
                   " lines were not taken; correct those and send them again", batch.rejected);
      done = FALSE;
    }
  g_string_free (batch.partial, TRUE);
  g_string_free (batch.body, TRUE);
  g_array_unref (batch.lines);
  return done;
}
