# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private PostgreSQL, real, on a Unix socket only, as nobody where the tests are root's."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile

from wse_test import wait_until

FOLDER = next((os.path.dirname(path) for path in sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'), reverse=True)), None)
AS = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--'] if os.geteuid() == 0 else []


def runs(process):
    """Whether there is still more of it than that it was."""
    with contextlib.suppress(OSError):
        with open(f'/proc/{process}/cmdline', 'rb') as file:
            return bool(file.read())
    return False


class Postgres:
    """It lives as long as this object, with everything in it. @prefix: the command that starts it within a network, on whose addresses it
    listens, then."""

    def __init__(self, *options, prefix=()):
        assert FOLDER, 'no PostgreSQL: install postgresql'
        self.directory = tempfile.mkdtemp(prefix='wse-postgres-', dir='/tmp')
        os.chmod(self.directory, 0o777)
        self.prefix = list(prefix)
        self.options = [word for option in ('listen_addresses=' + '*' * bool(prefix), *options) for word in ('-c', option)]
        self.process = None
        self.databases = 0

    def run(self, program, *arguments):
        done = subprocess.run([*AS, f'{FOLDER}/{program}', *arguments], cwd=self.directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        if not os.path.exists(f'{self.directory}/data'):
            self.run('initdb', '-D', f'{self.directory}/data', '-U', 'wse', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
            with open(f'{self.directory}/data/pg_hba.conf', 'a', encoding='ascii') as file:
                file.write('host all all samenet trust\n')
        self.process = subprocess.Popen([*self.prefix, *AS, f'{FOLDER}/postgres', '-D', f'{self.directory}/data', '-k', self.directory,
                                         '-c', 'shared_buffers=32MB', *self.options], cwd=self.directory, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, 'PostgreSQL to answer')
        return self

    def answers(self):
        assert self.process.poll() is None, 'PostgreSQL ended by itself'
        return subprocess.run([f'{FOLDER}/pg_isready', '-q', '-h', self.directory], check=False).returncode == 0

    def ask(self, database, sql):
        """One statement; what it gives, as psql writes it."""
        return self.run('psql', '-h', self.directory, '-U', 'wse', '-d', database, '-qAt', '-c', sql).strip()

    def new(self):
        """The URI of a new, empty database."""
        self.databases += 1
        name = f'wse{self.databases}'
        self.ask('postgres', f'CREATE DATABASE {name}')
        return f'postgresql://wse@/{name}?host={self.directory}'

    def kill(self):
        """As a crash does."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def signal(self, number):
        """To each of its processes; gives those."""
        # Its first process alone would have the others end in order, or make new ones meanwhile.
        self.process.send_signal(signal.SIGSTOP)
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as file:
            children = [int(word) for word in file.read().split()]
        for process in (*children, self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        return children

    def kill_all(self):
        """As a loss of power does, but for what the kernel has."""
        children = self.signal(signal.SIGKILL)
        self.process.wait()
        # It does not start while one of them has its memory.
        wait_until(lambda: not any(map(runs, children)), 'its processes to be gone')

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.close()
