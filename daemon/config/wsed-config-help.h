/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void  wsed_config_print_help    (void);
void  wsed_config_print_version (void);
/* All settings with a comma between, as options (@prefix "--") or variables ("WSE_"). */
char *wsed_config_list_options  (const char *prefix);

G_END_DECLS
