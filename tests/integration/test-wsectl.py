#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""wsectl: every option, what it says when something is wrong, and what a reader gets while wsed is killed under it."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import jwt

from wse_auth import SECRET, Guarded
from wse_socket import TIMEOUT
from wse_test import Daemon, Scenario, main, wait_until

WSECTL = os.environ.get('WSE_TEST_WSECTL', 'wsectl')
TROUBLE = re.compile(r'CRITICAL|WARNING|Sanitizer|runtime error:')
PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs/man/wsectl.1'


def environment(daemon=None, **more):
    env = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
    return env | ({'WSE_SERVER': f'http://127.0.0.1:{daemon.port}'} if daemon else {}) | more


def run(daemon, *arguments, text=None, **more):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([WSECTL, *arguments], input=text.encode() if text is not None else b'', capture_output=True, timeout=TIMEOUT,
                          env=environment(daemon, **more))
    errors = done.stderr.decode()
    assert not TROUBLE.search(errors), errors
    return done.returncode, done.stdout.decode(), errors


class Tail:
    """A tail that runs; its lines as they come."""

    def __init__(self, daemon, *arguments):
        self.process = subprocess.Popen([WSECTL, 'tail', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(daemon))
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    def read(self, stream, lines):
        for line in stream:
            lines.append(line.decode().rstrip('\n'))

    def show(self, n):
        wait_until(lambda: len(self.out) >= n or self.process.poll() is not None, f'{n} lines')
        return list(self.out)

    def end(self, number=signal.SIGINT, code=0):
        if number:
            self.process.send_signal(number)
        self.process.wait(TIMEOUT)
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        text = '\n'.join(self.err)
        assert self.process.returncode == code, (self.process.returncode, text)
        assert not TROUBLE.search(text), text
        return self.out, text


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


class Usage(unittest.TestCase):
    def test_help(self):
        """--help of wsectl and of each command, --version"""
        self.assertEqual(run(None, '--version'), (0, 'wsectl 0.1.0\n', ''))
        for words in ([], ['publish'], ['tail'], ['history'], ['connections'], ['disconnect'], ['erase'], ['token'], ['key']):
            code, out, err = run(None, *words, '--help')
            self.assertEqual((code, err), (0, ''))
            self.assertIn('Exit status: 0 done; 1', out)
            self.assertIn('wsectl ' + (words or ['COMMAND'])[0], out)
        self.assertEqual(run(None)[0], 2)

    def test_wrong_usage(self):
        """wrong usage is 2, in one line that names what is wrong, and asks no server"""
        for words, named in (
                (['fly'], 'fly'), (['publish'], 'TYPE'), (['publish', 'a', '{'], 'PAYLOAD'), (['publish', 'a', '{}', 'b'], '“b”'),
                (['publish', 'a', '--file=-'], '--file'), (['publish', '--file=/does/not/exist'], '/does/not/exist'),
                (['publish', '--file=-', '--id="'], '--id'), (['publish', 'a', '--retry=-1'], '--retry'), (['publish', 'a', '--retry=x'], 'x'),
                (['tail', 'nobody'], 'nobody'), (['tail', '*', 'global'], '*'), (['tail', '--history=10001'], '--history'),
                (['tail', '--count=0'], '--count'), (['tail', '--after=x'], '--after'), (['tail', '--severity=loud'], 'severity'),
                (['tail', '--format=xml'], '--format'), (['tail', '--fly'], '--fly'), (['history', 'x'], 'x'), (['history', '--limit=0'], '--limit'),
                (['history', 'global', 'system'], 'system'), (['history', '--types=a,,b'], 'type'), (['history', '--after=a@b'], '--after'),
                (['history', '--server=ftp://x'], '--server'), (['connections', 'x'], '“x”'), (['disconnect'], '--user'),
                (['disconnect', 'x', '--user=y'], '--user'), (['erase'], 'channel'), (['erase', '*'], '*'), (['erase', 'user:a', 'b'], '“b”'), (['token'], 'user'), (['token', 'a b'], 'user'),
                (['token', 'a'], 'WSE_JWT_KEY'), (['token', 'a', '--key=short'], '32'), (['token', 'a', '--expires=soon', f'--key={SECRET}'], '--expires'),
                (['token', 'a', '--alg=none', f'--key={SECRET}'], '--alg'), (['token', 'a', '--publish=x', f'--key={SECRET}'], '--publish'),
                (['key'], 'name'), (['key', 'a', '--subscribe=x'], '--subscribe'), (['history', '--token=a b'], '--token')):
            with self.subTest(words=words):
                code, out, err = run(None, *words)
                self.assertEqual((code, out, err.count('\n')), (2, '', 1), err)
                self.assertIn(named, err)
                self.assertIn('--help', err)
        self.assertIn('WSE_SERVER', run(None, 'history', WSE_SERVER='nonsense')[2])

    def test_no_server(self):
        """a server that is not there is 1, in one line with its address, at once"""
        address = f'http://127.0.0.1:{free_port()}'
        for words in (['publish', 'a', '--broadcast'], ['publish', '--file=-', '--id=x'], ['tail'], ['history'], ['connections'],
                      ['disconnect', 'x'], ['erase', 'global']):
            with self.subTest(words=words):
                code, out, err = run(None, *words, f'--server={address}', text='{"event_type":"a","broadcast":true}\n')
                self.assertEqual((code, err.count('\n')), (1, 1), err)
                self.assertIn(address, err)
                self.assertIn('is wsed running', err)

    def test_not_ours(self):
        """a server that answers something else is refused, not believed"""
        with socket.create_server(('127.0.0.1', 0)) as server:
            def answer():
                while True:
                    try:
                        client, _ = server.accept()
                    except OSError:
                        return
                    with client:
                        client.recv(65536)
                        client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]')
            threading.Thread(target=answer, daemon=True).start()
            for words in (['tail'], ['history'], ['connections'], ['disconnect', 'x'], ['erase', 'global']):
                code, out, err = run(None, *words, f'--server=http://127.0.0.1:{server.getsockname()[1]}')
                self.assertEqual((code, out, err.count('\n')), (1, '', 1), err)

    @unittest.skipUnless(shutil.which('groff'), 'groff is not installed')
    def test_page(self):
        """the manual page has no fault, and names every option"""
        done = subprocess.run(['groff', '-man', '-Tutf8', '-ww', '-z', PAGE], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        text = PAGE.read_text().replace('\\-', '-')
        for command in ('publish', 'tail', 'history', 'connections', 'disconnect', 'erase', 'token', 'key'):
            for option in re.findall(r'--[a-z-]+', run(None, command, '--help')[1]):
                self.assertIn(option, text)


class Credentials(unittest.TestCase):
    """What wsectl makes to get in with, and that it is used."""

    def test_token(self):
        """token: signed with each kind of key, it lets in; --token and WSE_TOKEN send it with every command"""
        for kind, arguments in (('secret', None), ('RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']),
                                ('EC', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'])):
            with self.subTest(kind=kind):
                daemon = Guarded(jwt_key=SECRET if kind == 'secret' else 'file:public.pem')
                key = SECRET
                if kind != 'secret':
                    subprocess.run(['openssl', 'genpkey', *arguments, '-out', 'private.pem'], cwd=daemon.state, check=True, capture_output=True)
                    subprocess.run(['openssl', 'pkey', '-in', 'private.pem', '-pubout', '-out', 'public.pem'], cwd=daemon.state, check=True)
                    key = f'file:{daemon.state}/private.pem'
                with daemon:
                    code, out, err = run(daemon, 'token', 'alice', '--roles=r', '--publish=user:*', '--expires=5m', WSE_JWT_KEY=key)
                    self.assertEqual((code, err), (0, ''))
                    token = out.strip()
                    self.assertEqual(run(daemon, 'publish', 'A', '{"n":1}', '--user=alice', WSE_TOKEN=token)[0], 0)
                    for words, more in ((['history', f'--token={token}'], {}), (['tail', '--history=1', '--count=1'], {'WSE_TOKEN': token})):
                        code, out, err = run(daemon, *words, 'user:alice', **more)
                        self.assertEqual((code, out.count('\n')), (0, 1), err)
                        self.assertIn('{"n":1}', out)
                    code, out, err = run(daemon, 'history', 'user:bob', WSE_TOKEN=token)
                    self.assertEqual((code, out), (1, ''))
                    self.assertIn('not permitted', err)
                    code, out, err = run(daemon, 'history', 'user:alice')
                    self.assertEqual((code, out), (1, ''))
                    self.assertIn('send a token', err)

    def test_claims(self):
        """token: what is asked for is what it says"""
        code, out, err = run(None, 'token', 'alice', f'--key={SECRET}', '--alg=HS512', '--kid=k', '--roles=a,b', '--teams=t', '--subscribe=session:*',
                             '--publish=user:x', '--monitor', '--admin', '--types=x,y', '--severity=error', '--jti=j', '--issuer=i', '--audience=u', '--expires=2m')
        self.assertEqual((code, err), (0, ''))
        self.assertEqual(jwt.get_unverified_header(out.strip()), {'alg': 'HS512', 'typ': 'JWT', 'kid': 'k'})
        claims = jwt.decode(out.strip(), SECRET, ['HS512'], audience='u')
        self.assertEqual(claims.pop('exp') - claims.pop('iat'), 120)
        self.assertEqual(claims, {'sub': 'alice', 'jti': 'j', 'iss': 'i', 'aud': 'u', 'roles': ['a', 'b'], 'teams': ['t'], 'wse': {
            'subscribe': ['session:*'], 'publish': ['user:x'], 'monitor': True, 'admin': True, 'filter': {'types': ['x', 'y'], 'severity': 'error'}}})
        self.assertNotIn('exp', jwt.decode(run(None, 'token', 'a', f'--key={SECRET}', '--expires=never')[1].strip(), SECRET, ['HS256']))

    def test_key(self):
        """key: two lines, or one and the file; wsed lets the service in"""
        code, out, err = run(None, 'key', 'shop', '--publish=user:*', '--severity=warning')
        self.assertEqual((code, err), (0, ''))
        key, line = out.splitlines()
        self.assertEqual(json.loads(line), {'name': 'shop', 'sha256': hashlib.sha256(key.encode()).hexdigest(), 'publish': ['user:*'],
                                            'filter': {'severity': 'warning'}})
        with Guarded(jwt_key=None, keys=line + '\n') as daemon:
            self.assertEqual(run(daemon, 'publish', 'A', '--user=u', WSE_TOKEN=key)[0], 0)
            other = run(None, 'key', 'watch', '--monitor', f'--file={daemon.keys}')[1].strip()
            self.assertEqual(run(daemon, 'connections', WSE_TOKEN=other)[0], 1)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: run(daemon, 'connections', WSE_TOKEN=other)[0] == 0, 'the keys to be read again')
            self.assertEqual(run(daemon, 'connections', WSE_TOKEN=key)[0], 1)


class Publish(Scenario):
    def events(self, channel):
        return self.daemon.get(f'/api/events?channel={channel}&limit=1000')['events']

    def test_options(self):
        """publish: every target and member arrives as it was given"""
        code, out, err = run(self.daemon, 'publish', 'OrderPlaced', '{"n": 1.10, "k":"ü"}', '--user=u', '--role=r', '--team=t', '--session=s',
                             '--broadcast', '--severity=warning', '--message=say "so"\n', '--id=one')
        self.assertEqual((code, err), (0, ''))
        answer = json.loads(out)
        self.assertEqual([channel['channel'] for channel in answer['channels']], ['user:u', 'role:r', 'team:t', 'session:s', 'global'])
        event = self.events('user:u')[0]
        self.assertEqual((event['event_id'], event['type'], event['severity'], event['message'], event['metadata']),
                         ('one', 'order_update', 'warning', 'say "so"\n', {'n': 1.1, 'k': 'ü'}))
        again = json.loads(run(self.daemon, 'publish', 'OrderPlaced', '--user=u', '--id=one')[1])
        self.assertTrue(again['duplicate'])
        self.assertRegex(json.loads(run(self.daemon, 'publish', 'a', '-u', 'dash', '--', '-5')[1])['event_id'], r'^[0-9a-f-]{36}$')
        self.assertEqual(self.events('user:dash')[0]['metadata'], -5)

    def test_refused(self):
        """publish: what the server refuses is 1, with its reason"""
        for words, code in ((['publish', 'a'], 'no_route'), (['publish', 'a', '--user=x', '--severity=loud'], 'severity')):
            status, out, err = run(self.daemon, *words)
            self.assertEqual((status, out, err.count('\n')), (1, '', 1), err)
            self.assertIn(code, err)

    def test_lines(self):
        """publish --file: bad lines are told with their numbers, the others are published, and a repetition doubles nothing"""
        good = [{'event_type': 'a', 'user_id': 'lines', 'payload': i} for i in range(2500)]
        lines = [json.dumps(event) for event in good]
        lines[3:3] = ['{"event_type":', '', '[1]', '{"event_type":"a"}', '{"event_id":null,"event_type":"a","user_id":"lines","payload":-1}',
                      '{"event_id":"mine","event_type":"a","user_id":"lines","payload":-2}']
        code, out, err = run(self.daemon, 'publish', '--file=-', '--id=in', text='\n'.join(lines))
        self.assertEqual(code, 1)
        self.assertEqual(json.loads(out), {'accepted': 2502, 'duplicates': 0, 'dropped': 0, 'rejected': 3})
        for number in (4, 6, 7):
            self.assertIn(f'wsectl: line {number}: ', err)
        self.assertEqual(err.count('\n'), 4, err)
        self.assertIn('no_route', err)
        with open(self.daemon.state + '/lines', 'w') as file:
            file.write('\n'.join(lines) + '\n')
        again = json.loads(run(self.daemon, 'publish', f'--file={self.daemon.state}/lines', '--id=in')[1])
        self.assertEqual(again, {'accepted': 0, 'duplicates': 2502, 'dropped': 0, 'rejected': 3})
        ids = {event['event_id'] for event in self.events('user:lines')}
        self.assertTrue({'in-1', 'in-8', 'mine'} <= ids)

    def test_prompt(self):
        """publish --file=-: what is written is published although more may come"""
        process = subprocess.Popen([WSECTL, 'publish', '--file=-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(self.daemon))
        process.stdin.write(b'{"event_type":"a","user_id":"prompt"}\n')
        process.stdin.flush()
        wait_until(lambda: self.events('user:prompt'), 'the event')
        self.assertEqual(json.loads(process.communicate(timeout=TIMEOUT)[0])['accepted'], 1)
        self.assertEqual(process.returncode, 0)


class Read(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.publish_lines([{'event_type': 'Even' if i % 2 == 0 else 'Odd', 'event_id': f'h{i}', 'user_id': 'h', 'payload': {'i': i},
                                   'severity': ['info', 'warning', 'error'][i % 3], 'message': 'm\u009b[31m'} for i in range(2100)])

    def numbers(self, out):
        return [int(found) for found in re.findall(r'"i":(\d+)', out)]

    def test_history(self):
        """history: all pages, --limit, --types, --severity, --after, --show-cursor, both formats"""
        code, out, err = run(self.daemon, 'history', 'user:h')
        self.assertEqual((code, self.numbers(out), err), (0, list(range(2100)), ''))
        self.assertRegex(out.split('\n')[0], r'^\d{4}-\d\d-\d\dT[\d:.]+Z user:h 1 info even "m\\u009b\[31m" \{"i":0\}$')
        code, out, err = run(self.daemon, 'history', 'user:h', '--limit=1500', '--show-cursor', '--format=json')
        self.assertEqual(len([json.loads(line) for line in out.splitlines()]), 1500)
        cursor = re.fullmatch(r'wsectl: cursor: (user:h@\S+:1500)\n', err).group(1)
        self.assertEqual(self.numbers(run(self.daemon, 'history', 'user:h', f'--after={cursor}')[1]), list(range(1500, 2100)))
        out = run(self.daemon, 'history', 'user:h', '--types=Odd', '--severity=error', '-n', '3')[1]
        self.assertEqual(self.numbers(out), [5, 11, 17])
        code, out, err = run(self.daemon, 'history', 'user:h', '--after=user:h@gone:7', '-n', '1')
        self.assertEqual((code, self.numbers(out)), (0, [0]))
        self.assertIn('gap in user:h', err)

    def test_tail(self):
        """tail: --history, --count, --types, --severity, --after, --show-cursor, both formats"""
        code, out, err = run(self.daemon, 'tail', 'user:h', '--history=5', '--count=5', '--show-cursor')
        self.assertEqual((code, self.numbers(out)), (0, list(range(2095, 2100))))
        cursor = re.fullmatch(r'wsectl: cursor: (user:h@(\S+):2100)\n', err)
        out = run(self.daemon, 'tail', 'user:h', '-n', '2', '-f', 'json', '-t', 'even', '-s', 'warning',
                  f'--after=user:h@{cursor.group(2)}:0')[1]
        self.assertEqual([json.loads(line)['p'] for line in out.splitlines()], [{'i': 2}, {'i': 4}])
        self.assertTrue(out.startswith('{"v":2,"id":"h2","t":"even"'), out)
        code, out, err = run(self.daemon, 'tail', 'user:h', '-n', '1', '--after=user:h@gone:5')
        self.assertEqual(self.numbers(out), [0])
        self.assertIn('gap in user:h', err)
        self.assertIn('(epoch)', err)

    def test_ends(self):
        """tail ends with 0 on SIGINT and SIGTERM, and when its reader goes"""
        for number in (signal.SIGINT, signal.SIGTERM):
            tail = Tail(self.daemon, 'user:h', '--history=1')
            tail.show(1)
            self.assertEqual(tail.end(number)[1], '')
        process = subprocess.Popen([WSECTL, 'tail', 'user:h', '--history=1'], stdout=subprocess.PIPE, env=environment(self.daemon))
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(TIMEOUT), 0)
        process = subprocess.Popen(f'{WSECTL} history user:h | head -n 1 >/dev/null', shell=True, stderr=subprocess.PIPE,
                                   env=environment(self.daemon))
        self.assertEqual(process.communicate(timeout=TIMEOUT)[1], b'')


class Operate(Scenario):
    def test_connections(self):
        """connections lists and filters, in text and as JSON; disconnect ends one, or a user's"""
        clients = [self.daemon.connect(f'/wse?user_id={name}&history=0') for name in ('ann', 'ann', 'bob')]
        ids = [client.recv_control('hello')[1]['connection_id'] for client in clients]
        code, out, err = run(self.daemon, 'connections')
        self.assertEqual((code, err), (0, ''))
        self.assertEqual([line.split()[:3] for line in out.splitlines()], [[one, name, '/wse'] for one, name in zip(ids, ('ann', 'ann', 'bob'))])
        self.assertRegex(out.splitlines()[0], r' - 127\.0\.0\.1:\d+ \S+Z \w+ channels=2 sent=0 dropped=0 lag=0$')
        self.assertEqual(len(run(self.daemon, 'connections', '--user=ann')[1].splitlines()), 2)
        self.assertEqual(len(run(self.daemon, 'connections', '--channel=user:bob', '--endpoint=/wse')[1].splitlines()), 1)
        self.assertEqual(run(self.daemon, 'connections', '--endpoint=/sse'), (0, '', ''))
        self.assertEqual([json.loads(line)['id'] for line in run(self.daemon, 'connections', '--json')[1].splitlines()], ids)
        self.assertEqual(run(self.daemon, 'disconnect', ids[2]), (0, '{"ended":1}\n', ''))
        code, out, err = run(self.daemon, 'disconnect', ids[2])
        self.assertEqual((code, out), (1, ''))
        self.assertIn('not_found', err)
        self.assertEqual(run(self.daemon, 'disconnect', '--user=ann'), (0, '{"ended":2}\n', ''))
        for client in clients:
            self.assertEqual(client.recv_close()[0], 4403)

    def test_erase(self):
        """erase says what it has erased; of a channel that never was it is refused"""
        self.daemon.publish(*({'event_type': 'tick', 'user_id': 'goneü', 'payload': i} for i in range(3)))
        code, out, err = run(self.daemon, 'erase', 'user:goneü')
        self.assertEqual((code, err, json.loads(out)['erased']), (0, '', 3))
        self.assertEqual(run(self.daemon, 'history', 'user:goneü'), (0, '', ''))
        self.assertEqual(run(self.daemon, 'erase', 'user:never')[:2], (1, ''))


class Crash(unittest.TestCase):
    def follow(self, *channels):
        with Daemon() as daemon:
            daemon.stop()
            daemon.listen = f'127.0.0.1:{free_port()}'
            daemon.start()
            tail = Tail(daemon, *channels, '--history=0', '--format=json')
            wait_until(lambda: daemon.get('/api/events/stats')['active_subscribers'] == 1, 'the tail')
            number = 0
            for _ in range(3):
                for _ in range(50):
                    daemon.publish({'event_type': 'a', 'user_id': f'c{number % 2}', 'payload': number})
                    number += 1
                daemon.kill()
                daemon.start()
            tail.show(number)
            daemon.publish({'event_type': 'a', 'user_id': 'c0', 'payload': number})
            tail.show(number + 1)
            out, err = tail.end()
            numbers = [json.loads(line)['p'] for line in out]
            self.assertEqual(sorted(numbers), list(range(number + 1)))
            for user in (0, 1):
                mine = [n for n in numbers if n % 2 == user]
                self.assertEqual(mine, sorted(mine))
            self.assertNotIn('gap', err)
            self.assertIn('connected again', err)

    def test_channels(self):
        """tail of channels while wsed is killed: nothing missing, nothing doubled"""
        self.follow('user:c0', 'user:c1')

    def test_whole_log(self):
        """tail of the whole log while wsed is killed: nothing missing, nothing doubled"""
        self.follow('*')

    def test_another_log(self):
        """tail while wsed comes back with an empty log: told as a gap, and everything it has follows"""
        for channels in (['user:e'], ['*']):
            with self.subTest(channels=channels), Daemon(log='memory:') as daemon:
                daemon.stop()
                daemon.listen = f'127.0.0.1:{free_port()}'
                daemon.start()
                daemon.publish(*({'event_type': 'a', 'user_id': 'e', 'payload': i} for i in range(5)))
                tail = Tail(daemon, *channels, '--history=5', '--format=json')
                tail.show(5)
                daemon.kill()
                daemon.start()
                daemon.publish(*({'event_type': 'a', 'user_id': 'e', 'payload': i} for i in range(5, 8)))
                tail.show(8)
                out, err = tail.end()
                self.assertEqual([json.loads(line)['p'] for line in out], list(range(8)))
                self.assertRegex(err, r'gap in .*\(epoch\)')

    def test_publish(self):
        """publish --file while wsed is killed and comes back: all of it, once"""
        with Daemon() as daemon:
            daemon.stop()
            daemon.listen = f'127.0.0.1:{free_port()}'
            daemon.start()
            process = subprocess.Popen([WSECTL, 'publish', '--file=-', '--retry=60'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env=environment(daemon))
            for i in range(10):
                process.stdin.write(b''.join(b'{"event_type":"a","user_id":"p","payload":%d}\n' % (100 * i + k) for k in range(100)))
                process.stdin.flush()
                if i % 4 == 1:
                    wait_until(lambda: daemon.get('/api/events?channel=user:p')['events'], 'the first event')
                    daemon.kill()
                    daemon.start()
            sums = json.loads(process.communicate(timeout=TIMEOUT)[0])
            self.assertEqual((process.returncode, sums['accepted'] + sums['duplicates'], sums['rejected']), (0, 1000, 0))
            kept = daemon.get('/api/events?channel=user:p&limit=1000')['events']
            self.assertEqual([event['metadata'] for event in kept], list(range(1000)))


if __name__ == '__main__':
    main()
