/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-filter.h"

G_BEGIN_DECLS

/* What takes only what both take; NULL where that is everything, as either may be (transfer full). Its key is canonical, too. */
WseFilter *wse_filter_both (WseFilter *one, WseFilter *other);

G_END_DECLS
