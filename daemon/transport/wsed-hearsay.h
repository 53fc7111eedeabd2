/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/wsed-api.h"

G_BEGIN_DECLS

/* What the daemons of a log tell and ask each other for their requests' sake. Nothing where @api has no fleet; borrows @api. */
void wsed_hearsay_listen       (WsedApi *api);
/* Has been done here: this daemon's readers and all others are told. */
void wsed_hearsay_tell_erased  (WsedApi *api, const WsedErase *erase);
/* … and kept for those who come later: @done when it is, or is not. */
void wsed_hearsay_tell_revoked (WsedApi *api, const WsedRevocation *revocation, WsedNoted done, gpointer user_data);

G_END_DECLS
