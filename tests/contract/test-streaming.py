# SPDX-License-Identifier: LGPL-2.1-or-later
"""Section 3 of the contract at its edges: parameters, positions and what a client is told, on every endpoint."""

import json
import urllib.parse

from wse_socket import Refused
from wse_sse import EventSource
from wse_test import Scenario, main, wait_until

ENDPOINTS = ('/wse', '/ws/events', '/ws/sessions', '/sse')


def quoted(text):
    return urllib.parse.quote(text, safe='')


class Client(Scenario):
    arguments = ('--max-connections-per-user=1000',)
    numbers = 0

    def setUp(self):
        Client.numbers += 1
        self.user = f'{type(self).__name__.lower()}{Client.numbers}'

    def open(self, path, **keywords):
        client = EventSource(self.daemon.port, path) if path.startswith('/sse') else self.daemon.connect(path, **keywords)
        self.addCleanup(client.close)
        return client

    def refused(self, status, path, **keywords):
        with self.assertRaises(Refused, msg=path) as caught:
            self.open(path, **keywords)
        self.assertEqual(caught.exception.response.status, status, path)

    def fill(self, n, kind='a', **members):
        members = members or {'user_id': self.user}
        self.assertEqual(self.daemon.publish_lines([dict(members, event_type=kind, payload=i) for i in range(1, n + 1)])['accepted'], n)

    def mine(self, query='', endpoint='/wse', name='ch'):
        """(payload …) of the user's own channel up to caught_up, and its cursor."""
        client = self.open(f'{endpoint}?user_id={self.user}{query}')
        if endpoint == '/sse':
            events, told = client.until('caught_up')
            events = [json.loads(event.data) for event in events if event.event is None]
        else:
            events, told = client.recv_control('caught_up')
        return [event['p'] for event in events if event.get(name) == f'user:{self.user}'], told['cursor']


