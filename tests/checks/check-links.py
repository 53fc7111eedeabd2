#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README and documentation point to is there: links to files and headings, and the paths that stand in backticks."""

import os
import re
import sys

import tree as t

LINK = re.compile(r'!?\[[^\]\n]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)')
CODE = re.compile(r'`([^`\s]+)`')
FENCE = re.compile(r'^(```|~~~).*?^\1', re.M | re.S)


def headings(text):
    """The anchors that the headings of a page get."""
    anchors = set()
    for title in re.findall(r'^#+\s+(.*)$', FENCE.sub('', text), re.M):
        plain = re.sub(r'[^\w\- ]', '', re.sub(r'[`*]', '', title)).strip().lower()
        anchors.add(plain.replace(' ', '-'))
    return anchors


def exists(tree, path):
    path = path.rstrip('/')
    return path in ('', '.') or path in tree or any(p.startswith(path + '/') for p in tree)


def broken(tree):
    problems = []
    top = {path.split('/')[0] for path in tree if '/' in path}
    for path, text in tree.items():
        if not path.endswith('.md'):
            continue
        text = FENCE.sub(lambda m: '\n' * m.group().count('\n'), text)
        for match in LINK.finditer(text):
            target, _, anchor = match.group(1).partition('#')
            where = f'{path}:{text.count(chr(10), 0, match.start()) + 1}'
            if re.match(r'[a-z]+:', target):
                continue
            full = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            if not exists(tree, full):
                problems.append(f'{where}: no {target}')
            elif anchor and full.endswith('.md') and anchor not in headings(tree[full]):
                problems.append(f'{where}: no heading #{anchor} in {full}')
        for match in CODE.finditer(text):
            name = match.group(1).removeprefix('./')
            if name.split('/')[0] in top and '/' in name and not re.search(r'[*<>{}…:]', name) and not exists(tree, name):
                problems.append(f'{path}:{text.count(chr(10), 0, match.start()) + 1}: no {name}')
    return problems


report = t.Report()
GOOD = {'README.md': '# A\n## Life of an *event*\n[a](docs/a.md#b-c) [x](https://example.org/y) [h](#life-of-an-event) `docs/a.md` `docs/*.c`\n'
                     '```\n[no](link)\n```\n', 'docs/a.md': '## B c\n[up](../README.md)\n'}
report.check('links and paths of the pages', broken, t.read(sys.argv[1]),
             [GOOD | {'README.md': '[a](docs/b.md)\n'}, GOOD | {'README.md': '[a](docs/a.md#x)\n'}, GOOD | {'README.md': 'in `docs/b.c`\n'}], GOOD)
report.end()
