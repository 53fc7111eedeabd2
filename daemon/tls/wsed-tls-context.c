/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTlsContext owns the certificate and key in use, and has it looked once a second whether their files are others now, beside the main
 * loop, which a disk that hangs does not keep. It asks for the files themselves, so that an exchanged link, a renamed file and one written
 * anew are all seen. A pair that is of no use changes nothing but a metric and the log. It knows no connection. */

#include "tls/wsed-tls-context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/wsed-credential-file.h"
#include "metrics/wsed-metrics.h"
#include "thread/wsed-errand.h"
#include "wse-error.h"

/* Two looks are so far apart (ms), and a change is taken once it has rested for as long: a pair is two files. */
#define INTERVAL 1000
/* Forward secrecy and authenticated encryption alone; TLS 1.3 has nothing else. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* What tells a file from the one that was there before. */
typedef struct
{
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
} Stamp;

/* The files, and what was seen of them: the errand's, once that has begun. */
typedef struct
{
  char *certificate;
  char *key;
  Stamp seen[2];               /* at the last look */
  Stamp tried[2];              /* when they were last read */
} Pair;

struct _WsedTlsContext
{
  char *certificate;           /* for the log */
  SSL_CTX *context;
  WsedErrand *looking;
  guint timer;
  WsedMetricFamily *loads;
  WsedMetric *expiry;
};

static gboolean
fail (GError     **error,
      const char  *path,
      const char  *reason)
{
  unsigned long code = ERR_peek_last_error ();
  const char *detail = code != 0 ? ERR_reason_error_string (code) : NULL;

  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: %s%s%s%s", path, reason, detail != NULL ? " (" : "", detail != NULL ? detail : "",
               detail != NULL ? ")" : "");
  return FALSE;
}

/* Nobody is there to be asked for a passphrase. */
static int
no_passphrase (char *buffer,
               int   size,
               int   writing,
               void *user_data)
{
  return -1;
}

