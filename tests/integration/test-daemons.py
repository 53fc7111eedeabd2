# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several daemons on one log in PostgreSQL: what is published at one is read at all of them, in one order, without a hole or a double, whoever
dies; and what holds for a user holds at all of them."""

import contextlib
import json
import random
import shutil
import signal
import threading
import time

from wse_auth import Guarded, bearer, token
from wse_postgres import Postgres
from wse_redis import Redis
from wse_socket import Closed, Refused
from wse_sse import EventSource
from wse_test import Daemon, main, wait_until

import unittest

ADMIN = token('root', wse={'admin': True, 'monitor': True, 'publish': ['*'], 'subscribe': ['*']})
# What a relay that is cut off, or a daemon that is gone, is told of.
ALLOW = 'relay|PostgreSQL|log|connection|redis'


def setUpModule():
    global postgres
    postgres = Postgres('fsync=off')
    postgres.start()


def tearDownModule():
    postgres.close()


def tick(user, payload, event_id=None):
    return {'event_type': 'tick', 'user_id': user, 'payload': payload, **({'event_id': event_id} if event_id else {})}


class Several(unittest.TestCase):
    """Daemons on one new log, which end with the case."""

    kind = Daemon
    env = None

    def start(self, count, *arguments):
        self.uri = postgres.new()
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        daemons = [self.stack.enter_context(self.kind('--workers=2', *arguments, log=self.uri, env=self.env, allow=ALLOW)) for _ in range(count)]
        for daemon in daemons:
            self.ready(daemon, count - 1)
        return daemons

    def database(self):
        return self.uri.split('/')[3].split('?')[0]

    def cut(self):
        """Ends the relays' connections; how many."""
        return int(postgres.ask(self.database(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                "AND datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_notify(''wse_daemons%')"))

    def ready(self, daemon, others):
        wait_until(lambda: daemon.output().count('another daemon of this log is here') >= others, 'the daemons to hear of each other')

    def connect(self, daemon, path, **keywords):
        client = self.stack.enter_context(daemon.connect(path, **keywords))
        client.recv_control('caught_up')
        return client


def read_all(client, wanted, got, key=lambda message: message.get('seq')):
    """Reads until what was published last has come in each of the @wanted channels."""
    left = set(wanted)
    while left:
        message = client.recv()
        if 'seq' in message:
            got.setdefault(message['ch'], []).append(key(message))
            if message['p'] == 'last':
                left.discard(message['ch'])


class Order(Several):
    def test_complete(self):
        """under load from three daemons, each reader at each of them gets each event of its channels once, in order; and all the same whole"""
        daemons = self.start(3)
        users, chance = [f'u{i}' for i in range(30)], random.Random(1)
        readers, threads, whole = [], [], []
        for daemon in daemons:
            for _ in range(3):
                wanted = [f'user:{user}' for user in chance.sample(users, 10)]
                client = self.connect(daemon, '/ws/events?format=v2&history=0&' + '&'.join(f'channel={name}' for name in wanted))
                got = {}
                readers.append((wanted, got))
                threads.append(threading.Thread(target=read_all, args=(client, wanted, got)))
            client = self.connect(daemon, '/ws/events?format=v2&history=0&channel=*')
            got = {}
            whole.append(got)
            threads.append(threading.Thread(target=read_all, args=(client, [f'user:{user}' for user in users], got,
                                                                  lambda message: (message['seq'], message['id']))))
        for thread in threads:
            thread.start()

        def publish(daemon, seed):
            mine = random.Random(seed)
            for _ in range(40):
                answer = daemon.publish_lines([tick(mine.choice(users), 'x' * mine.randrange(200)) for _ in range(mine.randrange(1, 60))])
                self.assertEqual(answer['rejected'], [])

        publishers = [threading.Thread(target=publish, args=(daemon, i)) for i, daemon in enumerate(daemons * 2)]
        for thread in publishers:
            thread.start()
        for thread in publishers:
            thread.join()
        daemons[0].publish_lines([tick(user, 'last') for user in users])
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive(), 'a reader misses something')
        for wanted, got in readers:
            for name in wanted:
                self.assertEqual(got[name], list(range(1, len(got[name]) + 1)))
                self.assertEqual(len(got[name]), len(whole[0][name]))
        self.assertEqual(whole[0], whole[1])
        self.assertEqual(whole[0], whole[2])

    def test_wandering(self):
        """a reader that comes back to another daemon with its cursor, again and again, misses nothing and has nothing twice"""
        daemons = self.start(2)
        done = threading.Event()

        def publish(daemon):
            while not done.is_set():
                daemon.publish_lines([tick('w', i) for i in range(20)] + [tick('other', i) for i in range(20)])

        publishers = [threading.Thread(target=publish, args=(daemon,)) for daemon in daemons]
        epoch = self.head(daemons[0], 'user:w')
        for thread in publishers:
            thread.start()
        seq, chance = 0, random.Random(2)
        try:
            for i in range(40):
                with daemons[i % 2].connect(f'/wse?user_id=w&after=user:w@{epoch}:{seq}') as client:
                    for _ in range(chance.randrange(1, 200)):
                        message = client.recv_until(lambda message: 'seq' in message)[-1]
                        self.assertEqual(message['seq'], seq + 1)
                        seq += 1
                    client.abort()
        finally:
            done.set()
            for thread in publishers:
                thread.join()

    def head(self, daemon, channel):
        return daemon.get(f'/api/events?channel={channel}')['cursor'].split('@')[1].split(':')[0]

    def test_joining(self):
        """who subscribes while others publish elsewhere begins exactly where the answer says"""
        daemons = self.start(2)
        done = threading.Event()

        def publish():
            while not done.is_set():
                daemons[0].publish_lines([tick('j', i) for i in range(5)])

        publisher = threading.Thread(target=publish)
        publisher.start()
        try:
            for _ in range(60):
                with daemons[1].connect('/wse?user_id=j&history=0') as client:
                    _, hello = client.recv_control('hello')
                    first = next(int(place.rsplit(':', 1)[1]) for place in hello['cursor'].split(',') if place.startswith('user:j@'))
                    got = [client.recv_until(lambda message: 'seq' in message)[-1]['seq'] for _ in range(8)]
                    self.assertEqual(got, list(range(first + 1, first + 9)))
                    client.abort()
        finally:
            done.set()
            publisher.join()

    def test_event_source(self):
        """an EventSource goes on at another daemon behind its last id"""
        daemons = self.start(2)
        last, got = None, []
        for i in range(6):
            for daemon in daemons:
                daemon.publish_lines([tick('s', 10 * i + k) for k in range(5)])
            with EventSource(daemons[i % 2].port, '/sse?user_id=s&history=100', last=last) as client:
                while len(got) < 10 * (i + 1):
                    got.append(client.recv()['seq'])
                last = client.last
        self.assertEqual(got, list(range(1, 61)))

    def test_consumer(self):
        """an ack at one daemon is where another one begins"""
        daemons = self.start(2)
        daemons[0].publish_lines([tick('c', i) for i in range(10)])
        with daemons[0].connect('/wse?user_id=c&consumer=phone&history=0') as client:
            seen = [client.recv_until(lambda message: 'seq' in message)[-1] for _ in range(10)]
            epoch = self.head(daemons[0], 'user:c')
            self.assertTrue(client.request('ack', {'cursor': f'user:c@{epoch}:7'})['success'])
            client.finish()
        self.assertEqual(len(seen), 10)
        with daemons[1].connect('/wse?user_id=c&consumer=phone') as client:
            self.assertEqual([client.recv_until(lambda message: 'seq' in message)[-1]['seq'] for _ in range(3)], [8, 9, 10])
            self.assertTrue(client.request('ack', {'cursor': f'user:c@{epoch}:10'})['success'])
            client.finish()
        with daemons[0].connect('/wse?user_id=c&consumer=phone') as client:
            self.assertEqual([message for message in client.recv_control('caught_up')[0] if 'seq' in message], [])
            client.finish()


