#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every promise of docs/security.md names the tests that drive it, and they are there."""

import re
import sys

import tree as t

PAGE = 'docs/security.md'
# Headings under which every table is one of promises.
PROMISING = ('What is promised', 'The HTTP side')


def rows(tree):
    """Line number and cells of each row of the promising tables, their headings included."""
    promising = False
    for number, line in enumerate(tree.get(PAGE, '').split('\n'), 1):
        if line.startswith('## '):
            promising = line[3:] in PROMISING
        elif promising and line.startswith('|') and not re.fullmatch(r'\|[ :|-]*\|', line):
            yield number, [cell.strip() for cell in line.strip('|').split('|')]


def without_test(tree):
    known = t.tests(tree)
    problems = [f'{PAGE}: nothing is promised under {heading!r}' for heading in PROMISING if f'\n## {heading}\n' not in tree.get(PAGE, '')]
    for number, cells in rows(tree):
        if cells[-1] == 'tests' and len(cells) == 3:
            continue
        named = re.findall(r'`([^`]+)`', cells[-1]) if len(cells) == 3 else []
        if not named:
            problems.append(f'{PAGE}:{number}: it names no test: {cells[0]}')
        problems += [f'{PAGE}:{number}: there is no test {name}' for name in named if name not in known and not (name.startswith('tests/fuzz/') and name in tree)]
    return problems


report = t.Report()
TABLE = '## What is promised\n### A\n| promise | how | tests |\n| --- | --- | --- |\n| a | b | {} |\n'
REST = '## The HTTP side\n\n| fault | guard | tests |\n| --- | --- | --- |\n| c | d | `lib/a:test_one` |\n## What is not\n\n| e | f |\n'
TESTS = {'tests/lib/test-a.c': 'static void\ntest_one (void)\n{\n', 'tests/x/b.py': 'class T:\n    def test_f(self):\n', 'tests/fuzz/fuzz-a.c': ''}


def page(tests, rest=REST):
    return TESTS | {PAGE: '# S\n' + TABLE.format(tests) + rest}


report.check('every promise names tests that are there', without_test, t.read(sys.argv[1]),
             [page(''), page('tested'), page('`lib/a:test_two`'), page('`lib/a:test_one` `x/b:test_g`'), page('`tests/fuzz/fuzz-b.c`'), page('`tests/lib/test-a.c`'),
              page('`x/b:T`', ''), page('`x/b:T`', REST.replace('one', 'two')), page('`x/b:T`', REST.replace(' | `lib/a:test_one`', ''))],
             page('`x/b:T` `x/b:test_f` `tests/fuzz/fuzz-a.c`'))
report.end()
