# SPDX-License-Identifier: LGPL-2.1-or-later
"""WebSocket clients that mean harm: fragments without end, commands of great depth, peers that do not read, do not answer, or are gone
without a word. Memory stays bounded and the others are served."""

import random
import time

from wse_socket import CONTINUATION, PING, PONG, TEXT, Closed, frame
from wse_test import FRUGAL, MIB, SHADOW, Scenario, main, wait_until


class Hostile(Scenario):
    env = FRUGAL
    # Little beside what is sent, so that a queue anywhere would show.
    arguments = ('--tail-bytes=4MiB',)

    def send_until_cut(self, client, data, limit):
        """Bytes sent until the server cut the connection off or read no more."""
        sent = 0
        client.socket.settimeout(3)
        try:
            while sent < limit:
                client.send(data)
                sent += len(data)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        client.socket.settimeout(30)
        return sent

    def test_depth_bomb(self):
        """commands of 60,000 levels are answered, the connection stays"""
        deep = 60000
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            for text in ('[' * deep, '[' * deep + ']' * deep, '{"a":' * 20000, '{"id":"1","method":"ping","params":' + '[' * deep + ']' * deep + '}'):
                client.send_text(text)
                self.assertIn(client.recv().get('type', 'reply'), ('error', 'reply'))
            self.assertTrue(client.request('ping')['success'])
            client.finish()

    def test_unfinished_fragments(self):
        """fragments of a message that never ends: cut off, nothing kept over the limit (what comes after 1009 is thrown away for a moment)"""
        before = self.daemon.rss()
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            client.send(frame(TEXT, 'x', fin=False))
            sent = self.send_until_cut(client, frame(CONTINUATION, 'x' * 65535, fin=False), 8192 * MIB)
            self.assertLess(sent, 8192 * MIB)
        self.assertLess(self.daemon.rss() - before, 20 * MIB)

    def test_empty_fragments(self):
        """empty fragments without end hold no memory"""
        before = self.daemon.rss()
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            client.send(frame(TEXT, 'x', fin=False))
            self.send_until_cut(client, frame(CONTINUATION, '', fin=False) * 10000, 20 * MIB)
            self.assertLess(self.daemon.rss() - before, 20 * MIB)

    def test_announced_messages(self):
        """a message announced but not sent takes no memory: 300 connections with 128 KiB each"""
        clients = [self.daemon.connect('/wse?history=0', protocols=()) for _ in range(300)]
        # What a connection costs, with TLS and a sanitizer, is not the question.
        for client in clients:
            self.assertTrue(client.request('ping')['success'])
        before = self.daemon.rss()
        for client in clients:
            client.send(frame(TEXT, '{', length=128 * 1024))
            client.send(b'')
        with self.daemon.connect('/wse?history=0', protocols=()) as other:
            self.assertTrue(other.request('ping')['success'])
        self.assertLess(self.daemon.rss() - before, 25 * MIB)
        for client in clients:
            client.close()

    def test_pings_unread(self):
        """pings without end whose pongs are never read: bounded"""
        before = self.daemon.rss()
        with self.daemon.connect('/wse?history=0', protocols=(), receive_buffer=4096) as client:
            self.send_until_cut(client, frame(PING, b'p' * 125) * 500, 100 * MIB)
            self.assertLess(self.daemon.rss() - before, 20 * MIB)

    def test_commands_unread(self):
        """commands without end whose replies are never read: after 64 nothing more is read"""
        before = self.daemon.rss()
        with self.daemon.connect('/wse?history=0', protocols=(), receive_buffer=4096) as client:
            sent = self.send_until_cut(client, frame(TEXT, '{"id":"%s","method":"ping"}' % ('i' * 100)) * 500, 100 * MIB)
            self.assertLess(sent, 100 * MIB)
            self.assertLess(self.daemon.rss() - before, 20 * MIB)

    def test_does_not_read(self):
        """a subscriber that does not read costs no memory and delays nobody"""
        body = b''.join(b'{"event_type":"load","user_id":"busy","payload":{"i":%d,"pad":"%s"}}\n' % (i, b'x' * 1000) for i in range(5000))
        with self.daemon.connect('/wse?user_id=busy&history=0', protocols=(), receive_buffer=4096), \
                self.daemon.connect('/wse?user_id=busy&history=0', protocols=()) as reader:
            self.assertEqual(self.daemon.post(body, 'application/x-ndjson')[1]['accepted'], 5000)
            self.assertEqual([reader.recv()['p']['i'] for _ in range(5000)], list(range(5000)))
            before = self.daemon.rss()
            for _ in range(16):
                self.assertEqual(self.daemon.post(body, 'application/x-ndjson')[1]['accepted'], 5000)
                self.assertEqual([reader.recv()['p']['i'] for _ in range(5000)], list(range(5000)))
            grown = self.daemon.rss() - before
            self.assertLess(grown, 64 * MIB * SHADOW)  # 85 MiB were sent
            reader.finish()

    def test_reads_late(self):
        """a subscriber that stops reading and then goes on gets everything, in order"""
        n, rounds = 4000, 4
        body = b''.join(b'{"event_type":"late","user_id":"late","payload":"%s"}\n' % (b'x' * 1000) for _ in range(n))
        with self.daemon.connect('/wse?user_id=late&history=0', receive_buffer=4096) as client:
            client.recv_control('caught_up')
            for _ in range(rounds):
                self.assertEqual(self.daemon.post(body, 'application/x-ndjson')[1]['accepted'], n)
            seqs = []
            while len(seqs) < n * rounds:
                message = client.recv()
                if message['t'] == 'late':
                    seqs.append(message['seq'])
                self.assertNotEqual(message['t'], 'gap')
            self.assertEqual(seqs, list(range(1, n * rounds + 1)))
            client.finish()


