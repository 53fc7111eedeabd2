# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon with authentication on, and the tokens and keys to get in: signed by python3-jwt, which shares nothing with what verifies them."""

import base64
import hashlib
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from wse_sse import EventSource
from wse_test import Daemon

SECRET = 'a secret of the tests, 32 bytes or more'
UNSET = object()


def token(sub='alice', key=SECRET, algorithm='HS256', headers=None, exp=UNSET, **claims):
    """A token; `exp` is an hour from now where it is not given, None leaves it out. A claim that is None is left out."""
    claims = {'sub': sub, 'exp': time.time() + 3600 if exp is UNSET else exp, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm=algorithm, headers=headers)


def jwk(key, kid=None):
    """The public half of @key, an RSA or an EC one, for a JWKS."""
    if isinstance(key, rsa.RSAPrivateKey):
        value = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), 'use': 'sig'}
    else:
        numbers = key.public_key().public_numbers()
        x, y = (base64.urlsafe_b64encode(n.to_bytes(32, 'big')).rstrip(b'=').decode() for n in (numbers.x, numbers.y))
        value = {'kty': 'EC', 'crv': 'P-256', 'x': x, 'y': y}
    return {**value, 'kid': kid} if kid else value


def bearer(credential):
    return {'Authorization': f'Bearer {credential}'}


def service(name, key, **permissions):
    """A line of the file of API keys."""
    return json.dumps({'name': name, 'sha256': hashlib.sha256(key.encode()).hexdigest(), **permissions}) + '\n'


class Guarded(Daemon):
    """A wsed that lets in who has a credential. @keys: text of the file of API keys; @jwt_key None: no tokens are taken."""

    def __init__(self, *arguments, jwt_key=SECRET, keys=None, env=None, **keywords):
        super().__init__(*arguments, env=dict(env or {}), **keywords)
        self.keys = f'{self.state}/api-keys'
        if jwt_key:
            self.extra['WSE_JWT_KEY'] = jwt_key
        if keys is not None:
            self.write_keys(keys)
            self.extra['WSE_API_KEYS'] = self.keys

    def command(self):
        return [argument for argument in super().command() if argument != '--dev']

    def write_keys(self, text):
        with open(self.keys, 'w', encoding='utf-8') as file:
            file.write(text)

    # As who has @credential; None: without one.

    def ask(self, credential, method, path, body=None, headers=None):
        fields = {**(bearer(credential) if credential else {}), **(headers or {})}
        answer = self.request(method, path, json.dumps(body).encode() if body is not None else None, fields)
        return answer.status, json.loads(answer.body) if answer.body.startswith((b'{', b'[')) else answer.body

    def open(self, credential, path='/wse', protocols=('wse.v2',), headers=None, **keywords):
        return self.connect(path, protocols=protocols, headers={**bearer(credential), **(headers or {})}, **keywords)

    def events(self, credential, path='/sse', **keywords):
        return EventSource(self.port, path, headers=bearer(credential), **keywords)
