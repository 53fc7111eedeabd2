/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Channel names and the characters of ids: what is a name, what kind it has. Knows no stream and no permission. */

#include "wse-channel.h"

#include <string.h>

#include "wse-limits.h"

static const struct
{
  const char *prefix;
  gsize length;
} prefixes[] = {
  [WSE_CHANNEL_INVALID] = { "", 0 },
  [WSE_CHANNEL_USER] = { "user:", 5 },
  [WSE_CHANNEL_ROLE] = { "role:", 5 },
  [WSE_CHANNEL_TEAM] = { "team:", 5 },
  [WSE_CHANNEL_SESSION] = { "session:", 8 },
  [WSE_CHANNEL_GLOBAL] = { "global", 6 },
  [WSE_CHANNEL_SYSTEM] = { "system", 6 },
};

/* Beyond ASCII: UTF-8, no C1 control, no white space of Unicode. */
static gboolean
rest_is_valid (const char *p, const char *end)
{
  if (!g_utf8_validate (p, end - p, NULL))
    return FALSE;
  for (; p < end; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_iscntrl (c) || g_unichar_isspace (c) || c == ' ' || c == ',' || c == '@' || c == '*')
        return FALSE;
    }
  return TRUE;
}

/**
 * wse_channel_id_is_valid:
 * @id: (array length=length) (element-type char): an id, or an event type
 * @length: its bytes; -1 where it ends in NUL
 *
 * Whether @id may stand after the colon of a channel's name: 1 to 128 bytes of UTF-8 without white space (that of Unicode too), control
 * characters (C0, DEL, C1), `,`, `@` or `*` (PROTOCOL section 1). Event types have the same rule.
 *
 * Returns: %TRUE where it is valid
 *
 * Since: 0.1
 */
gboolean
wse_channel_id_is_valid (const char *id, gssize length)
{
  const char *end;

  g_return_val_if_fail (id != NULL, FALSE);

  if (length < 0)
    length = strnlen (id, WSE_MAX_ID_BYTES + 1);
  if (length == 0 || length > WSE_MAX_ID_BYTES)
    return FALSE;
  end = id + length;
  for (const char *p = id; p < end; p++)
    {
      guchar c = (guchar) *p;

      if (c >= 0x80)
        return rest_is_valid (p, end);
      if (c <= 0x20 || c == 0x7f || c == ',' || c == '@' || c == '*')
        return FALSE;
    }
  return TRUE;
}

/**
 * wse_channel_parse:
 * @name: any text
 * @id: (out) (optional) (nullable) (transfer none): where to put the id within @name, %NULL for `global`, `system` and what is no channel
 *
 * Takes the name of a channel apart (PROTOCOL section 1).
 *
 * Returns: its kind; %WSE_CHANNEL_INVALID where @name is not the name of a channel
 *
 * Since: 0.1
 */
WseChannelKind
wse_channel_parse (const char *name, const char **id)
{
  g_return_val_if_fail (name != NULL, WSE_CHANNEL_INVALID);

  if (id != NULL)
    *id = NULL;
  for (WseChannelKind kind = WSE_CHANNEL_USER; kind <= WSE_CHANNEL_SYSTEM; kind++)
    {
      const char *rest = name + prefixes[kind].length;

      if (strncmp (name, prefixes[kind].prefix, prefixes[kind].length) != 0)
        continue;
      if (kind >= WSE_CHANNEL_GLOBAL)
        return *rest == '\0' ? kind : WSE_CHANNEL_INVALID;
      if (!wse_channel_id_is_valid (rest, -1))
        return WSE_CHANNEL_INVALID;
      if (id != NULL)
        *id = rest;
      return kind;
    }
  return WSE_CHANNEL_INVALID;
}

/**
 * wse_channel_build:
 * @kind: a kind, not %WSE_CHANNEL_INVALID
 * @id: (nullable): the id; ignored for %WSE_CHANNEL_GLOBAL and %WSE_CHANNEL_SYSTEM
 *
 * Puts the name of a channel together.
 *
 * Returns: (transfer full) (nullable): the name, %NULL where @id is not valid (see [func@Wse.channel_id_is_valid])
 *
 * Since: 0.1
 */
char *
wse_channel_build (WseChannelKind kind, const char *id)
{
  g_return_val_if_fail (kind > WSE_CHANNEL_INVALID && kind <= WSE_CHANNEL_SYSTEM, NULL);

  if (kind >= WSE_CHANNEL_GLOBAL)
    return g_strdup (prefixes[kind].prefix);
  if (id == NULL || !wse_channel_id_is_valid (id, -1))
    return NULL;
  return g_strconcat (prefixes[kind].prefix, id, NULL);
}

/**
 * wse_channel_is_valid:
 * @name: any text
 *
 * Whether @name is the name of a channel.
 *
 * Returns: %TRUE where it is
 *
 * Since: 0.1
 */
gboolean
wse_channel_is_valid (const char *name)
{
  return wse_channel_parse (name, NULL) != WSE_CHANNEL_INVALID;
}