class Streaming(Client):
    def test_channels(self):
        """channel=: repeated, twice the same, every kind; not on /wse and /ws/sessions"""
        channels = [f'{kind}:{self.user}' for kind in ('user', 'role', 'team', 'session')] + ['global', 'system']
        query = '&'.join(f'channel={quoted(channel)}' for channel in channels + channels[:2])
        client = self.open(f'/ws/events?format=v2&history=0&user_id={self.user}&{query}')
        hello = client.recv()['p']
        self.assertEqual([place.split('@')[0] for place in hello['cursor'].split(',')], channels)
        for member in ('user_id', 'role_id', 'team_id', 'session_id'):
            self.daemon.publish({'event_type': 'a', member: self.user})
        got = [message['ch'] for message in (client.recv() for _ in range(5)) if 'ch' in message]
        self.assertEqual(sorted(got), sorted(channels[:4]))
        for endpoint in ('/wse', '/ws/sessions'):
            self.refused(400, f'{endpoint}?channel=global')
        self.refused(400, '/ws/events?channel=*&channel=*')
        self.refused(400, '/sse?channel=*&channel=system')

    def test_formats(self):
        """format= on all four endpoints, and each one's own without it"""
        self.daemon.publish({'event_type': 'a', 'event_id': 'f', 'session_id': self.user, 'payload': {'x': 1}})
        shapes = {'v2': 'v id t ts seq p ch', 'feed': 'timestamp type message severity metadata', 'envelope': 'type data', 'session': 'event_type data'}
        own = {'/wse': 'v2', '/ws/events': 'feed', '/ws/sessions': 'session', '/sse': 'v2'}
        for endpoint, default in own.items():
            for shape in (None, *shapes):
                with self.subTest(endpoint=endpoint, format=shape):
                    query = f'?format={shape}' if shape else '?history=1'
                    if endpoint == '/sse':
                        events, _ = self.open(f'{endpoint}{query}&channel=session:{self.user}').until('caught_up')
                        got = [json.loads(event.data) for event in events if event.event is None]
                    else:
                        client = self.open(endpoint + query)
                        client.recv_control('caught_up')
                        self.assertTrue(client.request('subscribe', {'channel': f'session:{self.user}', 'history': 1})['success'])
                        got = [client.recv()]
                    self.assertIn(shapes[shape or default].split(), [list(event) for event in got])
        for bad in ('V2', 'v2,feed', '', 'json'):
            for endpoint in ENDPOINTS:
                self.refused(400, f'{endpoint}?format={bad}')

    def test_filters(self):
        """types= and severity= together, in history and live, on /wse and /sse; by the type before and after the mapping"""
        events = [('OrderPlaced', 'info'), ('OrderPlaced', 'error'), ('order_update', 'warning'), ('OrderFilled', 'error'), ('model_state', 'error')]
        for kind, severity in events:
            self.daemon.publish({'event_type': kind, 'severity': severity, 'user_id': self.user, 'payload': f'{kind} {severity}'})
        for query, kept in (('&types=order_update&severity=warning', [1, 2]), ('&types=OrderPlaced', [0, 1]), ('&types=OrderPlaced,model_state&severity=error', [1, 4]),
                            ('&types=order_filled,order_update', [0, 1, 2, 3]), ('&severity=info', [0, 1, 2, 3, 4]), ('&types=Order', [])):
            for endpoint in ('/wse', '/sse'):
                with self.subTest(query=query, endpoint=endpoint):
                    self.assertEqual(self.mine(query, endpoint)[0], [' '.join(events[i]) for i in kept])
        for query in ('severity=warn', 'severity=WARNING', 'severity=info,error', 'types=', 'types=a,,b', 'types=,a', 'types=a%20b', 'types=a&types=b', 'types=' + 'x' * 129):
            for endpoint in ENDPOINTS:
                self.refused(400, f'{endpoint}?{query}')

    def test_history_limits(self):
        """history: 100 by default, 10,000 at most, 0 none, per channel, on every endpoint"""
        for i in range(2):
            self.fill(5100)
        self.fill(150, team_id=self.user)
        own = list(range(1, 5101)) * 2
        self.assertEqual(self.mine('')[0], own[-100:])
        self.assertEqual(self.mine('&history=10000')[0], own[-10000:])
        self.assertEqual(self.mine('&history=0')[0], [])
        self.assertEqual(self.mine('&history=00005')[0], own[-5:])
        client = self.open(f'/wse?user_id={self.user}&teams={self.user}&history=120')
        got = [message.get('ch') for message in client.recv_control('caught_up')[0]]
        self.assertEqual((got.count(f'user:{self.user}'), got.count(f'team:{self.user}')), (120, 120))
        for bad in ('10001', '-1', '1e2', '%201', '99999999999999999999', '0x10', '5%00'):
            for endpoint in ENDPOINTS:
                self.refused(400, f'{endpoint}?history={bad}')

    def test_after(self):
        """after: every form; beside history; the edges of a cursor; after wins nothing where it names another channel"""
        self.fill(5)
        everything, cursor = self.mine('&history=0')
        epoch = cursor.split('@')[1].split(':')[0]
        mine = f'user:{self.user}@{epoch}'
        self.assertEqual(everything, [])
        for after, kept in ((f'{mine}:0', [1, 2, 3, 4, 5]), (f'{mine}:5', []), (f'{mine}:3', [4, 5]), (f'global@{epoch}:0', []), (f'{mine}:3,team:x@{epoch}:0', [4, 5]),
                            (f'team:nobody@other:7,{mine}:4', [5]), (f'{mine}:000004', [5]), (f'*@{epoch}:0', [1, 2, 3, 4, 5])):
            for endpoint in ('/wse', '/sse'):
                with self.subTest(after=after, endpoint=endpoint):
                    self.assertEqual(self.mine(f'&after={quoted(after)}', endpoint)[0], kept)
                    # What it names stays where it says, whatever history is.
                    named = f'user:{self.user}@' in after or '*@' in after
                    self.assertEqual(self.mine(f'&after={quoted(after)}&history=2', endpoint)[0], kept if named else [4, 5])
        for bad in ('', mine, f'{mine}:', f'{mine}:-1', f'{mine}:1.0', f'{mine}:9223372036854775808', f'user:{self.user}@:1', f'user:{self.user}@{"e" * 33}:1', f'{mine}:1,{mine}:2', f',{mine}:1',
                    f'{mine}:1,', f'*@{epoch}:1,{mine}:1', f'*@{epoch}:1,*@{epoch}:1', f'nonsense@{epoch}:1', f'{mine}:1 ', f'user:{self.user}@a b:1', f'user:{self.user}@ü:1'):
            for endpoint in ENDPOINTS:
                self.refused(400, f'{endpoint}?user_id={self.user}&after={quoted(bad)}')
        places = ','.join(f'team:{i}@{epoch}:0' for i in range(1001))
        self.refused(400, f'/wse?user_id={self.user}&after={quoted(places)}')

    def test_consumer_over_all(self):
        """consumer over after over history"""
        self.fill(9)
        client = self.open(f'/wse?user_id={self.user}&consumer=c')
        told = client.recv_control('caught_up')[1]
        epoch = told['cursor'].split('@')[1].split(':')[0]
        self.assertTrue(client.request('ack', {'cursor': f'user:{self.user}@{epoch}:6'})['success'])
        self.assertEqual(self.mine(f'&consumer=c&history=1&after=user:{self.user}@{epoch}:1')[0], [7, 8, 9])
        self.assertEqual(self.mine('&consumer=c&history=0')[0], [7, 8, 9])
        self.assertEqual(self.mine(f'&history=8&after=user:{self.user}@{epoch}:8')[0], [9])
        self.assertEqual(self.mine(f'&consumer=new&history=0&after=user:{self.user}@{epoch}:8')[0], list(range(1, 10)))

    def test_unknown_parameters(self):
        """400 on every endpoint, in every spelling, before anything else is looked at"""
        for endpoint in (*ENDPOINTS, '/api/events', '/api/events/stats', '/api/health', '/metrics', '/api/metrics', '/'):
            for query in ('x=1', 'x', '=', 'History=1', 'limits=1', 'user_id%00=a', 'user=a', 'roles[]=a', '%68istory=1&%68istory=2', 'a=b;c=d', 'user_id=a&user_id=a', 'roles=', 'teams=a,',
                          'user_id=%e2%82', 'user_id=%'):
                with self.subTest(f'{endpoint}?{query}'):
                    if endpoint in ENDPOINTS:
                        self.refused(400, f'{endpoint}?{query}')
                    else:
                        self.assertEqual(self.daemon.request('GET', f'{endpoint}?{query}').status, 400)

    def test_once_by_position(self):
        """in two channels: passed over where the first one's position is past it by a cursor or an ack, delivered in the next where by history"""
        for i in range(1, 4):
            self.daemon.publish({'event_type': 'a', 'user_id': self.user, 'team_id': self.user, 'payload': i})
        path = f'/wse?user_id={self.user}&teams={self.user}'

        def got(query):
            client = self.open(path + query)
            messages, told = client.recv_control('caught_up')
            return [(message['ch'].split(':')[0], message['p']) for message in messages if self.user in message.get('ch', '')], told['cursor']
        everything, cursor = got('')
        self.assertEqual(everything, [('user', 1), ('user', 2), ('user', 3)])
        epoch = cursor.split('@')[1].split(':')[0]
        user, team = f'user:{self.user}@{epoch}', f'team:{self.user}@{epoch}'
        self.assertEqual(got(f'&after={user}:2,{team}:0')[0], [('user', 3)])
        self.assertEqual(got(f'&after={team}:0')[0], [('team', 1), ('team', 2), ('team', 3)])
        self.assertEqual(got(f'&after={team}:0&history=1')[0], [('team', 1), ('team', 2), ('user', 3)])
        self.assertEqual(got(f'&after={team}:1&history=1')[0], [('team', 2), ('user', 3)])
        client = self.open(f'{path}&consumer=c')
        client.recv_control('caught_up')
        self.assertTrue(client.request('ack', {'cursor': f'{user}:3'})['success'])
        self.assertEqual(got('&consumer=c')[0], [])
        # The first one's filter does not take it: the next. Nobody's beginning, then one caught_up for each channel.
        client = self.open('/ws/sessions?format=v2')
        self.assertTrue(client.request('subscribe', {'channel': f'user:{self.user}', 'types': ['b'], 'history': 9})['success'])
        self.assertTrue(client.request('subscribe', {'channel': f'team:{self.user}', 'history': 9})['success'])
        events = [message for _ in range(3) for message in client.recv_control('caught_up')[0] if 'ch' in message]
        self.assertEqual([(event['ch'], event['seq']) for event in events], [(f'team:{self.user}', i) for i in (1, 2, 3)])

    def test_subprotocols(self):
        """wse.v2 in any company is the one that is chosen; without it 400, before the upgrade"""
        for offered in (('wse.v2',), ('wse.v1', 'wse.v2'), ('bearer.abc', 'wse.v2'), ('wse.v2', 'bearer.abc', 'mqtt')):
            client = self.open('/ws/sessions', protocols=offered)
            self.assertEqual(client.response.headers['sec-websocket-protocol'], 'wse.v2')
            self.assertEqual(client.recv()['t'], 'hello')
        for offered in (('bearer.abc',), ('wse.v1',), ('WSE.V2',), ('wse.v2x',), ('bearer.', 'mqtt')):
            for endpoint in ('/wse', '/ws/events', '/ws/sessions'):
                self.refused(400, endpoint, protocols=offered)
        client = self.open('/ws/sessions', protocols=())
        self.assertNotIn('sec-websocket-protocol', client.response.headers)

    def test_plain_client(self):
        """without wse.v2: events and replies, the first message is a history event, also where a cursor is of another epoch"""
        self.fill(3)
        for after in ('', '&after=user:{0}@other:5'):
            client = self.open(f'/wse?user_id={self.user}{after.format(self.user)}', protocols=())
            got = [client.recv() for _ in range(3)]
            own = [message for message in got if message['ch'] == f'user:{self.user}']
            self.assertTrue(all('id' in message for message in got))
            self.assertEqual([message['seq'] for message in own], [1, 2, 3][:len(own)])
            reply = client.request('ping')
            self.assertTrue(reply['success'])
            while client.waiting:
                self.assertIn('ch', client.recv())


