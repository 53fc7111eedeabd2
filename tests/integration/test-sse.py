# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET /sse (PROTOCOL section 3): Server-Sent Events, their ids, and coming back with Last-Event-ID."""

import contextlib
import json
import re
import shutil
import subprocess
import unittest

from wse_socket import Refused
from wse_sse import EventSource, quote
from wse_test import Daemon, Scenario, main, wait_until

ID = re.compile(r'\*@([A-Za-z0-9_-]{1,32}):(\d+)$')


def place(event):
    """n of an event's id"""
    return int(ID.match(event.id).group(2))


class Sse(Scenario):
    arguments = ('--max-connections-per-user=50',)
    users = 0

    def setUp(self):
        Sse.users += 1
        self.user = f's{Sse.users}'

    def open(self, query='', **keywords):
        source = EventSource(self.daemon.port, '/sse' + query, **keywords)
        self.addCleanup(source.close)
        return source

    def fill(self, n, first=0):
        """Numbered events of the user, a role and a team in turn."""
        targets = ('user_id', 'role_id', 'team_id')
        lines = [{'event_type': 'fill', targets[i % 3]: self.user, 'payload': i} for i in range(first, first + n)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], n)

    def three(self, more=''):
        return f'?user_id={self.user}&roles={self.user}&teams={self.user}{more}'

    def own(self, events):
        """Payloads of the user's own events: what is global is the other cases' too."""
        return [json.loads(event.data)['p'] for event in events if json.loads(event.data).get('ch') != 'global']

    def refused(self, query='', **keywords):
        with self.assertRaises(Refused) as caught:
            self.open(query, **keywords)
        error = json.loads(caught.exception.response.body)['error']
        self.assertEqual(set(error), {'code', 'message'})
        return caught.exception.status

    def test_head(self):
        """the head: an event stream that nothing on the way keeps"""
        headers = self.open().response.headers
        self.assertRegex(headers['content-type'], r'^text/event-stream(; ?charset=utf-8)?$')
        self.assertIn(headers['cache-control'], ('no-store', 'no-cache'))
        self.assertNotIn('content-length', headers)
        self.assertNotIn('upgrade', headers)

    def test_merged(self):
        """several channels are merged by n: ids grow, each is *@epoch:n, order is the log's"""
        self.fill(120)
        events, _ = self.open(self.three('&history=1000')).until('caught_up')
        self.assertEqual(self.own(events), list(range(120)))
        places = [place(event) for event in events]
        self.assertEqual(places, sorted(set(places)))
        self.assertEqual(len({ID.match(event.id).group(1) for event in events}), 1)

    def test_as_wse(self):
        """an event's data are the bytes of the WebSocket's frame"""
        self.daemon.publish({'event_type': 'OrderPlaced', 'user_id': self.user, 'severity': 'warning', 'message': 'a\nb "ü"', 'payload': {'n': 12345678901234567890}})
        for dialect in ('v2', 'feed', 'envelope', 'session'):
            query = f'?user_id={self.user}&format={dialect}&types=order_update'
            with self.daemon.connect('/wse' + query, protocols=()) as client:
                text = client.recv_text()
            self.assertEqual([event.data for event in self.open(query).until('caught_up')[0]], [text])

    def test_default(self):
        """without a parameter: v2, the last 100 per channel"""
        self.fill(330)
        events, _ = self.open(self.three()).until('caught_up')
        self.assertEqual(self.own(events), list(range(30, 330)))
        self.assertTrue(all(json.loads(event.data)['v'] == 2 for event in events))

    def test_live(self):
        """live events have no event line; their ids grow"""
        source = self.open(f'?user_id={self.user}&history=0')
        source.until('caught_up')
        self.daemon.publish(*({'event_type': 'a', 'user_id': self.user, 'payload': i} for i in range(20)))
        events = [source.next() for _ in range(20)]
        self.assertEqual(([event.event for event in events], self.own(events)), ([None] * 20, list(range(20))))
        places = [place(event) for event in events if event.id is not None]
        self.assertEqual(places, sorted(set(places)))
        self.assertTrue(places)

    def test_resume(self):
        """Last-Event-ID: from any id on, everything, nothing twice"""
        self.fill(60)
        events, _ = self.open(self.three('&history=1000')).until('caught_up')
        for i in (0, 1, 29, 58, 59):
            rest, _ = self.open(self.three('&history=5'), last=events[i].id).until('caught_up')
            self.assertEqual([event.id for event in rest], [event.id for event in events[i + 1:]])
            self.assertEqual([event.data for event in rest], [event.data for event in events[i + 1:]])

    def test_resume_chain(self):
        """a client that is cut off again and again, while events come, has each once and in order"""
        got, last, n = [], None, 0
        self.open(self.three('&history=0')).until('caught_up')
        while n < 300:
            source = self.open(self.three('&history=1000'), last=last)
            self.fill(30, n)
            n += 30
            while True:
                event = source.next()
                if event.event is None and json.loads(event.data)['ch'] != 'global':
                    got.append(json.loads(event.data)['p'])
                    # It breaks off in the midst of what came, at an event with an id.
                    if got[-1] >= n - 7 and event.id:
                        break
            last = source.last
            source.abort()
        rest, _ = self.open(self.three(), last=last).until('caught_up')
        got += self.own(rest)
        targets = [[i for i in got if i % 3 == k] for k in range(3)]
        self.assertEqual(targets, [list(range(k, 300, 3)) for k in range(3)])

    def test_last_event_id_over_after(self):
        """Last-Event-ID is later than the address's after, and counts"""
        self.fill(9)
        events, _ = self.open(self.three('&history=1000')).until('caught_up')
        mine = [event for event in events if '"ch":"global"' not in event.data]
        rest, _ = self.open(self.three(f'&after={quote(mine[0].id)}'), last=mine[6].id).until('caught_up')
        self.assertEqual(self.own(rest), [7, 8])
        rest, _ = self.open(self.three(f'&after={quote(mine[0].id)}'), last='').until('caught_up')
        self.assertEqual(self.own(rest), list(range(1, 9)))

    def test_last_event_id_of_channels(self):
        """Last-Event-ID that names channels, as `after` would: those that it does not name begin live, or as `history` says"""
        self.fill(9)
        epoch = ID.match(self.open(self.three()).until('caught_up')[0][-1].id).group(1)
        last = f'user:{self.user}@{epoch}:1'
        rest, _ = self.open(self.three(), last=last).until('caught_up')
        self.assertEqual(self.own(rest), [3, 6])
        rest, _ = self.open(self.three('&history=1'), last=last).until('caught_up')
        self.assertEqual(self.own(rest), [3, 6, 7, 8])

    def test_gap(self):
        """an id of another epoch, or beyond the end: gap as an event for each channel, then everything kept"""
        self.fill(3)
        epoch = ID.match(self.open(self.three()).until('caught_up')[0][-1].id).group(1)
        for last in ('*@Foreign:1', f'*@{epoch}:999999999'):
            events, _ = self.open(self.three(), last=last).until('caught_up')
            gaps = [event for event in events if event.event]
            self.assertEqual({event.event for event in gaps}, {'gap'})
            told = {json.loads(event.data)['p']['channel']: json.loads(event.data)['p'] for event in gaps}
            self.assertEqual(set(told), {f'user:{self.user}', f'role:{self.user}', f'team:{self.user}', 'global'})
            self.assertEqual(told[f'user:{self.user}'], {'channel': f'user:{self.user}', 'epoch': epoch, 'from': 1, 'to': 0, 'reason': 'epoch'})
            self.assertEqual(self.own(event for event in events if not event.event), [0, 1, 2])

    def test_caught_up(self):
        """caught_up: once, with a cursor of every channel, that goes on where the stream was"""
        self.fill(6)
        source = self.open(self.three())
        _, told = source.until('caught_up')
        self.assertEqual({part.split('@')[0] for part in told['cursor'].split(',')}, {f'user:{self.user}', f'role:{self.user}', f'team:{self.user}', 'global'})
        self.fill(3, 6)
        self.assertEqual([self.own([source.next()]) for _ in range(3)], [[6], [7], [8]])
        rest, _ = self.open(self.three(f'&after={quote(told["cursor"])}')).until('caught_up')
        self.assertEqual(self.own(rest), [6, 7, 8])

    def test_channels(self):
        """channel= names more, * is the whole log"""
        self.daemon.publish({'event_type': 'a', 'session_id': self.user, 'payload': 5}, {'event_type': 'b', 'team_id': self.user, 'payload': 6})
        events, _ = self.open(f'?channel=session:{self.user}&channel=team:{self.user}').until('caught_up')
        self.assertEqual(self.own(events), [5, 6])
        events, _ = self.open('?channel=*&history=2').until('caught_up')
        self.assertEqual(self.own(events), [5, 6])
        events, _ = self.open('?channel=*', last=events[0].id).until('caught_up')
        self.assertEqual(self.own(events), [6])

    def test_filters(self):
        """types= and severity= filter, history counts what passes"""
        for i in range(20):
            self.daemon.publish({'event_type': 'even' if i % 2 == 0 else 'odd', 'user_id': self.user, 'severity': 'error' if i % 5 == 0 else 'info', 'payload': i})
        for more, expected in (('types=odd&history=3', [15, 17, 19]), ('severity=warning', [0, 5, 10, 15]), ('severity=error&types=even', [0, 10])):
            source = self.open(f'?user_id={self.user}&{more}')
            self.assertEqual(self.own(source.until('caught_up')[0]), expected)

    def test_filtered_resume(self):
        """with a filter an id of an event is enough: nothing that passes is missed"""
        for i in range(30):
            self.daemon.publish({'event_type': 'wanted' if i % 10 == 0 else 'other', 'user_id': self.user, 'payload': i})
        events, _ = self.open(f'?user_id={self.user}&types=wanted').until('caught_up')
        rest, _ = self.open(f'?user_id={self.user}&types=wanted', last=events[0].id).until('caught_up')
        self.assertEqual(self.own(rest), [10, 20])

    def test_refused_400(self):
        """400: unknown parameters and values, an id that is no cursor, a consumer without a user"""
        for query in ('?x=1', '?format=v3', '?history=10001', '?history=-1', '?severity=loud', '?types=', '?after=5', '?after=user:a@e:1,user:a@e:2', '?channel=none:5',
                      '?channel=*&channel=system', '?consumer=c', '?user_id=a&consumer=', '?user_id=a&consumer=a*b', '?user_id=', '?user_id=a,b', '?roles=a,,b', '?history=1&history=2'):
            with self.subTest(query):
                self.assertEqual(self.refused(query), 400)
        for last in ('5', 'x', '*@e', '*@e:-1', '*@e:1,user:a@e:1', 'user:a@e:18446744073709551616'):
            with self.subTest(last):
                self.assertEqual(self.refused(f'?user_id={self.user}', last=last), 400)

    def test_refused_403(self):
        """403: an Origin that is not on the list; localhost is, and no Origin is no browser"""
        for origin in ('https://evil.example', 'null', 'http://localhost.evil.example'):
            self.assertEqual(self.refused(headers={'Origin': origin}), 403)
        for origin in ('http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:8080'):
            self.open(headers={'Origin': origin}).until('caught_up')

    def test_refused_405(self):
        """405: only GET"""
        for method in ('POST', 'PUT', 'DELETE'):
            answer = self.daemon.request(method, '/sse', b'')
            self.assertEqual(answer.status, 405)
            self.assertIn('GET', answer.headers['allow'])

    def test_what_is_sent_is_not_read(self):
        """a client that says something is not disturbed by it"""
        source = self.open(f'?user_id={self.user}&history=0')
        source.until('caught_up')
        source.send(b'GET / HTTP/1.1\r\n\r\n' * 1000)
        self.daemon.publish({'event_type': 'a', 'user_id': self.user, 'payload': 1})
        self.assertEqual(source.recv()['p'], 1)

    def test_slow(self):
        """one that does not read for a while gets all, in order, once"""
        source = self.open(f'?user_id={self.user}&history=0', receive_buffer=4096)
        source.until('caught_up')
        filler = 'x' * 2000
        for first in range(0, 5000, 1000):
            lines = [{'event_type': 'a', 'user_id': self.user, 'payload': [i, filler]} for i in range(first, first + 1000)]
            self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 1000)
        got = []
        while len(got) < 5000:
            event = source.next()
            if event.event is None:
                got.append(json.loads(event.data)['p'][0])
            else:
                self.assertEqual(event.event, 'caught_up')
        self.assertEqual(got, list(range(5000)))

    def test_curl(self):
        """curl -N sees the events, and comes back with its last id"""
        curl = shutil.which('curl')
        if curl is None:
            self.skipTest('curl is not installed')
        self.fill(3)

        def look(*arguments):
            process = subprocess.Popen([curl, '-sN', '--max-time', '60', *arguments, f'http://127.0.0.1:{self.daemon.port}/sse{self.three("&history=10")}'], stdout=subprocess.PIPE, text=True)
            lines = []
            try:
                for line in process.stdout:
                    lines.append(line.rstrip('\n'))
                    if line == 'event: caught_up\n':
                        return lines
            finally:
                process.kill()
                process.stdout.close()
                process.wait()
            raise AssertionError(lines)
        lines = look()
        ids = [line[4:] for line in lines if line.startswith('id: ')]
        mine = [json.loads(line[6:])['p'] for line in lines if line.startswith('data: ') and '"ch":"global"' not in line]
        self.assertEqual((mine, len(ids)), ([0, 1, 2], len([line for line in lines if line.startswith('data: ')])))
        lines = look('-H', f'Last-Event-ID: {ids[-2]}')
        self.assertEqual([line[4:] for line in lines if line.startswith('id: ')], ids[-1:])


