#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of docs/scaling.md are what tests/bench/scale prints. With --write in place of the tree, puts them there."""

import pathlib
import subprocess
import sys

import tree as t

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = 'docs/scaling.md'
BEGIN, END = '<!-- tests/bench/scale -->\n', '<!-- end -->\n'


def printed(*arguments):
    return subprocess.run([sys.executable, str(ROOT / 'tests/bench/scale'), *arguments], capture_output=True, text=True, check=True).stdout


def tables_of(tree):
    """What the page has between the two lines."""
    return tree[PAGE].split(BEGIN)[-1].split(END)[0]


TABLES = printed()
if sys.argv[1:] == ['--write']:
    page = (ROOT / PAGE).read_text()
    (ROOT / PAGE).write_text(page.replace(BEGIN + tables_of({PAGE: page}) + END, BEGIN + TABLES + END))
    sys.exit()


def stale(tree):
    return [] if tables_of(tree) == TABLES else [f'{PAGE}: the figures give other tables: check-scaling.py --write']


def deaf(tree):
    """The example of the page gives tables of its own."""
    return [] if printed('--connections=2e6', '--user-rate=0.05', '--tls=off') not in (TABLES, printed('--connections=2e6')) else ['tests/bench/scale']


report = t.Report()
report.check('tables of scaling', stale, t.read(sys.argv[1]), [{PAGE: BEGIN + TABLES[1:] + END}, {PAGE: ''}], {PAGE: 'a\n' + BEGIN + TABLES + END})
report.check('other rates, other tables', deaf, {}, [])
report.end()
