# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events from Kafka, with librdkafka's mock cluster: in order, each once, whatever dies; faults of a message block nothing."""

import os
import pathlib
import resource
import signal
import unittest

from wse_kafka import KafkaCases, MockBroker, Reader
from wse_test import main, wait_until


class FullReader(Reader):
    def limit(self):
        # Else the kernel ends the process at the limit; a full disk does not.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def allow_bytes(self, size):
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if size is None else size, hard))


class Mock(KafkaCases, unittest.TestCase):
    make = MockBroker

    def test_forms(self):
        """plain JSON, CloudEvents of both kinds, domain events; what is none of it becomes a dead letter and blocks nothing"""
        self.broker.create('forms-a', 1)
        with Reader(self.broker, '^forms-.*') as daemon:
            self.kcat('forms-a', '{"event_type":"OrderPlaced","user_id":7,"payload":{"n":12345678901234567890}}')
            self.kcat('forms-a', '{"specversion":"1.0","id":"s1","source":"/s","type":"a","userid":"7","data":1}', '-H',
                      'content-type=application/cloudevents+json; charset=utf-8')
            self.kcat('forms-a', '{"deep":[true]}', '-H', 'ce_specversion=1.0', '-H', 'ce_id=b1', '-H', 'ce_source=/b', '-H', 'ce_type=b',
                      '-H', 'ce_userid=7', '-H', 'content-type=application/json')
            self.kcat('forms-a', '{"half":', '-H', 'ce_specversion=1.0', '-H', 'ce_id=b2', '-H', 'ce_source=/b', '-H', 'ce_type=b')
            self.kcat('forms-a', 'no JSON at all', '-k', 'the key')
            self.kcat('forms-a', '{"event_type":"nobody"}')
            self.kcat('forms-a', 'grave:\n', '-Z', '-K', ':')
            self.kcat('forms-a', '{"event_type":"big","user_id":"7","payload":"' + 'x' * 300000 + '"}')
            self.kcat('forms-a', '{"event_type":"last","user_id":"7","event_id":"end"}')
            found = daemon.wait_kept('7', 4)
            self.assertEqual([event['type'] for event in found], ['order_update', 'a', 'b', 'last'])
            self.assertEqual([event['event_id'] for event in found][1:], ['s1', 'b1', 'end'])
            self.assertRegex(found[0]['event_id'], r'^kafka:forms-a:0:0@\d+$')
            self.assertEqual(found[0]['metadata'], {'n': 12345678901234567890})
            self.assertEqual(found[2]['metadata'], {'deep': [True]})
            daemon.wait_caught_up()
            letters = daemon.letters()
            self.assertEqual([(letter[1], letter[2]) for letter in letters],
                             [(3, 'syntax'), (4, 'syntax'), (6, 'invalid'), (7, 'too_large')])
            self.assertEqual(letters[1][0], 'kafka:wse/forms-a/0')
            self.assertEqual(letters[1][3], b'no JSON at all')
            self.assertIn('"ce_id":"b2"', letters[0][5])
            self.assertIsNone(letters[2][3])
            self.assertEqual(daemon.metric('wse_dead_letters'), 4)

    def test_routes(self):
        """a route goes by the topic that an event comes from, and by its type, before or after the mapping"""
        self.broker.create('route.a', 1)
        self.broker.create('other', 1)
        with Reader(self.broker, 'route.a,other') as daemon:
            daemon.stop()
            routes = pathlib.Path(daemon.state) / 'routes'
            routes.write_text('[route noise]\ntopic=route.*\ntypes=Noise\ndrop=on\n[route all]\ntypes=junk\ndrop=on\n')
            daemon.extra['WSE_ROUTES'] = str(routes)
            daemon.start()
            for topic in 'route.a', 'other':
                for kind in 'Noise', 'Junk', 'Good':
                    self.kcat(topic, '{"event_type":"%s","user_id":"r"}' % kind)
            self.assertEqual(sorted(event['type'] for event in daemon.wait_kept('r', 3)), ['good', 'good', 'noise'])
            daemon.wait_caught_up()
            self.assertEqual(len(daemon.kept('r')), 3)
            self.assertEqual(daemon.post({'event_type': 'Junk', 'user_id': 'r'})[1].get('dropped'), True)
            self.assertNotIn('dropped', daemon.post({'event_type': 'Noise', 'user_id': 'r'})[1])

    def test_log_full(self):
        """while the log takes nothing, what waits is bounded and held, in its order; then all of it comes"""
        count = 4000
        self.broker.create('full', 1)
        with FullReader(self.broker, 'full', allow='log|write|disk|full') as daemon:
            self.broker.client.do('burst', 'full', 1, 0, 100, 0)
            daemon.wait_kept('p0', 100)
            daemon.allow_bytes(os.path.getsize(f'{daemon.state}/events.db'))
            self.broker.client.do('burst', 'full', 1, 100, count - 100, 0)
            wait_until(lambda: daemon.kafka() == 'degraded' and daemon.metric('wse_kafka_retries_total') > 2, 'the log to refuse')
            self.assertNotEqual(daemon.metric('wse_kafka_lag_events'), 0)
            daemon.allow_bytes(None)
            self.check_complete(daemon, 1, count)
            daemon.wait_caught_up()

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
