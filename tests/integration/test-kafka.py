# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events from Kafka, with librdkafka's mock cluster: in order, each once, whatever dies; faults of a message block nothing."""

import unittest

from wse_kafka import KafkaCases, MockBroker, Reader
from wse_test import main, wait_until


class Mock(KafkaCases, unittest.TestCase):
    make = MockBroker

    def test_retention_passed(self):
        """the position's message is gone: told, counted, and goes on at the oldest there is"""
        self.broker.create('passed', 1)
        with Reader(self.broker, 'passed', allow='not there any more') as daemon:
            self.broker.client.do('burst', 'passed', 1, 0, 10, 0)
            daemon.wait_kept('p0', 10)
            daemon.stop()
            # The mock cluster keeps 5 MiB of a partition.
            for i in range(30):
                self.broker.client.do('send', 'passed', 0, '{"event_type":"a","user_id":"fill","payload":"%s"}' % ('x' * 60000))
            for i in range(70):
                self.broker.client.do('send', 'passed', 0, '{"event_type":"a","user_id":"fill","payload":"%s"}' % ('y' * 60000))
            self.broker.client.do('flush')
            daemon.start()
            found = wait_until(lambda: daemon.kept('fill'), 'what is left to come')
            daemon.wait_caught_up()
            self.assertLess(len(daemon.kept('fill')), 100)
            self.assertEqual(daemon.metric('wse_kafka_resets_total'), 1)
            self.assertIn('not there any more', daemon.output())
            self.assertTrue(found)


if __name__ == '__main__':
    main()
