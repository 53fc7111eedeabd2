/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tokens: what is taken, what is refused and why. Signed here with GLib's HMAC, not with what verifies them; the examples of RFC 7515 are
 * signed by others. */

#include <string.h>

#include "auth/wsed-base64url.h"
#include "auth/wsed-token.h"
#include "token-fixture.h"
#include "wse-filter.h"

static const WsedTokenRules no_rules;

static char *
sign (const char *claims)
{
  return sign_token (G_CHECKSUM_SHA256, SECRET, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", -1, claims, -1);
}

static WsedGrant *
verify_with (const char            *token,
             const char            *where,
             const WsedTokenRules  *rules,
             WsedCredentialProblem *problem)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedKeySet) keys = wsed_key_set_new (where, ~0u, &error);
  gboolean unknown_key;

  g_assert_no_error (error);
  *problem = (WsedCredentialProblem) { NULL, NULL };
  return wsed_token_verify (token, keys, rules, NOW, problem, &unknown_key);
}

static WsedGrant *
accept (const char *claims)
{
  WsedCredentialProblem problem;
  g_autofree char *token = sign (claims);
  WsedGrant *grant = verify_with (token, SECRET, &no_rules, &problem);

  if (grant == NULL)
    g_error ("%s: %s", claims, problem.text);
  return grant;
}

static void
check_refused (const char *token,
               const char *what,
               const char *reason)
{
  WsedCredentialProblem problem;
  g_autoptr (WsedGrant) grant = verify_with (token, SECRET, &no_rules, &problem);

  if (grant != NULL)
    g_error ("%s is taken", what);
  g_assert_cmpstr (problem.reason, ==, reason);
  g_assert_cmpuint (strlen (problem.text), >, 8);
}

static void
test_taken (void)
{
  g_autoptr (WsedGrant) grant
    = accept ("{\"sub\":\"alice\",\"exp\":1700000000.5,\"nbf\":1700000000,\"iat\":1699999999.25,\"jti\":\"j\",\"roles\":[\"r\"],\"teams\":null,"
              "\"wse\":{\"subscribe\":[\"session:*\",\"system\"],\"publish\":[\"user:b\"],\"monitor\":true,\"filter\":{\"types\":[\"b\",\"a\"],"
              "\"severity\":\"warning\"}},\"other\":{\"x\":[1]}}");

  g_assert_cmpstr (grant->user, ==, "alice");
  g_assert_cmpint (grant->expires, ==, NOW + G_USEC_PER_SEC / 2);
  g_assert_cmpint (grant->issued, ==, NOW - 750000);
  g_assert_cmpstr (grant->jti, ==, "j");
  g_assert_cmpstr (grant->roles[0], ==, "r");
  g_assert_null (grant->teams[0]);
  g_assert_true (grant->monitor);
  g_assert_false (grant->admin);
  g_assert_cmpstr (wse_filter_get_key (grant->filter), ==, "warning,a,b");
  g_assert_true (wsed_grant_may_subscribe (grant, "session:9"));
  g_assert_true (wsed_grant_may_publish (grant, "user:b"));
  g_assert_false (wsed_grant_may_publish (grant, "user:alice"));
}

