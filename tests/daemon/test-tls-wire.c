/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The wire under TLS, over a socket pair that holds little: what it says it took is what arrives, whatever is written next. */

#include "transport/wsed-wire.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"

typedef struct
{
  char *folder, *certificate, *key;
  WsedInbox *main;
  WsedTlsContext *context;
  SSL_CTX *client_context;
  SSL *client;
  int client_fd;
  WsedWire *wire;
  GByteArray *got;             /* by the client */
} Fixture;

static void
make_certificate (Fixture *fixture)
{
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  X509 *certificate = X509_new ();
  FILE *file;

  ASN1_INTEGER_set (X509_get_serialNumber (certificate), 1);
  X509_gmtime_adj (X509_getm_notBefore (certificate), -60);
  X509_gmtime_adj (X509_getm_notAfter (certificate), 3600);
  X509_set_pubkey (certificate, key);
  g_assert_cmpint (X509_sign (certificate, key, EVP_sha256 ()), >, 0);
  file = g_fopen (fixture->certificate, "w");
  PEM_write_X509 (file, certificate);
  fclose (file);
  file = g_fopen (fixture->key, "w");
  PEM_write_PrivateKey (file, key, NULL, NULL, 0, NULL, NULL);
  fclose (file);
  X509_free (certificate);
  EVP_PKEY_free (key);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  user_data)
{
  g_autoptr (GError) error = NULL;
  WsedTlsSession *session;
  WsedTlsStep step;
  int fds[2], small = 4096, connected = 0;
  const char *reason;

  fixture->folder = g_dir_make_tmp ("wse-XXXXXX", NULL);
  fixture->certificate = g_build_filename (fixture->folder, "cert.pem", NULL);
  fixture->key = g_build_filename (fixture->folder, "key.pem", NULL);
  make_certificate (fixture);
  fixture->main = wsed_inbox_new ();
  fixture->context = wsed_tls_context_new (fixture->certificate, fixture->key, fixture->main, &error);
  g_assert_no_error (error);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
  setsockopt (fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  session = wsed_tls_session_new (fixture->context, fds[0]);
  fixture->client_fd = fds[1];
  fixture->client_context = SSL_CTX_new (TLS_client_method ());
  fixture->client = SSL_new (fixture->client_context);
  SSL_set_fd (fixture->client, fds[1]);
  do
    {
      if (connected != 1)
        connected = SSL_connect (fixture->client);
      step = wsed_tls_session_shake_hands (session, &reason);
      g_assert_cmpint (step, !=, WSED_TLS_FAILED);
    }
  while (step != WSED_TLS_DONE || connected != 1);
  fixture->wire = wsed_tls_wire_new (fds[0], session);
  fixture->got = g_byte_array_new ();
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  user_data)
{
  wsed_wire_free (fixture->wire);
  SSL_free (fixture->client);
  SSL_CTX_free (fixture->client_context);
  if (fixture->client_fd >= 0)
    close (fixture->client_fd);
  wsed_tls_context_free (fixture->context);
  wsed_inbox_free (fixture->main);
  g_byte_array_unref (fixture->got);
  g_remove (fixture->certificate);
  g_remove (fixture->key);
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->certificate);
  g_free (fixture->key);
  wsed_metrics_reset ();
}

/* FALSE: nothing was there. */
static gboolean
receive (Fixture *fixture,
         int      most)
{
  guint8 buffer[4096];
  int n = SSL_read (fixture->client, buffer, MIN (most, (int) sizeof buffer));

  if (n > 0)
    g_byte_array_append (fixture->got, buffer, n);
  return n > 0;
}

/* What waits below the wire goes out, until nothing is held and all has come. */
static void
receive_all (Fixture *fixture)
{
  while (fixture->wire->holds)
    {
      receive (fixture, 4096);
      if (wsed_wire_write (fixture->wire, NULL, 0) < 0)
        g_assert_cmpint (errno, ==, EAGAIN);
    }
  while (receive (fixture, 4096))
    continue;
}

/* Every write has other bytes than the one before, as those above do that think again after EAGAIN. */
static void
test_changing_minds (Fixture       *fixture,
                     gconstpointer  user_data)
{
  g_autoptr (GByteArray) sent = g_byte_array_new ();
  g_autofree guint8 *data = g_malloc (300 * 1024);
  guint held = 0, refused = 0;

  for (guint i = 0; i < 3000; i++)
    {
      struct iovec pieces[8];
      gsize offset = 0;
      guint n_pieces = g_test_rand_int_range (1, 9);
      gssize taken;

      memset (data, i, 300 * 1024);
      for (guint j = 0; j < n_pieces; j++)
        {
          pieces[j] = (struct iovec) { data + offset, g_test_rand_int_range (0, i % 3 == 0 ? 36000 : 200) };
          memcpy (data + offset, &i, MIN (sizeof i, pieces[j].iov_len));
          offset += pieces[j].iov_len;
        }
      taken = wsed_wire_write (fixture->wire, pieces, n_pieces);
      g_assert_cmpint (taken, <=, (gssize) offset);
      if (taken < 0)
        g_assert_cmpint (errno, ==, EAGAIN);
      else
        g_byte_array_append (sent, data, taken);
      g_assert_true (taken == (gssize) offset || fixture->wire->holds);
      g_assert_cmpuint (wsed_wire_get_queued (fixture->wire), <, 256 * 1024);
      held += fixture->wire->holds;
      refused += taken < 0;
      receive (fixture, g_test_rand_int_range (1, 4096));
    }
  receive_all (fixture);
  g_assert_cmpuint (held, >, 0);
  g_assert_cmpuint (refused, >, 0);
  g_assert_cmpmem (fixture->got->data, fixture->got->len, sent->data, sent->len);
}

