# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two daemons on one log in PostgreSQL, with Redis and Kafka, under load; and what they depend on dies, hangs or is cut off, one after
another. After each fault every reader has what was answered, once and in order, without anybody's help. WSE_TEST_SECONDS: how long
something hangs (3); WSE_TEST_ROUNDS: how often all of it is gone through (1); WSE_TEST_SEED: which chances."""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
import unittest

from wse_arena import SEED, Arena, Publisher
from wse_kafka import Broker, MockBroker, Reader, Tool, fetch
from wse_network import Network
from wse_postgres import Postgres
from wse_redis import Redis
from wse_test import FRUGAL, MIB, SHADOW, Daemon, free_port, main, wait_until

SECONDS = float(os.environ.get('WSE_TEST_SECONDS', '3'))
ROUNDS = int(os.environ.get('WSE_TEST_ROUNDS', '1'))
# After so long in which somebody does not answer, health has to know.
TOLD = 15
READERS = 16
# That something is away is told as a warning; all else that is worse is wrong.
WARNINGS = '^(?!.*(CRITICAL|Sanitizer|runtime error:|assertion))'
PATIENCE = max(60, 4 * SECONDS)
# What a daemon may have taken in memory at the end and in between, beyond what it had when all was well.
GROWTH = 48 * MIB * SHADOW


class Watch(threading.Thread):
    """Looks at a daemon's health and memory, again and again. `seen`: what was said, each thing once, as (component, word)."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.seen, self.largest, self.ending = daemon, set(), 0, threading.Event()

    def run(self):
        while not self.ending.wait(0.03):
            with contextlib.suppress(OSError, AttributeError, ValueError, http.client.HTTPException):
                self.largest = max(self.largest, self.daemon_.rss())
                health = self.daemon_.health()
                self.seen |= {*health['components'].items(), ('status', health['status'])}


class KafkaPublisher(Publisher):
    """Publishes to a partition of its own; what Kafka has is as good as answered."""

    sizes = (1,)

    def __init__(self, arena, number, broker):
        super().__init__(arena, number)
        self.client = Tool('client', broker.bootstrap)

    def deliver(self):
        """One at a time: of several, one that has to be sent again may come after the next."""
        self.client.do('send', 'faults', self.number % 2, json.dumps(self.batch[0], separators=(',', ':')))
        self.client.do('flush')
        return True


class Member(Reader):
    """One of the two. @broker None: it reads no Kafka."""

    def __init__(self, broker, **keywords):
        if broker is None:
            Daemon.__init__(self, **keywords)
        else:
            super().__init__(broker, 'faults', **keywords)

    def health(self):
        answer = self.request('GET', '/api/health')
        health = json.loads(answer.body)
        assert answer.status == (503 if health['status'] == 'down' else 200), answer
        return health

    def is_well(self):
        try:
            return self.health()['status'] == 'ok'
        except (OSError, http.client.HTTPException):
            return False


def habits(number):
    """Every other reader stays as long as it can; the others come and go."""
    return ((-1,), (PATIENCE,)) if number % 2 else ((0, 1, 10, 100), (0.3, 2))


