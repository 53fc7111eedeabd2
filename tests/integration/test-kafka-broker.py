# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events from Kafka, with a broker of Apache Kafka: what the mock cluster shows, and transactions, and a topic that is made anew."""

import signal
import unittest

from wse_kafka import REQUIRED, Broker, KafkaCases, Reader, Tool, fetch
from wse_postgres import Postgres
from wse_test import main, skip_all, wait_until


class Real(KafkaCases, unittest.TestCase):
    make = Broker

    def test_transactions(self):
        """what a transaction took back is never seen, what it committed comes in order"""
        self.broker.create('bank', 1)
        producer = Tool('client', self.broker.bootstrap, 'transfers')
        with Reader(self.broker, 'bank') as daemon:
            for i in range(6):
                producer.do('begin')
                producer.do('send', 'bank', 0, '{"event_type":"a","user_id":"t","payload":%d}' % i)
                producer.do('flush')
                producer.do('abort' if i % 3 == 1 else 'commit')
            self.assertEqual([event['metadata'] for event in daemon.wait_kept('t', 4)], [0, 2, 3, 5])
            # Its marks are no events: there is no lag behind the last of them.
            daemon.wait_caught_up()
        producer.close()

    def test_topic_made_anew(self):
        """a topic of the same name begins at its first message, and that is told"""
        self.broker.create('anew', 1)
        with Reader(self.broker, 'anew', allow='not there any more') as daemon:
            self.broker.client.do('burst', 'anew', 1, 0, 20, 0)
            daemon.wait_kept('p0', 20)
            daemon.stop()
            self.broker.client.do('delete', 'anew')
            wait_until(lambda: self.try_create('anew'), 'the topic to be gone')
            self.broker.client.do('send', 'anew', 0, '{"event_type":"a","user_id":"p0","payload":"new"}')
            self.broker.client.do('flush')
            daemon.start()
            self.assertEqual(daemon.wait_kept('p0', 21)[-1]['metadata'], 'new')
            self.assertEqual(daemon.metric('wse_kafka_resets_total'), 1)

    def test_members(self):
        """two daemons of one group and one log: killed, stopped and back in the middle of it, each event once, in order, with both"""
        partitions, count = 6, 1500
        self.broker.create('shared', partitions)
        with Postgres() as postgres:
            log = postgres.new()
            with Reader(self.broker, 'shared', log=log) as one, Reader(self.broker, 'shared', log=log) as two:
                self.broker.client.send('burst', 'shared', partitions, 0, count, 1000)
                wait_until(lambda: one.partitions() and two.partitions() and one.partitions() + two.partitions() == partitions, 'the two to share the partitions')
                one.kill()
                one.start()
                wait_until(lambda: one.kafka() == two.kafka() == 'ok', 'the group to be settled')
                two.stop()
                two.start()
                self.broker.client.answer()
                self.check_complete(one, partitions, count)
                self.check_complete(two, partitions, count)

    def test_same_name(self):
        """of two daemons with one WSE_CONSUMER_ID the first is put out, and says so; the second reads on"""
        self.broker.create('named', 1)
        with Postgres() as postgres:
            keywords = {'log': postgres.new(), 'env': {'WSE_CONSUMER_ID': 'the-one'}, 'allow': 'Kafka|did not end in time'}
            with Reader(self.broker, 'named', **keywords) as one:
                wait_until(lambda: one.partitions() == 1, 'the first to read')
                with Reader(self.broker, 'named', **keywords) as two:
                    wait_until(lambda: one.kafka() == 'down', 'the first to say that it reads no more')
                    self.assertIn('until wsed is started again', one.output())
                    self.broker.client.do('burst', 'named', 1, 0, 5, 0)
                    two.wait_kept('p0', 5)

    def test_own_logs(self):
        """two daemons with a log each do not share a group: the second one waits, says why, and takes over when the first is gone"""
        self.broker.create('own', 2)
        with Reader(self.broker, 'own') as one:
            self.broker.client.do('burst', 'own', 2, 0, 5, 0)
            one.wait_kept('p1', 5)
            with Reader(self.broker, 'own') as two:
                wait_until(lambda: two.kafka() == 'degraded' and 'does not join' in two.output(), 'the second one to say why it waits')
                one.kill()
                one.start()
                # It is known again.
                self.broker.client.do('burst', 'own', 2, 5, 5, 0)
                self.check_complete(one, 2, 10)
                self.assertEqual(two.kept('p0'), [])
                one.stop()
                self.check_complete(two, 2, 10)
                one.start()
                wait_until(lambda: 'does not join' in one.output(), 'the first one to wait now')

    def test_faster_reader(self):
        """where another reader has moved the position, nothing of one's own batch is kept, and one goes on from there"""
        self.broker.create('race', 1)
        with Postgres() as postgres:
            log = postgres.new()
            with Reader(self.broker, 'race', log=log) as daemon:
                self.broker.client.do('burst', 'race', 1, 0, 10, 0)
                daemon.wait_kept('p0', 10)
                daemon.process.send_signal(signal.SIGSTOP)
                self.broker.client.do('burst', 'race', 1, 10, 10, 0)
                postgres.ask('wse1', "UPDATE wse.position SET position = 15 WHERE source = 'kafka:wse/race/0'")
                daemon.process.send_signal(signal.SIGCONT)
                self.assertEqual([event['metadata']['i'] for event in daemon.wait_kept('p0', 15)], [*range(10), *range(15, 20)])
                self.assertGreater(daemon.metric('wse_kafka_conflicts_total'), 0)

    def try_create(self, topic):
        try:
            self.broker.create(topic, 1)
            return True
        except AssertionError:
            return False


if __name__ == '__main__':
    problem = fetch()
    if problem and REQUIRED:
        raise SystemExit(problem)
    if problem:
        skip_all(problem)
    main()