static void
test_algorithms (void)
{
  static const struct
  {
    const char *header;
    GChecksumType type;
    const char *reason;        /* NULL: taken */
  } cases[] = {
    { "{\"alg\":\"HS256\"}", G_CHECKSUM_SHA256, NULL },
    { "{\"alg\":\"HS384\"}", G_CHECKSUM_SHA384, NULL },
    { "{\"alg\":\"HS512\"}", G_CHECKSUM_SHA512, NULL },
    { "{\"alg\":\"HS256\",\"kid\":\"any\"}", G_CHECKSUM_SHA256, NULL },
    { "{\"alg\":\"HS512\"}", G_CHECKSUM_SHA256, "signature" },
    { "{\"alg\":\"none\"}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":\"hs256\"}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":\"RS256\"}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":\"ES256\"}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":\"PS256\"}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":null}", G_CHECKSUM_SHA256, "algorithm" },
    { "{}", G_CHECKSUM_SHA256, "algorithm" },
    { "{\"alg\":\"HS256\\u0000\"}", G_CHECKSUM_SHA256, "malformed" },
    { "{\"alg\":[\"HS256\"]}", G_CHECKSUM_SHA256, "malformed" },
    { "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", G_CHECKSUM_SHA256, "malformed" },
    { "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", G_CHECKSUM_SHA256, "malformed" },
    { "{\"alg\":\"HS256\",\"crit\":[]}", G_CHECKSUM_SHA256, "malformed" },
    { "[\"HS256\"]", G_CHECKSUM_SHA256, "malformed" },
    { "", G_CHECKSUM_SHA256, "malformed" },
    { "{\"alg\":\"HS256\"} x", G_CHECKSUM_SHA256, "malformed" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *token = sign_token (cases[i].type, SECRET, cases[i].header, -1, "{\"sub\":\"a\"}", -1);
      WsedCredentialProblem problem;
      g_autoptr (WsedGrant) grant = NULL;

      if (cases[i].reason != NULL)
        check_refused (token, cases[i].header, cases[i].reason);
      else if ((grant = verify_with (token, SECRET, &no_rules, &problem)) == NULL)
        g_error ("%s: %s", cases[i].header, problem.text);
    }
}

static void
test_claims (void)
{
  static const char * const bad[] = {
    "{}", "{\"sub\":null}", "{\"sub\":\"\"}", "{\"sub\":7}", "{\"sub\":\"a b\"}", "{\"sub\":\"a,b\"}", "{\"sub\":\"a\\u0000\"}",
    "{\"sub\":\"a\",\"sub\":\"b\"}", "{\"sub\":\"a\",\"x\":1,\"x\":1}", "[]", "\"a\"", "{\"sub\":\"a\"}{}", "{\"sub\":\"a\",}", "",
    "{\"sub\":\"a\",\"exp\":\"1800000000\"}", "{\"sub\":\"a\",\"exp\":-1}", "{\"sub\":\"a\",\"exp\":1e999}", "{\"sub\":\"a\",\"nbf\":true}",
    "{\"sub\":\"a\",\"iat\":[]}", "{\"sub\":\"a\",\"iss\":7}", "{\"sub\":\"a\",\"aud\":7}", "{\"sub\":\"a\",\"aud\":\"wse\"}",
    "{\"sub\":\"a\",\"aud\":[]}", "{\"sub\":\"a\",\"jti\":7}", "{\"sub\":\"a\",\"roles\":\"r\"}", "{\"sub\":\"a\",\"roles\":[7]}",
    "{\"sub\":\"a\",\"roles\":[\"a b\"]}", "{\"sub\":\"a\",\"teams\":[\"*\"]}", "{\"sub\":\"a\",\"teams\":{}}", "{\"sub\":\"a\",\"wse\":[]}",
    "{\"sub\":\"a\",\"wse\":{\"subscribe\":\"*\"}}", "{\"sub\":\"a\",\"wse\":{\"subscribe\":[\"nothing\"]}}",
    "{\"sub\":\"a\",\"wse\":{\"subscribe\":[\"user:*:x\"]}}", "{\"sub\":\"a\",\"wse\":{\"subscribe\":[\"\"]}}",
    "{\"sub\":\"a\",\"wse\":{\"publish\":[\"**\"]}}", "{\"sub\":\"a\",\"wse\":{\"monitor\":1}}", "{\"sub\":\"a\",\"wse\":{\"admin\":\"true\"}}",
    "{\"sub\":\"a\",\"wse\":{\"filters\":{}}}", "{\"sub\":\"a\",\"wse\":{\"filter\":{\"type\":[\"a\"]}}}",
    "{\"sub\":\"a\",\"wse\":{\"filter\":{\"types\":[]}}}", "{\"sub\":\"a\",\"wse\":{\"filter\":{\"types\":\"\"}}}",
    "{\"sub\":\"a\",\"wse\":{\"filter\":{\"severity\":\"fatal\"}}}", "{\"sub\":\"a\",\"wse\":{\"filter\":\"a\"}}",
    "{\"sub\":\"a\",\"wse\":{\"admin\":false,\"admin\":true}}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *token = sign (bad[i]);

      check_refused (token, bad[i], "claims");
    }
}

static void
test_times (void)
{
  g_autofree char *just = sign ("{\"sub\":\"a\",\"exp\":1700000000}"), *early = sign ("{\"sub\":\"a\",\"nbf\":1700000000.5}");
  g_autofree char *zero = sign ("{\"sub\":\"a\",\"exp\":0}");
  g_autoptr (WsedGrant) far = accept ("{\"sub\":\"a\",\"exp\":1e18}"), none = accept ("{\"sub\":\"a\"}");

  check_refused (just, "one that expires now", "expired");
  check_refused (zero, "one that expired in 1970", "expired");
  check_refused (early, "one that is not valid yet", "early");
  g_assert_cmpint (none->expires, ==, G_MAXINT64);
  g_assert_cmpint (far->expires, >, NOW);
}

static void
test_rules (void)
{
  char *issuers[] = { (char *) "https://id.example", NULL }, *audiences[] = { (char *) "wse", (char *) "other", NULL };
  const WsedTokenRules rules = { issuers, audiences };
  static const struct
  {
    const char *claims;
    gboolean taken;
  } cases[] = {
    { "{\"sub\":\"a\",\"iss\":\"https://id.example\",\"aud\":\"wse\"}", TRUE },
    { "{\"sub\":\"a\",\"iss\":\"https://id.example\",\"aud\":[\"x\",\"other\"]}", TRUE },
    { "{\"sub\":\"a\",\"iss\":\"https://id.example/\",\"aud\":\"wse\"}", FALSE },
    { "{\"sub\":\"a\",\"aud\":\"wse\"}", FALSE },
    { "{\"sub\":\"a\",\"iss\":\"https://id.example\"}", FALSE },
    { "{\"sub\":\"a\",\"iss\":\"https://id.example\",\"aud\":\"wse2\"}", FALSE },
    { "{\"sub\":\"a\",\"iss\":\"https://id.example\",\"aud\":[]}", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *token = sign (cases[i].claims);
      WsedCredentialProblem problem;
      g_autoptr (WsedGrant) grant = verify_with (token, SECRET, &rules, &problem);

      if ((grant != NULL) != cases[i].taken)
        g_error ("%s: %s", cases[i].claims, grant != NULL ? "taken" : problem.text);
    }
}

/* Every change of a single character makes another token of it, which is none; so do parts left out or added. */
static void
test_damaged (void)
{
  g_autofree char *token = sign ("{\"sub\":\"a\"}"), *longer = g_strconcat (token, ".", NULL), *padded = g_strconcat (token, "=", NULL);
  g_autofree char *spaced = g_strconcat (" ", token, NULL), *huge = g_strnfill (WSED_MAX_TOKEN + 1, 'a');
  static const char * const bad[] = { "", ".", "..", "...", "a.b", "a.b.c", "e30.e30.", "e30.e30.AA", "\x80.e30.AA" };

  for (guint i = 0; token[i] != '\0'; i++)
    {
      g_autofree char *damaged = g_strdup (token);
      WsedCredentialProblem problem;
      g_autoptr (WsedGrant) grant = NULL;

      damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
      grant = verify_with (damaged, SECRET, &no_rules, &problem);
      g_assert_null (grant);
    }
  check_refused (longer, "one with a dot behind", "malformed");
  check_refused (padded, "one with padding", "malformed");
  check_refused (spaced, "one with a space", "malformed");
  check_refused (huge, "one that is too long", "malformed");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      WsedCredentialProblem problem;
      g_autoptr (WsedGrant) grant = verify_with (bad[i], SECRET, &no_rules, &problem);

      g_assert_null (grant);
    }
}

static void
test_base64url (void)
{
  static const char * const bad[] = { "A", "AB", "AAB", "AA=", "A+AA", "A/AA", "AA A", "AA\n", "AAAAA" };
  g_autoptr (GBytes) one = wsed_base64url_decode ("_w", 2), two = wsed_base64url_decode ("_-8", 3), none = wsed_base64url_decode ("", 0);

  g_assert_cmpmem (g_bytes_get_data (one, NULL), g_bytes_get_size (one), "\xff", 1);
  g_assert_cmpmem (g_bytes_get_data (two, NULL), g_bytes_get_size (two), "\xff\xef", 2);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      GBytes *bytes = wsed_base64url_decode (bad[i], strlen (bad[i]));

      if (bytes != NULL)
        g_error ("%s is taken", bad[i]);
    }
}

