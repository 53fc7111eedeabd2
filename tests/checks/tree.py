# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks share: the tracked files, a view of C without its comments, and the TAP that a check prints.

A check is a function that takes a tree (path → text) and gives the problems it sees, as "path:line: what". Before it is let loose on the
real tree it has to find what is planted in a bad one, and nothing in a good one.
"""

import os
import re
import subprocess
import sys

IGNORED = re.compile(r'(^|/)(\.git|_build[^/]*|build[^/]*(?<!build-aux)|__pycache__|node_modules)(/|$)')
TEST = {'.py': r'^ *(?:def (?=test)|class )(\w+)', '.c': r'^(test_\w+) \('}
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def tracked(root):
    """Paths of the tracked files; in a tree that is no checkout, of all that were not made by a build."""
    try:
        git = subprocess.run(['git', '-c', 'safe.directory=*', '-C', root, 'ls-files', '-z'], capture_output=True, check=True)
        paths = [p for p in git.stdout.decode().split('\0') if p]
    except (OSError, subprocess.CalledProcessError):
        paths = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names]
        paths = [p for p in paths if not IGNORED.search(p)]
    return sorted(p for p in paths if os.path.isfile(os.path.join(root, p)))


def read(root):
    """The tree: path → text; what is not UTF-8 is kept with its bytes replaced."""
    tree = {}
    for path in tracked(root):
        with open(os.path.join(root, path), encoding='utf-8', errors='replace') as text:
            tree[path] = text.read()
    return tree


def blank(match):
    """A comment or string without its characters but with its lines, so that line numbers stay."""
    text = match.group()
    keep = text[0] if text[0] in '"\'' else ' '
    return keep + '\n' * text.count('\n') + (keep if keep != ' ' else '')


def code(text):
    """C without comments and without the contents of strings, the same number of lines."""
    return TOKEN.sub(blank, text)


def grep(tree, pattern, what, of=lambda path: True, view=lambda text: text):
    """A problem for each line that has the pattern in it."""
    problems = []
    for path, text in tree.items():
        if of(path):
            for number, line in enumerate(view(text).split('\n'), 1):
                found = re.search(pattern, line)
                if found:
                    problems.append(f'{path}:{number}: {what.format(found.group())}')
    return problems


def tests(tree):
    """FOLDER/FILE:NAME of each function and class of a test, as a table of promises may name it."""
    names = set()
    for path, text in tree.items():
        found = re.fullmatch(r'tests/(.+/)(?:test-)?([\w-]+)(\.py|\.c)', path)
        if found:
            names |= {f'{found.group(1)}{found.group(2)}:{name}' for name in re.findall(TEST[found.group(3)], text, re.M)}
    return names


class Report:
    """Prints TAP: for each check one point for each planted tree and one for the real one."""

    def __init__(self):
        self.number, self.failed = 0, 0

    def point(self, good, name, problems=()):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}", flush=True)
        for problem in problems:
            print(f'# {problem}', flush=True)

    def check(self, name, function, tree, bad, good=None):
        """Each of bad is a tree in which function has to find at least one problem; in good it may find none."""
        for number, planted in enumerate(bad, 1):
            self.point(bool(function(planted)), f'{name}: sees what is planted ({number})')
        if good is not None:
            problems = function(good)
            self.point(not problems, f'{name}: content with what is right', problems)
        problems = function(tree)
        self.point(not problems, name, problems)

    def end(self):
        print(f'1..{self.number}')
        sys.exit(1 if self.failed else 0)
