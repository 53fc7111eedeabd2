# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of what one address, user or key may have and do, behind trusted proxies: X-Forwarded-For, Forwarded, the PROXY protocol version 2."""

import itertools
import json
import socket
import struct
import tempfile

from wse_auth import Guarded, service, token
from wse_socket import Refused, Stream, handshake_request, trust
from wse_sse import EventSource
from wse_test import Daemon, Scenario, main, make_certificate, wait_until

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'
LOCAL = SIGNATURE + b'\x20\0\0\0'
fresh = (f'198.51.{i // 250}.{i % 250 + 1}' for i in itertools.count())


def proxy_header(source, port=4711):
    """What a proxy sends first for a client at @source."""
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, '::2' if ':' in source else '10.9.9.9') + struct.pack('>HH', port, 80)
    return SIGNATURE + b'\x21' + (b'\x21' if ':' in source else b'\x11') + struct.pack('>H', len(addresses)) + addresses


def status_of(stream):
    """The status of the answer that comes; its head is read."""
    while b'\r\n\r\n' not in stream.buffer:
        if not stream.fill():
            raise EOFError('ended within the head')
    head, _, stream.buffer = stream.buffer.partition(b'\r\n\r\n')
    return head.split()[1]


def remotes(daemon):
    return [connection['remote'] for connection in daemon.get('/api/connections')['connections']]


def await_own(daemon):
    """Waits for one connection, of this machine."""
    wait_until(lambda: [text.split(':')[0] for text in remotes(daemon)] == ['127.0.0.1'], 'it to be there')


class Limited(Scenario):
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.seen = {}
        cls.daemon = Daemon('--trusted-proxies=127.0.0.1,10.0.0.0/8', *cls.OPTIONS, env={'WSE_TEST_DEADLINE_MS': '3000'})
        cls.daemon.start()

    def ask(self, source=None, path='/api/health', **headers):
        fields = {name.replace('_', '-'): value for name, value in headers.items()}
        return self.daemon.request('GET', path, None, {'X-Forwarded-For': source, **fields} if source else fields)

    def refusals(self, limit):
        """So many since it was last asked."""
        total = self.daemon.metric(f'wse_refusals_total{{limit="{limit}"}}')
        before = self.seen.get(limit, 0)
        self.seen[limit] = total
        return total - before

    def check_refused(self, answer, status=429, code=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers['retry-after'], '1')
        self.assertEqual(json.loads(answer.body)['error']['code'], code or 'too_many_requests')

    def remotes(self):
        return remotes(self.daemon)


