/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-config.h"
#include "config/wsed-option.h"

G_BEGIN_DECLS

/* Sets what the file @path says; it has to be there. */
gboolean wsed_config_read_file   (WsedConfig *config, const char *path, GError **error);
/* Adds the routes of the file @path, which has nothing else. */
gboolean wsed_config_read_routes (WsedConfig *config, const char *path, GError **error);
/* Sets one value of @target, which has the option's field, from whichever place: @who names it in the message. */
gboolean wsed_config_set         (gpointer target, const WsedOption *option, const char *who, const char *text, GError **error);

G_END_DECLS
