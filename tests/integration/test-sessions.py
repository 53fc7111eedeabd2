# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET /ws/sessions and the dialect `session` (PROTOCOL section 3)."""

import json
import re

from wse_socket import Refused
from wse_test import Scenario, main

TIME = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z'
GIVEN = '2026-01-02T03:04:05.678901Z'


class Sessions(Scenario):
    sessions = 0

    def setUp(self):
        Sessions.sessions += 1
        self.session = f'sess-{Sessions.sessions}'

    def open(self, query='', protocols=()):
        client = self.daemon.connect('/ws/sessions' + query, protocols=protocols)
        self.addCleanup(client.close)
        return client

    def publish(self, payload, **more):
        """Publishes with @payload as it stands (JSON text)."""
        event = json.dumps(dict({'event_type': 'CheckpointCreated', 'timestamp': GIVEN, 'session_id': self.session}, **more))
        status, answer = self.daemon.post(event[:-1] + (f',"payload":{payload}}}' if payload is not None else '}'))
        self.assertEqual(status, 201, answer)
        return answer

    def test_nothing_at_first(self):
        """subscribed to nothing at first, whatever happens"""
        client = self.open(f'?user_id={self.session}&roles={self.session}')
        for target in ({'user_id': self.session}, {'role_id': self.session}, {'broadcast': True}, {}):
            self.publish('1', session_id=self.session, **target)
        self.assertEqual(client.settle(), [])

    def test_control(self):
        """a wse.v2 client is greeted and caught up at once, with an empty cursor"""
        client = self.open(protocols=('wse.v2',))
        hello, caught_up = client.recv(), client.recv()
        self.assertEqual((hello['t'], hello['p']['cursor'], caught_up['t'], caught_up['p']['cursor']), ('hello', '', 'caught_up', ''))

    def test_subscribe(self):
        """subscribe with session_id: the answer's members in their order, then live events"""
        client = self.open()
        client.send_json({'id': 's', 'method': 'subscribe', 'params': {'session_id': self.session}})
        self.assertRegex(client.recv_text(), r'^\{"id":"s","success":true,"result":\{"subscribed":true,"channel":"session:' + self.session + '","session_id":"' + self.session
                         + '","cursor":"session:' + self.session + r'@[A-Za-z0-9_-]{1,32}:0","recovered":true\}\}$')
        self.publish('{"step":3}')
        self.assertEqual(client.recv_text(), '{"event_type":"checkpoint_created","data":{"step":3,"session_id":"%s","timestamp":"%s"}}' % (self.session, GIVEN))

    def test_others(self):
        """other sessions' events do not come"""
        client = self.open()
        self.assertTrue(client.request('subscribe', {'session_id': self.session})['success'])
        self.publish('1', session_id=self.session + '-other')
        self.publish('{"a":1}')
        self.assertEqual(client.recv()['data']['a'], 1)

    def test_several(self):
        """several sessions on one connection; unsubscribe ends one of them"""
        client = self.open()
        sessions = [f'{self.session}-{i}' for i in range(3)]
        for session in sessions:
            self.assertTrue(client.request('subscribe', {'session_id': session})['success'])
        for session in sessions:
            self.publish('{}', session_id=session)
        self.assertEqual([client.recv()['data']['session_id'] for _ in sessions], sessions)
        answer = client.request('unsubscribe', {'session_id': sessions[1]})
        self.assertEqual(answer['result'], {'unsubscribed': True, 'channel': f'session:{sessions[1]}', 'session_id': sessions[1]})
        for session in sessions:
            self.publish('{}', session_id=session)
        self.assertEqual([client.recv()['data']['session_id'] for _ in range(2)], [sessions[0], sessions[2]])

    def test_history(self):
        """history= of the command: the last N before live ones"""
        for i in range(10):
            self.publish('{"i":%d}' % i)
        client = self.open()
        self.assertTrue(client.request('subscribe', {'session_id': self.session, 'history': 4})['success'])
        self.publish('{"i":10}')
        self.assertEqual([client.recv()['data']['i'] for _ in range(5)], [6, 7, 8, 9, 10])

    def test_the_same_as_channel(self):
        """channel and session_id are the same subscription; the answer names session_id where it was asked with"""
        client = self.open()
        self.assertNotIn('session_id', client.request('subscribe', {'channel': f'session:{self.session}'})['result'])
        self.assertEqual(client.request('subscribe', {'session_id': self.session})['result']['session_id'], self.session)
        self.publish('{"i":1}')
        self.publish('{"i":2}')
        self.assertEqual([client.recv()['data']['i'] for _ in range(2)], [1, 2])

    def told(self, payload, channel=None, **more):
        """The bytes of an event with @payload in @channel, live and as history, which must be the same."""
        channel = channel or f'session:{self.session}'
        live = self.open()
        self.assertTrue(live.request('subscribe', {'channel': channel})['success'])
        self.publish(payload, **more)
        text = live.recv_text()
        again = self.open()
        self.assertTrue(again.request('subscribe', {'channel': channel, 'history': 1})['success'])
        self.assertEqual(again.recv_text(), text)
        page = again.request('history', {'channel': channel})
        self.assertEqual(page['result']['events'][-1], json.loads(text))
        return text

    def data(self, members):
        return '{"event_type":"checkpoint_created","data":{%s"session_id":"%s","timestamp":"%s"}}' % (members, self.session, GIVEN)

    def test_give_way(self):
        """the payload's own session_id and timestamp give way, wherever they stand; deeper ones stay"""
        for payload, members in (
            ('{"session_id":"other","step":3,"timestamp":1}', '"step":3,'),
            ('{"step":3,"session_id":null,"x":{"session_id":1,"timestamp":2}}', '"step":3,"x":{"session_id":1,"timestamp":2},'),
            ('{"timestamp":{"a":[1,{}]},"session_id":[1]}', ''),
            (r'{"s\u0065ssion_id":1,"a":1,"time\u0073tamp":2}', '"a":1,'),
            ('{"session_ids":1,"Timestamp":2,"":3}', '"session_ids":1,"Timestamp":2,"":3,'),
            ('{}', ''),
        ):
            with self.subTest(payload):
                self.assertEqual(self.told(payload), self.data(members))

    def test_bytes(self):
        """the rest of the payload keeps its bytes and order"""
        self.assertEqual(self.told(r'{"b": 1.10, "timestamp":5, "a": 1e400, "n":12345678901234567890, "\u00e9":"\/"}'), self.data(r'"b":1.10,"a":1e400,"n":12345678901234567890,"\u00e9":"\/",'))

    def test_no_object(self):
        """a payload that is no object is the member payload"""
        for payload in ('5', '"x"', '[1,2]', 'true', '1.10', '[{"session_id":1}]'):
            with self.subTest(payload):
                self.assertEqual(self.told(payload), self.data(f'"payload":{payload},'))

    def test_without_payload(self):
        """without a payload: the unknown members are it"""
        self.assertEqual(self.told(None, step=4), self.data('"step":4,'))

    def test_other_channels(self):
        """session_id only in a session channel: in another one the payload's gives way all the same"""
        text = self.told('{"session_id":"other","step":3}', f'team:{self.session}', session_id=None, team_id=self.session)
        self.assertEqual(text, '{"event_type":"checkpoint_created","data":{"step":3,"timestamp":"%s"}}' % GIVEN)
        text = self.told('[]', 'global', session_id=None, broadcast=True)
        self.assertEqual(text, '{"event_type":"checkpoint_created","data":{"payload":[],"timestamp":"%s"}}' % GIVEN)

    def test_two_channels(self):
        """an event of a user and a session comes once, in the first: without session_id"""
        client = self.open(f'?user_id={self.session}')
        for channel in (f'session:{self.session}', f'user:{self.session}'):
            self.assertTrue(client.request('subscribe', {'channel': channel})['success'])
        self.publish('{}', user_id=self.session)
        self.publish('{"only":1}')
        # Live, one channel's events may overtake another's.
        self.assertCountEqual([client.recv()['data'] for _ in range(2)],
                              [{'timestamp': GIVEN}, {'only': 1, 'session_id': self.session, 'timestamp': GIVEN}])

    def test_time(self):
        """without a timestamp of its own the event bears when it was taken in"""
        self.assertRegex(self.told('{}', timestamp=None), r'"timestamp":"' + TIME + '"')

    def test_names(self):
        """a session's name is any id; one that is none is refused, and the connection stays"""
        client = self.open()
        for name in ('ü', 'a:b', 'a/b?c', 'x' * 128):
            self.assertEqual(client.request('subscribe', {'session_id': name})['result']['session_id'], name)
        for name in ('', 'a b', 'a,b', 'a@b', '*', 'x' * 129, 'a\n', '\u0000', 5, ['a'], {}, True):
            answer = client.request('subscribe', {'session_id': name})
            self.assertFalse(answer['success'], name)
        self.assertTrue(client.request('ping')['success'])

    def test_format(self):
        """format= may ask for another dialect, types= and severity= are filters"""
        client = self.open('?format=v2')
        self.assertTrue(client.request('subscribe', {'session_id': self.session})['success'])
        self.publish('{"a":1}')
        self.assertEqual(client.recv()['ch'], f'session:{self.session}')

    def test_refused(self):
        """400 for what it does not know, channel= too; 426 without an upgrade; 405"""
        for query in ('?channel=system', '?x=1', '?format=json'):
            with self.assertRaises(Refused) as caught:
                self.open(query)
            self.assertEqual(caught.exception.status, 400)
        self.assertEqual(self.daemon.request('GET', '/ws/sessions').status, 426)
        self.assertEqual(self.daemon.request('POST', '/ws/sessions', b'').status, 405)


if __name__ == '__main__':
    main()
