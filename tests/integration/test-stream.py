# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client is subscribed to, and history and filters (PROTOCOL section 3), seen by clients that offer no subprotocol: events alone."""

from wse_test import Scenario, main


class Stream(Scenario):
    users = 0

    def user(self):
        Stream.users += 1
        return f's{Stream.users}'

    def fill(self, user, n, **members):
        lines = [dict({'event_type': 'fill', 'user_id': user, 'payload': i}, **members) for i in range(1, n + 1)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], n)

    def read(self, path, **keywords):
        """The messages that are there at once, and nothing else."""
        with self.daemon.connect(path, protocols=(), **keywords) as client:
            got = []
            self.daemon.publish({'event_type': 'end', 'broadcast': True})
            while True:
                message = client.recv()
                if message.get('t') == 'end':
                    break
                got.append(message)
            # Events published before the end but in other channels may come after it: a round trip settles that.
            client.settle()
            while client.waiting:
                got.append(client.recv())
            return got

    def alone(self, user, query):
        """Connects to the user's channel and no other."""
        return self.daemon.connect(f'/ws/events?channel=user:{user}&user_id={user}&format=v2&{query}', protocols=())

    def payloads(self, query, user):
        return [message['p'] for message in self.read(f'/wse?user_id={user}{query}') if message['ch'] == f'user:{user}']

    def test_history(self):
        """history: the last N, in order; 100 by default, 0 none"""
        user = self.user()
        self.fill(user, 150)
        self.assertEqual(self.payloads('', user), list(range(51, 151)))
        self.assertEqual(self.payloads('&history=0', user), [])
        self.assertEqual(self.payloads('&history=1', user), [150])
        self.assertEqual(self.payloads('&history=149', user), list(range(2, 151)))
        self.assertEqual(self.payloads('&history=10000', user), list(range(1, 151)))

    def test_history_then_live(self):
        """history, then what is published, without a hole or a double"""
        user = self.user()
        self.fill(user, 300)
        with self.alone(user, 'history=200') as client:
            self.fill(user, 200)
            self.assertEqual([client.recv()['seq'] for _ in range(400)], list(range(101, 501)))

    def test_live_from_the_handshake(self):
        """what is published once the handshake is answered is delivered, however soon that is"""
        for i in range(100):
            user = self.user()
            with self.alone(user, 'history=0') as client:
                self.daemon.publish({'event_type': 'soon', 'user_id': user, 'payload': i})
                self.assertEqual(client.recv()['p'], i)

    def test_endpoints(self):
        """/wse: user, global, roles, teams; not system, not others'"""
        user = self.user()
        with self.daemon.connect(f'/wse?user_id={user}&roles=ra,rb&teams=ta&history=0', protocols=()) as client:
            client.settle()
            for target in ({'user_id': user}, {'user_id': 'other'}, {'role_id': 'ra'}, {'role_id': 'rb'}, {'role_id': 'rc'}, {'team_id': 'ta'}, {'team_id': 'tb'},
                           {'session_id': 'x'}, {'broadcast': True}):
                self.daemon.publish(dict(target, event_type='a'))
            self.daemon.publish({'event_type': 'cache', 'payload': {'operation': 'o', 'key': 'k'}}, {'event_type': 'end', 'user_id': user})
            # Live, no order is promised between channels.
            got = [(message['t'], message['ch']) for message in (client.recv() for _ in range(6))]
            self.assertEqual(client.settle(), [])
        self.assertEqual(sorted(got), sorted([('end', f'user:{user}'), ('a', f'user:{user}'), ('a', 'role:ra'), ('a', 'role:rb'), ('a', 'team:ta'), ('a', 'global')]))

    def test_feed_endpoint(self):
        """/ws/events: system in the feed dialect; channel= names others instead"""
        with self.daemon.connect('/ws/events?history=0', protocols=()) as client:
            client.settle()
            self.daemon.publish({'event_type': 'a', 'broadcast': True}, {'event_type': 'cache', 'payload': {'operation': 'o', 'key': 'feed'}})
            self.assertEqual(client.recv()['metadata']['key'], 'feed')
        user = self.user()
        with self.daemon.connect(f'/ws/events?history=0&channel=user:{user}&channel=team:fe&format=v2&user_id={user}', protocols=()) as client:
            client.settle()
            self.daemon.publish({'event_type': 'cache', 'payload': {'operation': 'o', 'key': 'feed'}}, {'event_type': 'a', 'broadcast': True},
                                {'event_type': 'a', 'team_id': 'fe'}, {'event_type': 'a', 'user_id': user})
            self.assertEqual({client.recv()['ch'], client.recv()['ch']}, {'team:fe', f'user:{user}'})

    def test_types(self):
        """types: by the wire's or the original type"""
        user = self.user()
        for kind in ('OrderPlaced', 'OrderFilled', 'other', 'OrderPlaced'):
            self.daemon.publish({'event_type': kind, 'user_id': user})
        for types, seqs in (('order_update', [1, 4]), ('OrderPlaced', [1, 4]), ('OrderFilled,other', [2, 3]), ('nothing', []), ('order_update,OrderPlaced', [1, 4])):
            with self.subTest(types):
                got = self.read(f'/wse?user_id={user}&types={types},end')
                self.assertEqual([message['seq'] for message in got if message['ch'] == f'user:{user}'], seqs)

    def test_severity(self):
        """severity: that and above"""
        user = self.user()
        for severity in ('info', 'warning', 'error', 'info', 'error'):
            self.daemon.publish({'event_type': 'a', 'user_id': user, 'severity': severity})
        for severity, seqs in (('info', [1, 2, 3, 4, 5]), ('warning', [2, 3, 5]), ('error', [3, 5])):
            with self.alone(user, f'severity={severity}') as client:
                self.assertEqual([client.recv()['seq'] for _ in seqs], seqs)
                client.settle()
                self.assertFalse(client.waiting)

    def test_filtered_history(self):
        """history counts what matches"""
        user = self.user()
        lines = [{'event_type': 'rare' if i % 50 == 0 else 'common', 'user_id': user, 'payload': i} for i in range(2000)]
        self.daemon.publish_lines(lines)
        got = self.read(f'/wse?user_id={user}&types=rare,end&history=10')
        self.assertEqual([message['p'] for message in got if message['t'] == 'rare'], list(range(1500, 2000, 50)))

    def test_filter_live(self):
        """a filter holds for live events, seq shows what was passed over"""
        user = self.user()
        with self.daemon.connect(f'/wse?user_id={user}&types=wanted&history=0', protocols=()) as client:
            client.settle()
            for i in range(100):
                self.daemon.publish({'event_type': 'wanted' if i % 10 == 9 else 'unwanted', 'user_id': user})
            self.assertEqual([client.recv()['seq'] for _ in range(10)], list(range(10, 101, 10)))

    def test_several_channels(self):
        """history of several channels is merged in the order of the log"""
        user = self.user()
        order = []
        for i in range(60):
            channel = ('user_id', 'role_id', 'team_id')[i * 7 % 3]
            self.daemon.publish({'event_type': 'm', channel: {'user_id': user, 'role_id': 'merge', 'team_id': 'merge'}[channel], 'payload': i})
            order.append(i)
        got = self.read(f'/wse?user_id={user}&roles=merge&teams=merge')
        self.assertEqual([message['p'] for message in got if message['t'] == 'm'], order)

    def test_once_in_several_channels(self):
        """an event in several channels of one client comes once, in the first of them"""
        user = self.user()
        for i in range(20):
            self.daemon.publish({'event_type': 'once', 'user_id': user, 'role_id': 'once', 'team_id': 'once', 'payload': i})
        for query, channel in ((f'user_id={user}&roles=once&teams=once', f'user:{user}'), ('roles=once&teams=once', 'role:once'), ('teams=once', 'team:once')):
            with self.subTest(query):
                got = [message for message in self.read(f'/wse?{query}') if message['t'] == 'once']
                self.assertEqual([(message['p'], message['ch']) for message in got], [(i, channel) for i in range(20)])
        with self.daemon.connect(f'/wse?user_id={user}&roles=once&history=0', protocols=()) as client:
            client.settle()
            self.daemon.publish({'event_type': 'once', 'user_id': user, 'role_id': 'once', 'payload': 'x'}, {'event_type': 'then', 'role_id': 'once'})
            self.assertEqual((client.recv()['ch'], client.recv()['t']), (f'user:{user}', 'then'))

    def test_whole_log(self):
        """channel=*: every event of every channel once, in the order of the log, under its first channel"""
        with self.daemon.connect('/ws/events?channel=*&history=0&format=v2', protocols=()) as client:
            client.settle()
            targets = [{'user_id': 'w'}, {'role_id': 'w'}, {'team_id': 'w', 'session_id': 'w'}, {'session_id': 'w'}, {'broadcast': True}, {'user_id': 'w', 'broadcast': True}]
            channels = ['user:w', 'role:w', 'team:w', 'session:w', 'global', 'user:w']
            seqs = [self.daemon.publish(dict(target, event_type='w', payload=i))[0]['seq'] for i, target in enumerate(targets)]
            got = [client.recv() for _ in targets]
            self.assertEqual([(message['p'], message['ch'], message['seq']) for message in got], list(zip(range(6), channels, seqs)))
        with self.daemon.connect('/ws/events?channel=*&history=4&format=v2', protocols=()) as client:
            self.assertEqual([client.recv()['p'] for _ in range(4)], [2, 3, 4, 5])

    def test_many_readers(self):
        """fifty clients on one channel each get everything in order"""
        user = self.user()
        clients = [self.daemon.connect(f'/ws/events?channel=role:{user}&history=0&format=v2', protocols=()) for _ in range(50)]
        for client in clients:
            client.settle()
        lines = [{'event_type': 'a', 'role_id': user, 'payload': i} for i in range(500)]
        self.daemon.publish_lines(lines)
        for client in clients:
            self.assertEqual([client.recv()['p'] for _ in range(500)], list(range(500)))
            client.close()

    def test_encoded_channel(self):
        """channel names with other letters, percent-encoded"""
        self.daemon.publish({'event_type': 'a', 'team_id': 'grün/1?&', 'payload': 5})
        with self.daemon.connect('/ws/events?channel=team:gr%C3%BCn%2F1%3F%26&format=v2', protocols=()) as client:
            message = client.recv()
            self.assertEqual((message['ch'], message['p']), ('team:grün/1?&', 5))

    def test_no_subprotocol(self):
        """a client without the subprotocol gets events and replies alone"""
        user = self.user()
        self.fill(user, 3)
        with self.alone(user, 'history=10') as client:
            self.assertEqual([client.recv()['t'] for _ in range(3)], ['fill'] * 3)
            client.settle()
            self.assertFalse(client.waiting)


if __name__ == '__main__':
    main()
