/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream-world.h"

G_BEGIN_DECLS

extern const char * const world_channels[MODEL_STREAMS];

/* Takes @problem; NULL: there is none. */
void    world_fail         (World *world, Reader *reader, char *problem);
/* The last place of a stream that is answered. */
guint64 world_settled_head (World *world, guint stream);
/* Takes one message and holds it against the model; it must come. */
void    world_take         (World *world, Reader *reader, const char *what);

G_END_DECLS