static void
test_read (Fixture       *fixture,
           gconstpointer  user_data)
{
  char buffer[20000];

  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  g_assert_cmpint (SSL_write (fixture->client, "one", 3), ==, 3);
  g_assert_cmpint (SSL_write (fixture->client, "two", 3), ==, 3);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, 2), ==, 2);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, 1);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, 3);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, -1);
  g_assert_cmpint (errno, ==, EAGAIN);
  SSL_shutdown (fixture->client);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, 0);
}

static void
test_cut_off (Fixture       *fixture,
              gconstpointer  user_data)
{
  struct iovec piece = { (char *) "x", 1 };
  char buffer[1];

  close (fixture->client_fd);
  fixture->client_fd = -1;
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, 1), ==, -1);
  g_assert_cmpint (errno, !=, EAGAIN);
  g_assert_cmpint (wsed_wire_write (fixture->wire, &piece, 1), ==, -1);
  g_assert_cmpint (errno, !=, EAGAIN);
  wsed_wire_finish (fixture->wire);
}

static void
test_finish (Fixture       *fixture,
             gconstpointer  user_data)
{
  struct iovec piece = { (char *) "bye", 3 };

  g_assert_cmpint (wsed_wire_write (fixture->wire, &piece, 1), ==, 3);
  wsed_wire_finish (fixture->wire);
  receive_all (fixture);
  g_assert_cmpmem (fixture->got->data, fixture->got->len, "bye", 3);
  g_assert_cmpint (SSL_get_shutdown (fixture->client), ==, SSL_RECEIVED_SHUTDOWN);
}

static void
test_key_update (Fixture       *fixture,
                 gconstpointer  user_data)
{
  struct iovec piece = { (char *) "after", 5 };
  char buffer[10];

  g_assert_cmpint (SSL_key_update (fixture->client, SSL_KEY_UPDATE_REQUESTED), ==, 1);
  g_assert_cmpint (SSL_write (fixture->client, "new keys", 8), ==, 8);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, 8);
  g_assert_false (fixture->wire->crossed);
  g_assert_cmpint (wsed_wire_write (fixture->wire, &piece, 1), ==, 5);
  receive_all (fixture);
  g_assert_cmpmem (fixture->got->data, fixture->got->len, "after", 5);
}

/* New keys without end, in what one read finds: it ends, and so does the connection; some are taken. */
static void
test_flood (Fixture       *fixture,
            gconstpointer  user_data)
{
  char buffer[10];

  for (guint i = 0; i < 20; i++)
    {
      g_assert_cmpint (SSL_key_update (fixture->client, SSL_KEY_UPDATE_NOT_REQUESTED), ==, 1);
      g_assert_cmpint (SSL_do_handshake (fixture->client), ==, 1);
    }
  g_assert_cmpint (SSL_write (fixture->client, "still", 5), ==, 5);
  g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, 5);
  for (guint i = 0; i < 200; i++)
    {
      g_assert_cmpint (SSL_key_update (fixture->client, SSL_KEY_UPDATE_NOT_REQUESTED), ==, 1);
      g_assert_cmpint (SSL_do_handshake (fixture->client), ==, 1);
    }
  g_assert_cmpint (SSL_write (fixture->client, "more", 4), ==, 4);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (wsed_wire_read (fixture->wire, buffer, sizeof buffer), ==, -1);
      g_assert_cmpint (errno, !=, EAGAIN);
    }
}

int
main (int    argc,
      char **argv)
{
  signal (SIGPIPE, SIG_IGN);
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/tls-wire/changing-minds", Fixture, NULL, set_up, test_changing_minds, tear_down);
  g_test_add ("/tls-wire/read", Fixture, NULL, set_up, test_read, tear_down);
  g_test_add ("/tls-wire/cut-off", Fixture, NULL, set_up, test_cut_off, tear_down);
  g_test_add ("/tls-wire/finish", Fixture, NULL, set_up, test_finish, tear_down);
  g_test_add ("/tls-wire/key-update", Fixture, NULL, set_up, test_key_update, tear_down);
  g_test_add ("/tls-wire/flood", Fixture, NULL, set_up, test_flood, tear_down);
  return g_test_run ();
}
