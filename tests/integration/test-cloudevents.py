# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST /api/events with CloudEvents 1.0, one and in batches: what becomes of each attribute, and the answer for breaking a rule."""

import json

from wse_test import Scenario, main

ONE = 'application/cloudevents+json'
BATCH = 'application/cloudevents-batch+json'


class CloudEvents(Scenario):
    users = 0

    def setUp(self):
        """A user of whom nothing is in the log yet, and the least event for it."""
        CloudEvents.users += 1
        self.user = f'c{CloudEvents.users}'
        self.event = {'specversion': '1.0', 'id': 'i', 'source': '/test', 'type': 'a', 'userid': self.user}

    def refused(self, status, value, code, content_type=ONE):
        got, answer = self.daemon.post(value, content_type)
        self.assertEqual(got, status, (value, answer))
        self.assertEqual(set(answer), {'error'})
        self.assertEqual(set(answer['error']), {'code', 'message'})
        self.assertEqual(answer['error']['code'], code, (value, answer))
        self.assertTrue(answer['error']['message'])

    def told(self, **attributes):
        """Publishes the event with these attributes too; what a v2 client gets of it, as text."""
        with self.daemon.connect(f'/wse?user_id={self.user}&history=0', protocols=()) as client:
            client.settle()
            body = attributes.pop('body', None) or json.dumps(dict(self.event, **attributes))
            status, answer = self.daemon.post(body, ONE)
            self.assertEqual(status, 201, answer)
            return client.recv_text()

    def kept(self):
        """The payloads in the user's channel."""
        return [event['metadata'] for event in self.daemon.get(f'/api/events?channel=user:{self.user}&user_id={self.user}&limit=1000')['events']]

    def test_one(self):
        """type, id, time, data and the user become an event; 201 in the order of PROTOCOL"""
        message = json.loads(self.told(id='order-7', type='OrderPlaced', time='2026-04-05T17:31:00.1234567+02:00', data={'order': 7},
                                       datacontenttype='application/json', subject='7', traceparent='00-1-2-01'))
        self.assertEqual((message['t'], message['original_event_type'], message['id'], message['ts'], message['p'], message['ch'], message['seq']),
                         ('order_update', 'OrderPlaced', 'order-7', '2026-04-05T15:31:00.123456Z', {'order': 7}, f'user:{self.user}', 1))
        self.assertIsInstance(message['latency_ms'], int)
        self.assertNotIn('subject', message)
        answer = self.daemon.request('POST', '/api/events', json.dumps(dict(self.event, id='j')), {'Content-Type': ONE})
        self.assertEqual((answer.status, list(json.loads(answer.body).items())),
                         (201, [('event_id', 'j'), ('channel', f'user:{self.user}'), ('seq', 2), ('duplicate', False)]))

    def test_least(self):
        """without time it is now, without data the payload is {}; null counts as absent"""
        message = json.loads(self.told(time=None, data=None, data_base64=None, datacontenttype=None, roleid=None, broadcast=None))
        self.assertEqual((message['p'], message['ch']), ({}, f'user:{self.user}'))
        self.assertNotIn('latency_ms', message)

    def test_targets(self):
        """every target adds its channel, in the order of PROTOCOL; integers are their digits"""
        status, answer = self.daemon.post({'broadcast': True, 'sessionid': 's', 'teamid': 12, 'roleid': 'r', **self.event}, ONE)
        self.assertEqual(status, 201)
        self.assertEqual([item['channel'] for item in answer['channels']], [f'user:{self.user}', 'role:r', 'team:12', 'session:s', 'global'])

    def test_broadcast(self):
        """broadcast is a boolean, or the text of one"""
        del self.event['userid']
        for n, value in enumerate((True, 'true')):
            status, answer = self.daemon.post(dict(self.event, id=f'{self.user}-{n}', broadcast=value), ONE)
            self.assertEqual((status, answer.get('channel')), (201, 'global'))
        for value in (False, 'false'):
            self.refused(422, dict(self.event, broadcast=value), 'no_route')
        for value in ('yes', '', 1, []):
            self.refused(422, dict(self.event, broadcast=value), 'invalid')

    def test_system_events(self):
        """one of the six kinds without a target goes to system, its data is checked"""
        event = {'specversion': '1.0', 'id': f'{self.user}-s', 'source': '/test', 'type': 'cache', 'data': {'operation': 'get', 'key': 'k'}}
        status, answer = self.daemon.post(event, ONE)
        self.assertEqual((status, answer['channel']), (201, 'system'))
        self.refused(422, dict(event, id='x', data={'operation': 'get'}), 'invalid')
        self.refused(422, dict(event, id='x', type='other'), 'no_route')

    def test_data_bytes(self):
        """data passes through byte by byte, but for white space between tokens"""
        for n, (given, told) in enumerate((('1234567890123456789012345', None), ('1.10', None), ('1e400', None), ('"\\u00e9\\/ a  b"', None), ('false', None),
                                           ('{ "b" : 1 ,\n\t"a" : [ ] , "b" : 2 }', '{"b":1,"a":[],"b":2}'))):
            with self.subTest(given):
                text = self.told(body=json.dumps(dict(self.event, id=f'i{n}'))[:-1] + f', "data" : {given} }}')
                self.assertEqual(text[text.index(',"p":') + 5:text.index(',"ch":"user:')], told or given)

    def test_dropped(self):
        """attributes that are not named are dropped, also those with names of plain events"""
        message = json.loads(self.told(severity='error', message='m', payload=1, metadata=2, event_type='b', event_id='j', timestamp=0, role_id='r', other=3))
        self.assertEqual((message['t'], message['id'], message['p'], message['ch']), ('a', 'i', {}, f'user:{self.user}'))
        self.assertNotIn('severity', message)
        self.assertNotIn('message', message)
        self.assertNotIn('latency_ms', message)

    def test_required(self):
        """specversion, which is 1.0, id, source and type are required: 422"""
        for name in ('specversion', 'id', 'source', 'type'):
            for value in (None, '', 1, 1.0, True, [], {}):
                with self.subTest(name=name, value=value):
                    self.refused(422, dict(self.event, **{name: value}), 'invalid')
            self.refused(422, {key: value for key, value in self.event.items() if key != name}, 'invalid')
        for version in ('0.3', '1', '1.1', '2.0'):
            self.refused(422, dict(self.event, specversion=version), 'invalid')
        self.refused(422, {'event_type': 'a', 'user_id': self.user}, 'invalid')
        self.assertEqual(self.kept(), [])

    def test_bad_values(self):
        """the rules of event_type, event_id, timestamp and the targets hold"""
        for attributes in ({'type': 'a b'}, {'type': 'x' * 129}, {'id': 'a\nb'}, {'id': 'x' * 129}, {'time': '2026-01-02T03:04:05'}, {'time': 'now'},
                           {'userid': 'a@b'}, {'roleid': ''}, {'teamid': 1.5}, {'sessionid': True}):
            with self.subTest(attributes):
                self.refused(422, dict(self.event, **attributes), 'invalid')
        self.refused(422, json.dumps(self.event)[:-1] + ',"id":"j"}', 'invalid')
        self.refused(422, json.dumps(self.event)[:-1] + ',"x":1,"x":2}', 'invalid')

    def test_binary(self):
        """data_base64: 415, and nothing is kept"""
        for value in ('AAEC', '', 5):
            self.refused(415, dict(self.event, data_base64=value), 'unsupported_media_type')
        self.refused(415, dict(self.event, data_base64='AAEC', data=1), 'unsupported_media_type')
        self.assertEqual(self.kept(), [])

    def test_data_content_type(self):
        """datacontenttype: data must be JSON, else 415; without data it does not matter"""
        for n, kind in enumerate(('application/json', 'Application/JSON; charset=utf-8', 'text/json', 'application/vnd.x+json')):
            self.assertEqual(self.daemon.post(dict(self.event, id=f'k{n}', datacontenttype=kind, data=n), ONE)[0], 201, kind)
        for kind in ('application/xml', 'text/plain', 'text/html', 'json', ''):
            self.refused(415, dict(self.event, id='x', datacontenttype=kind, data='<a/>'), 'unsupported_media_type')
        self.refused(422, dict(self.event, id='x', datacontenttype=5, data=1), 'invalid')
        self.assertEqual(self.daemon.post(dict(self.event, id='last', datacontenttype='application/xml'), ONE)[0], 201)
        self.assertEqual(self.kept(), [0, 1, 2, 3, {}])

    def test_duplicate(self):
        """an id seen before is a duplicate, whatever the form"""
        self.assertEqual(self.daemon.post(self.event, ONE)[0], 201)
        told = (200, {'event_id': 'i', 'channel': f'user:{self.user}', 'seq': 1, 'duplicate': True})
        self.assertEqual(self.daemon.post(dict(self.event, source='/other', data=1), ONE), told)
        self.assertEqual(self.daemon.post({'event_type': 'a', 'user_id': self.user, 'event_id': 'i'}), told)

    def test_batch(self):
        """a batch: 200 with counts, in order, what breaks a rule is rejected by itself"""
        items = [dict(self.event, id=str(i), data=i) for i in range(5)]
        items[1:1] = [dict(self.event, data_base64='AA=='), dict(self.event, specversion='0.3'), 5, items[0], dict(self.event, datacontenttype='text/xml', data=''),
                      {'event_type': 'a', 'user_id': self.user}, None, [self.event], {key: value for key, value in self.event.items() if key != 'userid'}]
        status, answer = self.daemon.post(items, BATCH)
        self.assertEqual((status, answer['accepted'], answer['duplicates'], answer['dropped']), (200, 5, 1, 0))
        self.assertEqual([(item['index'], item['error']['code']) for item in answer['rejected']],
                         [(1, 'unsupported_media_type'), (2, 'invalid'), (3, 'invalid'), (5, 'unsupported_media_type'), (6, 'invalid'), (7, 'invalid'),
                          (8, 'invalid'), (9, 'no_route')])
        self.assertEqual(self.kept(), [0, 1, 2, 3, 4])
        self.assertEqual(self.daemon.post([], BATCH), (200, {'accepted': 0, 'duplicates': 0, 'dropped': 0, 'rejected': []}))
        self.assertEqual(self.daemon.post([{}], BATCH)[0], 200)

    def test_not_json(self):
        """not JSON, not UTF-8, empty: 400 and nothing is kept"""
        text = json.dumps(self.event).encode()
        for body in (b'', b' \n', b'{', text + b'x', text + text, text[:-1] + b',"data":"\xff"}', b'\xef\xbb\xbf' + text, b'nonsense'):
            with self.subTest(body):
                self.refused(400, body, 'syntax')
                self.refused(400, body, 'syntax', BATCH)
        for body in (b'[' + text, b'[' + text + b',]', b'[' + text + b']x', b'[' + text + b',{"x":"\xff"}]'):
            with self.subTest(body):
                self.refused(400, body, 'syntax', BATCH)
        self.assertEqual(self.kept(), [])

    def test_one_and_many(self):
        """an array is no event, an object is no batch: 422"""
        self.refused(422, [self.event], 'invalid')
        self.refused(422, self.event, 'invalid', BATCH)
        for body in ('5', 'null', '"x"'):
            self.refused(422, body, 'invalid')
            self.refused(422, body, 'invalid', BATCH)
        self.assertEqual(self.kept(), [])

    def test_content_type(self):
        """parameters and case do not matter; other formats are 415"""
        self.assertEqual(self.daemon.post(self.event, ONE + '; charset=utf-8')[0], 201)
        self.assertEqual(self.daemon.post(dict(self.event, id='j'), 'Application/CloudEvents+JSON')[0], 201)
        self.assertEqual(self.daemon.post([dict(self.event, id='k')], BATCH + ';charset=UTF-8')[0], 200)
        for kind in ('application/cloudevents', 'application/cloudevents+xml', 'application/cloudevents+avro', 'application/cloudevents-batch',
                     'application/cloudevents+jsonx', 'text/cloudevents+json'):
            self.refused(415, self.event, 'unsupported_media_type', kind)

    def test_limits(self):
        """256 KiB, 64 levels and 10,000 items, as for plain events"""
        big, deep = dict(self.event, id='big', data='x' * 256 * 1024), json.dumps(self.event)[:-1] + ',"data":' + '[' * 64 + ']' * 64 + '}'
        self.refused(413, big, 'too_large')
        self.refused(422, deep, 'too_deep')
        status, answer = self.daemon.post(f'[{json.dumps(big)},{deep},{json.dumps(self.event)}]', BATCH)
        self.assertEqual((status, answer['accepted'], [item['error']['code'] for item in answer['rejected']]), (200, 1, ['too_large', 'too_deep']))
        self.refused(413, '[' + '5,' * 10000 + '5]', 'too_large', BATCH)


if __name__ == '__main__':
    main()
