/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the control messages: what a wse.v2 client is told about its stream. */

#include "stream/wsed-control.h"

#include "wse-json-private.h"

static void
begin (GString    *out,
       const char *type)
{
  g_string_append_printf (out, "{\"v\":2,\"t\":\"%s\",\"p\":{", type);
}

static void
member (GString    *out,
        const char *name,
        const char *value)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append_printf (out, "\"%s\":", name);
  wse_json_append_string (out, value, -1);
}

static void
number (GString    *out,
        const char *name,
        guint64     value)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append_printf (out, "\"%s\":%" G_GUINT64_FORMAT, name, value);
}

static void
end (GString *out)
{
  g_string_append (out, "}}");
}

void
wsed_control_write_hello (GString    *out,
                          const char *connection_id,
                          guint       heartbeat,
                          gsize       max_message,
                          const char *cursor)
{
  begin (out, "hello");
  member (out, "connection_id", connection_id);
  number (out, "heartbeat_s", heartbeat);
  number (out, "max_message_bytes", max_message);
  member (out, "cursor", cursor);
  end (out);
}

void
wsed_control_write_gap (GString    *out,
                        const char *channel,
                        const char *epoch,
                        guint64     from,
                        guint64     to,
                        const char *reason)
{
  begin (out, "gap");
  member (out, "channel", channel);
  member (out, "epoch", epoch);
  number (out, "from", from);
  number (out, "to", to);
  member (out, "reason", reason);
  end (out);
}

void
wsed_control_write_caught_up (GString    *out,
                              const char *channel,
                              const char *cursor)
{
  begin (out, "caught_up");
  if (channel != NULL)
    member (out, "channel", channel);
  member (out, "cursor", cursor);
  end (out);
}

void
wsed_control_write_mark (GString    *out,
                         const char *cursor)
{
  begin (out, "mark");
  member (out, "cursor", cursor);
  end (out);
}

void
wsed_control_write_bye (GString    *out,
                        const char *reason,
                        guint       retry_after_ms)
{
  begin (out, "bye");
  member (out, "reason", reason);
  if (retry_after_ms > 0)
    number (out, "retry_after_ms", retry_after_ms);
  end (out);
}
