/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTlsSession owns one connection's TLS state, and bounds what of TLS itself a peer may ask for. OpenSSL and not GTlsConnection: that one takes a thread of GLib's pool for as long as a
 * client lets a handshake lie, a close of it waits for the peer, and each connection would cost several times the memory. It never owns,
 * shuts or closes the socket. */

#include "tls/wsed-tls-session.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "guard/wsed-limits.h"
#include "guard/wsed-quota.h"

/* Records that carry nothing of the peer's (new keys, wishes for another handshake, alerts, a handshake itself), in a second and at once: each
 * is work, and OpenSSL goes on within one call for as long as they keep coming. */
#define BARE_RATE 8
#define BARE_BURST 32

struct _WsedTlsSession
{
  SSL *ssl;
  WsedBucket bare;
  gboolean flooded;            /* there were too many of them: nothing more is read */
  gboolean reading_waits;      /* until the socket can be written */
  gboolean writing_waits;      /* until it can be read */
  gboolean writing;            /* a write is to be repeated */
  gboolean broken;             /* nothing more can be said */
};

/* Sees the kind of each record that came: of TLS 1.3 it is within what is sealed, the one outside is that of data. */
static void
on_record (int         written,
           int         version,
           int         content_type,
           const void *bytes,
           size_t      length,
           SSL        *ssl,
           void       *user_data)
{
  WsedTlsSession *self = user_data;

  if (written || (content_type != SSL3_RT_HEADER && content_type != SSL3_RT_INNER_CONTENT_TYPE)
      || *(const guint8 *) bytes == SSL3_RT_APPLICATION_DATA)
    return;
  if (self->flooded || wsed_bucket_take (&self->bare, BARE_RATE, BARE_BURST, g_get_monotonic_time ()) == 0)
    return;
  self->flooded = TRUE;
  wsed_limits_refused (WSED_LIMIT_TLS_RECORDS);
}

/* Before a read from the socket: it fails, which is the one way out of OpenSSL's loop. */
static long
on_socket (BIO        *bio,
           int         operation,
           const char *bytes,
           size_t      length,
           int         number,
           long        value,
           int         result,
           size_t     *processed)
{
  const WsedTlsSession *self = (const WsedTlsSession *) BIO_get_callback_arg (bio);

  if (operation != BIO_CB_READ || !self->flooded)
    return result;
  BIO_clear_retry_flags (bio);
  return -1;
}

static gboolean
use_socket (WsedTlsSession *self,
            int             fd)
{
  if (SSL_set_fd (self->ssl, fd) != 1)
    return FALSE;
  BIO_set_callback_arg (SSL_get_rbio (self->ssl), (char *) self);
  BIO_set_callback_ex (SSL_get_rbio (self->ssl), on_socket);
  return TRUE;
}

WsedTlsSession *
wsed_tls_session_new (WsedTlsContext *context,
                      int             fd)
{
  WsedTlsSession *self = g_new0 (WsedTlsSession, 1);

  self->ssl = SSL_new (wsed_tls_context_get (context));
  if (self->ssl == NULL || !use_socket (self, fd))
    {
      wsed_tls_session_free (self);
      return NULL;
    }
  SSL_set_msg_callback (self->ssl, on_record);
  SSL_set_msg_callback_arg (self->ssl, self);
  SSL_set_accept_state (self->ssl);
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
