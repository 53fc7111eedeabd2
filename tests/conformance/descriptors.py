# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors: a thousand clients that come and go in each way there is leave none behind, and running out of them is survived. Over TLS, where
a client costs a handshake, some hundred."""

import contextlib
import json
import ssl

from wse_socket import TLS, Refused, Stream, handshake_request, trust
from wse_test import Daemon, Scenario, main, wait_until

CYCLES = 150 if TLS else 1000


class Cycles(Scenario):
    def unchanged(self, cycle):
        """@cycle so many times: as many descriptors as before (after a few, so that what is made once is made)."""
        for i in range(20):
            cycle(i)
        before = wait_until(self.settled, 'the descriptors to settle')
        for i in range(CYCLES):
            cycle(i)
        wait_until(lambda: self.daemon.descriptors() <= before, f'the descriptors to come down to {before}')

    def settled(self):
        count = self.daemon.descriptors()
        self.daemon.get('/api/health')
        return count if self.daemon.descriptors() == count else None

    def test_http(self):
        """requests on kept connections that the client ends"""
        request = f'GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{self.daemon.port}\r\n\r\n'.encode()

        def cycle(i):
            with self.daemon.stream() as stream:
                for _ in range(1 + i % 2):
                    stream.send(request)
                    self.assertEqual(stream.read_response().status, 200)
        self.unchanged(cycle)

    def test_http_reset(self):
        """requests whose client resets before the answer"""
        request = f'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{self.daemon.port}\r\n\r\n'.encode()

        def cycle(i):
            stream = self.daemon.stream()
            stream.send(request)
            stream.abort()
        self.unchanged(cycle)

    def test_websocket(self):
        """WebSockets, closed by a close frame, by an end, by a reset"""
        def cycle(i):
            client = self.daemon.connect('/wse?history=0', protocols=())
            if i % 3 == 0:
                client.finish()
            elif i % 3 == 1:
                client.close()
            else:
                client.abort()
        self.unchanged(cycle)

    def test_aborted_handshake(self):
        """handshakes that end in the middle, or whose answer is not waited for"""
        request = handshake_request('/wse', self.daemon.port)

        def cycle(i):
            stream = self.daemon.stream()
            stream.send(request[:len(request) * (i % 5) // 4])
            if i % 2:
                stream.close()
            else:
                stream.abort()
        self.unchanged(cycle)

    def test_refused_handshake(self):
        """handshakes that are refused"""
        def cycle(i):
            with self.assertRaises(Refused):
                self.daemon.connect('/wse?nonsense=1')
        self.unchanged(cycle)

    def test_empty(self):
        """connections that end without a byte"""
        self.unchanged(lambda i: self.daemon.stream().close())


class Exhausted(Scenario):
    """A daemon that may open 128 files, and 300 clients."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(rlimit_nofile=128, allow='descriptor|too many open files|connection limit')
        cls.daemon.start()

    def crowd(self):
        clients = []
        for _ in range(300):
            try:
                clients.append(Stream(self.daemon.port, timeout=5, tls=None))
            except OSError:
                break
        return clients

    def recovers(self):
        def healthy():
            try:
                return self.daemon.request('GET', '/api/health').status == 200
            except OSError:
                return False
        wait_until(healthy, 'the daemon to serve again')
        self.assertTrue(self.daemon.is_running())

    def test_silent_crowd(self):
        """300 silent connections: the daemon lives, and serves again when they are gone"""
        for _ in range(3):
            clients = self.crowd()
            self.assertTrue(self.daemon.is_running())
            for client in clients:
                client.close()
            self.recovers()

    def test_websocket_crowd(self):
        """300 WebSockets: those too many are refused or cut off, those that are in go on"""
        clients, refused = [], 0
        for _ in range(300):
            try:
                clients.append(self.daemon.connect('/wse?history=0', protocols=(), timeout=3))
            except (Refused, EOFError, OSError):
                refused += 1
                if refused > 5:
                    break
        self.assertGreater(refused, 0)
        self.assertGreater(len(clients), 20)
        for client in clients:
            client.socket.settimeout(30)
            self.assertTrue(client.request('ping')['success'])
        for client in clients:
            client.close()
        self.recovers()
        self.daemon.connect('/wse?history=0', protocols=()).finish()

    def test_log_goes_on(self):
        """with WebSockets as many as there can be, and more at the door: what is published is on disk and reaches them"""
        clients = []
        with self.daemon.stream() as publisher:
            for _ in range(300):
                try:
                    clients.append(self.daemon.connect('/wse?history=0', protocols=(), timeout=3))
                except (Refused, EOFError, OSError):
                    break
            crowd = self.crowd()
            body = b'{"event_type":"a","broadcast":true,"payload":{}}'
            for seq in range(1, 201):
                publisher.send(b'POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
                answer = publisher.read_response()
                self.assertEqual((answer.status, json.loads(answer.body)['seq']), (201, seq))
            for client in clients:
                client.socket.settimeout(30)
                self.assertEqual([client.recv()['seq'] for _ in range(200)], list(range(1, 201)))
            for one in clients + crowd:
                one.close()
        self.recovers()

    def test_others_go_on(self):
        """who is connected already is served while the crowd is at the door"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            clients = self.crowd()
            for _ in range(10):
                self.assertTrue(client.request('ping')['success'])
            for one in clients:
                one.close()
            client.finish()
        self.recovers()

    def test_backlog(self):
        """connections that wait at the door are served when there is room"""
        clients = self.crowd()
        waiting = Stream(self.daemon.port, timeout=30, tls=None)
        if TLS:
            # The first message of the handshake waits there.
            waiting.socket = trust(TLS).wrap_socket(waiting.socket, server_hostname='127.0.0.1', do_handshake_on_connect=False)
            waiting.socket.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                waiting.socket.do_handshake()
            waiting.socket.settimeout(30)
        request = f'GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{self.daemon.port}\r\n\r\n'.encode()
        if not TLS:
            waiting.send(request)
        for client in clients:
            client.close()
        # Or it is cut off, as one too many.
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            if TLS:
                waiting.socket.do_handshake()
                waiting.send(request)
            waiting.fill()
        self.assertTrue(waiting.buffer == b'' or waiting.buffer.startswith((b'HTTP/1.1 200', b'HTTP/1.1 503')), waiting.buffer)
        waiting.close()
        self.recovers()


if __name__ == '__main__':
    main()
