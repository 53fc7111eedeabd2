/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads permissions. What is not understood is refused: to pass over a restriction that was misspelt would lift it. */

#include "auth/wsed-permissions.h"

#include "auth/wsed-object.h"
#include "wse-limits.h"

/* Bytes of a pattern: a channel with something to spare. */
#define MAX_PATTERN (WSE_MAX_ID_BYTES + 16)
/* Bytes of types joined by commas. */
#define MAX_TYPES (WSE_MAX_FILTER_TYPES * (WSE_MAX_ID_BYTES + 1))

typedef struct
{
  GStrv types;
  WseSeverity severity;
} Filter;

static const char *
read_patterns (const WseJsonValue *value,
               GStrv              *patterns)
{
  g_auto (GStrv) read = wsed_object_dup_texts (value, MAX_PATTERN);

  if (read == NULL)
    return "subscribe and publish are lists of channels";
  for (guint i = 0; read[i] != NULL; i++)
    if (!wsed_grant_pattern_is_valid (read[i]))
      return "subscribe and publish name channels, or prefixes that end in *";
  g_strfreev (*patterns);
  *patterns = g_steal_pointer (&read);
  return NULL;
}

static const char *
read_flag (const WseJsonValue *value,
           gboolean           *flag)
{
  if (value->type != WSE_JSON_TRUE && value->type != WSE_JSON_FALSE)
    return "monitor and admin are true or false";
  *flag = value->type == WSE_JSON_TRUE;
  return NULL;
}

static const char *
filter_member (const char         *name,
               const WseJsonValue *value,
               gpointer            user_data)
{
  Filter *filter = user_data;
  g_autofree char *text = wsed_object_dup_text (value, MAX_TYPES);

  if (g_str_equal (name, "types"))
    {
      filter->types = text != NULL ? g_strsplit (text, ",", -1) : wsed_object_dup_texts (value, WSE_MAX_ID_BYTES);
      return filter->types != NULL ? NULL : "types of the filter is a list of event types";
    }
  if (g_str_equal (name, "severity"))
    return text != NULL && wse_severity_from_string (text, &filter->severity) ? NULL : "severity of the filter is info, warning or error";
  return "the filter has a member that is not known";
}

static const char *
read_filter (const WseJsonValue *value,
             WsedGrant          *grant)
{
  Filter filter = { NULL, WSE_SEVERITY_INFO };
  const char *problem = wsed_object_read_value (value, filter_member, &filter);
  g_auto (GStrv) types = filter.types;
  WseFilter *made;

  if (problem != NULL)
    return problem;
  /* No types would be all types: that is not what somebody means who says none. */
  if (types != NULL && types[0] == NULL)
    return "types of the filter is empty";
  made = wse_filter_new ((const char * const *) types, filter.severity, NULL);
  if (made == NULL)
    return "types of the filter has one that cannot be";
  g_clear_pointer (&grant->filter, wse_filter_unref);
  grant->filter = made;
  return NULL;
}

const char *
wsed_permissions_read (const char         *name,
                       const WseJsonValue *value,
                       WsedGrant          *grant,
                       gboolean           *known)
{
  *known = TRUE;
  if (g_str_equal (name, "subscribe"))
    return read_patterns (value, &grant->subscribe);
  if (g_str_equal (name, "publish"))
    return read_patterns (value, &grant->publish);
  if (g_str_equal (name, "monitor"))
    return read_flag (value, &grant->monitor);
  if (g_str_equal (name, "admin"))
    return read_flag (value, &grant->admin);
  if (g_str_equal (name, "filter"))
    return read_filter (value, grant);
  *known = FALSE;
  return NULL;
}
