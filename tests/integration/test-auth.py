#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Credentials: what is taken, how it is presented, what it permits, and that nothing of it is told to anybody."""

import base64
import json
import signal
import subprocess
import time
import unittest

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import wse_test
from wse_auth import SECRET, Guarded, bearer, jwk, service, token
from wse_sse import EventSource
from wse_socket import Refused

STREAMS = ('/wse', '/ws/events', '/ws/sessions', '/sse')
ROOT = token('root', wse={'subscribe': ['*'], 'publish': ['*'], 'monitor': True, 'admin': True})


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def raw(header, claims, signature=b''):
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return '.'.join(base64.urlsafe_b64encode(part).rstrip(b'=').decode() for part in parts)


class GuardedScenario(unittest.TestCase):
    """Cases that share one daemon that lets in who has a credential."""

    arguments = ()
    env = None
    keys = None
    jwt_key = SECRET

    @classmethod
    def setUpClass(cls):
        cls.daemon = Guarded(*cls.arguments, env=cls.env, keys=cls.keys, jwt_key=cls.jwt_key)
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def refusal(self, path, headers=None, **keywords):
        """The refusal of a stream, as an HTTP answer."""
        with self.assertRaises(Refused) as raised:
            if path.startswith('/sse'):
                EventSource(self.daemon.port, path, headers=headers)
            else:
                self.daemon.connect(path, headers=headers, **keywords)
        return raised.exception.response


