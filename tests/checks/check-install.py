#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library as its users get it: installs the build below a directory of its own, and builds and runs a program against that."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import tree as t

PROGRAM = '''
#include <wse.h>
int
main (void)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_NO_ROUTE, "x");
  return g_strcmp0 (wse_error_get_code (error), "no_route");
}
'''
ALONE = '#include <wse-event.h>\nint main (void) { return 0; }\n'
PRIVATE = '#include <wse.h>\n#include <wse-json-private.h>\nint main (void) { return 0; }\n'

meson, build, compiler, sanitizers = sys.argv[1:5]


def relocated(root):
    """A copy of the pkg-config file that names the place under root, beside the one installed; the folder it is in."""
    found = next(root.rglob('pkgconfig/wse-glib-0.pc'))
    folder = root / 'moved'
    folder.mkdir()
    (folder / found.name).write_text(re.sub(r'^prefix=(.*)$', f'prefix={root}\\1', found.read_text(), flags=re.M))
    return folder


def flags(folder):
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get('PKG_CONFIG_PATH')]))
    out = subprocess.run(['pkg-config', '--cflags', '--libs', 'wse-glib-0'], env=os.environ | {'PKG_CONFIG_PATH': path},
                         capture_output=True, check=True, text=True).stdout
    return shlex.split(out)


def compiles(folder, root, text):
    (root / 'a.c').write_text(text)
    sanitize = [] if sanitizers == 'none' else ['-fsanitize=' + sanitizers]
    return subprocess.run([*shlex.split(compiler), '-Wall', '-Wextra', '-Werror', *sanitize, str(root / 'a.c'), '-o', str(root / 'a'), *flags(folder)],
                          capture_output=True, text=True)


report = t.Report()
with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    subprocess.run([meson, 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', name], check=True, stdout=subprocess.DEVNULL)
    folder = relocated(root)
    built = compiles(folder, root, PROGRAM)
    report.point(built.returncode == 0, 'a program builds against what is installed', built.stderr.splitlines())
    if built.returncode == 0:
        library = next(root.rglob('libwse-glib-0.so.0')).parent
        ran = subprocess.run([root / 'a'], env=os.environ | {'LD_LIBRARY_PATH': str(library)})
        report.point(ran.returncode == 0, 'and runs')
    report.point('Only <wse.h> can be included' in compiles(folder, root, ALONE).stderr, 'a header by itself is refused')
    report.point(compiles(folder, root, PRIVATE).returncode != 0, 'private headers stay at home')
report.end()
