# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness of the black box tests: a daemon with a directory of its own on a free port, HTTP, conditions to wait for, TAP."""

import http.client
import json
import contextlib
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

from wse_socket import TIMEOUT, TLS, Response, Stream, WebSocket, trust

WSED = os.environ.get('WSE_TEST_WSED', 'wsed')
TROUBLE = re.compile(r'CRITICAL|WARNING|AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|assertion', re.IGNORECASE)
# A sanitizer keeps freed memory back to find its use; where memory is measured that would look like growth.
FRUGAL = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'}
MIB = 1 << 20


def shadow():
    """How many times the memory in use a sanitizer may keep beside it: ThreadSanitizer four times, and it gives nothing back."""
    with contextlib.suppress(OSError):
        with open(WSED, 'rb') as program:
            return 5 if b'__tsan_init' in program.read() else 1
    return 1


SHADOW = shadow()
ADDRESS = re.compile(r'(?:127\.0\.0\.1|\[::1\]):(\d+)')


def wait_until(condition, what, timeout=TIMEOUT):
    """Polls until @condition gives something true, and gives that."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {timeout} s in vain for {what}')
        time.sleep(0.01)


def free_port():
    """A free port that the kernel gives to nobody: one that it might would be taken, or connect to itself, while the daemon is away."""
    with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as file:
        lowest = int(file.read().split()[0])
    chance = random.Random()
    while True:
        port = chance.randrange(10000, max(lowest, 10001))
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


def make_certificate(directory, key='ec', days=30, name='127.0.0.1'):
    """Writes cert.pem and key.pem, for 127.0.0.1 and localhost and for itself, into @directory; gives that."""
    form = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if key == 'ec' else [key]
    os.makedirs(directory, exist_ok=True)
    subprocess.run(['openssl', 'req', '-x509', '-nodes', '-newkey', *form, '-days', str(days), '-subj', f'/CN={name}', '-addext',
                    'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', f'{directory}/key.pem', '-out', f'{directory}/cert.pem'],
                   check=True, capture_output=True)
    return directory


class Daemon:
    """A wsed of its own. @log None: an SQLite log in the state directory, which lives as long as this object."""

    def __init__(self, *arguments, env=None, log=None, listen='127.0.0.1:0', rlimit_nofile=None, allow=None, tls=TLS):
        """@tls: the directory of certificate and key; None: it speaks in the clear."""
        self.tls = tls
        self.state = tempfile.mkdtemp(prefix='wse-test-')
        self.log = log or f'sqlite:{self.state}/events.db'
        self.arguments = list(arguments)
        self.extra = env or {}
        self.listen = listen
        self.rlimit_nofile = rlimit_nofile
        self.allow = re.compile(allow) if allow else None
        self.process = None
        self.port = None
        self.lines = []

    def command(self):
        tls = [f'--tls-cert={self.tls}/cert.pem', f'--tls-key={self.tls}/key.pem'] if self.tls else []
        return [WSED, '--dev', f'--listen={self.listen}', f'--log={self.log}', *tls, *self.arguments]

    def environment(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
        env.update(HOME=self.state, XDG_STATE_HOME=self.state, STATE_DIRECTORY=self.state)
        env.update(self.extra)
        return env

    def limit(self):
        if self.rlimit_nofile:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.rlimit_nofile, self.rlimit_nofile))

    def start(self):
        self.lines = []
        self.stopping = False
        self.process = subprocess.Popen(self.command(), env=self.environment(), cwd=self.state, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=self.limit)
        self.reader = threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        wait_until(self.is_ready, 'the daemon to listen')
        return self

    def read(self, stream):
        for line in stream:
            self.lines.append(line.decode(errors='replace').rstrip('\n'))

    def is_ready(self):
        if self.process.poll() is not None:
            self.reader.join()
            raise AssertionError(f'the daemon ended with {self.process.returncode}:\n' + self.output())
        for line in list(self.lines):
            found = ADDRESS.search(line)
            if found and found.group(1) != '0':
                self.port = int(found.group(1))
                return True
        return False

    def output(self):
        return '\n'.join(self.lines)

    def signal(self, number):
        """Only sends it: what follows is looked at by wait()."""
        self.process.send_signal(number)
        self.stopping = True

    def wait(self, expected):
        """Waits for the end, which must come with the exit code @expected and without a complaint."""
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('the daemon did not stop:\n' + self.output()) from None
        finally:
            self.reader.join()
            self.process.stdout.close()
        assert self.process.returncode == expected, f'exit code {self.process.returncode}:\n' + self.output()
        self.check_output()

    def check_output(self):
        for line in self.lines:
            if TROUBLE.search(line) and not (self.allow and self.allow.search(line)):
                raise AssertionError('the daemon complained:\n' + self.output())

    def stop(self):
        if not self.stopping:
            self.signal(signal.SIGTERM)
        self.wait(0)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(-signal.SIGKILL)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Stops it where it still runs, and removes its directory. One that ended without having been told to is a failure."""
        try:
            if self.is_running():
                self.stop()
            elif self.port and self.process.returncode not in (0, -signal.SIGTERM, -signal.SIGKILL):
                self.reader.join()
                raise AssertionError(f'the daemon ended by itself with {self.process.returncode}:\n' + self.output())
        finally:
            shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *unused):
        if kind is not None:
            print('# output of the daemon:\n# ' + '\n# '.join(self.lines[-60:]))
        self.close()

    # What it takes and gives.

    def request(self, method, path, body=None, headers=None):
        if self.tls:
            connection = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=TIMEOUT, context=trust(self.tls))
        else:
            connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            fields = {}
            for name, value in answer.getheaders():
                fields[name.lower()] = fields[name.lower()] + ', ' + value if name.lower() in fields else value
            return Response(answer.status, answer.reason, fields, answer.read())
        finally:
            connection.close()

    def get(self, path):
        """GET, which must be 200; the JSON."""
        answer = self.request('GET', path)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def post(self, value, content_type='application/json', path='/api/events'):
        """Publishes: @value is bytes, text, or anything for json.dumps. Gives (status, JSON)."""
        body = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()
        answer = self.request('POST', path, body, {'Content-Type': content_type} if content_type else {})
        return answer.status, json.loads(answer.body)

    def publish(self, *events):
        """Publishes events by themselves, each must be taken; gives the answers."""
        answers = []
        for event in events:
            status, answer = self.post(event)
            assert status == 201, (status, answer)
            answers.append(answer)
        return answers

    def publish_lines(self, lines):
        """NDJSON; gives the answer."""
        body = b''.join(line.rstrip(b'\n') + b'\n' if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() + b'\n' for line in lines)
        status, answer = self.post(body, 'application/x-ndjson')
        assert status == 200, (status, answer)
        return answer

    def connect(self, path='/wse', **keywords):
        return WebSocket(self.port, path, **{'tls': self.tls, **keywords})

    def stream(self, **keywords):
        return Stream(self.port, **{'tls': self.tls, **keywords})

    def kept(self, user):
        """What the log has of a user, oldest first."""
        found, cursor = [], ''
        while True:
            page = self.get(f'/api/events?channel=user:{user}&limit=1000{cursor}')
            if not page['events']:
                return found
            found += page['events']
            cursor = f'&after={page["cursor"]}'

    def wait_kept(self, user, count):
        def enough():
            found = self.kept(user)
            return found if len(found) >= count else None
        return wait_until(enough, f'{count} events of {user}', 4 * TIMEOUT)

    # What it is made of, seen from outside.

    def rss(self):
        """Bytes of resident memory."""
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.search(r'VmRSS:\s+(\d+) kB', status).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def metric(self, name):
        """The sum of a metric's series (0 where there is none yet). @name may carry labels in braces: those series that have them all."""
        text = self.request('GET', '/metrics').body.decode()
        base, _, labels = name.partition('{')
        wanted = [label for label in labels.rstrip('}').split(',') if label]
        total = 0.0
        for line in text.splitlines():
            found = re.match(r'([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$', line)
            if found and found.group(1) == base and all(label in (found.group(2) or '') for label in wanted):
                total += float(found.group(3))
        return total


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0

    def name(self, test):
        name = test.shortDescription() or test.id()
        parameters = getattr(test, 'params', None)  # of a subtest
        return (f'{name} ({dict(parameters)})' if parameters else name).replace('#', '')

    def report(self, verdict, test, suffix=''):
        self.count += 1
        print(f'{verdict} {self.count} - {self.name(test)}{suffix}', flush=True)

    def explain(self, error):
        print('# ' + ''.join(traceback.format_exception(*error)).rstrip().replace('\n', '\n# '), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report('ok', test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.report('not ok', test)
        self.explain(error)

    def addError(self, test, error):
        super().addError(test, error)
        self.report('not ok', test)
        self.explain(error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.report('not ok', subtest)
            self.explain(error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report('ok', test, f' # SKIP {reason}')


class Scenario(unittest.TestCase):
    """Cases that share one daemon, started with `arguments`. What a case leaves in the log must not disturb the others."""

    arguments = ()
    env = None
    allow = None
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.arguments, env=cls.env, allow=cls.allow)
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()


def skip_all(reason):
    """Ends the whole file as skipped."""
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def main():
    """Runs the cases of the calling file whose name contains one of the arguments (none: all) and writes TAP."""
    def chosen(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                yield from chosen(test)
            elif not sys.argv[1:] or any(word in test.id() or word in (test.shortDescription() or '') for word in sys.argv[1:]):
                yield test

    signal.alarm(int(os.environ.get('WSE_TEST_ALARM', '0')))
    result = TapResult()
    suite = unittest.TestSuite(chosen(unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])))
    suite.run(result)
    print(f'1..{result.count}')
    sys.exit(0 if result.wasSuccessful() else 1)