class Death(Several):
    def test_killed(self):
        """kill -9 of one that publishes: what it answered for is delivered at the other, once"""
        first, second = self.start(2)
        got, answered = {}, []
        client = self.connect(second, '/wse?user_id=k&history=0')
        reader = threading.Thread(target=read_all, args=(client, ['user:k'], got, lambda message: message['id']))
        reader.start()

        def publish():
            with contextlib.suppress(OSError, ValueError):
                for i in range(100000):
                    first.publish(tick('k', i, f'k{i}'))
                    answered.append(f'k{i}')

        publisher = threading.Thread(target=publish)
        publisher.start()
        wait_until(lambda: len(answered) > 50, 'some to be published')
        first.kill()
        publisher.join()
        second.publish(tick('k', 'last', 'last'))
        reader.join(30)
        self.assertFalse(reader.is_alive())
        self.assertEqual(got['user:k'][:len(answered)], answered)
        self.assertEqual(len(got['user:k']), len(set(got['user:k'])))
        self.assertLessEqual(len(got['user:k']), len(answered) + 2)

    def test_stopped(self):
        """the database is killed, then a daemon is held still: readers of both have everything once, in order, and go on by themselves"""
        first, second = self.start(2)
        done, published, readers = threading.Event(), [], []

        def publish():
            while not done.is_set():
                event = tick('d', len(published), f'd{len(published)}')
                with contextlib.suppress(OSError):
                    if first.post(event)[0] in (200, 201):
                        published.append(event['event_id'])
                        continue
                time.sleep(0.05)

        publisher = threading.Thread(target=publish)
        for daemon in (first, second):
            got = {}
            client = self.connect(daemon, '/wse?user_id=d&history=0')
            readers.append((threading.Thread(target=read_all, args=(client, ['user:d'], got, lambda message: message['id'])), got))
        for thread in (publisher, *(reader for reader, _ in readers)):
            thread.start()
        self.publish_more(published)
        postgres.kill()
        time.sleep(1)
        postgres.start()
        self.publish_more(published)
        second.process.send_signal(signal.SIGSTOP)
        self.publish_more(published)
        time.sleep(2)
        second.process.send_signal(signal.SIGCONT)
        self.publish_more(published)
        done.set()
        publisher.join()
        wait_until(lambda: second.post(tick('d', 'last', 'last'))[0] in (200, 201), 'the one that was held to write again')
        for reader, got in readers:
            reader.join(30)
            self.assertFalse(reader.is_alive())
            self.assertEqual(got['user:d'], published + ['last'])

    def publish_more(self, published):
        wait_until(lambda before=len(published): len(published) > before + 40, 'more to be published')

    def test_strayed(self):
        """a log that lost its end behind a daemon's back ends the daemon: what it gives out next would have the old numbers"""
        self.start(0)
        daemon = Daemon(log=self.uri, allow='the log was changed')
        self.addCleanup(shutil.rmtree, daemon.state)
        daemon.start()
        daemon.publish(tick('z', 1), tick('z', 2))
        client = self.connect(daemon, '/wse?user_id=z&history=0')
        postgres.ask(self.database(), 'BEGIN; DELETE FROM wse.entry WHERE n = 2; DELETE FROM wse.place WHERE n = 2; UPDATE wse.channel SET head = 1; '
                                      'UPDATE wse.log SET n = 1; COMMIT')
        self.cut()
        self.assertEqual(client.recv_close()[0], 1001)
        daemon.wait(1)

    def test_cut_off(self):
        """the relay's connection ends at the server: it is told by health, mended by itself, and nothing is missed"""
        first, second = self.start(2)
        client = self.connect(second, '/wse?user_id=t&history=0')
        for round_ in range(3):
            self.assertEqual(self.cut(), 2)
            for i in range(20):
                first.publish(tick('t', i))
                self.assertEqual(client.recv_until(lambda message: 'seq' in message)[-1]['seq'], 20 * round_ + i + 1)
            for daemon in (first, second):
                wait_until(lambda daemon=daemon: daemon.get('/api/health')['components']['relay'] == 'ok', 'the relay to be back')


