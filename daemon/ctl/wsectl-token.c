/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl token: a token, signed. It asks no server. */

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-json-private.h"
#include "wsectl-command.h"
#include "wsectl-grant.h"
#include "wsectl-line.h"
#include "wsectl-sign.h"

typedef struct
{
  char *key, *alg, *kid, *roles, *teams, *expires, *jti, *issuer, *audience;
  WsectlGrant grant;
} Wish;

static void
wish_clear (Wish *wish)
{
  g_free (wish->key);
  g_free (wish->alg);
  g_free (wish->kid);
  g_free (wish->roles);
  g_free (wish->teams);
  g_free (wish->expires);
  g_free (wish->jti);
  g_free (wish->issuer);
  g_free (wish->audience);
  wsectl_grant_clear (&wish->grant);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wish, wish_clear)

/* Seconds; 0: never. */
static gboolean
read_expires (const char  *text,
              guint64     *seconds,
              GError     **error)
{
  static const struct
  {
    char unit;
    guint factor;
  } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
  g_autofree char *number = g_strdup (text != NULL ? text : "1h");
  gsize length = strlen (number);
  guint factor = 1;

  *seconds = 0;
  if (g_str_equal (number, "never"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (length > 1 && number[length - 1] == units[i].unit)
      {
        factor = units[i].factor;
        number[length - 1] = '\0';
        break;
      }
  if (!g_ascii_string_to_unsigned (number, 10, 1, 3650 * G_GUINT64_CONSTANT (86400) / factor, seconds, NULL))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "--expires: a number with s, m, h or d, at most ten years, or never");
      return FALSE;
    }
  *seconds *= factor;
  return TRUE;
}

static void
append_text (GString    *out,
             const char *name,
             const char *text)
{
  if (text == NULL)
    return;
  g_string_append_printf (out, ",\"%s\":", name);
  wse_json_append_string (out, text, -1);
}

static char *
write_claims (const Wish  *wish,
              const char  *user,
              guint64      expires,
              GError     **error)
{
  g_autoptr (GString) out = g_string_new ("{\"sub\":"), permissions = g_string_new ("{");
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autofree char *random = g_uuid_string_random ();

  if (!wsectl_grant_append (&wish->grant, permissions, error))
    return NULL;
  wse_json_append_string (out, user, -1);
  g_string_append_printf (out, ",\"iat\":%" G_GINT64_FORMAT, now);
  if (expires > 0)
    g_string_append_printf (out, ",\"exp\":%" G_GINT64_FORMAT, now + (gint64) expires);
  append_text (out, "jti", wish->jti != NULL ? wish->jti : random);
  append_text (out, "iss", wish->issuer);
  append_text (out, "aud", wish->audience);
  wsectl_grant_append_list (out, "roles", wish->roles);
  wsectl_grant_append_list (out, "teams", wish->teams);
  if (permissions->len > 1)
    g_string_append_printf (out, ",\"wse\":%s}", permissions->str);
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static gboolean
print_token (const Wish  *wish,
             const char  *user,
             GError     **error)
{
  const char *key = wish->key != NULL ? wish->key : g_getenv ("WSE_JWT_KEY");
  g_autofree char *claims = NULL, *token = NULL;
  g_autoptr (GString) line = NULL;
  guint64 expires;

  if (user == NULL || !wse_channel_id_is_valid (user, -1))
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "a user is needed: 1 to 128 bytes without white space, ',', '@' or '*'");
  else if (key == NULL || *key == '\0')
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "a key is needed: WSE_JWT_KEY, or --key");
  else if (read_expires (wish->expires, &expires, error) && (claims = write_claims (wish, user, expires, error)) != NULL)
    token = wsectl_sign (key, wish->alg, wish->kid, claims, error);
  if (token == NULL)
    return FALSE;
  line = g_string_new (token);
  return wsectl_line_print (line, error);
}

gboolean
wsectl_token (int      argc,
              char   **argv,
              GError **error)
{
  g_auto (Wish) wish = { 0 };
  const GOptionEntry entries[] = {
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &wish.key, "Key to sign with (else WSE_JWT_KEY, which others cannot see)", "KEY" },
    { "alg", 0, 0, G_OPTION_ARG_FILENAME, &wish.alg, "HS256 (default), HS384 or HS512 with a secret", "ALGORITHM" },
    { "kid", 0, 0, G_OPTION_ARG_FILENAME, &wish.kid, "The key's name in a JWKS", "KID" },
    { "expires", 0, 0, G_OPTION_ARG_FILENAME, &wish.expires, "When it expires (default: 1h), or never", "TIME" },
    { "roles", 0, 0, G_OPTION_ARG_FILENAME, &wish.roles, "Roles", "A,B" },
    { "teams", 0, 0, G_OPTION_ARG_FILENAME, &wish.teams, "Teams", "A,B" },
    WSECTL_GRANT_ENTRIES (&wish.grant),
    { "jti", 0, 0, G_OPTION_ARG_FILENAME, &wish.jti, "What a revocation names (default: a random one)", "JTI" },
    { "issuer", 0, 0, G_OPTION_ARG_FILENAME, &wish.issuer, "iss", "ISSUER" },
    { "audience", 0, 0, G_OPTION_ARG_FILENAME, &wish.audience, "aud", "AUDIENCE" },
    { NULL }
  };

  return wsectl_command_parse (&argc, &argv, "USER", "Writes a token for a user, signed.",
                               "KEY is a secret of at least 32 bytes, or file:PATH of a private key (PEM) or a JWK with a secret.", entries, 1,
                               error) &&
         print_token (&wish, argv[1], error);
}
