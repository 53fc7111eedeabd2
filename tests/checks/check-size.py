#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One noun a file: no C file over 600 lines, no function over 80. Of a header with more than 80 lines of code it only speaks."""

import re
import sys

import tree as t

MAX_FILE, MAX_FUNCTION, MAX_HEADER = 600, 80, 80
NAME = re.compile(r'^(\w+) ?\(')


def files(tree):
    return [f'{path}: {text.count(chr(10))} lines, at most {MAX_FILE}' for path, text in tree.items()
            if path.endswith('.c') and text.count('\n') > MAX_FILE]


def functions(text):
    """Name, first line and number of lines of each function, from the line with its name to its closing brace."""
    name = start = None
    opened = False
    for number, line in enumerate(t.code(text).split('\n'), 1):
        match = NAME.match(line) or re.match(r'^[a-z][\w *]*\b(\w+) ?\([^;]*$', line)
        if match and not opened:
            name, start = match.group(1), number
        elif line.startswith('{') and name:
            opened = True
        elif line.startswith('}'):
            if opened:
                yield name, start, number - start + 1
            name, opened = None, False
        elif line.rstrip().endswith(';') and line[:1].strip() and not opened:
            name = None


def long_functions(tree):
    return [f'{path}:{start}: {name} has {lines} lines, at most {MAX_FUNCTION}' for path, text in tree.items() if path.endswith('.c')
            for name, start, lines in functions(text) if lines > MAX_FUNCTION]


def function(lines):
    return 'static int\nfoo (int   a,\n     char *b)\n{\n' + '  a++;\n' * (lines - 4) + '}\n'


def long_headers(tree):
    for path, text in tree.items():
        if path.endswith('.h'):
            lines = sum(1 for line in t.code(text).split('\n') if line.strip())
            if lines > MAX_HEADER:
                print(f'# {path}: {lines} lines of code; {MAX_HEADER} are the custom')


report = t.Report()
real = t.read(sys.argv[1])
report.check(f'no C file over {MAX_FILE} lines', files, real, [{'a.c': '\n' * 601}], {'a.c': '\n' * 600, 'a.py': '\n' * 700})
report.check(f'no function over {MAX_FUNCTION} lines', long_functions, real,
             [{'a.c': function(81)}, {'a.c': 'struct a\n{\n  int b;\n};\n' + function(90) + function(9)},
              {'a.c': 'int foo (void)\n{\n' + '\n' * 80 + '}\n'}],
             {'a.c': function(80) + '/* foo (\n{\n' + '\n' * 90 + '*/\n' + 'static const char *a[] =\n{\n' + '  "}",\n' * 90 + '};\n'})
long_headers(real)
report.end()
