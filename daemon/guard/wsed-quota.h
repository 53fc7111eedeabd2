/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One bucket that @rate tokens a second fall into, at most @burst of them (generic cell rate algorithm). */
typedef struct
{
  gint64 spent;                /* monotonic nanoseconds at which it is full again; 0: it is full */
} WsedBucket;

/* Takes a token: 0; microseconds to wait until there is one. @now: monotonic microseconds; @rate: 1 to 1,000,000. */
gint64     wsed_bucket_take (WsedBucket *self, guint rate, guint burst, gint64 now);

/* Buckets of many keys in a table of 256 KiB. Where that is full the fullest bucket makes room: who has taken little loses nothing by it. */
typedef struct _WsedQuota WsedQuota;

/* @rate: 0: no limit. */
WsedQuota *wsed_quota_new   (guint rate, guint burst);
/* As wsed_bucket_take(), of the key of @length bytes at @key. NULL never says no. */
gint64     wsed_quota_take  (WsedQuota *self, const void *key, gsize length, gint64 now);
void       wsed_quota_free  (WsedQuota *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedQuota, wsed_quota_free)

G_END_DECLS
