# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private Redis, real, as nobody where the tests are root's; and what another program would do there."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

from wse_test import TIMEOUT, free_port, wait_until

# Debian's redis-tools has the server, too, under another name; so no service has to be installed.
PROGRAM = next((path for path in map(shutil.which, ('redis-server', 'redis-check-rdb')) if path), None)


class Redis:
    """@options: as in redis.conf. @tls: a directory of make_certificate(): its port speaks TLS then. @prefix: the command that starts it
    within a network. It lives as long as this object."""

    def __init__(self, *options, password=None, tls=None, prefix=()):
        assert PROGRAM, 'no redis-server: install redis-tools'
        self.directory = tempfile.mkdtemp(prefix='wse-redis-', dir='/tmp')
        os.chmod(self.directory, 0o777)
        self.socket = f'{self.directory}/r.sock'
        self.port = free_port()
        self.password = password
        self.process = None
        self.prefix = list(prefix)
        self.options = ['--port', '0' if tls else str(self.port), '--unixsocket', self.socket, '--unixsocketperm', '777', '--save', '',
                        '--appendonly', 'no', '--dir', self.directory, '--bind', '127.0.0.1', *options]
        if password:
            self.options += ['--requirepass', password]
        if tls:
            for name in ('cert.pem', 'key.pem'):
                shutil.copy(f'{tls}/{name}', self.directory)
                os.chmod(f'{self.directory}/{name}', 0o644)
            self.options += ['--tls-port', str(self.port), '--tls-cert-file', f'{self.directory}/cert.pem', '--tls-key-file',
                             f'{self.directory}/key.pem', '--tls-ca-cert-file', f'{self.directory}/cert.pem', '--tls-auth-clients', 'no']

    @property
    def url(self):
        return f'redis://127.0.0.1:{self.port}'

    @property
    def unix_url(self):
        return f'unix://{self.socket}'

    def start(self):
        # Under its own name it would be the program that looks at files.
        command = ['bash', '-c', 'exec -a redis-server "$0" "$@"', PROGRAM, *self.options]
        if os.geteuid() == 0:
            command = ['setpriv', '--pdeathsig=KILL', '--reuid=nobody', '--regid=nogroup', '--clear-groups', *command]
        self.process = subprocess.Popen([*self.prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, 'Redis to answer')
        return self

    def answers(self):
        try:
            with Commands(self) as commands:
                return commands('PING') == 'PONG'
        except OSError:
            assert self.process.poll() is None, 'Redis ended by itself'
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As a crash does."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.close()

    def __call__(self, *words):
        """One command, by itself."""
        with Commands(self) as commands:
            return commands(*words)

    def subscribed(self):
        """The channels that somebody is subscribed to."""
        return set(self('PUBSUB', 'CHANNELS', 'wse:*'))


class Commands:
    """A connection to Redis over its Unix socket."""

    def __init__(self, redis):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        try:
            self.socket.connect(redis.socket)
        except BaseException:
            self.socket.close()
            raise
        self.file = self.socket.makefile('rb')
        if redis.password:
            self('AUTH', redis.password)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts))

    def read(self):
        line = self.file.readline()
        kind, text = line[:1], line[1:].rstrip(b'\r\n')
        if kind == b'+':
            return text.decode()
        if kind == b':':
            return int(text)
        if kind == b'$':
            return None if text == b'-1' else self.file.read(int(text) + 2)[:-2].decode()
        if kind == b'*':
            return [self.read() for _ in range(int(text))]
        raise OSError(f'Redis says {line!r}')

    def __call__(self, *words):
        self.send(*words)
        return self.read()
