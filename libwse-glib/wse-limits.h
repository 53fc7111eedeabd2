/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib.h>

/* Every bound on what comes from outside, with its unit and the reason for it. PROTOCOL names those that a client can meet. */

/** WSE_MAX_ID_BYTES: bytes of a channel's id, an event type or an event id: they are keys in the log and in every cursor. */
#define WSE_MAX_ID_BYTES 128
/** WSE_MAX_EPOCH_BYTES: characters of an epoch. */
#define WSE_MAX_EPOCH_BYTES 32
/** WSE_MAX_DEPTH: nested levels of a JSON event, the event's own object is the first; deeper ones crash other people's parsers. */
#define WSE_MAX_DEPTH 64
/** WSE_MAX_TARGETS: channels an event can name (user, role, team, session, global). */
#define WSE_MAX_TARGETS 5
/** WSE_MAX_ITEMS: events in one request, so that one sender's answer stays small. */
#define WSE_MAX_ITEMS 10000
/** WSE_MAX_CURSOR_CHANNELS: channels one cursor may name: a connection has no more subscriptions. */
#define WSE_MAX_CURSOR_CHANNELS 1000
/** WSE_MAX_FILTER_TYPES: event types one filter may name: each event is looked up in it. */
#define WSE_MAX_FILTER_TYPES 64
/** WSE_DEFAULT_MAX_EVENT: bytes of one event as it comes in (WSE_MAX_EVENT). */
#define WSE_DEFAULT_MAX_EVENT (256 * 1024)
/** WSE_DEFAULT_MAX_BODY: bytes of one HTTP body (WSE_MAX_BODY). */
#define WSE_DEFAULT_MAX_BODY (16 * 1024 * 1024)
/** WSE_DEFAULT_MAX_MESSAGE: bytes of one WebSocket message from a client, fragments added up (WSE_MAX_MESSAGE). */
#define WSE_DEFAULT_MAX_MESSAGE (128 * 1024)
/** WSE_MAX_HISTORY: events a connection may ask to have repeated for a channel. */
#define WSE_MAX_HISTORY 10000
/** WSE_DEFAULT_HISTORY: events repeated for a channel where the client does not say. */
#define WSE_DEFAULT_HISTORY 100
/** WSE_MAX_LOOKBACK: events a filtered history looks at per channel, so that a rare type cannot make it read a whole log. */
#define WSE_MAX_LOOKBACK 100000
/** WSE_MAX_PAGE: events of one page of history over HTTP or by command. */
#define WSE_MAX_PAGE 1000
