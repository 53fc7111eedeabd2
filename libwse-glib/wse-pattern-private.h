/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* Whether @text is one of @patterns: a name, or how it begins with a `*` behind it. @text NULL: it is none. */
static inline gboolean
wse_pattern_fits_any (const char * const *patterns,
                      const char         *text)
{
  for (guint i = 0; text != NULL && patterns[i] != NULL; i++)
    {
      gsize length = strlen (patterns[i]);

      if (length > 0 && patterns[i][length - 1] == '*' ? strncmp (patterns[i], text, length - 1) == 0 : strcmp (patterns[i], text) == 0)
        return TRUE;
    }
  return FALSE;
}

G_END_DECLS
