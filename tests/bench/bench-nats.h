/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-subscriber.h"

/* What NATS says to a publisher's connection and what it wants to hear of a subscriber's before anything else. */
#define BENCH_NATS_CONNECT "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
#define BENCH_NATS_SUBSCRIBE BENCH_NATS_CONNECT "SUB bench 1\r\n"

/* Bytes of a subscriber's stream, which NATS cuts into frames as it likes. */
void bench_nats_feed (BenchSubscriber *subscriber, const char *data, size_t length, BenchMessage message, void *user_data);
/* Sends the commands that begin a subscription, in a frame. */
void bench_nats_greet (BenchSubscriber *subscriber);
