#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Open connections and their credentials: expiry, refresh, revocation."""

import json
import signal
import time
import unittest

import wse_test
from wse_auth import SECRET, Guarded, bearer, service, token
from wse_socket import Closed, Refused

ADMIN = token('root', wse={'subscribe': ['*'], 'publish': ['*'], 'admin': True})


def expires(seconds):
    return time.time() + seconds


class Expiry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Guarded('--heartbeat-interval=3600', '--max-connections-per-user=50')
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def publish(self, **event):
        status, answer = self.daemon.ask(ADMIN, 'POST', '/api/events', {'event_type': 'A', **event})
        self.assertEqual(status, 201, answer)

    def test_closes(self):
        """A connection ends with 4401 when its token does: not before, and without waiting for a heartbeat."""
        end = expires(1.5)
        others = [self.daemon.open(token('e1', exp=expires(3600))) for _ in range(3)]
        for path in ('/wse', '/ws/sessions', '/ws/events?channel=global'):
            with self.subTest(path=path), self.daemon.open(token('e1', exp=end), path) as socket:
                code, reason = socket.recv_close()
                self.assertEqual(code, 4401)
                self.assertGreaterEqual(time.time(), end)
                self.assertNotIn('e1', reason)
            end = expires(1.5)
        with self.daemon.events(token('e1', exp=end)) as stream:
            stream.read_all()
            self.assertGreaterEqual(time.time(), end)
        for socket in others:
            self.assertTrue(socket.request('ping')['success'])
            socket.close()

    def test_many(self):
        """Each at its own time, in whatever order they came."""
        ends = [expires(1.5 + (i * 7 % 20) / 20) for i in range(20)]
        sockets = [self.daemon.open(token(f'm{i}', exp=end), '/ws/sessions') for i, end in enumerate(ends)]
        for i in sorted(range(20), key=lambda i: ends[i]):
            self.assertEqual(sockets[i].recv_close()[0], 4401)
            self.assertGreaterEqual(time.time(), ends[i])
            sockets[i].close()

    def test_refresh(self):
        """A new token of the same sub takes the old one's place: the connection lives on, to the new one's end."""
        first, second = expires(2), expires(4)
        with self.daemon.open(token('r1', exp=first), '/wse?history=0') as socket:
            answer = socket.request('refresh', {'token': token('r1', exp=second)})
            self.assertTrue(answer['success'], answer)
            self.assertRegex(answer['result']['expires_at'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
            self.publish(user_id='r1', payload={'n': 1})
            socket.recv_until(lambda message: message.get('p', {}).get('n') == 1)
            self.assertEqual(socket.recv_close()[0], 4401)
            self.assertGreaterEqual(time.time(), second)
        with self.daemon.open(token('r1', exp=expires(600)), '/wse?history=0') as socket:
            self.assertIsNone(socket.request('refresh', {'token': token('r1', exp=None)})['result']['expires_at'])

    def test_refresh_refused(self):
        """Another sub is forbidden, a bad token refused; the old one stays."""
        end = expires(2)
        with self.daemon.open(token('r2', exp=end), '/wse?history=0') as socket:
            for credential, code in ((token('other'), 'forbidden'), (token('r2', exp=1), 'unauthorized'), (token('r2', key='y' * 40), 'unauthorized'),
                                     ('nonsense', 'unauthorized'), ('', 'unauthorized'), ('.' * 9000, 'unauthorized')):
                answer = socket.request('refresh', {'token': credential})
                self.assertEqual((answer['success'], answer['error']['code']), (False, code))
                self.assertNotIn('other', answer['error']['message'].replace('of another', ''))
            for params in (None, {}, {'token': 7}, {'token': None}, {'tokens': 'x'}):
                self.assertEqual(socket.request('refresh', params)['error']['code'], 'invalid')
            self.publish(user_id='r2', payload={'n': 1})
            socket.recv_until(lambda message: message.get('p', {}).get('n') == 1)
            self.assertEqual(socket.recv_close()[0], 4401)
            self.assertGreaterEqual(time.time(), end)

    def test_refresh_drops(self):
        """Subscriptions that the new token does not permit end, and each is told; the others go on."""
        before = token('r3', roles=['a', 'b'], wse={'subscribe': ['session:*']})
        with self.daemon.open(before, '/wse?history=0') as socket:
            self.publish(session_id='s1', payload={'n': 0})
            socket.recv_control('caught_up')
            for session in ('s1', 's2'):
                self.assertTrue(socket.request('subscribe', {'session_id': session, 'history': 5})['success'])
                socket.recv_control('caught_up')
            self.assertTrue(socket.request('refresh', {'token': token('r3', roles=['b'], wse={'subscribe': ['session:s2']})})['success'])
            self.publish(role_id='a', payload={'n': 1})
            self.publish(session_id='s1', payload={'n': 2})
            self.publish(role_id='b', payload={'n': 3})
            self.publish(session_id='s2', payload={'n': 4})
            self.publish(user_id='r3', payload={'n': 5})
            got = []
            while not {3, 4, 5} <= {message.get('p', {}).get('n') for message in got}:
                got.append(socket.recv())
            gaps = {message['p']['channel']: message['p'] for message in got if message.get('t') == 'gap'}
            self.assertEqual({channel: gap['reason'] for channel, gap in gaps.items()}, {'role:a': 'permission', 'session:s1': 'permission'})
            self.assertEqual((gaps['session:s1']['from'], gaps['session:s1']['to']), (2, 1))
            numbers = [message['p']['n'] for message in got if 'n' in message.get('p', {})]
            self.assertEqual(sorted(numbers), [3, 4, 5])
            self.assertEqual(socket.request('subscribe', {'channel': 'role:a'})['error']['code'], 'forbidden')
            self.assertTrue(socket.request('subscribe', {'channel': 'role:b'})['success'])

    def test_refresh_filter(self):
        """Another enforced filter ends what was subscribed to under the old one; what is subscribed to then is filtered by the new one."""
        with self.daemon.open(token('r4', wse={'filter': {'types': ['x']}}), '/wse?history=0') as socket:
            socket.recv_control('caught_up')
            self.assertTrue(socket.request('refresh', {'token': token('r4', wse={'filter': {'types': ['y']}})})['success'])
            gaps = [socket.recv_control('gap')[1] for _ in range(2)]
            self.assertEqual({gap['channel'] for gap in gaps}, {'user:r4', 'global'})
            self.assertTrue(socket.request('subscribe', {'channel': 'user:r4'})['success'])
            for n, kind in enumerate('xyxy'):
                self.assertEqual(self.daemon.ask(ADMIN, 'POST', '/api/events', {'event_type': kind, 'user_id': 'r4', 'payload': {'n': n}})[0], 201)
            numbers = []
            while len(numbers) < 2:
                message = socket.recv()
                numbers += [message['p']['n']] if 'id' in message else []
            self.assertEqual(numbers, [1, 3])

    def test_refresh_same_filter(self):
        """The same filter again ends nothing."""
        credential = lambda: token('r5', wse={'filter': {'types': ['x']}}, jti=str(time.time()))
        with self.daemon.open(credential(), '/wse?history=0') as socket:
            self.assertTrue(socket.request('refresh', {'token': credential()})['success'])
            self.assertEqual(self.daemon.ask(ADMIN, 'POST', '/api/events', {'event_type': 'x', 'user_id': 'r5'})[0], 201)
            got = socket.recv_until(lambda message: 'id' in message)
            self.assertNotIn('gap', [message.get('t') for message in got])


class Revocation(unittest.TestCase):
    def revoke(self, daemon, body, expected=201):
        status, answer = daemon.ask(ADMIN, 'POST', '/api/revocations', body)
        self.assertEqual(status, expected, answer)
        return answer

    def refused(self, daemon, credential):
        self.assertEqual(daemon.ask(credential, 'GET', '/api/events?channel=global')[0], 401)
        with self.assertRaises(Refused) as raised:
            daemon.open(credential)
        self.assertEqual(raised.exception.status, 401)

    def test_jti(self):
        """One token, at once, on open connections too, and across kill -9."""
        bad, good = token('v1', jti='bad'), token('v1', jti='good')
        with Guarded() as daemon:
            bad_socket, good_socket, stream = daemon.open(bad), daemon.open(good), daemon.events(bad)
            self.revoke(daemon, {'jti': 'bad', 'exp': time.time() + 3600})
            self.assertEqual(bad_socket.recv_close()[0], 4401)
            stream.read_all()
            self.refused(daemon, bad)
            self.assertTrue(good_socket.request('ping')['success'])
            self.assertEqual(good_socket.request('refresh', {'token': bad})['error']['code'], 'unauthorized')
            self.assertTrue(good_socket.request('ping')['success'])
            daemon.kill()
            daemon.start()
            self.refused(daemon, bad)
            daemon.open(good).close()
            for socket in (bad_socket, good_socket, stream):
                socket.close()

    def test_sub(self):
        """All of a user's that were issued up to a time; one that does not say when is among them."""
        now = time.time()
        with Guarded() as daemon:
            old, silent, new, other = token('v2', iat=now - 100), token('v2'), token('v2', iat=now - 10), token('v3', iat=now - 100)
            sockets = {name: daemon.open(credential) for name, credential in (('old', old), ('silent', silent), ('new', new), ('other', other))}
            self.revoke(daemon, {'sub': 'v2', 'iat': now - 50})
            for name in ('old', 'silent'):
                self.assertEqual(sockets[name].recv_close()[0], 4401)
            for name in ('new', 'other'):
                self.assertTrue(sockets[name].request('ping')['success'])
            for credential in (old, silent):
                self.refused(daemon, credential)
            self.revoke(daemon, {'sub': 'v2'})
            self.assertEqual(sockets['new'].recv_close()[0], 4401)
            daemon.kill()
            daemon.start()
            for credential in (old, silent, new):
                self.refused(daemon, credential)
            daemon.open(token('v2', iat=time.time() + 1)).close()
            for socket in sockets.values():
                socket.close()

    def test_bad(self):
        with Guarded() as daemon:
            for body in ({}, {'jti': 7}, {'jti': 'a', 'sub': 'b'}, {'sub': 'a b'}, {'jti': 'a', 'extra': 1}, [], 'x'):
                self.revoke(daemon, body, 422)
            self.assertEqual(daemon.request('POST', '/api/revocations', None, bearer(ADMIN)).status, 400)
            self.assertEqual(daemon.request('GET', '/api/revocations', None, bearer(ADMIN)).status, 405)
            self.assertEqual(daemon.request('POST', '/api/revocations?x=1', b'{"jti":"a"}', bearer(ADMIN)).status, 400)

    def test_service(self):
        """A service whose line is taken out or changed is put out; the others stay."""
        lines = {name: service(name, f'key-of-{name}', subscribe=['session:*']) for name in ('a', 'b', 'c')}
        with Guarded(keys=''.join(lines.values())) as daemon:
            sockets = {name: daemon.open(f'key-of-{name}', '/ws/sessions') for name in lines}
            daemon.write_keys(lines['b'] + service('c', 'key-of-c'))
            daemon.process.send_signal(signal.SIGHUP)
            for name in ('a', 'c'):
                self.assertEqual(sockets[name].recv_close()[0], 4401)
            self.assertTrue(sockets['b'].request('ping')['success'])
            self.assertEqual(sockets['b'].request('refresh', {'token': token()})['error']['code'], 'forbidden')
            for socket in sockets.values():
                socket.close()


if __name__ == '__main__':
    wse_test.main()
