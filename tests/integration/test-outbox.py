#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The outbox: what applications commit, and nothing else, comes once and in order per key, whoever dies and whatever is written there."""

import contextlib
import json
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import unittest

from wse_postgres import FOLDER, Postgres
from wse_test import TIMEOUT, Daemon, main, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What it may complain of while a server is away, or the table is not as it has to be.
ALLOW = 'outbox|PostgreSQL|log|connection|relay'
# What an application commits it notes: that is the truth. The counter is a row that transactions change, and so wait for each other.
TABLES = '''CREATE TABLE noted (key text, i bigint); CREATE TABLE counter (i bigint); INSERT INTO counter VALUES (0)'''
OWN = '''INSERT INTO wse_outbox (key, event) VALUES ('{key}', '{{"event_type":"a","user_id":"{key}","payload":{{"i":{i}}}}}');
INSERT INTO noted VALUES ('{key}', {i});'''
SHARED = '''WITH c AS (UPDATE counter SET i = i + 1 RETURNING i), o AS (INSERT INTO wse_outbox (key, event)
SELECT 'all', json_build_object('event_type', 'a', 'user_id', 'all', 'payload', json_build_object('i', i)) FROM c)
INSERT INTO noted SELECT 'all', i FROM c;'''


def setUpModule():
    global postgres
    postgres = Postgres('fsync=off', 'max_connections=100')
    postgres.start()


def tearDownModule():
    postgres.close()


def transactions(key, count, seed):
    """A script of transactions that stay open for a while, and of which a third is taken back."""
    chance, i = random.Random(seed), 0
    for _ in range(count):
        yield 'BEGIN;'
        for _ in range(chance.choice((1, 1, 2, 5))):
            yield OWN.format(key=key, i=i)
            i += 1
        if chance.random() < 0.3:
            yield SHARED
        yield f'SELECT pg_sleep({chance.random() * 0.06:.3f});'
        yield chance.choice(('COMMIT;', 'COMMIT;', 'ROLLBACK;'))


class Application:
    """Writers that run at once, each a session of its own."""

    def __init__(self, uri, writers, count, first=0):
        self.keys = [f'k{first + i}' for i in range(writers)]
        self.processes = []
        for i, key in enumerate(self.keys):
            process = subprocess.Popen([f'{FOLDER}/psql', '-qAt', '-v', 'ON_ERROR_STOP=1', uri], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, text=True)
            process.stdin.write('\n'.join(transactions(key, count, i)))
            process.stdin.close()
            self.processes.append(process)

    def wait(self):
        return [process.wait(4 * TIMEOUT) for process in self.processes]