class Doors(GuardedScenario):
    """Who gets in at all."""

    keys = service('shop', 'key-of-the-shop', publish=['user:*']) + service('watch', 'key-of-the-watch', monitor=True, subscribe=['session:*'])

    def test_closed(self):
        """Without a credential everything but the open endpoints is 401, with a challenge that names no error."""
        for method, path in (('GET', '/api/events'), ('POST', '/api/events'), ('GET', '/api/events/stats'), ('GET', '/metrics'),
                             ('GET', '/api/metrics'), ('POST', '/api/revocations')):
            with self.subTest(path=path, method=method):
                answer = self.daemon.request(method, path, b'{}' if method == 'POST' else None)
                self.assertEqual(answer.status, 401)
                self.assertEqual(answer.headers['www-authenticate'], 'Bearer realm="wse"')
                self.assertEqual(json.loads(answer.body)['error']['code'], 'unauthorized')
        for path in STREAMS:
            with self.subTest(path=path):
                answer = self.refusal(path)
                self.assertEqual((answer.status, answer.headers['www-authenticate']), (401, 'Bearer realm="wse"'))

    def test_open(self):
        for path in ('/', '/api/health'):
            with self.subTest(path=path):
                self.assertEqual(self.daemon.request('GET', path).status, 200)

    def test_refused(self):
        """A bad token is 401 everywhere, with why; neither it nor what it says is repeated."""
        now = time.time()
        bad = {
            'expired': token(exp=now - 1), 'expires now': token(exp=int(now)), 'early': token(nbf=now + 3600), 'other key': token(key='x' * 40),
            'no sub': token(sub=None), 'bad sub': token('a b'), 'aud': token(aud='somewhere-else'), 'number as sub': raw({'alg': 'HS256'}, {'sub': 7}),
            'none': raw({'alg': 'none'}, {'sub': 'alice'}), 'none, signed': raw({'alg': 'none'}, {'sub': 'alice'}, b'x' * 32),
            'crit': token(headers={'crit': ['exp']}), 'roles': token(roles='trader'), 'wse': token(wse={'publish': '*'}),
            'misspelt': token(wse={'filters': {}}), 'too long': token(x='y' * 9000), 'three dots': token() + '.', 'half': token().rsplit('.', 1)[0],
            'not base64': 'a.b!.c', 'nothing': '..', 'a key nobody has': 'key-of-nobody', 'a part of a key': 'key-of-the-sho',
        }
        for name, credential in bad.items():
            with self.subTest(token=name):
                answer = self.daemon.request('GET', '/api/events?channel=global', headers=bearer(credential))
                self.assertEqual(answer.status, 401)
                challenge = answer.headers['www-authenticate']
                self.assertRegex(challenge, r'^Bearer realm="wse", error="invalid_token", error_description="[^"\\]{8,}"$')
                for told in (challenge, answer.body.decode()):
                    for secret in ('alice', 'somewhere-else', 'trader', credential):
                        self.assertNotIn(secret, told)
        for path in STREAMS:
            self.assertEqual(self.refusal(path, bearer(bad['expired'])).status, 401)

    def test_presented(self):
        """How a token or a key comes: header, subprotocol; in the address only where that is allowed."""
        good = token()
        for headers, protocols in ((bearer(good), ()), ({'Authorization': f'bearer  {good}'}, ('wse.v2',)), ({}, ('wse.v2', f'bearer.{good}')),
                                   ({}, (f'bearer.{good}', 'wse.v2'))):
            with self.daemon.connect('/wse?history=0', headers=headers, protocols=protocols) as socket:
                self.assertEqual(socket.response.headers.get('sec-websocket-protocol'), 'wse.v2' if 'wse.v2' in protocols else None)
                self.assertTrue(socket.request('ping')['success'])
        self.assertEqual(self.refusal('/wse', protocols=(f'bearer.{good}',)).status, 400)
        self.assertEqual(self.refusal('/wse', bearer(good), protocols=('wse.v2', f'bearer.{good}')).status, 400)
        self.assertEqual(self.refusal(f'/wse?token={good}').status, 401)
        self.assertEqual(self.refusal(f'/wse?token={good}', bearer(good)).status, 400)
        self.assertEqual(self.refusal('/wse', {'Authorization': 'Basic YTpi'}).status, 401)
        self.assertEqual(self.daemon.request('GET', '/api/events?channel=global', headers={'X-API-Key': 'key-of-the-shop'}).status, 200)
        self.assertEqual(self.daemon.request('GET', '/api/events?channel=global', headers=bearer('key-of-the-shop')).status, 200)

    def test_identity(self):
        """Who one is comes from the token alone."""
        for parameter in ('user_id=bob', 'roles=a', 'teams=a'):
            for path in STREAMS:
                with self.subTest(path=path, parameter=parameter):
                    self.assertEqual(self.refusal(f'{path}?{parameter}', bearer(ROOT)).status, 400)
            for path in ('/api/events', '/api/events/stats', '/api/health', '/metrics'):
                with self.subTest(path=path, parameter=parameter):
                    self.assertEqual(self.daemon.request('GET', f'{path}?{parameter}', headers=bearer(ROOT)).status, 400)

    def test_services(self):
        """A service has its permissions, no user's channel, consumers of its own, and is not counted as a user."""
        shop, watch = 'key-of-the-shop', 'key-of-the-watch'
        self.assertEqual(self.daemon.ask(shop, 'POST', '/api/events', {'event_type': 'A', 'user_id': 'service-test'})[0], 201)
        self.assertEqual(self.daemon.ask(shop, 'POST', '/api/events', {'event_type': 'A', 'broadcast': True})[0], 403)
        self.assertEqual(self.daemon.ask(watch, 'POST', '/api/events', {'event_type': 'A', 'user_id': 'a'})[0], 403)
        self.assertEqual(self.daemon.ask(shop, 'GET', '/metrics')[0], 403)
        self.assertEqual(self.daemon.ask(watch, 'GET', '/metrics')[0], 200)
        sockets = [self.daemon.open(watch, '/wse?consumer=one') for _ in range(7)]
        hello = sockets[0].recv_control('hello')[1]
        self.assertRegex(hello['cursor'], '^global@[^,]*$')
        self.assertTrue(sockets[0].request('ack', {'cursor': hello['cursor']})['success'])
        for socket in sockets:
            socket.close()

    def test_connections_of_a_user(self):
        """The sixth of one sub is 429, whichever token it comes with."""
        sockets = [self.daemon.open(token('busy', jti=str(i)), '/ws/sessions') for i in range(5)]
        self.assertEqual(self.refusal('/wse', bearer(token('busy'))).status, 429)
        for socket in sockets:
            socket.close()

    def test_nothing_is_told(self):
        """No credential is in the log or the metrics, taken or refused."""
        good, bad = token('quiet', jti='secret-jti'), token('quiet', key='z' * 32)
        with self.daemon.open(good, '/wse') as socket:
            socket.request('ping')
        self.refusal('/wse', bearer(bad))
        self.refusal(f'/wse?token={good}')
        told = self.daemon.output() + self.daemon.request('GET', '/metrics', headers=bearer(ROOT)).body.decode()
        for secret in (good, bad, good.split('.')[2], bad.split('.')[2], 'secret-jti', SECRET, 'key-of-the-shop'):
            self.assertNotIn(secret, told)
        self.assertIn('wse_credentials_refused_total{reason="signature"}', told)