static BIO *
read_file (const char  *path,
           char       **text,
           GError     **error)
{
  gsize length;

  *text = wsed_credential_file_read (path, &length, error);
  if (*text == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  ERR_clear_error ();
  return BIO_new_mem_buf (*text, (int) length);
}

static gboolean
use_chain (SSL_CTX    *context,
           const char *path,
           BIO        *file,
           GError    **error)
{
  X509 *each = PEM_read_bio_X509_AUX (file, NULL, no_passphrase, NULL);
  int used;

  if (each == NULL)
    return fail (error, path, "a certificate in PEM form is needed");
  used = SSL_CTX_use_certificate (context, each);
  X509_free (each);
  if (used != 1)
    return fail (error, path, "the certificate cannot be used");
  while ((each = PEM_read_bio_X509 (file, NULL, no_passphrase, NULL)) != NULL)
    if (SSL_CTX_add0_chain_cert (context, each) != 1)
      {
        X509_free (each);
        return fail (error, path, "a certificate of the chain cannot be used");
      }
  /* The end of the file is an error, too. */
  if (ERR_GET_REASON (ERR_peek_last_error ()) != PEM_R_NO_START_LINE)
    return fail (error, path, "a certificate of the chain cannot be read");
  ERR_clear_error ();
  return TRUE;
}

static gboolean
use_key (SSL_CTX    *context,
         const char *path,
         BIO        *file,
         GError    **error)
{
  EVP_PKEY *key = PEM_read_bio_PrivateKey (file, NULL, no_passphrase, NULL);
  int used;

  if (key == NULL)
    return fail (error, path, "a private key in PEM form, without a passphrase, is needed");
  used = SSL_CTX_use_PrivateKey (context, key);
  EVP_PKEY_free (key);
  if (used == 1 && SSL_CTX_check_private_key (context) == 1)
    return TRUE;
  ERR_clear_error ();
  return fail (error, path, "the key does not belong to the certificate");
}

static gboolean
use_file (SSL_CTX     *context,
          const char  *path,
          gboolean   (*use) (SSL_CTX *context, const char *path, BIO *file, GError **error),
          GError     **error)
{
  g_autofree char *text = NULL;
  BIO *file = read_file (path, &text, error);
  gboolean used;

  if (file == NULL)
    return FALSE;
  used = use (context, path, file, error);
  BIO_free (file);
  explicit_bzero (text, strlen (text));
  return used;
}

static int
choose_protocol (SSL                  *ssl,
                 const unsigned char **chosen,
                 unsigned char        *length,
                 const unsigned char  *offered,
                 unsigned int          offered_length,
                 void                 *user_data)
{
  static const unsigned char http[] = "\x08http/1.1";

  /* RFC 7301 section 3.2: one that offers only what is not spoken here is told so. */
  if (SSL_select_next_proto ((unsigned char **) chosen, length, http, sizeof http - 1, offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
load (const Pair  *pair,
      GError     **error)
{
  SSL_CTX *context = SSL_CTX_new (TLS_server_method ());

  if (context == NULL)
    {
      fail (error, pair->certificate, "OpenSSL has no context for it");
      return NULL;
    }
  SSL_CTX_set_min_proto_version (context, TLS1_2_VERSION);
  SSL_CTX_set_options (context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  /* Buffers that hold nothing are given back; a connection that waits has none. */
  SSL_CTX_set_mode (context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  /* Clients that come back keep the state themselves, in a ticket. */
  SSL_CTX_set_session_cache_mode (context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb (context, choose_protocol, NULL);
  if (SSL_CTX_set_cipher_list (context, CIPHERS) == 1 && use_file (context, pair->certificate, use_chain, error)
      && use_file (context, pair->key, use_key, error))
    return context;
  SSL_CTX_free (context);
  return NULL;
}

static void
look (const Pair *pair,
      Stamp       stamps[2])
{
  const char *paths[] = { pair->certificate, pair->key };

  memset (stamps, 0, 2 * sizeof (Stamp));
  for (guint i = 0; i < 2; i++)
    {
      struct stat info;

      if (stat (paths[i], &info) != 0)
        continue;
      stamps[i].device = info.st_dev;
      stamps[i].inode = info.st_ino;
      stamps[i].size = info.st_size;
      stamps[i].modified = info.st_mtim;
      stamps[i].changed = info.st_ctim;
    }
}

static void
pair_free (gpointer data)
{
  Pair *pair = data;

  g_free (pair->certificate);
  g_free (pair->key);
  g_free (pair);
}

/* In the errand's thread: the context where the pair is another one now, and has rested. */
static gpointer
look_again (gpointer   what,
            GError   **error)
{
  Pair *pair = what;
  Stamp now[2];
  gboolean rests;

  look (pair, now);
  rests = memcmp (now, pair->seen, sizeof now) == 0;
  memcpy (pair->seen, now, sizeof now);
  if (!rests || memcmp (now, pair->tried, sizeof now) == 0)
    return NULL;
  memcpy (pair->tried, now, sizeof now);
  return load (pair, error);
}

static void
use (WsedTlsContext *self,
     SSL_CTX        *context)
{
  const ASN1_TIME *end = X509_get0_notAfter (SSL_CTX_get0_certificate (context));
  g_autoptr (GDateTime) date = NULL;
  g_autofree char *text = NULL;
  struct tm parts = { 0 };

  SSL_CTX_free (self->context);
  self->context = context;
  if (ASN1_TIME_to_tm (end, &parts) != 1)
    return;
  date = g_date_time_new_utc (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (date == NULL)
    return;
  wsed_metric_set (self->expiry, g_date_time_to_unix (date));
  text = g_date_time_format (date, "%Y-%m-%d %H:%M:%S UTC");
  if (X509_cmp_current_time (end) < 0)
    g_warning ("TLS: the certificate in %s expired at %s", self->certificate, text);
  else
    g_message ("TLS: the certificate in %s is in use, valid until %s", self->certificate, text);
}

static void
count_load (WsedTlsContext *self,
            const char     *result)
{
  const char * const values[] = { result, NULL };

  wsed_metric_add (wsed_metric_family_get (self->loads, values), 1);
}

static void
on_looked (gpointer      context,
           const GError *error,
           gpointer      user_data)
{
  WsedTlsContext *self = user_data;

  if (context == NULL && error == NULL)
    return;
  count_load (self, context != NULL ? "ok" : "failed");
  if (context != NULL)
    use (self, context);
  else
    g_warning ("TLS: the certificate stays the one that it was: %s", error->message);
}

static gboolean
on_timer (gpointer user_data)
{
  WsedTlsContext *self = user_data;

  if (wsed_errand_get_age (self->looking) < 0)
    wsed_errand_start (self->looking);
  return G_SOURCE_CONTINUE;
}

static const WsedErrandClass looking = {
  look_again, on_looked, (GDestroyNotify) SSL_CTX_free, pair_free, "TLS: reading certificate and key",
};

WsedTlsContext *
wsed_tls_context_new (const char  *certificate,
                      const char  *key,
                      WsedInbox   *main,
                      GError     **error)
{
  static const char * const labels[] = { "result", NULL };
  g_autoptr (WsedTlsContext) self = g_new0 (WsedTlsContext, 1);
  Pair *pair = g_new0 (Pair, 1);
  SSL_CTX *context;

  self->certificate = g_strdup (certificate);
  pair->certificate = g_strdup (certificate);
  pair->key = g_strdup (key);
  self->looking = wsed_errand_new (main, &looking, pair, self);
  self->loads = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_tls_loads_total", "Times that certificate and key were read, by what came of it.",
                                        labels, 2);
  self->expiry = wsed_metric_new (WSED_METRIC_GAUGE, "wse_tls_certificate_expiry_seconds",
                                  "When the TLS certificate in use expires, in seconds since 1970.");
  count_load (self, "ok");
  look (pair, pair->tried);
  memcpy (pair->seen, pair->tried, sizeof pair->seen);
  context = load (pair, error);
  if (context == NULL)
    {
      g_prefix_error (error, "preparing TLS: ");
      return NULL;
    }
  use (self, context);
  self->timer = g_timeout_add (INTERVAL, on_timer, self);
  return g_steal_pointer (&self);
}

SSL_CTX *
wsed_tls_context_get (WsedTlsContext *self)
{
  return self->context;
}

void
wsed_tls_context_stop (WsedTlsContext *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->looking, wsed_errand_free);
}

void
wsed_tls_context_free (WsedTlsContext *self)
{
  if (self == NULL)
    return;
  wsed_tls_context_stop (self);
  SSL_CTX_free (self->context);
  g_free (self->certificate);
  g_free (self);
}
