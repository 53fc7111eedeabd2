# SPDX-License-Identifier: LGPL-2.1-or-later
"""hello, caught_up, gap and mark, and going on from a cursor of every kind (PROTOCOL section 3), seen by clients of wse.v2."""

import json
import re

from wse_test import Daemon, Scenario, main, wait_until

CURSOR = re.compile(r'(.+)@([A-Za-z0-9_-]{1,32}):(\d+)$')


def parse(cursor):
    """channel → (epoch, seq)"""
    found = {}
    for part in cursor.split(','):
        if part:
            channel, epoch, seq = CURSOR.match(part).groups()
            found[channel] = (epoch, int(seq))
    return found


class Resume(Scenario):
    users = 0

    def user(self):
        Resume.users += 1
        return f'r{Resume.users}'

    def fill(self, n, **target):
        lines = [dict(target, event_type='fill', payload=i) for i in range(1, n + 1)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], n)

    def open(self, query, path='/wse'):
        """Connects; gives the client and hello's p."""
        client = self.daemon.connect(f'{path}?{query}')
        self.addCleanup(client.close)
        first = client.recv()
        self.assertEqual(list(first)[:3], ['v', 't', 'p'])
        self.assertEqual((first['v'], first['t']), (2, 'hello'))
        return client, first['p']

    def replay(self, query, path='/wse'):
        """Everything up to caught_up: the events, the gaps, and caught_up's cursor."""
        client, hello = self.open(query, path)
        before, caught_up = client.recv_control('caught_up')
        client.finish()
        gaps = [message['p'] for message in before if message['t'] == 'gap']
        events = [message for message in before if message['t'] != 'gap']
        for message in events:
            self.assertIn('seq', message)
        return hello, events, gaps, caught_up['cursor']

    def epoch(self, channel, query):
        client, hello = self.open(query)
        client.finish()
        return parse(hello['cursor'])[channel][0]

    def test_hello(self):
        """hello: what it says, every subscribed channel, where what follows begins"""
        user = self.user()
        self.fill(5, user_id=user)
        _, hello = self.open(f'user_id={user}&roles=empty{user}&history=2')
        self.assertEqual(set(hello), {'connection_id', 'heartbeat_s', 'max_message_bytes', 'cursor'})
        self.assertEqual((hello['heartbeat_s'], hello['max_message_bytes']), (30, 131072))
        self.assertTrue(hello['connection_id'])
        cursor = parse(hello['cursor'])
        self.assertEqual(set(cursor), {f'user:{user}', 'global', f'role:empty{user}'})
        self.assertEqual(cursor[f'user:{user}'][1], 3)
        self.assertEqual(cursor[f'role:empty{user}'][1], 0)
        self.assertEqual(len({epoch for epoch, _ in cursor.values()}), 1)

    def test_connection_ids(self):
        """each connection has an id of its own"""
        self.assertEqual(len({self.open('history=0')[1]['connection_id'] for _ in range(5)}), 5)

    def test_every_dialect(self):
        """control messages look the same in every dialect"""
        user = self.user()
        self.fill(1, user_id=user)
        for dialect in ('v2', 'feed', 'envelope', 'session'):
            client, _ = self.open(f'user_id={user}&format={dialect}')
            messages = client.recv_until(lambda message: message.get('t') == 'caught_up')
            self.assertEqual(len(messages), 2)
            self.assertEqual((list(messages[-1]), messages[-1]['v']), (['v', 't', 'p'], 2))

    def test_caught_up(self):
        """caught_up: once, after what is replayed, with the place reached; at once where nothing is"""
        user = self.user()
        _, events, gaps, cursor = self.replay(f'user_id={user}')
        self.assertEqual([event for event in events if event['ch'] == f'user:{user}'], [])
        self.assertEqual(parse(cursor)[f'user:{user}'][1], 0)
        self.fill(250, user_id=user)
        _, events, gaps, cursor = self.replay(f'user_id={user}')
        self.assertEqual([event['seq'] for event in events if event['ch'] == f'user:{user}'], list(range(151, 251)))
        self.assertEqual((gaps, parse(cursor)[f'user:{user}'][1]), ([], 250))

    def test_caught_up_once(self):
        """caught_up does not come again while nothing is missed"""
        user = self.user()
        client, _ = self.open(f'user_id={user}&history=0')
        client.recv_control('caught_up')
        self.fill(100, user_id=user)
        self.assertEqual([client.recv()['seq'] for _ in range(100)], list(range(1, 101)))
        self.assertEqual(client.settle(), [])

    def test_after(self):
        """after: all since"""
        user = self.user()
        self.fill(1200, user_id=user)
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        for seq in (0, 1, 600, 1199, 1200):
            with self.subTest(seq):
                hello, events, gaps, cursor = self.replay(f'user_id={user}&after=user:{user}@{epoch}:{seq}')
                self.assertEqual([event['seq'] for event in events], list(range(seq + 1, 1201)))
                self.assertEqual((gaps, parse(cursor)[f'user:{user}'], parse(hello['cursor'])[f'user:{user}']), ([], (epoch, 1200), (epoch, seq)))

    def test_after_unnamed(self):
        """a channel that after does not name starts live, or as history says; one not subscribed is ignored"""
        user = self.user()
        self.fill(10, user_id=user)
        self.fill(10, role_id=user)
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        query = f'user_id={user}&roles={user}&after=user:{user}@{epoch}:7,team:none@{epoch}:5'
        _, events, _, _ = self.replay(query)
        self.assertEqual([(event['ch'], event['seq']) for event in events], [(f'user:{user}', seq) for seq in (8, 9, 10)])
        _, events, _, _ = self.replay(query + '&history=2')
        mine = [(event['ch'], event['seq']) for event in events if event['ch'] != 'global']
        self.assertEqual(mine, [(f'user:{user}', 8), (f'user:{user}', 9), (f'user:{user}', 10), (f'role:{user}', 9), (f'role:{user}', 10)])

    def test_after_several(self):
        """after names several channels: merged in the log's order"""
        user = self.user()
        for i in range(40):
            self.daemon.publish({'event_type': 'm', **({'user_id': user} if i % 2 else {'role_id': user}), 'payload': i})
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        _, events, _, _ = self.replay(f'user_id={user}&roles={user}&after=role:{user}@{epoch}:5,user:{user}@{epoch}:15')
        self.assertEqual([event['p'] for event in events], [i for i in range(40) if (i % 2 and i // 2 >= 15) or (not i % 2 and i // 2 >= 5)])

    def test_after_log(self):
        """after=*@epoch:n: every channel starts after that place of the log"""
        user = self.user()
        client, hello = self.open('channel=*&format=v2&history=0', '/ws/events')
        self.assertRegex(hello['cursor'], r'^\*@[A-Za-z0-9_-]{1,32}:\d+$')
        _, caught_up = client.recv_control('caught_up')
        self.assertRegex(caught_up['cursor'], r'^\*@')
        for i in range(30):
            self.daemon.publish({'event_type': 'm', **({'user_id': user} if i % 3 else {'role_id': user}), 'payload': i})
        self.assertEqual([client.recv()['p'] for _ in range(30)], list(range(30)))
        for path, query in (('/wse', f'user_id={user}&roles={user}'), ('/ws/events', 'channel=*&format=v2')):
            _, events, gaps, _ = self.replay(f'{query}&after={caught_up["cursor"]}', path)
            self.assertEqual(([event['p'] for event in events], gaps), (list(range(30)), []))

    def test_foreign_epoch(self):
        """a cursor of another epoch: gap with reason epoch, then everything kept"""
        user = self.user()
        self.fill(20, user_id=user)
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        hello, events, gaps, _ = self.replay(f'user_id={user}&after=user:{user}@Foreign-1:15')
        self.assertEqual([event['seq'] for event in events], list(range(1, 21)))
        self.assertEqual(gaps, [{'channel': f'user:{user}', 'epoch': epoch, 'from': 1, 'to': 0, 'reason': 'epoch'}])

    def test_beyond_the_end(self):
        """a cursor beyond the end: the same"""
        user = self.user()
        self.fill(20, user_id=user)
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        for seq in (21, 1000, 2 ** 63 - 1):
            _, events, gaps, _ = self.replay(f'user_id={user}&after=user:{user}@{epoch}:{seq}')
            self.assertEqual([event['seq'] for event in events], list(range(1, 21)))
            self.assertEqual([(gap['reason'], gap['from'], gap['to']) for gap in gaps], [('epoch', 1, 0)])

    def test_foreign_log_epoch(self):
        """after=* of another epoch, or beyond the end: a gap of reason epoch"""
        for cursor in ('*@Foreign:5', '*@EPOCH:999999999999'):
            _, hello = self.open('channel=*&history=0', '/ws/events')
            cursor = cursor.replace('EPOCH', hello['cursor'][2:].split(':')[0])
            client, _ = self.open(f'channel=*&format=v2&after={cursor}', '/ws/events')
            gap = client.recv()
            self.assertEqual((gap['t'], gap['p']['reason']), ('gap', 'epoch'))

    def test_unknown_channel_epoch(self):
        """a cursor of a channel that has nothing yet, at 0: no gap"""
        user = self.user()
        epoch = self.epoch('global', f'user_id={user}')
        _, events, gaps, _ = self.replay(f'user_id={user}&after=user:{user}@{epoch}:0')
        self.assertEqual((events, gaps), ([], []))

    def test_hello_cursor_resumes(self):
        """hello's and caught_up's cursors can be given back whole"""
        user = self.user()
        client, hello = self.open(f'user_id={user}&roles={user}&history=0')
        _, caught_up = client.recv_control('caught_up')
        self.fill(10, user_id=user)
        self.fill(10, role_id=user)
        for cursor in (hello['cursor'], caught_up['cursor']):
            _, events, gaps, _ = self.replay(f'user_id={user}&roles={user}&after={cursor}')
            self.assertEqual(([event['ch'] for event in events if event['ch'] != 'global'], gaps), ([f'user:{user}'] * 10 + [f'role:{user}'] * 10, []))

    def test_position_from_cursor_keeps_once(self):
        """an event in two channels, the first one's cursor past it: passed over in the second"""
        user = self.user()
        self.daemon.publish({'event_type': 'both', 'user_id': user, 'role_id': user})
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        query = f'user_id={user}&roles={user}'
        _, events, _, _ = self.replay(f'{query}&after=user:{user}@{epoch}:1,role:{user}@{epoch}:0')
        self.assertEqual([event['t'] for event in events], [])
        # The position past it comes from live, not from a cursor: it is delivered in the next.
        _, events, _, _ = self.replay(f'{query}&after=role:{user}@{epoch}:0')
        self.assertEqual([(event['t'], event['ch']) for event in events], [('both', f'role:{user}')])

    def test_filtered_resume(self):
        """after with a filter: what is passed over is in caught_up's cursor"""
        user = self.user()
        for i in range(50):
            self.daemon.publish({'event_type': 'wanted' if i % 5 == 0 else 'other', 'user_id': user})
        epoch = self.epoch(f'user:{user}', f'user_id={user}')
        _, events, gaps, cursor = self.replay(f'user_id={user}&types=wanted&after=user:{user}@{epoch}:20')
        self.assertEqual(([event['seq'] for event in events], gaps), ([21, 26, 31, 36, 41, 46], []))
        self.assertEqual(parse(cursor)[f'user:{user}'][1], 50)


class Marks(Scenario):
    arguments = ('--heartbeat-interval=1',)

    def test_mark(self):
        """mark: where a filter passed events over, the place comes within a heartbeat"""
        with self.daemon.connect('/wse?user_id=m&types=wanted&history=0') as client:
            client.recv_control('caught_up')
            for _ in range(5):
                self.daemon.publish({'event_type': 'unwanted', 'user_id': 'm'})
            before, mark = client.recv_control('mark')
            self.assertEqual(before, [])
            while parse(mark['cursor'])['user:m'][1] < 5:
                _, mark = client.recv_control('mark')
            self.daemon.publish({'event_type': 'wanted', 'user_id': 'm'})
            self.assertEqual(client.recv_until(lambda message: message['t'] == 'wanted')[-1]['seq'], 6)


class Retention(Scenario):
    arguments = ('--retention=100,7d',)

    def test_gap(self):
        """what retention took: gap with the seqs that are lost, then what is kept; the channel counts on"""
        with self.daemon.connect('/wse?user_id=g&history=0') as client:
            epoch = parse(client.recv()['p']['cursor'])['user:g'][0]
        lines = [{'event_type': 'a', 'user_id': 'g'} for _ in range(5000)]
        for _ in range(2):
            self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 5000)

        def oldest():
            events = self.daemon.get('/api/events?channel=user:g&user_id=g&limit=1')['events']
            return events and events[0]['seq']
        wait_until(lambda: oldest() > 9000, 'retention to work')
        with self.daemon.connect(f'/wse?user_id=g&after=user:g@{epoch}:10') as client:
            got = [message for message in client.recv_control('caught_up')[0] if message['t'] != 'hello']
        self.assertEqual(got[0]['t'], 'gap')
        gap = got[0]['p']
        seqs = [message['seq'] for message in got[1:]]
        self.assertEqual((gap['channel'], gap['epoch'], gap['from'], gap['reason']), ('user:g', epoch, 11, 'retention'))
        self.assertEqual(seqs, list(range(gap['to'] + 1, 10001)))
        self.assertGreaterEqual(len(seqs), 100)
        page = self.daemon.get(f'/api/events?channel=user:g&user_id=g&after=user:g@{epoch}:10&limit=5')
        self.assertEqual(page['recovered'], False)
        page = self.daemon.get(f'/api/events?channel=user:g&user_id=g&after=user:g@{epoch}:9990&limit=50')
        self.assertEqual((page['recovered'], [event['seq'] for event in page['events']]), (True, list(range(9991, 10001))))


class Restart(Scenario):
    def test_epoch_stays(self):
        """the epoch lives through a restart, and changes with the log"""
        with Daemon() as daemon:
            def hello():
                with daemon.connect('/wse?user_id=e&history=0') as client:
                    return parse(client.recv()['p']['cursor'])['user:e']
            daemon.publish({'event_type': 'a', 'user_id': 'e'})
            first = hello()
            daemon.stop()
            daemon.start()
            self.assertEqual(hello(), first)
            with Daemon() as other:
                with other.connect(f'/wse?user_id=e&after=user:e@{first[0]}:1') as client:
                    self.assertEqual(client.recv()['t'], 'hello')
                    gap = json.loads(client.recv_text())
                    self.assertEqual((gap['t'], gap['p']['reason'], gap['p']['to']), ('gap', 'epoch', 0))


if __name__ == '__main__':
    main()
