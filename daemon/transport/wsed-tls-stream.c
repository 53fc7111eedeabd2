/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTlsStream is a TLS session in the shape that libsoup reads and writes. Its two halves share a channel, because libsoup may hold one
 * of them longer than the whole. It never blocks: what would is answered so also where blocking was asked for. A write that would block is
 * repeated by libsoup with the same bytes, as the session wants it. */

#include "transport/wsed-tls-stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>

typedef struct
{
  WsedTlsSession *session;     /* NULL: stolen, or closed */
  int fd;
  WsedTlsEnded ended;
  gpointer user_data;
  guint telling;               /* idle source; 0: nothing to tell */
} Channel;

struct _WsedTlsStream
{
  GIOStream parent_instance;
  GIOStream *below;
  Channel *channel;
  GInputStream *input;
  GOutputStream *output;
};

G_DEFINE_FINAL_TYPE (WsedTlsStream, wsed_tls_stream, G_TYPE_IO_STREAM)

static void
channel_clear (gpointer channel)
{
  Channel *self = channel;

  g_clear_handle_id (&self->telling, g_source_remove);
  g_clear_pointer (&self->session, wsed_tls_session_free);
}

static void
channel_unref (Channel *self)
{
  g_rc_box_release_full (self, channel_clear);
}

/* *@condition: what a stream of one direction waits for; a session may have to write before it reads on, and the reverse. */
static GSource *
channel_make_source (Channel      *self,
                     GObject      *stream,
                     GIOCondition  condition,
                     GCancellable *cancellable)
{
  g_autoptr (GSource) below = NULL;

  /* While an end is being told, nobody need look again. */
  if (self->telling != 0)
    below = g_timeout_source_new (1000);
  else if (self->session == NULL || (condition == G_IO_IN && wsed_tls_session_get_ready (self->session) > 0))
    below = g_timeout_source_new (0);
  else
    {
      if (wsed_tls_session_is_crossed (self->session))
        condition = G_IO_IN | G_IO_OUT;
      below = g_unix_fd_source_new (self->fd, condition);
    }
  return g_pollable_source_new_full (stream, below, cancellable);
}

static gboolean
channel_is_ready (Channel      *self,
                  GIOCondition  condition)
{
  struct pollfd poll_fd = { self->fd, (short) condition, 0 };

  if (self->session == NULL || (condition == G_IO_IN && wsed_tls_session_get_ready (self->session) > 0))
    return TRUE;
  return poll (&poll_fd, 1, 0) > 0;
}

static gssize
would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, g_strerror (EAGAIN));
  return -1;
}

static gboolean
on_tell (gpointer user_data)
{
  Channel *self = g_rc_box_acquire (user_data);

  self->telling = 0;
  if (self->ended != NULL)
    self->ended (self->user_data);
  channel_unref (self);
  return G_SOURCE_REMOVE;
}

static gssize
channel_read (Channel  *self,
              void     *buffer,
              gsize     size,
              GError  **error)
{
  gssize n = self->session != NULL ? wsed_tls_session_read (self->session, buffer, size) : 0;

  if (n > 0)
    return n;
  if (n < 0 && errno == EAGAIN)
    return would_block (error);
  if (self->session != NULL && self->ended != NULL)
    {
      /* Not from here: libsoup is reading. */
      if (self->telling == 0)
        self->telling = g_idle_add_full (G_PRIORITY_HIGH, on_tell, self, NULL);
      return would_block (error);
    }
  if (n == 0)
    return 0;
  /* Somebody may have cut it off: not an end that a request could have. */
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "the TLS connection is broken");
  return -1;
}

static gssize
channel_write (Channel     *self,
               const void  *data,
               gsize        length,
               GError     **error)
{
  gssize n;

  if (self->session == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the TLS stream is closed");
      return -1;
    }
  n = wsed_tls_session_write (self->session, data, length);
  if (n >= 0)
    return n;
  if (errno == EAGAIN)
    return would_block (error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "the TLS connection is broken");
  return -1;
}

/* The half that reads */

G_DECLARE_FINAL_TYPE (WsedTlsInput, wsed_tls_input, WSED, TLS_INPUT, GInputStream)

struct _WsedTlsInput
{
  GInputStream parent_instance;
  Channel *channel;
};

static void wsed_tls_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedTlsInput, wsed_tls_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, wsed_tls_input_pollable_init))

static gssize
input_read (GInputStream  *stream,
            void          *buffer,
            gsize          size,
            GCancellable  *cancellable,
            GError       **error)
{
  return channel_read (WSED_TLS_INPUT (stream)->channel, buffer, size, error);
}

static gssize
input_read_nonblocking (GPollableInputStream  *stream,
                        void                  *buffer,
                        gsize                  size,
                        GError               **error)
{
  return channel_read (WSED_TLS_INPUT (stream)->channel, buffer, size, error);
}

static gboolean
input_is_readable (GPollableInputStream *stream)
{
  return channel_is_ready (WSED_TLS_INPUT (stream)->channel, G_IO_IN);
}

static GSource *
input_create_source (GPollableInputStream *stream,
                     GCancellable         *cancellable)
{
  return channel_make_source (WSED_TLS_INPUT (stream)->channel, G_OBJECT (stream), G_IO_IN, cancellable);
}

