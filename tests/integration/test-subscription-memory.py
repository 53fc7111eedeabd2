# SPDX-License-Identifier: LGPL-2.1-or-later
"""100,000 subscriptions to different channels cost less than 400 bytes each: tests/bench/subscriptions, with fewer connections, so that
the descriptors of any machine are enough."""

import os
import pathlib
import subprocess
import sys
import unittest

from wse_test import WSED, main

BENCH = pathlib.Path(os.environ['WSE_TEST_SOURCE'], 'tests/bench/subscriptions')


class SubscriptionMemory(unittest.TestCase):
    def test_bytes(self):
        """100,000 subscriptions of 400 connections are below 400 bytes each"""
        command = [sys.executable, str(BENCH), str(pathlib.Path(WSED).parents[1]), '--connections', '400', '--each', '250']
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(f'# {result.stdout.strip()}', flush=True)
        self.assertEqual(result.returncode, 0)


if __name__ == '__main__':
    main()
