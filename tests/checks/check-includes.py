#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arrows between the rooms: who may include whom. library ← daemon's folders ← composition root."""

import os
import re
import sys

import tree as t

# Room → the rooms it may include, besides itself and the library. A room that is not here may not exist.
ARROWS = {
    'libwse-glib': set(),
    'thread': set(),
    'metrics': set(),
    'system': set(),
    'auth': {'thread'},
    'tls': {'thread', 'metrics', 'auth', 'guard'},
    'ctl': set(),
    'guard': {'metrics'},
    'config': {'log', 'guard', 'redis'},
    'postgres': set(),
    'log': {'thread', 'postgres'},
    'redis': set(),
    'relay': {'log', 'metrics', 'redis', 'postgres'},
    'fleet': {'relay', 'log', 'thread', 'postgres'},
    'stream': {'thread', 'log', 'metrics', 'auth', 'tls'},
    'pipeline': {'log', 'relay', 'metrics', 'thread'},
    'source': {'pipeline', 'metrics', 'log', 'thread', 'postgres'},
    'transport': {'stream', 'log', 'metrics', 'thread', 'pipeline', 'config', 'auth', 'guard', 'tls', 'fleet'},
}
ROOT = {'daemon', 'main'}
# Files beside the composition root belong to the room of their first word; these do not say which that is.
PART_OF = {'option': 'config'}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
SOURCE = re.compile(r'\.[ch](\.in)?$')


def room(path):
    """The room that a file of library or daemon is in, else None."""
    parts = path.split('/')
    if parts[0] == 'libwse-glib':
        return 'libwse-glib'
    if parts[0] != 'daemon':
        return None
    if len(parts) > 2:
        return parts[1]
    name = re.match(r'(?:wsed-)?([^-.]*)', parts[1]).group(1)
    return PART_OF.get(name, name)


def find(tree, path, name):
    """The file of the tree that an include names, else None (the system's)."""
    for folder in (os.path.dirname(path), 'daemon', 'libwse-glib'):
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in tree:
            return candidate
        if candidate + '.in' in tree:
            return candidate + '.in'
    return None


def arrows(tree):
    problems = []
    for path, text in tree.items():
        here = room(path)
        if here is None or not SOURCE.search(path):
            continue
        if here not in ARROWS and here not in ROOT:
            problems.append(f'{path}: the room "{here}" has no row in the table of arrows')
            continue
        for match in INCLUDE.finditer(text):
            target = find(tree, path, match.group(1))
            there = room(target) if target else None
            if there in (None, here) or here in ROOT:
                continue
            if there == 'libwse-glib' or there in ARROWS[here]:
                continue
            line = text.count('\n', 0, match.start(1)) + 1
            problems.append(f'{path}:{line}: "{here}" may not include {match.group(1)} of "{there}"')
    return problems


def outside(tree):
    """Nobody outside of library, daemon and tests looks into them but by the umbrella header."""
    return t.grep(tree, r'#\s*include\s+["<](wse-|wsed-|[a-z]+/wsed-)[^">]*', '{} is not public; include <wse.h>',
                  of=lambda path: path.startswith('monitor-app/') and SOURCE.search(path))


GOOD = {
    'libwse-glib/wse.h': '#include "wse-event.h"\n', 'libwse-glib/wse-event.h': '#include <glib.h>\n', 'daemon/main.c': '#include "transport/wsed-http.h"\n',
    'daemon/transport/wsed-http.h': '#include "stream/wsed-hub.h"\n#include "wse.h"\n', 'daemon/stream/wsed-hub.h': '#include "log/wsed-log.h"\n',
    'daemon/log/wsed-log.h': '#include <sqlite3.h>\n', 'daemon/wsed-pipeline.h': '#include "log/wsed-log.h"\n',
}
BAD = [
    GOOD | {'daemon/log/wsed-sqlite.c': '\n#include "transport/wsed-http.h"\n'},
    GOOD | {'libwse-glib/wse-bus.c': '#include "log/wsed-log.h"\n'},
    GOOD | {'libwse-glib/wse-bus.c': '#include "../daemon/log/wsed-log.h"\n'},
    GOOD | {'daemon/source/wsed-http.c': '# include "transport/wsed-http.h"\n'},
    GOOD | {'daemon/log/wsed-log.c': '#include "wsed-pipeline.h"\n'},
    GOOD | {'daemon/attic/wsed-old.c': '#include <glib.h>\n'},
    GOOD | {'daemon/ctl/wsectl-tail.c': '#include "log/wsed-log.h"\n'},
]

report = t.Report()
real = t.read(sys.argv[1])
report.check('arrows between the rooms', arrows, real, BAD, GOOD)
report.check('only the umbrella from outside', outside, real, [{'monitor-app/app.c': '#include <wse-event.h>\n'}],
             {'monitor-app/app.c': '#include <wse.h>\n#include "model/app-list.h"\n'})
report.end()
