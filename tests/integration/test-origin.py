# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages of other origins: who may, and what a browser is told about it (RFC 6454, WHATWG Fetch)."""

import json

from wse_socket import Refused
from wse_sse import EventSource
from wse_test import Daemon, Scenario, main

GOOD = 'https://app.example'
OTHER = 'https://dev.example:8443'
EVIL = 'https://evil.example'


class Origins(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon('--allowed-origins=app.example,https://dev.example:8443', '--max-body=1000', env={})
        cls.daemon.start()

    def ask(self, method, path, origin=GOOD, body=None, **headers):
        fields = {name.replace('_', '-'): value for name, value in headers.items()}
        return self.daemon.request(method, path, body, {'Origin': origin, **fields} if origin else fields)

    def check_admitted(self, answer, origin=GOOD):
        self.assertEqual(answer.headers['access-control-allow-origin'], origin)
        self.assertEqual(answer.headers['vary'], 'Origin')
        self.assertNotIn('access-control-allow-credentials', answer.headers)

    def test_answers(self):
        """every answer to a page that may names its origin, errors too; to no page none is named"""
        for origin in (GOOD, OTHER):
            for path, status in (('/api/health', 200), ('/api/events', 200), ('/api/events?x=1', 400), ('/nothing', 404), ('/wse', 426)):
                answer = self.ask('GET', path, origin)
                self.assertEqual(answer.status, status, path)
                self.check_admitted(answer, origin)
        answer = self.ask('GET', '/api/health', None)
        self.assertNotIn('access-control-allow-origin', answer.headers)

    def test_refused_body(self):
        """an answer that is given before the body has them as well"""
        answer = self.ask('POST', '/api/events', body=b' ' * 100000, Content_Type='application/json')
        self.assertEqual(answer.status, 413)
        self.check_admitted(answer)

    def test_refused(self):
        """403 for pages of any other, whatever they ask for, and nothing is kept"""
        event = json.dumps({'event_type': 'a', 'user_id': 'origin', 'payload': {}})
        for origin in (EVIL, 'null', 'http://dev.example:8443', 'https://dev.example', 'https://app.example.evil.example', f'{GOOD} {EVIL}', ''):
            for method, path in (('GET', '/api/events'), ('GET', '/sse'), ('GET', '/nothing'), ('OPTIONS', '/api/events')):
                answer = self.daemon.request(method, path, None, {'Origin': origin, 'Access-Control-Request-Method': 'POST'})
                self.assertEqual(answer.status, 403, (origin, path))
                self.assertEqual(json.loads(answer.body)['error']['code'], 'forbidden_origin')
                self.assertNotIn('access-control-allow-origin', answer.headers)
            answer = self.daemon.request('POST', '/api/events', event, {'Origin': origin, 'Content-Type': 'application/json'})
            self.assertEqual(answer.status, 403)
            with self.assertRaises(Refused) as caught:
                self.daemon.connect('/wse', headers={'Origin': origin})
            self.assertEqual(caught.exception.response.status, 403)
        self.assertEqual(self.daemon.get('/api/events?channel=user:origin&user_id=origin')['events'], [])

    def test_two(self):
        """two Origin headers are none that may"""
        with self.daemon.stream() as stream:
            stream.send(f'GET /api/health HTTP/1.1\r\nHost: x\r\nOrigin: {GOOD}\r\nOrigin: {GOOD}\r\n\r\n'.encode())
            self.assertEqual(stream.read_response().status, 403)

    def test_preflight(self):
        """a browser that asks ahead is told the path's methods, and asks no more for ten minutes"""
        for path, methods in (('/api/events', 'GET, HEAD, POST'), ('/sse', 'GET'), ('/api/connections', 'GET, HEAD, DELETE')):
            answer = self.ask('OPTIONS', path, Access_Control_Request_Method='POST', Access_Control_Request_Headers='content-type,x-api-key')
            self.assertEqual(answer.status, 204, answer)
            self.assertEqual(answer.body, b'')
            self.check_admitted(answer)
            self.assertEqual(answer.headers['access-control-allow-methods'], methods)
            self.assertEqual(answer.headers['access-control-allow-headers'], 'Authorization, Content-Type, Last-Event-ID, X-API-Key')
            self.assertEqual(answer.headers['access-control-max-age'], '600')
        self.assertEqual(self.ask('OPTIONS', '/nothing', Access_Control_Request_Method='GET').status, 404)
        self.assertEqual(self.ask('OPTIONS', '/api/events').status, 405)

    def test_sse(self):
        """the stream's own head says so, too"""
        with EventSource(self.daemon.port, headers={'Origin': GOOD}) as source:
            self.check_admitted(source.response)
            source.until('caught_up')


if __name__ == '__main__':
    main()
