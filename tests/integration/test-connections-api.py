# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET and DELETE /api/connections: who is connected, how far behind, and that an operator can end it."""

import json
import re
import unittest

from wse_sse import EventSource
from wse_test import Daemon, Scenario, main, wait_until

TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z')


class Api(Scenario):
    def page(self, query=''):
        return self.daemon.get('/api/connections' + query)

    def list(self, query=''):
        return self.page(query)['connections']

    def delete(self, path):
        answer = self.daemon.request('DELETE', path)
        return answer.status, json.loads(answer.body)

    def none_left(self):
        wait_until(lambda: self.list() == [], 'everybody to be gone')


class List(Api):
    arguments = ('--workers=3', '--heartbeat-interval=1')

    def test_members(self):
        """a connection's id is hello's; user, endpoint, since, sent and the rest are there"""
        self.none_left()
        with self.daemon.connect('/wse?user_id=alice&teams=x&history=0&format=envelope&consumer=phone') as client:
            _, hello = client.recv_control('hello')
            client.recv_control('caught_up')
            self.daemon.publish(*({'event_type': 'tick', 'user_id': 'alice', 'payload': i} for i in range(3)))
            for _ in range(3):
                client.recv_until(lambda message: message.get('type') == 'event')
            one, = self.list()
            self.assertEqual(one['id'], hello['connection_id'])
            self.assertEqual((one['user'], one['endpoint'], one['format'], one['consumer']), ('alice', '/wse', 'envelope', 'phone'))
            self.assertRegex(one['since'], TIME)
            self.assertRegex(one['remote'], r'^127\.0\.0\.1:\d+$')
            self.assertEqual((one['sent'], one['dropped'], one['channels'], one['state']), (3, 0, 3, 'live'))
            self.assertGreater(one['sent_bytes'], 300)
            self.assertEqual(one['lag'], {'events': 0, 'bytes': 0, 'seconds': 0})

            def round_trip():
                client.settle()
                return self.list()[0]['rtt_ms'] is not None
            wait_until(round_trip, 'a ping to be answered')
            self.assertLess(self.list()[0]['rtt_ms'], 10000)
            client.finish()

    def test_sse(self):
        """an SSE connection is listed too, nobody's, without a round trip"""
        self.none_left()
        with EventSource(self.daemon.port, '/sse?history=0&channel=team:sse') as client:
            client.until('caught_up')
            one, = self.list()
            self.assertEqual((one['user'], one['endpoint'], one['consumer'], one['rtt_ms']), (None, '/sse', None, None))

    def test_filters(self):
        """user=, endpoint= and channel= choose; limit= and next= page in the order of coming; unknown ones are 400"""
        self.none_left()
        clients = []
        for i in range(10):
            clients.append(self.daemon.connect(f'/wse?user_id=u{i % 3}&history=0'))
            clients[-1].recv_control('caught_up')
        ids = [one['id'] for one in self.list()]
        self.assertEqual(len(ids), 10)
        self.assertEqual([one['user'] for one in self.list()], [f'u{i % 3}' for i in range(10)])
        self.assertEqual(len(self.list('?user=u1')), 3)
        self.assertEqual(len(self.list('?user=nobody')), 0)
        self.assertEqual(len(self.list('?channel=user:u0')), 4)
        self.assertEqual(len(self.list('?channel=global')), 10)
        self.assertEqual(len(self.list('?endpoint=/ws/events')), 0)
        self.assertEqual(len(self.list('?endpoint=/wse&user=u2')), 3)
        paged, after = [], ''
        while True:
            page = self.page(f'?limit=3{after}')
            paged += [one['id'] for one in page['connections']]
            if 'next' not in page:
                break
            self.assertEqual(len(page['connections']), 3)
            after = '&next=' + page['next']
        self.assertEqual(paged, ids)
        for query in ('?limit=0', '?limit=10001', '?next=x', '?nonsense=1', '?channel=a', '?limit=1&limit=2'):
            self.assertEqual(self.daemon.request('GET', '/api/connections' + query).status, 400, query)
        self.assertEqual(self.daemon.request('POST', '/api/connections', b'').status, 405)
        for client in clients:
            client.finish()

    def test_many(self):
        """more connections than a worker describes in one go: all of them, once"""
        self.none_left()
        clients = [self.daemon.connect('/ws/sessions', protocols=()) for _ in range(600)]
        wait_until(lambda: len(self.list()) == 600, 'all to be there')
        self.assertEqual(len({one['id'] for one in self.list()}), 600)
        for client in clients:
            client.abort()


