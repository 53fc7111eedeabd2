#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of docs/performance.md still work: each is run in its smallest form. What they measure here says nothing and is not looked at,
only that it is there. A server that is not installed is named and left out; so is the profile without perf."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from wse_test import Daemon, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ['WSE_TEST_BUILD']).parents[1]
PAGE = ROOT / 'docs/performance.md'
COMMANDS = [line for block in re.findall(r'^```sh\n(.*?)^```$', PAGE.read_text(), re.M | re.S) for line in block.splitlines()]
NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so'


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def installed(peer):
    if peer == 'nchan':
        return shutil.which('nginx') is not None and os.path.exists(NCHAN)
    return peer != 'nats' or shutil.which('nats-server') is not None


class Performance(unittest.TestCase):
    def bench(self, arguments):
        """tests/bench/run, with a page of its own where it writes into one."""
        with tempfile.TemporaryDirectory() as directory:
            page = pathlib.Path(directory, 'page.md')
            shutil.copy(PAGE, page)
            words = [str(page) if word == 'docs/performance.md' else word for word in arguments]
            table, notes = run(ROOT / 'tests/bench/run', BUILD, *words, '--smoke', '--directory', directory)
            return table, notes, page.read_text()

    def test_every_command_is_known(self):
        """One that is added has to be run here too."""
        known = (r'apt install ', r'meson setup _release ', r'tests/bench/run _release\b', r'_release/daemon/wsed --dev ',
                 r'_release/tests/bench/bench-(ingest|posts) ', r'tests/bench/profile \$\(pidof wsed\)$')
        self.assertGreater(len(COMMANDS), 5)
        for line in COMMANDS:
            self.assertTrue(any(re.match(pattern, line) for pattern in known), line)

    def test_tables(self):
        lines = [line for line in COMMANDS if line.startswith('tests/bench/run')]
        self.assertTrue(any('--write' in line for line in lines))
        for line in lines:
            with self.subTest(line):
                words = shlex.split(line)[2:]
                table, notes, page = self.bench(words)
                if '--peers' in words:
                    continue
                for peer in ('nchan', 'nats'):
                    if not installed(peer):
                        print(f'# without {peer}: it is not installed')
                        self.assertIn(f'{peer} is skipped', notes)
                marks = re.search(r'### Marks\n(.*)', table, re.S).group(1).strip().splitlines()[2:]
                self.assertEqual(len(marks), 14)
                for mark in marks:
                    if all(installed(peer) or peer not in mark.lower() for peer in ('nchan', 'nats')):
                        self.assertRegex(mark, r'\| (yes|no) \|$')
                if '--write' in words:
                    self.assertIn(table.strip(), page)
                    self.assertEqual(page.split('<!-- measured -->')[0], PAGE.read_text().split('<!-- measured -->')[0])

    def test_tokens(self):
        table, _ = run(ROOT / 'tests/bench/tokens', BUILD, '--rounds', 1)
        self.assertEqual([row.split()[1] for row in table.splitlines()[2:]], ['HS256', 'RS256', 'ES256'])

    def test_tls(self):
        if not installed('nchan'):
            print('# without nchan: it is not installed')
            return
        table, _ = run(ROOT / 'tests/bench/tls', BUILD, '-n', 10, '--seconds', 0.2)
        self.assertEqual(len(table.splitlines()), 8)

    def test_profile(self):
        loads = [line for line in COMMANDS if '/bench-' in line]
        self.assertEqual(len(loads), 2)
        perf = shutil.which('perf') and subprocess.run(['perf', 'record', '-q', '-o', '/dev/null', '-e', 'cpu-clock', 'true'],
                                                       capture_output=True).returncode == 0
        with Daemon() as daemon:
            for line in loads:
                program, *words = shlex.split(line.replace('$(pidof wsed)', 'PID').replace('$!', 'PID').rstrip(' &'))
                words = [{'PID': str(daemon.process.pid), '8000': str(daemon.port), '20': '2', '5': '0.1'}.get(word, word) for word in words]
                load = subprocess.Popen([str(BUILD / program.removeprefix('_release/')), *words], stdout=subprocess.PIPE, text=True)
                if perf:
                    profile, _ = run(ROOT / 'tests/bench/profile', daemon.process.pid, 0.5)
                    self.assertIn('| part | share |', profile)
                else:
                    print('# without a profile: perf is not installed, or not allowed')
                self.assertIn('"per_cpu_s":', load.communicate(timeout=60)[0])
                self.assertEqual(load.returncode, 0)


if __name__ == '__main__':
    main()
