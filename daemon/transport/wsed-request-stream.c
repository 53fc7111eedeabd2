/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRequestStream is one request in the shape that libsoup reads and answers. Its two halves share a channel, because libsoup may hold one
 * of them longer than the whole. It never blocks: what would is answered so also where blocking was asked for. A write that would block is
 * repeated by libsoup with the same bytes, as the inlet wants it. */

#include "transport/wsed-request-stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>

typedef struct
{
  WsedInlet *inlet;            /* borrowed; NULL: cut */
  gboolean begun;              /* the head of the answer has gone, or a part of it */
} Channel;

struct _WsedRequestStream
{
  GIOStream parent_instance;
  Channel *channel;
  GInputStream *input;
  GOutputStream *output;
  WsedRequestClosed closed;
  gpointer user_data;
};

G_DEFINE_FINAL_TYPE (WsedRequestStream, wsed_request_stream, G_TYPE_IO_STREAM)

static GSource *
channel_make_source (Channel      *self,
                     GObject      *stream,
                     GIOCondition  condition,
                     GCancellable *cancellable)
{
  GIOCondition needed = self->inlet != NULL ? wsed_inlet_wait_for (self->inlet, condition) : 0;
  g_autoptr (GSource) below = NULL;

  below = needed != 0 ? g_unix_fd_source_new (wsed_inlet_get_fd (self->inlet), needed) : g_timeout_source_new (0);
  return g_pollable_source_new_full (stream, below, cancellable);
}

static gboolean
channel_is_ready (Channel      *self,
                  GIOCondition  condition)
{
  struct pollfd poll_fd = { -1, (short) condition, 0 };

  if (self->inlet == NULL || wsed_inlet_wait_for (self->inlet, condition) == 0)
    return TRUE;
  poll_fd.fd = wsed_inlet_get_fd (self->inlet);
  return poll (&poll_fd, 1, 0) > 0;
}

/* -1 with @error, from errno. */
static gssize
fail (GError **error)
{
  int code = errno;

  if (code == EAGAIN || code == EINTR)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "the connection would block");
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "the connection is broken");
  return -1;
}

static gssize
channel_read (Channel  *self,
              void     *buffer,
              gsize     size,
              GError  **error)
{
  gssize n = self->inlet != NULL ? wsed_inlet_read (self->inlet, buffer, size) : 0;

  return n >= 0 ? n : fail (error);
}

static gssize
channel_write (Channel     *self,
               const void  *data,
               gsize        length,
               GError     **error)
{
  gssize n = -1;

  errno = EPIPE;
  if (self->inlet != NULL)
    n = wsed_inlet_write (self->inlet, data, length, !self->begun);
  self->begun |= n > 0;
  return n >= 0 ? n : fail (error);
}

/* The half that reads */

G_DECLARE_FINAL_TYPE (WsedRequestInput, wsed_request_input, WSED, REQUEST_INPUT, GInputStream)

struct _WsedRequestInput
{
  GInputStream parent_instance;
  Channel *channel;
};

static void wsed_request_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedRequestInput, wsed_request_input, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, wsed_request_input_pollable_init))

static gssize
input_read (GInputStream  *stream,
            void          *buffer,
            gsize          size,
            GCancellable  *cancellable,
            GError       **error)
{
  return channel_read (WSED_REQUEST_INPUT (stream)->channel, buffer, size, error);
}

static gssize
input_read_nonblocking (GPollableInputStream  *stream,
                        void                  *buffer,
                        gsize                  size,
                        GError               **error)
{
  return channel_read (WSED_REQUEST_INPUT (stream)->channel, buffer, size, error);
}

static gboolean
input_is_readable (GPollableInputStream *stream)
{
  return channel_is_ready (WSED_REQUEST_INPUT (stream)->channel, G_IO_IN);
}

static GSource *
input_create_source (GPollableInputStream *stream,
                     GCancellable         *cancellable)
{
  return channel_make_source (WSED_REQUEST_INPUT (stream)->channel, G_OBJECT (stream), G_IO_IN, cancellable);
}

static void
wsed_request_input_finalize (GObject *object)
{
  g_rc_box_release (WSED_REQUEST_INPUT (object)->channel);
  G_OBJECT_CLASS (wsed_request_input_parent_class)->finalize (object);
}