class WholeLog(Client):
    """One to itself: what it has is the whole log."""

    def test_whole_log(self):
        """channel=*: history is the log's last N, the cursor one of the log, an event bears its first channel; once, although it is in several"""
        for i in range(1, 6):
            self.daemon.publish({'event_type': 'a', 'user_id': f'u{i}', 'team_id': 't', 'broadcast': True, 'payload': i})
        client = self.open('/ws/events?channel=*&history=3&format=v2')
        hello = client.recv()['p']
        self.assertRegex(hello['cursor'], r'^\*@[A-Za-z0-9_-]{1,32}:\d+$')
        events, told = client.recv_control('caught_up')
        self.assertEqual([(event['ch'], event['seq'], event['p']) for event in events], [('user:u3', 1, 3), ('user:u4', 1, 4), ('user:u5', 1, 5)])
        self.assertRegex(told['cursor'], r'^\*@')
        for cursor, kept in ((hello['cursor'], [3, 4, 5]), (told['cursor'], [])):
            again = self.open(f'/ws/events?channel=*&format=v2&after={quoted(cursor)}')
            self.assertEqual([event['p'] for event in again.recv_control('caught_up')[0] if event['t'] == 'a'], kept)
        events, told = self.open('/sse?channel=*&history=2').until('caught_up')
        self.assertEqual([json.loads(event.data)['ch'] for event in events], ['user:u4', 'user:u5'])
        self.assertRegex(told['cursor'], r'^\*@')
        answer = client.request('subscribe', {'channel': 'global'})
        self.assertFalse(answer['success'])


