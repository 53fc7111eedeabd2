#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of keys: whoever came by one that is taken out has to go, and a file that hangs holds up nobody."""

import json
import os
import select
import signal
import unittest

from cryptography.hazmat.primitives.asymmetric import ec

import wse_test
from wse_auth import Guarded, bearer, jwk, service, token
from wse_lease import Lease
from wse_socket import Refused, handshake_request
from wse_test import wait_until

ONE, TWO, THREE = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


def jwks(*keys):
    return json.dumps({'keys': [jwk(key, kid) for key, kid in keys]})


def signed(key, kid=None, sub='alice'):
    return token(sub, key, 'ES256', {'kid': kid} if kid else None)


class Keyed(Guarded):
    """One whose tokens are verified with the keys in a file."""

    def __init__(self, text, *arguments, **keywords):
        super().__init__(*arguments, jwt_key='file:key', **keywords)
        self.path = f'{self.state}/key'
        self.write(text)

    def write(self, text):
        with open(f'{self.state}/next', 'w', encoding='utf-8') as file:
            file.write(text)
        os.replace(f'{self.state}/next', self.path)

    def status(self, credential):
        return self.ask(credential, 'GET', '/api/events?channel=global')[0]

    def reload(self, lines=1):
        """Has the files read, and waits until they are."""
        expected = sum('were read again' in line for line in self.lines) + lines
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sum('were read again' in line for line in self.lines) >= expected, 'the files to be read')


class TakenOut(unittest.TestCase):
    def ended(self, socket):
        self.assertEqual(socket.recv_close()[0], 4401)
        socket.close()

    def goes_on(self, *sockets):
        for socket in sockets:
            self.assertTrue(socket.request('ping')['success'])
            socket.close()

    def test_key(self):
        """Connections by a key that is not in the set any more end, of either kind and whether the token names it or not; the others go on."""
        with Keyed(jwks((ONE, 'one'), (TWO, 'two')), '--max-connections-per-user=50') as daemon:
            gone = [daemon.open(signed(ONE, 'one')), daemon.open(signed(ONE)), daemon.open(signed(ONE, 'one'), '/ws/sessions')]
            stays = [daemon.open(signed(TWO, 'two')), daemon.open(signed(TWO), '/ws/sessions')]
            stream, other = daemon.events(signed(ONE, 'one')), daemon.events(signed(TWO, 'two'))
            # Nobody has to go while all of them are there.
            daemon.write(jwks((THREE, 'three'), (ONE, 'one'), (TWO, 'two')))
            daemon.reload()
            for socket in gone + stays:
                self.assertTrue(socket.request('ping')['success'])
            daemon.write(jwks((TWO, 'two'), (THREE, 'three')))
            daemon.reload()
            for socket in gone:
                self.ended(socket)
            stream.read_all()
            stream.close()
            self.assertEqual(daemon.status(signed(ONE, 'one')), 401)
            publisher = token('p', TWO, 'ES256', {'kid': 'two'}, wse={'publish': ['*']})
            self.assertEqual(daemon.ask(publisher, 'POST', '/api/events', {'event_type': 'A', 'user_id': 'alice'})[0], 201)
            other.until('caught_up')
            self.assertEqual(other.recv()['t'], 'A')
            other.close()
            self.goes_on(*stays)

    def test_renamed(self):
        """A key under another name is another to those who named it, and the same to those who did not."""
        with Keyed(jwks((ONE, 'one'))) as daemon:
            named, unnamed = daemon.open(signed(ONE, 'one')), daemon.open(signed(ONE))
            daemon.write(jwks((ONE, 'uno')))
            daemon.reload()
            self.ended(named)
            self.goes_on(unnamed)

    def test_same_name(self):
        """Another key under the same name lets nobody stay."""
        with Keyed(jwks((ONE, 'one'))) as daemon:
            socket = daemon.open(signed(ONE, 'one'))
            daemon.write(jwks((TWO, 'one')))
            daemon.reload()
            self.ended(socket)

    def test_unknown_key(self):
        """The file that is read because of a key that is not known counts as well."""
        with Keyed(jwks((ONE, 'one'))) as daemon:
            socket = daemon.open(signed(ONE, 'one'))
            daemon.write(jwks((TWO, 'two')))
            self.assertEqual(daemon.status(signed(TWO, 'two')), 200)
            self.ended(socket)

    def test_refreshed(self):
        """After a refresh the key of the new token counts, not that of the old one."""
        with Keyed(jwks((ONE, 'one'), (TWO, 'two'))) as daemon:
            to_two, to_one = daemon.open(signed(ONE, 'one')), daemon.open(signed(TWO, 'two'))
            self.assertTrue(to_two.request('refresh', {'token': signed(TWO, 'two')})['success'])
            self.assertTrue(to_one.request('refresh', {'token': signed(ONE, 'one')})['success'])
            daemon.write(jwks((TWO, 'two')))
            daemon.reload()
            self.ended(to_one)
            self.goes_on(to_two)

    def test_service(self):
        """The stream of a service whose line is taken out ends; tokens have nothing to do with that."""
        lines = {name: service(name, f'key-of-{name}', subscribe=['user:*']) for name in ('a', 'b')}
        with Keyed(jwks((ONE, 'one')), keys=''.join(lines.values())) as daemon:
            stream, socket = daemon.events('key-of-a', '/sse?channel=user:x'), daemon.open('key-of-b', '/ws/sessions')
            user = daemon.open(signed(ONE, 'one'))
            daemon.write_keys(lines['b'])
            daemon.reload(2)
            stream.read_all()
            stream.close()
            self.goes_on(socket, user)


