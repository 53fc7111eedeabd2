# SPDX-License-Identifier: LGPL-2.1-or-later
"""DELETE /api/channels/<channel>: its events are gone for everybody and from the disk, and who should have had them is told."""

import json
import pathlib
import signal
import unittest

from wse_sse import EventSource
from wse_test import Daemon, Scenario, main, wait_until


def tick(channel, payload='', **more):
    kind, _, name = channel.partition(':')
    return {'event_type': 'tick', 'payload': payload, **({kind + '_id': name} if name else {'broadcast': True}), **more}


def erase(daemon, channel):
    answer = daemon.request('DELETE', '/api/channels/' + channel)
    return answer.status, json.loads(answer.body)


def history(daemon, channel, **parameters):
    query = ''.join(f'&{name}={value}' for name, value in parameters.items())
    return daemon.get(f'/api/events?channel={channel}{query}')


class Erase(Scenario):
    arguments = ('--workers=2',)

    def test_gone(self):
        """nothing is left of it; numbers go on, a known id stays a duplicate, other channels keep theirs"""
        ids = [answer['event_id'] for answer in self.daemon.publish(*(tick('user:a', i) for i in range(5)))]
        self.daemon.publish(tick('user:a', 'both', broadcast=True), tick('user:b', 'other'))
        before = history(self.daemon, 'user:a')
        status, answer = erase(self.daemon, 'user:a')
        self.assertEqual(status, 200)
        self.assertEqual(answer, {'channel': 'user:a', 'erased': 6, 'cursor': before['cursor']})
        self.assertEqual(history(self.daemon, 'user:a')['events'], [])
        self.assertFalse(history(self.daemon, 'user:a', after=before['cursor'].rsplit(':', 1)[0] + ':2')['recovered'])
        self.assertEqual([event['metadata'] for event in history(self.daemon, 'user:b')['events']], ['other'])
        self.assertEqual(history(self.daemon, 'global')['events'][-1]['metadata'], 'both')
        status, again = self.daemon.post(tick('user:a', 0, event_id=ids[0]))
        self.assertEqual((status, again['duplicate'], again['seq']), (200, True, 1))
        self.assertEqual(self.daemon.publish(tick('user:a'))[0]['seq'], 7)
        self.assertEqual(erase(self.daemon, 'user:a')[1]['erased'], 1)
        self.assertEqual(erase(self.daemon, 'user:a')[1]['erased'], 0)
        with self.daemon.connect('/ws/events?channel=*&history=10000&format=v2') as whole:
            events, _ = whole.recv_control('caught_up')
            self.assertEqual([event['p'] for event in events if event.get('ch') == 'user:a'], [])
            self.assertIn('other', [event['p'] for event in events])
            whole.finish()

    def test_refused(self):
        """404 for a channel that never was; 400 for what is no name; 405; escapes are read"""
        self.assertEqual(erase(self.daemon, 'user:never')[0], 404)
        for name in ('nonsense', 'user:', '*', 'user:a,b', 'user%3Aa%20b', 'user:%FF'):
            self.assertEqual(erase(self.daemon, name)[0], 400, name)
        self.assertEqual(erase(self.daemon, 'user:a?x=1')[0], 400)
        self.assertEqual(self.daemon.request('GET', '/api/channels/user:a').headers['allow'], 'DELETE')
        self.assertEqual(self.daemon.request('DELETE', '/api/channels').status, 404)
        self.daemon.publish(tick('user:c/é'))
        self.assertEqual(erase(self.daemon, 'user%3Ac%2F%C3%A9')[1]['channel'], 'user:c/é')

    def test_live(self):
        """one that has had everything hears nothing of it, and goes on"""
        with self.daemon.connect('/wse?user_id=live&history=0') as client:
            client.recv_control('caught_up')
            self.daemon.publish(*(tick('user:live', i) for i in range(3)))
            client.recv_until(lambda message: message.get('seq') == 3)
            self.assertEqual(erase(self.daemon, 'user:live')[1]['erased'], 3)
            self.assertEqual(client.settle(), [])
            self.daemon.publish(tick('user:live', 'next'))
            self.assertEqual(client.recv()['seq'], 4)
            client.finish()

    def test_resumed(self):
        """one that comes back with a cursor of before is told the gap, on a WebSocket and on SSE"""
        self.daemon.publish(*(tick('user:back', i) for i in range(10)))
        cursor = history(self.daemon, 'user:back', limit=4)['cursor']
        place = self.daemon.get('/api/events?channel=user:back&limit=1')
        erase(self.daemon, 'user:back')
        self.daemon.publish(tick('user:back', 'new'))
        expected = {'channel': 'user:back', 'epoch': cursor.split('@')[1].split(':')[0], 'from': 5, 'to': 10, 'reason': 'retention'}
        with self.daemon.connect(f'/wse?user_id=back&after={cursor}') as client:
            _, gap = client.recv_control('gap')
            self.assertEqual(gap, expected)
            self.assertEqual(client.recv()['p'], 'new')
            client.finish()
        with EventSource(self.daemon.port, f'/sse?user_id=back&after={cursor}') as client:
            before, gap = client.until('gap')
            self.assertEqual((before, gap), ([], expected))
            self.assertEqual(client.recv()['p'], 'new')
        self.assertTrue(place['recovered'])

    def behind(self, client, channel, count):
        """Reads what still comes to one that lay behind when its channel was erased: each seq up to @count is had or told, and in order."""
        had, gaps, expected = 0, [], 1
        while expected <= count:
            message = client()
            if message.get('t') == 'gap':
                self.assertEqual((message['p']['channel'], message['p']['reason'], message['p']['from']), (channel, 'retention', expected))
                gaps.append(message['p'])
                expected = message['p']['to'] + 1
            elif 'seq' in message:
                self.assertEqual(message['seq'], expected)
                expected += 1
                had += 1
        return had, gaps

    def publish_much(self, channel, count):
        for _ in range(count // 100):
            self.daemon.publish_lines([tick(channel, 'x' * 2000)] * 100)

    def test_lagging(self):
        """one that lies behind gets no more of it than was on its way: a gap, then what came after"""
        with self.daemon.connect('/wse?user_id=lag&history=0', receive_buffer=4096) as client:
            client.recv_control('caught_up')
            self.publish_much('user:lag', 3000)
            self.assertEqual(erase(self.daemon, 'user:lag')[1]['erased'], 3000)
            self.daemon.publish(tick('user:lag', 'after'))
            had, gaps = self.behind(client.recv, 'user:lag', 3000)
            self.assertEqual(len(gaps), 1)
            self.assertLess(had, 2900)
            self.assertEqual(client.recv_until(lambda message: 'seq' in message)[-1]['p'], 'after')
            client.finish()

    def test_lagging_whole(self):
        """so does a reader of the whole log, which keeps what others have in between"""
        with self.daemon.connect('/ws/events?channel=*&format=v2&history=0', receive_buffer=4096) as client:
            client.recv_control('caught_up')
            for i in range(30):
                self.publish_much('user:w1', 100)
                self.daemon.publish(tick('user:w2', i))
            erase(self.daemon, 'user:w1')
            self.daemon.publish(tick('user:w2', 'last'))
            got = client.recv_until(lambda message: message.get('p') == 'last')
            self.assertEqual([message['p'] for message in got if message.get('ch') == 'user:w2'], list(range(30)) + ['last'])
            self.assertLess(len([message for message in got if message.get('ch') == 'user:w1']), 2900)
            gaps = [message['p'] for message in got if message['t'] == 'gap']
            self.assertGreater(len(gaps), 0)
            self.assertEqual({(gap['channel'], gap['reason']) for gap in gaps}, {('*', 'retention')})
            client.finish()

    def test_replaying(self):
        """one in the middle of a replay, on WebSocket and SSE"""
        self.publish_much('user:rep', 3000)
        self.publish_much('user:sse', 3000)
        with self.daemon.connect('/wse?user_id=rep&history=10000', receive_buffer=4096) as client:
            client.recv_until(lambda message: message.get('ch') == 'user:rep')
            erase(self.daemon, 'user:rep')
            had, gaps = self.rest(client)
            self.assertEqual(gaps, 1)
            self.assertLess(had, 2900)
            client.finish()
        with EventSource(self.daemon.port, '/sse?user_id=sse&history=10000', receive_buffer=4096) as client:
            while client.recv()['ch'] != 'user:sse':
                pass
            erase(self.daemon, 'user:sse')
            before, gap = client.until('gap')
            self.assertEqual((gap['from'], gap['to']), (len(before) + 2, 3000))
            self.assertLess(len(before), 2900)
            client.until('caught_up')

    def rest(self, client):
        got = client.recv_until(lambda message: message.get('t') == 'caught_up')
        return sum('seq' in message for message in got), sum(message['t'] == 'gap' for message in got)

    def test_metric(self):
        """it is counted"""
        before = self.daemon.metric('wse_channels_erased_total')
        self.daemon.publish(tick('user:count'))
        erase(self.daemon, 'user:count')
        self.assertEqual(self.daemon.metric('wse_channels_erased_total'), before + 1)


class Disk(unittest.TestCase):
    def test_bytes(self):
        """its bytes leave the file and the write-ahead log while others publish; also where wsed is killed behind the answer"""
        daemon = Daemon()
        self.addCleanup(daemon.close)
        daemon.start()
        for i in range(50):
            daemon.publish_lines([tick(f'user:{name}', f'SECRET-{name}-{i}') for name in ('her', 'him') for i in range(50)])

        def found(text):
            return sum(path.read_bytes().count(text) for path in pathlib.Path(daemon.state).iterdir() if path.is_file())
        self.assertGreater(found(b'SECRET-her'), 0)
        self.assertEqual(erase(daemon, 'user:her')[1]['erased'], 2500)
        daemon.signal(signal.SIGKILL)
        daemon.wait(-signal.SIGKILL)
        daemon.start()
        self.assertEqual(history(daemon, 'user:her')['events'], [])
        wait_until(lambda: found(b'SECRET-her') == 0, 'the bytes to be gone')
        self.assertGreaterEqual(found(b'SECRET-him'), 2500)
        self.assertEqual(daemon.publish(tick('user:her'))[0]['seq'], 2501)

    def test_memory(self):
        """a log in memory does the same"""
        with Daemon(log='memory:') as daemon:
            daemon.publish(tick('user:m', 1), tick('user:m', 2, broadcast=True))
            self.assertEqual(erase(daemon, 'user:m')[1]['erased'], 2)
            self.assertEqual(history(daemon, 'user:m')['events'], [])
            self.assertEqual(len(history(daemon, 'global')['events']), 1)


if __name__ == '__main__':
    main()