class Retention(Client):
    arguments = ('--retention=20,7d', '--log-sync=normal', *Client.arguments)

    def test_whole_log_gap(self):
        """channel=*: what retention took is told as a gap of n, up to just before the first that is there"""
        start = self.open('/ws/events?channel=*&history=0').recv()['p']['cursor']
        epoch, n = start[2:].split(':')
        for _ in range(10):
            self.fill(1000)

        def first():
            client = self.open(f'/ws/events?channel=*&format=v2&after={quoted(start)}')
            client.recv()
            message = client.recv()
            return message if message['t'] == 'gap' else None
        gap = wait_until(first, 'retention to work')['p']
        self.assertEqual((gap['channel'], gap['epoch'], gap['from'], gap['reason']), ('*', epoch, int(n) + 1, 'retention'))
        self.assertGreater(gap['to'], gap['from'])
        # Behind the gap's end, in n, lies what is kept: nothing is lost twice and nothing left out.
        def events(query):
            client = self.open(f'/ws/events?channel=*&format=v2&{query}')
            return client.recv_control('caught_up')[0]
        behind = events('after=' + quoted(f'*@{epoch}:{gap["to"]}'))
        everything = events(f'after={quoted(start)}')
        self.assertEqual([event['seq'] for event in behind if 'ch' in event][-20:], [event['seq'] for event in everything if 'ch' in event][-20:])
        sse, _ = self.open(f'/sse?channel=*&after={quoted(start)}').until('caught_up')
        self.assertEqual((sse[0].event, json.loads(sse[0].data)['p']['channel']), ('gap', '*'))


    def test_whole_log_holes(self):
        """channel=*: what retention took from busy channels between the events of quiet ones is told, and nothing else: together they are the whole log"""
        start = self.open('/ws/events?channel=*&history=0').recv()['p']['cursor']
        epoch, begin = start[2:].split(':')
        for i in range(20):
            lines = [{'event_type': 'busy', 'user_id': self.user, 'payload': i}] * 500 + [{'event_type': 'quiet', 'team_id': self.user, 'payload': i}]
            self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 501)
        end = int(begin) + 20 * 501
        page = f'/api/events?channel=user:{self.user}&user_id={self.user}&limit=1'
        wait_until(lambda: self.daemon.get(page)['events'][0]['seq'] > 9000, 'retention to work')
        for endpoint in ('/ws/events', '/sse'):
            n, quiet = int(begin), []
            client = self.open(f'{endpoint}?channel=*&format=v2&after={quoted(start)}')
            while n < end:
                if endpoint == '/sse':
                    got = client.next()
                    message, place = json.loads(got.data), got.id and int(got.id.split(':')[1])
                else:
                    message, place = client.recv(), None
                if message['t'] == 'gap':
                    gap = message['p']
                    self.assertEqual((gap['channel'], gap['epoch'], gap['from'], gap['reason']), ('*', epoch, n + 1, 'retention'))
                    self.assertGreaterEqual(gap['to'], gap['from'])
                    n = gap['to']
                elif 'ch' in message:
                    n += 1
                    self.assertEqual(place or n, n)
                    quiet += [message['p']] * (message['t'] == 'quiet')
            self.assertEqual((n, quiet), (end, list(range(20))))


