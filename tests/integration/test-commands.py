# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client says: ping, commands that are unknown, text that cannot be understood, and twenty of these in a row."""

import datetime
import json
import time

from wse_socket import TEXT, frame
from wse_test import Scenario, main

NOT_UNDERSTOOD = {'type': 'error', 'message': 'Invalid message format'}
NONSENSE = ('', ' ', 'hello', '{', '[]', '5', 'null', '"x"', '{}', '{"type":"unknown"}', '{"method":5,"id":"1"}', '{"id":"1"}', '{"method":"ping"}', '{"id":5,"method":"ping"}',
            '{"id":"1","method":"ping"}x', '{"type":5}', "{'type':'ping'}", '{"id":"1","method":"ping","params":5}')


class Commands(Scenario):
    endpoints = ('/wse?history=0', '/ws/events?history=0', '/ws/events?history=0&format=envelope')

    def open(self, path='/wse?history=0', **keywords):
        client = self.daemon.connect(path, protocols=(), **keywords)
        self.addCleanup(client.close)
        return client

    def test_ping_command(self):
        """the command ping: a result with the time"""
        for path in self.endpoints:
            client = self.open(path)
            client.send_json({'id': 'any-string-ü', 'method': 'ping', 'params': {}})
            text = client.recv_text()
            answer = json.loads(text)
            self.assertEqual((answer['id'], answer['success'], list(answer['result'])), ('any-string-ü', True, ['time']))
            self.assertEqual(list(answer), ['id', 'success', 'result'])
            self.assertNotIn(' ', text)
            client.finish()

    def test_ping_without_params(self):
        """params may be left out"""
        self.assertTrue(self.open().request('ping')['success'])

    def test_ping_message(self):
        """{"type":"ping"} is answered with a pong that has a timestamp"""
        for path in self.endpoints:
            client = self.open(path)
            client.send_json({'type': 'ping'})
            answer = client.recv()
            self.assertEqual((list(answer), answer['type']), (['type', 'timestamp'], 'pong'))
            self.assertTrue(abs(self.seconds(answer['timestamp']) - time.time()) < 3600)

    def seconds(self, timestamp):
        return datetime.datetime.strptime(timestamp, '%Y-%m-%dT%H:%M:%S.%f%z').timestamp()

    def test_pong_message(self):
        """{"type":"pong"} is taken, and answered with nothing"""
        client = self.open()
        client.send_json({'type': 'pong'})
        self.assertEqual(client.settle(), [])

    def test_unknown_method(self):
        """an unknown method is an error with its id"""
        client = self.open()
        answer = client.request('no_such_method', {'a': 1})
        self.assertFalse(answer['success'])
        self.assertEqual(set(answer['error']), {'code', 'message'})
        self.assertTrue(client.request('ping')['success'])

    def test_order(self):
        """answers come in the order of the commands"""
        client = self.open()
        client.send(b''.join(frame(TEXT, json.dumps({'id': str(i), 'method': 'ping' if i % 3 else 'unknown'})) for i in range(300)))
        self.assertEqual([client.recv()['id'] for _ in range(300)], [str(i) for i in range(300)])

    def test_not_understood(self):
        """what cannot be understood is answered, and the connection stays"""
        for text in NONSENSE:
            with self.subTest(text):
                client = self.open()
                client.send_text(text)
                answer = client.recv()
                if 'id' in answer:
                    self.assertFalse(answer['success'])
                else:
                    self.assertEqual(answer, NOT_UNDERSTOOD)
                self.assertTrue(client.request('ping')['success'])
                client.close()

    def test_not_understood_bytes(self):
        """the answer's exact bytes"""
        client = self.open()
        client.send_text('hello')
        self.assertEqual(client.recv_text(), '{"type":"error","message":"Invalid message format"}')

    def test_twenty_in_a_row(self):
        """twenty in a row close the connection: 1008"""
        client = self.open()
        client.send(frame(TEXT, 'nonsense') * 20)
        for _ in range(19):
            self.assertEqual(client.recv(), NOT_UNDERSTOOD)
        self.assertEqual(client.recv_close()[0], 1008)
        client.recv_end()

    def test_nineteen_and_a_good_one(self):
        """a good one between begins the count anew"""
        client = self.open()
        for good in ('{"type":"ping"}', '{"type":"pong"}', '{"id":"x","method":"ping"}'):
            client.send(frame(TEXT, 'nonsense') * 19 + frame(TEXT, good))
        client.send(frame(TEXT, 'nonsense') * 19)
        client.settle()
        self.assertEqual(sum(json.loads(text) == NOT_UNDERSTOOD for text in client.waiting), 19 * 4)
        client.finish()

    def test_commands_beside_events(self):
        """commands and events on one connection do not disturb one another"""
        with self.daemon.connect('/wse?user_id=beside&history=0', protocols=()) as client:
            client.settle()
            body = b''.join(b'{"event_type":"a","user_id":"beside","payload":%d}\n' % i for i in range(2000))
            client.send(b''.join(frame(TEXT, json.dumps({'id': str(i), 'method': 'ping'})) for i in range(50)))
            self.assertEqual(self.daemon.post(body, 'application/x-ndjson')[1]['accepted'], 2000)
            replies, payloads = [], []
            while len(replies) + len(payloads) < 2050:
                message = client.recv()
                (replies if 'success' in message else payloads).append(message.get('id') if 'success' in message else message['p'])
            self.assertEqual((replies, payloads), ([str(i) for i in range(50)], list(range(2000))))


if __name__ == '__main__':
    main()
