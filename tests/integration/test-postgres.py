# SPDX-License-Identifier: LGPL-2.1-or-later
"""The log in PostgreSQL as an operator meets it: a server that is away, at the start or later, what is refused, and a password that nobody sees."""

import contextlib
import json
import os
import subprocess
import tempfile
import unittest
from concurrent import futures

from wse_postgres import FOLDER, Postgres
from wse_test import WSED, Daemon, main, wait_until

PASSWORD = 'hunter2-and-more'
# What a daemon says of a log that it cannot use.
ALLOW = 'log cannot be used|kept after all|another daemon|relay|connection'


def setUpModule():
    global postgres
    postgres = Postgres()
    postgres.start()


def tearDownModule():
    postgres.close()


def health(daemon):
    answer = daemon.request('GET', '/api/health')
    return answer.status, json.loads(answer.body)


def payload(client):
    """Of the next event."""
    return client.recv_until(lambda message: 'seq' in message)[-1]['p']


def refused(log):
    """Runs wsed, which must not start; gives what it says."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
    with tempfile.TemporaryDirectory() as state:
        done = subprocess.run([WSED, '--dev', '--listen=127.0.0.1:0'], env={**clean, 'STATE_DIRECTORY': state, 'WSE_LOG': log}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, (done.returncode, done.stderr)
    return done.stderr


class Outages(unittest.TestCase):
    def wait_for(self, daemon, status):
        wait_until(lambda: health(daemon)[1]['components']['log'] == status, f'a log that is {status}')

    def test_outage(self):
        """while the server is away publishing is 503 and health says it; then all goes on, for those who stayed connected, too"""
        with Daemon(log=postgres.new(), allow=ALLOW) as daemon:
            daemon.publish(*[{'event_type': 'tick', 'user_id': 'u', 'payload': i} for i in range(3)])
            with daemon.connect('/wse?user_id=u&history=10') as client:
                self.assertEqual([payload(client) for _ in range(3)], [0, 1, 2])
                postgres.kill()
                answer = daemon.request('POST', '/api/events', json.dumps({'event_type': 'tick', 'user_id': 'u'}), {'Content-Type': 'application/json'})
                self.assertEqual(answer.status, 503)
                self.assertIn('retry-after', answer.headers)
                self.wait_for(daemon, 'down')
                status, body = health(daemon)
                self.assertEqual((status, body['status']), (503, 'down'))
                self.assertNotIn(postgres.directory, body['reason'])
                self.assertEqual(daemon.metric('wse_log_writable'), 0)
                wait_until(lambda: 'the log cannot be used: ' in daemon.output(), 'it to be told')
                postgres.start()
                self.wait_for(daemon, 'ok')
                wait_until(lambda: 'the log can be used again' in daemon.output(), 'it to be told')
                self.assertEqual(daemon.output().count('the log cannot be used'), 1)
                self.assertEqual(health(daemon)[0], 200)
                daemon.publish({'event_type': 'tick', 'user_id': 'u', 'payload': 'after'})
                self.assertEqual(payload(client), 'after')
            self.assertEqual([event['metadata'] for event in daemon.get('/api/events?channel=user:u&user_id=u')['events']], [0, 1, 2, 'after'])

    def test_absent(self):
        """a daemon that is started before its database waits for it"""
        log = postgres.new()
        postgres.kill()
        try:
            with Daemon(log=log, allow=ALLOW) as daemon:
                self.assertEqual(health(daemon)[1]['status'], 'down')
                self.assertEqual(daemon.post({'event_type': 'tick', 'user_id': 'u'})[0], 503)
                postgres.start()
                self.wait_for(daemon, 'ok')
                daemon.publish({'event_type': 'tick', 'user_id': 'u', 'payload': 1})
        finally:
            if postgres.process.poll() is not None:
                postgres.start()

    def test_restart(self):
        """a daemon that is killed finds everything again"""
        log = postgres.new()
        with Daemon(log=log) as daemon:
            daemon.publish(*[{'event_type': 'tick', 'user_id': 'u', 'payload': i, 'event_id': str(i)} for i in range(3)])
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.post({'event_type': 'tick', 'user_id': 'u', 'payload': 1, 'event_id': '1'}),
                             (200, {'event_id': '1', 'channel': 'user:u', 'seq': 2, 'duplicate': True}))
            self.assertEqual(daemon.publish({'event_type': 'tick', 'user_id': 'u'})[0]['seq'], 4)


    def test_together(self):
        """two daemons that find the database empty at the same moment: one makes the tables, the other finds them"""
        log = postgres.new()
        name = f'wse{postgres.databases}'
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        daemons = [Daemon(log=log, allow=ALLOW) for _ in range(2)]
        # Its session holds what the tables are made under.
        with subprocess.Popen([f'{FOLDER}/psql', '-h', postgres.directory, '-U', 'wse', '-d', name, '-qAt'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as holder, contextlib.ExitStack() as stack, futures.ThreadPoolExecutor() as pool:
            holder.stdin.write("SELECT 'held' FROM pg_advisory_lock(1465075020, 3);\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), 'held\n')
            starts = [pool.submit(stack.enter_context, daemon) for daemon in daemons]
            wait_until(lambda: postgres.ask(name, waiting) == '2', 'both to wait')
            holder.stdin.close()
            for start in starts:
                start.result()
            daemons[0].publish({'event_type': 'tick', 'user_id': 'u'})
            self.assertEqual(daemons[1].publish({'event_type': 'tick', 'user_id': 'u'})[0]['seq'], 2)


class Refusals(unittest.TestCase):
    def test_newer(self):
        """what a newer version has made is left alone"""
        log = postgres.new()
        with Daemon(log=log):
            pass
        postgres.ask(f'wse{postgres.databases}', 'UPDATE wse.log SET format = 999')
        self.assertIn('newer version', refused(log))

    def test_missing(self):
        """a database that is not there stops the start"""
        self.assertIn('database "nowhere" does not exist', refused(f'postgresql://wse@/nowhere?host={postgres.directory}'))

    def test_encoding(self):
        """a database of another encoding stops the start, before anything is made there"""
        postgres.ask('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        self.assertIn('has to be UTF8', refused(f'postgresql://wse@/latin?host={postgres.directory}'))
        self.assertEqual(postgres.ask('latin', "SELECT count(*) FROM pg_namespace WHERE nspname = 'wse'"), '0')

    def test_password(self):
        """the password opens the log, and stands nowhere; a wrong one stops the start"""
        postgres.new()
        name = f'wse{postgres.databases}'
        postgres.ask('postgres', f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
        postgres.ask('postgres', f'GRANT CREATE ON DATABASE {name} TO guarded')
        with open(f'{postgres.directory}/data/pg_hba.conf', 'w', encoding='utf-8') as file:
            file.write('local all guarded scram-sha-256\nlocal all all trust\n')
        postgres.ask('postgres', 'SELECT pg_reload_conf()')
        wrong = refused(f'postgresql://guarded:{PASSWORD}-not@/{name}?host={postgres.directory}')
        self.assertIn('password authentication failed', wrong)
        self.assertNotIn('hunter2', wrong)
        self.assertIn('password', refused(f'postgresql://guarded@/{name}?host={postgres.directory}'))
        for log in (f'postgresql://guarded:{PASSWORD}@/{name}?host={postgres.directory}',
                    f'postgres:///{name}?host={postgres.directory}&user=guarded&password={PASSWORD}'):
            with Daemon(log=log, allow=ALLOW) as daemon:
                daemon.publish({'event_type': 'tick', 'user_id': 'u'})
                postgres.ask('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'")
                daemon.publish({'event_type': 'tick', 'user_id': 'u'})
                for path in ('/metrics', '/api/metrics', '/api/health', '/api/events/stats'):
                    self.assertNotIn(b'hunter2', daemon.request('GET', path).body)
                self.assertNotIn('hunter2', daemon.output())
                self.assertIn('guarded@', daemon.output())


if __name__ == '__main__':
    main()
