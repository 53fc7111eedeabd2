#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every file says under which licence it is and what it owns, leaves nothing open, and knows nothing of the machine it was written on."""

import re
import sys
import tomllib

import tree as t

SOURCE = ('.c', '.h', '.h.in', '.py', '.sh', '.js', '.mjs', '.css', '.ui', '.service', '.socket', '.toml', 'meson.build', 'meson_options.txt',
          '.conf', '.clang-format', '.editorconfig', '.gitignore', '.supp', '.dict')
LICENCES = ('LGPL-2.1-or-later', 'GPL-3.0-or-later')
MAX_OPENING = 10

# Words are put together here, so that this file does not have them in it.
OPEN = r'\b(' + '|'.join(('TO' 'DO', 'FIX' 'ME', 'X' 'XX', 'HA' 'CK')) + r')\b'
FOREIGN = '|'.join((
    r'(?<![\w.])/wo' r'rk/', r'/far' r'm/', r'/tm' r'p/(hub|design|w)\b', r'\.lib' r'rary/',
    r'registry\.np' r'mjs', r'\bpy' r'pi\.(org|python)', r'pytho' r'nhosted\.org', r'deb\.deb' r'ian\.org', r'snapshot\.deb' r'ian\.org',
    r'repo\d*\.mav' r'en', r'crat' r'es\.io', r'proxy\.gol' r'ang', r'artifact-reg' r'istry', r'\bdoc' r'ker\.io',
    r'(?i:\bcla' r'ude\b|\banthro' r'pic\b|\bchat' r'gpt\b|\bcopi' r'lot\b|\bl' r'lms?\b)',
))


def is_source(path, text):
    return path.endswith(SOURCE) or text.startswith('#!')


def annotated(tree):
    """The patterns of REUSE.toml, for files that cannot carry a comment."""
    patterns = []
    for annotation in tomllib.loads(tree.get('REUSE.toml', '')).get('annotations', []):
        if 'SPDX-License-Identifier' in annotation:
            path = annotation['path']
            globs = [path] if isinstance(path, str) else path
            patterns += [re.compile(re.escape(g).replace(r'\*\*', '.*').replace(r'\*', '[^/]*')) for g in globs]
    return patterns


def licences(tree):
    problems = []
    patterns = annotated(tree)
    for path, text in tree.items():
        if path.startswith('LICENSES/'):
            continue
        head = '\n'.join(text.split('\n')[:3])
        named = re.search(r'SPDX-License-Identifier: ([\w.+-]+)', head)
        if named and named.group(1) not in LICENCES:
            problems.append(f'{path}: {named.group(1)} is none of {", ".join(LICENCES)}')
        elif not named and is_source(path, text):
            problems.append(f'{path}: no SPDX line at its beginning')
        elif not named and not any(p.fullmatch(path) for p in patterns):
            problems.append(f'{path}: neither an SPDX line at its beginning nor a line in REUSE.toml')
    return problems


def licence_texts(tree):
    return [f'LICENSES/{name}.txt is missing' for name in LICENCES if not tree.get(f'LICENSES/{name}.txt')]


def opening(path, text):
    """The comment that a file opens with, after its first lines of form; None without one."""
    if path.endswith('.c'):
        match = re.match(r'/\*[^\n]*\*/\n\s*/\*(.*?)\*/', text, re.S)
        return match and match.group(1)
    lines = [line for line in text.split('\n') if not line.startswith('#!') and 'SPDX-' not in line]
    rest = '\n'.join(lines).lstrip()
    match = re.match(r'"""(.*?)"""|((?:(?:#|//)[^\n]*\n)+)|/\*(.*?)\*/', rest, re.S)
    return match and match.group()


def openings(tree):
    problems = []
    for path, text in tree.items():
        if not (path.endswith(('.c', '.py', '.sh', '.js', '.mjs')) or (text.startswith('#!') and '\n' in text)):
            continue
        comment = opening(path, text)
        if not comment or not re.search(r'\w', comment):
            problems.append(f'{path}: does not say at its beginning what it owns')
        elif path.endswith('.c') and comment.strip().count('\n') + 1 > MAX_OPENING:
            problems.append(f'{path}: its opening comment has more than {MAX_OPENING} lines')
    return problems


