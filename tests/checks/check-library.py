#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library's public face: every public header is in the umbrella and guarded, what is exported is declared there, and is documented."""

import re
import subprocess
import sys

import tree as t

LIBRARY = 'libwse-glib/'
# What the instruments of a test build add to a library.
INSTRUMENTS = re.compile(r'^(__odr_asan|__asan|__ubsan|__tsan|__sanitizer|__gcov|__llvm|__start___|__stop___|mangle_path$|_init$|_fini$)')
COMMENT = re.compile(r'/\*\*\n(.*?)\*/', re.S)


def public(tree):
    return {path.removeprefix(LIBRARY).removesuffix('.in'): text for path, text in tree.items()
            if re.fullmatch(LIBRARY + r'wse-[\w-]+\.h(\.in)?', path) and not re.search(r'-private\.h', path)}


def umbrella(tree):
    included = set(re.findall(r'#include "([^"]+)"', tree.get(LIBRARY + 'wse.h', '')))
    return ([f'{LIBRARY}{name}: not in wse.h' for name in public(tree) if name not in included] +
            [f'{LIBRARY}wse.h: {name} is not public' for name in included if name not in public(tree)])


def guards(tree):
    return [f'{LIBRARY}{name}: can be included without wse.h' for name, text in public(tree).items()
            if 'WSE_INSIDE' not in text or '#error' not in text]


def declared(tree):
    """The functions of the public headers, from the export macro on; what the type macros declare, too."""
    names = {}
    for text in public(tree).values():
        for rest in re.split(r'\bWSE_AVAILABLE_IN_\w+', t.code(text))[1:]:
            macro = re.match(r'\s*G_DECLARE_\w+ *\(\w+, *(wse_\w+),', rest)
            found = re.match(r'[^;#]*?\b(wse_\w+) *\(', rest)
            if macro:
                names[macro.group(1) + '_get_type'] = rest
            elif found:
                names[found.group(1)] = rest
    return names


def comments(tree):
    """Name → text of each documentation comment of the library."""
    found = {}
    for path, text in tree.items():
        if path.startswith(LIBRARY) and re.search(r'\.[ch](\.in)?$', path):
            for match in COMMENT.finditer(text):
                body = re.sub(r'^ \* ?', '', match.group(1), flags=re.M)
                name = re.match(r'\s*(\w+(?:::?[\w-]+)?):', body)
                if name:
                    found[name.group(1)] = body
    return found


def types(tree):
    """The public types and constants that need a comment."""
    names = set()
    for text in public(tree).values():
        text = t.code(text)
        names |= set(re.findall(r'^\} *(Wse\w+);', text, re.M))
        names |= set(re.findall(r'^typedef struct _\w+ +(Wse\w+);', text, re.M))
        names |= set(re.findall(r'^struct _(Wse\w+Interface|Wse\w+Class)\b', text, re.M))
        names |= set(re.findall(r'G_DECLARE_\w+ *\((Wse\w+),', text))
        names |= {name for name in re.findall(r'^#define (WSE_\w+)', text, re.M)
                  if not re.match(r'WSE_(TYPE_|INSIDE|AVAILABLE_|DEPRECATED_|.*_H$)', name)}
    return names


def undocumented(tree):
    known = comments(tree)
    problems = []
    for name, statement in declared(tree).items():
        text = known.get(name)
        if text is None:
            if not name.endswith(('_get_type', '_error_quark')):
                problems.append(f'{name}(): no documentation')
            continue
        if 'Since:' not in text:
            problems.append(f'{name}(): no Since')
        if not re.match(r'\s*void\s+wse_', statement) and 'Returns:' not in text:
            problems.append(f'{name}(): does not say what it returns')
    for name in sorted(types(tree)):
        text = known.get(name)
        if text is None:
            problems.append(f'{name}: no documentation')
        elif not name.isupper() and not name.endswith(('Interface', 'Class')) and 'Since:' not in text:
            problems.append(f'{name}: no Since')
    return problems


def exports(tree):
    """Holds a listing of nm (the pseudo file "nm") against the headers."""
    names = {line.split()[-1].split('@')[0] for line in tree['nm'].splitlines() if line.strip()}
    names = {name for name in names if not INSTRUMENTS.match(name)}
    wanted = declared(tree)
    problems = [f'{name} is exported and does not begin with wse_' for name in names if not name.startswith('wse_')]
    problems += [f'{name} is exported but not declared in a public header' for name in names if name.startswith('wse_') and name not in wanted]
    return problems + [f'{name} is declared but not exported' for name in wanted if name not in names]


GUARD = '#if !defined(WSE_INSIDE)\n#error "no"\n#endif\n'
HEADER = GUARD + 'WSE_AVAILABLE_IN_0_1\nchar  *wse_a_get (int n);\n'
DOC = '/**\n * wse_a_get:\n * @n: x\n *\n * Returns: y\n *\n * Since: 0.1\n */\n'
GOOD = {LIBRARY + 'wse.h': '#include "wse-a.h"\n', LIBRARY + 'wse-a.h': HEADER, LIBRARY + 'wse-a.c': DOC, LIBRARY + 'wse-b-private.h': '',
        'nm': '0000 T wse_a_get\n0001 B __odr_asan.x\n'}
TYPE = 'typedef enum\n{\n  WSE_B,\n} WseB;\n'

report = t.Report()
real = t.read(sys.argv[1])
real['nm'] = subprocess.run(['nm', '-D', '--defined-only', sys.argv[2]], capture_output=True, check=True, text=True).stdout
report.check('umbrella header', umbrella, real, [GOOD | {LIBRARY + 'wse-c.h': HEADER}, GOOD | {LIBRARY + 'wse.h': '#include "wse-b-private.h"\n'}], GOOD)
report.check('no public header alone', guards, real, [GOOD | {LIBRARY + 'wse-a.h': 'int a;\n'}], GOOD)
report.check('documentation', undocumented, real,
             [GOOD | {LIBRARY + 'wse-a.c': ''}, GOOD | {LIBRARY + 'wse-a.c': DOC.replace('Since', '')}, GOOD | {LIBRARY + 'wse-a.c': DOC.replace('Returns', '')},
              GOOD | {LIBRARY + 'wse-a.h': HEADER + TYPE}, GOOD | {LIBRARY + 'wse-a.h': HEADER + '#define WSE_MAX 3\n'}],
             GOOD | {LIBRARY + 'wse-a.h': HEADER + '/**\n * WseB:\n *\n * Since: 0.1\n */\n' + TYPE})
report.check('exported symbols', exports, real,
             [GOOD | {'nm': '00 T wse_a_get\n00 T helper\n'}, GOOD | {'nm': '00 T wse_a_get\n00 T wse_b\n'}, GOOD | {'nm': ''}], GOOD)
report.end()
