# SPDX-License-Identifier: LGPL-2.1-or-later
"""HTTP that means harm: bodies and headers without end, depth bombs, smuggling, clients that say nothing. Each must be answered or cut
off, cost the daemon next to no memory, and leave it serving others."""

import json
import time

from wse_socket import Stream
from wse_test import FRUGAL, MIB, SHADOW, Scenario, main, wait_until

# After a refusal a client's bytes are thrown away for a moment, so that it can read the answer; then it is cut off. No client sends so
# much in that time.
ENOUGH = 16384 * MIB


class Http(Scenario):
    """Afterwards the daemon must be well."""

    def tearDown(self):
        self.assertEqual(self.daemon.get('/api/health')['status'], 'ok')

    def head(self, method, path, *lines):
        host = f'Host: 127.0.0.1:{self.daemon.port}'
        return ('\r\n'.join([f'{method} {path} HTTP/1.1', host, *lines]) + '\r\n\r\n').encode()

    def answer(self, data):
        """The status of the first response to @data, None where the connection is cut off instead; then the end."""
        with self.daemon.stream() as stream:
            try:
                stream.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                return stream.read_response().status
            except EOFError:
                return None


class Hostile(Http):
    env = dict(FRUGAL, WSE_TEST_DEADLINE_MS='1500')

    def grows_less(self, limit, do):
        before = self.daemon.rss()
        result = do()
        self.assertLess(self.daemon.rss() - before, limit)
        return result

    def flood(self, first, more, limit):
        """Sends @more again and again, until the server answers or ends; gives the bytes it took until then and the status."""
        with self.daemon.stream() as stream:
            sent = 0
            try:
                stream.send(first)
                while sent < limit:
                    stream.send(more)
                    sent += len(more)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                return sent, stream.read_response().status
            except EOFError:
                return sent, None

    def test_depth_bombs(self):
        """JSON of 40,000 levels, closed or not"""
        deep = 40000
        for body, statuses in (('[' * deep, {400}), ('{"a":' * deep, {400}), ('{"a":' * deep + '1' + '}' * deep, {422}),
                               ('{"event_type":"a","user_id":"1","payload":' + '[' * deep + ']' * deep + '}', {422}),
                               ('[' * deep + ']' * deep, {200, 400, 422})):
            with self.subTest(body[:20]):
                status, answer = self.daemon.post(body)
                self.assertIn(status, statuses)
                if status == 200:
                    self.assertEqual((answer['accepted'], len(answer['rejected'])), (0, 1))

    def test_depth_limit(self):
        """64 levels are taken, 65 are 422"""
        def event(levels):
            inner = levels - 1
            return '{"event_type":"deep","user_id":"depth","payload":' + '[' * inner + ']' * inner + '}'
        self.assertEqual(self.daemon.post(event(64))[0], 201)
        self.assertEqual(self.daemon.post(event(65))[0], 422)
        status, answer = self.daemon.post('[' + event(65) + ',' + event(64) + ']')
        self.assertEqual((status, answer['accepted'], [item['index'] for item in answer['rejected']]), (200, 1, [0]))

    def test_huge_body(self):
        """200 MB announced: 413 at once, whether it is sent or not"""
        head = self.head('POST', '/api/events', f'Content-Length: {200 * MIB}', 'Content-Type: application/json')
        with self.daemon.stream() as stream:
            stream.send(head)
            self.assertEqual(stream.read_response().status, 413)
        sent, status = self.grows_less(40 * MIB, lambda: self.flood(head, b'x' * MIB, ENOUGH))
        self.assertIn(status, (413, None))
        self.assertLess(sent, ENOUGH)

    def test_huge_body_elsewhere(self):
        """a body where none belongs is not collected"""
        for method, path in (('GET', '/api/health'), ('POST', '/nothing'), ('POST', '/wse'), ('PUT', '/api/events')):
            with self.subTest(path):
                head = self.head(method, path, f'Content-Length: {200 * MIB}')
                sent, status = self.grows_less(40 * MIB, lambda: self.flood(head, b'x' * MIB, ENOUGH))
                self.assertLess(sent, ENOUGH)

    def test_expect_continue(self):
        """Expect: 100-continue with too much announced: 413, never 100"""
        head = self.head('POST', '/api/events', f'Content-Length: {200 * MIB}', 'Expect: 100-continue')
        self.assertEqual(self.answer(head), 413)

    def test_chunks_without_end(self):
        """chunked without end: cut off near the limit"""
        chunk = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        head = self.head('POST', '/api/events', 'Transfer-Encoding: chunked', 'Content-Type: application/json')
        sent, status = self.grows_less(100 * MIB, lambda: self.flood(head, chunk, ENOUGH))
        self.assertIn(status, (411, 413, None))
        self.assertLess(sent, ENOUGH)

    def test_small_chunks_without_end(self):
        """chunks of one byte without end cost no more than large ones"""
        head = self.head('POST', '/api/events', 'Transfer-Encoding: chunked', 'Content-Type: application/json')
        sent, status = self.grows_less(100 * MIB, lambda: self.flood(head, b'1\r\n \r\n' * 10000, 30 * MIB))
        self.assertIn(status, (400, 408, 411, 413, None))

    def test_header_flood(self):
        """more than 64 KiB of headers, and a line without end"""
        line = b'X-Filler: ' + b'y' * 500 + b'\r\n'
        head = self.head('GET', '/api/health')[:-2]
        for name, first, more in (('lines', head, line * 20), ('line', head + b'X-Endless: ', b'z' * 10000), ('target', b'GET /', b'a' * 10000)):
            with self.subTest(name):
                sent, status = self.grows_less(20 * MIB, lambda: self.flood(first, more, 50 * MIB))
                self.assertIn(status, (431, None))
                self.assertLess(sent, 20 * MIB)

    def test_endless_chunk_size(self):
        """a chunk's size line without end"""
        head = self.head('POST', '/api/events', 'Transfer-Encoding: chunked')
        sent, status = self.grows_less(40 * MIB, lambda: self.flood(head, b'0' * 10000, 50 * MIB))
        self.assertIn(status, (400, 408, 411, 413, None))
        self.assertLess(sent, 45 * MIB)

    def test_slow_header(self):
        """a header byte by byte, without end: cut off at the deadline"""
        with self.daemon.stream() as stream:
            stream.send(self.head('GET', '/api/health')[:-2])
            end = time.monotonic() + 20
            try:
                while time.monotonic() < end:
                    stream.send(b'X')
                    stream.socket.settimeout(0.1)
                    try:
                        if not stream.fill():
                            break
                    except TimeoutError:
                        pass
                else:
                    self.fail('a header that never ends is waited for')
            except (BrokenPipeError, ConnectionResetError):
                pass

    def test_slow_body(self):
        """a body that never comes: cut off at the deadline"""
        with self.daemon.stream() as stream:
            stream.send(self.head('POST', '/api/events', 'Content-Length: 1000') + b'{')
            data = stream.read_all()
            self.assertTrue(data == b'' or data.startswith((b'HTTP/1.1 408', b'HTTP/1.1 400')), data)

    def test_idle(self):
        """a connection that says nothing at all: cut off at the deadline"""
        with self.daemon.stream() as stream:
            self.assertEqual(stream.read_all(), b'')

    def test_idle_after_answer(self):
        """a kept connection that says nothing more is not kept for ever"""
        with self.daemon.stream() as stream:
            stream.send(self.head('GET', '/api/health'))
            self.assertEqual(stream.read_response().status, 200)
            self.assertEqual(stream.read_all(), b'')

    def test_pipelined(self):
        """pipelined requests: answered in order, each once"""
        with self.daemon.stream() as stream:
            stream.send(self.head('GET', '/api/health') + self.head('GET', '/nothing') + self.head('GET', '/api/events/stats'))
            self.assertEqual([stream.read_response().status for _ in range(3)], [200, 404, 200])

    def test_pipelined_events(self):
        """pipelined publishing keeps its order"""
        with self.daemon.stream() as stream:
            for i in range(50):
                body = json.dumps({'event_type': 'pipelined', 'user_id': 'pipe', 'payload': i}).encode()
                stream.send(self.head('POST', '/api/events', f'Content-Length: {len(body)}', 'Content-Type: application/json') + body)
            seqs = []
            for _ in range(50):
                response = stream.read_response()
                self.assertEqual(response.status, 201)
                seqs.append(json.loads(response.body)['seq'])
        self.assertEqual(seqs, list(range(1, 51)))
        events = self.daemon.get('/api/events?channel=user:pipe&user_id=pipe')['events']
        self.assertEqual([event['metadata'] for event in events], list(range(50)))

    def test_pipelining_without_reading(self):
        """requests without end whose answers are never read: bounded"""
        with self.daemon.stream() as stream:
            stream.socket.settimeout(2)
            before = self.daemon.rss()
            requests = self.head('GET', '/metrics') * 50
            try:
                for _ in range(2000):
                    stream.send(requests)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
            self.assertLess(self.daemon.rss() - before, 60 * MIB)

    def test_paths(self):
        """%00 and /../ in a path lead nowhere"""
        for path in ('/%00', '/api/events%00', '/../../etc/passwd', '/api/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '//etc/passwd', '/api//health'):
            with self.subTest(path):
                self.assertIn(self.answer(self.head('GET', path)), (400, 404))

    def test_garbage(self):
        """what is not HTTP: 400 or cut off"""
        for data in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(500) + b'\r\n\r\n', b'hello\r\n\r\n', b'\0' * 1000 + b'\r\n\r\n',
                     b'GET\r\n\r\n', b'GET / HTTP/9.9\r\nHost: x\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'):
            with self.subTest(data[:20]):
                self.assertIn(self.answer(data), (400, 404, 405, 501, 505, None))

    def test_bad_headers(self):
        """a header with NUL or without a colon harms nobody"""
        for line in (b'X: a\0b', b'no colon', b': empty name', b'X\x7f: y'):
            with self.subTest(line):
                data = self.head('GET', '/api/health')[:-2] + line + b'\r\n\r\n'
                self.assertIn(self.answer(data), (200, 400, None))

    def test_hosts(self):
        """two Host headers, or none: 400"""
        for data in (b'GET /api/health HTTP/1.1\r\n\r\n', self.head('GET', '/api/health', 'Host: evil.example')):
            self.assertEqual(self.answer(data), 400)

    def test_unread_lengths(self):
        """requests whose length cannot be read leave nothing behind, however long their paths"""
        def ask():
            for line in ['Content-Length: x', 'Transfer-Encoding: x'] * 500:
                self.assertEqual(self.answer(self.head('GET', '/' + 'a' * 60000, line)), 400)
        self.grows_less(20 * MIB * SHADOW, ask)

    def test_reset_within_request(self):
        """clients that reset within a request leave nothing"""
        before = self.daemon.descriptors()
        for i in range(100):
            stream = Stream(self.daemon.port)
            stream.send(self.head('POST', '/api/events', 'Content-Length: 1000')[:20 + i] + b'{' * (i % 7))
            stream.abort()
        self.daemon.get('/api/health')
        self.wait_for_descriptors(before)

    def wait_for_descriptors(self, before):
        wait_until(lambda: self.daemon.descriptors() <= before + 1, 'the descriptors to be freed')


class Smuggling(Http):
    def test_smuggling(self):
        """Transfer-Encoding beside Content-Length: refused, what follows is not run as a request"""
        for lines in (['Content-Length: 4', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 4'],
                      ['Content-Length: 4', 'Content-Length: 5'], ['Content-Length: 4, 5'], ['Content-Length: -1'], ['Content-Length: +4'],
                      ['Content-Length: 4x'], ['Content-Length: 99999999999999999999'], ['Transfer-Encoding: gzip, chunked'], ['Transfer-Encoding: identity'],
                      ['Transfer-Encoding: xchunked'], ['Transfer-Encoding : chunked']):
            with self.subTest(lines), self.daemon.stream() as stream:
                try:
                    stream.send(self.head('POST', '/api/events', *lines) + b'0\r\n\r\n' + self.head('GET', '/api/health', 'Connection: close'))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                data = stream.read_all()
                self.assertNotRegex(data, rb'HTTP/1\.[01] 200')
                self.assertRegex(data, rb'^(HTTP/1\.[01] (400|411|413|501)|$)')
                self.assertLessEqual(data.count(b'HTTP/1.1'), 1)


if __name__ == '__main__':
    main()
