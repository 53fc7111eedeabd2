# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configuration from outside: what stops the start and what it says, the three places settings come from, routes."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from wse_test import WSED, Daemon, main


class Configuration(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='wse-test-'))
        self.addCleanup(shutil.rmtree, self.directory)

    def run_wsed(self, *arguments, **env):
        base = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
        base.update(HOME=str(self.directory), XDG_STATE_HOME=str(self.directory), STATE_DIRECTORY=str(self.directory))
        base.update(env)
        return subprocess.run([WSED, *arguments], env=base, cwd=self.directory, capture_output=True, text=True, timeout=60)

    def refused(self, *words, arguments=('--dev', '--listen=127.0.0.1:0'), **env):
        """The start fails, and says all of @words."""
        result = self.run_wsed(*arguments, **env)
        self.assertNotEqual(result.returncode, 0, result)
        self.assertGreater(result.returncode, 0, result)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def write(self, text):
        path = self.directory / 'wsed.conf'
        path.write_text(text)
        return str(path)

    def test_help_and_version(self):
        """--help and --version answer and end"""
        result = self.run_wsed('--help')
        self.assertEqual(result.returncode, 0)
        self.assertIn('--listen', result.stdout)
        result = self.run_wsed('--version')
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r'\d+\.\d+')

    def test_unknown_variable(self):
        """an unknown WSE_ variable stops the start and is named"""
        self.refused('WSE_NONSENSE', WSE_NONSENSE='1')

    def test_foreign_variables(self):
        """WSE_TEST_ and what Kubernetes sets are left alone"""
        with Daemon(env={'WSE_TEST_ANYTHING': 'x', 'WSE_PORT': 'tcp://10.0.0.1:80', 'WSE_PORT_80_TCP': 'x', 'WSE_WEB_PORT': '1', 'WSE_SERVICE_HOST': 'h'}) as daemon:
            daemon.get('/api/health')

    def test_bad_values(self):
        """a bad value stops the start and is named"""
        for name, value in (('WSE_BUFFER_SIZE', 'many'), ('WSE_BUFFER_SIZE', '-1'), ('WSE_HEARTBEAT_INTERVAL', '0'), ('WSE_SLOW_CONSUMER', 'maybe'), ('WSE_RETENTION', '5'),
                            ('WSE_LOG', 'nonsense:'), ('WSE_LISTEN', 'nonsense'), ('WSE_LISTEN', '127.0.0.1:99999'), ('WSE_MAX_EVENT', '1e3'), ('WSE_LOG_SYNC', 'sometimes'),
                            ('WSE_LOG_LEVEL', 'loud'), ('WSE_MAX_CONNECTIONS_PER_USER', 'x'), ('WSE_MAX_BODY', '')):
            with self.subTest(name=name, value=value):
                arguments = ('--dev',) if name == 'WSE_LISTEN' else ('--dev', '--listen=127.0.0.1:0')
                self.refused(name, arguments=arguments, **{name: value})

    def test_unknown_option(self):
        """an unknown option stops the start"""
        self.refused('--nonsense', arguments=('--dev', '--listen=127.0.0.1:0', '--nonsense=1'))
        self.refused('stray', arguments=('--dev', '--listen=127.0.0.1:0', 'stray'))

    def test_unknown_key(self):
        """an unknown key or group in the file stops the start"""
        self.refused('nonsense', arguments=('--dev', '--listen=127.0.0.1:0', '--config', self.write('[wsed]\nnonsense=1\n')))
        self.refused('other', arguments=('--dev', '--listen=127.0.0.1:0', '--config', self.write('[other]\na=1\n')))
        self.refused('wsed.conf', arguments=('--dev', '--config', self.write('no group\n')))
        self.refused('missing.conf', arguments=('--dev', '--config', 'missing.conf'))

    def test_file_as_it_is_written(self):
        """a byte order mark and line ends of another system are no fault; a line that is one is named by its number, never repeated"""
        for text in (b'\xef\xbb\xbf[wsed]\nheartbeat-interval=7\n', b'[wsed]\r\nheartbeat-interval=7\r\n\r\n', b'', b'\xef\xbb\xbf',
                     b'  # said\n\n [wsed]\n  heartbeat-interval = 7 '):
            (self.directory / 'good.conf').write_bytes(text)
            self.assertEqual(self.run_wsed('--dev', '--check-config', '--config', 'good.conf').returncode, 0, text)
        for text, words in (('[wsed]\njwt-key SECRET\n', ('line 2', 'NAME=VALUE')), ('[wsed]\n=SECRET\n', ('line 2', 'NAME=VALUE')),
                            ('# SECRET\njwt-key=SECRET\n', ('line 2', 'jwt-key', '[GROUP]')),
                            ('[wsed]\njwt-key=SECRET\n[route a]\nconflate=x\n[wsed]\njwt-key = SECRET\n', ('line 6', 'jwt-key', 'twice'))):
            path = self.write(text.replace('SECRET', 'keep-this-to-yourself-keep-this-to-yourself'))
            result = self.run_wsed('--check-config', '--config', path)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count('\n')), (2, '', 1), result)
            self.assertNotIn('yourself', result.stderr)
            for word in (path, *words):
                self.assertIn(word, result.stderr)

    def test_without_dev(self):
        """without --dev it needs a key to let somebody in with"""
        self.refused('--dev', arguments=('--listen=127.0.0.1:0',))

    def test_dev_off_loopback(self):
        """--dev only on a loopback address"""
        for address in ('0.0.0.0:0', '[::]:0', '192.0.2.1:0'):
            self.refused('loopback', arguments=('--dev', f'--listen={address}'))

    def test_precedence(self):
        """command line over environment over file"""
        path = self.write('[wsed]\nheartbeat-interval=7\nmax-message=5000\nmax-connections-per-user=9\n')

        def hello(*arguments, **env):
            with Daemon('--config', path, *arguments, env=env) as daemon, daemon.connect('/wse?history=0') as client:
                told = client.recv()['p']
                return told['heartbeat_s'], told['max_message_bytes']
        self.assertEqual(hello(), (7, 5000))
        self.assertEqual(hello(WSE_HEARTBEAT_INTERVAL='8'), (8, 5000))
        self.assertEqual(hello('--heartbeat-interval=9', WSE_HEARTBEAT_INTERVAL='8'), (9, 5000))

    def test_address_in_use(self):
        """an address in use is an error that names it"""
        with Daemon() as daemon:
            self.refused(str(daemon.port), arguments=('--dev', f'--listen=127.0.0.1:{daemon.port}', f'--log=sqlite:{self.directory}/other.db'))

    def test_several_addresses(self):
        """a list of addresses, a Unix socket among them"""
        path = f'{self.directory}/socket'
        with Daemon(listen=f'127.0.0.1:0,unix:{path}') as daemon:
            daemon.get('/api/health')
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
                self.assertTrue(client.recv(12).startswith(b'HTTP/1.1 200'))

    def test_log_in_use(self):
        """a log that another daemon has: a clear error, and the other goes on"""
        with Daemon() as daemon:
            self.refused('events.db', arguments=('--dev', '--listen=127.0.0.1:0', f'--log={daemon.log}'))
            daemon.publish({'event_type': 'a', 'user_id': 'x'})

    def test_log_that_is_none(self):
        """a log file that is something else: a clear error, the file untouched"""
        path = self.directory / 'notes.txt'
        path.write_text('these are my notes, not a log\n' * 1000)
        self.refused('notes.txt', arguments=('--dev', '--listen=127.0.0.1:0', f'--log=sqlite:{path}'))
        self.assertEqual(path.read_text(), 'these are my notes, not a log\n' * 1000)

    def test_memory_log(self):
        """the memory log does the same, until the end"""
        with Daemon(log='memory:') as daemon:
            daemon.publish({'event_type': 'a', 'user_id': 'x'})
            self.assertEqual(len(daemon.get('/api/events?channel=user:x&user_id=x')['events']), 1)
            daemon.stop()
            daemon.start()
            self.assertEqual(daemon.get('/api/events?channel=user:x&user_id=x')['events'], [])

    def test_later(self):
        """most of routes, and snapshots, are for a later version: naming them stops the start, they are not ignored"""
        self.refused('/nowhere/routes.conf', 'No such file', WSE_ROUTES='/nowhere/routes.conf')
        for group in ('[route order]\ntypes=OrderShipped\ntype=order_shipped\n', '[snapshot accounts]\ndatabase=sqlite:/x\n'):
            path = self.write(group)
            self.refused(path, 'not implement', arguments=('--dev', '--listen=127.0.0.1:0', '--config', path))


if __name__ == '__main__':
    main()
