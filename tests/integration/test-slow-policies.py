# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a client that takes nothing while thousands of events come: the four policies, and conflation, from outside."""

import json
import pathlib
import tempfile
import unittest

from wse_socket import Closed
from wse_sse import EventSource
from wse_test import Daemon, main, wait_until

MANY, BUFFER = 6000, 100
PATH = '/wse?user_id=slow&history=0'


def publish(daemon, first=1, n=MANY):
    lines = ({'event_type': 'tick', 'user_id': 'slow', 'payload': {'i': i, 'symbol': f's{i % 7}', 'x': 'x' * 1000}} for i in range(first, first + n))
    assert daemon.publish_lines(lines)['accepted'] == n


class Record:
    """What one connection got: events and gaps, each gap exactly what is missing where it is told."""

    def __init__(self, reason):
        self.reason, self.last, self.seqs, self.gaps, self.symbols = reason, 0, [], [], {}

    def take(self, message):
        if message['t'] == 'gap':
            gap = message['p']
            assert (gap['channel'], gap['reason']) == ('user:slow', self.reason), gap
            assert gap['from'] == self.last + 1 and gap['to'] >= gap['from'], (gap, self.last)
            self.last = gap['to']
            self.gaps.append((gap['from'], gap['to']))
        elif message['t'] == 'tick':
            assert message['seq'] == self.last + 1, (message['seq'], self.last)
            self.last = message['seq']
            self.seqs.append(self.last)
            self.symbols[message['p']['symbol']] = self.last

    def take_all(self, client):
        """Until it is told to have caught up at the end."""
        while True:
            message = client.recv()
            self.take(message)
            if message['t'] == 'caught_up' and self.last == MANY:
                assert message['p']['cursor'].split(',')[0].endswith(f':{MANY}'), message
                return self


class SlowPolicies(unittest.TestCase):
    def lag(self, policy, reason, *arguments):
        """A record of a client that began to read when all was published; then it is as any other."""
        daemon = Daemon(f'--slow-consumer={policy}', f'--buffer-size={BUFFER}', *arguments)
        with daemon, daemon.connect(PATH, receive_buffer=4096) as client:
            client.recv_control('caught_up')
            publish(daemon)
            wait_until(lambda: daemon.metric('wse_lags_total') == 1, 'it to lag')
            record = Record(reason).take_all(client)
            publish(daemon, MANY + 1, 1)
            self.assertEqual(client.recv()['seq'], MANY + 1)
            dropped = sum(last - first + 1 for first, last in record.gaps)
            self.assertEqual(len(record.seqs) + dropped, MANY)
            self.assertEqual(daemon.metric('wse_events_dropped_total'), dropped if reason == 'policy' else 0)
            self.assertEqual(daemon.metric('wse_events_conflated_total'), dropped if reason == 'conflated' else 0)
            client.finish()
        return record

    def test_catch_up(self):
        """catch-up: everything, and caught_up when it has it"""
        self.assertEqual(self.lag('catch-up', None).seqs, list(range(1, MANY + 1)))

    def test_drop_oldest(self):
        """drop-oldest: it goes on at the end less the buffer"""
        record = self.lag('drop-oldest', 'policy')
        self.assertEqual(len(record.gaps), 1)
        self.assertEqual(record.gaps[0][1], MANY - BUFFER)

    def test_drop_newest(self):
        """drop-newest: it gets the first of what it had not taken, then goes on at the end"""
        record = self.lag('drop-newest', 'policy')
        self.assertEqual(len(record.gaps), 1)
        self.assertEqual(record.gaps[0][1], MANY)
        self.assertGreaterEqual(record.gaps[0][0], BUFFER)

    def test_disconnect(self):
        """disconnect: 4408, told to one that reads on; it comes back with its cursor, and that replay is no lag"""
        with Daemon('--slow-consumer=disconnect', f'--buffer-size={BUFFER}') as daemon:
            client = daemon.connect(PATH, receive_buffer=4096)
            epoch = client.recv_control('hello')[1]['cursor'].split('@')[1].split(':')[0]
            publish(daemon)
            wait_until(lambda: daemon.metric('wse_slow_disconnects_total') == 1, 'it to be ended')
            record = Record(None)
            with self.assertRaises(Closed) as closed:
                while True:
                    record.take(client.recv())
            self.assertEqual(closed.exception.code, 4408)
            self.assertGreater(MANY - record.last, 10 * BUFFER)
            client.close()
            with daemon.connect(f'/wse?user_id=slow&after=user:slow@{epoch}:{record.last}', receive_buffer=4096) as client:
                while record.last < MANY:
                    record.take(client.recv())
                client.recv_control('caught_up')
                client.finish()
            self.assertEqual(record.seqs, list(range(1, MANY + 1)))
            self.assertEqual(daemon.metric('wse_slow_disconnects_total'), 1)

    def test_acks(self):
        """what was dropped counts as sent: a consumer acks behind it, and does not get it again"""
        with Daemon('--slow-consumer=drop-oldest', f'--buffer-size={BUFFER}') as daemon:
            path = '/wse?user_id=slow&consumer=c'
            with daemon.connect(path, receive_buffer=4096) as client:
                client.recv_control('caught_up')
                publish(daemon)
                wait_until(lambda: daemon.metric('wse_lags_total') == 1, 'it to lag')
                record = Record('policy')
                while not record.gaps:
                    record.take(client.recv())
                cursor = client.recv_control('caught_up')[1]['cursor']
                self.assertTrue(client.request('ack', {'cursor': cursor})['success'])
                client.finish()
            with daemon.connect(path) as client:
                self.assertEqual(client.recv_control('hello')[1]['cursor'], cursor)
                client.recv_control('caught_up')
                client.finish()

    def test_sse(self):
        """an SSE client is told as well, and resumes behind the gap"""
        with Daemon('--slow-consumer=drop-oldest', f'--buffer-size={BUFFER}') as daemon:
            source = EventSource(daemon.port, '/sse?user_id=slow&history=0', receive_buffer=4096)
            publish(daemon)
            wait_until(lambda: daemon.metric('wse_lags_total') == 1, 'it to lag')
            record = Record('policy')
            while record.last < MANY:
                event = source.next()
                if event.event in ('gap', None):
                    record.take(json.loads(event.data))
            self.assertEqual([gap[1] for gap in record.gaps], [MANY - BUFFER])
            source.close()
            back = EventSource(daemon.port, '/sse?user_id=slow&history=0', last=source.last)
            self.assertEqual(back.until('caught_up')[0], [])
            publish(daemon, MANY + 1, 1)
            self.assertEqual(back.recv()['seq'], MANY + 1)
            back.close()

    def test_conflate(self):
        """conflation: of each key the newest, and of the rest a gap; one that keeps up gets everything"""
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as routes:
            pathlib.Path(routes.name).write_text('[route ticks]\ntypes=tick\nconflate=payload.symbol\n', encoding='utf-8')
            record = self.lag('catch-up', 'conflated', f'--routes={routes.name}')
            first = record.gaps[0][0]
            self.assertEqual([seq for seq in record.seqs if seq > first][-7:], list(range(MANY - 6, MANY + 1)))
            self.assertEqual(len(record.symbols), 7)
            self.assertLess(len(record.seqs), MANY // 2)


if __name__ == '__main__':
    main()