class Permissions(GuardedScenario):
    """What who is in may do (PROTOCOL section 5)."""

    def test_subscribed_at_once(self):
        with self.daemon.open(token('p1', roles=['trader', 'ops'], teams=['t1'])) as socket:
            channels = [place.split('@')[0] for place in socket.recv_control('hello')[1]['cursor'].split(',')]
        self.assertEqual(channels, ['user:p1', 'global', 'role:trader', 'role:ops', 'team:t1'])

    def test_channels(self):
        """channel=, subscribe and history: one's own and global need nothing, session: and system a pattern or monitor."""
        cases = [  # claims, permitted, not permitted
            ({}, ['user:p2', 'global', 'role:r', 'team:t'], ['user:p3', 'role:x', 'team:r', 'session:p2', 'system']),
            ({'wse': {'subscribe': ['session:p*', 'user:p3']}}, ['session:p2', 'user:p3', 'user:p2'], ['session:q', 'user:p33', 'system']),
            ({'wse': {'subscribe': ['system']}}, ['system'], ['session:p2']),
            ({'wse': {'monitor': True}}, ['system'], ['session:p2', 'user:p3']),
            ({'wse': {'subscribe': ['*']}}, ['system', 'session:p2', 'user:p3', 'role:x'], []),
            ({'wse': {'publish': ['*']}}, [], ['user:p3', 'system']),
        ]
        for claims, permitted, others in cases:
            credential = token('p2', roles=['r'], teams=['t'], **claims)
            with self.daemon.open(credential, '/ws/sessions') as socket:
                for channel in permitted + others:
                    with self.subTest(claims=claims, channel=channel):
                        expected = channel in permitted
                        self.assertEqual(self.daemon.ask(credential, 'GET', f'/api/events?channel={channel}')[0], 200 if expected else 403)
                        for method in ('subscribe', 'history'):
                            answer = socket.request(method, {'channel': channel})
                            self.assertEqual(answer['success'], expected, answer)
                            if not expected:
                                self.assertEqual(answer['error']['code'], 'forbidden')
                        if not expected:
                            self.assertEqual(self.refusal(f'/ws/events?channel={channel}', bearer(credential)).status, 403)
                            self.assertEqual(self.refusal(f'/sse?channel={channel}', bearer(credential)).status, 403)

    def test_defaults(self):
        """/ws/events is the channel system, and GET /api/events is, too."""
        self.assertEqual(self.refusal('/ws/events', bearer(token())).status, 403)
        self.assertEqual(self.daemon.ask(token(), 'GET', '/api/events')[0], 403)
        monitor = token(wse={'monitor': True})
        self.daemon.open(monitor, '/ws/events').close()
        self.assertEqual(self.daemon.ask(monitor, 'GET', '/api/events')[0], 200)

    def test_whole_log(self):
        """channel=* is for who may monitor, not for who may read every channel."""
        self.assertEqual(self.refusal('/ws/events?channel=*', bearer(token(wse={'subscribe': ['*']}))).status, 403)
        self.daemon.open(token(wse={'monitor': True}), '/ws/events?channel=*').close()

    def test_publish(self):
        credential = token('p4', wse={'publish': ['user:*', 'global']})
        post = lambda event: self.daemon.ask(credential, 'POST', '/api/events', event)
        self.assertEqual(post({'event_type': 'A', 'user_id': 'x'})[0], 201)
        self.assertEqual(post({'event_type': 'A', 'user_id': 'x', 'broadcast': True})[0], 201)
        for event in ({'role_id': 'x'}, {'user_id': 'x', 'role_id': 'x'}, {'session_id': 'x', 'user_id': 'x'}):
            status, answer = post({'event_type': 'A', **event})
            self.assertEqual((status, answer['error']['code']), (403, 'forbidden'))
        status, answer = post({'type': 'cache', 'metadata': {'operation': 'get', 'key': 'k'}})
        self.assertEqual((status, answer['error']['code']), (403, 'forbidden'))
        status, answer = post([{'event_type': 'A', 'user_id': 'x'}, {'event_type': 'A', 'team_id': 'x'}, {'event_type': 'A'}])
        self.assertEqual((status, answer['accepted']), (200, 1))
        self.assertEqual([(one['index'], one['error']['code']) for one in answer['rejected']], [(1, 'forbidden'), (2, 'no_route')])
        for claims in ({}, {'subscribe': ['*']}, {'admin': True}):
            self.assertEqual(self.daemon.ask(token('p4', wse=claims), 'POST', '/api/events', {'event_type': 'A', 'user_id': 'p4'})[0], 403)

    def test_operating(self):
        for path in ('/api/events/stats', '/metrics', '/api/metrics'):
            self.assertEqual(self.daemon.ask(token(wse={'subscribe': ['*'], 'publish': ['*']}), 'GET', path)[0], 403)
            self.assertEqual(self.daemon.ask(token(wse={'monitor': True}), 'GET', path)[0], 200)
        self.assertEqual(self.daemon.ask(token(wse={'monitor': True}), 'POST', '/api/revocations', {'jti': 'x'})[0], 403)

    def test_enforced_filter(self):
        """What a token lets through is ANDed to whatever is asked for: live, history, replay, pages."""
        user = 'filtered'
        strict = token(user, wse={'filter': {'types': ['order_update', 'cash'], 'severity': 'warning'}})

        def publish(n, kind='OrderPlaced', severity='warning'):
            event = {'event_type': kind, 'user_id': user, 'severity': severity, 'payload': {'n': n}}
            self.assertEqual(self.daemon.ask(ROOT, 'POST', '/api/events', event)[0], 201)

        def burst(base):
            publish(base)                        # passes
            publish(base + 1, severity='info')   # too mild
            publish(base + 2, 'Other')           # not its type
            publish(base + 3, 'cash', 'error')   # passes

        burst(0)
        numbers = lambda events: [event['p']['n'] for event in events if 'id' in event]
        with self.daemon.open(strict, '/wse?history=10') as socket:
            got = numbers(socket.recv_control('caught_up')[0])
            self.assertEqual(got, [0, 3])
            burst(10)
            self.assertEqual([socket.recv()['p']['n'] for _ in range(2)], [10, 13])
            answer = socket.request('history', {'channel': f'user:{user}'})
            self.assertEqual([event['p']['n'] for event in answer['result']['events']], [0, 3, 10, 13])
            # Of what the client asks for beside, both hold; a type is matched by its original name as well.
            answer = socket.request('subscribe', {'channel': f'user:{user}', 'types': ['OrderPlaced', 'Other'], 'severity': 'info', 'history': 10})
            self.assertTrue(answer['success'], answer)
            self.assertEqual(numbers(socket.recv_control('caught_up')[0]), [0, 10])
        with self.daemon.open(strict, f'/wse?types=Other,cash&after=user:{user}@{answer["result"]["cursor"].split("@")[1].split(":")[0]}:0') as socket:
            self.assertEqual(numbers(socket.recv_control('caught_up')[0]), [3, 13])
        status, page = self.daemon.ask(strict, 'GET', f'/api/events?channel=user:{user}&severity=error')
        self.assertEqual([event['metadata']['n'] for event in page['events']], [3, 13])
        status, page = self.daemon.ask(strict, 'GET', f'/api/events?channel=user:{user}')
        self.assertEqual([event['metadata']['n'] for event in page['events']], [0, 3, 10, 13])