class Several(unittest.TestCase):
    """Two daemons and what they stand on, which a class of cases shares. @alone: PostgreSQL, without Redis and Kafka."""

    alone = False
    redis = broker = None

    @classmethod
    def setUpClass(cls):
        print(f'# seed {SEED}, {SECONDS} s, {ROUNDS} rounds')
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.network = cls.no_network = None
        try:
            cls.network = Network(2)
            cls.stack.callback(cls.network.close)
        except OSError as error:
            cls.no_network = f'no network of its own: {error}'
        prefix = cls.network.prefix if cls.network else ()
        cls.postgres = cls.stack.enter_context(Postgres(prefix=prefix))
        if not cls.alone:
            cls.redis = cls.stack.enter_context(Redis(*(['--bind', '0.0.0.0', '--protected-mode', 'no'] if cls.network else []), prefix=prefix))
            cls.broker = MockBroker() if fetch() else Broker()
            cls.stack.callback(cls.broker.close)
            cls.broker.create('faults', 2)
        print(f'# {"alone" if cls.alone else "Redis, " + cls.broker.name}, {cls.no_network or "a network of its own"}')
        log = cls.postgres.new()
        cls.daemons = [cls.stack.enter_context(cls.member(i, log)) for i in range(2)]
        for daemon in cls.daemons:
            wait_until(daemon.is_well, 'a daemon to be well')
        cls.arena = Arena(cls.daemons, 3, READERS, pace=0.05, patience=2, habits=habits)
        if cls.broker:
            cls.arena.publishers += [KafkaPublisher(cls.arena, 3 + i, cls.broker) for i in range(2)]
        cls.arena.start()
        time.sleep(1)
        cls.base = [daemon.rss() for daemon in cls.daemons]

    @classmethod
    def member(cls, i, log):
        env = {'WSE_RETENTION': '-,-', 'WSE_MAX_CONNECTIONS_PER_USER': '1000', 'WSE_WORKERS': '2', 'WSE_TAIL_BYTES': str(MIB),
               'WSE_CONSUMER_ID': f'member-{i}', **FRUGAL}
        if cls.redis:
            env['WSE_REDIS_URL'] = cls.redis.unix_url
        if cls.network:
            address = cls.network.address(i)
            log = log.replace('@/', f'@{address}/').split('?')[0]
            if cls.redis:
                env['WSE_REDIS_URL'] = f'redis://{address}:{cls.redis.port}'
        return Member(cls.broker, log=log, listen=f'127.0.0.1:{free_port()}', env=env, allow=WARNINGS)

    @classmethod
    def tearDownClass(cls):
        cls.arena.stopping.set()
        for daemon in cls.daemons:
            daemon.close()
        cls.arena.join()
        for publisher in cls.arena.publishers[3:]:
            publisher.client.close()
        print(f'# {cls.arena.summary()}')

    # What goes wrong. Each ends when all is as before, seen from outside of the daemons.

    def daemon_killed(self):
        for daemon in self.daemons:
            daemon.kill()
            time.sleep(0.5)
            daemon.start()

    def daemon_ended(self):
        """As when it is renewed."""
        for daemon in self.daemons:
            daemon.stop()
            daemon.start()

    def daemon_stopped(self):
        for daemon in self.daemons:
            os.kill(daemon.process.pid, signal.SIGSTOP)
            time.sleep(SECONDS)
            os.kill(daemon.process.pid, signal.SIGCONT)

    def away(self, *expected):
        """Something is away: health says so at each daemon, in one of the ways @expected."""
        for watch in self.watches:
            wait_until(lambda: watch.seen & set(expected), f'health to say {expected}')

    def redis_killed(self):
        self.redis.kill()
        self.away(('relay', 'degraded'))
        self.redis.start()

    def redis_stopped(self):
        self.stopped(self.redis, ('relay', 'degraded'))

    def stopped(self, server, *expected):
        server.signal(signal.SIGSTOP)
        time.sleep(SECONDS)
        server.signal(signal.SIGCONT)
        if SECONDS > TOLD:
            self.away(*expected)

    def redis_cut_off(self):
        for kind in ('normal', 'pubsub'):
            self.assertGreater(self.redis('CLIENT', 'KILL', 'TYPE', kind), 0)
            time.sleep(0.5)

    def kafka_killed(self):
        self.broker.interrupt()
        self.away(('kafka', 'degraded'))
        self.broker.resume()

    def postgres_killed(self):
        self.postgres.kill_all()
        self.away(('log', 'degraded'), ('log', 'down'))
        self.postgres.start()

    def postgres_crashed(self):
        """One of its processes dies: it throws all out and starts anew."""
        process = int(self.postgres.ask('postgres', "SELECT pid FROM pg_stat_activity WHERE datname LIKE 'wse%' LIMIT 1"))
        os.kill(process, signal.SIGKILL)
        wait_until(self.postgres.answers, 'PostgreSQL to be back')

    def postgres_stopped(self):
        self.stopped(self.postgres, ('log', 'degraded'), ('log', 'down'))

    def postgres_cut_off(self):
        for _ in range(3):
            ended = int(self.postgres.ask('postgres', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname LIKE 'wse%'"))
            self.assertGreater(ended, 0)
            time.sleep(0.5)

    def network_cut(self):
        for i, watch in enumerate(self.watches):
            self.network.cut(i)
            time.sleep(SECONDS)
            self.network.heal(i)
            if SECONDS > TOLD:
                wait_until(lambda: watch.seen & {('log', 'degraded'), ('log', 'down')}, 'health to tell')

    # What must hold after each.

    def suffer(self, fault):
        self.watches = [Watch(daemon) for daemon in self.daemons]
        for watch in self.watches:
            watch.start()
        before = len(self.arena.places)
        time.sleep(0.5)
        hit = time.monotonic()
        fault()
        began = time.monotonic()
        for daemon in self.daemons:
            try:
                wait_until(daemon.is_well, 'a daemon to be well again', PATIENCE)
            except AssertionError as error:
                raise AssertionError(f'{daemon.health()}\n{daemon.output()[-3000:]}') from error
        well = time.monotonic() - began
        time.sleep(0.5)
        self.check_complete()
        for watch in self.watches:
            watch.ending.set()
            watch.join()
        told = sorted({f'{component} {word}' for watch in self.watches for component, word in watch.seen} - {'kafka disabled', 'snapshot disabled'})
        print(f'# {fault.__name__}: {began - hit:.1f} s, well {well:.1f} s after, all read {time.monotonic() - began:.1f} s after, '
              f'{len(self.arena.places) - before} events, {[watch.largest // MIB for watch in self.watches]} MiB at most; {", ".join(told)}')
        for watch, base in zip(self.watches, self.base):
            self.assertLess(watch.largest, base + GROWTH)
        for daemon in self.daemons:
            daemon.check_output()

    def check_complete(self):
        """The publishers rest; the readers, who go on as before, come to have all of it."""
        arena = self.arena
        arena.publishing.clear()
        try:
            wait_until(lambda: all(publisher.resting or publisher.wrong for publisher in arena.publishers), 'all to be answered', PATIENCE)
            arena.check_workers()
            wait_until(arena.has_all, 'Kafka to be read', PATIENCE)
            arena.check_log()
            for reader in arena.readers:
                expected = arena.expected(reader)
                try:
                    wait_until(lambda: reader.wrong or reader.record == expected, 'a reader', PATIENCE)
                except AssertionError:
                    arena.check_reader(reader)
            arena.check_workers()
        finally:
            for publisher in arena.publishers:
                publisher.resting = False
            arena.publishing.set()


class Faults(Several):
    def test_01_daemon_killed(self):
        """kill -9 of either daemon"""
        self.suffer(self.daemon_killed)

    def test_02_daemon_ended(self):
        """an orderly end of either daemon"""
        self.suffer(self.daemon_ended)

    def test_03_redis_killed(self):
        """kill -9 of Redis"""
        self.suffer(self.redis_killed)

    def test_04_postgres_killed(self):
        """kill -9 of PostgreSQL"""
        self.suffer(self.postgres_killed)

    def test_05_postgres_crashed(self):
        """kill -9 of one process of PostgreSQL's"""
        self.suffer(self.postgres_crashed)

    def test_06_redis_cut_off(self):
        """CLIENT KILL of all at Redis"""
        self.suffer(self.redis_cut_off)

    def test_07_postgres_cut_off(self):
        """pg_terminate_backend of all"""
        self.suffer(self.postgres_cut_off)

    def test_08_daemon_stopped(self):
        """a daemon hangs"""
        self.suffer(self.daemon_stopped)

    def test_09_redis_stopped(self):
        """Redis hangs"""
        self.suffer(self.redis_stopped)

    def test_10_postgres_stopped(self):
        """PostgreSQL hangs"""
        self.suffer(self.postgres_stopped)

    def test_11_network_cut(self):
        """the network between a daemon and both servers is cut, and heals"""
        if self.no_network:
            self.skipTest(self.no_network)
        self.suffer(self.network_cut)

    def test_12_kafka_killed(self):
        """kill -9 of Kafka's broker"""
        self.suffer(self.kafka_killed)

    def test_13_once_more(self):
        """all of it again, in any order, where more rounds are asked for"""
        chance = random.Random(SEED)
        faults = [self.daemon_killed, self.daemon_ended, self.redis_killed, self.postgres_killed, self.postgres_crashed, self.redis_cut_off,
                  self.kafka_killed, self.postgres_cut_off, self.daemon_stopped, self.redis_stopped, self.postgres_stopped]
        if self.network:
            faults.append(self.network_cut)
        for _ in range(ROUNDS - 1):
            for fault in chance.sample(faults, len(faults)):
                self.suffer(fault)


class Alone(Several):
    """The daemons hear of each other's events by PostgreSQL's NOTIFY."""

    alone = True

    def test_01_daemon_killed(self):
        """PostgreSQL alone: kill -9 of either daemon"""
        self.suffer(self.daemon_killed)

    def test_02_postgres_killed(self):
        """PostgreSQL alone: kill -9 of PostgreSQL"""
        self.suffer(self.postgres_killed)

    def test_03_postgres_cut_off(self):
        """PostgreSQL alone: pg_terminate_backend of all"""
        self.suffer(self.postgres_cut_off)


if __name__ == '__main__':
    main()