class Hanging(unittest.TestCase):
    """Of a file on a disk that does not answer."""

    def test_serves(self):
        """While the file hangs all stays as it was; what is in it counts once it is read."""
        with Keyed(jwks((ONE, 'one')), env={'WSE_TEST_DEADLINE_MS': '300'}) as daemon, daemon.open(signed(ONE, 'one')) as socket:
            daemon.write(jwks((TWO, 'two')))
            with Lease(daemon.path) as lease:
                daemon.process.send_signal(signal.SIGHUP)
                lease.wait()
                for _ in range(3):
                    self.assertEqual(daemon.status(signed(ONE, 'one')), 200)
                    # Nothing that could be waited for comes in time, and later ones do not wait at all.
                    self.assertEqual(daemon.status(signed(TWO, 'two')), 401)
                self.assertEqual(socket.request('refresh', {'token': signed(TWO, 'two')})['error']['code'], 'unauthorized')
                self.assertTrue(socket.request('refresh', {'token': signed(ONE, 'one')})['success'])
                with self.assertRaises(Refused) as raised:
                    daemon.open(signed(TWO, 'two'))
                self.assertEqual(raised.exception.status, 401)
            wait_until(lambda: daemon.status(signed(TWO, 'two')) == 200, 'the new key')
            self.assertEqual(socket.recv_close()[0], 4401)

    def test_waits(self):
        """Whose key may be in what is being read waits for it, whatever he asks for, and is let in; the others are answered meanwhile."""
        with Keyed(jwks((ONE, 'one')), env={'WSE_TEST_DEADLINE_MS': '30000'}) as daemon, daemon.open(signed(ONE, 'one')) as socket:
            daemon.write(jwks((ONE, 'one'), (TWO, 'two')))
            new = token('alice', TWO, 'ES256', {'kid': 'two'}, wse={'publish': ['user:alice']})
            stranger = signed(THREE, 'three')
            body = b'{"event_type":"A","user_id":"alice"}'

            def request(method, path, credential, rest=b'\r\n'):
                return f'{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credential}\r\n'.encode() + rest
            posted = b'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body)
            requests = [
                (request('GET', '/api/events?channel=global', new), 200), (request('POST', '/api/events', new, posted), 201),
                (handshake_request('/wse', 1, ('wse.v2',), bearer(new)), 101), (request('GET', '/sse', new), 200),
                (request('GET', '/api/events/stats', new), 403), (request('GET', '/api/events?channel=global', stranger), 401),
                (request('POST', '/api/events', stranger, posted), 401), (handshake_request('/wse', 1, ('wse.v2',), bearer(stranger)), 401),
            ]
            with Lease(daemon.path) as lease:
                streams = []
                for text, _ in requests:
                    streams.append(daemon.stream())
                    streams[-1].send(text)
                socket.send_json({'id': 'r', 'method': 'refresh', 'params': {'token': new}})
                lease.wait()
                # Some end while they wait.
                for _ in range(5):
                    with daemon.stream() as gone:
                        gone.send(requests[2][0])
                # A large body is not waited for.
                with daemon.stream() as large:
                    large.send(request('POST', '/api/events', new, b'Content-Length: 1000000\r\n\r\n'))
                    self.assertEqual(large.read_response().status, 401)
                for _ in range(3):
                    self.assertEqual(daemon.status(signed(ONE, 'one')), 200)
                self.assertEqual(select.select([stream.socket for stream in streams], [], [], 0)[0], [])
            for stream, (text, status) in zip(streams, requests):
                with self.subTest(text.split(b'\r\n')[0]):
                    head = stream.read_line()
                    self.assertEqual(int(head.split()[1]), status, head)
            socket.recv_until(lambda message: message.get('id') == 'r' and message['success'])
            for stream in streams:
                stream.close()

    def test_many(self):
        """256 wait, no more: who names a key that nobody knows cannot hold all the connections there are."""
        with Keyed(jwks((ONE, 'one')), env={'WSE_TEST_DEADLINE_MS': '30000'}) as daemon:
            request = f'GET /api/events?channel=global HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {signed(THREE, "three")}\r\n\r\n'.encode()
            with Lease(daemon.path) as lease:
                streams = [daemon.stream() for _ in range(300)]
                for stream in streams:
                    stream.send(request)
                lease.wait()
                wait_until(lambda: len(select.select([stream.socket for stream in streams], [], [], 0)[0]) == 44, 'the others to be answered')
                self.assertEqual(daemon.status(signed(ONE, 'one')), 200)
                self.assertEqual(daemon.status(signed(THREE, 'three')), 401)
            for stream in streams:
                self.assertEqual(stream.read_response().status, 401)
                stream.close()

    def test_stop(self):
        """A stop does not wait for it."""
        with Keyed(jwks((ONE, 'one')), keys=service('a', 'key-of-a')) as daemon:
            with Lease(daemon.path) as keys, Lease(daemon.keys) as services:
                daemon.process.send_signal(signal.SIGHUP)
                keys.wait()
                services.wait()
                daemon.stop()

    def test_twice(self):
        """What is written while an older state is being read is not missed."""
        with Keyed(jwks((ONE, 'one'))) as daemon:
            with Lease(daemon.path) as lease:
                daemon.process.send_signal(signal.SIGHUP)
                lease.wait()
                # Under the old name there is another file now; the thread has the first one.
                daemon.write(jwks((TWO, 'two')))
                daemon.process.send_signal(signal.SIGHUP)
                wait_until(lambda: daemon.status(signed(ONE, 'one')) == 200, 'the signal to be taken')
            wait_until(lambda: daemon.status(signed(ONE, 'one')) == 401, 'the newer file')
            self.assertEqual(daemon.status(signed(TWO, 'two')), 200)


if __name__ == '__main__':
    wse_test.main()
