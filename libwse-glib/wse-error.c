/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The error domain: what went wrong, by what its caller can do about it. */

#include "wse-error.h"

/**
 * wse_error_quark:
 *
 * Registers the error domain; [error@Wse.Error] has its codes.
 *
 * Returns: the quark of `wse-error-quark`
 *
 * Since: 0.1
 */
GQuark
wse_error_quark (void)
{
  static GQuark quark;         /* __atomic: any thread may be the first to fail, which G_DEFINE_QUARK does not see to */
  GQuark known = __atomic_load_n (&quark, __ATOMIC_RELAXED);

  if (known == 0)
    {
      known = g_quark_from_static_string ("wse-error-quark");
      __atomic_store_n (&quark, known, __ATOMIC_RELAXED);
    }
  return known;
}

/**
 * wse_error_get_code:
 * @error: an error
 *
 * The name under which an error is told on the wire, in the `code` of an error body (PROTOCOL section 2).
 *
 * Returns: a static snake_case name; `failed` for an error of another domain
 *
 * Since: 0.1
 */
const char *
wse_error_get_code (const GError *error)
{
  static const char * const codes[] = {
    [WSE_ERROR_FAILED] = "failed",
    [WSE_ERROR_SYNTAX] = "syntax",
    [WSE_ERROR_INVALID] = "invalid",
    [WSE_ERROR_TOO_LARGE] = "too_large",
    [WSE_ERROR_TOO_DEEP] = "too_deep",
    [WSE_ERROR_NO_ROUTE] = "no_route",
    [WSE_ERROR_BUSY] = "busy",
    [WSE_ERROR_UNAVAILABLE] = "unavailable",
    [WSE_ERROR_UNSUPPORTED] = "unsupported_media_type",
    [WSE_ERROR_FORBIDDEN] = "forbidden",
    [WSE_ERROR_CONFLICT] = "conflict",
  };

  g_return_val_if_fail (error != NULL, "failed");

  if (error->domain != WSE_ERROR || error->code < 0 || error->code >= (int) G_N_ELEMENTS (codes))
    return "failed";
  return codes[error->code];
}
