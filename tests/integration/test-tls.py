# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS from outside: with openssl, curl, python3-websockets and wsectl; its certificate exchanged under way, and what a client can do wrong."""

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

import websockets

from wse_lease import Lease
from wse_socket import PING, PONG, Closed, Stream, frame, handshake_request, trust
from wse_test import WSED, Daemon, Scenario, main, make_certificate, wait_until

WSECTL = os.environ.get('WSE_TEST_WSECTL', 'wsectl')
SCRATCH = tempfile.mkdtemp(prefix='wse-tls-')
CERT = make_certificate(f'{SCRATCH}/ec')
TIMEOUT = 30


def s_client(port, *arguments, stdin=''):
    """What openssl s_client says, with its exit status."""
    return subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-CAfile', f'{CERT}/cert.pem', *arguments],
                          input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def client_hello():
    """The first bytes of a handshake."""
    output = ssl.MemoryBIO()
    try:
        trust(CERT).wrap_bio(ssl.MemoryBIO(), output, server_hostname='127.0.0.1').do_handshake()
    except ssl.SSLWantReadError:
        return output.read()
    raise AssertionError('a handshake without an answer')


def serial(port, ca):
    """The serial number of the certificate that is shown to one who comes now."""
    with Stream(port, tls=ca) as stream:
        return stream.socket.getpeercert()['serialNumber']


