#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Start and stop: exit codes, messages that name the way out, what the service manager hears, an orderly end."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from wse_socket import TIMEOUT
from wse_test import WSED, Daemon, main, wait_until


def run(*arguments, env=None):
    """Runs wsed to its end; gives exit code, standard output and standard error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
    with tempfile.TemporaryDirectory() as state:
        clean.update(STATE_DIRECTORY=state, **(env or {}))
        done = subprocess.run([WSED, *arguments], env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
    return done.returncode, done.stdout, done.stderr


class Refusals(unittest.TestCase):
    def refused(self, *arguments, env=None, words=()):
        code, out, err = run(*arguments, env=env)
        self.assertEqual((code, out), (2, ''), err)
        self.assertEqual(err.count('\n'), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_no_dev(self):
        """without --dev and without a key the start is refused: nobody could be let in"""
        self.refused(words=['--dev', 'WSE_JWT_KEY', 'WSE_API_KEYS'])

    def test_not_loopback(self):
        """--dev refuses every address but a loopback one"""
        for address in ('0.0.0.0:0', '[::]:0', '10.1.2.3:0', '127.0.0.1:0,192.168.0.1:0'):
            self.refused('--dev', '--listen=' + address, words=['loopback'])

    def test_option(self):
        """an unknown option is named, and those that are known"""
        self.refused('--dev', '--surprise', words=['--surprise', '--heartbeat-interval'])

    def test_variable(self):
        """an unknown variable is named, and those that are known"""
        self.refused('--dev', env={'WSE_SURPRISE': '1'}, words=['WSE_SURPRISE', 'WSE_HEARTBEAT_INTERVAL'])

    def test_value(self):
        """a bad value is named, and what is allowed"""
        self.refused('--dev', env={'WSE_HEARTBEAT_INTERVAL': 'soon'}, words=['WSE_HEARTBEAT_INTERVAL', 'soon', '1 to 3600'])

    def test_later(self):
        """a setting of a later version is not ignored"""
        self.refused('--dev', env={'WSE_SNAPSHOT_TTL': '5'}, words=['WSE_SNAPSHOT_TTL', 'does not implement'])

    def test_file(self):
        """an unknown key in the file is named with its group and file"""
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[wsed]\nsurprise=1\n')
            file.flush()
            self.refused('--dev', '--config', file.name, words=[file.name, '[wsed] surprise', 'heartbeat-interval'])


class Answers(unittest.TestCase):
    def test_help(self):
        """--help, --version, --check-config: standard output, 0"""
        code, out, err = run('--help')
        self.assertEqual((code, err), (0, ''))
        self.assertIn('--heartbeat-interval=VALUE', out)
        code, out, err = run('--version')
        self.assertEqual((code, err), (0, ''))
        self.assertRegex(out, r'^wsed \d+\.\d+\.\d+\n$')
        code, out, err = run('--dev', '--check-config')
        self.assertEqual((code, err), (0, ''))


class Failures(unittest.TestCase):
    def test_port_in_use(self):
        """a port that is taken: 1, the address and the way out named"""
        with socket.create_server(('127.0.0.1', 0)) as taken:
            address = '127.0.0.1:%d' % taken.getsockname()[1]
            code, out, err = run('--dev', '--log=memory:', '--listen=' + address)
        self.assertEqual((code, out), (1, ''), err)
        self.assertIn(address, err)
        self.assertRegex(err, r'(?i)in use')
        self.assertIn('--listen', err)

    def test_log_in_use(self):
        """a log that another daemon has open: 1, its path named, and the other one is not disturbed"""
        with Daemon() as daemon:
            code, out, err = run('--dev', '--listen=127.0.0.1:0', '--log=' + daemon.log)
            self.assertEqual((code, out), (1, ''), err)
            self.assertIn(daemon.log.removeprefix('sqlite:'), err)
            self.assertIn('another log with --log', err)
            daemon.publish({'event_type': 'a', 'user_id': 'u'})

    def test_log_is_something_else(self):
        """a file that is no log: 1, its path named, and it is left as it is"""
        with tempfile.NamedTemporaryFile('wb', suffix='.db') as file:
            file.write(b'my diary\n' * 1000)
            file.flush()
            code, out, err = run('--dev', '--listen=127.0.0.1:0', '--log=sqlite:' + file.name)
            self.assertEqual((code, out), (1, ''), err)
            self.assertIn(file.name, err)
            with open(file.name, 'rb') as after:
                self.assertEqual(after.read(), b'my diary\n' * 1000)


class Life(unittest.TestCase):
    def test_default_log(self):
        """without --log the events are in $STATE_DIRECTORY/wse.db, in a directory that is made, and still there after a kill"""
        daemon = Daemon()
        state = daemon.state + '/deep/state'
        daemon.extra = {'STATE_DIRECTORY': state, 'WSE_LISTEN': '127.0.0.1:0'}
        daemon.command = lambda: [WSED, '--dev']
        with daemon:
            daemon.publish({'event_type': 'a', 'user_id': 'u'})
            self.assertTrue(os.path.exists(state + '/wse.db'))
            self.assertEqual(os.stat(state).st_mode & 0o777, 0o700)
            daemon.kill()
            daemon.start()
            self.assertEqual([event['seq'] for event in daemon.get('/api/events?channel=user:u&user_id=u')['events']], [1])

    def test_listen(self):
        """several addresses, a Unix socket among them, each told in a line of its own"""
        with tempfile.TemporaryDirectory() as directory:
            path = directory + '/s'
            with Daemon(log='memory:', listen=f'127.0.0.1:0,[::1]:0,unix:{path}') as daemon:
                wait_until(lambda: f'listening on unix:{path}' in daemon.output(), 'the last address')
                self.assertRegex(daemon.output(), r'listening on http://127\.0\.0\.1:\d+\n')
                self.assertRegex(daemon.output(), r'listening on http://\[::1\]:\d+\n')
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(TIMEOUT)
                    client.connect(path)
                    client.sendall(b'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
                    self.assertTrue(client.recv(4096).startswith(b'HTTP/1.1 200 '))

    def test_log_metrics(self):
        """what the log says of itself is among the metrics"""
        for log in (None, 'memory:'):
            with Daemon(log=log) as daemon:
                daemon.publish({'event_type': 'a', 'user_id': 'u'}, {'event_type': 'b', 'user_id': 'u'})
                for name, value in (('wse_log_events', 2), ('wse_log_appended_total', 2), ('wse_log_removed_total', 0), ('wse_log_writable', 1)):
                    wait_until(lambda: daemon.metric(name) == value, name)
                self.assertGreater(daemon.metric('wse_log_bytes'), 0)

    def test_json(self):
        """WSE_LOG_FORMAT=json: every line is an object with time, level and message"""
        with Daemon(log='memory:', env={'WSE_LOG_FORMAT': 'json'}) as daemon:
            daemon.stop()
            for line in daemon.lines:
                self.assertLessEqual({'time', 'level', 'domain', 'message'}, set(json.loads(line)))

    def test_signals(self):
        """SIGTERM and SIGINT: 0, and a WebSocket client is told goodbye with 1001"""
        for number in (signal.SIGTERM, signal.SIGINT):
            with Daemon(log='memory:') as daemon:
                with daemon.connect('/wse?user_id=u&history=0') as client:
                    daemon.process.send_signal(number)
                    self.assertEqual(client.recv_close()[0], 1001)
                self.assertEqual(daemon.process.wait(TIMEOUT), 0)

    def test_second_signal(self):
        """a second signal does not wait for the first one's orderly stop"""
        with Daemon(log='memory:') as daemon, socket.create_connection(('127.0.0.1', daemon.port)) as half:
            half.sendall(b'POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
            wait_until(lambda: daemon.get('/api/health'), 'an answer behind the half request')
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: 'stopping' in daemon.output(), 'the stop to begin')
            self.assertIsNone(daemon.process.poll())
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.process.wait(TIMEOUT), -signal.SIGTERM)

    def test_deadline(self):
        """a client that does not come to its end cannot hold the stop up: within 10 s, 0"""
        with Daemon(log='memory:') as daemon, socket.create_connection(('127.0.0.1', daemon.port)) as half:
            half.sendall(b'POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
            wait_until(lambda: daemon.get('/api/health'), 'an answer behind the half request')
            began = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.process.wait(TIMEOUT), 0)
            self.assertLess(time.monotonic() - began, 10)


