#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""200 users who try each other's channels, cursors, consumers and tokens, at random: each gets all that is theirs, and of the others nothing,
neither an event nor a word in an error."""

import collections
import json
import os
import random
import re
import unittest

import wse_test
from wse_auth import Guarded, bearer, token
from wse_socket import Refused

USERS = 200
STEPS = int(os.environ.get('WSE_TEST_STEPS', '3000'))
TEAMS = 20
SECRET_OF = re.compile(r'secret-of-([a-z]+[0-9]+)')
PUBLISHER = token('publisher', wse={'publish': ['*']})


class User:
    def __init__(self, daemon, number):
        self.daemon = daemon
        self.name = f'u{number}'
        self.team = f't{number % TEAMS}'
        self.session = f's{number}'
        self.own = {self.name, self.team, self.session}
        self.token = token(self.name, teams=[self.team], wse={'subscribe': [f'session:{self.session}']})
        self.cursor = None
        self.received = collections.Counter()
        self.socket = daemon.open(self.token, f'/wse?history=0&consumer=reader')
        self.socket.recv_control('caught_up')
        self.answers = []

    def channels(self):
        return f'user:{self.name}', f'team:{self.team}', f'session:{self.session}'


class Isolation(unittest.TestCase):
    def check(self, user, text, doing):
        """Whatever a user is told holds only what is theirs."""
        for owner in SECRET_OF.findall(text):
            self.assertIn(owner, user.own, f'{user.name} got what is {owner}’s by {doing}: {text[:400]}')

    def publish(self, member, owner):
        self.n += 1
        status, answer = self.daemon.ask(PUBLISHER, 'POST', '/api/events',
                                         {'event_type': 'A', member: owner, 'message': f'secret-of-{owner}', 'payload': {'n': self.n, 'of': f'secret-of-{owner}'}})
        self.assertEqual(status, 201, answer)
        self.published[owner].append(self.n)

    def command(self, user, method, params, doing, forbidden=None):
        """A command on the user's connection; what came meanwhile is kept to be looked at."""
        answer = user.socket.request(method, params)
        text = json.dumps(answer, ensure_ascii=False)
        self.check(user, text, doing)
        if forbidden:
            self.assertFalse(answer['success'], f'{doing} was done: {text[:300]}')
            self.assertIn(answer['error']['code'], forbidden, f'{doing}: {text}')
            # The same words whether there is such a channel or not, and nobody's name in them.
            self.assertNotRegex(answer['error']['message'], r'\b[ust]\d+\b')
        return answer

    def get(self, user, path, doing, expected):
        answer = self.daemon.request('GET', path, headers=bearer(user.token))
        self.check(user, answer.body.decode() + str(answer.headers), doing)
        self.assertIn(answer.status, expected, f'{doing}: {answer.body[:300]}')
        return answer

    def refused(self, user, path, doing, expected=(400, 403), credential=None):
        try:
            self.daemon.open(credential or user.token, path).close()
        except Refused as refused:
            self.assertIn(refused.status, expected, doing)
            self.check(user, refused.response.body.decode(), doing)
        else:
            self.fail(f'{user.name} got in by {doing}')

    # The attempts of one user at what is another's.

    def try_subscribe(self, user, other):
        channel = self.random.choice(other.channels())
        params = {'channel': channel, **self.random.choice([{}, {'history': 100}, {'after': other.cursor}, {'types': ['A']}])}
        if channel in user.channels():
            return
        self.command(user, 'subscribe', params, f'subscribe {params}', {'forbidden'})

    def try_session(self, user, other):
        self.command(user, 'subscribe', {'session_id': other.session, 'history': 10}, 'subscribe to a session', {'forbidden'})

    def try_history(self, user, other):
        channel = self.random.choice(other.channels())
        if channel not in user.channels():
            self.command(user, 'history', {'channel': channel, 'after': other.cursor, 'limit': 1000}, f'history of {channel}', {'forbidden'})
        self.command(user, 'history', {'channel': f'user:{user.name}', 'after': other.cursor}, 'own history after a foreign cursor')

    def try_ack(self, user, other):
        self.command(user, 'ack', {'cursor': other.cursor}, 'ack of a foreign cursor', {'bad_cursor'})

    def try_refresh(self, user, other):
        self.command(user, 'refresh', {'token': other.token}, 'a foreign token', {'forbidden'})

    def try_page(self, user, other):
        channel = self.random.choice(other.channels())
        own = channel in user.channels()
        self.get(user, f'/api/events?channel={channel}&after={other.cursor}', f'a page of {channel}', (200,) if own else (403,))
        self.get(user, f'/api/events?channel=user:{user.name}&user_id={other.name}', 'a foreign name', (400,))
        self.get(user, '/api/events?channel=system', 'system', (403,))

    def try_operate(self, user, other):
        for path in ('/api/connections', f'/api/connections?user={other.name}', '/metrics', '/api/events/stats'):
            self.get(user, path, path, (403,))
        for path in (f'/api/connections?user={other.name}', f'/api/channels/user:{other.name}'):
            answer = self.daemon.request('DELETE', path, headers=bearer(user.token))
            self.assertEqual(answer.status, 403, path)

    def try_publish(self, user, other):
        for member in ('user_id', 'team_id', 'session_id', 'broadcast'):
            status, answer = self.daemon.ask(user.token, 'POST', '/api/events', {'event_type': 'A', member: member == 'broadcast' or other.name, 'event_id': 'x'})
            self.assertEqual(status, 403, answer)

    def try_connect(self, user, other):
        channel = self.random.choice(other.channels())
        if channel not in user.channels():
            self.refused(user, f'/ws/events?channel={channel}&history=10', f'channel={channel}')
            self.refused(user, f'/ws/events?channel=user:{user.name}&channel={channel}', f'channel={channel} beside an own one')
        self.refused(user, '/ws/events?channel=*', 'channel=*')
        self.refused(user, f'/wse?user_id={other.name}', 'user_id')
        self.refused(user, f'/wse?teams={other.team}', 'teams')

    def try_resume(self, user, other):
        """A foreign cursor, and a consumer of the same name: what comes is one's own."""
        with self.daemon.open(user.token, f'/wse?after={other.cursor}') as socket:
            for message in socket.recv_until(lambda message: message.get('t') == 'caught_up'):
                self.check(user, json.dumps(message), 'resuming at a foreign cursor')
        with self.daemon.open(user.token, '/wse?consumer=reader') as socket:
            for message in socket.recv_until(lambda message: message.get('t') == 'caught_up'):
                self.check(user, json.dumps(message), 'a consumer of the same name')

    def test_isolation(self):
        self.random = random.Random(os.environ.get('WSE_TEST_SEED', '5'))
        self.published = collections.defaultdict(list)
        self.n = 0
        attempts = [getattr(self, name) for name in sorted(dir(self)) if name.startswith('try_')]
        with Guarded() as self.daemon:
            users = [User(self.daemon, number) for number in range(USERS)]
            for user in users:
                self.assertTrue(user.socket.request('subscribe', {'session_id': user.session})['success'])
                self.publish('user_id', user.name)
                answer = self.daemon.request('GET', f'/api/events?channel=user:{user.name}', headers=bearer(user.token))
                user.cursor = json.loads(answer.body)['cursor']
            for step in range(STEPS):
                user, other = self.random.sample(users, 2)
                self.random.choice(attempts)(user, other)
                if step % 3 == 0:
                    member, owner = self.random.choice([('user_id', user.name), ('team_id', user.team), ('session_id', user.session)])
                    self.publish(member, owner)
            for user in users:
                expected = sorted(n for owner in user.own for n in self.published[owner])
                got = []
                while len(got) < len(expected):
                    text = user.socket.recv_text()
                    self.check(user, text, 'being connected')
                    message = json.loads(text)
                    got += [message['p']['n']] if 'id' in message and 'p' in message else []
                self.assertEqual(sorted(got), expected)
                for text in user.socket.settle():
                    self.check(user, text, 'being connected')
                    self.assertNotIn('secret', text)
                user.socket.close()


if __name__ == '__main__':
    wse_test.main()