static void
wsed_tls_input_finalize (GObject *object)
{
  channel_unref (WSED_TLS_INPUT (object)->channel);
  G_OBJECT_CLASS (wsed_tls_input_parent_class)->finalize (object);
}

static void
wsed_tls_input_class_init (WsedTlsInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_tls_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = input_read;
}

static void
wsed_tls_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read_nonblocking;
}

static void
wsed_tls_input_init (WsedTlsInput *self)
{
}

/* The half that writes */

G_DECLARE_FINAL_TYPE (WsedTlsOutput, wsed_tls_output, WSED, TLS_OUTPUT, GOutputStream)

struct _WsedTlsOutput
{
  GOutputStream parent_instance;
  Channel *channel;
};

static void wsed_tls_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedTlsOutput, wsed_tls_output, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, wsed_tls_output_pollable_init))

static gssize
output_write (GOutputStream  *stream,
              const void     *data,
              gsize           length,
              GCancellable   *cancellable,
              GError        **error)
{
  return channel_write (WSED_TLS_OUTPUT (stream)->channel, data, length, error);
}

static gssize
output_write_nonblocking (GPollableOutputStream  *stream,
                          const void             *data,
                          gsize                   length,
                          GError                **error)
{
  return channel_write (WSED_TLS_OUTPUT (stream)->channel, data, length, error);
}

static gboolean
output_is_writable (GPollableOutputStream *stream)
{
  return channel_is_ready (WSED_TLS_OUTPUT (stream)->channel, G_IO_OUT);
}

static GSource *
output_create_source (GPollableOutputStream *stream,
                      GCancellable          *cancellable)
{
  return channel_make_source (WSED_TLS_OUTPUT (stream)->channel, G_OBJECT (stream), G_IO_OUT, cancellable);
}

static void
wsed_tls_output_finalize (GObject *object)
{
  channel_unref (WSED_TLS_OUTPUT (object)->channel);
  G_OBJECT_CLASS (wsed_tls_output_parent_class)->finalize (object);
}

static void
wsed_tls_output_class_init (WsedTlsOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_tls_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = output_write;
}

static void
wsed_tls_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write_nonblocking;
}

static void
wsed_tls_output_init (WsedTlsOutput *self)
{
}

/* The whole */

static GInputStream *
get_input (GIOStream *stream)
{
  return WSED_TLS_STREAM (stream)->input;
}

static GOutputStream *
get_output (GIOStream *stream)
{
  return WSED_TLS_STREAM (stream)->output;
}

static gboolean
close_all (GIOStream     *stream,
           GCancellable  *cancellable,
           GError       **error)
{
  WsedTlsStream *self = WSED_TLS_STREAM (stream);

  if (self->channel->session != NULL)
    wsed_tls_session_finish (self->channel->session);
  channel_clear (self->channel);
  return g_io_stream_close (self->below, NULL, error);
}

static void
wsed_tls_stream_finalize (GObject *object)
{
  WsedTlsStream *self = WSED_TLS_STREAM (object);

  g_object_unref (self->input);
  g_object_unref (self->output);
  g_object_unref (self->below);
  channel_unref (self->channel);
  G_OBJECT_CLASS (wsed_tls_stream_parent_class)->finalize (object);
}

static void
wsed_tls_stream_class_init (WsedTlsStreamClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = wsed_tls_stream_finalize;
  stream_class->get_input_stream = get_input;
  stream_class->get_output_stream = get_output;
  stream_class->close_fn = close_all;
}

static void
wsed_tls_stream_init (WsedTlsStream *self)
{
}

WsedTlsStream *
wsed_tls_stream_new (GSocketConnection *below,
                     WsedTlsSession    *session)
{
  WsedTlsStream *self = g_object_new (WSED_TYPE_TLS_STREAM, NULL);
  WsedTlsInput *input = g_object_new (wsed_tls_input_get_type (), NULL);
  WsedTlsOutput *output = g_object_new (wsed_tls_output_get_type (), NULL);

  self->below = g_object_ref (G_IO_STREAM (below));
  self->channel = g_rc_box_new0 (Channel);
  self->channel->session = session;
  self->channel->fd = g_socket_get_fd (g_socket_connection_get_socket (below));
  input->channel = g_rc_box_acquire (self->channel);
  output->channel = g_rc_box_acquire (self->channel);
  self->input = G_INPUT_STREAM (input);
  self->output = G_OUTPUT_STREAM (output);
  return self;
}

void
wsed_tls_stream_on_end (WsedTlsStream *self,
                        WsedTlsEnded   ended,
                        gpointer       user_data)
{
  self->channel->ended = ended;
  self->channel->user_data = user_data;
}

gssize
wsed_tls_stream_send (WsedTlsStream *self,
                      const void    *data,
                      gsize          length)
{
  /* What was begun cannot be gone on with here. */
  if (self->channel->session == NULL || wsed_tls_session_is_writing (self->channel->session))
    {
      errno = EAGAIN;
      return -1;
    }
  return wsed_tls_session_write (self->channel->session, data, length);
}

void
wsed_tls_stream_finish (WsedTlsStream *self)
{
  if (self->channel->session != NULL)
    wsed_tls_session_finish (self->channel->session);
}

WsedTlsSession *
wsed_tls_stream_steal (WsedTlsStream *self)
{
  return g_steal_pointer (&self->channel->session);
}
