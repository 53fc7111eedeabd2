/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One entry of the deny list. It is compared with what a token granted; the token itself is never seen here. */

#include "auth/wsed-revocation.h"

#include <string.h>

#include "auth/wsed-object.h"
#include "auth/wsed-token.h"

static WsedRevocation *
revocation_new (void)
{
  WsedRevocation *self = g_new0 (WsedRevocation, 1);

  self->refs = 1;
  self->issued = G_MININT64;
  self->expires = G_MAXINT64;
  return self;
}

static const char *
member (const char         *name,
        const WseJsonValue *value,
        gpointer            user_data)
{
  WsedRevocation *self = user_data;

  if (g_str_equal (name, "jti"))
    {
      self->jti = wsed_object_dup_text (value, WSED_MAX_JTI);
      return self->jti != NULL && *self->jti != '\0' ? NULL : "jti is a text of 1 to 512 bytes";
    }
  if (g_str_equal (name, "sub"))
    return (self->user = wsed_object_dup_id (value)) != NULL ? NULL : "sub is an id of 1 to 128 bytes";
  if (g_str_equal (name, "iat"))
    return wsed_object_read_time (value, &self->issued) ? NULL : "iat is a number of seconds since 1970";
  if (g_str_equal (name, "exp"))
    return wsed_object_read_time (value, &self->expires) ? NULL : "exp is a number of seconds since 1970";
  return "a revocation has only jti, or sub and iat, and exp";
}

WsedRevocation *
wsed_revocation_new (const char  *text,
                     gsize        length,
                     gint64       now,
                     const char **problem)
{
  g_autoptr (WsedRevocation) self = revocation_new ();

  *problem = wsed_object_read (text, length, member, self);
  if (*problem == NULL && (self->jti == NULL) == (self->user == NULL))
    *problem = "name either the jti of one token, or the sub whose tokens are revoked";
  if (*problem == NULL && self->jti != NULL && self->issued != G_MININT64)
    *problem = "iat goes with sub, not with jti";
  if (*problem != NULL)
    return NULL;
  if (self->user != NULL && self->issued == G_MININT64)
    self->issued = now;
  return g_steal_pointer (&self);
}

WsedRevocation *
wsed_revocation_merge (const WsedRevocation *one,
                       const WsedRevocation *other)
{
  WsedRevocation *self = revocation_new ();

  self->jti = g_strdup (one->jti);
  self->user = g_strdup (one->user);
  self->issued = MAX (one->issued, other->issued);
  self->expires = MAX (one->expires, other->expires);
  return self;
}

WsedRevocation *
wsed_revocation_ref (WsedRevocation *self)
{
  __atomic_fetch_add (&self->refs, 1, __ATOMIC_RELAXED);
  return self;
}

void
wsed_revocation_unref (WsedRevocation *self)
{
  if (__atomic_sub_fetch (&self->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_free (self->jti);
  g_free (self->user);
  g_free (self);
}

gboolean
wsed_revocation_covers (const WsedRevocation *self,
                        const WsedGrant      *grant)
{
  if (self->jti != NULL)
    return g_strcmp0 (self->jti, grant->jti) == 0;
  return g_strcmp0 (self->user, grant->user) == 0 && grant->issued <= self->issued;
}

static void
append_time (GString    *out,
             const char *name,
             gint64      time)
{
  g_string_append_printf (out, ",\"%s\":%" G_GINT64_FORMAT ".%06d", name, time / G_USEC_PER_SEC, (int) (time % G_USEC_PER_SEC));
}

void
wsed_revocation_append (const WsedRevocation *self,
                        GString              *out)
{
  g_string_append (out, self->jti != NULL ? "{\"jti\":" : "{\"sub\":");
  wse_json_append_string (out, self->jti != NULL ? self->jti : self->user, -1);
  if (self->user != NULL)
    append_time (out, "iat", self->issued);
  if (self->expires != G_MAXINT64)
    append_time (out, "exp", self->expires);
  g_string_append_c (out, '}');
}
