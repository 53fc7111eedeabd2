# SPDX-License-Identifier: LGPL-2.1-or-later
"""Durable consumers (PROTOCOL section 3): consumer=NAME and the command ack, on every endpoint."""

import json
import unittest

from wse_socket import Refused
from wse_sse import EventSource, quote
from wse_test import Daemon, Scenario, main


class Reading:
    """What the cases share: publishing, connecting as a consumer, and what a connection got up to caught_up."""

    def fill(self, n, **target):
        answer = self.daemon.publish_lines([dict(target, event_type='odd' if i % 2 else 'even', payload=i) for i in range(1, n + 1)])
        self.assertEqual(answer['accepted'], n)

    def consume(self, name, more='', path='/wse', user=None):
        """A connection of the consumer; `epoch` and `begin` (hello's cursor) beside it."""
        client = self.daemon.connect(f'{path}?user_id={user or self.user}&consumer={name}{more}')
        self.addCleanup(client.close)
        hello = client.recv()
        self.assertEqual(hello['t'], 'hello')
        client.begin = hello['p']['cursor']
        client.epoch = (client.begin + '@').split('@')[1].split(':')[0]
        return client

    def events(self, client, channel=None):
        """The seqs of the user's channel up to caught_up."""
        before, _ = client.recv_control('caught_up')
        self.assertEqual([message for message in before if message['t'] == 'gap'], [])
        return [message['seq'] for message in before if message['ch'] == (channel or f'user:{self.user}')]

    def replay(self, name, more='', **keywords):
        client = self.consume(name, more, **keywords)
        seqs = self.events(client)
        client.finish()
        return seqs

    def ack(self, client, seq, channel=None, epoch=None):
        answer = client.request('ack', {'cursor': f'{channel or "user:" + self.user}@{epoch or client.epoch}:{seq}'})
        if answer['success']:
            self.assertEqual(answer['result'], {'acked': True})
        return answer['success'] or answer['error']['code']


