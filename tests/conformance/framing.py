# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a request's head and body end: what two readers could see differently is refused, ends the connection, and leads to nothing."""

import json
import socket
import ssl

from wse_socket import TLS
from wse_test import Scenario, main

EVENT = b'{"event_type":"a","user_id":"%s"}'


class Framing(Scenario):
    arguments = ('--max-header=4KiB',)

    def head(self, method, path, *lines):
        return b'\r\n'.join([f'{method} {path} HTTP/1.1'.encode(), b'Host: x', *(line.encode('latin-1') for line in lines), b'', b''])

    def post(self, *lines):
        return self.head('POST', '/api/events', *lines)

    def exchange(self, data, end=False):
        """What comes back for @data until the connection ends; @end: the client says that it sends no more."""
        with self.daemon.stream() as stream:
            try:
                stream.send(data)
                if end:
                    self.end(stream)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return stream.read_all()

    def end(self, stream):
        if TLS:
            try:
                stream.socket.unwrap()
            except (OSError, ssl.SSLError):
                pass
        else:
            stream.socket.shutdown(socket.SHUT_WR)

    def refused(self, data, status):
        """@data and a sound request behind it: one answer, which says why in the usual form, and then the end."""
        answer = self.exchange(data + self.head('GET', '/api/health', 'Connection: close'))
        self.assertRegex(answer[:200], rb'^HTTP/1\.1 %d ' % status)
        head, _, body = answer.partition(b'\r\n\r\n')
        self.assertIn(b'\r\nconnection: close', head.lower())
        self.assertRegex(json.loads(body)['error']['code'], '^[a-z_]+$')
        return body

    def kept(self, user):
        return len(self.daemon.get(f'/api/events?channel=user:{user}')['events'])

    def test_lines(self):
        """bare CR or LF, folded lines, white space before a colon, control characters: 400, and nothing behind them is run"""
        head = self.head('GET', '/api/health')
        for data in (head.replace(b'\r\n', b'\n'), head[:-2] + b'\n', head.replace(b'\r\n', b'\r'), head[:-2] + b'X: a\r\n b\r\n\r\n', head[:-2] + b'X: a\r\n\tb\r\n\r\n',
                     head[:-2] + b'X : y\r\n\r\n', head[:-2] + b'no colon\r\n\r\n', head[:-2] + b': y\r\n\r\n', head[:-2] + b'X: a\0b\r\n\r\n', head[:-2] + b'X: a\rb\r\n\r\n',
                     b' ' + head, head.replace(b' /', b'  /'), head.replace(b' /', b'\t/'), b'\x16\x03\x01\x02\x00\x01', b'GET /api/health HTTP/1.1\r\n\r\n',
                     head[:-2] + b'Host: y\r\n\r\n'):
            with self.subTest(data):
                self.refused(data, 400)

    def test_versions(self):
        """a version that is not spoken: 505"""
        for version in (b'2.0', b'1.2', b'0.9'):
            self.refused(b'GET / HTTP/%s\r\nHost: x\r\n\r\n' % version, 505)

    def test_bodies(self):
        """a length that is not clear: 400"""
        for lines in (['Content-Length: 4', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 4'], ['Content-Length: 4', 'Content-Length: 4'],
                      ['Content-Length: 4, 4'], ['Content-Length: -1'], ['Content-Length: +4'], ['Content-Length: 4x'], ['Content-Length: 99999999999999999999'],
                      ['Content-Length: '], ['Transfer-Encoding: gzip, chunked'], ['Transfer-Encoding: identity'], ['Transfer-Encoding: \x0bchunked'],
                      ['Transfer-Encoding : chunked'], ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], ['Connection: content-length', 'Content-Length: 4']):
            with self.subTest(lines):
                self.refused(self.post(*lines) + b'0\r\n\r\n', 400)
        self.refused(b'POST /api/events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400)

    def test_large_heads(self):
        """a head over the limit, or of more than 128 headers: 431; up to them it is taken"""
        pad = 4096 - len(self.head('GET', '/api/health', 'X: ', 'Connection: close'))
        taken = self.head('GET', '/api/health', 'X: ' + 'x' * pad, 'Connection: close')
        self.assertEqual(len(taken), 4096)
        self.assertRegex(self.exchange(taken), b'^HTTP/1.1 200 ')
        self.assertRegex(self.exchange(self.head('GET', '/api/health', *['A:'] * 126, 'Connection: close')), b'^HTTP/1.1 200 ')
        before = self.daemon.metric('wse_refusals_total{limit="header"}')
        self.assertIn(b'headers_too_large', self.refused(self.head('GET', '/api/health', 'X: ' + 'x' * (pad + 1), 'Connection: close'), 431))
        self.assertIn(b'headers_too_large', self.refused(self.head('GET', '/' + 'a' * 4096), 431))
        self.assertIn(b'headers_too_large', self.refused(b'GET /' + b'a' * 8192, 431))
        self.assertIn(b'headers_too_large', self.refused(self.head('GET', '/api/health', *['A:'] * 128), 431))
        self.assertEqual(self.daemon.metric('wse_refusals_total{limit="header"}'), before + 4)

    def test_chunks(self):
        """malformed chunks: 400, and nothing behind them is run"""
        event = EVENT % b'chunks'
        for chunks in (b'%X\r\n%s\r\n0\n\n', b'0x%X\r\n%s\r\n0\r\n\r\n', b'+%X\r\n%s\r\n0\r\n\r\n', b' %X\r\n%s\r\n0\r\n\r\n', b'%X \r\n%s\r\n0\r\n\r\n', b'%X\n%s\r\n0\r\n\r\n',
                       b'%X\r\n%s0\r\n\r\n', b'%X\r\n%s\n0\r\n\r\n', b'%X;\n%s\r\n0\r\n\r\n', b'%X\r\n%s\r\n;\r\n\r\n', b'%X\r\n%s\r\n0\r\nX\r\n\r\n', b'%X\r\n%s\r\n0\r\n X: y\r\n\r\n',
                       b'%X\r\n%s\r\nFFFFFFFFFFFFFFFF\r\n', b'%X\r\n%s\r\n0000000000000000\r\n\r\n', b'%X\r\n%s\r\n1;' + b'a' * 9000, b'%X\r\n%s\r\n0\r\n' + b'X: y\r\n' * 2000):
            with self.subTest(chunks):
                self.refused(self.post('Transfer-Encoding: chunked') + chunks % (len(event), event), 400)
        self.assertEqual(self.kept('chunks'), 0)

    def test_extras(self):
        """extensions of chunks, trailers and empty lines before a request change nothing"""
        event = EVENT % b'extras'
        body = b'2;a="b;c"\r\n%s\r\n%x ; d\r\n%s\r\n0;e\r\nX: y\r\nContent-Length: 3\r\n\r\n' % (event[:2], len(event) - 2, event[2:])
        answer = self.exchange(b'\r\n' + self.post('Transfer-Encoding: chunked') + body + b'\r\n' + self.head('GET', '/api/health', 'Connection: close'))
        self.assertRegex(answer, rb'(?s)^HTTP/1.1 201 .*HTTP/1.1 200 ')
        self.assertEqual(self.kept('extras'), 1)

    def test_cut_off(self):
        """a body that ends early is not taken, wherever it is cut off"""
        line = EVENT % b'cut' + b'\n'
        lines = ('Content-Type: application/x-ndjson', 'Connection: close')
        whole = b'%x\r\n%s\r\n' % (len(line), line)
        for chunks in (whole, whole * 2, whole + b'0\r\n', whole + b'0\r\nX: y\r\n', whole[:-2], whole[:-1]):
            with self.subTest(chunks):
                answer = self.exchange(self.post(*lines, 'Transfer-Encoding: chunked') + chunks, end=True)
                self.assertRegex(answer, rb'^(HTTP/1\.1 400 |$)' if TLS else rb'^HTTP/1\.1 400 ')
        for n in (1, len(line)):
            self.exchange(self.post(*lines, f'Content-Length: {len(line) + n}') + line, end=True)
        self.assertEqual(self.kept('cut'), 0)
        self.assertRegex(self.exchange(self.post(*lines, f'Content-Length: {len(line)}') + line), b'^HTTP/1.1 200 ')
        self.assertEqual(self.kept('cut'), 1)

    def test_bytes_behind(self):
        """what follows a body at once is the next request, and its first byte is not the body's last"""
        event = EVENT % b'behind'
        bodies = (self.post(f'Content-Length: {len(event)}') + event, self.post('Transfer-Encoding: chunked') + b'%x\r\n%s\r\n0\r\n\r\n' % (len(event), event))
        data = b''.join(bodies) * 10 + self.head('GET', '/api/health', 'Connection: close') + self.post(f'Content-Length: {len(event)}') + event
        for step in (len(data), 1):
            with self.subTest(step), self.daemon.stream() as stream:
                for i in range(0, len(data), step):
                    stream.send(data[i:i + step])
                self.assertEqual([stream.read_response().status for _ in range(21)], [201] * 20 + [200])
                self.assertEqual(stream.read_all(), b'')
        self.assertEqual(self.kept('behind'), 40)


if __name__ == '__main__':
    main()
