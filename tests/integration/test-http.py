# SPDX-License-Identifier: LGPL-2.1-or-later
"""The HTTP server as a client meets it: listening, kept connections, bodies in every framing, deadlines, refusals before the body."""

import json
import os
import re
import socket
import stat
import subprocess
import tempfile

from wse_socket import Stream, handshake_request
from wse_test import MIB, WSED, Daemon, Scenario, main, wait_until

EVENT = b'{"event_type":"a","user_id":"1"}'


def chunked(*chunks):
    return b''.join(b'%x\r\n%s\r\n' % (len(chunk), chunk) for chunk in (*chunks, b''))


class Requests(Scenario):
    def head(self, method, path, *lines, version='1.1'):
        return '\r\n'.join([f'{method} {path} HTTP/{version}', 'Host: x', *lines, '', '']).encode()

    def post(self, *lines):
        return self.head('POST', '/api/events', *lines)

    def exchange(self, data, method='GET'):
        with self.daemon.stream() as stream:
            stream.send(data)
            return stream.read_response(method)

    def refused(self, response, status):
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.headers['content-type'], 'application/json')
        error = json.loads(response.body)['error']
        self.assertRegex(error['code'], r'^[a-z][a-z0-9_]*$')
        self.assertGreater(len(error['message']), 5)
        return error['code']

    def test_kept(self):
        """a connection is kept from request to request, refusals included"""
        with self.daemon.stream() as stream:
            for method, path, body, status in (('GET', '/api/health', b'', 200), ('GET', '/nothing', b'', 404), ('POST', '/nothing', b'x' * 5000, 404),
                                               ('PUT', '/api/events', b'x', 405), ('GET', '/api/health', b'x' * 100, 200), ('HEAD', '/', b'', 200),
                                               ('POST', '/api/events', b'not json', 400), ('POST', '/api/events', EVENT, 201)):
                stream.send(self.head(method, path, f'Content-Length: {len(body)}') + body)
                self.assertEqual(stream.read_response(method).status, status, path)

    def test_close(self):
        """Connection: close and HTTP/1.0 end the connection after the answer"""
        for data in (self.head('GET', '/api/health', 'Connection: close'), self.head('GET', '/api/health', version='1.0')):
            with self.daemon.stream() as stream:
                stream.send(data)
                self.assertEqual(stream.read_response().status, 200)
                self.assertEqual(stream.read_all(), b'')

    def test_half_closed(self):
        """a client that sends requests ahead and then says that it sends no more gets all its answers"""
        for n in (1, 2, 7):
            with self.subTest(n), self.daemon.stream() as stream:
                stream.send((self.post(f'Content-Length: {len(EVENT)}') + EVENT) * n)
                stream.socket.shutdown(socket.SHUT_WR)
                self.assertEqual([stream.read_response().status for _ in range(n)], [201] * n)
                self.assertEqual(stream.read_all(), b'')

    def test_half_request_on_kept(self):
        """a kept connection that ends within its second request is let go"""
        before = self.daemon.descriptors()
        for part in (b'G', b'GET / HT', self.head('GET', '/')[:-2], self.post('Content-Length: 10') + b'{'):
            for end in (Stream.close, Stream.abort):
                stream = self.daemon.stream()
                stream.send(self.head('GET', '/api/health'))
                self.assertEqual(stream.read_response().status, 200)
                stream.send(part)
                end(stream)
        wait_until(lambda: self.daemon.descriptors() <= before, 'the descriptors to be freed')

    def test_framings(self):
        """a body with a length, in chunks, in pieces, after 100 Continue"""
        whole = self.post(f'Content-Length: {len(EVENT)}') + EVENT
        self.assertEqual(self.exchange(whole).status, 201)
        self.assertEqual(self.exchange(self.post('Transfer-Encoding: chunked') + chunked(EVENT)).status, 201)
        self.assertEqual(self.exchange(self.post('Transfer-Encoding: chunked') + chunked(*(EVENT[i:i + 1] for i in range(len(EVENT))))).status, 201)
        with self.daemon.stream() as stream:
            for i in range(len(whole)):
                stream.send(whole[i:i + 1])
            self.assertEqual(stream.read_response().status, 201)
            stream.send(self.post(f'Content-Length: {len(EVENT)}', 'Expect: 100-continue'))
            self.assertEqual(stream.read_line(), b'HTTP/1.1 100 Continue')
            while stream.read_line():
                pass
            stream.send(EVENT)
            answer = stream.read_response()
            self.assertEqual((answer.status, answer.headers['content-type']), (201, 'application/json'))

    def test_expect(self):
        """who asks before sending is told at once"""
        for lines, status in ((['Content-Length: 20000000'], 413), (['Content-Length: 9', 'Content-Type: text/plain'], 415)):
            self.refused(self.exchange(self.post(*lines, 'Expect: 100-continue')), status)
        self.refused(self.exchange(self.head('POST', '/nothing', 'Content-Length: 9', 'Expect: 100-continue')), 404)
        self.refused(self.exchange(self.head('PATCH', '/api/events', 'Content-Length: 9', 'Expect: 100-continue')), 405)
        self.refused(self.exchange(self.post('Content-Length: 9', 'Expect: the-impossible')), 417)

    def test_large_body(self):
        """16 MiB are taken, a byte more is 413, and its sender can read that after sending all of it"""
        body = b'[' + EVENT + b' ' * (16 * MIB - len(EVENT) - 2) + b']'
        status, answer = self.daemon.post(body)
        self.assertEqual((status, answer['accepted']), (200, 1))
        for framing in (self.post(f'Content-Length: {len(body) + 1}') + body + b' ', self.post('Transfer-Encoding: chunked') + chunked(body, b' ')):
            response = self.exchange(framing)
            self.assertEqual(self.refused(response, 413), 'too_large')
            self.assertEqual(response.headers['connection'], 'close')

    def test_empty_body(self):
        """an empty body is 400"""
        for data in (self.post(), self.post('Content-Length: 0'), self.post('Transfer-Encoding: chunked') + chunked()):
            self.refused(self.exchange(data), 400)

    def test_types(self):
        """content types: JSON and NDJSON in any case and with parameters, none is JSON, others 415"""
        for kind, status in (('application/json', 201), ('Application/JSON; charset=utf-8', 201), ('application/json;x', 201), ('application/x-ndjson', 200),
                             ('application/x-ndjson ; charset=utf-8', 200), ('text/plain', 415), ('application/jsonx', 415), ('application/x-www-form-urlencoded', 415)):
            with self.subTest(kind):
                response = self.exchange(self.post(f'Content-Type: {kind}', f'Content-Length: {len(EVENT)}') + EVENT)
                self.assertEqual(response.status, status)
                if status == 415:
                    self.refused(response, 415)

    def test_codings(self):
        """a body that is encoded: 415; identity is none"""
        for coding, status in (('identity', 201), ('Identity', 201), ('gzip', 415), ('deflate', 415), ('gzip, identity', 415), ('x', 415)):
            with self.subTest(coding):
                response = self.exchange(self.post(f'Content-Encoding: {coding}', f'Content-Length: {len(EVENT)}') + EVENT)
                self.assertEqual(response.status, status)
                if status == 415:
                    self.refused(response, 415)

    def test_malformed(self):
        """what is not understood as HTTP is told so in the same form as everything else"""
        for data in (b'GET\r\n\r\n', b'GET / HTTP/1.1\r\n\r\n', self.head('GET', '/', 'Host: y'), self.head('GET', '/%zz'), self.head('GET', 'https://x/'),
                     self.post('Content-Length: 1', 'Content-Length: 1') + b'1', self.post('Transfer-Encoding: chunked', 'Content-Length: 5') + b'0\r\n\r\n'):
            with self.subTest(data), self.daemon.stream() as stream:
                stream.send(data)
                self.assertEqual(self.refused(stream.read_response(), 400), 'bad_request')
                self.assertEqual(stream.read_all(), b'')

    def test_methods(self):
        """405 names what is allowed"""
        for method, path, allow in (('DELETE', '/api/events', 'GET, HEAD, POST'), ('POST', '/metrics', 'GET, HEAD'), ('POST', '/wse', 'GET'),
                                    ('HEAD', '/ws/events', 'GET'), ('OPTIONS', '/', 'GET, HEAD')):
            response = self.exchange(self.head(method, path), method)
            self.assertEqual((response.status, response.headers['allow']), (405, allow))

    def test_range(self):
        """parts of an answer are not served"""
        response = self.exchange(self.head('GET', '/', 'Range: bytes=0-1,3-4,6-7'))
        self.assertEqual(response.status, 200)
        self.assertIn(b'/api/events', response.body)

    def test_not_stored(self):
        """answers are not to be stored"""
        for path in ('/api/events', '/api/health', '/nothing'):
            self.assertEqual(self.daemon.request('GET', path).headers['cache-control'], 'no-store')

    def test_identity_parameters(self):
        """user_id=, roles=, teams= are understood everywhere, others nowhere"""
        for path in ('/', '/api/events', '/api/events/stats', '/api/health', '/metrics', '/api/metrics'):
            self.assertEqual(self.daemon.request('GET', path + '?user_id=1&roles=a,b&teams=c').status, 200)
            for query in ('nonsense=1', 'user_id=', 'user_id=a%20b', 'user_id=1&user_id=2', 'roles=,'):
                self.refused(self.daemon.request('GET', f'{path}?{query}'), 400)

    def test_counted(self):
        """requests are counted by endpoint and status"""
        before = self.daemon.metric('wse_http_requests_total{endpoint="/api/health",status="200"}')
        for _ in range(3):
            self.daemon.get('/api/health')
        wait_until(lambda: self.daemon.metric('wse_http_requests_total{endpoint="/api/health",status="200"}') == before + 3, 'three more requests')
        before = self.daemon.metric('wse_http_refusals_total{code="too_large"}')
        self.refused(self.exchange(self.post('Content-Length: 99999999')), 413)
        self.assertEqual(self.daemon.metric('wse_http_refusals_total{code="too_large"}'), before + 1)

    def test_later_endpoints(self):
        """what is not there yet is 404"""
        for path in ('/test/echo', '/wse/', '/api/events/'):
            self.refused(self.daemon.request('GET', path), 404)