class Manager(unittest.TestCase):
    """A fake service manager."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.directory.name + '/notify')
        self.socket.settimeout(TIMEOUT)

    def tearDown(self):
        self.socket.close()
        self.directory.cleanup()

    def env(self, **more):
        return {'NOTIFY_SOCKET': self.directory.name + '/notify', **more}

    def hear(self):
        return self.socket.recv(4096).decode()

    def test_states(self):
        """ready when it listens, stopping when it stops, alive in between at half the watchdog's time"""
        with Daemon(env=self.env(WATCHDOG_USEC='200000')) as daemon:
            ready = self.hear()
            self.assertRegex(ready, r'^READY=1\nSTATUS=Listening on 127\.0\.0\.1:\d+$')
            self.assertEqual(int(re.search(r':(\d+)$', ready).group(1)), daemon.port)
            self.assertEqual([self.hear() for _ in range(3)], ['WATCHDOG=1'] * 3)
            daemon.process.send_signal(signal.SIGTERM)
            heard = self.hear()
            while heard == 'WATCHDOG=1':
                heard = self.hear()
            self.assertEqual(heard, 'STOPPING=1\nSTATUS=Stopping')
            self.assertEqual(daemon.process.wait(TIMEOUT), 0)


if __name__ == '__main__':
    main()
