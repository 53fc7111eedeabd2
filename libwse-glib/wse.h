/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define WSE_INSIDE

#include "wse-bus-stats.h"
#include "wse-bus.h"
#include "wse-channel.h"
#include "wse-cursor.h"
#include "wse-dialect.h"
#include "wse-emitters.h"
#include "wse-error.h"
#include "wse-event.h"
#include "wse-filter.h"
#include "wse-limits.h"
#include "wse-router.h"
#include "wse-subscription.h"
#include "wse-system-events.h"
#include "wse-transformer.h"
#include "wse-type-mapper.h"
#include "wse-version.h"

#undef WSE_INSIDE