class Tls(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(tls=CERT, env=cls.env, allow=cls.allow)
        cls.daemon.start()


class Clients(Tls):
    def curl(self, path, *arguments):
        return subprocess.run(['curl', '-sS', '--cacert', f'{CERT}/cert.pem', *arguments, f'https://127.0.0.1:{self.daemon.port}{path}'],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)

    def test_versions(self):
        """TLS 1.2 and 1.3 are spoken, 1.0 and 1.1 refused"""
        for version, taken in (('-tls1', False), ('-tls1_1', False), ('-tls1_2', True), ('-tls1_3', True)):
            with self.subTest(version):
                # Without its own refusal of old versions, so that the server's is seen.
                answer = s_client(self.daemon.port, version, '-cipher', 'ALL:@SECLEVEL=0')
                self.assertEqual('Verify return code: 0 (ok)' in answer.stdout and answer.returncode == 0, taken, answer)
                if not taken:
                    self.assertIn('alert protocol version', answer.stderr)

    def test_weak_ciphers(self):
        """TLS 1.2 without forward secrecy or with CBC is refused"""
        for cipher in ('AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA'):
            with self.subTest(cipher):
                self.assertIn('handshake failure', s_client(self.daemon.port, '-tls1_2', '-cipher', f'{cipher}:@SECLEVEL=0').stderr)

    def test_renegotiation(self):
        """a client that wants another handshake is refused"""
        answer = s_client(self.daemon.port, '-tls1_2', stdin='R\n')
        self.assertIn('no renegotiation', answer.stderr)

    def test_protocol(self):
        """http/1.1 is chosen; who offers h2 alone is told that it is not spoken"""
        self.assertIn('ALPN protocol: http/1.1', s_client(self.daemon.port, '-alpn', 'h2,http/1.1').stdout)
        self.assertIn('no application protocol', s_client(self.daemon.port, '-alpn', 'h2').stderr)

    def test_curl(self):
        """curl publishes and reads, twice on one connection"""
        body = json.dumps({'event_type': 'a', 'user_id': 'curl'})
        answer = self.curl('/api/events', '-d', body, '-H', 'Content-Type: application/json')
        self.assertEqual(json.loads(answer.stdout)['seq'], 1, answer)
        answer = self.curl('/api/health', '-v', f'https://127.0.0.1:{self.daemon.port}/api/events?channel=user:curl&user_id=curl')
        self.assertIn('"seq":1', answer.stdout)
        self.assertRegex(answer.stderr, 'Re-using existing .*connection')

    def test_sse(self):
        """curl follows /sse"""
        command = ['curl', '-sSN', '--cacert', f'{CERT}/cert.pem', f'https://127.0.0.1:{self.daemon.port}/sse?user_id=sse']
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
            try:
                for line in curl.stdout:
                    if line.startswith('event: caught_up'):
                        self.daemon.publish({'event_type': 'a', 'user_id': 'sse', 'payload': 42})
                    if line.startswith('data: ') and '"p":42' in line:
                        break
                else:
                    self.fail('the stream ended')
            finally:
                curl.kill()

    def test_websockets(self):
        """a WebSocket client follows and commands"""
        async def run():
            async with websockets.connect(f'wss://127.0.0.1:{self.daemon.port}/wse?user_id=ws', ssl=trust(CERT), subprotocols=['wse.v2']) as client:
                self.assertEqual(json.loads(await client.recv())['t'], 'hello')
                await client.send(json.dumps({'id': '1', 'method': 'ping'}))
                while 'success' not in json.loads(await client.recv()):
                    pass
                await asyncio.to_thread(self.daemon.publish, {'event_type': 'a', 'user_id': 'ws', 'payload': 'x' * 100000})
                self.assertEqual(json.loads(await client.recv())['p'], 'x' * 100000)
        asyncio.run(asyncio.wait_for(run(), TIMEOUT))

    def test_wsectl(self):
        """wsectl publishes, looks back and follows with --ca-file, and trusts nobody without"""
        def wsectl(*arguments):
            return subprocess.run([WSECTL, *arguments, f'--server=https://127.0.0.1:{self.daemon.port}'], capture_output=True, text=True,
                                  timeout=TIMEOUT, check=False)
        event = ('a', '--user=ctl')
        self.assertEqual(wsectl('publish', *event, '--ca-file', f'{CERT}/cert.pem').returncode, 0)
        answer = wsectl('history', 'user:ctl', f'--ca-file={CERT}/cert.pem')
        self.assertIn('user:ctl 1 info a {}', answer.stdout, answer)
        answer = wsectl('publish', *event)
        self.assertEqual((answer.returncode, 'certificate' in answer.stderr), (1, True), answer)
        answer = wsectl('publish', *event, '--ca-file=/nowhere')
        self.assertEqual((answer.returncode, '/nowhere' in answer.stderr), (2, True), answer)
        with subprocess.Popen([WSECTL, 'tail', 'user:ctl', '--history=1', '--count=1', f'--ca-file={CERT}/cert.pem', f'--server=https://127.0.0.1:{self.daemon.port}'],
                              stdout=subprocess.PIPE, text=True) as tail:
            self.assertIn('a', tail.stdout.readline())
            tail.kill()

    def test_key_update(self):
        """keys renewed under way, by the client's wish"""
        def say(client, text, answer):
            os.write(client.stdin.fileno(), text)
            said = b''
            while answer not in said:
                got = os.read(client.stdout.fileno(), 65536)
                self.assertTrue(got, said)
                said += got
        with subprocess.Popen(['openssl', 's_client', '-connect', f'127.0.0.1:{self.daemon.port}', '-CAfile', f'{CERT}/cert.pem', '-crlf'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            try:
                for _ in range(3):
                    say(client, b'GET /api/health HTTP/1.1\nHost: x\n\n', b'"status":')
                    say(client, b'K\n', b'KEYUPDATE')
            finally:
                client.kill()


class Wrong(Tls):
    env = {'WSE_TEST_DEADLINE_MS': '1500'}

    def test_stalled(self):
        """300 clients that stall within the handshake keep nobody waiting, and are ended"""
        before = self.daemon.descriptors()
        stalled = []
        hello = client_hello()
        for i in range(300):
            stream = self.daemon.stream(tls=None)
            # Nothing, a part of the first message, or all of it and then nothing.
            stream.send((b'', hello[:50], hello)[i % 3])
            stalled.append(stream)
        # The first whose deadline comes has waited 1.5 s: this one is served before that.
        self.daemon.get('/api/health')
        self.assertEqual(self.daemon.metric('wse_tls_handshakes_total{result="timeout"}'), 0)
        for stream in stalled:
            with contextlib.suppress(ConnectionResetError):
                stream.read_all()
            stream.close()
        self.assertEqual(self.daemon.metric('wse_tls_handshakes_total{result="timeout"}'), 300)
        wait_until(lambda: self.daemon.descriptors() <= before, 'their descriptors to be given back')

    def test_plain_request(self):
        """a request in the clear is told so, in the clear"""
        for rest in (b'', b'X: ' + b'y' * 5000):
            with self.daemon.stream(tls=None) as stream:
                stream.send(b'GET /api/health HTTP/1.1\r\nHost: x\r\n' + rest + b'\r\n\r\n')
                answer = stream.read_response()
                self.assertEqual((answer.status, json.loads(answer.body)['error']['code']), (400, 'bad_request'))
                self.assertEqual(stream.read_all(), b'')

    def test_garbage(self):
        """what is neither is ended"""
        for data in (b'\0' * 100, b'SSH-2.0-x\r\n', b'\x16\x03\x01\xff\xff' + b'z' * 70000):
            with self.subTest(data[:10]), self.daemon.stream(tls=None) as stream:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.send(data)
                    stream.read_all()
        self.daemon.get('/api/health')

    def test_handshake_on_plain_port(self):
        """a TLS handshake where nothing is encrypted is ended"""
        with Daemon(tls=None, env=self.env) as plain, plain.stream(tls=None) as stream:
            stream.send(client_hello())
            self.assertNotIn(b' 200 ', stream.read_all())

    def test_truncation(self):
        """a request cut off without TLS saying so is not taken"""
        body = b'{"event_type":"a","user_id":"cut"}\n'
        for head in (b'Content-Length: 500', b'Transfer-Encoding: chunked'):
            stream = self.daemon.stream()
            payload = body if b'Length' in head else b'%x\r\n%s\r\n' % (len(body), body)
            stream.send(b'POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n' + head + b'\r\n\r\n' + payload)
            stream.socket.shutdown(socket.SHUT_WR)
            stream.read_all()
            stream.close()
        self.assertEqual(self.daemon.get('/api/events?channel=user:cut&user_id=cut')['events'], [])

    def test_idle_ends(self):
        """kept connections end with or without TLS saying so, and leave nothing"""
        before = self.daemon.descriptors()
        for i in range(60):
            stream = self.daemon.stream()
            stream.send(b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual(stream.read_response().status, 200)
            if i % 3 == 0:
                # The end is told, TCP stays open: the daemon ends it.
                with contextlib.suppress(OSError):
                    stream.socket.unwrap().close()
            elif i % 3 == 1:
                stream.close()
            else:
                stream.abort()
        wait_until(lambda: self.daemon.descriptors() <= before, 'their descriptors to be given back')


class Renewing:
    """A client that renews its keys as often as it likes, which Python's own does not: OpenSSL by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), TIMEOUT)
        self.lib = ctypes.CDLL('libssl.so.3')
        for name in ('TLS_client_method', 'SSL_CTX_new', 'SSL_new'):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.SSL_CTX_new(ctypes.c_void_p(self.lib.TLS_client_method())))
        self.ssl = ctypes.c_void_p(self.lib.SSL_new(self.context))
        self.socket.setblocking(True)
        # OpenSSL waits in the kernel, where Python's own deadline does not count.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', TIMEOUT, 0))
        self.lib.SSL_set_fd(self.ssl, self.socket.fileno())
        assert self.lib.SSL_connect(self.ssl) == 1

    def send(self, data):
        assert self.lib.SSL_write(self.ssl, data, len(data)) == len(data)

    def receive(self):
        """What there is; empty at the end."""
        buffer = ctypes.create_string_buffer(65536)
        count = self.lib.SSL_read(self.ssl, buffer, len(buffer))
        return buffer.raw[:max(0, count)]

    def renew(self, times):
        """Whether it could be said that often."""
        return all(self.lib.SSL_key_update(self.ssl, 0) == 1 and self.lib.SSL_do_handshake(self.ssl) == 1 for _ in range(times))

    def close(self):
        self.lib.SSL_free(self.ssl)
        self.lib.SSL_CTX_free(self.context)
        self.socket.close()


class Floods(Tls):
    def floods(self):
        return self.daemon.metric('wse_refusals_total{limit="tls_records"}')

    def flood(self, begin):
        """Ends who renews the keys more often than makes sense, after @begin; a few times is nothing."""
        before = self.floods()
        client = Renewing(self.daemon.port)
        client.send(begin)
        self.assertTrue(client.receive())
        self.assertTrue(client.renew(10))
        client.send(begin)
        self.assertTrue(client.receive())
        client.renew(500)
        while client.receive():
            pass
        client.close()
        self.assertEqual(self.floods(), before + 1)

    def test_request(self):
        """keys renewed without end between two requests end the connection"""
        self.flood(b'GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n')

    def test_websocket(self):
        """and a WebSocket; the others go on"""
        with self.daemon.connect('/wse?history=0') as other:
            before = self.floods()
            client = Renewing(self.daemon.port)
            client.send(handshake_request('/ws/events?channel=global', self.daemon.port))
            self.assertIn(b' 101 ', client.receive())
            client.renew(500)
            while client.receive():
                pass
            client.close()
            self.assertEqual(self.floods(), before + 1)
            other.settle()
            self.assertTrue(other.request('ping')['success'])

    def test_pieces(self):
        """a handshake in more pieces than it has any need of is ended"""
        before = self.floods()
        hello = client_hello()
        pieces = b''.join(hello[:3] + b'\0\x01' + hello[i:i + 1] for i in range(5, len(hello)))
        with self.daemon.stream(tls=None) as stream:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stream.send(pieces)
                stream.read_all()
        self.assertEqual(self.floods(), before + 1)


class Crowds(unittest.TestCase):
    """More handshakes than may begin in a second."""

    def daemon(self, *arguments, **keywords):
        # Four seconds' worth at once: eight.
        return Daemon('--max-handshake-rate=2', *arguments, tls=CERT, **keywords)

    def test_turns(self):
        """beyond the rate they wait for their turn, and get it; who says nothing, or speaks in the clear, takes none from them"""
        with self.daemon() as daemon:
            silent = [daemon.stream(tls=None) for _ in range(20)]
            for stream in silent[:10]:
                stream.send(b'GET / HTTP/1.1\r\n\r\n')
                self.assertEqual(stream.read_response().status, 400)
            for _ in range(10):
                self.assertEqual(daemon.get('/api/health')['status'], 'ok')
            with daemon.connect('/wse?history=0') as client:
                client.settle()
            for stream in silent:
                stream.close()

    def test_refused(self):
        """whose turn does not come in time is told so by TLS, and counted; who is in is served meanwhile"""
        plain = f'{tempfile.mkdtemp(dir=SCRATCH)}/wsed.sock'
        with self.daemon(f'--listen=127.0.0.1:0,unix:{plain}', env={'WSE_TEST_DEADLINE_MS': '1500'}) as daemon, daemon.connect('/wse?history=0') as client:
            hello = client_hello()
            crowd = [daemon.stream(tls=None) for _ in range(60)]
            for stream in crowd:
                stream.send(hello)
            client.settle()
            self.assertTrue(client.request('ping')['success'])
            answers = []
            for stream in crowd:
                stream.fill()
                answers.append(stream.buffer)
                stream.close()
            refused = answers.count(b'\x15\x03\x03\0\x02\x02\x50')
            self.assertGreater(refused, 0)
            self.assertGreaterEqual(sum(answer[:1] == b'\x16' for answer in answers), 6)
            metrics = subprocess.run(['curl', '-sS', '--unix-socket', plain, 'http://localhost/metrics'], capture_output=True, text=True, timeout=TIMEOUT, check=True)
            self.assertIn(f'wse_refusals_total{{limit="handshake_rate"}} {refused}\n', metrics.stdout)
            self.assertTrue(client.request('ping')['success'])
            # Their turns were not lost.
            wait_until(lambda: self.served(daemon), 'the daemon to serve again')

    def served(self, daemon):
        with contextlib.suppress(OSError):
            return daemon.get('/api/health')['status'] == 'ok'


class Certificates(unittest.TestCase):
    def install(self, name, key='ec'):
        """A new pair, put in place of the one there as those do that exchange a link."""
        make_certificate(f'{self.folder}/{name}', key)
        return self.exchange(name)

    def exchange(self, name):
        os.symlink(name, f'{self.folder}/next')
        os.replace(f'{self.folder}/next', f'{self.folder}/live')
        return f'{self.folder}/live'

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=SCRATCH)

    def test_exchange(self):
        """new files are used without a restart, one of no use is not, and who is connected stays"""
        live = self.install('one')
        with Daemon(tls=live, allow='warning TLS: the certificate stays') as daemon, daemon.connect('/wse?history=0') as client:
            def loads(result):
                return daemon.metric('wse_tls_loads_total{result="%s"}' % result)
            first = serial(daemon.port, live)
            expiry = daemon.metric('wse_tls_certificate_expiry_seconds')
            self.assertLess(abs(expiry - time.time() - 30 * 86400), 3600)
            self.install('two', 'rsa:2048')
            wait_until(lambda: self.shown(daemon, live) not in (None, first), 'the second certificate')
            second = self.shown(daemon, live)
            self.assertEqual((loads('ok'), loads('failed')), (2, 0))
            # A key that is another's: the pair stays the second.
            shutil.copy(f'{self.folder}/two/key.pem', f'{self.folder}/key')
            shutil.copy(f'{self.folder}/one/key.pem', f'{self.folder}/two/key.pem')
            wait_until(lambda: loads('failed') == 1, 'the mistake to be seen')
            self.assertEqual(self.shown(daemon, live), second)
            wait_until(lambda: any('TLS: the certificate stays' in line for line in daemon.lines), 'the mistake to be told')
            self.assertEqual(sum('TLS: the certificate stays' in line for line in daemon.lines), 1, daemon.lines)
            os.replace(f'{self.folder}/key', f'{self.folder}/two/key.pem')
            wait_until(lambda: loads('ok') == 3, 'the pair to be right again')
            # Removed altogether.
            shutil.move(f'{self.folder}/live', f'{self.folder}/gone')
            wait_until(lambda: daemon.lines[-1].count('No such file'), 'the loss to be told')
            shutil.move(f'{self.folder}/gone', f'{self.folder}/live')
            self.assertEqual(self.shown(daemon, live), second)
            client.settle()
            self.assertTrue(client.request('ping')['success'])

    def test_hanging(self):
        """new files on a disk that does not answer keep nobody waiting, and are used once it does; nor does a stop wait for them"""
        live = self.install('one')
        make_certificate(f'{self.folder}/two')
        with Daemon(tls=live) as daemon, daemon.connect('/wse?history=0') as client:
            first = serial(daemon.port, live)
            with Lease(f'{self.folder}/two/cert.pem') as lease:
                # Not in the test's own trust, which would hang as well.
                self.exchange('two')
                lease.wait()
                for _ in range(3):
                    self.assertEqual(serial(daemon.port, f'{self.folder}/one'), first)
                client.settle()
                self.assertTrue(client.request('ping')['success'])
            wait_until(lambda: self.shown(daemon, live) not in (None, first), 'the second certificate')
            self.assertEqual(daemon.metric('wse_tls_loads_total{result="ok"}'), 2)
            make_certificate(f'{self.folder}/three')
            with Lease(f'{self.folder}/three/cert.pem') as lease:
                self.exchange('three')
                lease.wait()
                daemon.stop()

    def shown(self, daemon, live):
        with contextlib.suppress(ssl.SSLError):
            return serial(daemon.port, live)

    def refused(self, *arguments):
        answer = subprocess.run([WSED, '--dev', '--listen=127.0.0.1:0', '--log=memory:', *arguments], capture_output=True, text=True,
                                timeout=TIMEOUT, check=False)
        self.assertNotEqual(answer.returncode, 0)
        return answer.stderr

    def test_refused_starts(self):
        """what is of no use stops the start, and is named"""
        one, two = make_certificate(f'{self.folder}/a'), make_certificate(f'{self.folder}/b')
        subprocess.run(['openssl', 'pkey', '-in', f'{one}/key.pem', '-aes256', '-passout', 'pass:secret', '-out', f'{one}/locked.pem'], check=True)
        cert = f'--tls-cert={one}/cert.pem'
        self.assertIn('tls-cert is set and tls-key is not', self.refused(cert))
        self.assertIn('tls-key is set and tls-cert is not', self.refused(f'--tls-key={one}/key.pem'))
        for key, why in (('/b/key.pem', 'does not belong to the certificate'), ('/a/cert.pem', 'a private key in PEM form'), ('/none', 'No such file'),
                         ('/a/locked.pem', 'without a passphrase')):
            with self.subTest(key):
                said = self.refused(cert, f'--tls-key={self.folder}{key}')
                self.assertIn(why, said)
                self.assertIn(f'{self.folder}{key}', said)
        self.assertIn('a certificate in PEM form', self.refused(f'--tls-cert={two}/key.pem', f'--tls-key={two}/key.pem'))

    def test_unix_socket(self):
        """a Unix socket beside stays plain"""
        path = f'{self.folder}/wsed.sock'
        with Daemon(f'--listen=127.0.0.1:0,unix:{path}', tls=CERT) as daemon:
            answer = subprocess.run(['curl', '-sS', '--unix-socket', path, 'http://localhost/api/health'], capture_output=True, text=True, timeout=TIMEOUT, check=True)
            self.assertIn('"status":"ok"', answer.stdout)
            self.assertTrue(any(f'listening on https://127.0.0.1:{daemon.port}' in line for line in daemon.lines))
            daemon.get('/api/health')


class Streams(Tls):
    def test_slow_reader(self):
        """a slow reader of much more than the kernel holds gets all of it, its pings answered in between"""
        size, count = 50000, 400
        with self.daemon.connect('/wse?user_id=slow&history=0', receive_buffer=4096) as client:
            client.recv_control('caught_up')
            for i in range(0, count, 20):
                self.daemon.publish_lines([{'event_type': 'a', 'user_id': 'slow', 'payload': {'i': j, 'x': 'y' * size}} for j in range(i, i + 20)])
                # Own frames come between those of which a part is on its way.
                client.send(frame(PING, b'%d' % i))
            got = []
            while len(got) < count:
                message = client.recv()
                if message.get('t') == 'a':
                    got.append((message['seq'], message['p']['i'], len(message['p']['x'])))
            self.assertEqual(got, [(i + 1, i, size) for i in range(count)])
            wait_until(lambda: len(client.pongs) == count // 20 or client.settle() is None, 'the pongs')

    def test_last_record(self):
        """the record that the kernel had no room for goes out by itself once there is some"""
        with self.daemon.connect('/wse?user_id=last&history=0', receive_buffer=4096, timeout=10) as client:
            client.recv_control('caught_up')
            # In steps of half a record, beyond what the kernel holds.
            for size in range(20000, 250000, 8000):
                self.daemon.publish({'event_type': 'a', 'user_id': 'last', 'payload': 'y' * size})
                self.assertEqual(len(client.recv()['p']), size)

    def test_two_hundred(self):
        """200 streams, some killed in the middle of what is sent: everybody else gets everything, no descriptor is left"""
        before = self.daemon.descriptors()
        clients = [self.daemon.connect(f'/wse?user_id=u{i}&history=0&types=many') for i in range(200)]
        for client in clients:
            client.recv_control('caught_up')
        lines = [{'event_type': 'many', 'broadcast': True, 'payload': {'i': i, 'x': 'y' * 2000}} for i in range(200)]
        self.daemon.publish_lines(lines[:100])
        for client in clients[::4]:
            client.abort()
        self.daemon.publish_lines(lines[100:])
        for i, client in enumerate(clients):
            if i % 4:
                got = [client.recv() for _ in range(200)]
                self.assertEqual([message['p']['i'] for message in got], list(range(200)))
        wait_until(lambda: self.daemon.get('/api/events/stats')['active_subscribers'] == 150, 'the killed to be seen')
        for i, client in enumerate(clients):
            if i % 4 == 1:
                client.send(b'\x88\x80abcd')
                self.assertEqual(client.recv_close()[0], 1005)
            if i % 4:
                client.close()
        wait_until(lambda: self.daemon.descriptors() <= before, 'the descriptors to come back')

    def test_close_notify(self):
        """a server's end is told by TLS, too"""
        with self.daemon.connect('/wse?user_id=bye&history=0') as client:
            client.socket.suppress_ragged_eofs = False
            client.send(b'\x88\x82\0\0\0\0\x03\xe8')
            with self.assertRaises(Closed) as end:
                while True:
                    client.recv_message()
            self.assertEqual(end.exception.code, 1000)
            self.assertEqual(client.socket.recv(1), b'')

    def test_early_bytes(self):
        """what comes right behind the handshake's request is heard"""
        with self.daemon.connect('/wse?user_id=early&history=0', early=frame(PING, b'early') * 3) as client:
            wait_until(lambda: client.pongs.count(b'early') == 3 or client.settle() is None, 'three pongs')
            self.assertEqual(PONG, 10)


if __name__ == '__main__':
    try:
        main()
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
