#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files in data/: the unit as systemd reads it, and how exposed it leaves wsed; the user."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from wse_test import WSED, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = pathlib.Path(os.environ['WSE_TEST_UNIT'])


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


@unittest.skipUnless(shutil.which('systemd-analyze'), 'systemd is not installed')
class Unit(unittest.TestCase):
    def setUp(self):
        """A copy whose program is there."""
        self.directory = tempfile.TemporaryDirectory()
        self.path = self.directory.name + '/wse.service'
        text = re.sub(r'^(ExecStart=)\S+', lambda match: match.group(1) + WSED, UNIT.read_text(), flags=re.M)
        pathlib.Path(self.path).write_text(text)

    def tearDown(self):
        self.directory.cleanup()

    def test_verify(self):
        """systemd-analyze verify has nothing to say of it; it says an unknown key on standard error only"""
        done = run('systemd-analyze', 'verify', '--man=no', self.path)
        said = [line for line in done.stderr.splitlines() if 'wse.service' in line]
        self.assertEqual((done.returncode, said), (0, []), done.stderr)

    def test_exposure(self):
        """an exposure of at most 1.5"""
        done = run('systemd-analyze', 'security', '--offline=true', '--threshold=15', '--no-pager', self.path)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)


class Files(unittest.TestCase):
    def test_unit(self):
        """the unit waits for wsed's word, and its watchdog hears only wsed"""
        text = UNIT.read_text()
        for line in ('Type=notify', 'NotifyAccess=main', 'StateDirectory=wse', 'User=wse', 'SystemCallErrorNumber=EPERM'):
            self.assertIn(line + '\n', text)
        self.assertRegex(text, r'(?m)^WatchdogSec=\d+$')

    @unittest.skipUnless(shutil.which('systemd-sysusers'), 'systemd is not installed')
    def test_user(self):
        """systemd-sysusers makes the user that the unit names"""
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(root + '/etc')
            done = run('systemd-sysusers', '--root=' + root, str(ROOT / 'data/wse.sysusers'))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(pathlib.Path(root, 'etc/passwd').read_text(), r'(?m)^wse:')


if __name__ == '__main__':
    main()
