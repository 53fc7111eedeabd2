# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hundred clients coming and going: what wsed holds of memory and descriptors stays what it was, a hundred idle ones cost next to
nothing. Only a build without a sanitizer says something about that. WSE_TEST_SECONDS: how long (120); WSE_TEST_SEED: which chances."""

import os
import pathlib
import random
import re
import statistics
import threading
import time
import traceback
import unittest

from wse_socket import Closed, Stream, WebSocket, handshake_request
from wse_sse import EventSource
from wse_test import MIB, WSED, Daemon, main, skip_all, wait_until

SECONDS = float(os.environ.get('WSE_TEST_SECONDS', '120'))
SEED = int(os.environ.get('WSE_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
CLIENTS, USERS = 100, 20
IDLE_SECONDS = 20
# The log's caches fill, and the window of known ids grows by doubling: so many events fill the caches and half of a step of the window, and
# what comes in half an hour is less than the other half.
EVENTS_BEFORE, EVENTS_PER_SECOND = 70000, 10
# Above what the allocator's arenas do by themselves; in half an hour a leak of 50 bytes a connection is more.
GROWTH = 2 * MIB
TICKS = os.sysconf('SC_CLK_TCK')
BROKEN = (OSError, EOFError, Closed)


def event(number):
    return {'event_type': 'churn', 'user_id': f'u{number % USERS}', 'payload': {'number': number, 'text': 'x' * 500}}


class Client(threading.Thread):
    """Comes, reads for a while, goes, in one of the ways there are, until it is told to stop."""

    def __init__(self, arena, number):
        super().__init__(daemon=True)
        self.arena, self.number, self.port = arena, number, arena.daemon.port
        self.chance = random.Random(f'{SEED} {number}')
        self.query = f'user_id=u{number % USERS}'
        self.cursor, self.connections, self.read, self.wrong = None, 0, 0, None

    def run(self):
        ways = (self.socket, self.socket, self.resume, self.consumer, self.subscriber, self.sse, self.http, self.half)
        try:
            while not self.arena.stopping.is_set():
                self.connections += 1
                try:
                    self.chance.choice(ways)()
                except BROKEN:
                    self.wrong = self.wrong or traceback.format_exc()
                self.arena.stopping.wait(self.chance.uniform(0, 1))
        except Exception:  # whatever it is, the main thread shows it
            self.wrong = traceback.format_exc()

    def take(self, client, receive):
        """Reads until its time is over, and goes."""
        end = time.monotonic() + self.chance.expovariate(0.5)
        while (left := end - time.monotonic()) > 0 and not self.arena.stopping.is_set():
            client.socket.settimeout(min(left, 1))
            try:
                self.note(receive())
            except TimeoutError:
                pass
        client.socket.settimeout(30)
        self.chance.choice((client.finish, client.close, client.abort) if isinstance(client, WebSocket) else (client.close, client.abort))()

    def note(self, message):
        if isinstance(message, dict) and message.get('t') == 'caught_up':
            self.cursor = message['p']['cursor']
        self.read += 1

    def socket(self):
        client = WebSocket(self.port, f'/wse?{self.query}&history={self.chance.choice((0, 10, 100))}')
        self.take(client, client.recv)

    def resume(self):
        client = WebSocket(self.port, f'/wse?{self.query}' + (f'&after={self.cursor}' if self.cursor else ''))
        self.take(client, client.recv)

    def consumer(self):
        client = WebSocket(self.port, f'/wse?{self.query}&consumer=c{self.number}')
        client.recv_control('hello')
        _, told = client.recv_control('caught_up')
        assert client.request('ack', {'cursor': told['cursor']})['success']
        self.take(client, client.recv)

    def subscriber(self):
        client = WebSocket(self.port, '/ws/sessions?format=v2')
        for i in range(3):
            assert client.request('subscribe', {'channel': f'session:{self.chance.randrange(50)}', 'types': [f't{i}'], 'history': 5})['success']
        self.take(client, client.recv)

    def sse(self):
        client = EventSource(self.port, f'/sse?{self.query}&history=10')
        self.take(client, client.next)

    def http(self):
        self.arena.daemon.get(f'/api/events?channel=user:u{self.number % USERS}&{self.query}&limit=20')

    def half(self):
        """A handshake that ends in the middle."""
        request = handshake_request('/wse', self.port)
        client = Stream(self.port)
        client.send(request[:self.chance.randrange(1, len(request))])
        client.abort()


class Churn(unittest.TestCase):
    def memory(self):
        """Bytes that are the process's alone."""
        rollup = pathlib.Path(f'/proc/{self.daemon.process.pid}/smaps_rollup').read_text()
        return 1024 * sum(int(size) for size in re.findall(r'^Private_(?:Clean|Dirty): +(\d+)', rollup, re.MULTILINE))

    def cpu(self):
        """Seconds of a core that it has used: what others do on the machine does not count."""
        fields = pathlib.Path(f'/proc/{self.daemon.process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def publish_before(self):
        for begin in range(0, EVENTS_BEFORE, 5000):
            self.daemon.publish_lines([event(number) for number in range(begin, begin + 5000)])
        for user in [*range(USERS)] * 2:
            cursor, page = '', {'events': True}
            while page['events']:
                page = self.daemon.get(f'/api/events?channel=user:u{user}&user_id=u{user}&limit=1000{cursor}')
                cursor = f'&after={page["cursor"]}'

    def settled(self):
        """The descriptors when nobody is connected."""
        wait_until(lambda: self.daemon.metric('wse_active_connections') == 0, 'the connections to end')
        counts = [self.daemon.descriptors() for _ in range(5)]
        return min(counts)

    def look_at_idle(self):
        """A hundred that only are there."""
        empty = self.memory()
        clients = [self.daemon.connect(f'/wse?user_id=u{i % USERS}&history=0') for i in range(CLIENTS)]
        for client in clients:
            client.recv_control('caught_up')
        grown, cpu = self.memory() - empty, self.cpu()
        time.sleep(IDLE_SECONDS)
        share = (self.cpu() - cpu) / IDLE_SECONDS
        for client in clients:
            self.assertTrue(client.request('ping')['success'])
            client.finish()
        print(f'# {CLIENTS} idle: {share:.2%} of a core, {grown / MIB:.2f} MiB more than without them ({empty / MIB:.1f} MiB), RSS {self.daemon.rss() / MIB:.1f} MiB')
        self.assertLess(share, 0.02)
        self.assertLess(grown, 10 * MIB)

    def churn(self, clients):
        """Samples of memory, RSS and descriptors, one a second, while they come and go and events come in."""
        begun, samples, number = time.monotonic(), [], EVENTS_BEFORE
        while (now := time.monotonic() - begun) < SECONDS and not any(client.wrong for client in clients):
            samples.append((self.memory(), self.daemon.rss(), self.daemon.descriptors()))
            self.daemon.publish_lines([event(number + i) for i in range(EVENTS_PER_SECOND)])
            number += EVENTS_PER_SECOND
            if len(samples) % 60 == 0:
                memory, rss, descriptors = (statistics.median(sample[i] for sample in samples[-60:]) for i in range(3))
                print(f'# {now:.0f} s: {sum(client.connections for client in clients)} connections; private memory {memory / MIB:.2f} MiB, '
                      f'RSS {rss / MIB:.2f} MiB, {descriptors:.0f} descriptors', flush=True)
            time.sleep(max(0, 1 - (time.monotonic() - begun - now)))
        return samples

    def test_churn(self):
        """a hundred idle clients cost little, coming and going leaves nothing behind"""
        print(f'# seed {SEED}, {SECONDS} s')
        self.stopping = threading.Event()
        # A small tail, so that it is full before the first sample.
        with Daemon('--tail-bytes=1MiB', '--max-connections-per-user=1000') as self.daemon:
            self.look_at_idle()
            self.publish_before()
            descriptors = self.settled()
            clients = [Client(self, i) for i in range(CLIENTS)]
            cpu = self.cpu()
            for client in clients:
                client.start()
            samples = self.churn(clients)
            self.stopping.set()
            for client in clients:
                client.join(60)
                self.assertFalse(client.is_alive())
                self.assertIsNone(client.wrong, client.wrong)
            cpu, connections = self.cpu() - cpu, sum(client.connections for client in clients)
            wait_until(lambda: self.settled() <= descriptors, f'the descriptors to come down to {descriptors}')
            # The most of each half: pages that are given back for a while, and come again, are no growth.
            half = len(samples) // 2
            for what, column in (('private memory', 0), ('RSS', 1)):
                early, late = (max(sample[column] for sample in part) for part in (samples[:half], samples[half:]))
                print(f'# {what}: at most {early / MIB:.2f} MiB in the first half, {late / MIB:.2f} MiB in the second')
                self.assertLess(late - early, GROWTH, what)
            print(f'# {connections} connections, {sum(client.read for client in clients)} messages, {cpu:.1f} s of a core; '
                  f'descriptors {descriptors} without clients, at most {max(sample[2] for sample in samples)}')
            self.assertLess(max(sample[2] for sample in samples), descriptors + 2 * CLIENTS + 20)


if b'__asan_init' in pathlib.Path(WSED).read_bytes() or b'__tsan_init' in pathlib.Path(WSED).read_bytes():
    skip_all('this wsed has a sanitizer in it, which keeps memory of its own')
if __name__ == '__main__':
    main()