class Keys(unittest.TestCase):
    """The forms of keys, and their being read again."""

    def daemon(self, text, *arguments, **keywords):
        """One whose key is a file with @text."""
        daemon = Guarded(*arguments, jwt_key='file:key', **keywords)
        self.write(daemon, text)
        return daemon

    def write(self, daemon, text):
        with open(f'{daemon.state}/key', 'w', encoding='utf-8') as file:
            file.write(text)

    def status(self, daemon, credential):
        return daemon.ask(credential, 'GET', '/api/events?channel=global')[0]

    def test_pem(self):
        """A public key fixes the algorithm; its text is no secret."""
        keys = {'RS256': rsa.generate_private_key(65537, 2048), 'ES256': ec.generate_private_key(ec.SECP256R1())}
        for algorithm, key in keys.items():
            other = keys['ES256' if algorithm == 'RS256' else 'RS256']
            with self.subTest(algorithm=algorithm), self.daemon(public_pem(key)) as daemon:
                good = token(key=key, algorithm=algorithm)
                self.assertEqual(self.status(daemon, good), 200)
                self.assertEqual(self.status(daemon, token(key=other, algorithm='ES256' if algorithm == 'RS256' else 'RS256')), 401)
                self.assertEqual(self.status(daemon, token(key=rsa.generate_private_key(65537, 2048), algorithm='RS256')), 401)
                self.assertEqual(self.status(daemon, raw({'alg': 'none'}, {'sub': 'alice'})), 401)
                head, body, signature = good.split('.')
                self.assertEqual(self.status(daemon, f'{head}.{body}.{signature[:-8]}'), 401)
                # python3-jwt refuses to sign with the text of a public key, so it is done by hand.
                signed = f'{raw({"alg": "HS256"}, {"sub": "alice"}).rsplit(".", 1)[0]}'
                mac = subprocess.run(['openssl', 'dgst', '-sha256', '-mac', 'hmac', '-macopt', f'hexkey:{public_pem(key).encode().hex()}', '-binary'],
                                     input=signed.encode(), capture_output=True, check=True).stdout
                self.assertEqual(self.status(daemon, f'{signed}.{base64.urlsafe_b64encode(mac).rstrip(b"=").decode()}'), 401)

    def test_set(self):
        """A JWKS: by kid; one that is not known has the file read again, but not at once a second time."""
        first, second, third = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        big = rsa.generate_private_key(65537, 2048)
        text = lambda *keys: json.dumps({'keys': [jwk(key, kid) for key, kid in keys] + [{'kty': 'OKP', 'crv': 'Ed25519', 'x': 'AA'}]})
        sign = lambda key, kid, algorithm='ES256': token(key=key, algorithm=algorithm, headers={'kid': kid} if kid else None)
        with self.daemon(text((first, 'one'), (big, 'big'))) as daemon:
            self.assertEqual(self.status(daemon, sign(first, 'one')), 200)
            self.assertEqual(self.status(daemon, sign(big, 'big', 'RS256')), 200)
            self.assertEqual(self.status(daemon, sign(big, None, 'RS256')), 200)
            self.assertEqual(self.status(daemon, sign(first, 'big')), 401)
            self.assertEqual(self.status(daemon, sign(second, 'one')), 401)
            self.write(daemon, text((second, 'two')))
            self.assertEqual(self.status(daemon, sign(first, 'one')), 200)
            self.assertEqual(self.status(daemon, sign(second, 'two')), 200)
            self.assertEqual(self.status(daemon, sign(first, 'one')), 401)
            self.write(daemon, text((third, 'three')))
            self.assertEqual(self.status(daemon, sign(third, 'three')), 401)
            daemon.process.send_signal(signal.SIGHUP)
            wse_test.wait_until(lambda: self.status(daemon, sign(third, 'three')) == 200, 'the keys to be read again')

    def test_damaged_file(self):
        """A file that cannot be read leaves what was."""
        with self.daemon(json.dumps({'kty': 'oct', 'k': base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip('=')}), allow='stay as they were') as daemon:
            self.write(daemon, '{"keys":[')
            daemon.process.send_signal(signal.SIGHUP)
            wse_test.wait_until(lambda: 'stay as they were' in daemon.output(), 'the complaint')
            self.assertEqual(self.status(daemon, token()), 200)

    def test_algorithms(self):
        """jwt-alg narrows what a key is for."""
        with Guarded('--jwt-alg=HS512') as daemon:
            self.assertEqual(self.status(daemon, token(algorithm='HS512')), 200)
            self.assertEqual(self.status(daemon, token(algorithm='HS256')), 401)
        with Guarded() as daemon:
            for algorithm in ('HS256', 'HS384', 'HS512'):
                self.assertEqual(self.status(daemon, token(algorithm=algorithm)), 200)

    def test_issuer_and_audience(self):
        with Guarded('--jwt-issuer=https://id.example', '--jwt-audience=wse,events') as daemon:
            self.assertEqual(self.status(daemon, token(iss='https://id.example', aud=['x', 'events'])), 200)
            for claims in ({}, {'iss': 'https://id.example'}, {'aud': 'wse'}, {'iss': 'https://id.example.org', 'aud': 'wse'},
                           {'iss': 'https://id.example', 'aud': 'wse2'}):
                self.assertEqual(self.status(daemon, token(**claims)), 401, claims)

    def test_services_read_again(self):
        """A service that is taken out of the file is refused, and its streams end; the others go on."""
        lines = {name: service(name, f'key-of-{name}', subscribe=['session:*']) for name in ('a', 'b')}
        with Guarded(keys=''.join(lines.values())) as daemon:
            self.assertEqual(self.status(daemon, 'key-of-a'), 200)
            daemon.write_keys(lines['b'])
            daemon.process.send_signal(signal.SIGHUP)
            wse_test.wait_until(lambda: self.status(daemon, 'key-of-a') == 401, 'the keys to be read again')
            self.assertEqual(self.status(daemon, 'key-of-b'), 200)


