# SPDX-License-Identifier: LGPL-2.1-or-later
"""Section 2 of the contract at its edges: what may be published just so, and what just not any more."""

import json
import urllib.parse

from wse_test import Scenario, main

EDGE_IDS = ('é' * 64, '\U0001f600' * 32, 'x' * 128, ':', 'user:x', '..', '%', '-', 'a/b?c#d&e=f', '"\\', '\u200b')


def quoted(text):
    return urllib.parse.quote(text, safe='')


class Publishing(Scenario):
    numbers = 0

    def user(self):
        """A user of whom nothing is in the log yet."""
        Publishing.numbers += 1
        return f'p{Publishing.numbers}'

    def page(self, channel, user=None):
        return self.daemon.get(f'/api/events?channel={quoted(channel)}&limit=1000' + (f'&user_id={quoted(user)}' if user else ''))['events']

    def kept(self, members, status=201):
        """Publishes an event of a user of its own with the JSON text @members beside it; gives what the log has of it."""
        user = self.user()
        got, answer = self.daemon.post('{"event_type":"a","user_id":"%s"%s}' % (user, members))
        self.assertEqual(got, status, (members, answer))
        return self.page(f'user:{user}', user)[0] if status == 201 else answer

    def raw_payload(self, members):
        """The bytes of the payload of such an event."""
        user = self.user()
        self.assertEqual(self.daemon.post('{"event_type":"a","user_id":"%s"%s}' % (user, members))[0], 201, members)
        body = self.daemon.request('GET', f'/api/events?channel=user:{user}&user_id={user}').body
        return body[body.index(b'"metadata":') + 11:body.index(b',"channel":"user:')].decode()

    def test_ids_everywhere(self):
        """any id that is one goes in as every target, comes out by every way, and can be subscribed to"""
        for name in EDGE_IDS:
            with self.subTest(name[:8]):
                answer = self.daemon.publish({'event_type': name, 'event_id': name + 'x' if len(name.encode()) < 128 else name, 'user_id': name, 'role_id': name,
                                              'team_id': name, 'session_id': name})[0]
                channels = [f'{kind}:{name}' for kind in ('user', 'role', 'team', 'session')]
                self.assertEqual([place['channel'] for place in answer['channels']], channels)
                for channel in channels:
                    self.assertEqual([event['channel'] for event in self.page(channel, name)], [channel])
                with self.daemon.connect(f'/wse?user_id={quoted(name)}&roles={quoted(name)}&teams={quoted(name)}&types={quoted(name)}') as client:
                    events, told = client.recv_control('caught_up')
                    self.assertEqual([event['ch'] for event in events[1:]], [f'user:{name}'])
                    self.assertEqual(client.request('subscribe', {'session_id': name, 'history': 1})['result']['channel'], f'session:{name}')
                    self.assertIn(f'user:{name}@', told['cursor'])
                    cursor = told['cursor']
                with self.daemon.connect(f'/wse?user_id={quoted(name)}&roles={quoted(name)}&teams={quoted(name)}&after={quoted(cursor)}') as client:
                    self.assertEqual([message['t'] for message in client.recv_control('caught_up')[0]], ['hello'])

    def test_times(self):
        """times: each form of ISO 8601 with a zone, numbers to the microsecond, what is finer is cut off, 1970 to 9999"""
        for given, told in (
                ('"1970-01-01T00:00:00Z"', '1970-01-01T00:00:00.000000Z'), ('"1970-01-01T01:00:00+01:00"', '1970-01-01T00:00:00.000000Z'),
                ('"2024-02-29T23:59:59.9999999Z"', '2024-02-29T23:59:59.999999Z'), ('"2000-02-29T00:00:00+00:00"', '2000-02-29T00:00:00.000000Z'),
                ('"2026-01-01T00:30:00+14:00"', '2025-12-31T10:30:00.000000Z'), ('"2026-12-31T23:30:00-12:00"', '2027-01-01T11:30:00.000000Z'),
                ('"2026-01-02T03:04:05.000000999Z"', '2026-01-02T03:04:05.000000Z'), ('"9999-12-31T23:59:59.9999999Z"', '9999-12-31T23:59:59.999999Z'),
                ('"2026-01-02T03:04:05,5Z"', '2026-01-02T03:04:05.500000Z'), ('"2026-01-02T03:04:05-00:00"', '2026-01-02T03:04:05.000000Z'),
                ('1e9', '2001-09-09T01:46:40.000000Z'), ('1699468800.1234569', '2023-11-08T18:40:00.123456Z'), ('253402300799.9999999', '9999-12-31T23:59:59.999999Z'),
                ('0.0000019', '1970-01-01T00:00:00.000001Z'), ('1.6994688e9', '2023-11-08T18:40:00.000000Z'), ('-0', '1970-01-01T00:00:00.000000Z')):
            with self.subTest(given):
                self.assertEqual(self.kept(f',"timestamp":{given}')['timestamp'], told)
        for bad in ('"1969-12-31T23:59:59.999999Z"', '"1970-01-01T00:00:00+00:01"', '"9999-12-31T23:59:59-00:01"', '"10000-01-01T00:00:00Z"', '"2025-02-29T00:00:00Z"',
                    '"2026-13-01T00:00:00Z"', '"2026-01-01T24:00:01Z"', '"2026-01-01T00:60:00Z"', '"2026-01-01T00:00:61Z"', '"2026-01-01T00:00:00"', '"2026-01-01T00:00:00 Z"',
                    '"2026-01-01T00:00:00+24:00"', '"2026-01-01T00:00:00Zx"', '" 2026-01-01T00:00:00Z"', '"1699468800"', '-0.000001', '253402300800', '1e400', 'true', '[]', '{}'):
            with self.subTest(bad):
                self.assertEqual(self.kept(f',"timestamp":{bad}', 422)['error']['code'], 'invalid')

    def test_null_members(self):
        """a member that is null is absent, each of them; among the unknown ones it is the payload's"""
        event = self.kept(',"event_id":null,"timestamp":null,"role_id":null,"team_id":null,"session_id":null,"broadcast":null,"severity":null,"message":null,"payload":null,'
                          '"data":null,"metadata":null,"type":null')
        self.assertEqual((event['severity'], event['message'], event['metadata'], 'latency_ms' in event), ('info', '', {}, False))
        self.assertEqual(self.raw_payload(',"payload":null,"data":null,"metadata":7'), '7')
        self.assertEqual(self.raw_payload(',"payload":null,"data":false'), 'false')
        self.assertEqual(self.raw_payload(', "b" : null ,"a":[ null ],"payload":null'), '{"b":null,"a":[null]}')
        status, answer = self.daemon.post({'event_type': None, 'type': 'cache', 'operation': 'get', 'key': 'k', 'hit': None, 'user_id': None})
        self.assertEqual((status, answer['channel']), (201, 'system'))

    def test_integer_ids(self):
        """an integer is its digits, to the last of them; what is no integer is no id"""
        for digits in ('0', '-1', '9223372036854775807', '18446744073709551616', '1' * 128):
            status, answer = self.daemon.post('{"event_type":"a","event_id":%s,"user_id":%s,"team_id":%s}' % (digits, digits, digits))
            self.assertEqual((status, answer['event_id'], [place['channel'] for place in answer['channels']]), (201, digits, [f'user:{digits}', f'team:{digits}']))
        for bad in ('1.0', '1e3', '1' * 129, 'true', '[1]'):
            for member in ('event_id', 'user_id', 'role_id', 'team_id', 'session_id'):
                self.assertEqual(self.daemon.post('{"event_type":"a","broadcast":true,"%s":%s}' % (member, bad))[0], 422, (member, bad))
        self.assertEqual(self.daemon.post('{"event_type":7,"broadcast":true}')[0], 422)

    def test_duplicates(self):
        """the first one's seq, whatever else is in it; the scope is the first channel; in a batch, across forms and requests"""
        user = self.user()
        first = self.daemon.publish({'event_type': 'a', 'event_id': 'd', 'user_id': user, 'team_id': user})[0]
        for event in ({'event_type': 'other', 'event_id': 'd', 'user_id': user, 'payload': 2}, {'event_type': 'a', 'event_id': 'd', 'user_id': user, 'session_id': user}):
            status, answer = self.daemon.post(event)
            self.assertEqual((status, answer['duplicate'], answer['channel'], answer['seq']), (200, True, f'user:{user}', first['seq']))
            self.assertEqual(answer['event_id'], 'd')
        status, answer = self.daemon.post({'event_type': 'a', 'event_id': 'd', 'team_id': user, 'session_id': user})
        self.assertEqual((status, answer['duplicate'], answer['seq']), (201, False, 2))
        status, answer = self.daemon.post({'specversion': '1.0', 'id': 'd', 'source': '/s', 'type': 'a', 'userid': user}, 'application/cloudevents+json')
        self.assertEqual((status, answer['seq']), (200, first['seq']))
        one = {'event_type': 'a', 'event_id': 'e', 'user_id': user}
        answer = self.daemon.publish_lines([one, one, dict(one, event_id='f'), one, dict(one, event_id=5), dict(one, event_id='5')])
        self.assertEqual((answer['accepted'], answer['duplicates'], answer['dropped'], answer['rejected']), (3, 3, 0, []))
        self.assertEqual([event['seq'] for event in self.page(f'user:{user}', user)], [1, 2, 3, 4])

    def test_payload_values(self):
        """any JSON value is a payload, and comes out to the byte"""
        for text in ('0', '-0', '-0.0', '1E+2', '1e400', '1.10', '9223372036854775808', '1234567890123456789012345678901234567890', 'true', '"\\u0000"', '"\\ud834\\udd1e\\/\\b"',
                     '"\u2028é"', '""', '[]', '{}', '{"b":1,"a":{"b":2,"a":1}}', '{"":{"":""}}', '[[[1,2.50],{"x":[]}],null]', '{"a":1,"\\u0061":2}', '{"x":{"d":1,"d":2}}'):
            for member in ('payload', 'data', 'metadata'):
                with self.subTest(text=text, member=member):
                    self.assertEqual(self.raw_payload(f',"zzz":1,"{member}":{text}'), text)
        self.assertEqual(self.raw_payload(',"payload" :\t{ "a" :\r\n[ 1 , " x  y " ] }'), '{"a":[1," x  y "]}')
        self.assertEqual(self.raw_payload(',"z":1.0,"\\u0061":"\\u0041","m":{ "k" : [ ] }'), '{"z":1.0,"\\u0061":"\\u0041","m":{"k":[]}}')

    def test_error_bodies(self):
        """every refusal over HTTP has the body of an error, of JSON"""
        event = b'{"event_type":"a","broadcast":true}'
        for status, method, path, body, headers in (
                (400, 'POST', '/api/events', b'', {}), (400, 'POST', '/api/events', b'\xff', {}), (400, 'POST', '/api/events', b'\xef\xbb\xbf' + event, {}),
                (400, 'POST', '/api/events?x=1', event, {}), (404, 'GET', '/x', None, {}), (404, 'GET', '/api', None, {}), (404, 'GET', '/api/events/', None, {}),
                (405, 'PUT', '/api/events', event, {}), (405, 'POST', '/wse', b'', {}), (405, 'DELETE', '/metrics', None, {}), (405, 'OPTIONS', '/sse', None, {}),
                (413, 'POST', '/api/events', b'{"event_type":"' + b'x' * 300000 + b'"}', {}), (415, 'POST', '/api/events', event, {'Content-Type': 'text/plain'}),
                (415, 'POST', '/api/events', event, {'Content-Type': 'application/jsonx'}), (422, 'POST', '/api/events', b'{}', {}), (422, 'POST', '/api/events', b'7', {}),
                (426, 'GET', '/wse', None, {}), (400, 'GET', '/sse?x=1', None, {}), (400, 'GET', '/api/health?x', None, {}), (403, 'GET', '/sse', None, {'Origin': 'http://evil.example'})):
            with self.subTest(f'{status} {method} {path} {body and body[:20]}'):
                answer = self.daemon.request(method, path, body, headers)
                self.assertEqual((answer.status, answer.headers['content-type'].split(';')[0]), (status, 'application/json'))
                error = json.loads(answer.body)['error']
                self.assertEqual(set(error), {'code', 'message'})
                self.assertRegex(error['code'], '^[a-z]+(_[a-z0-9]+)*$')
                self.assertTrue(error['message'])
                if status == 405:
                    self.assertTrue(answer.headers['allow'])


if __name__ == '__main__':
    main()
