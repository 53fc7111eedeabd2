/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib.h>

/* Every bound on what comes from outside, with its unit and the reason for it. PROTOCOL names those that a client can meet. */

/**
 * WSE_MAX_ID_BYTES:
 *
 * Bytes of a channel's id, an event type or an event id: they are keys in the log and in every cursor.
 *
 * Since: 0.1
 */
#define WSE_MAX_ID_BYTES 128

/**
 * WSE_MAX_EPOCH_BYTES:
 *
 * Characters of an epoch.
 *
 * Since: 0.1
 */
#define WSE_MAX_EPOCH_BYTES 32

/**
 * WSE_MAX_DEPTH:
 *
 * Nested levels of a JSON event, the event's own object is the first; deeper ones crash other people's parsers.
 *
 * Since: 0.1
 */
#define WSE_MAX_DEPTH 64

/**
 * WSE_MAX_TARGETS:
 *
 * Channels an event can name (user, role, team, session, global).
 *
 * Since: 0.1
 */
#define WSE_MAX_TARGETS 5

/**
 * WSE_MAX_ITEMS:
 *
 * Events in one request, so that one sender's answer stays small.
 *
 * Since: 0.1
 */
#define WSE_MAX_ITEMS 10000

/**
 * WSE_MAX_CURSOR_CHANNELS:
 *
 * Channels one cursor may name: a connection has no more subscriptions.
 *
 * Since: 0.1
 */
#define WSE_MAX_CURSOR_CHANNELS 1000

/**
 * WSE_MAX_FILTER_TYPES:
 *
 * Event types one filter may name: each event is looked up in it.
 *
 * Since: 0.1
 */
#define WSE_MAX_FILTER_TYPES 64

/**
 * WSE_DEFAULT_MAX_EVENT:
 *
 * Bytes of one event as it comes in (WSE_MAX_EVENT).
 *
 * Since: 0.1
 */
#define WSE_DEFAULT_MAX_EVENT (256 * 1024)

/**
 * WSE_DEFAULT_MAX_BODY:
 *
 * Bytes of one HTTP body (WSE_MAX_BODY).
 *
 * Since: 0.1
 */
#define WSE_DEFAULT_MAX_BODY (16 * 1024 * 1024)

/**
 * WSE_DEFAULT_MAX_MESSAGE:
 *
 * Bytes of one WebSocket message from a client, fragments added up (WSE_MAX_MESSAGE).
 *
 * Since: 0.1
 */
#define WSE_DEFAULT_MAX_MESSAGE (128 * 1024)

/**
 * WSE_MAX_HISTORY:
 *
 * Events a connection may ask to have repeated for a channel.
 *
 * Since: 0.1
 */
#define WSE_MAX_HISTORY 10000

/**
 * WSE_DEFAULT_HISTORY:
 *
 * Events repeated for a channel where the client does not say.
 *
 * Since: 0.1
 */
#define WSE_DEFAULT_HISTORY 100

/**
 * WSE_MAX_LOOKBACK:
 *
 * Events a filtered history looks at per channel, so that a rare type cannot make it read a whole log.
 *
 * Since: 0.1
 */
#define WSE_MAX_LOOKBACK 100000

/**
 * WSE_MAX_PAGE:
 *
 * Events of one page of history over HTTP or by command.
 *
 * Since: 0.1
 */
#define WSE_MAX_PAGE 1000

/**
 * WSE_DEFAULT_QUEUE:
 *
 * Events that wait for one subscriber of a [class@Wse.Bus].
 *
 * Since: 0.1
 */
#define WSE_DEFAULT_QUEUE 1000

/**
 * WSE_MAX_QUEUE:
 *
 * Events that may be let wait for one subscriber of a [class@Wse.Bus]: a queue that nobody empties ends somewhere.
 *
 * Since: 0.1
 */
#define WSE_MAX_QUEUE 1000000