class Starts(unittest.TestCase):
    """What a start needs."""

    def refused(self, *arguments, env=None):
        daemon = Guarded(*arguments, jwt_key=None, env=env)
        done = subprocess.run(daemon.command(), env=daemon.environment(), cwd=daemon.state, capture_output=True, text=True, timeout=60, check=False)
        daemon.close()
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_nobody_could_be_let_in(self):
        said = self.refused()
        for word in ('WSE_JWT_KEY', 'WSE_API_KEYS', '--dev'):
            self.assertIn(word, said)

    def test_bad_keys(self):
        self.assertIn('32 bytes', self.refused(env={'WSE_JWT_KEY': 'too short'}))
        self.assertNotIn('too short', self.refused(env={'WSE_JWT_KEY': 'too short'}))
        self.assertIn('/nowhere', self.refused(env={'WSE_JWT_KEY': 'file:/nowhere'}))
        self.assertIn('/nowhere', self.refused(env={'WSE_API_KEYS': '/nowhere'}))
        self.assertIn('jwt-alg', self.refused(env={'WSE_JWT_KEY': SECRET, 'WSE_JWT_ALG': 'RS256'}))

    def test_any_address(self):
        """With authentication any address is taken: TLS may be a proxy's."""
        with Guarded(listen='127.0.0.1:0,0.0.0.0:0') as daemon:
            self.assertEqual(daemon.request('GET', '/api/health').status, 200)


class Urls(GuardedScenario):
    """Tokens in addresses, where the operator wants them."""

    env = {'WSE_ALLOW_URL_TOKEN': '1'}

    def test_in_the_address(self):
        self.daemon.connect(f'/wse?token={token()}').close()
        EventSource(self.daemon.port, f'/sse?token={token()}').close()
        self.assertEqual(self.refusal(f'/wse?token={token(exp=1)}').status, 401)
        self.assertEqual(self.refusal(f'/wse?token={token()}&token={token()}').status, 400)
        self.assertIn(self.daemon.ask(None, 'GET', f'/api/events?token={token()}')[0], (400, 401))
        self.assertNotIn('eyJ', self.daemon.output())


if __name__ == '__main__':
    wse_test.main()