class Consumers(Reading, Scenario):
    arguments = ('--max-connections-per-user=50',)
    users = 0

    def setUp(self):
        Consumers.users += 1
        self.user = f'c{Consumers.users}'

    def test_new(self):
        """a new consumer starts at the oldest kept, in each channel"""
        self.fill(250, user_id=self.user)
        self.fill(150, role_id=self.user)
        client = self.consume('new', f'&roles={self.user}')
        before, _ = client.recv_control('caught_up')
        mine = [(message['ch'], message['seq']) for message in before if message['ch'] != 'global']
        self.assertEqual(mine, [(f'user:{self.user}', i) for i in range(1, 251)] + [(f'role:{self.user}', i) for i in range(1, 151)])

    def test_after_ack(self):
        """it starts after its acks; what was not acked comes again"""
        self.fill(20, user_id=self.user)
        client = self.consume('a')
        self.assertEqual(self.events(client), list(range(1, 21)))
        self.assertIs(self.ack(client, 12), True)
        client.abort()
        for _ in range(2):
            client = self.consume('a')
            self.assertIn(f'user:{self.user}@{client.epoch}:12', client.begin)
            self.assertEqual(self.events(client), list(range(13, 21)))
            client.close()

    def test_without_ack(self):
        """without an ack everything comes again: sending is not acking"""
        self.fill(5, user_id=self.user)
        self.assertEqual([self.replay('w') for _ in range(3)], [[1, 2, 3, 4, 5]] * 3)

    def test_names(self):
        """consumers are apart by name and by user"""
        self.fill(6, user_id=self.user)
        client = self.consume('one')
        self.events(client)
        self.assertIs(self.ack(client, 6), True)
        self.assertEqual((self.replay('one'), self.replay('two'), self.replay('ü:.-_')), ([], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]))
        client = self.consume('one', user=self.user + 'x')
        self.assertEqual(self.ack(client, 6), 'bad_cursor')
        self.assertIn(f'user:{self.user}x@{client.epoch}:0', client.begin)

    def test_new_channel(self):
        """a channel new to a consumer with acks: at the oldest kept"""
        self.fill(4, user_id=self.user)
        self.fill(4, team_id=self.user)
        client = self.consume('n')
        self.events(client)
        self.assertIs(self.ack(client, 4), True)
        client = self.consume('n', f'&teams={self.user}')
        self.assertEqual(self.events(client, f'team:{self.user}'), [1, 2, 3, 4])

    def test_overrides(self):
        """consumer overrides history and after, for acked channels and new ones"""
        self.fill(10, user_id=self.user)
        client = self.consume('o', '&history=2')
        epoch = client.epoch
        self.assertEqual(self.events(client), list(range(1, 11)))
        self.assertIs(self.ack(client, 3), True)
        for more in ('&history=0', '&history=2', f'&after=user:{self.user}@{epoch}:9', f'&after=user:{self.user}@{epoch}:1&history=1', '&after=*@Foreign:1'):
            with self.subTest(more):
                self.assertEqual(self.replay('o', more), list(range(4, 11)))
                self.assertEqual(self.replay('fresh', more), list(range(1, 11)))

    def test_filter(self):
        """with a filter: what was passed over counts as sent and may be acked"""
        self.fill(21, user_id=self.user)
        client = self.consume('f', '&types=even')
        self.assertEqual(self.events(client), list(range(2, 21, 2)))
        self.assertIs(self.ack(client, 21), True)
        self.assertEqual(self.replay('f'), [])

    def test_live(self):
        """what came live may be acked, and no more than that"""
        client = self.consume('l')
        self.events(client)
        for i in range(1, 6):
            self.daemon.publish({'event_type': 'a', 'user_id': self.user})
            self.assertEqual(client.recv()['seq'], i)
            self.assertEqual(self.ack(client, i + 1), 'bad_cursor')
            self.assertIs(self.ack(client, i), True)
        client.close()
        self.assertEqual(self.replay('l'), [])

    def test_never_back(self):
        """acks are cumulative, merge to the greater and never go back"""
        self.fill(10, user_id=self.user)
        client = self.consume('b')
        self.events(client)
        for seq in (8, 3, 0, 8):
            self.assertIs(self.ack(client, seq), True)
        self.assertEqual(self.replay('b'), [9, 10])

    def test_two_connections(self):
        """two connections of one consumer: each gets everything from the ack as it was when they began; the greater ack counts"""
        self.fill(10, user_id=self.user)
        first, second = self.consume('two'), self.consume('two')
        self.assertEqual((self.events(first), self.events(second)), (list(range(1, 11)), list(range(1, 11))))
        self.assertIs(self.ack(first, 7), True)
        self.daemon.publish({'event_type': 'a', 'user_id': self.user}, {'event_type': 'a', 'user_id': self.user})
        # Not load sharing: both get what is new, the second one too.
        self.assertEqual([[client.recv()['seq'] for _ in range(2)] for client in (first, second)], [[11, 12]] * 2)
        self.assertIs(self.ack(second, 4), True)
        self.assertEqual(self.replay('two'), list(range(8, 13)))
        self.assertIs(self.ack(second, 11), True)
        self.assertIs(self.ack(first, 9), True)
        self.assertEqual(self.replay('two'), [12])

    def test_several_channels(self):
        """a cursor of several channels is acked whole; what it does not name stays"""
        for target in ('user_id', 'role_id', 'team_id'):
            self.fill(5, **{target: self.user})
        more = f'&roles={self.user}&teams={self.user}'
        client = self.consume('s', more)
        self.events(client)
        cursor = f'team:{self.user}@{client.epoch}:4,user:{self.user}@{client.epoch}:2'
        self.assertTrue(client.request('ack', {'cursor': cursor})['success'])
        before, _ = self.consume('s', more).recv_control('caught_up')
        mine = [(message['ch'].split(':')[0], message['seq']) for message in before if message['ch'] != 'global']
        self.assertEqual(mine, [('user', 3), ('user', 4), ('user', 5)] + [('role', i) for i in range(1, 6)] + [('team', 5)])

    def test_bad_cursor(self):
        """bad_cursor: beyond what was sent, of another epoch or channel, in part; all or nothing"""
        self.fill(5, user_id=self.user)
        self.fill(5, team_id=self.user)
        client = self.consume('bad')
        self.events(client)
        mine, epoch = f'user:{self.user}', client.epoch
        n = self.daemon.connect('/ws/events?channel=*&history=0')
        self.addCleanup(n.close)
        end = int(n.recv()['p']['cursor'].split(':')[1])
        for cursor in (f'{mine}@{epoch}:6', f'{mine}@{epoch}:9223372036854775807', f'{mine}@Foreign:1', f'{mine}@Foreign:0', f'team:{self.user}@{epoch}:1', f'system@{epoch}:0',
                       f'{mine}@{epoch}:3,team:{self.user}@{epoch}:1', f'{mine}@{epoch}:3,global@Foreign:0', f'{mine}@{epoch}:6,global@{epoch}:0',
                       '*@Foreign:1', f'*@{epoch}:{end + 1000}'):
            with self.subTest(cursor):
                answer = client.request('ack', {'cursor': cursor})
                self.assertEqual((answer['success'], answer.get('error', {}).get('code')), (False, 'bad_cursor'))
        self.assertEqual(self.replay('bad'), [1, 2, 3, 4, 5])

    def test_not_a_cursor(self):
        """what is no cursor at all is a bad_cursor, none is invalid; the connection stays"""
        client = self.consume('not')
        self.events(client)
        for cursor in ('', '5', 'user', f'user:{self.user}@e', f'user:{self.user}@e:-1', f'user:{self.user}@e:1,user:{self.user}@e:2', '*@e:1,global@e:1', 5, [], {}, 'x' * 5000):
            answer = client.request('ack', {'cursor': cursor})
            self.assertEqual((answer['success'], set(answer['error']), answer['error']['code']), (False, {'code', 'message'}, 'bad_cursor'), cursor)
        for params in (None, {}, {'cursor': None}):
            self.assertEqual(client.request('ack', params)['error']['code'], 'invalid')
        self.assertTrue(client.request('ping')['success'])

    def test_whole_log_cursor(self):
        """ack with *@: every channel of the connection up to that place of the log"""
        watcher = self.daemon.connect('/ws/events?channel=*&format=v2&history=0')
        self.addCleanup(watcher.close)
        watcher.recv_control('caught_up')
        for i in range(12):
            self.daemon.publish({'event_type': 'a', ('user_id', 'role_id')[i % 2]: self.user, 'payload': i})
        places = []
        with EventSource(self.daemon.port, f'/sse?channel=user:{self.user}&channel=role:{self.user}&history=50') as source:
            before, _ = source.until('caught_up')
            places = [event.id for event in before if '"ch":"global"' not in event.data]
        client = self.consume('star', f'&roles={self.user}')
        self.events(client)
        self.assertTrue(client.request('ack', {'cursor': places[6]})['success'])
        before, _ = self.consume('star', f'&roles={self.user}').recv_control('caught_up')
        self.assertEqual([message['p'] for message in before if message['ch'] != 'global'], [7, 8, 9, 10, 11])

    def test_whole_log(self):
        """a consumer of channel=*: its acks are places of the log"""
        client = self.consume('log', '&channel=*&format=v2', '/ws/events')
        client.recv_control('caught_up')
        self.daemon.publish(*({'event_type': 'a', 'user_id': self.user, 'payload': i} for i in range(4)))
        self.assertEqual([client.recv()['p'] for _ in range(4)], [0, 1, 2, 3])
        with EventSource(self.daemon.port, '/sse?channel=*&history=4') as source:
            ids = [event.id for event in source.until('caught_up')[0]]
        self.assertTrue(client.request('ack', {'cursor': ids[1]})['success'])
        again = self.consume('log', '&channel=*&format=v2', '/ws/events')
        before, _ = again.recv_control('caught_up')
        self.assertEqual([message['p'] for message in before], [2, 3])

    def test_subscribe(self):
        """subscribe without history and after: the consumer's ack, else live"""
        self.fill(6, session_id=self.user)
        client = self.consume('sub', path='/ws/sessions')
        answer = client.request('subscribe', {'session_id': self.user, 'history': 10})['result']
        epoch = answer['cursor'].split('@')[1].split(':')[0]
        before, _ = client.recv_control('caught_up')  # the first, of no channel
        before, _ = client.recv_control('caught_up')
        self.assertEqual(len(before), 6)
        self.assertIs(self.ack(client, 4, f'session:{self.user}', epoch), True)
        again = self.consume('sub', path='/ws/sessions')
        again.recv_control('caught_up')
        answer = again.request('subscribe', {'session_id': self.user})['result']
        self.assertEqual((answer['cursor'], answer['recovered']), (f'session:{self.user}@{epoch}:4', True))
        self.assertEqual([message['data']['payload'] for message in again.recv_control('caught_up')[0]], [5, 6])
        answer = again.request('subscribe', {'session_id': self.user + 'x'})['result']
        self.assertEqual(answer['cursor'], f'session:{self.user}x@{epoch}:0')

    def test_ack_without_consumer(self):
        """ack on a connection without a consumer is an error, and the connection stays"""
        client = self.daemon.connect(f'/wse?user_id={self.user}')
        self.addCleanup(client.close)
        cursor = client.recv_control('caught_up')[1]['cursor']
        self.assertFalse(client.request('ack', {'cursor': cursor})['success'])
        self.assertTrue(client.request('ping')['success'])

    def test_without_user(self):
        """400: a consumer without a user, or with a name that is none"""
        for path in ('/wse', '/ws/events', '/ws/sessions'):
            for query in ('consumer=c', f'user_id={self.user}&consumer=', f'user_id={self.user}&consumer=a%20b', f'user_id={self.user}&consumer=*',
                          f'user_id={self.user}&consumer=' + 'x' * 129, f'user_id={self.user}&consumer=a&consumer=b'):
                with self.assertRaises(Refused) as caught:
                    self.daemon.connect(f'{path}?{query}')
                self.assertEqual(caught.exception.status, 400, query)

    def test_limit(self):
        """16 consumers of a user; the seventeenth is 429 before the upgrade, and its count of connections is not used up"""
        for i in range(16):
            self.consume(f'n{i}').close()
        for path in ('/wse', '/ws/sessions'):
            for _ in range(3):
                with self.assertRaises(Refused) as caught:
                    self.consume('n16', path=path)
                self.assertEqual(caught.exception.status, 429)
        with self.assertRaises(Refused) as caught:
            EventSource(self.daemon.port, f'/sse?user_id={self.user}&consumer=n16')
        self.assertEqual(caught.exception.status, 429)
        self.consume('n7').close()
        self.consume('n0', user=self.user + 'x').close()
        with self.daemon.connect(f'/wse?user_id={self.user}') as client:
            self.assertEqual(client.recv()['t'], 'hello')

    def test_sse(self):
        """on /sse Last-Event-ID is the ack"""
        self.fill(9, user_id=self.user)
        query = f'/sse?user_id={self.user}&consumer=sse'

        def look(last=None):
            with EventSource(self.daemon.port, query, last=last) as source:
                return [event for event in source.until('caught_up')[0] if '"ch":"global"' not in event.data]
        events = look()
        self.assertEqual([json.loads(event.data)['seq'] for event in events], list(range(1, 10)))
        self.assertEqual(len(look()), 9)
        self.assertEqual([event.id for event in look(events[3].id)], [event.id for event in events[4:]])
        self.assertEqual([event.id for event in look()], [event.id for event in events[4:]])
        # An older one does not take it back.
        self.assertEqual([event.id for event in look(events[1].id)], [event.id for event in events[4:]])
        self.assertEqual(self.replay('sse'), [5, 6, 7, 8, 9])
        # A place that is not of this log acks nothing.
        look('*@Foreign:3')
        self.assertEqual(self.replay('sse'), [5, 6, 7, 8, 9])

    def test_escaped_name(self):
        """a consumer's own name may need escaping"""
        self.fill(2, user_id=self.user)
        client = self.consume(quote('ü/?&='))
        self.events(client)
        self.assertIs(self.ack(client, 1), True)
        self.assertEqual(self.replay(quote('ü/?&=')), [2])


