# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many connections a user may have, what a stop tells them, and that nobody waits for a client that does not answer."""

import signal
import time
import unittest

from wse_socket import Refused
from wse_test import Daemon, Scenario, main, wait_until


class PerUser(Scenario):
    def test_sixth(self):
        """five connections of a user on all endpoints; the sixth is 429 before the upgrade, until one ends"""
        clients = [self.daemon.connect(f'{path}?user_id=five&history=0', protocols=()) for path in ('/wse', '/ws/events', '/wse', '/ws/events', '/wse')]
        for path in ('/wse', '/ws/events'):
            with self.assertRaises(Refused) as caught:
                self.daemon.connect(f'{path}?user_id=five', protocols=())
            self.assertEqual(caught.exception.status, 429)
            self.assertIn('retry-after', caught.exception.response.headers)
        self.daemon.connect('/wse?user_id=other&history=0', protocols=()).finish()
        clients.pop().finish()

        def again():
            try:
                return self.daemon.connect('/wse?user_id=five&history=0', protocols=())
            except Refused:
                return None
        clients.append(wait_until(again, 'a place to be free again'))
        clients.pop().abort()
        clients.append(wait_until(again, 'a place to be free again after a reset'))
        for client in clients:
            client.finish()

    def test_nobody(self):
        """connections without a user are not counted"""
        clients = [self.daemon.connect('/wse?history=0', protocols=()) for _ in range(20)]
        for client in clients:
            client.finish()

    def test_active_subscribers(self):
        """stats count the open connections"""
        def active():
            return self.daemon.get('/api/events/stats')['active_subscribers']
        wait_until(lambda: active() == 0, 'everybody to be gone')
        clients = [self.daemon.connect(path, protocols=()) for path in ('/wse', '/ws/events', '/wse?user_id=x')]
        self.assertEqual(active(), 3)
        self.assertEqual(self.daemon.metric('wse_active_connections'), 3)
        for client in clients:
            client.finish()
        wait_until(lambda: active() == 0, 'everybody to be gone')


class OwnLimit(Scenario):
    arguments = ('--max-connections-per-user=1',)

    def test_limit(self):
        """the limit is configurable"""
        with self.daemon.connect('/wse?user_id=one', protocols=()):
            with self.assertRaises(Refused):
                self.daemon.connect('/wse?user_id=one', protocols=())


class Stop(unittest.TestCase):
    def started(self):
        daemon = Daemon().start()
        self.addCleanup(daemon.close)
        return daemon

    def test_sigterm(self):
        """SIGTERM: bye, 1001, exit code 0"""
        daemon = self.started()
        new, plain = daemon.connect('/wse?history=0'), daemon.connect('/wse?history=0', protocols=())
        new.recv_control('caught_up')
        daemon.signal(signal.SIGTERM)
        before, bye = new.recv_control('bye')
        self.assertEqual((before, set(bye)), ([], {'reason', 'retry_after_ms'}))
        self.assertGreaterEqual(bye['retry_after_ms'], 0)
        for client in (new, plain):
            self.assertEqual(client.recv_close()[0], 1001)
            client.recv_end()
        daemon.wait(0)

    def test_sigint(self):
        """SIGINT does the same"""
        daemon = self.started()
        daemon.signal(signal.SIGINT)
        daemon.wait(0)

    def test_spread(self):
        """retry_after_ms is spread over the clients"""
        daemon = self.started()
        clients = [daemon.connect('/wse?history=0') for _ in range(20)]
        for client in clients:
            client.recv_control('caught_up')
        daemon.signal(signal.SIGTERM)
        self.assertGreater(len({client.recv_control('bye')[1]['retry_after_ms'] for client in clients}), 5)

    def test_published_before_stop(self):
        """what was answered before the stop is delivered before 1001"""
        daemon = self.started()
        client = daemon.connect('/wse?user_id=s&history=0', protocols=())
        client.settle()
        daemon.publish_lines([{'event_type': 'a', 'user_id': 's', 'payload': i} for i in range(1000)])
        daemon.signal(signal.SIGTERM)
        self.assertEqual([client.recv()['p'] for _ in range(1000)], list(range(1000)))
        self.assertEqual(client.recv_close()[0], 1001)

    def test_silent_clients(self):
        """clients that do not answer, half requests and idle connections do not hold the stop up"""
        daemon = self.started()
        clients = [daemon.connect('/wse?history=0', protocols=()), daemon.connect('/wse?user_id=u', protocols=(), receive_buffer=4096), daemon.stream(), daemon.stream()]
        clients[-1].send(b'POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{')
        daemon.publish_lines([{'event_type': 'a', 'user_id': 'u', 'payload': 'x' * 10000} for _ in range(1000)])
        begun = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - begun, 25)

    def test_port_is_free(self):
        """after a stop the same port can be taken at once"""
        daemon = self.started()
        client = daemon.connect('/wse?history=0', protocols=())
        port = daemon.port
        daemon.stop()
        daemon.listen = f'127.0.0.1:{port}'
        daemon.start()
        self.assertEqual(daemon.port, port)
        client.close()
        daemon.stop()


if __name__ == '__main__':
    main()
