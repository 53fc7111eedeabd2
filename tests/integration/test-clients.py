# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that are not ours: python3-websockets and npm ws connect, negotiate, read and close as they do with any server."""

import json
import signal

from wse_clients import CLIENTS, Reader
from wse_test import Daemon, Scenario, main


class Independent(Scenario):
    kind = None

    def setUp(self):
        command = CLIENTS[self.kind]()
        if isinstance(command, str):
            self.skipTest(command)

    def fill(self, user, n):
        lines = [{'event_type': 'a', 'user_id': user, 'payload': {'i': i, 'text': 'ü€😀' * (i % 50)}} for i in range(n)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], n)
        return [line['payload'] for line in lines]

    def read_history(self):
        user = f'{self.kind}-history'
        payloads = self.fill(user, 1000)
        reader = Reader(self.kind, self.daemon, f'/wse?user_id={user}&history=1000', 1000)
        messages, closed = reader.messages()
        self.assertEqual((reader.opened.strip(), closed), ('open', 'close 1000'))
        self.assertEqual([json.loads(text)['p'] for text in messages], payloads)

    def read_live(self):
        user = f'{self.kind}-live'
        reader = Reader(self.kind, self.daemon, f'/wse?user_id={user}', 502, 'wse.v2')
        self.assertEqual(reader.opened.strip(), 'open wse.v2')
        payloads = self.fill(user, 500)
        messages, closed = reader.messages()
        messages = [json.loads(text) for text in messages]
        self.assertEqual(messages[0]['t'], 'hello')
        self.assertEqual(([message['p'] for message in messages if message['t'] == 'a'], closed), (payloads, 'close 1000'))

    def read_large(self):
        user = f'{self.kind}-large'
        self.daemon.publish(*[{'event_type': 'a', 'user_id': user, 'payload': 'x' * n} for n in (125, 126, 65535, 65536, 200000)])
        messages, closed = Reader(self.kind, self.daemon, f'/wse?user_id={user}', 5).messages()
        self.assertEqual(([len(json.loads(text)['p']) for text in messages], closed), ([125, 126, 65535, 65536, 200000], 'close 1000'))

    def read_compressed(self):
        user = f'{self.kind}-compressed'
        sent = [{'n': n, 'text': 'Ein längerer Satz, mehrmals. ' * n} for n in [*range(50), 5000]]
        with Daemon('--compression=on') as daemon:
            daemon.publish_lines([{'event_type': 'a', 'user_id': user, 'payload': payload} for payload in sent])
            reader = Reader(self.kind, daemon, f'/wse?user_id={user}', 2 * len(sent))
            daemon.publish_lines([{'event_type': 'a', 'user_id': user, 'payload': payload} for payload in sent])
            messages, closed = reader.messages()
            self.assertEqual((reader.opened.split(), closed), (['open', 'permessage-deflate'], 'close 1000'))
            self.assertEqual([json.loads(text)['p'] for text in messages], sent * 2)
            self.assertGreaterEqual(daemon.metric('wse_deflated_messages_total'), len(sent))

    def be_refused(self):
        reader = Reader(self.kind, self.daemon, '/wse?nonsense=1', 1)
        self.assertIn('400', reader.opened)
        reader.messages()

    def see_the_stop(self):
        with Daemon() as daemon:
            reader = Reader(self.kind, daemon, '/wse?history=0', 1)
            daemon.signal(signal.SIGTERM)
            self.assertEqual(reader.messages(), ([], 'close 1001'))
            daemon.wait(0)


def add(kind):
    names = {'read_history': 'reads history', 'read_live': 'negotiates wse.v2 and reads live events', 'read_large': 'reads frames of every length form',
             'read_compressed': 'negotiates permessage-deflate and reads what is deflated',
             'be_refused': 'sees a refusal as HTTP status', 'see_the_stop': 'sees 1001 when the daemon stops'}

    class Case(Independent):
        pass
    Case.kind = kind
    for name, title in names.items():
        def test(self, name=name):
            getattr(self, name)()
        test.__doc__ = f'{kind} {title}'
        setattr(Case, f'test_{name}', test)
    Case.__name__ = Case.__qualname__ = kind
    return Case


del Scenario
Websockets, Ws = add('websockets'), add('ws')

if __name__ == '__main__':
    main()
