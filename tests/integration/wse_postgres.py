# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private PostgreSQL, real, on a Unix socket only, as nobody where the tests are root's."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile

from wse_test import wait_until

FOLDER = next((os.path.dirname(path) for path in sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'), reverse=True)), None)
AS = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--'] if os.geteuid() == 0 else []


class Postgres:
    """It lives as long as this object, with everything in it."""

    def __init__(self, *options):
        assert FOLDER, 'no PostgreSQL: install postgresql'
        self.directory = tempfile.mkdtemp(prefix='wse-postgres-', dir='/tmp')
        os.chmod(self.directory, 0o777)
        self.options = [word for option in options for word in ('-c', option)]
        self.process = None
        self.databases = 0

    def run(self, program, *arguments):
        done = subprocess.run([*AS, f'{FOLDER}/{program}', *arguments], cwd=self.directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        if not os.path.exists(f'{self.directory}/data'):
            self.run('initdb', '-D', f'{self.directory}/data', '-U', 'wse', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
        self.process = subprocess.Popen([*AS, f'{FOLDER}/postgres', '-D', f'{self.directory}/data', '-k', self.directory, '-c', 'listen_addresses=',
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

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.close()