class Holder:
    """A transaction that holds what @sql locks, until it is let go."""

    def __init__(self, uri, sql):
        self.process = subprocess.Popen([f'{FOLDER}/psql', '-qAt', uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(f"BEGIN;\n{sql};\nSELECT 'held';\n")
        self.process.stdin.flush()
        while self.process.stdout.readline() != 'held\n':
            assert self.process.poll() is None

    def let_go(self):
        self.process.communicate('ROLLBACK;\n', TIMEOUT)


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def start(self, uri, **keywords):
        return self.stack.enter_context(Daemon(env={'WSE_OUTBOX': uri}, allow=ALLOW, **keywords))

    def ask(self, uri, sql):
        return subprocess.run([f'{FOLDER}/psql', '-qAt', '-v', 'ON_ERROR_STOP=1', uri], input=sql, capture_output=True, text=True,
                              check=True).stdout.strip()

    def put(self, uri, *events):
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            self.ask(uri, f"INSERT INTO wse_outbox (key, event) VALUES ('the key', $e${text}$e$)")

    def make(self):
        """A database with an outbox, made by a daemon, and the tables of an application."""
        uri = postgres.new()
        self.ask(uri, TABLES)
        return uri

    def wait_made(self, uri):
        wait_until(lambda: self.ask(uri, "SELECT to_regclass('wse_outbox_state') IS NOT NULL") == 't', 'the outbox to be made')

    def wait_empty(self, uri):
        wait_until(lambda: self.ask(uri, "SELECT (SELECT count(*) FROM wse_outbox) + (SELECT cardinality(ids) FROM wse_outbox_state)") == '0',
                   'the outbox to be empty', 4 * TIMEOUT)

    def check(self, uri, daemon, keys):
        """What was noted, and only that, is in the log, in its order."""
        self.wait_empty(uri)
        noted = {}
        for line in self.ask(uri, 'SELECT key, i FROM noted ORDER BY key, i').splitlines():
            key, i = line.split('|')
            noted.setdefault(key, []).append(int(i))
        self.assertGreater(sum(map(len, noted.values())), len(keys))
        for key in [*keys, 'all']:
            found = daemon.kept(key)
            self.assertEqual([event['metadata']['i'] for event in found], noted.get(key, []), key)
            self.assertEqual([event['seq'] for event in found], list(range(1, len(found) + 1)))

    def health(self, daemon):
        return daemon.get('/api/health')['components']['outbox']


class Committed(Case):
    def test_killed(self):
        """transactions that end out of order or are taken back, the daemon killed in the middle: what was committed comes once, in order"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        application = Application(uri, 12, 40)
        for _ in range(3):
            before = daemon.metric('wse_outbox_drained_total')
            wait_until(lambda: daemon.metric('wse_outbox_drained_total') > before + 30, 'some more rows')
            daemon.kill()
            daemon.start()
        self.assertEqual(set(application.wait()), {0})
        self.check(uri, daemon, application.keys)
        self.assertEqual(daemon.kept('all')[0]['event_id'].rsplit(':', 1)[0],
                         'outbox:' + self.ask(uri, 'SELECT name FROM wse_outbox_state'))
        wait_until(lambda: self.health(daemon) == 'ok', 'health to be ok')
        wait_until(lambda: daemon.metric('wse_outbox_waiting') == 0, 'nothing to wait')

    def test_two_daemons(self):
        """of two daemons on one log one empties it; it is killed, then it hangs: the other goes on, each row comes once"""
        uri, log = self.make(), postgres.new()
        first, second = self.start(uri, log=log), self.start(uri, log=log)
        self.wait_made(uri)
        application = Application(uri, 6, 40)
        holder = wait_until(lambda: next((daemon for daemon in (first, second) if daemon.metric('wse_outbox_drained_total') > 30), None),
                            'one to empty it')
        other = second if holder is first else first
        self.assertEqual(other.metric('wse_outbox_draining'), 0)
        holder.kill()
        wait_until(lambda: other.metric('wse_outbox_drained_total') > 30, 'the other to go on')
        self.assertEqual(set(application.wait()), {0})
        holder.start()
        self.check(uri, holder, application.keys)
        self.assertEqual(holder.metric('wse_outbox_draining'), 0)
        holder, other = other, holder
        holder.process.send_signal(signal.SIGSTOP)
        try:
            last = Application(uri, 2, 20, first=len(application.keys))
            self.assertEqual(set(last.wait()), {0})
            wait_until(lambda: other.metric('wse_outbox_draining') == 1, 'the hanging one to be replaced', 4 * TIMEOUT)
            self.wait_empty(uri)
        finally:
            holder.process.send_signal(signal.SIGCONT)
        self.check(uri, holder, last.keys)

    def test_database_killed(self):
        """the application's database crashes in the middle: health says so, and all that was committed comes once"""
        with Postgres() as own:
            uri = own.new()
            self.ask(uri, TABLES)
            daemon = self.start(uri)
            self.wait_made(uri)
            for first in (0, 6):
                application = Application(uri, 6, 25, first)
                before = daemon.metric('wse_outbox_drained_total')
                wait_until(lambda: daemon.metric('wse_outbox_drained_total') > before + 30, 'some rows')
                own.kill()
                application.wait()
                wait_until(lambda: self.health(daemon) == 'degraded', 'health to tell')
                daemon.publish({'event_type': 'a', 'user_id': 'somebody'})
                own.start()
            self.check(uri, daemon, [f'k{i}' for i in range(12)])
            wait_until(lambda: self.health(daemon) == 'ok', 'health to be ok')
            self.assertGreater(daemon.metric('wse_outbox_draining'), 0)

    def test_log_away(self):
        """while the log takes nothing rows wait in their table; then they come, once"""
        with Postgres() as server:
            uri = self.make()
            daemon = self.start(uri, log=server.new())
            self.wait_made(uri)
            application = Application(uri, 6, 25)
            wait_until(lambda: daemon.metric('wse_outbox_drained_total') > 30, 'some rows')
            server.kill()
            self.assertEqual(set(application.wait()), {0})
            wait_until(lambda: json.loads(daemon.request('GET', '/api/health').body)['components']['outbox'] == 'degraded', 'health to tell')
            wait_until(lambda: daemon.metric('wse_outbox_waiting') > 0, 'rows to wait')
            server.start()
            self.check(uri, daemon, application.keys)


class Twice(Case):
    """Where a batch may be sent twice only the numbers can tell: the rows get other ids meanwhile."""

    def put_ids(self, uri, mark, count=5):
        if not self.ask(uri, 'SELECT id FROM wse_outbox'):
            for i in range(count):
                self.put(uri, {'event_type': 'a', 'user_id': 'k', 'event_id': f'{mark}{i}'})
        else:
            self.ask(uri, f"""UPDATE wse_outbox SET event = json_build_object('event_type', 'a', 'user_id', 'k', 'event_id', '{mark}' || id)""")

    def pid(self, uri):
        """The server's process for the session that has the lock, or ''."""
        return self.ask(uri, """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1465075020 AND
            database = (SELECT oid FROM pg_database WHERE datname = current_database())""")

    def cut(self, uri):
        """Ends that session; the server would go on with what it waits for."""
        pid = wait_until(lambda: self.pid(uri), 'one to empty it')
        self.ask(uri, f'SELECT pg_terminate_backend({pid})')
        wait_until(lambda: self.pid(uri) != pid, 'it to end')

    def test_not_removed(self):
        """a crash between the append and the removal of its rows"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        self.put_ids(uri, 'first')
        daemon.wait_kept('k', 5)
        self.wait_empty(uri)
        daemon.kill()
        self.put_ids(uri, 'second')
        holder = Holder(uri, 'SELECT FROM wse_outbox FOR UPDATE')
        daemon.start()
        daemon.wait_kept('k', 10)
        daemon.kill()
        self.cut(uri)
        holder.let_go()
        self.put_ids(uri, 'third')
        daemon.start()
        self.wait_empty(uri)
        self.assertEqual([event['event_id'] for event in daemon.kept('k')], [f'{mark}{i}' for mark in ('first', 'second') for i in range(5)])

    def test_both_append(self):
        """the one that empties it is cut off while the log has its batch, and the other one sends it, too"""
        uri, log = self.make(), postgres.new()
        daemons = [self.start(uri, log=log), self.start(uri, log=log)]
        self.wait_made(uri)
        self.put_ids(uri, 'first')
        daemons[0].wait_kept('k', 5)
        self.wait_empty(uri)
        holder = Holder(log, 'SELECT FROM wse.log FOR UPDATE')
        self.put_ids(uri, 'second', 1)
        wait_until(lambda: self.ask(uri, 'SELECT cardinality(ids) FROM wse_outbox_state') == '1', 'the batch to be taken')
        self.put_ids(uri, 'third')
        # Whichever is the next one.
        for _ in range(3):
            self.cut(uri)
        wait_until(lambda: any(daemon.metric('wse_outbox_draining') for daemon in daemons), 'one to empty it')
        holder.let_go()
        self.wait_empty(uri)
        self.put_ids(uri, 'last', 1)
        found = daemons[1].wait_kept('k', 7)
        self.assertEqual(len(found), 7, found)
        self.assertEqual(found[-1]['event_id'], 'last0')


class Rows(Case):
    def test_bad(self):
        """a row that cannot be an event becomes a dead letter and holds up nothing"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        self.put(uri, {'event_type': 'OrderPlaced', 'user_id': 7, 'event_id': 'mine'}, '17', '[{"event_type":"a","user_id":"7"}]', 'null',
                 {'user_id': '7'}, {'event_type': 'nobody'}, {'event_type': 'a', 'user_id': '7', 'payload': 'x' * 300000},
                 '{"event_type":"a","user_id":"7","payload":{"n":1.10, "m":[1e400]}}')
        found = daemon.wait_kept('7', 2)
        self.assertEqual([(event['type'], event['event_id'].split(':')[0]) for event in found], [('order_update', 'mine'), ('a', 'outbox')])
        self.wait_empty(uri)
        with sqlite3.connect(f'file:{daemon.state}/events.db?mode=ro', uri=True) as db:
            letters = db.execute('SELECT source, position, code, input, topic, key, event_id FROM letter ORDER BY id').fetchall()
        source = 'outbox:' + self.ask(uri, 'SELECT name FROM wse_outbox_state')
        self.assertEqual([letter[1:3] for letter in letters], [(2, 'invalid'), (3, 'invalid'), (4, 'invalid'), (5, 'invalid'), (7, 'too_large')])
        self.assertEqual(letters[0][0], source)
        self.assertEqual(letters[0][3:], (b'17', 'wse_outbox', b'the key', f'{source}:2'))
        self.assertEqual(len(letters[4][3]), 300000 + len('{"event_type": "a", "user_id": "7", "payload": ""}'))
        self.assertEqual(daemon.metric('wse_outbox_letters_total'), 5)
        text = daemon.request('GET', '/api/events?channel=user:7').body.decode()
        self.assertIn('{"n":1.10,"m":[1e400]}', text)

    def test_large(self):
        """many large rows come in several batches, in order"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        self.ask(uri, """INSERT INTO wse_outbox (key, event) SELECT 'k', json_build_object('event_type', 'a', 'user_id', 'k', 'payload',
                         json_build_object('i', i, 'x', repeat('x', 100000))) FROM generate_series(0, 199) i""")
        self.ask(uri, """INSERT INTO wse_outbox (key, event) SELECT 'k', json_build_object('event_type', 'a', 'user_id', 'k', 'payload',
                         json_build_object('i', i)) FROM generate_series(200, 2999) i""")
        self.wait_empty(uri)
        self.assertEqual([event['metadata']['i'] for event in daemon.kept('k')], list(range(3000)))
        self.assertGreaterEqual(int(self.ask(uri, 'SELECT n FROM wse_outbox_state')), 5)

    def test_unheard(self):
        """without the trigger rows come a little later"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        self.ask(uri, 'DROP TRIGGER wse_outbox_wake ON wse_outbox')
        self.put(uri, {'event_type': 'a', 'user_id': 'k'})
        daemon.wait_kept('k', 1)

    def test_restored(self):
        """an outbox from an older copy of the database, whose numbers the log has had already: its rows come all the same"""
        uri = self.make()
        daemon = self.start(uri)
        self.wait_made(uri)
        for i in range(5):
            self.put(uri, {'event_type': 'a', 'user_id': 'k', 'payload': {'i': i}})
            daemon.wait_kept('k', i + 1)
        self.wait_empty(uri)
        daemon.kill()
        self.put(uri, {'event_type': 'a', 'user_id': 'k', 'payload': {'i': 5}})
        for state in ("n = 4, ids = '{}'", "n = 2, ids = (SELECT array_agg(id) FROM wse_outbox)"):
            self.ask(uri, f'UPDATE wse_outbox_state SET {state}')
            daemon.start()
            self.wait_empty(uri)
            daemon.kill()
            self.put(uri, {'event_type': 'a', 'user_id': 'k', 'payload': {'i': 6}})
        daemon.start()
        self.wait_empty(uri)
        self.assertEqual([event['metadata']['i'] for event in daemon.kept('k')], [0, 1, 2, 3, 4, 5, 6, 6])

    def test_rights(self):
        """as docs/outbox.md shows it: an application needs INSERT and nothing else; a wsed that may not make the table says so, and goes on
        once it is there"""
        example, schema, grants = re.findall(r'^```sql\n(.*?)^```$', (ROOT / 'docs/outbox.md').read_text(), re.M | re.S)
        made = (ROOT / 'daemon/source/wsed-outbox-schema.sql').read_text()
        self.assertEqual(schema, made[made.index('CREATE'):])
        uri = self.make()
        self.ask(uri, 'CREATE ROLE clerk LOGIN; CREATE ROLE wsed LOGIN; CREATE TABLE orders (id int, state text); GRANT ALL ON orders TO clerk')
        daemon = self.start(uri.replace('wse@', 'wsed@'))
        wait_until(lambda: self.health(daemon) == 'down', 'health to tell')
        self.assertIn('permission denied', daemon.get('/api/health')['reason'])
        self.ask(uri, schema)
        self.ask(uri, schema)
        self.ask(uri, grants)
        self.ask(uri, 'GRANT INSERT ON wse_outbox TO clerk')
        self.ask(uri.replace('wse@', 'clerk@'), example)
        found = daemon.wait_kept('alice', 1)
        self.assertEqual((found[0]['type'], found[0]['metadata']), ('order_update', {'order_id': 7}))
        wait_until(lambda: self.health(daemon) == 'ok', 'health to be ok')


if __name__ == '__main__':
    main()