class Together(Several):
    def opened(self, daemon, user):
        client = daemon.connect(f'/wse?user_id={user}&history=0')
        self.stack.callback(client.close)
        client.recv_control('hello')
        return client

    def opened_where_allowed(self, daemon, user):
        try:
            return self.opened(daemon, user)
        except Refused as refused:
            self.assertEqual(refused.status, 429)
            return None

    def count(self, daemon, user):
        return len(daemon.get(f'/api/connections?user={user}')['connections'])

    def is_refused(self, daemon, user):
        try:
            daemon.connect(f'/wse?user_id={user}&history=0').close()
        except Refused as refused:
            self.assertEqual(refused.status, 429)
            return True
        return False

    def test_limit(self):
        """WSE_MAX_CONNECTIONS_PER_USER holds across them; what a killed one had counts no more after a while"""
        daemons = self.start(3, '--max-connections-per-user=3')
        clients = [self.opened(daemons[i % 2], 'many') for i in range(3)]
        for daemon in daemons:
            wait_until(lambda daemon=daemon: self.is_refused(daemon, 'many'), 'the fourth to be refused', 1)
            self.opened(daemon, 'other').close()
        clients[0].finish()
        clients[0] = wait_until(lambda: self.opened_where_allowed(daemons[2], 'many'), 'a place to be free')
        wait_until(lambda: self.is_refused(daemons[0], 'many'), 'the fourth to be refused', 1)
        daemons[1].kill()
        wait_until(lambda: not self.is_refused(daemons[0], 'many'), 'the killed one to be forgotten', 10)
        # Who comes later is told of those that were there before.
        wait_until(lambda: self.count(daemons[0], 'many') == 2, 'the last try to be gone')
        self.opened(daemons[0], 'many')
        late = self.stack.enter_context(self.kind('--max-connections-per-user=3', log=self.uri, env=self.env, allow=ALLOW))
        wait_until(lambda: self.is_refused(late, 'many'), 'the new one to know', 10)

    def list(self, daemon, query=''):
        return daemon.get('/api/connections' + query)

    def test_connections(self):
        """GET /api/connections lists those of all, in pages; DELETE ends one, or a user's, anywhere"""
        daemons = self.start(3)
        clients = {}
        for i, daemon in enumerate(daemons):
            for user in ('ann', 'bob'):
                client = daemon.connect(f'/wse?user_id={user}&history=0')
                self.stack.callback(client.close)
                clients[client.recv_control('hello')[1]['connection_id']] = (client, user, i)
        self.assertEqual({row['id'] for row in self.list(daemons[0])['connections']}, set(clients))
        self.assertEqual({row['user'] for row in self.list(daemons[1], '?user=ann')['connections']}, {'ann'})
        seen, query = [], '?limit=2'
        for turn in range(10):
            page = self.list(daemons[turn % 3], query)
            self.assertLessEqual(len(page['connections']), 2)
            seen += [row['id'] for row in page['connections']]
            if 'next' not in page:
                break
            query = f'?limit=2&next={page["next"]}'
        self.assertEqual((len(seen), set(seen)), (6, set(clients)))
        one = next(name for name, (_, user, i) in clients.items() if user == 'bob' and i == 2)
        answer = daemons[0].request('DELETE', f'/api/connections/{one}')
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {'ended': 1}))
        self.assertEqual(clients[one][0].recv_close()[0], 4403)
        self.assertEqual(daemons[0].request('DELETE', f'/api/connections/{one}').status, 404)
        answer = daemons[1].request('DELETE', '/api/connections?user=ann')
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {'ended': 3}))
        for client, user, _ in clients.values():
            if user == 'ann':
                self.assertEqual(client.recv_close()[0], 4403)
        wait_until(lambda: len(self.list(daemons[2])['connections']) == 2, 'the others to be left')
        self.assertEqual(daemons[0].request('GET', '/api/connections?next=12').status, 400)

    def test_erased(self):
        """what is erased at one daemon comes out of no other's memory"""
        first, second = self.start(2)
        with second.connect('/wse?user_id=lag&history=0', receive_buffer=4096) as client:
            client.recv_control('caught_up')
            for _ in range(30):
                second.publish_lines([tick('lag', 'x' * 2000)] * 100)
            self.assertEqual(first.request('DELETE', '/api/channels/user:lag').status, 200)
            wait_until(lambda: second.metric('wse_channels_erased_total') == 1, 'the other to be told')
            first.publish(tick('lag', 'after'))
            got = client.recv_until(lambda message: message.get('p') == 'after')
            gap, = [message['p'] for message in got if message.get('t') == 'gap']
            events = [message['seq'] for message in got if 'seq' in message]
            self.assertEqual((gap['reason'], gap['from'], gap['to']), ('retention', len(events), 3000))
            self.assertEqual(events[:-1], list(range(1, len(events))))
            self.assertLess(len(events), 2900)
            client.finish()