def vague_names(tree):
    return [f'{path}: a name that says nothing' for path in tree
            if re.search(r'(^|[-_/])(utils?|helpers?|managers?|misc|common)([-_./]|$)', path)]


def unregistered(tree):
    """A test that its folder's meson.build does not name is never run."""
    problems = []
    for path in tree:
        found = re.fullmatch(r'(tests/[\w-]+)/test-([\w-]+)\.(c|py)', path)
        if found and not re.search(rf"['/-]{re.escape(found.group(2))}['.]", tree.get(f'{found.group(1)}/meson.build', '')):
            problems.append(f'{path}: its folder\'s meson.build does not name it')
    return problems


def left_open(tree):
    return t.grep(tree, OPEN, '{}: do it, or leave it out', of=lambda path: not path.startswith('LICENSES/'))


def foreign(tree):
    by_name = [f'{path}: its name' for path in tree if re.search(FOREIGN, '/' + path)]
    return by_name + t.grep(tree, FOREIGN, '"{}" belongs to a machine or a registry, not to the project')


C = '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n'
report = t.Report()
real = t.read(sys.argv[1])
toml = {'REUSE.toml': '# SPDX-License-Identifier: LGPL-2.1-or-later\n[[annotations]]\npath = ["**.json", "data/**"]\n'
        'SPDX-License-Identifier = "LGPL-2.1-or-later"\n'}
report.check('licences', licences, real,
             [toml | {'a.c': 'int a;\n'}, toml | {'a.md': 'x\n'}, toml | {'a.h': '/* SPDX-License-Identifier: MIT */\n'}, toml | {'run': '#!/bin/sh\n'}],
             toml | {'a.c': C, 'x/a.json': '{}', 'data/b/c.bin': '\0', 'run': '#!/bin/sh\n# SPDX-License-Identifier: GPL-3.0-or-later\n'})
report.check('licence texts', licence_texts, real, [{}], {f'LICENSES/{name}.txt': 'x' for name in LICENCES})
report.check('what a file owns', openings, real,
             [{'a.c': C + '\n#include <glib.h>\n'}, {'a.c': C + '\n/*\n' + ' * x\n' * 12 + ' */\n'}, {'a.py': '# SPDX-License-Identifier: x\nimport os\n'}],
             {'a.c': C + '\n/* Owns a.\n * Never b. */\n', 'a.py': '#!/usr/bin/env python3\n# SPDX-License-Identifier: x\n"""Owns a."""\n',
              'run': '#!/bin/sh\n# SPDX-License-Identifier: x\n#\n# Runs.\n', 'a.js': '// SPDX-License-Identifier: x\n// Owns a.\n'})
report.check('names that say something', vague_names, real, [{'daemon/wsed-utils.c': ''}, {'daemon/helpers/a.c': ''}], {'daemon/wsed-hub.c': ''})
report.check('tests are run', unregistered, real, [{'tests/a/test-b.c': '', 'tests/a/meson.build': "'bc', 'a-b-c'"}, {'tests/a/test-b.py': ''}],
             {'tests/a/test-b.c': '', 'tests/a/test-c-d.py': '', 'tests/a/meson.build': "'a', 'b', files('test-c-d.py')"})
report.check('nothing left open', left_open, real, [{'a.c': '/* ' + 'TO' 'DO' + ': x */\n'}], {'a.sh': 'mktemp a-XXXXXX\n'})
report.check('nothing of a machine', foreign, real,
             [{'a.md': 'see /wo' 'rk/a\n'}, {'a.json': '"https://registry.np' 'mjs.org/ws"\n'}, {'a.sh': 'http://deb.deb' 'ian.org/\n'}],
             {'a.md': 'a User-Agent; a framework/part; /tmp/wse\n'})
report.end()
