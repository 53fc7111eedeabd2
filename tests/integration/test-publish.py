# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST /api/events, one event at a time: every rule of PROTOCOL section 2 and the answer for breaking it."""

import datetime
import json
import re
import time

from wse_test import Scenario, main

UUID4 = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')


class Publish(Scenario):
    users = 0

    def user(self):
        """A user of whom nothing is in the log yet."""
        Publish.users += 1
        return f'u{Publish.users}'

    def refused(self, status, value, code=None, **keywords):
        got, answer = self.daemon.post(value, **keywords)
        self.assertEqual(got, status, (value, answer))
        self.assertEqual(set(answer), {'error'})
        self.assertEqual(set(answer['error']), {'code', 'message'})
        self.assertRegex(answer['error']['code'], r'^[a-z][a-z0-9_]*$')
        self.assertTrue(answer['error']['message'])
        if code:
            self.assertEqual(answer['error']['code'], code)

    def kept(self, channel):
        """What the log has of a channel, as GET /api/events tells it."""
        user = channel.split(':')[1] if channel.startswith('user:') else None
        return self.daemon.get(f'/api/events?channel={channel}&limit=1000' + (f'&user_id={user}' if user else ''))['events']

    def last_text(self, value):
        """Publishes @value to a new user; gives the v2 text that a client gets."""
        user = self.user()
        with self.daemon.connect(f'/wse?user_id={user}&history=0', protocols=()) as client:
            client.settle()
            text = (value if isinstance(value, str) else json.dumps(value)).replace('USER', user)
            status, answer = self.daemon.post(text)
            self.assertEqual(status, 201, answer)
            return client.recv_text()

    def test_minimal(self):
        """the least there is: 201, an id is made"""
        user = self.user()
        status, answer = self.daemon.post({'event_type': 'a', 'user_id': user})
        self.assertEqual(status, 201)
        self.assertRegex(answer.pop('event_id'), UUID4)
        self.assertEqual(answer, {'channel': f'user:{user}', 'seq': 1, 'duplicate': False})
        self.assertEqual(self.daemon.post({'event_type': 'a', 'user_id': user})[1]['seq'], 2)

    def test_answer_order(self):
        """the answer's members come in the order of PROTOCOL"""
        answer = self.daemon.request('POST', '/api/events', json.dumps({'event_type': 'a', 'user_id': self.user(), 'event_id': 'i'}),
                                     {'Content-Type': 'application/json'})
        self.assertEqual(list(json.loads(answer.body)), ['event_id', 'channel', 'seq', 'duplicate'])
        self.assertIn('application/json', answer.headers['content-type'])

    def test_duplicate(self):
        """an id seen before: 200, the first one's seq, contents are not compared"""
        user = self.user()
        first = {'event_type': 'a', 'user_id': user, 'event_id': 'same'}
        self.assertEqual(self.daemon.post(first)[0], 201)
        self.daemon.publish({'event_type': 'a', 'user_id': user})
        status, answer = self.daemon.post({'event_type': 'other', 'user_id': user, 'event_id': 'same', 'payload': 5})
        self.assertEqual((status, answer), (200, {'event_id': 'same', 'channel': f'user:{user}', 'seq': 1, 'duplicate': True}))
        self.assertEqual(len(self.kept(f'user:{user}')), 2)

    def test_duplicate_scope(self):
        """the same id on another channel is no duplicate"""
        one, two = self.user(), self.user()
        for user in (one, two):
            self.assertEqual(self.daemon.post({'event_type': 'a', 'user_id': user, 'event_id': 'shared'})[0], 201)

    def test_targets(self):
        """every target adds its channel, in the order of PROTOCOL, whatever the order of members"""
        user = self.user()
        status, answer = self.daemon.post(f'{{"broadcast":true,"session_id":"s","team_id":"t","role_id":"r","user_id":"{user}","event_type":"a","event_id":"i"}}')
        self.assertEqual(status, 201)
        self.assertEqual(answer['channel'], f'user:{user}')
        self.assertEqual([item['channel'] for item in answer['channels']], [f'user:{user}', 'role:r', 'team:t', 'session:s', 'global'])
        self.assertEqual(answer['seq'], answer['channels'][0]['seq'])
        status, again = self.daemon.post({'event_type': 'a', 'user_id': user, 'event_id': 'i'})
        self.assertEqual((status, again['seq'], again['duplicate']), (200, answer['seq'], True))

    def test_broadcast_false(self):
        """broadcast false adds nothing; what is neither true nor false is invalid"""
        user = self.user()
        self.assertNotIn('channels', self.daemon.publish({'event_type': 'a', 'user_id': user, 'broadcast': False})[0])
        self.assertEqual(self.daemon.publish({'event_type': 'a', 'broadcast': True})[0]['channel'], 'global')
        for value in ('true', 1, [], {}):
            self.refused(422, {'event_type': 'a', 'user_id': user, 'broadcast': value})

    def test_no_route(self):
        """no target: 422 no_route"""
        self.refused(422, {'event_type': 'a'}, 'no_route')
        self.refused(422, {'event_type': 'a', 'broadcast': False}, 'no_route')
        self.refused(422, {'event_type': 'a', 'user_id': None}, 'no_route')

    def test_integers_as_ids(self):
        """an integer in event_id and the targets is taken as its digits"""
        answer = self.daemon.publish({'event_type': 'a', 'user_id': 4711000000, 'event_id': 12345678901234567890})[0]
        self.assertEqual((answer['channel'], answer['event_id']), ('user:4711000000', '12345678901234567890'))
        for value in (1.5, True, [], {}):
            self.refused(422, {'event_type': 'a', 'user_id': value})
            self.refused(422, {'event_type': 'a', 'user_id': 'x', 'event_id': value})

    def test_bad_ids(self):
        """ids: 1 to 128 bytes without white space, control characters, comma, at sign, star"""
        for bad in ('', 'a b', 'a,b', 'a@b', 'a*', '*', 'a\tb', 'a\nb', 'a\u0000b', 'a\u007fb', 'a\u0085b', 'a\u00a0b', 'a\u2003b', 'x' * 129, 'é' * 65):
            for member in ('user_id', 'role_id', 'team_id', 'session_id', 'event_type'):
                with self.subTest(bad=bad[:10], member=member):
                    self.refused(422, {'event_type': 'a', 'user_id': 'x', member: bad})
        user = 'é' * 64
        self.assertEqual(self.daemon.publish({'event_type': 'ö:/#?%', 'user_id': user})[0]['channel'], f'user:{user}')
        self.daemon.publish({'event_type': 'a', 'user_id': 'x' * 128})

    def test_bad_event_ids(self):
        """event ids: 1 to 128 bytes without control characters; blanks are allowed"""
        user = self.user()
        for bad in ('', 'a\nb', 'a\u0000b', 'a\u007fb', 'x' * 129):
            self.refused(422, {'event_type': 'a', 'user_id': user, 'event_id': bad})
        for good in ('a b', 'a,b@c*', 'x' * 128, 'ü'):
            self.assertEqual(self.daemon.publish({'event_type': 'a', 'user_id': user, 'event_id': good})[0]['event_id'], good)
        self.assertRegex(self.daemon.publish({'event_type': 'a', 'user_id': user, 'event_id': None})[0]['event_id'], UUID4)

    def test_event_type(self):
        """event_type is required; type stands in for it only with a system kind"""
        user = self.user()
        self.refused(422, {'user_id': user})
        self.refused(422, {'user_id': user, 'event_type': None})
        self.refused(422, {'user_id': user, 'event_type': 5})
        self.refused(422, {'user_id': user, 'type': 'order'})
        answer = self.daemon.publish({'type': 'cache', 'operation': 'get', 'key': 'k'})[0]
        self.assertEqual(answer['channel'], 'system')

    def test_timestamps(self):
        """timestamps: ISO 8601 with zone or seconds; cut to microseconds, told in UTC"""
        for given, told in (('"2026-01-02T03:04:05Z"', '2026-01-02T03:04:05.000000Z'), ('"2026-01-02T03:04:05.1234567+02:00"', '2026-01-02T01:04:05.123456Z'),
                            ('"2026-01-02T03:04:05.5-0530"', '2026-01-02T08:34:05.500000Z'), ('1699468800', '2023-11-08T18:40:00.000000Z'),
                            ('1699468800.123', '2023-11-08T18:40:00.123000Z'), ('0', '1970-01-01T00:00:00.000000Z'),
                            ('"9999-12-31T23:59:59.999999Z"', '9999-12-31T23:59:59.999999Z')):
            with self.subTest(given):
                message = json.loads(self.last_text('{"event_type":"a","user_id":"USER","timestamp":%s}' % given))
                self.assertEqual(message['ts'], told)
                self.assertIsInstance(message['latency_ms'], int)
                self.assertGreaterEqual(message['latency_ms'], 0)

    def test_bad_timestamps(self):
        """timestamps without zone, out of range or not a time: 422"""
        for bad in ('2026-01-02T03:04:05', '2026-01-02', 'yesterday', '', '1969-12-31T23:59:59Z', '10000-01-01T00:00:00Z', '2026-02-30T00:00:00Z',
                    '2026-01-02T25:00:00Z', -1, 253402300800, 1e300, True, [], {}):
            with self.subTest(bad):
                self.refused(422, {'event_type': 'a', 'user_id': 'x', 'timestamp': bad})

    def test_default_timestamp(self):
        """without a timestamp: when it was taken in, and no latency"""
        before = datetime.datetime.now(datetime.timezone.utc)
        message = json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER'}))
        taken = datetime.datetime.strptime(message['ts'], '%Y-%m-%dT%H:%M:%S.%f%z')
        self.assertLessEqual(before, taken)
        self.assertLessEqual(taken, datetime.datetime.now(datetime.timezone.utc))
        self.assertNotIn('latency_ms', message)

    def test_latency(self):
        """latency: taken in minus the producer's time, never below 0"""
        message = json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'timestamp': time.time() - 3600}))
        self.assertTrue(3600000 <= message['latency_ms'] < 3700000, message)
        message = json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'timestamp': time.time() + 3600}))
        self.assertEqual(message['latency_ms'], 0)

    def test_severity(self):
        """severity: info by default and not told, two others, else invalid"""
        self.assertNotIn('severity', json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER'})))
        self.assertNotIn('severity', json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'severity': 'info'})))
        self.assertEqual(json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'severity': 'warning'}))['severity'], 'warning')
        self.assertEqual(json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'severity': 'error'}))['severity'], 'error')
        for bad in ('Info', 'critical', '', 1, True, []):
            self.refused(422, {'event_type': 'a', 'user_id': 'x', 'severity': bad})

    def test_message(self):
        """message: text for people; another kind of value is invalid"""
        self.assertEqual(json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'message': 'héllo "you"\n'}))['message'], 'héllo "you"\n')
        self.assertNotIn('message', json.loads(self.last_text({'event_type': 'a', 'user_id': 'USER', 'message': None})))
        for bad in (1, True, [], {}):
            self.refused(422, {'event_type': 'a', 'user_id': 'x', 'message': bad})

    def payload(self, members):
        """The bytes of p."""
        text = self.last_text('{"event_type":"a","user_id":"USER","event_id":"i"%s}' % members)
        return text[text.index(',"p":') + 5:text.index(',"ch":"user:')]

    def test_payload_members(self):
        """payload, else data, else metadata, else the unknown members"""
        self.assertEqual(self.payload(',"metadata":3,"data":2,"payload":1,"other":4'), '1')
        self.assertEqual(self.payload(',"metadata":3,"data":[2]'), '[2]')
        self.assertEqual(self.payload(',"metadata":"3"'), '"3"')
        self.assertEqual(self.payload(',"payload":null,"data":2'), '2')
        self.assertEqual(self.payload(',"z":1, "a" : {"b": [1, 2]},"m":"n"'), '{"z":1,"a":{"b":[1,2]},"m":"n"}')
        self.assertEqual(self.payload(''), '{}')

    def test_payload_bytes(self):
        """a payload passes through byte by byte, but for white space between tokens"""
        for given, told in (('1234567890123456789012345', None), ('1.10', None), ('1e400', None), ('-0.0E+05', None), ('"\\u00e9\\/\\ud83d\\ude00 a  b"', None),
                            ('{ "b" : 1 ,\n\t"a" : [ ] , "b" : 2 }', '{"b":1,"a":[],"b":2}'), ('"é\u2028"', None), ('false', None), ('[ 1 , "  " ]', '[1,"  "]')):
            with self.subTest(given):
                self.assertEqual(self.payload(f',"payload": {given} '), told or given)

    def test_duplicate_key(self):
        """a duplicate key at the top level is invalid, also when it is written differently"""
        self.refused(422, '{"event_type":"a","user_id":"x","user_id":"y"}')
        self.refused(422, '{"event_type":"a","user_id":"x","z":1,"z":1}')
        self.refused(422, '{"event_type":"a","user_id":"x","\\u0075ser_id":"y"}')

    def test_escaped_members(self):
        """members are known by their meaning, not their spelling"""
        answer = self.daemon.post('{"event\\u005ftype":"a","user_id":"\\u0065sc"}')
        self.assertEqual((answer[0], answer[1]['channel']), (201, 'user:esc'))

    def test_not_json(self):
        """not JSON, not UTF-8, empty: 400"""
        for bad in ('', ' ', '\n', '{', '{"event_type":"a","user_id":"x"', '{"event_type":"a","user_id":"x"}x', '{"event_type":"a","user_id":"x"}{}', "{'event_type':'a'}",
                    '{"event_type":"a","user_id":"x",}', '{"event_type":"a","user_id":"x","payload":01}', '{"event_type":"a","user_id":"x","payload":NaN}',
                    '{"event_type":"a","user_id":"x","payload":"\\ud800"}', '{"event_type":"a","user_id":"x","payload":"\t"}', '/**/{}', '\ufeff{"event_type":"a","user_id":"x"}',
                    b'{"event_type":"a","user_id":"x","payload":"\xff"}', b'{"event_type":"a","user_id":"x","payload":"\xed\xa0\x80"}', b'\x00', b'nonsense'):
            with self.subTest(bad):
                self.refused(400, bad)

    def test_no_object(self):
        """JSON that is neither object nor array"""
        for value in ('5', '"text"', 'null', 'true'):
            status, _ = self.daemon.post(value)
            self.assertIn(status, (400, 422))

    def test_content_type(self):
        """application/json with parameters is taken, another kind is 415"""
        body = {'event_type': 'a', 'user_id': 'x'}
        self.assertEqual(self.daemon.post(body, 'application/json; charset=utf-8')[0], 201)
        self.assertEqual(self.daemon.post(body, 'Application/JSON')[0], 201)
        for kind in ('text/plain', 'text/html', 'application/xml', 'multipart/form-data; boundary=x'):
            self.refused(415, body, content_type=kind)

    def test_too_large(self):
        """an event over 256 KiB: 413"""
        event = '{"event_type":"a","user_id":"x","payload":"%s"}'
        room = 256 * 1024 - len(event) + 2
        self.assertEqual(self.daemon.post(event % ('y' * room))[0], 201)
        self.refused(413, event % ('y' * (room + 1)))

    def test_methods_and_paths(self):
        """405 and 404 with the same error body"""
        for method in ('PUT', 'DELETE', 'PATCH'):
            answer = self.daemon.request(method, '/api/events')
            self.assertEqual(answer.status, 405)
            self.assertEqual(set(json.loads(answer.body)['error']), {'code', 'message'})
            self.assertIn('POST', answer.headers['allow'])
        for path in ('/api/events?x=1', '/api/events?channel=global', '/api/events?user_id=a&user_id=b', '/api/events?user_id='):
            status, answer = self.daemon.post({'event_type': 'a', 'broadcast': True}, path=path)
            self.assertEqual((status, answer['error']['code']), (400, 'bad_request'))
        self.assertEqual(self.daemon.post({'event_type': 'a', 'broadcast': True}, path='/api/events?user_id=a&roles=b,c&teams=d')[0], 201)
        answer = self.daemon.request('POST', '/api/event')
        self.assertEqual(answer.status, 404)
        self.assertEqual(set(json.loads(answer.body)['error']), {'code', 'message'})

    def test_refused_is_not_kept(self):
        """what is refused leaves no trace"""
        user = self.user()
        self.refused(422, {'event_type': 'a', 'user_id': user, 'severity': 'x', 'event_id': 'again'})
        self.assertEqual(self.daemon.publish({'event_type': 'a', 'user_id': user, 'event_id': 'again'})[0]['seq'], 1)

    def test_type_mapping(self):
        """the trading table, PascalCase to snake_case, else unchanged"""
        table = {'BrokerConnectionEstablished': 'broker_connection_update', 'BrokerConnectionEstablishedSagaCompleted': 'broker_connection_update',
                 'BrokerDisconnected': 'broker_connection_update', 'BrokerAccountLinked': 'broker_account_update', 'AccountDataFromBrokerUpdated': 'broker_account_update',
                 'OrderPlaced': 'order_update', 'OrderFilled': 'order_filled', 'OrderCancelled': 'order_cancelled', 'OrderRejected': 'order_rejected',
                 'PositionOpened': 'position_update', 'PositionClosed': 'position_update', 'ResourceCreated': 'resource_created',
                 'already_snake': 'already_snake', 'dotted.name': 'dotted.name', 'lowerCamel': 'lowerCamel'}
        for original, wire in table.items():
            with self.subTest(original):
                message = json.loads(self.last_text({'event_type': original, 'user_id': 'USER'}))
                self.assertEqual(message['t'], wire)
                self.assertEqual(message.get('original_event_type'), original if original != wire else None)


if __name__ == '__main__':
    main()