class Revoked(Several):
    kind = Guarded

    def test_revoked(self):
        """a token that is revoked at one daemon is good at none, also for who is connected, and after a restart of all"""
        first, second = self.start(2)
        alice = token('alice')
        client = self.connect(second, '/wse?history=0', headers=bearer(alice))
        answer = first.request('POST', '/api/revocations', json.dumps({'sub': 'alice'}), {**bearer(ADMIN), 'Content-Type': 'application/json'})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(client.recv_close()[0], 4401)
        self.refused(first, alice)
        self.refused(second, alice)
        for daemon in (first, second):
            daemon.stop()
        second.start()
        self.refused(second, alice)

    def refused(self, daemon, credential):
        with self.assertRaises(Refused) as refused:
            daemon.connect('/wse?history=0', headers=bearer(credential))
        self.assertEqual(refused.exception.status, 401)

    def test_missed(self):
        """what the relay did not tell is found in the log's database: a revocation, an erasure"""
        first, second = self.start(2)
        alice = token('alice')
        client = self.connect(second, '/wse?history=0', headers=bearer(alice))
        revoked = json.dumps({'sub': 'alice', 'iat': time.time() + 1})
        postgres.ask(self.database(), f"INSERT INTO wse.notice (kind, text, until) VALUES ('revoked', '{revoked}', 9223372036854775807), "
                               "('erased', '0 0 user:bob', 9223372036854775807)")
        # It would be looked for by itself, in ten seconds.
        self.cut()
        self.assertEqual(client.recv_close()[0], 4401)
        wait_until(lambda: 'wse_channels_erased_total 1' in second.request('GET', '/metrics', headers=bearer(ADMIN)).body.decode(), 'the erasure')
        self.assertTrue(first.is_running())


