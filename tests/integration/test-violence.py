# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guarantees under violence: publishers flat out, readers that connect, resume, ack and drop at random, wsed killed with -9 every few
seconds. In the end each reader's record is the log's, once and in order. WSE_TEST_SECONDS: how long (20); WSE_TEST_SEED: which chances."""

import os
import random
import time
import unittest

from wse_arena import SEED, Arena
from wse_test import Daemon, free_port, main

SECONDS = float(os.environ.get('WSE_TEST_SECONDS', '20'))


class Violence(unittest.TestCase):
    def kill_now_and_then(self, arena, daemon):
        chance, end, kills = random.Random(SEED), time.monotonic() + SECONDS, 0
        while time.monotonic() < end and not any(worker.wrong for worker in arena.workers):
            time.sleep(chance.uniform(1, 4))
            arena.up.clear()
            daemon.kill()
            daemon.start()
            arena.up.set()
            kills += 1
        return kills

    def test_violence(self):
        """publishers flat out, readers at random, kill -9: every record complete, in order, once"""
        print(f'# seed {SEED}, {SECONDS} s')
        with Daemon('--retention=-,-', '--max-connections-per-user=1000', listen=f'127.0.0.1:{free_port()}') as daemon:
            arena = Arena([daemon], publishers=4, readers=50)
            arena.start()
            kills = self.kill_now_and_then(arena, daemon)
            arena.join()
            for publisher in arena.publishers:
                while publisher.batch is not None:
                    publisher.act()
            arena.stopping.clear()
            arena.check_log()
            for reader in arena.readers:
                reader.finishing = True
                reader.act()
                self.assertTrue(reader.finished, reader)
                arena.check_reader(reader)
            print(f'# {kills} kills, {arena.summary()}')
            self.assertGreater(kills, 0)
            self.assertTrue(all(publisher.answered for publisher in arena.publishers))


if __name__ == '__main__':
    main()