static void
wsed_request_input_class_init (WsedRequestInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_request_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = input_read;
}

static void
wsed_request_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read_nonblocking;
}

static void
wsed_request_input_init (WsedRequestInput *self)
{
}

/* The half that writes */

G_DECLARE_FINAL_TYPE (WsedRequestOutput, wsed_request_output, WSED, REQUEST_OUTPUT, GOutputStream)

struct _WsedRequestOutput
{
  GOutputStream parent_instance;
  Channel *channel;
};

static void wsed_request_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedRequestOutput, wsed_request_output, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, wsed_request_output_pollable_init))

static gssize
output_write (GOutputStream  *stream,
              const void     *data,
              gsize           length,
              GCancellable   *cancellable,
              GError        **error)
{
  return channel_write (WSED_REQUEST_OUTPUT (stream)->channel, data, length, error);
}

static gssize
output_write_nonblocking (GPollableOutputStream  *stream,
                          const void             *data,
                          gsize                   length,
                          GError                **error)
{
  return channel_write (WSED_REQUEST_OUTPUT (stream)->channel, data, length, error);
}

static gboolean
output_is_writable (GPollableOutputStream *stream)
{
  return channel_is_ready (WSED_REQUEST_OUTPUT (stream)->channel, G_IO_OUT);
}

static GSource *
output_create_source (GPollableOutputStream *stream,
                      GCancellable          *cancellable)
{
  return channel_make_source (WSED_REQUEST_OUTPUT (stream)->channel, G_OBJECT (stream), G_IO_OUT, cancellable);
}

static void
wsed_request_output_finalize (GObject *object)
{
  g_rc_box_release (WSED_REQUEST_OUTPUT (object)->channel);
  G_OBJECT_CLASS (wsed_request_output_parent_class)->finalize (object);
}

static void
wsed_request_output_class_init (WsedRequestOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_request_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = output_write;
}

static void
wsed_request_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write_nonblocking;
}

static void
wsed_request_output_init (WsedRequestOutput *self)
{
}

/* The whole */

static GInputStream *
get_input (GIOStream *stream)
{
  return WSED_REQUEST_STREAM (stream)->input;
}

static GOutputStream *
get_output (GIOStream *stream)
{
  return WSED_REQUEST_STREAM (stream)->output;
}

/* The connection goes on. */
static gboolean
close_all (GIOStream     *stream,
           GCancellable  *cancellable,
           GError       **error)
{
  WsedRequestStream *self = WSED_REQUEST_STREAM (stream);
  WsedRequestClosed closed = self->closed;

  wsed_request_stream_cut (self);
  if (closed != NULL)
    closed (self->user_data);
  return TRUE;
}

static void
wsed_request_stream_finalize (GObject *object)
{
  WsedRequestStream *self = WSED_REQUEST_STREAM (object);

  g_object_unref (self->input);
  g_object_unref (self->output);
  g_rc_box_release (self->channel);
  G_OBJECT_CLASS (wsed_request_stream_parent_class)->finalize (object);
}

static void
wsed_request_stream_class_init (WsedRequestStreamClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = wsed_request_stream_finalize;
  stream_class->get_input_stream = get_input;
  stream_class->get_output_stream = get_output;
  stream_class->close_fn = close_all;
}

static void
wsed_request_stream_init (WsedRequestStream *self)
{
}

WsedRequestStream *
wsed_request_stream_new (WsedInlet         *inlet,
                         WsedRequestClosed  closed,
                         gpointer           user_data)
{
  WsedRequestStream *self = g_object_new (WSED_TYPE_REQUEST_STREAM, NULL);
  WsedRequestInput *input = g_object_new (wsed_request_input_get_type (), NULL);
  WsedRequestOutput *output = g_object_new (wsed_request_output_get_type (), NULL);

  self->channel = g_rc_box_new0 (Channel);
  self->channel->inlet = inlet;
  self->closed = closed;
  self->user_data = user_data;
  input->channel = g_rc_box_acquire (self->channel);
  output->channel = g_rc_box_acquire (self->channel);
  self->input = G_INPUT_STREAM (input);
  self->output = G_OUTPUT_STREAM (output);
  return self;
}

void
wsed_request_stream_cut (WsedRequestStream *self)
{
  self->channel->inlet = NULL;
  self->closed = NULL;
}
