#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every sentence of the contract's sections 1 to 3 (docs/protocol.md) has a test that names it: tests/contract/sentences says which."""

import collections
import re
import sys

import tree as t

CONTRACT, TABLE = 'docs/protocol.md', 'tests/contract/sentences'
SECTIONS = ('1', '2', '3')
# A sentence ends at a full stop or semicolon before what can begin another one; clauses side by side have a dot between them.
END = re.compile(r'(?<=[.;])\s+(?=[A-Z`*<])|\s·\s')
RULE = re.compile(r'\|[ :|-]*\|$')
LATER = 'later: '
# What is for later is the exception: to be lowered with each capability that comes.
MAX_LATER = 15

Row = collections.namedtuple('Row', 'line id quote tests')


def plain(text):
    return ' '.join(text.split())


def blocks(text):
    """The paragraphs, rows of tables, points of lists and lines of code of the sections, each as one text."""
    section, gathered = None, []
    lines = text.split('\n') + ['', '']
    for line, following in zip(lines, lines[1:]):
        heading = re.match(r'##+ (\d?)', line)
        alone = heading or not line.strip() or line.startswith(('|', '    '))
        if (alone or line.startswith('- ')) and gathered:
            yield ' '.join(gathered)
            gathered = []
        if heading:
            section = heading.group(1) or section
        elif section in SECTIONS and line.strip() and not RULE.match(line) and not RULE.match(following):
            if alone:
                yield line
            else:
                gathered.append(line)


def sentences(tree):
    return [plain(part) for block in blocks(tree.get(CONTRACT, '')) for part in END.split(block) if re.search(r'\w', part)]


def rows(tree):
    return [Row(number, *(line.split('\t') + ['', ''])[:3]) for number, line in enumerate(tree.get(TABLE, '').split('\n'), 1)
            if line and not line.startswith('#')]


def without_row(tree):
    quotes = [plain(row.quote) for row in rows(tree) if row.quote]
    return [f'{CONTRACT}: no row of {TABLE} has a part of it: {sentence}' for sentence in sentences(tree)
            if not any(quote in sentence for quote in quotes)]


def without_sentence(tree):
    known = sentences(tree)
    return [f'{TABLE}:{row.line}: {row.id}: stands in no sentence of {CONTRACT}: {row.quote}' for row in rows(tree)
            if not row.quote or not any(plain(row.quote) in sentence for sentence in known)]


def without_test(tree):
    known, problems = t.tests(tree), []
    for row in rows(tree):
        named = [] if row.tests.startswith(LATER) else row.tests.split()
        problems += [f'{TABLE}:{row.line}: {row.id}: there is no test {name}' for name in named if name not in known]
        if not named and not row.tests.removeprefix(LATER):
            problems.append(f'{TABLE}:{row.line}: {row.id} names no test')
    return problems


def ids(tree):
    counted = collections.Counter(row.id for row in rows(tree))
    return [f'{TABLE}: the id {name!r} is there {count} times' for name, count in counted.items() if count > 1 or not re.fullmatch(r'[a-z][a-z0-9-]*', name)]


def later(tree):
    count = sum(row.tests.startswith(LATER) for row in rows(tree))
    return [f'{TABLE}: {count} rows are for later, at most {MAX_LATER}'] if count > MAX_LATER else []


report = t.Report()
real = t.read(sys.argv[1])
TEXT = ('# C\nx\n## 1. W\nOne is `1`. Two is\n2; so it is · Three is 3.\n\n| a | b |\n| --- | --- |\n| four | 4 |\n- five\n  5\n### A\n    six {6}\n'
        '## 4. S\nFour is not looked at.\n')
ROWS = ['a\tOne is `1`\tlib/a:test_one', 'b\tTwo is 2\tlater: 2 is not there', 'c\tThree\tx/b:T', 'd\tfour\tx/b:test_f', 'e\tfive 5\tx/b:T', 'f\tsix {6}\tlib/a:test_one x/b:test_f']
GOOD = {CONTRACT: TEXT, TABLE: '# c\n' + '\n'.join(ROWS) + '\n', 'tests/lib/test-a.c': 'static void\ntest_one (void)\n{\n', 'tests/x/b.py': 'class T:\n    def test_f(self):\n'}


def planted(number, row):
    return GOOD | {TABLE: '\n'.join(ROWS[:number] + [row] * bool(row) + ROWS[number + 1:])}


report.check('every sentence has a row', without_row, real, [planted(number, '') for number in range(len(ROWS))], GOOD)
report.check('every row quotes a sentence', without_sentence, real,
             [planted(0, 'a\tOne is 2\tlib/a:test_one'), planted(0, 'a\t\tlib/a:test_one'), planted(0, 'a\t`1`. Two\tlib/a:test_one'), planted(0, 'a\tlooked at\tlib/a:test_one')], GOOD)
report.check('every row names tests that are there', without_test, real,
             [planted(0, 'a\tOne is `1`\tlib/a:test_two'), planted(0, 'a\tOne is `1`\tx/b:test_f lib/a:one'), planted(0, 'a\tOne is `1`'), planted(0, 'a\tOne is `1`\tlater: ')], GOOD)
report.check('ids', ids, real, [planted(0, 'b\tOne is `1`\tlib/a:test_one'), planted(0, '\tOne is `1`\tlib/a:test_one')], GOOD)
report.check('what is for later is little', later, real, [GOOD | {TABLE: '\n'.join(f'a{n}\tfour\tlater: x' for n in range(MAX_LATER + 1))}], GOOD)
report.end()
