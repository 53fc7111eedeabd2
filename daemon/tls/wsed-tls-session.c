/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTlsSession owns one connection's TLS state. OpenSSL and not GTlsConnection: that one takes a thread of GLib's pool for as long as a
 * client lets a handshake lie, a close of it waits for the peer, and each connection would cost several times the memory. It never owns,
 * shuts or closes the socket. */

#include "tls/wsed-tls-session.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

struct _WsedTlsSession
{
  SSL *ssl;
  gboolean reading_waits;      /* until the socket can be written */
  gboolean writing_waits;      /* until it can be read */
  gboolean writing;            /* a write is to be repeated */
  gboolean broken;             /* nothing more can be said */
};

WsedTlsSession *
wsed_tls_session_new (WsedTlsContext *context,
                      int             fd)
{
  SSL *ssl = SSL_new (wsed_tls_context_get (context));
  WsedTlsSession *self;

  if (ssl == NULL || SSL_set_fd (ssl, fd) != 1)
    {
      SSL_free (ssl);
      return NULL;
    }
  SSL_set_accept_state (ssl);
  self = g_new0 (WsedTlsSession, 1);
  self->ssl = ssl;
  return self;
}

void
wsed_tls_session_free (WsedTlsSession *self)
{
  if (self == NULL)
    return;
  SSL_free (self->ssl);
  g_free (self);
}

WsedTlsStep
wsed_tls_session_shake_hands (WsedTlsSession  *self,
                              const char     **reason)
{
  unsigned long code;
  int done;

  ERR_clear_error ();
  done = SSL_do_handshake (self->ssl);
  if (done == 1)
    return WSED_TLS_DONE;
  switch (SSL_get_error (self->ssl, done))
    {
    case SSL_ERROR_WANT_READ:
      return WSED_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
      return WSED_TLS_WANTS_WRITE;
    default:
      break;
    }
  self->broken = TRUE;
  code = ERR_peek_error ();
  *reason = code != 0 ? ERR_reason_error_string (code) : NULL;
  if (*reason == NULL)
    *reason = "the connection ended";
  return ERR_GET_LIB (code) == ERR_LIB_SSL && ERR_GET_REASON (code) == SSL_R_HTTP_REQUEST ? WSED_TLS_SPEAKS_HTTP : WSED_TLS_FAILED;
}

gboolean
wsed_tls_session_move (WsedTlsSession *self,
                       int             fd)
{
  return SSL_set_fd (self->ssl, fd) == 1;
}

static gssize
explain (WsedTlsSession *self,
         int             result,
         gboolean        reading)
{
  int problem = SSL_get_error (self->ssl, result);

  if (problem == SSL_ERROR_ZERO_RETURN && reading)
    return 0;
  if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE)
    {
      if (reading)
        self->reading_waits = problem == SSL_ERROR_WANT_WRITE;
      else
        {
          self->writing_waits = problem == SSL_ERROR_WANT_READ;
          self->writing = TRUE;
        }
      errno = EAGAIN;
      return -1;
    }
  self->broken = TRUE;
  errno = ECONNRESET;
  return -1;
}

gssize
wsed_tls_session_read (WsedTlsSession *self,
                       void           *buffer,
                       gsize           size)
{
  int n;

  self->reading_waits = FALSE;
  ERR_clear_error ();
  n = SSL_read (self->ssl, buffer, (int) MIN (size, (gsize) G_MAXINT));
  return n > 0 ? n : explain (self, n, TRUE);
}

gssize
wsed_tls_session_write (WsedTlsSession *self,
                        const void     *data,
                        gsize           length)
{
  int n;

  if (length == 0)
    return 0;
  self->writing_waits = self->writing = FALSE;
  ERR_clear_error ();
  n = SSL_write (self->ssl, data, (int) MIN (length, (gsize) G_MAXINT));
  return n > 0 ? n : explain (self, n, FALSE);
}

gsize
wsed_tls_session_get_ready (WsedTlsSession *self)
{
  return (gsize) SSL_pending (self->ssl);
}

gboolean
wsed_tls_session_is_crossed (WsedTlsSession *self)
{
  return self->reading_waits || self->writing_waits;
}

gboolean
wsed_tls_session_is_writing (WsedTlsSession *self)
{
  return self->writing;
}

void
wsed_tls_session_finish (WsedTlsSession *self)
{
  /* Behind a record of which a part is on its way nothing can be said. */
  if (self->broken || self->writing || !SSL_is_init_finished (self->ssl))
    return;
  ERR_clear_error ();
  SSL_shutdown (self->ssl);
}