class HalfOpen(Scenario):
    arguments = ('--heartbeat-interval=1',)

    def test_silent_peer(self):
        """a peer that answers no ping is ended after two intervals, and freed"""
        before = self.daemon.descriptors()
        client = self.daemon.connect('/wse?history=0')
        begun = time.monotonic()
        client.read_all()
        self.assertGreater(time.monotonic() - begun, 1.5)
        wait_until(lambda: self.daemon.get('/api/events/stats')['active_subscribers'] == 0, 'the peer to be freed')
        wait_until(lambda: self.daemon.descriptors() <= before, 'its descriptor to be freed')
        client.close()

    def test_answering_peer(self):
        """a peer that answers its pings stays"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            for _ in range(5):
                ping = client.recv_frame()
                self.assertEqual(ping.opcode, PING)
                client.send(frame(PONG, ping.payload))
            self.assertTrue(client.request('ping')['success'])
            client.finish()

    def test_talking_peer(self):
        """a peer that sends something but no pong stays: any frame counts"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            for _ in range(5):
                self.assertEqual(client.recv_frame().opcode, PING)
                client.send_json({'type': 'pong'})
            self.assertTrue(client.request('ping')['success'])
            client.finish()

    def test_envelope_ping(self):
        """in the envelope dialect a ping message comes as well"""
        with self.daemon.connect('/wse?history=0&format=envelope', protocols=()) as client:
            message = client.recv()
            self.assertEqual((message['type'], set(message)), ('ping', {'type', 'timestamp'}))
            client.finish()


class Garbage(Scenario):
    def test_random_bytes(self):
        """random bytes after the upgrade: closed, never a crash"""
        chance = random.Random(6455)
        for _ in range(300):
            with self.daemon.connect('/wse?history=0', protocols=()) as client:
                try:
                    client.send(chance.randbytes(chance.randrange(1, 200)))
                    client.send(frame(3))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                client.socket.settimeout(1)
                try:
                    client.recv_close()
                except TimeoutError:
                    pass  # an announced frame that the rest did not fill
        self.assertEqual(self.daemon.get('/api/health')['status'], 'ok')

    def test_aborts(self):
        """resets at any moment leave no descriptor"""
        before = self.daemon.descriptors()
        for i in range(200):
            try:
                client = self.daemon.connect('/wse')
                if i % 2:
                    client.send(frame(TEXT, '{"id":"1","method":"ping"}' * (i % 3)))
                client.abort()
            except Closed:
                pass
        wait_until(lambda: self.daemon.descriptors() <= before, 'the descriptors to be freed')


if __name__ == '__main__':
    main()
