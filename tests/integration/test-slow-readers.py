# SPDX-License-Identifier: LGPL-2.1-or-later
"""1,000 readers on real sockets, of which 100 never read, 100 read 1 KB a second and 100 pause and go on: the fast ones get everything in
order and as soon as without the slow ones, the pausing ones end complete, the silent ones are freed, memory is flat. And very many that lie
behind, each elsewhere, and take nothing: what was read for them is bounded for all of them together.
WSE_TEST_SECONDS: how long (24). How long events are on their way to 50 of the fast ones is told, not judged: before the slow ones came,
with them, and after they have gone, so that what the machine does is seen beside what they do. All other readers run at a low priority:
else they would be what is measured."""

import http.client
import json
import os
import resource
import select
import struct
import subprocess
import sys
import threading
import time
import unittest

from wse_socket import PING, PONG, WebSocket, frame
from wse_test import FRUGAL, MIB, SHADOW, WSED, Daemon, main, wait_until

SECONDS = float(os.environ.get('WSE_TEST_SECONDS', '24'))
# A sanitizer that slows everything down gets fewer.
READERS = 1000 if SHADOW == 1 else 200
TENTH = READERS // 10
PROBES = 50
HEARTBEAT = 30 if SECONDS >= 300 else 4
PAUSE = HEARTBEAT * 1.5  # below the two intervals after which a silent one is dead
PER_SECOND, PAYLOAD = 25, 2000
PATH = '/ws/events?channel=global&format=v2&history=0'
NICE = 10  # of those that are not measured
with open(WSED, 'rb') as program:
    PLAIN = SHADOW == 1 and b'__asan_init' not in program.read()
STALLED = 2000 if PLAIN else 300
BEHIND, LARGE = 3000, 1000  # events, and bytes of each, that each of those lacks at least
KIB = 1024
SMALL = 4096  # bytes of a receive buffer, so that the kernel takes little for one that does not read


