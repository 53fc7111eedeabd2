/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tokens for tests. It owns nothing and verifies nothing. */

#include "token-fixture.h"

#include <string.h>

static char *
encode (const void *data,
        gssize      length)
{
  char *text = g_base64_encode (data, length < 0 ? strlen (data) : (gsize) length);

  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

char *
sign_token (GChecksumType  type,
            const char    *secret,
            const char    *header,
            gssize         header_length,
            const char    *claims,
            gssize         claims_length)
{
  g_autofree char *first = encode (header, header_length), *second = encode (claims, claims_length);
  g_autofree char *both = g_strconcat (first, ".", second, NULL), *last = NULL;
  g_autoptr (GHmac) hmac = g_hmac_new (type, (const guchar *) secret, strlen (secret));
  guint8 digest[64];
  gsize length = sizeof digest;

  g_hmac_update (hmac, (const guchar *) both, -1);
  g_hmac_get_digest (hmac, digest, &length);
  last = encode (digest, length);
  return g_strconcat (both, ".", last, NULL);
}