class Listening(Scenario):
    def test_unix(self):
        """a Unix socket serves HTTP, also 1.0 without Host, and WebSockets; it is gone after the stop"""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 's')
            with Daemon('--log=memory:', listen=f'unix:{path},127.0.0.1:0', log='memory:') as daemon:
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
                for data, status in ((b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n', b'200'), (b'GET /api/health HTTP/1.0\r\n\r\n', b'200'),
                                     (handshake_request('/wse?history=0', 1), b'101')):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.settimeout(30)
                        client.connect(path)
                        client.sendall(data)
                        self.assertEqual(client.recv(12)[9:], status)
                daemon.get('/api/health')
            self.assertFalse(os.path.exists(path))

    def test_taken(self):
        """an address that is taken stops the start, and is named"""
        taken = f'127.0.0.1:{self.daemon.port}'
        for listen in (taken, f'127.0.0.1:0,{taken}'):
            ended = subprocess.run([WSED, '--dev', f'--listen={listen}', '--log=memory:'], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(taken, ended.stdout + ended.stderr)


class Deadlines(Scenario):
    env = {'WSE_TEST_DEADLINE_MS': '700'}

    def cut_off(self, state, data):
        name = 'wse_http_timeouts_total{state="%s"}' % state
        before = self.daemon.metric(name)
        with self.daemon.stream(receive_buffer=4096) as stream:
            stream.send(data)
            wait_until(lambda: self.daemon.metric(name) > before, f'a {state} timeout')

    def test_states(self):
        """each part of a request has its time: headers, body, idle, the taking of the answer"""
        head = b'POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n'
        self.cut_off('headers', head)
        self.cut_off('body', head + b'\r\n{')
        self.cut_off('body', b'POST /api/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n')
        self.cut_off('idle', b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')

    def test_answer_not_taken(self):
        """a client that does not take its answer is cut off"""
        self.daemon.publish_lines([{'event_type': 'big', 'user_id': 'big', 'payload': 'x' * 100000}] * 60)
        self.cut_off('answer', b'GET /api/events?channel=user:big HTTP/1.1\r\nHost: x\r\n\r\n' * 4)

    def test_refused_and_silent(self):
        """a refused client that goes on sending without end is cut off"""
        self.cut_off('linger', b'POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{')

    def test_websockets_live_on(self):
        """a connection that was handed over has no HTTP deadline"""
        client = self.daemon.connect('/wse?history=0', protocols=())
        self.cut_off('idle', b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertTrue(client.request('ping')['success'])
        client.finish()


class Pages(Scenario):
    def test_scan(self):
        """a filter that passes everything over reads to the end before it says so"""
        self.daemon.publish_lines([{'event_type': 'common', 'user_id': 'scan', 'payload': i} for i in range(5000)])
        self.daemon.publish({'event_type': 'rare', 'user_id': 'scan'})
        page = self.daemon.get('/api/events?channel=user:scan&types=rare')
        self.assertEqual([event['seq'] for event in page['events']], [5001])
        page = self.daemon.get('/api/events?channel=user:scan&types=never')
        self.assertEqual((page['events'], page['recovered']), ([], True))
        self.assertRegex(page['cursor'], r'^user:scan@[\w-]+:5001$')

    def test_whole_log_cursor(self):
        """*@epoch:n stands for a place in every channel; a cursor that names another channel for none"""
        self.daemon.publish({'event_type': 'a', 'user_id': 'place'}, {'event_type': 'a', 'user_id': 'place'})
        epoch = re.search('@(.*):', self.daemon.get('/api/events?channel=user:place')['cursor']).group(1)

        def seqs(after):
            page = self.daemon.get(f'/api/events?channel=user:place&after={after}')
            return [event['seq'] for event in page['events']], page['recovered']
        self.assertEqual(seqs(f'*@{epoch}:0'), ([1, 2], True))
        self.assertEqual(seqs(f'*@{epoch}:9999999'), ([1, 2], False))
        self.assertEqual(seqs('*@other:0'), ([1, 2], False))
        self.assertEqual(seqs(f'user:place@{epoch}:1'), ([2], True))
        self.assertEqual(seqs(f'user:place@{epoch}:2'), ([], True))
        self.assertEqual(seqs(f'user:place@{epoch}:3'), ([1, 2], False))
        self.assertEqual(seqs('user:place@other:1'), ([1, 2], False))
        self.assertEqual(seqs(f'user:else@{epoch}:77'), ([1, 2], True))

    def test_bad(self):
        """what is not understood is 400"""
        for query in ('channel=*', 'channel=nonsense', 'channel=system&channel=global', 'limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'after=x',
                      'types=', 'severity=fatal', 'nonsense=1', 'history=1', 'format=v2'):
            self.assertEqual(self.daemon.request('GET', f'/api/events?{query}').status, 400, query)

    def test_lost(self):
        """what retention took since the cursor is told"""
        with Daemon('--retention=5,-', log='memory:') as daemon:
            first = daemon.publish({'event_type': 'a', 'user_id': '1'})[0]
            cursor = daemon.get('/api/events?channel=user:1')['cursor']
            self.assertEqual(first['seq'], 1)
            daemon.publish_lines([{'event_type': 'a', 'user_id': '1'}] * 20)
            wait_until(lambda: daemon.get('/api/events?channel=user:1')['events'][0]['seq'] > 2, 'retention')
            self.assertFalse(daemon.get(f'/api/events?channel=user:1&after={cursor}')['recovered'])
            self.assertTrue(daemon.get('/api/events?channel=user:1')['recovered'])


if __name__ == '__main__':
    main()
