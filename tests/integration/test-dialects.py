# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dialects on the wire, byte by byte (PROTOCOL section 3)."""

import json
import re

from wse_test import Scenario, main

TIME = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z'
FULL = ('{"event_type":"OrderPlaced","event_id":"e-1","timestamp":"2026-01-02T03:04:05.678901Z","user_id":"USER","severity":"warning",'
        '"message":"h\\u00e9 \\"q\\"","payload":{"n":12345678901234567890,"x":1.10, "s":"\\u00e9\\/"}}')
BARE = '{"event_type":"plain","event_id":"e-2","user_id":"USER","payload":null,"note":[ 1, 2 ]}'
# A session's event, whose payload names the two members that give way.
SESSION = '{"event_type":"CheckpointCreated","event_id":"e-3","session_id":"USER","timestamp":1699468800.5,"payload":{"session_id":"other","step":3,"timestamp":1}}'
PAYLOAD = '{"n":12345678901234567890,"x":1.10,"s":"\\u00e9\\/"}'


class Dialects(Scenario):
    users = 0

    def told(self, dialect, event, channel='user', endpoint='/ws/events'):
        """What one client in @dialect gets of @event, live and as history: both must be the same bytes. USER is a new id in each call."""
        Dialects.users += 1
        self.user = f'd{Dialects.users}'
        path = f'{endpoint}?format={dialect}&channel={channel}:{self.user}' + (f'&user_id={self.user}' if channel == 'user' else '')
        with self.daemon.connect(path + '&history=0', protocols=()) as client:
            client.settle()
            status, answer = self.daemon.post(event.replace('USER', self.user))
            self.assertEqual(status, 201, answer)
            live = client.recv_text()
        with self.daemon.connect(path + '&history=1', protocols=()) as client:
            self.assertEqual(client.recv_text(), live)
        return live.replace(self.user, 'USER')

    def same(self, got, pattern):
        """@pattern is literal but for MS (a latency) and TIME."""
        expression = re.escape(pattern).replace('MS', r'\d+').replace('TIME', TIME)
        self.assertRegex(got, '^' + expression + '$')

    def test_v2(self):
        """v2: all members in their order"""
        self.same(self.told('v2', FULL),
                  '{"v":2,"id":"e-1","t":"order_update","ts":"2026-01-02T03:04:05.678901Z","seq":1,"p":' + PAYLOAD + ',"ch":"user:USER",'
                  '"original_event_type":"OrderPlaced","severity":"warning","message":"hé \\"q\\"","latency_ms":MS}')

    def test_v2_bare(self):
        """v2: without what is not there"""
        self.same(self.told('v2', BARE), '{"v":2,"id":"e-2","t":"plain","ts":"TIME","seq":1,"p":{"note":[1,2]},"ch":"user:USER"}')

    def test_feed(self):
        """feed: always five members, the time a number"""
        self.same(self.told('feed', FULL), '{"timestamp":1767323045.678901,"type":"order_update","message":"hé \\"q\\"","severity":"warning","metadata":' + PAYLOAD + '}')
        got = self.told('feed', BARE)
        self.assertRegex(got, r'^\{"timestamp":\d+(\.\d+)?,"type":"plain","message":"","severity":"info","metadata":\{"note":\[1,2\]\}\}$')

    def test_feed_time(self):
        """feed: the number is the time, to the microsecond"""
        for given, told in (('1699468800.123', '1699468800.123'), ('1699468800', '1699468800'), ('0.000001', '0.000001'), ('253402300799.999999', '253402300799.999999')):
            got = self.told('feed', '{"event_type":"a","user_id":"USER","timestamp":%s}' % given)
            number = re.match(r'\{"timestamp":([0-9.]+),', got).group(1)
            self.assertEqual(number.rstrip('0').rstrip('.') if '.' in number else number, told)

    def test_envelope(self):
        """envelope: all members in their order"""
        self.same(self.told('envelope', FULL),
                  '{"type":"event","data":{"event_id":"e-1","timestamp":"2026-01-02T03:04:05.678901Z","type":"order_update","message":"hé \\"q\\"",'
                  '"severity":"warning","metadata":' + PAYLOAD + ',"channel":"user:USER","seq":1,"original_event_type":"OrderPlaced","latency_ms":MS}}')
        self.same(self.told('envelope', BARE),
                  '{"type":"event","data":{"event_id":"e-2","timestamp":"TIME","type":"plain","message":"","severity":"info","metadata":{"note":[1,2]},'
                  '"channel":"user:USER","seq":1}}')

    def test_session(self):
        """session: the payload's own session_id and timestamp give way"""
        self.same(self.told('session', SESSION, 'session'),
                  '{"event_type":"checkpoint_created","data":{"step":3,"session_id":"USER","timestamp":"2023-11-08T18:40:00.500000Z"}}')

    def test_session_other_channel(self):
        """session: no session_id outside a session channel; a payload that is no object is payload"""
        self.same(self.told('session', '{"event_type":"a","user_id":"USER","timestamp":0,"payload":[ 1 ]}'),
                  '{"event_type":"a","data":{"payload":[1],"timestamp":"1970-01-01T00:00:00.000000Z"}}')

    def test_api_is_envelope(self):
        """GET /api/events gives the data of the envelope, the same bytes"""
        envelope = self.told('envelope', FULL).replace('USER', self.user)
        body = self.daemon.request('GET', f'/api/events?channel=user:{self.user}&user_id={self.user}').body.decode()
        self.assertIn(envelope[len('{"type":"event","data":'):-1], body)

    def test_first_channel(self):
        """one event to clients on several channels: each gets its own channel and seq"""
        self.daemon.publish({'event_type': 'a', 'role_id': 'first', 'payload': 0})
        with self.daemon.connect('/wse?user_id=fc&history=0', protocols=()) as user, \
                self.daemon.connect('/wse?roles=first&history=0', protocols=()) as role, \
                self.daemon.connect('/wse?user_id=fc&roles=first&history=0', protocols=()) as both:
            for client in (user, role, both):
                client.settle()
            self.daemon.publish({'event_type': 'a', 'user_id': 'fc', 'role_id': 'first', 'payload': 1}, {'event_type': 'a', 'broadcast': True, 'payload': 2})
            # Live, no order is promised between channels.
            got = [{(message['ch'], message['p']) for message in (client.recv(), client.recv())} for client in (user, role, both)]
        self.assertEqual(got, [{('user:fc', 1), ('global', 2)}, {('role:first', 1), ('global', 2)}, {('user:fc', 1), ('global', 2)}])

    def test_text_frames(self):
        """one event is one text frame, whatever its size"""
        Dialects.users += 1
        user = f'd{Dialects.users}'
        with self.daemon.connect(f'/wse?user_id={user}&history=0', protocols=()) as client:
            client.settle()
            sizes = [0, 10, 50, 100, 1000, 60000, 66000, 250000]
            for size in sizes:
                self.daemon.publish({'event_type': 'a', 'user_id': user, 'payload': 'é' * (size // 2)})
            for size in sizes:
                frame = client.recv_frame()
                self.assertEqual((frame.fin, frame.opcode), (True, 1))
                self.assertEqual(len(json.loads(frame.payload)['p'].encode()), size)


if __name__ == '__main__':
    main()