class End(Api):
    arguments = ('--workers=2',)

    def test_one(self):
        """DELETE of an id ends that one with 4403 and no other; again it is 404"""
        self.none_left()
        before = self.daemon.metric('wse_connections_dismissed_total')
        first, second = (self.daemon.connect('/wse?user_id=bob&history=0') for _ in range(2))
        _, hello = first.recv_control('hello')
        second.recv_control('caught_up')
        path = '/api/connections/' + hello['connection_id']
        self.assertEqual(self.delete(path), (200, {'ended': 1}))
        self.assertEqual(first.recv_close(), (4403, 'ended by an operator'))
        status, answer = self.delete(path)
        self.assertEqual((status, answer['error']['code']), (404, 'not_found'))
        self.assertEqual(len(self.list('?user=bob')), 1)
        self.assertEqual(self.daemon.metric('wse_connections_dismissed_total'), before + 1)
        second.settle()
        second.finish()

    def test_user(self):
        """DELETE with user= ends all of theirs and says how many; without it is 400, and nobody is ended"""
        self.none_left()
        hers = [self.daemon.connect(path + '?user_id=eve&history=0', protocols=()) for path in ('/wse', '/ws/events', '/wse')]
        his = self.daemon.connect('/wse?user_id=carl&history=0')
        wait_until(lambda: len(self.list()) == 4, 'all to be there')
        self.assertEqual(self.delete('/api/connections')[0], 400)
        self.assertEqual(self.delete('/api/connections?user=eve&x=1')[0], 400)
        self.assertEqual(self.delete('/api/connections?user=eve'), (200, {'ended': 3}))
        for client in hers:
            self.assertEqual(client.recv_close()[0], 4403)
        self.assertEqual(self.delete('/api/connections?user=eve'), (200, {'ended': 0}))
        his.settle()
        his.finish()

    def test_sse(self):
        """on SSE a bye that says nothing of coming back, then the end"""
        self.none_left()
        with EventSource(self.daemon.port, '/sse?user_id=fay&history=0') as client:
            client.until('caught_up')
            one, = self.list()
            self.assertEqual(self.delete('/api/connections/' + one['id'])[0], 200)
            _, bye = client.until('bye')
            self.assertEqual(bye, {'reason': 'operator'})
            self.assertRaises(EOFError, client.next)

    def test_unknown(self):
        """ids that are none: 404; a path without one: 404; other methods: 405 with Allow"""
        for path in ('/api/connections/x', '/api/connections/%2F', '/api/connections/a/b'):
            self.assertEqual(self.daemon.request('DELETE', path).status, 404, path)
        self.assertEqual(self.daemon.request('DELETE', '/api/connections/').status, 404)
        self.assertEqual(self.daemon.request('DELETE', '/api/connections/%FF').status, 400)
        self.assertEqual(self.daemon.request('DELETE', '/api/connections/x?y=1').status, 400)
        answer = self.daemon.request('GET', '/api/connections/x')
        self.assertEqual((answer.status, answer.headers['allow']), (405, 'DELETE'))


class Lag(unittest.TestCase):
    def test_slow(self):
        """one that does not read is shown with what waits for it; when it reads on, with nothing"""
        with Daemon('--heartbeat-interval=60') as daemon:
            slow = daemon.connect('/wse?user_id=slow&history=0', receive_buffer=4096)
            quick = daemon.connect('/wse?user_id=slow&history=0')
            for client in (slow, quick):
                client.recv_control('caught_up')
            for i in range(40):
                daemon.publish_lines([{'event_type': 'tick', 'user_id': 'slow', 'payload': 'x' * 1000}] * 100)
                quick.recv_until(lambda message, last=(i + 1) * 100: message.get('seq') == last)

            def lags():
                return [one['lag'] for one in daemon.get('/api/connections')['connections']]
            late, none = lags()
            self.assertEqual(none, {'events': 0, 'bytes': 0, 'seconds': 0})
            self.assertGreater(late['events'], 500)
            self.assertLess(late['events'], 4000)
            self.assertGreater(late['bytes'], late['events'] * 1000)
            self.assertLess(late['bytes'], late['events'] * 1400 + 70000)
            self.assertGreater(late['seconds'], 0)
            one = daemon.get('/api/connections')['connections'][0]
            self.assertGreaterEqual(one['sent'] + late['events'], 3999)
            slow.recv_until(lambda message: message.get('seq') == 4000)
            wait_until(lambda: lags()[0]['events'] == 0, 'the slow one to be at the end')
            slow.finish()
            quick.finish()

    def test_dropped(self):
        """what was no longer kept counts as dropped"""
        with Daemon('--retention=10,-') as daemon:
            daemon.publish({'event_type': 'tick', 'user_id': 'd', 'payload': 0})
            cursor = daemon.get('/api/events?channel=user:d&user_id=d')['cursor']
            daemon.publish_lines([{'event_type': 'tick', 'user_id': 'd', 'payload': i} for i in range(30)])
            client = daemon.connect(f'/wse?user_id=d&after={cursor}')
            _, gap = client.recv_control('gap')
            client.recv_control('caught_up')
            one, = daemon.get('/api/connections')['connections']
            self.assertEqual((one['dropped'], one['sent']), (gap['to'] - gap['from'] + 1, 10))
            client.finish()


if __name__ == '__main__':
    main()
