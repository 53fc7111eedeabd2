# SPDX-License-Identifier: LGPL-2.1-or-later
"""subscribe, unsubscribe and history (PROTOCOL section 3, commands): positions, filters, replacing, paging, limits."""

import collections
import json
import threading
import unittest

from wse_socket import TEXT, frame
from wse_test import Daemon, Scenario, main, wait_until


class Subscriptions(Scenario):
    """subscribe, unsubscribe, history: clients of wse.v2, so that every sentence shows."""

    names = 0

    def setUp(self):
        Subscriptions.names += 1
        self.team = f'team:t{Subscriptions.names}'

    def open(self, path='/wse?history=0', **keywords):
        client = self.daemon.connect(path, **keywords)
        self.addCleanup(client.close)
        if client.response.headers.get('sec-websocket-protocol'):
            self.epoch = client.recv()['p']['cursor'].split('@')[-1].split(':')[0]
            client.recv_control('caught_up')
        return client

    def fill(self, n, first=1, channel=None, **more):
        kind, name = (channel or self.team).split(':')
        lines = [dict(more, **{'event_type': 'odd' if i % 2 else 'even', f'{kind}_id': name, 'severity': 'error' if i % 5 == 0 else 'info', 'payload': i}) for i in range(first, first + n)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], n)

    def subscribe(self, client, **params):
        answer = client.request('subscribe', dict({'channel': self.team}, **params))
        self.assertTrue(answer['success'], answer)
        return answer['result']

    def replay(self, client):
        """Payloads up to the subscribe's caught_up, the gaps before, and its p."""
        before, caught_up = client.recv_control('caught_up')
        self.assertEqual(caught_up['channel'], self.team)
        return [message['p'] for message in before if message['t'] != 'gap'], [message['p'] for message in before if message['t'] == 'gap'], caught_up

    def test_subscribe(self):
        """subscribe: the answer's bytes; live where neither history nor after is given; caught_up once, with the channel"""
        client = self.open()
        self.fill(3)
        client.send_json({'id': 'one', 'method': 'subscribe', 'params': {'channel': self.team}})
        self.assertEqual(client.recv_text(), '{"id":"one","success":true,"result":{"subscribed":true,"channel":"%s","cursor":"%s@%s:3","recovered":true}}' % (self.team, self.team, self.epoch))
        self.assertEqual(client.recv(), {'v': 2, 't': 'caught_up', 'p': {'channel': self.team, 'cursor': f'{self.team}@{self.epoch}:3'}})
        self.fill(2, 4)
        self.assertEqual([client.recv()['p'] for _ in range(2)], [4, 5])
        self.assertEqual(client.settle(), [])

    def test_every_endpoint(self):
        """subscribe and unsubscribe on every WebSocket endpoint, in its dialect"""
        for path, payload in (('/wse?history=0', 'p'), ('/ws/events?history=0', 'metadata'), ('/ws/events?history=0&format=envelope', 'data'), ('/ws/sessions', 'data')):
            client = self.open(path)
            self.subscribe(client)
            client.recv_control('caught_up')
            self.fill(1)
            self.assertIn(payload, client.recv())
            self.assertEqual(client.request('unsubscribe', {'channel': self.team})['result'], {'unsubscribed': True, 'channel': self.team})

    def test_history_param(self):
        """history: the last N that pass the filter"""
        self.fill(40)
        for params, expected in (({'history': 5}, [36, 37, 38, 39, 40]), ({'history': 0}, []), ({'history': 10000}, list(range(1, 41))), ({'history': 3, 'types': ['even']}, [36, 38, 40]),
                                 ({'history': 3, 'severity': 'warning'}, [30, 35, 40]), ({'history': 2, 'types': ['odd', 'x'], 'severity': 'error'}, [25, 35]), ({'history': 2, 'types': None}, [39, 40])):
            with self.subTest(str(params)):
                client = self.open()
                self.assertTrue(self.subscribe(client, **params)['recovered'])
                payloads, gaps, caught_up = self.replay(client)
                self.assertEqual((payloads, gaps, caught_up['cursor']), (expected, [], f'{self.team}@{self.epoch}:40'))

    def test_after_param(self):
        """after: all since; the cursor says where; several channels and * too"""
        self.fill(30)
        client = self.open()
        for after in (0, 17, 30):
            for cursor in (f'{self.team}@{self.epoch}:{after}', f'global@{self.epoch}:0,{self.team}@{self.epoch}:{after}'):
                result = self.subscribe(client, after=cursor)
                self.assertEqual((result['cursor'], result['recovered']), (f'{self.team}@{self.epoch}:{after}', True))
                self.assertEqual(self.replay(client)[:2], (list(range(after + 1, 31)), []))
        result = self.subscribe(client, after=f'*@{self.epoch}:0')
        self.assertEqual((result['recovered'], self.replay(client)[0]), (True, list(range(1, 31))))

    def test_after_lost(self):
        """after of another epoch or beyond the end: recovered false, a gap, everything kept"""
        self.fill(4)
        client = self.open()
        for cursor in (f'{self.team}@Foreign:2', f'{self.team}@{self.epoch}:5', '*@Foreign:1', f'*@{self.epoch}:99999999'):
            with self.subTest(cursor):
                self.assertIs(self.subscribe(client, after=cursor)['recovered'], False)
                payloads, gaps, _ = self.replay(client)
                self.assertEqual((payloads, gaps), ([1, 2, 3, 4], [{'channel': self.team, 'epoch': self.epoch, 'from': 1, 'to': 0, 'reason': 'epoch'}]))

    def test_answer_first(self):
        """the answer comes before the first event, also where events pour in"""
        stop = threading.Event()

        def pour():
            while not stop.is_set():
                self.fill(50)
        thread = threading.Thread(target=pour)
        thread.start()
        try:
            client = self.open(protocols=())
            for i in range(30):
                name = f's{i}'
                client.send_json({'id': name, 'method': 'subscribe', 'params': {'channel': self.team, 'history': 20}})
                first = client.recv()
                self.assertEqual((first.get('id'), first.get('success')), (name, True))
                place = int(first['result']['cursor'].rsplit(':', 1)[1])
                self.assertEqual([client.recv()['seq'] for _ in range(25)], list(range(place + 1, place + 26)))
                client.send_json({'id': 'u' + name, 'method': 'unsubscribe', 'params': {'channel': self.team}})
                client.recv_until(lambda message: message.get('id') == 'u' + name)
                # Nothing of it comes after the answer.
                self.assertEqual(client.settle(), [])
        finally:
            stop.set()
            thread.join()

    def test_replace(self):
        """again for the same channel: replaces filter and position, and the old one's rest does not come"""
        self.fill(5000)
        client = self.open()
        self.subscribe(client, history=5000)
        self.subscribe(client, history=4, types=['even'])
        while True:
            message = client.recv()
            if message['t'] == 'caught_up' and client.waiting == collections.deque():
                break
        client.settle()
        self.fill(4, 5001)
        got = [client.recv()['p'] for _ in range(2)]
        self.assertEqual(got, [5002, 5004])
        self.subscribe(client, history=3)
        self.assertEqual(self.replay(client)[0], [5002, 5003, 5004])
        self.fill(1, 5005)
        self.assertEqual(client.recv()['p'], 5005)

    def test_replace_behind_answer(self):
        """replacing: behind the answer only the new position's events come"""
        self.fill(3000)
        client = self.open(protocols=())
        for i in range(20):
            client.send(frame(TEXT, json.dumps({'id': f'a{i}', 'method': 'subscribe', 'params': {'channel': self.team, 'after': f'{self.team}@{self.first_epoch()}:0'}}))
                        + frame(TEXT, json.dumps({'id': f'b{i}', 'method': 'subscribe', 'params': {'channel': self.team, 'history': 2, 'types': ['odd']}})))
            client.recv_until(lambda message: message.get('id') == f'b{i}')
            self.assertEqual([client.recv()['p'] for _ in range(2)], [2997, 2999])
            self.assertEqual(client.settle(), [])

    def first_epoch(self):
        return self.daemon.get('/api/events?channel=global')['cursor'].split('@')[1].split(':')[0]

    def test_unsubscribe(self):
        """unsubscribe: the answer's bytes; nothing after it, other channels go on; not subscribed is no error"""
        client = self.open()
        self.subscribe(client)
        client.recv_control('caught_up')
        self.fill(1)
        self.assertEqual(client.recv()['p'], 1)
        client.send_json({'id': 'u', 'method': 'unsubscribe', 'params': {'channel': self.team}})
        self.assertEqual(client.recv_text(), '{"id":"u","success":true,"result":{"unsubscribed":true,"channel":"%s"}}' % self.team)
        self.fill(5)
        self.daemon.publish({'event_type': 'still', 'broadcast': True})
        self.assertEqual(client.recv()['t'], 'still')
        self.assertTrue(client.request('unsubscribe', {'channel': self.team})['success'])
        self.assertTrue(client.request('unsubscribe', {'channel': 'global'})['success'])
        self.daemon.publish({'event_type': 'nomore', 'broadcast': True})
        self.assertEqual(client.settle(), [])

    def test_unsubscribe_purges(self):
        """unsubscribe in the midst of a replay: what was not sent is not sent"""
        self.fill(8000, note='x' * 300)
        client = self.open(protocols=(), receive_buffer=4096)
        client.send(b''.join(frame(TEXT, json.dumps(command)) for command in (
            {'id': 's', 'method': 'subscribe', 'params': {'channel': self.team, 'history': 8000}}, {'id': 'u', 'method': 'unsubscribe', 'params': {'channel': self.team}},
            {'id': 'p', 'method': 'ping'})))
        messages = client.recv_until(lambda message: message.get('id') == 'p')
        self.assertLess(len(messages), 8000)
        ids = [message.get('id') for message in messages if 'success' in message]
        self.assertEqual((ids, messages[-2].get('id')), (['s', 'u', 'p'], 'u'))
        self.assertEqual(client.settle(), [])

    def test_changes_hold(self):
        """changes hold for what is appended after their answer: nothing between is missed or comes twice"""
        client = self.open(protocols=())
        published = 0
        got = []
        for turn in range(20):
            if turn % 2 == 0:
                client.request('subscribe', {'channel': self.team})
            else:
                self.assertTrue(client.request('unsubscribe', {'channel': self.team})['success'])
            self.fill(3, published + 1)
            published += 3
            if turn % 2 == 0:
                got += [client.recv()['p'] for _ in range(3)]
        self.assertEqual(client.settle(), [])
        self.assertEqual(got, [i for i in range(1, 61) if (i - 1) // 3 % 2 == 0])

    def test_two_channels_once(self):
        """an event in two channels: once, in the first, replayed or live"""
        user = self.team.split(':')[1]
        client = self.open(f'/ws/events?format=v2&user_id={user}')
        self.daemon.publish({'event_type': 'both', 'user_id': user, 'team_id': user})
        for channel in (f'user:{user}', self.team):
            self.subscribe(client, channel=channel, history=10)
        messages = [client.recv() for _ in range(3)]
        self.assertEqual([message['ch'] for message in messages if message['t'] == 'both'], [f'user:{user}'])
        self.daemon.publish({'event_type': 'both2', 'user_id': user, 'team_id': user}, {'event_type': 'end', 'team_id': user})
        self.assertEqual([(message['t'], message['ch']) for message in client.recv_until(lambda message: message['t'] == 'end')],
                         [('both2', f'user:{user}'), ('end', self.team)])

    def test_history(self):
        """history: the answer's members and bytes, the events as they would be streamed"""
        self.daemon.publish({'event_type': 'OrderPlaced', 'event_id': 'h-1', 'team_id': self.team.split(':')[1], 'timestamp': 1.5, 'payload': {'n': 1.10}})
        for path in ('/wse?history=0', '/ws/events?history=0', '/ws/events?history=0&format=envelope', '/ws/sessions'):
            client = self.open(path)
            self.subscribe(client, history=1)
            streamed = client.recv_text()
            client.recv()
            client.send_json({'id': 'h', 'method': 'history', 'params': {'channel': self.team}})
            self.assertEqual(client.recv_text(), '{"id":"h","success":true,"result":{"events":[%s],"cursor":"%s@%s:1","recovered":true}}' % (streamed, self.team, self.first_epoch()))

    def test_history_pages(self):
        """history: from the oldest kept, 100 at a time; limit up to 1000; after goes on; only an empty page is the end"""
        self.fill(250)
        client = self.open()
        self.assertEqual([event['p'] for event in client.request('history', {'channel': self.team})['result']['events']], list(range(1, 101)))
        for limit in (1, 7, 100, 1000):
            got, params = [], {'channel': self.team, 'limit': limit}
            while True:
                result = client.request('history', params)['result']
                self.assertEqual((set(result), result['recovered']), ({'events', 'cursor', 'recovered'}, True))
                self.assertLessEqual(len(result['events']), limit)
                if not result['events']:
                    break
                got += [event['p'] for event in result['events']]
                self.assertEqual(result['cursor'], f'{self.team}@{self.epoch}:{result["events"][-1]["seq"]}')
                params['after'] = result['cursor']
                if limit == 1 and len(got) == 20:
                    break
            self.assertEqual(got, list(range(1, 251))[:len(got)])
            self.assertEqual(len(got), 20 if limit == 1 else 250)
        self.assertEqual(client.settle(), [])

    def test_history_large(self):
        """history: large events in pages of fewer than limit, none lost"""
        name = self.team.split(':')[1]
        for i in range(12):
            self.daemon.publish({'event_type': 'a', 'team_id': name, 'payload': [i, 'x' * 200000]})
        client = self.open()
        got, params = [], {'channel': self.team, 'limit': 1000}
        while True:
            result = client.request('history', params)['result']
            if not result['events']:
                break
            got += [event['p'][0] for event in result['events']]
            params['after'] = result['cursor']
        self.assertEqual(got, list(range(12)))

    def test_history_lost(self):
        """history: after of another epoch or beyond the end: recovered false and everything; a channel without events is empty"""
        self.fill(3)
        client = self.open()
        for cursor in (f'{self.team}@Foreign:2', f'{self.team}@{self.epoch}:4', '*@Foreign:0'):
            result = client.request('history', {'channel': self.team, 'after': cursor})['result']
            self.assertEqual(([event['p'] for event in result['events']], result['recovered']), ([1, 2, 3], False))
        result = client.request('history', {'channel': self.team + '-none'})['result']
        self.assertEqual(result, {'events': [], 'cursor': f'{self.team}-none@{self.epoch}:0', 'recovered': True})

    def test_refused(self):
        """what a method cannot take is an error with a code and what to do, and changes nothing"""
        client = self.open()
        self.subscribe(client)
        client.recv_control('caught_up')
        for method, params in (
            ('subscribe', {}), ('subscribe', None), ('subscribe', {'channel': 5}), ('subscribe', {'channel': 'x'}), ('subscribe', {'channel': 'team:'}), ('subscribe', {'channel': '*'}),
            ('subscribe', {'channel': self.team, 'session_id': 's'}), ('subscribe', {'channel': self.team, 'types': 'a'}), ('subscribe', {'channel': self.team, 'types': [5]}),
            ('subscribe', {'channel': self.team, 'types': ['a,b']}), ('subscribe', {'channel': self.team, 'severity': 'loud'}), ('subscribe', {'channel': self.team, 'severity': 5}),
            ('subscribe', {'channel': self.team, 'history': -1}), ('subscribe', {'channel': self.team, 'history': 10001}), ('subscribe', {'channel': self.team, 'history': 1.5}),
            ('subscribe', {'channel': self.team, 'history': '5'}), ('subscribe', {'channel': self.team, 'after': 'x'}), ('subscribe', {'channel': self.team, 'after': 5}),
            ('subscribe', {'channel': self.team, 'after': f'{self.team}@e:1', 'history': 5}), ('subscribe', {'channel': self.team, 'after': f'{self.team}@e:1,{self.team}@e:2'}),
            ('unsubscribe', {}), ('unsubscribe', {'channel': 'x'}), ('history', {}), ('history', {'channel': self.team, 'limit': 0}), ('history', {'channel': self.team, 'limit': 1001}),
            ('history', {'channel': self.team, 'after': '5'}), ('snapshot', {'snapshot_type': 'none'}), ('refresh', {'token': 'x'}), ('ack', {'cursor': 'x'}), ('', {}), ('Ping', {}), ('ping ', {}),
        ):
            with self.subTest(f'{method} {params}'):
                answer = client.request(method, params)
                self.assertFalse(answer['success'], answer)
                self.assertEqual((list(answer), list(answer['error'])), (['id', 'success', 'error'], ['code', 'message']))
                self.assertRegex(answer['error']['code'], '^[a-z_]+$')
        self.fill(1)
        self.assertEqual(client.recv()['p'], 1)

    def test_order_of_slow_and_quick(self):
        """answers come in the order of the commands, though some must ask the log"""
        self.fill(500)
        client = self.open(protocols=())
        methods = [('history', {'channel': self.team, 'limit': 500}), ('ping', {}), ('subscribe', {'channel': self.team}), ('no', {}), ('unsubscribe', {'channel': self.team}), ('ping', None)]
        client.send(b''.join(frame(TEXT, json.dumps({'id': str(i), 'method': methods[i % 6][0], 'params': methods[i % 6][1]})) for i in range(120)))
        self.assertEqual([client.recv()['id'] for _ in range(120)], [str(i) for i in range(120)])

    def test_ids(self):
        """any string is an id, and comes back with its bytes' meaning"""
        client = self.open(protocols=())
        for name in ('', ' ', '"\\\u0001', 'ü\U0001f600', '\u0000', 'x' * 10000, '</script>'):
            client.send_json({'id': name, 'method': 'ping'})
            self.assertEqual(client.recv()['id'], name)

    def test_unsent_answers(self):
        """while 64 answers are unsent nothing more is read: a client that never reads is held at the socket"""
        self.fill(1000, note='x' * 500)
        client = self.open(protocols=(), receive_buffer=4096)
        command = frame(TEXT, json.dumps({'id': 'n', 'method': 'history', 'params': {'channel': self.team, 'limit': 1000}}))
        client.socket.settimeout(1)
        sent, rss = 0, self.daemon.rss()
        with self.assertRaises(TimeoutError):
            while sent < 64 << 20:
                sent += client.socket.send(command * 1000)
        self.assertLess(self.daemon.rss() - rss, 400 << 20)
        other = self.open()
        self.assertTrue(other.request('ping')['success'])
        client.abort()
        self.assertTrue(other.request('ping')['success'])

    def test_message_limit(self):
        """a message of 128 KiB is taken, one byte more closes: 1009"""
        client = self.open(protocols=())
        head, tail = '{"id":"big","method":"ping","x":"', '"}'
        client.send_text(head + 'x' * (131072 - len(head) - len(tail)) + tail)
        self.assertTrue(client.recv()['success'])
        client.send_text(head + 'x' * (131073 - len(head) - len(tail)) + tail)
        self.assertEqual(client.recv_close()[0], 1009)
        self.assertLess(client.recv_end(), 5)

    def test_many_subscriptions(self):
        """a connection has at most 1000 subscriptions; one that it has can be replaced"""
        client = self.open('/ws/sessions', protocols=())
        name = self.team.split(':')[1]
        for first in range(0, 1000, 50):
            client.send(b''.join(frame(TEXT, json.dumps({'id': str(i), 'method': 'subscribe', 'params': {'session_id': f'{name}-{i}'}})) for i in range(first, first + 50)))
            self.assertTrue(all(client.recv()['success'] for _ in range(50)))
        self.assertFalse(client.request('subscribe', {'session_id': f'{name}-1000'})['success'])
        self.assertTrue(client.request('subscribe', {'session_id': f'{name}-7'})['success'])
        self.assertTrue(client.request('unsubscribe', {'session_id': f'{name}-5'})['success'])
        self.assertTrue(client.request('subscribe', {'session_id': f'{name}-1000'})['success'])
        for i in (7, 1000, 5):
            self.daemon.publish({'event_type': 'a', 'session_id': f'{name}-{i}', 'payload': i})
        self.assertEqual([client.recv()['data']['payload'] for _ in range(2)], [7, 1000])
        self.assertEqual(client.settle(), [])


class Retention(unittest.TestCase):
    def test_retention(self):
        """subscribe and history after what retention took: recovered false, a gap of reason retention"""
        with Daemon('--retention=100,7d') as daemon:
            epoch = daemon.get('/api/events?channel=global')['cursor'].split('@')[1].split(':')[0]
            daemon.publish_lines([{'event_type': 'a', 'team_id': 'r'} for _ in range(9000)])
            wait_until(lambda: daemon.get('/api/events?channel=team:r&limit=1')['events'][0]['seq'] > 8000, 'retention to work')
            with daemon.connect('/wse?history=0') as client:
                client.recv_control('caught_up')
                result = client.request('subscribe', {'channel': 'team:r', 'after': f'team:r@{epoch}:10'})['result']
                self.assertEqual((result['recovered'], result['cursor']), (False, f'team:r@{epoch}:10'))
                before, _ = client.recv_control('caught_up')
                gap = before[0]['p']
                self.assertEqual((before[0]['t'], gap['from'], gap['reason']), ('gap', 11, 'retention'))
                self.assertEqual([message['seq'] for message in before[1:]], list(range(gap['to'] + 1, 9001)))
                result = client.request('history', {'channel': 'team:r', 'after': f'team:r@{epoch}:10', 'limit': 1})['result']
                self.assertEqual((result['recovered'], len(result['events'])), (False, 1))
                # By itself from the oldest kept: nothing that was asked for is lost.
                self.assertTrue(client.request('history', {'channel': 'team:r'})['result']['recovered'])


if __name__ == '__main__':
    main()
