#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the C of library and daemon does not do: abort on its own account, jump, or hand over between threads by what cannot be checked."""

import re
import sys

import tree as t

# Where the process may end itself: path → why.
MAY_ABORT = {
    'daemon/thread/wsed-inbox.c': 'a thread without an inbox cannot be told of anything; it is made before anything is served',
    'daemon/wsed-daemon.c': 'stopping has a deadline: a log that does not close in time is left as it is, nothing answered is lost',
    'daemon/stream/wsed-worker.c': 'as the inbox: workers are made and started before anything is served',
}
ABORT = re.compile(r'\b(g_error|abort|g_abort|exit|_exit) ?\(')


def product(path):
    return path.endswith(('.c', '.h')) and path.startswith(('libwse-glib/', 'daemon/'))


def aborts(tree):
    return t.grep(tree, ABORT, '{}…) ends the process; give an error back', view=t.code,
                  of=lambda path: product(path) and path not in MAY_ABORT and path != 'daemon/main.c')


def unused_exceptions(tree):
    return [f'{path}: is excepted but does not need to be' for path in MAY_ABORT if not ABORT.search(t.code(tree.get(path, '')))]


def jumps(tree):
    return t.grep(tree, r'\bgoto\b', '{}', view=t.code, of=product)


def threads(tree):
    return t.grep(tree, r'\b(GMutex|GRecMutex|GCond|GRWLock|GAsyncQueue|GThreadPool|g_mutex_\w+|g_async_queue_\w+|g_thread_pool_\w+)\b',
                  '{}: ThreadSanitizer cannot follow it; use pthread, atomics, the inbox', view=t.code, of=product)


def allocation(tree):
    return t.grep(tree, r'\b(malloc|calloc|realloc|strcpy|strcat|sprintf|gets|strtok|atoi|atol|atof) ?\(', '{}…): use what GLib has',
                  view=t.code, of=product)


report = t.Report()
real = t.read(sys.argv[1])
fine = {'daemon/a.c': '/* abort (); goto */\n  g_warning ("abort (now)");\n  g_assert (on_abort (x));\n', 'tests/a.c': '  goto out;\n'}
report.check('nothing ends the process', aborts, real, [{'daemon/a.c': '  g_error ("x");\n'}, {'libwse-glib/a.c': '  abort ();\n'},
                                                        {'daemon/a.c': '  exit(1);\n'}], fine)
report.check('no exception for nothing', unused_exceptions, real, [{'daemon/thread/wsed-inbox.c': '\n'}],
             {path: 'g_error ("x");\n' for path in MAY_ABORT})
report.check('no goto', jumps, real, [{'daemon/a.c': '  goto out;\n'}], fine)
report.check('threads by what can be checked', threads, real, [{'daemon/a.c': 'GMutex lock;\n'}, {'daemon/a.c': 'g_async_queue_new ();\n'}], fine)
report.check('no bare allocation or unbounded string', allocation, real, [{'libwse-glib/a.c': '  strcpy (a, b);\n'}],
             {'libwse-glib/a.c': '  g_malloc (2);\n  sqlite3_malloc (2);\n'})
report.end()