class Reader:
    """A connection whose events must come in the order of seq without a hole."""

    def __init__(self, port, receive_buffer=None, path=PATH):
        client = WebSocket(port, path, protocols=(), receive_buffer=receive_buffer)
        self.socket, self.rest = client.socket, client.buffer
        self.socket.setblocking(False)
        self.last = 0
        self.ended = False

    def read(self, most=65536):
        """Takes in what is there, at most so many bytes; gives the events' texts."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return ()
        except ConnectionResetError:
            data = b''
        if not data:
            self.ended = True
            return ()
        self.rest += data
        return self.take_frames()

    def take_frames(self):
        at, texts, data = 0, [], self.rest
        while len(data) >= at + 4:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = struct.unpack_from('>H', data, at + 2)[0], 4
            if len(data) < at + head + length:
                break
            opcode, payload = data[at] & 15, data[at + head:at + head + length]
            if opcode == 1:
                seq = int(payload[payload.index(b'"seq":') + 6:payload.index(b',"p":')])
                assert seq == self.last + 1 or self.last == 0, (self.last, seq)
                self.last = seq
                texts.append(payload)
            elif opcode == PING:
                self.socket.send(frame(PONG, payload))
            at += head + length
        self.rest = data[at:]
        return texts


class Crowd:
    """Readers that one thread serves."""

    def __init__(self, port, n, receive_buffer=None):
        self.epoll = select.epoll()
        self.readers = [Reader(port, receive_buffer) for _ in range(n)]
        self.by_fd = {reader.socket.fileno(): reader for reader in self.readers}
        for fd in self.by_fd:
            self.epoll.register(fd, select.EPOLLIN)

    def turn(self, timeout):
        """Reads from those that have something; gives the texts of all."""
        texts = []
        for fd, _ in self.epoll.poll(timeout):
            reader = self.by_fd[fd]
            texts.extend(reader.read())
            if reader.ended:
                self.epoll.unregister(fd)
        return texts

    def places(self):
        return {(reader.last, reader.ended) for reader in self.readers}


def publish(port, stop, published):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    padding = 'x' * PAYLOAD
    due = time.monotonic()
    while not stop.is_set():
        connection.request('POST', '/api/events', json.dumps({'event_type': 'tick', 'broadcast': True, 'payload': {'at': time.monotonic(), 'x': padding}}))
        answer = json.loads(connection.getresponse().read())
        published[0] = answer['seq']
        due += 1 / PER_SECOND
        time.sleep(max(0, due - time.monotonic()))


def probe(port):
    """A process of its own: publishes, and measures how long the events are on their way. A line on its input begins the next part, the
    end of its input ends it."""
    crowd, stop, published = Crowd(port, PROBES), threading.Event(), [0]
    took = [[]]

    def listen():
        for _ in sys.stdin:
            took.append([])
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    publisher = threading.Thread(target=publish, args=(port, stop, published))
    publisher.start()
    while publisher.is_alive() or crowd.places() != {(published[0], False)}:
        for text in crowd.turn(0.1):
            at = text.index(b'{"at":') + 6
            took[-1].append(time.monotonic() - float(text[at:text.index(b',', at)]))
    # A part in which nothing came has no times.
    told = [[round(sorted(times)[int(len(times) * part)] * 1000, 2) for part in (0.5, 0.99, 0.999)] if times else None for times in took]
    print(json.dumps({'end': published[0], 'ms': told}))


class SlowReaders(unittest.TestCase):
    def run_until(self, end, *crowds):
        while time.monotonic() < end:
            for crowd in crowds:
                crowd.turn(0.01)

    def run_until_ended(self, child, crowd):
        while child.poll() is None:
            crowd.turn(0.01)

    def begin_part(self, child):
        child.stdin.write('\n')
        child.stdin.flush()

    def trickle(self, slow, never, crowds, end):
        """The slow ones read 1 KB a second, the pausing ones pause; gives the memory in use, second by second."""
        sizes, begun, pausing = [], time.monotonic(), crowds[-1]
        while time.monotonic() < end:
            reads = (time.monotonic() - begun) % (2 * PAUSE) > PAUSE
            self.run_until(time.monotonic() + 1, *(crowds if reads else crowds[:-1]))
            for reader in slow:
                reader.read(1000)
            sizes.append(self.daemon.rss())
        pausing.turn(0)
        return sizes

    def fill_caches(self):
        """The log's page caches, of 32 MiB in all, keep what is written and read until they are full: that is no reader's."""
        filler = [{'event_type': 'filler', 'user_id': 'filler', 'payload': 'x' * 8192}] * 100
        for _ in range(48):
            self.assertEqual(self.daemon.publish_lines(filler)['accepted'], len(filler))
        read, after = 0, ''
        while read < 48 * len(filler):
            page = self.daemon.get(f'/api/events?channel=user:filler&user_id=filler&limit=1000{after}')
            self.assertTrue(page['events'])
            read += len(page['events'])
            after = f'&after={page["cursor"]}'

    def test_slow_readers(self):
        """1,000 readers, 300 of them slow in three ways"""
        arguments = (f'--heartbeat-interval={HEARTBEAT}', '--tail-bytes=512KiB', '--buffer-size=50')
        with Daemon(*arguments, env=FRUGAL, rlimit_nofile=4096) as self.daemon:
            port = self.daemon.port
            self.fill_caches()
            fast = Crowd(port, READERS - 3 * TENTH - PROBES)
            child = subprocess.Popen([sys.executable, __file__, 'probe', str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            os.nice(NICE)
            self.run_until(time.monotonic() + SECONDS / 4, fast)
            pausing = Crowd(port, TENTH, SMALL)
            slow = [Reader(port, SMALL) for _ in range(TENTH)]
            never = [Reader(port, SMALL) for _ in range(TENTH)]
            subscribers = wait_until(lambda: self.daemon.get('/api/events/stats')['active_subscribers'], 'readers')
            self.assertEqual(subscribers, READERS)
            self.begin_part(child)
            sizes = self.trickle(slow, never, (fast, pausing), time.monotonic() + SECONDS / 2)
            self.begin_part(child)
            self.check_slow(fast, pausing, slow, sizes)
            for reader in (*pausing.readers, *slow, *never):
                reader.socket.close()
            self.begin_part(child)
            self.run_until(time.monotonic() + SECONDS / 4, fast)
            child.stdin.close()
            self.run_until_ended(child, fast)
            told = json.loads(child.stdout.read())
            self.assertEqual(child.wait(), 0)
            self.check_fast(told, fast)
            for reader in fast.readers:
                reader.socket.close()

    def check_slow(self, fast, pausing, slow, sizes):
        # A reader that ended, or has a hole, never gets there; what comes meanwhile, to some first, makes a few more places.
        wait_until(lambda: fast.turn(0.05) is not None and pausing.turn(0.05) is not None
                   and min(pausing.places()) >= (max(fast.places())[0] - 2, False), 'the pausing ones to be complete', 120)
        self.assertFalse(any(reader.ended for reader in pausing.readers))
        # The last silent ones began to be so when their sockets were full.
        wait_until(lambda: fast.turn(0.1) is not None and pausing.turn(0) is not None
                   and self.daemon.get('/api/events/stats')['active_subscribers'] <= READERS - TENTH, 'the silent ones to be freed', 5 * HEARTBEAT + 30)
        for reader in slow:
            reader.read(1000)
            self.assertFalse(reader.ended, 'one that reads slowly was ended')
            self.assertGreater(reader.last, 0)
        self.assertEqual(self.daemon.metric('wse_dead_peers_total'), TENTH)
        self.assertEqual(self.daemon.metric('wse_gaps_total'), 0)
        self.assertGreaterEqual(self.daemon.metric('wse_lags_total'), 2 * TENTH)
        half = len(sizes) // 2
        grown = max(sizes[-len(sizes) // 4:]) - max(sizes[len(sizes) // 4:half])
        print(f'# memory: {max(sizes[:half]) / MIB:.1f} MiB in the first half, {max(sizes[half:]) / MIB:.1f} MiB in the second; slow ones at '
              f'{min(r.last for r in slow)} to {max(r.last for r in slow)}; {self.daemon.metric("wse_lags_total"):.0f} lags', flush=True)
        self.assertLess(grown, 8 * MIB * SHADOW)

    def wait_until_stalled(self):
        """Nothing is read or sent any more."""
        seen = [None]

        def stands():
            time.sleep(0.5)
            now = [self.daemon.metric(name) for name in ('wse_sent_bytes_total', 'wse_replay_reads_total')]
            stood, seen[0] = now == seen[0], now
            return stood
        wait_until(stands, 'all to be stalled', 120)

    def test_stalled(self):
        """Very many that lie behind, each elsewhere, and take nothing"""
        with Daemon('--heartbeat-interval=300', '--tail-bytes=8MiB', env=FRUGAL, rlimit_nofile=4096) as self.daemon:
            lines = [{'event_type': 'tick', 'broadcast': True, 'payload': 'x' * LARGE}] * 1000
            last = BEHIND + STALLED + 1000 - (BEHIND + STALLED) % 1000
            for _ in range(last // 1000):
                self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 1000)
            cursor = self.daemon.get('/api/events?channel=global&limit=1')['cursor']
            place = cursor[:cursor.rindex(':')]
            self.fill_caches()
            path = '/ws/events?channel=global&format=v2&after={}:{}'
            others = [Reader(self.daemon.port, SMALL, path.format(place, last)) for _ in range(STALLED)]
            before = self.daemon.rss()
            for other in others:
                other.socket.close()
            readers = [Reader(self.daemon.port, SMALL, path.format(place, i)) for i in range(STALLED)]
            self.wait_until_stalled()
            grown, held = self.daemon.rss() - before, self.daemon.metric('wse_page_bytes')
            print(f'# {STALLED} stalled: {grown / STALLED / KIB:.1f} KiB each beyond one that has all; {held / KIB:.0f} KiB of pages, '
                  f'{self.daemon.metric("wse_pages_let_go_total"):.0f} let go', flush=True)
            self.assertGreater(self.daemon.metric('wse_pages_let_go_total'), STALLED / 2)
            self.assertLessEqual(held, MIB)
            if PLAIN:
                self.assertLess(grown, STALLED * 16 * KIB)
            # What was let go is read again.
            for reader in readers[::STALLED // 20]:
                reader.socket.settimeout(30)
                while reader.last < last:
                    reader.read()
                    self.assertFalse(reader.ended)
            for reader in readers:
                reader.socket.close()

    def check_fast(self, told, fast):
        end, ms = told['end'], told['ms']
        # A reader that ended, or has a hole, never gets there.
        wait_until(lambda: fast.turn(0.1) is not None and fast.places() == {(end, False)}, 'all to be complete', 120)
        print(f'# {end} events; ms from publishing to having them (half, 99 %, 99.9 % of them below): '
              f'{ms[0]} before the slow ones, {ms[1]} with them, {ms[3]} after them', flush=True)


if __name__ == '__main__':
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    if sys.argv[1:2] == ['probe']:
        probe(int(sys.argv[2]))
    else:
        main()
