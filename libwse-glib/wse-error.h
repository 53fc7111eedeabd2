/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib.h>

#include "wse-version.h"

G_BEGIN_DECLS

/**
 * WSE_ERROR:
 *
 * The one error domain of the library; the codes are of [error@Wse.Error].
 */
#define WSE_ERROR (wse_error_quark ())

/**
 * WseError:
 * @WSE_ERROR_FAILED: something inside went wrong; trying again may help
 * @WSE_ERROR_SYNTAX: not JSON, or not UTF-8: correct the sender (HTTP 400)
 * @WSE_ERROR_INVALID: well formed, but breaks a rule: correct the event (HTTP 422)
 * @WSE_ERROR_TOO_LARGE: more bytes or items than allowed (HTTP 413)
 * @WSE_ERROR_TOO_DEEP: more nested levels than allowed (HTTP 422)
 * @WSE_ERROR_NO_ROUTE: the event names no target (HTTP 422)
 * @WSE_ERROR_BUSY: a bounded queue is full: send the same again later (HTTP 429)
 * @WSE_ERROR_UNAVAILABLE: the log cannot be written now: send the same again later (HTTP 503)
 * @WSE_ERROR_UNSUPPORTED: well formed, but in a form that is not taken: send another (HTTP 415)
 * @WSE_ERROR_FORBIDDEN: who asks is not permitted to: ask the operator for more, or for less (HTTP 403)
 * @WSE_ERROR_CONFLICT: somebody else was faster: look how things stand now, and begin again from there (HTTP 409)
 *
 * What the caller of a function can do about its failure.
 *
 * Since: 0.1
 */
typedef enum
{
  WSE_ERROR_FAILED,
  WSE_ERROR_SYNTAX,
  WSE_ERROR_INVALID,
  WSE_ERROR_TOO_LARGE,
  WSE_ERROR_TOO_DEEP,
  WSE_ERROR_NO_ROUTE,
  WSE_ERROR_BUSY,
  WSE_ERROR_UNAVAILABLE,
  WSE_ERROR_UNSUPPORTED,
  WSE_ERROR_FORBIDDEN,
  WSE_ERROR_CONFLICT,
} WseError;

WSE_AVAILABLE_IN_0_1
GQuark wse_error_quark (void);

WSE_AVAILABLE_IN_0_1
const char *wse_error_get_code (const GError *error);

G_END_DECLS
