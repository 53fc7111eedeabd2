/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-event-private.h"
#include "wse-json-private.h"
#include "wse-uuid-private.h"

G_BEGIN_DECLS

/* What the rules of all forms name. In the order in which they are looked at: the four targets like the channels they add, the
 * three payloads like their precedence. */
typedef enum
{
  WSE_MEMBER_USER_ID,
  WSE_MEMBER_ROLE_ID,
  WSE_MEMBER_TEAM_ID,
  WSE_MEMBER_SESSION_ID,
  WSE_MEMBER_BROADCAST,
  WSE_MEMBER_PAYLOAD,
  WSE_MEMBER_DATA,
  WSE_MEMBER_METADATA,
  WSE_MEMBER_EVENT_TYPE,
  WSE_MEMBER_EVENT_ID,
  WSE_MEMBER_TIMESTAMP,
  WSE_MEMBER_SEVERITY,
  WSE_MEMBER_MESSAGE,
  /* Of CloudEvents alone. */
  WSE_MEMBER_SPEC_VERSION,
  WSE_MEMBER_SOURCE,
  WSE_MEMBER_DATA_TYPE,
  WSE_MEMBER_DATA_BASE64,
  WSE_N_MEMBERS,
} WseMember;

typedef struct _WseMembers WseMembers;

/* A form in which events are sent. */
typedef struct
{
  /* NULL where the form has no such member: then one of that name is unknown. */
  struct
  {
    const char *name;
    gsize length;
  } members[WSE_N_MEMBERS];
  /* Fills fields from what was read. */
  gboolean (*take) (WseMembers *self, GError **error);
} WseEventForm;

/* A member that no rule names. */
typedef struct
{
  WseJsonValue key;
  WseJsonValue value;
  const char *name;            /* the key without quotes and escapes */
  gsize name_length;
} WseUnknown;

/* Unknown members up to this many are compared each with each and need no allocation. */
#define WSE_FEW_MEMBERS 16

/* An object while it is taken in. */
struct _WseMembers
{
  const WseEventForm *form;
  const WseEventParse *rules;
  WseJsonValue known[WSE_N_MEMBERS];
  guint seen;                  /* a bit for each known member that was there, null ones too */
  guint given;                 /* those that are not null */
  WseUnknown few[WSE_FEW_MEMBERS];
  WseUnknown *unknown;         /* `few`, or an allocation */
  guint n_unknown, max_unknown;
  guint type;                  /* which of them is `type`, or G_MAXUINT */
  gboolean type_used;          /* it is the event's type */
  WseJsonValue duplicate;      /* the first key found to be a duplicate; data NULL: none */
  guint depth;
  char *scratch;               /* room for every text without escapes, and for the payload */
  WseEventFields fields;
  const char *channels[WSE_MAX_TARGETS];
  char id[WSE_UUID_LENGTH + 1];
};

WseEvent   *wse_members_parse (const char *json, gsize length, const WseEventParse *parse, const WseEventForm *form,
                               GError **error);

/* For a form's take(). */
static inline gboolean
wse_members_has (const WseMembers *self, WseMember member)
{
  return (self->given & 1u << member) != 0;
}

/* FALSE, with WSE_ERROR_INVALID that names the member. */
gboolean    wse_members_invalid (const WseMembers *self, WseMember member, const char *expected, GError **error);
/* The text of a string, with a NUL; valid as long as @self. */
char       *wse_members_take_text (WseMembers *self, const WseJsonValue *value, gsize *length);
/* Each fills the field that it is named after, with its default where the member is absent. */
gboolean    wse_members_take_event_type (WseMembers *self, GError **error);
gboolean    wse_members_take_event_id (WseMembers *self, GError **error);
gboolean    wse_members_take_timestamp (WseMembers *self, GError **error);
gboolean    wse_members_take_targets (WseMembers *self, GError **error);
/* Without white space. */
void        wse_members_take_payload (WseMembers *self, const WseJsonValue *value);

G_END_DECLS