class Proxied(Limited):
    def test_headers(self):
        """the rightmost address that is no trusted proxy's is the client, in both headers"""
        for headers, expected in (({'X-Forwarded-For': '203.0.113.9, 192.0.2.1'}, '192.0.2.1'), ({'X-Forwarded-For': '192.0.2.1, 10.1.2.3'}, '192.0.2.1'),
                                  ({'Forwarded': 'for=203.0.113.9, for="[2001:db8::7]:80";proto=https'}, '2001:db8::7'),
                                  ({'Forwarded': 'for=192.0.2.1', 'X-Forwarded-For': '192.0.2.1'}, '192.0.2.1')):
            with self.daemon.connect('/wse', headers=headers) as client:
                wait_until(lambda: self.remotes() == [expected], f'{expected} to be there')
                client.finish()
            wait_until(lambda: not self.remotes(), 'it to be gone')
            with EventSource(self.daemon.port, headers=headers) as source:
                source.until('caught_up')
                wait_until(lambda: self.remotes() == [expected], f'{expected} to be there')
            wait_until(lambda: not self.remotes(), 'it to be gone')

    def test_nothing_said(self):
        """who says nothing, or nothing of use, is the client itself"""
        for headers in ({}, {'X-Forwarded-For': 'unknown'}, {'Forwarded': 'for=_hidden'}):
            with self.daemon.connect('/wse', headers=headers) as client:
                await_own(self.daemon)
                client.finish()
            wait_until(lambda: not self.remotes(), 'it to be gone')

    def test_bad_headers(self):
        """malformed ones, and two that contradict each other, are 400"""
        for headers in ({'Forwarded': 'for="192.0.2.1'}, {'Forwarded': 'for=1;for=2'}, {'Forwarded': 'for=192.0.2.1', 'X-Forwarded-For': '192.0.2.2'}):
            self.assertEqual(self.daemon.request('GET', '/api/health', None, headers).status, 400)

    def test_proxy_protocol(self):
        """a header of version 2 names the client, whole or in pieces, before several requests and before a WebSocket"""
        request = handshake_request('/wse?history=0', self.daemon.port, ('wse.v2',))
        for source, shown in (('192.0.2.1', '192.0.2.1:4711'), ('2001:db8::7', '[2001:db8::7]:4711')):
            header = proxy_header(source)
            for pieces in ((header + request,), (header[:5], header[5:20], header[20:] + request), (header, request)):
                with self.daemon.stream() as stream:
                    for piece in pieces:
                        stream.send(piece)
                    self.assertEqual(status_of(stream), b'101')
                    wait_until(lambda: self.remotes() == [shown], f'{shown} to be there')
                wait_until(lambda: not self.remotes(), 'it to be gone')

    def test_proxy_protocol_local(self):
        """one in which a proxy speaks for itself names nobody"""
        with self.daemon.stream() as stream:
            stream.send(LOCAL + b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual(stream.read_response().status, 200)
            stream.send(b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual(stream.read_response().status, 200)

    def test_proxy_protocol_hops(self):
        """a client that is a trusted proxy as well is asked on; one that is not is not believed"""
        for source, expected in (('10.0.0.1', '192.0.2.5'), ('192.0.2.1', '192.0.2.1:4711')):
            request = handshake_request('/wse', self.daemon.port, (), {'X-Forwarded-For': '192.0.2.5'})
            with self.daemon.stream() as stream:
                stream.send(proxy_header(source) + request)
                self.assertEqual(status_of(stream), b'101')
                wait_until(lambda: self.remotes() == [expected], f'{expected} to be there')
            wait_until(lambda: not self.remotes(), 'it to be gone')

    def headers(self):
        return [self.daemon.metric(f'wse_proxy_headers_total{{result="{result}"}}') for result in ('bad', 'timeout')]

    def test_proxy_protocol_bad(self):
        """a malformed one, one that is too long, and one that never comes whole end the connection"""
        bad, timeout = self.headers()
        for header in (SIGNATURE + b'\x11\x11\0\0', SIGNATURE + b'\x21\x12\0\x0c' + b'x' * 12, SIGNATURE + b'\x21\x11\xff\xff', SIGNATURE[:7], b''):
            with self.daemon.stream() as stream:
                stream.send(header)
                self.assertEqual(stream.read_all(), b'')
        self.assertEqual(self.headers(), [bad + 3, timeout + 2])

    def test_proxy_protocol_cut_off(self):
        """one that breaks off ends the connection at once, long before its deadline"""
        bad, timeout = self.headers()
        for part in (SIGNATURE[:1], SIGNATURE, proxy_header('192.0.2.1')[:-1]):
            with self.daemon.stream() as stream:
                stream.send(part)
                stream.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(stream.read_all(), b'')
        self.assertEqual(self.headers(), [bad + 3, timeout])


class Encrypted(Scenario):
    def test_proxy_protocol(self):
        """the header comes before TLS, which the proxy passes through"""
        with tempfile.TemporaryDirectory(prefix='wse-test-') as folder:
            certificate = make_certificate(f'{folder}/ec')
            with Daemon('--trusted-proxies=127.0.0.1', tls=certificate) as daemon, socket.create_connection(('127.0.0.1', daemon.port)) as plain:
                plain.sendall(proxy_header('192.0.2.1'))
                with trust(certificate).wrap_socket(plain, server_hostname='127.0.0.1') as client:
                    client.sendall(handshake_request('/wse', daemon.port))
                    self.assertIn(b' 101 ', client.recv(100))
                    wait_until(lambda: remotes(daemon) == ['192.0.2.1:4711'], 'it to be there')


class Untrusted(Scenario):
    def test_headers(self):
        """nobody is believed who is not on the list"""
        with self.daemon.connect('/wse', headers={'X-Forwarded-For': '192.0.2.1', 'Forwarded': 'for="'}):
            await_own(self.daemon)

    def test_proxy_protocol(self):
        """a header of the PROXY protocol is a bad request"""
        with self.daemon.stream() as stream:
            stream.send(proxy_header('192.0.2.1') + b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual(stream.read_response().status, 400)

    def test_loopback(self):
        """this machine's own connections and requests are not limited"""
        for _ in range(600):
            self.assertEqual(self.daemon.request('GET', '/api/health').status, 200)


class UnixSocket(Scenario):
    """Who comes over a Unix socket is a proxy where the list says so."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='wse-test-')
        cls.path = f'{cls.folder}/wse.sock'
        cls.daemon = Daemon('--trusted-proxies=unix', listen=f'127.0.0.1:0,[::1]:0,unix:{cls.path}')
        cls.daemon.start()

    def remote(self, header, forwarded):
        request = header + handshake_request('/wse', self.daemon.port, (), {'X-Forwarded-For': forwarded} if forwarded else {})
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            client.sendall(request)
            self.assertIn(b' 101 ', client.recv(100))
            remote = wait_until(lambda: remotes(self.daemon), 'it to be there')[0]
        wait_until(lambda: not remotes(self.daemon), 'it to be gone')
        return remote

    def test_unix(self):
        """by header, by the PROXY protocol, or as what it is; over TCP nobody is"""
        self.assertEqual(self.remote(b'', None), 'unix')
        self.assertEqual(self.remote(b'', '192.0.2.1'), '192.0.2.1')
        self.assertEqual(self.remote(proxy_header('192.0.2.7'), None), '192.0.2.7:4711')
        with self.daemon.connect('/wse', headers={'X-Forwarded-For': '192.0.2.1'}):
            await_own(self.daemon)

    def test_all_listeners(self):
        """two addresses and a Unix socket serve at the same time"""
        ports = [int(line.rsplit(':', 1)[1]) for line in self.daemon.lines if 'listening on http' in line]
        self.assertEqual(len(ports), 2)
        clients = [socket.create_connection(('127.0.0.1', ports[0])), socket.create_connection(('::1', ports[1])), socket.socket(socket.AF_UNIX)]
        clients[2].connect(self.path)
        for client in clients:
            client.sendall(b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
        for client in clients:
            self.assertTrue(client.recv(100).startswith(b'HTTP/1.1 200 '))
            client.close()


class Operators(Scenario):
    """A place of their own, over TCP and a Unix socket."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='wse-test-')
        cls.path = f'{cls.folder}/admin.sock'
        cls.daemon = Daemon(f'--admin-listen=127.0.0.1:0,unix:{cls.path}', '--trusted-proxies=127.0.0.1')
        cls.daemon.start()
        cls.admin = wait_until(cls.find_port, 'the operators\' port')

    @classmethod
    def find_port(cls):
        return next((int(line.rsplit(':', 1)[1]) for line in cls.daemon.lines if 'for operators, listening on http' in line), None)

    def status(self, client, path, method='GET', header=b''):
        with client:
            client.sendall(header + f'{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
            return int(client.recv(100).split()[1])

    def unix(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        return client

    def test_place(self):
        """what is for operators is there alone, everything else is there as well"""
        for method, path in (('GET', '/metrics'), ('HEAD', '/metrics'), ('GET', '/api/metrics'), ('GET', '/api/connections'), ('GET', '/api/events/stats'),
                             ('DELETE', '/api/connections?user=a'), ('DELETE', '/api/channels/user:none')):
            expected = 404 if 'none' in path else 200
            self.assertEqual(self.status(socket.create_connection(('127.0.0.1', self.daemon.port)), path, method), 404)
            self.assertEqual(self.status(socket.create_connection(('127.0.0.1', self.admin)), path, method), expected)
            self.assertEqual(self.status(self.unix(), path, method), expected)
        for port in (self.daemon.port, self.admin):
            self.assertEqual(self.status(socket.create_connection(('127.0.0.1', port)), '/api/events'), 200)
            self.assertEqual(self.status(socket.create_connection(('127.0.0.1', port)), '/api/connections', 'PUT'), 405)

    def test_no_proxy(self):
        """no proxy is trusted there"""
        self.assertEqual(self.status(socket.create_connection(('127.0.0.1', self.admin)), '/metrics', header=LOCAL), 400)
        self.assertEqual(self.status(socket.create_connection(('127.0.0.1', self.daemon.port)), '/api/health', header=LOCAL), 200)


class Requests(Limited):
    OPTIONS = ('--max-request-rate=5',)

    def test_rate(self):
        """four seconds' worth of requests at once, then 429; another address is not concerned; a second later it goes on"""
        source = next(fresh)
        self.refusals('request_rate')
        answers = [self.ask(source) for _ in range(40)]
        refused = [answer for answer in answers if answer.status != 200]
        self.assertTrue(all(answer.status == 200 for answer in answers[:20]))
        self.assertGreater(len(refused), 0)
        self.check_refused(refused[0])
        self.assertEqual(self.refusals('request_rate'), len(refused))
        self.assertEqual(self.ask(next(fresh)).status, 200)
        wait_until(lambda: self.ask(source).status == 200, 'a request to be let through again')

    def test_networks(self):
        """of IPv6 a network of 64 bits is one"""
        answers = [self.ask(f'2001:db8:0:1::{i:x}') for i in range(40)]
        self.assertIn(429, [answer.status for answer in answers])
        self.assertEqual(self.ask('2001:db8:0:2::1').status, 200)

    def test_body(self):
        """a request with a large body is refused before that"""
        source = next(fresh)
        for _ in range(40):
            self.ask(source)
        answer = self.daemon.request('POST', '/api/events', b' ' * 1000000, {'X-Forwarded-For': source, 'Content-Type': 'application/json'})
        self.check_refused(answer)


class Headers(Limited):
    OPTIONS = ('--max-header=2000',)

    def test_header(self):
        """431 for an address and headers that are too large together"""
        for path, headers, expected in (('/api/health', {'X-A': 'a' * 1800}, 200), ('/api/health', {'X-A': 'a' * 2000}, 431),
                                        ('/api/health', {f'X-{i}': 'a' * 20 for i in range(100)}, 431), ('/api/health?' + 'a' * 2000, {}, 431),
                                        ('/wse', {'Cookie': 'a' * 30000}, 431)):
            answer = self.daemon.request('GET', path, None, headers)
            self.assertEqual(answer.status, expected, answer)
            if expected == 431:
                self.assertEqual(json.loads(answer.body)['error']['code'], 'headers_too_large')
        self.assertEqual(self.refusals('header'), 4)
        with self.daemon.stream() as stream:
            stream.send(b'GET /api/health HTTP/1.1\r\nHost: x\r\nX-A: ' + b'a' * 100000)
            self.assertNotIn(b' 200 ', stream.read_all())
        self.assertEqual(self.daemon.request('GET', '/api/health').status, 200)


class Keys(Scenario):
    def test_rate(self):
        """of one user, wherever they ask from; another goes on"""
        alice, bob = token('alice'), token('bob')
        with Guarded('--max-request-rate-per-key=5') as daemon:
            answers = [daemon.ask(alice, 'GET', '/api/events?channel=user:alice')[0] for _ in range(40)]
            self.assertEqual(answers[:20], [200] * 20)
            self.assertIn(429, answers)
            self.assertEqual(daemon.ask(bob, 'GET', '/api/events?channel=user:bob')[0], 200)

    def test_namesake(self):
        """a user with the name of a service takes none of what that may ask"""
        with Guarded('--max-request-rate-per-key=5', keys=service('shop', 'key-of-shop')) as daemon:
            user = token('shop')
            wait_until(lambda: daemon.ask(user, 'GET', '/api/events?channel=global')[0] == 429, 'a refusal')
            for _ in range(20):
                self.assertEqual(daemon.ask('key-of-shop', 'GET', '/api/events?channel=global')[0], 200)


class Connections(Limited):
    OPTIONS = ('--max-connections-per-address=3', '--max-connections-per-user=2', '--max-connections=6')

    def test_streams_by_header(self):
        """the fourth connection of one address is refused; one that ends makes room"""
        source = {'X-Forwarded-For': next(fresh)}
        self.refusals('connections_per_address')
        clients = [self.daemon.connect('/wse', headers=source) for _ in range(3)]
        with self.assertRaises(Refused) as caught:
            self.daemon.connect('/wse', headers=source)
        self.check_refused(caught.exception.response, code='too_many_connections')
        self.assertEqual(self.refusals('connections_per_address'), 1)
        clients.pop().finish()
        clients.append(wait_until(lambda: self.attempt(source), 'room'))
        self.daemon.connect('/wse', headers={'X-Forwarded-For': next(fresh)}).finish()
        for client in clients:
            client.finish()
        wait_until(lambda: not self.remotes(), 'them to be gone')

    def attempt(self, headers):
        try:
            return self.daemon.connect('/wse', headers=headers)
        except Refused:
            return None

    def test_connections(self):
        """those that speak HTTP count as well, and a WebSocket counts once"""
        header = proxy_header(next(fresh))
        streams = []
        for i in range(3):
            stream = Stream(self.daemon.port)
            stream.send(header + (handshake_request('/wse', self.daemon.port) if i else b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n'))
            self.assertIn(status_of(stream), (b'101', b'200'))
            streams.append(stream)
        with self.daemon.stream() as stream:
            stream.send(header + b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
            self.check_refused(stream.read_response(), code='too_many_connections')
        streams.pop().close()

        def served():
            with self.daemon.stream() as stream:
                stream.send(header + b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
                return stream.read_response().status == 200
        wait_until(served, 'room')
        for stream in streams:
            stream.close()
        wait_until(lambda: not self.remotes(), 'them to be gone')

    def test_per_user(self):
        """429, counted"""
        clients = [self.daemon.connect('/wse?user_id=u') for _ in range(2)]
        with self.assertRaises(Refused) as caught:
            self.daemon.connect('/wse?user_id=u')
        self.check_refused(caught.exception.response, code='too_many_connections')
        self.assertEqual(self.refusals('connections_per_user'), 1)
        for client in clients:
            client.finish()
        wait_until(lambda: not self.remotes(), 'them to be gone')

    def test_in_all(self):
        """503, counted"""
        clients = [self.daemon.connect('/wse') for _ in range(6)]
        with self.assertRaises(Refused) as caught:
            self.daemon.connect('/wse')
        self.check_refused(caught.exception.response, 503, 'too_many_connections')
        self.assertEqual(self.refusals('connections'), 1)
        for client in clients:
            client.finish()
        wait_until(lambda: not self.remotes(), 'them to be gone')


class Subscribers(Limited):
    OPTIONS = ('--max-subscriptions=3', '--max-command-rate=20')

    def test_subscriptions(self):
        """the fourth channel is refused, by command and in the address"""
        with self.daemon.connect('/ws/sessions') as client:
            for i in range(3):
                self.assertTrue(client.request('subscribe', {'session_id': f's{i}'})['success'])
            self.assertEqual(client.request('subscribe', {'session_id': 's3'})['error']['code'], 'too_many_subscriptions')
            client.request('unsubscribe', {'session_id': 's0'})
            self.assertTrue(client.request('subscribe', {'session_id': 's3'})['success'])
        with self.assertRaises(Refused) as caught:
            self.daemon.connect('/ws/events?' + '&'.join(f'channel=session:{i}' for i in range(4)))
        self.assertEqual(caught.exception.status, 400)
        self.assertEqual(self.refusals('subscriptions'), 2)

    def test_command_rate(self):
        """who says too much is read more slowly; every command is answered, in order, and others do not notice"""
        with self.daemon.connect('/ws/sessions') as client, self.daemon.connect('/ws/sessions') as other:
            for i in range(260):
                client.send_json({'id': str(i), 'method': 'ping'})
            self.assertTrue(other.request('ping')['success'])
            answers = [client.recv_until(lambda message: 'success' in message)[-1]['id'] for _ in range(260)]
            self.assertEqual(answers, [str(i) for i in range(260)])
        self.assertGreater(self.refusals('command_rate'), 0)


class ConnectionRate(Limited):
    OPTIONS = ('--max-connection-rate=5',)

    def test_rate(self):
        """four seconds' worth at once, then 429"""
        header = proxy_header(next(fresh))

        def status():
            with self.daemon.stream() as stream:
                stream.send(header + b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
                answer = stream.read_response()
                if answer.status != 200:
                    self.check_refused(answer, code='too_many_connections')
                return answer.status
        answers = [status() for _ in range(40)]
        self.assertEqual(answers[:20], [200] * 20)
        self.assertIn(429, answers)
        self.assertEqual(self.refusals('connection_rate'), answers.count(429))
        wait_until(lambda: status() == 200, 'a connection to be let through again')


if __name__ == '__main__':
    main()