class Life(unittest.TestCase):
    def test_refused_429(self):
        """429: the sixth connection of one user, SSE and WebSocket counted together; one that ended makes room"""
        query = '?user_id=u&history=0'
        with Daemon() as daemon, contextlib.ExitStack() as stack:
            sources = [stack.enter_context(EventSource(daemon.port, '/sse' + query)) for _ in range(3)]
            for _ in range(2):
                stack.enter_context(daemon.connect('/wse' + query))
            for opened in (lambda: EventSource(daemon.port, '/sse' + query), lambda: daemon.connect('/wse' + query)):
                with self.assertRaises(Refused) as caught:
                    opened()
                self.assertEqual(caught.exception.status, 429)
            sources[0].close()

            def room():
                try:
                    return stack.enter_context(EventSource(daemon.port, '/sse' + query))
                except Refused as refused:
                    self.assertEqual(refused.status, 429)
            wait_until(room, 'room for another connection').until('caught_up')

    def test_heartbeat(self):
        """a comment is the heartbeat"""
        with Daemon('--heartbeat-interval=1') as daemon, EventSource(daemon.port) as source:
            source.until('caught_up')
            while True:
                lines = source.read_block()
                if lines[0].startswith(':'):
                    break
            self.assertEqual(len(lines), 1)
            # A quiet client that takes what it is sent is not dead after two intervals.
            for _ in range(4):
                source.read_block()
            daemon.publish({'event_type': 'a', 'broadcast': True})
            self.assertEqual(source.recv()['t'], 'a')

    def test_bye(self):
        """bye as an event before the end, with when to come back; after a restart the id goes on"""
        with Daemon() as daemon:
            with EventSource(daemon.port) as source:
                source.until('caught_up')
                daemon.publish({'event_type': 'a', 'broadcast': True, 'payload': 1})
                self.assertEqual(source.recv()['p'], 1)
                daemon.stop()
                before, bye = source.until('bye')
                self.assertEqual((before, set(bye)), ([], {'reason', 'retry_after_ms'}))
                self.assertEqual(source.read_all(), b'')
            daemon.start()
            daemon.publish({'event_type': 'a', 'broadcast': True, 'payload': 2})
            with EventSource(daemon.port, last=source.last) as source:
                self.assertEqual([json.loads(event.data)['p'] for event in source.until('caught_up')[0]], [2])

    def test_retention(self):
        """what retention took is told as a gap event before what is kept"""
        with Daemon('--retention=100,7d') as daemon:
            daemon.publish({'event_type': 'a', 'user_id': 'g'})
            with EventSource(daemon.port, '/sse?user_id=g') as source:
                source.until('caught_up')
                last = source.last
            daemon.publish_lines([{'event_type': 'a', 'user_id': 'g'} for _ in range(9000)])

            def oldest():
                return daemon.get('/api/events?channel=user:g&user_id=g&limit=1')['events'][0]['seq']
            wait_until(lambda: oldest() > 8000, 'retention to work')
            with EventSource(daemon.port, '/sse?user_id=g', last=last) as source:
                events, _ = source.until('caught_up')
            gap = json.loads(events[0].data)['p']
            self.assertEqual((events[0].event, gap['channel'], gap['reason']), ('gap', 'user:g', 'retention'))
            self.assertIn(gap['from'], (1, 2))
            self.assertEqual([json.loads(event.data)['seq'] for event in events[1:]], list(range(gap['to'] + 1, 9002)))


if __name__ == '__main__':
    main()