class Expired(Client):
    arguments = ('--retention=-,1s', *Client.arguments)

    def test_expired_channel(self):
        """a channel whose events have all expired counts on, keeps its epoch, and tells the gap"""
        first = self.daemon.publish({'event_type': 'a', 'user_id': self.user})[0]
        cursor = self.mine('&history=0')[1]
        epoch = cursor.split('@')[1].split(':')[0]
        self.assertEqual(first['seq'], 1)
        page = f'/api/events?channel=user:{self.user}&user_id={self.user}'
        wait_until(lambda: not self.daemon.get(page)['events'], 'the event to expire', 60)
        self.assertEqual(self.daemon.get(page)['cursor'], f'user:{self.user}@{epoch}:1')
        self.assertEqual(self.daemon.publish({'event_type': 'a', 'user_id': self.user, 'payload': 2})[0]['seq'], 2)
        client = self.open(f'/wse?user_id={self.user}&after=user:{self.user}@{epoch}:0')
        self.assertEqual(client.recv()['t'], 'hello')
        gap = client.recv()
        self.assertEqual((gap['t'], gap['p']['epoch'], gap['p']['from'], gap['p']['to'] in (1, 2), gap['p']['reason']), ('gap', epoch, 1, True, 'retention'))


if __name__ == '__main__':
    main()
