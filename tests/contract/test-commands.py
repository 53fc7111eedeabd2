# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands of section 3 at their edges: what is one, what its parameters may be, and what is answered to what is none."""

import json

from wse_test import Scenario, main

NOT_UNDERSTOOD = '{"type":"error","message":"Invalid message format"}'


class Commands(Scenario):
    numbers = 0

    def setUp(self):
        Commands.numbers += 1
        self.user = f'c{Commands.numbers}'

    def open(self, path='/ws/sessions?format=v2', **keywords):
        client = self.daemon.connect(path, **keywords)
        self.addCleanup(client.close)
        if keywords.get('protocols') != ():
            client.recv_control('caught_up')
        return client

    def said(self, client, text):
        """The answer to @text, as text."""
        client.send_text(text)
        return client.recv_text()

    def test_forms(self):
        """members in any order, beside others, spelt with escapes; any string is an id, and comes back"""
        client = self.open()
        for name in ('', ' ', 'é', '\U0001f600', '"\\', '\u0000', 'x' * 10000, '1', 'null', '{}'):
            answer = json.loads(self.said(client, json.dumps({'id': name, 'method': 'ping'})))
            self.assertEqual((answer['id'], answer['success'], list(answer), list(answer['result'])), (name, True, ['id', 'success', 'result'], ['time']))
            answer = json.loads(self.said(client, json.dumps({'params': {}, 'method': 'nothing', 'id': name, 'more': [1]}, ensure_ascii=False)))
            self.assertEqual((answer['id'], answer['success'], list(answer), set(answer['error'])), (name, False, ['id', 'success', 'error'], {'code', 'message'}))
        for text in (' {"method" : "ping" , "params" : null , "id" : "a" }\n', '{"i\\u0064":"a","m\\u0065thod":"p\\u0069ng"}', '{"id":"a","method":"ping","type":"ping"}', '{"id":"a","method":"ping","type":5}'):
            self.assertTrue(json.loads(self.said(client, text))['success'], text)

    def test_not_understood(self):
        """what is no command, ping or pong; the connection stays"""
        client = self.open()
        for i, text in enumerate(('', ' ', 'ping', 'null', '1', '"ping"', '[]', '{}', '[{"id":"1","method":"ping"}]', '{"id":"1"}', '{"method":"ping"}', '{"id":1,"method":"ping"}',
                                  '{"id":null,"method":"ping"}', '{"id":"1","method":null}', '{"id":"1","method":5}', '{"type":"pin"}', '{"type":5}', '{"type":"Ping"}', '{"id":"1","method":"ping"',
                                  '{"id":"1","method":"ping"}x', "{'id':'1'}", '{"id":["1"],"method":"ping"}', '\ufeff{"id":"1","method":"ping"}', '[' * 100 + ']' * 100)):
            self.assertEqual(self.said(client, text), NOT_UNDERSTOOD, text)
            if i % 10 == 9:
                self.assertEqual(json.loads(self.said(client, '{"type":"ping"}'))['type'], 'pong')
        client.send_text('{"type":"pong"}')
        client.send_text('{"type":"pong","timestamp":"x","more":{}}')
        self.assertEqual(client.request('ping')['success'], True)
        # A command that fails has been understood.
        for i in range(50):
            self.assertEqual(client.request('nothing')['error']['code'], 'unknown_method')

    def test_subscribe_parameters(self):
        """subscribe: what each parameter may be, and what it may not"""
        self.daemon.publish_lines([{'event_type': 'OrderPlaced' if i % 2 else 'b', 'severity': 'error' if i == 4 else 'info', 'user_id': self.user, 'payload': i} for i in range(1, 6)])
        channel = f'user:{self.user}'

        def seqs(**params):
            client = self.open()
            answer = client.request('subscribe', dict(params, channel=channel))
            self.assertTrue(answer['success'], (params, answer))
            self.assertEqual(list(answer['result']), ['subscribed', 'channel', 'cursor', 'recovered'])
            told = client.recv_control('caught_up')
            self.assertEqual(told[1]['channel'], channel)
            return [event['seq'] for event in told[0] if 'ch' in event], answer['result']
        got, result = seqs()
        self.assertEqual((got, result['recovered']), ([], True))
        epoch = result['cursor'].split('@')[1].split(':')[0]
        for params, kept in (({'history': 10000}, [1, 2, 3, 4, 5]), ({'history': 0}, []), ({'history': 2}, [4, 5]), ({'types': ['order_update'], 'history': 2}, [3, 5]),
                             ({'types': [], 'history': 1}, [5]), ({'types': None, 'severity': None, 'history': None, 'after': None}, []), ({'severity': 'error', 'history': 9}, [4]),
                             ({'types': ['OrderPlaced', 'b'], 'severity': 'info', 'after': f'{channel}@{epoch}:3'}, [4, 5]), ({'after': f'global@{epoch}:0'}, []),
                             ({'after': f'{channel}@{epoch}:5'}, []), ({'after': f'*@{epoch}:0'}, [1, 2, 3, 4, 5]), ({'after': f'{channel}@{epoch}:0,global@{epoch}:9'}, [1, 2, 3, 4, 5])):
            with self.subTest(params):
                self.assertEqual(seqs(**params)[0], kept)
        client = self.open()
        for params in (None, {}, [], 'x', {'channel': None}, {'channel': 5}, {'channel': 'nonsense'}, {'channel': '*'}, {'channel': 'user:'}, {'channel': 'user:a b'}, {'session_id': ''}, {'session_id': 5},
                       {'channel': channel, 'session_id': 's'}, {'channel': channel, 'more': 1}, {'channel': channel, 'history': 1, 'after': f'{channel}@{epoch}:0'},
                       *({'channel': channel, 'history': bad} for bad in (-1, 10001, 1.5, '1', True, [])), *({'channel': channel, 'types': bad} for bad in ('a', {}, 5, ['a b'], [''], [5], [None])),
                       *({'channel': channel, 'severity': bad} for bad in ('', 'warn', 5, [])), *({'channel': channel, 'after': bad} for bad in ('', 'x', 5, f'{channel}@{epoch}:1,{channel}@{epoch}:2'))):
            answer = client.request('subscribe', params)
            self.assertEqual((answer['success'], answer.get('error', {}).get('code')), (False, 'invalid'), params)
        self.daemon.publish({'event_type': 'a', 'user_id': self.user})
        self.assertEqual(client.settle(), [])

    def test_history_parameters(self):
        """history: limit from 1 to 1000, after in each form; unsubscribed channels too"""
        self.daemon.publish_lines([{'event_type': 'a', 'user_id': self.user} for _ in range(150)])
        channel = f'user:{self.user}'
        client = self.open()

        def page(**params):
            answer = client.request('history', dict(params, channel=channel))
            self.assertTrue(answer['success'], answer)
            self.assertEqual(list(answer['result']), ['events', 'cursor', 'recovered'])
            return [event['seq'] for event in answer['result']['events']], answer['result']
        got, result = page()
        self.assertEqual((got, result['recovered']), (list(range(1, 101)), True))
        epoch = result['cursor'].split('@')[1].split(':')[0]
        self.assertEqual(result['cursor'], f'{channel}@{epoch}:100')
        self.assertEqual(page(after=result['cursor'])[0], list(range(101, 151)))
        self.assertEqual(page(limit=1, after=f'*@{epoch}:0')[0], [1])
        self.assertEqual(page(limit=1000)[0], list(range(1, 151)))
        got, result = page(after=f'{channel}@{epoch}:150')
        self.assertEqual((got, result['cursor'], result['recovered']), ([], f'{channel}@{epoch}:150', True))
        for after in (f'{channel}@{epoch}:151', f'{channel}@other:3'):
            got, result = page(after=after)
            self.assertEqual((got[:1], result['recovered']), ([1], False))
        for params in ({}, {'channel': '*'}, *({'channel': channel, 'limit': bad} for bad in (0, -1, 1001, 1.5, '5', True)), {'channel': channel, 'after': 'x'}, {'channel': channel, 'types': ['a']}):
            answer = client.request('history', params)
            self.assertEqual((answer['success'], answer.get('error', {}).get('code')), (False, 'invalid'), params)


if __name__ == '__main__':
    main()