class OverRedis:
    @classmethod
    def setUpClass(cls):
        cls.redis = Redis()
        cls.redis.start()
        cls.env = {'WSE_REDIS_URL': cls.redis.unix_url}

    @classmethod
    def tearDownClass(cls):
        cls.redis.close()


class OrderOverRedis(OverRedis, Order):
    """The same with Redis between them, as far as it differs."""

    test_event_source = test_consumer = None

    def test_away(self):
        """Redis is killed and comes back: health tells, and nothing is missed"""
        first, second = self.start(2)
        client = self.connect(second, '/wse?user_id=r&history=0')
        seq = 0
        for _ in range(2):
            self.redis.kill()
            wait_until(lambda: second.get('/api/health')['components']['relay'] == 'degraded', 'health to tell')
            for away in (True, False):
                if not away:
                    self.redis.start()
                for i in range(10):
                    first.publish(tick('r', i))
                    seq += 1
                    self.assertEqual(client.recv_until(lambda message: 'seq' in message)[-1]['seq'], seq)
            wait_until(lambda: second.get('/api/health')['components']['relay'] == 'ok', 'the relay to be back')


    def test_foreign(self):
        """What a stranger publishes in Redis reaches the readers of all daemons, once, between events of the log"""
        first, second = self.start(2)
        clients = [self.connect(daemon, '/wse?user_id=f&history=0') for daemon in (first, second)]
        wait_until(lambda: self.redis('PUBSUB', 'NUMSUB', 'wse:user:f')[1] == 2, 'both to listen')
        for number in range(5):
            self.redis('PUBLISH', 'wse:user:f', json.dumps({'event_type': 'a', 'event_id': f'f-{number}', 'data': number}))
            second.publish(tick('f', number))
        for client in clients:
            got = [client.recv() for _ in range(10)]
            self.assertEqual([message['p'] for message in got if message['seq'] == 0], list(range(5)))
            self.assertEqual([message['seq'] for message in got if message['seq'] > 0], list(range(1, 6)))
            client.request('ping')


class TogetherOverRedis(OverRedis, Together):
    """The same with Redis between them; the limit is the same part of it."""

    test_limit = None


if __name__ == '__main__':
    main()