static char *
write_file (const char *text)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("wse-token-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  close (fd);
  return g_strconcat ("file:", path, NULL);
}

/* RFC 7515, appendix A.3, and the one of A.1 signed by another implementation. */
static void
test_rfc7515 (void)
{
  static const char jwks[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},{\"kty\":\"oct\",\"kid\":\"a1\",\"alg\":\"HS256\",\"k\":"
    "\"AyM1SysPpbyUfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"},{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"kid\":\"a3\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
  static const char hs256[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
                              "LmNvbS9pc19yb290Ijp0cnVlfQ.-oqjY_jk0JqnRIUwm4deQ605KhaJQ6x_pQebvdljiCU";
  static const char es256[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
                              "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  static const struct
  {
    const char *token, *kid;
    WsedAlgorithm algorithm;
    WsedVerdict expected;
  } cases[] = {
    { hs256, NULL, WSED_ALGORITHM_HS256, WSED_VERIFIED },          { es256, NULL, WSED_ALGORITHM_ES256, WSED_VERIFIED },
    { hs256, "a1", WSED_ALGORITHM_HS256, WSED_VERIFIED },          { es256, "a3", WSED_ALGORITHM_ES256, WSED_VERIFIED },
    { hs256, "a3", WSED_ALGORITHM_HS256, WSED_NO_SUCH_ALGORITHM }, { hs256, "a1", WSED_ALGORITHM_HS512, WSED_NO_SUCH_ALGORITHM },
    { hs256, "a2", WSED_ALGORITHM_HS256, WSED_NO_SUCH_KEY },       { hs256, "a3", WSED_ALGORITHM_ES256, WSED_BAD_SIGNATURE },
    { es256, NULL, WSED_ALGORITHM_HS256, WSED_BAD_SIGNATURE },     { es256, NULL, WSED_ALGORITHM_RS256, WSED_NO_SUCH_ALGORITHM },
  };
  g_autofree char *where = write_file (jwks);
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedKeySet) keys = wsed_key_set_new (where, ~0u, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *last = strrchr (cases[i].token, '.');
      g_autoptr (GBytes) signature = wsed_base64url_decode (last + 1, strlen (last + 1));
      const WsedKey *key;

      g_assert_cmpint (wsed_key_set_verify (keys, cases[i].kid, cases[i].algorithm, cases[i].token, last - cases[i].token, signature, &key), ==,
                       cases[i].expected);
    }
  unlink (where + strlen ("file:"));
}

/* The text of a public key is no secret: who signs with it by HMAC is refused, as the key is for ES256 alone. */
static void
test_confusion (void)
{
  static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
                            "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
                            "-----END PUBLIC KEY-----\n";
  g_autofree char *where = write_file (pem), *token = sign_token (G_CHECKSUM_SHA256, pem, "{\"alg\":\"HS256\"}", -1, "{\"sub\":\"a\"}", -1);
  WsedCredentialProblem problem;
  g_autoptr (WsedGrant) grant = verify_with (token, where, &no_rules, &problem);

  g_assert_null (grant);
  g_assert_cmpstr (problem.reason, ==, "algorithm");
  unlink (where + strlen ("file:"));
}

static void
test_bad_keys (void)
{
  static const char * const bad[] = {
    "", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[{}]}", "{\"kty\":\"oct\"}", "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
    "{\"kty\":\"oct\",\"k\":\"not base64\"}", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "{\"kty\":\"EC\",\"crv\":\"P-384\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "{\"kty\":\"RSA\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
    "{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"AyM1SysPpbyUfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AA\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
    "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
  };
  g_autoptr (GError) none = NULL, excluded = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *where = write_file (bad[i]);
      g_autoptr (GError) error = NULL;

      if (wsed_key_set_new (where, ~0u, &error) != NULL)
        g_error ("%s is taken", bad[i]);
      g_assert_nonnull (strstr (error->message, where + strlen ("file:")));
      unlink (where + strlen ("file:"));
    }
  g_assert_null (wsed_key_set_new ("file:/nowhere/key", ~0u, &none));
  g_assert_null (wsed_key_set_new (SECRET, WSED_ALGORITHM_RS256, &excluded));
  g_assert_null (strstr (excluded->message, SECRET));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/token/taken", test_taken);
  g_test_add_func ("/token/algorithms", test_algorithms);
  g_test_add_func ("/token/claims", test_claims);
  g_test_add_func ("/token/times", test_times);
  g_test_add_func ("/token/rules", test_rules);
  g_test_add_func ("/token/damaged", test_damaged);
  g_test_add_func ("/token/base64url", test_base64url);
  g_test_add_func ("/token/rfc7515", test_rfc7515);
  g_test_add_func ("/token/confusion", test_confusion);
  g_test_add_func ("/token/bad-keys", test_bad_keys);
  return g_test_run ();
}