class Life(Reading, unittest.TestCase):
    user = 'life'

    def test_kill(self):
        """an ack that was answered survives kill -9, and a restart; the limit of 16 counts on"""
        with Daemon() as daemon:
            self.daemon = daemon
            self.fill(100, user_id=self.user)
            for turn in range(1, 6):
                client = self.consume('k')
                self.assertEqual(self.events(client), list(range(1 + (turn - 1) * 10, 101)))
                self.assertIs(self.ack(client, turn * 10), True)
                daemon.kill()
                daemon.start()
            daemon.stop()
            daemon.start()
            self.assertEqual(self.replay('k'), list(range(51, 101)))
            for i in range(15):
                self.consume(f'n{i}').finish()
            daemon.kill()
            daemon.start()
            with self.assertRaises(Refused):
                self.consume('n15')
            self.assertEqual(self.replay('k'), list(range(51, 101)))

    def test_new_epoch(self):
        """a consumer whose log was lost: its acks went with it, and it begins anew without a gap"""
        with Daemon(log='memory:') as daemon:
            self.daemon = daemon
            self.fill(3, user_id=self.user)
            client = self.consume('e')
            self.events(client)
            self.assertIs(self.ack(client, 3), True)
            daemon.stop()
            daemon.start()
            self.fill(2, user_id=self.user)
            self.assertEqual(self.replay('e'), [1, 2])


if __name__ == '__main__':
    main()
