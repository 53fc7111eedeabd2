# SPDX-License-Identifier: LGPL-2.1-or-later
"""The opening handshake (RFC 6455 section 4) and what PROTOCOL says about refusals: each is an HTTP status, before any upgrade."""

import json

from wse_socket import PING, PONG, TEXT, Refused, frame, handshake_request
from wse_test import Scenario, main

FORBIDDEN_EXTENSIONS = ('permessage-deflate', 'permessage-deflate; client_max_window_bits', 'x-webkit-deflate-frame', 'bbf-usp-protocol')


class Handshake(Scenario):
    def answer(self, path='/wse', **keywords):
        """The response to an upgrade request, whatever it is."""
        with self.daemon.stream() as stream:
            stream.send(handshake_request(path, self.daemon.port, **keywords))
            return stream.read_response()

    def refused(self, status, path='/wse', **keywords):
        response = self.answer(path, **keywords)
        self.assertEqual(response.status, status, response)
        self.assertNotIn('sec-websocket-accept', response.headers)
        if response.body:
            self.assertEqual(set(json.loads(response.body)['error']), {'code', 'message'})
        return response

    def accepted(self, path='/wse', **keywords):
        response = self.answer(path, **keywords)
        self.assertEqual(response.status, 101, response)
        return response

    def test_accept(self):
        """the key is answered as in RFC 6455 1.3"""
        response = self.accepted(key='dGhlIHNhbXBsZSBub25jZQ==')
        self.assertEqual(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
        self.assertEqual(response.headers['upgrade'].lower(), 'websocket')
        self.assertEqual(response.headers['connection'].lower(), 'upgrade')

    def test_both_endpoints(self):
        """/wse and /ws/events take WebSockets"""
        for path in ('/wse', '/ws/events', '/wse?history=0'):
            self.accepted(path)

    def test_header_forms(self):
        """header names and values in any case, several values in Connection"""
        self.accepted(headers={'Upgrade': 'WebSocket', 'Connection': 'keep-alive, Upgrade'})
        self.accepted(headers={'Upgrade': None, 'UPGRADE': 'websocket', 'Connection': None, 'connection': 'UPGRADE'})

    def test_version(self):
        """a wrong version: 426 with Sec-WebSocket-Version: 13"""
        for version in ('8', '0', '14', '', 'x', '013'):
            response = self.refused(426, headers={'Sec-WebSocket-Version': version})
            self.assertEqual(response.headers.get('sec-websocket-version'), '13')

    def test_no_version(self):
        """no version: refused, 13 is named"""
        response = self.answer(headers={'Sec-WebSocket-Version': None})
        self.assertIn(response.status, (400, 426))
        self.assertEqual(response.headers.get('sec-websocket-version'), '13')

    def test_plain_get(self):
        """a GET without upgrade: 426 with Upgrade: websocket"""
        for path in ('/wse', '/ws/events'):
            response = self.daemon.request('GET', path)
            self.assertEqual(response.status, 426)
            self.assertEqual(response.headers.get('upgrade', '').lower(), 'websocket')
            self.assertIn('upgrade', response.headers.get('connection', '').lower())

    def test_upgrade_to_other(self):
        """an upgrade to something else: 426"""
        self.refused(426, headers={'Upgrade': 'h2c'})
        self.assertIn(self.answer(headers={'Connection': 'keep-alive'}).status, (400, 426))

    def test_key(self):
        """a missing or malformed key: 400"""
        for key in (None, '', 'c2hvcnQ=', 'not base64 at all!!!!!!!', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZWE='):
            self.refused(400, headers={'Sec-WebSocket-Key': key})

    def test_two_keys(self):
        """two keys: 400"""
        self.refused(400, headers={'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'AAAAAAAAAAAAAAAAAAAAAA==']})

    def test_origin(self):
        """a bad Origin: 403; a local one or none: allowed"""
        for origin in ('http://evil.example', 'https://localhost.evil.example', 'null', 'http://127.0.0.1.evil.example', 'http://evil.example:8000',
                       'http://localhost@evil.example', 'localhost', 'http://'):
            self.refused(403, headers={'Origin': origin})
        for origin in ('http://localhost', 'https://localhost:3000', 'http://127.0.0.1:8000', 'http://[::1]:5173', 'http://LOCALHOST', None):
            self.accepted(headers={'Origin': origin})

    def test_subprotocol(self):
        """wse.v2 is chosen where offered, also beside others, and nothing where nothing is offered"""
        for offer in (['wse.v2'], ['wse.v2', 'chat'], ['bearer.abc', 'wse.v2'], ['wse.v1', 'wse.v2']):
            self.assertEqual(self.accepted(protocols=offer).headers.get('sec-websocket-protocol'), 'wse.v2')
        self.assertEqual(self.accepted(headers={'Sec-WebSocket-Protocol': ['chat', 'wse.v2']}).headers.get('sec-websocket-protocol'), 'wse.v2')
        self.assertNotIn('sec-websocket-protocol', self.accepted().headers)

    def test_unknown_subprotocol(self):
        """only unknown subprotocols, or bearer alone: 400"""
        for offer in (['chat'], ['bearer.abc'], ['WSE.V2'], ['wse.v1', 'chat'], ['wse.v20']):
            self.refused(400, protocols=offer)

    def test_extensions(self):
        """no extension is ever negotiated"""
        for offer in FORBIDDEN_EXTENSIONS:
            self.assertNotIn('sec-websocket-extensions', self.accepted(headers={'Sec-WebSocket-Extensions': offer}).headers)
        # An offer of one client must not poison the next one's handshake.
        self.accepted()

    def test_methods(self):
        """other methods: 405"""
        for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
            response = self.refused(405, method=method, headers={'Content-Length': '0'})
            self.assertIn('GET', response.headers.get('allow', ''))

    def test_http_1_0(self):
        """an upgrade by HTTP/1.0 is refused"""
        response = self.answer(version='HTTP/1.0')
        self.assertIn(response.status, (400, 426, 505))

    def test_host(self):
        """two Host headers, or none: 400"""
        here = f'127.0.0.1:{self.daemon.port}'
        for hosts in ([here, 'evil.example'], [here, here], None):
            self.assertEqual(self.answer(headers={'Host': hosts}).status, 400)

    def test_unknown_parameter(self):
        """an unknown query parameter: 400"""
        for query in ('x=1', 'Format=v2', 'history=1&nonsense', 'channels=a', 'limit=5'):
            self.refused(400, f'/wse?{query}')
            self.refused(400, f'/ws/events?{query}')

    def test_bad_values(self):
        """bad values of known parameters: 400"""
        for query in ('format=v3', 'format=', 'severity=bad', 'severity=', 'history=-1', 'history=x', 'history=10001', 'history=', 'history=1.5', 'history=%2B5',
                      'after=nonsense', 'after=', 'after=user:1@e', 'after=user:1@e:-1', 'after=user:1@e:1,user:1@e:2', 'after=*@e:1,user:1@e:2',
                      'user_id=', 'user_id=a%20b', 'user_id=a,b', 'user_id=' + 'x' * 129, 'user_id=%ff', 'user_id=%00', 'roles=a%20b', 'types=a%20b',
                      'consumer=c', 'history=1&history=2', 'format=v2&format=feed', 'channel=user:1'):
            with self.subTest(query):
                self.refused(400, f'/wse?{query}')

    def test_bad_channels(self):
        """bad channels on /ws/events: 400"""
        for query in ('channel=', 'channel=nonsense', 'channel=user:', 'channel=user:a%20b', 'channel=*&channel=system', 'channel=global:1', 'channel=user:a*'):
            with self.subTest(query):
                self.refused(400, f'/ws/events?{query}')

    def test_unknown_path(self):
        """an unknown path: 404"""
        for path in ('/nothing', '/wse/', '/ws', '/ws/events/', '/WSE', '/test/echo'):
            with self.subTest(path):
                self.refused(404, path)

    def test_paths_that_climb(self):
        """%00 and /../ in a path lead nowhere"""
        for path in ('/wse%00', '/%00', '/../../etc/passwd', '/wse/../../etc/passwd', '/%2e%2e/etc/passwd'):
            with self.subTest(path):
                self.assertIn(self.answer(path).status, (400, 404))

    def test_early_data(self):
        """frames sent together with the handshake are not lost"""
        early = b''.join(frame(TEXT, json.dumps({'id': str(i), 'method': 'ping'})) for i in range(20)) + frame(PING, b'early')
        client = self.daemon.connect('/wse?history=0', protocols=(), early=early)
        for i in range(20):
            self.assertEqual(client.recv()['id'], str(i))
        got = client.recv_frame()
        self.assertEqual((got.opcode, got.payload), (PONG, b'early'))
        client.finish()

    def test_byte_by_byte(self):
        """a handshake that comes byte by byte"""
        with self.daemon.stream() as stream:
            for byte in handshake_request('/wse', self.daemon.port):
                stream.send(bytes([byte]))
            self.assertEqual(stream.read_response().status, 101)

    def test_after_a_request(self):
        """a connection that served a request before can be upgraded"""
        with self.daemon.stream() as stream:
            stream.send(f'GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{self.daemon.port}\r\n\r\n'.encode())
            self.assertEqual(stream.read_response().status, 200)
            stream.send(handshake_request('/wse?history=0', self.daemon.port) + frame(PING, b'after'))
            self.assertEqual(stream.read_response().status, 101)

    def test_body(self):
        """an upgrade request with a body is refused, or the body is not taken for frames"""
        with self.daemon.stream() as stream:
            stream.send(handshake_request('/wse', self.daemon.port, headers={'Content-Length': '5'}) + b'\x81\x05abc')
            self.assertIn(stream.read_response().status, (101, 400, 413))

    def test_refusal_is_an_exception(self):
        """the client of these tests tells a refusal"""
        with self.assertRaises(Refused) as caught:
            self.daemon.connect('/wse?x=1')
        self.assertEqual(caught.exception.status, 400)


if __name__ == '__main__':
    main()
