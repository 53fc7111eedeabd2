#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README and documentation show is so: their commands are run in their order, their output is compared.

Blocks marked `sh` go to one shell; a block `text` is what the one before printed. `sh watch` runs in a terminal of its own, `text watch` is what
that one shows from there on, line by line. `sh demo` (re)starts the daemon and `sh kill` kills it: here that is the test's own. `sh fails` is to
fail. Ids, times and epochs may differ."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

from wse_socket import TIMEOUT
from wse_test import WSED, Daemon, main, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r'^```(\w+)(?: (\w+))?\n(.*?)^```$', re.M | re.S)
ESCAPE = re.compile(r'\x1b(?:[78]|\[[0-9;]*[A-Za-z])|\r')
ADDRESS = '127.0.0.1:8000'
OTHER = '127.0.0.1:8001'  # of a daemon that the page itself starts
WSECTL = os.environ.get('WSE_TEST_WSECTL', 'wsectl')


def blocks(page):
    """(language, mark, text, line) of each fenced block."""
    text = (ROOT / page).read_text()
    return [(language, mark, body, text.count('\n', 0, at.start()) + 1)
            for at in BLOCK.finditer(text) for language, mark, body in [at.groups()]]


def plain(text):
    """Without what is another one each time."""
    text = re.sub(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', '<id>', text)
    text = re.sub(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', '<time>', text)
    return re.sub(r'@[A-Za-z0-9_-]{1,32}:', '@<epoch>:', text).strip()


class Shell:
    """A bash that is given blocks one by one."""

    def __init__(self, directory):
        self.errors = open(directory + '/stderr', 'w+b')
        environment = dict(os.environ, PATH=f'{os.path.dirname(WSED)}:{os.path.dirname(WSECTL)}:{os.environ["PATH"]}', LC_ALL='C.UTF-8', STATE_DIRECTORY=directory)
        self.process = subprocess.Popen(['bash', '-o', 'pipefail'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        cwd=directory, env={n: v for n, v in environment.items() if not n.startswith('WSE_')})

    def run(self, text):
        """Gives exit code, standard output and standard error."""
        self.errors.seek(0)
        self.errors.truncate()
        self.process.stdin.write(text.encode() + b'\nprintf "\\n@@%d\\n" $?\n')
        self.process.stdin.flush()
        output = b''
        for line in self.process.stdout:
            if line.startswith(b'@@'):
                self.errors.seek(0)
                return int(line[2:]), output.decode(), self.errors.read().decode()
            output += line
        raise AssertionError('the shell ended')

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(TIMEOUT)
        self.errors.close()


class Watcher:
    """A command in a terminal of its own, with nothing typed into it."""

    def __init__(self, shell, directory, command):
        self.fifo = directory + '/typed'
        self.path = directory + '/shown'
        self.seen = 0
        for path in (self.fifo, self.path):
            if os.path.exists(path):
                os.unlink(path)
        os.mkfifo(self.fifo)
        self.typed = os.open(self.fifo, os.O_RDWR)
        code, pid, errors = shell.run(f'{command.strip()} <{self.fifo} >{self.path} 2>&1 &\necho $!')
        assert code == 0, errors
        self.pid = int(pid)
        wait_until(lambda: 'Connected to' in self.text(), 'the watching client to connect')

    def text(self):
        return ESCAPE.sub('', pathlib.Path(self.path).read_text()) if os.path.exists(self.path) else ''

    def lines(self):
        return [line[line.index('< '):] for line in self.text().split('\n') if re.match(r'(> )*< ', line)]

    def show(self, n):
        """The next @n messages, and there may be no more yet."""
        wait_until(lambda: len(self.lines()) >= self.seen + n, f'{n} messages in the watching client')
        shown = self.lines()[self.seen:self.seen + n]
        self.seen += n
        return '\n'.join(shown)

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.typed)


class Pages(unittest.TestCase):
    maxDiff = None

    def run_page(self, page, daemon):
        watcher = None
        output = None
        shell = Shell(daemon.state)
        with socket.create_server(('127.0.0.1', 0)) as free:
            other = f'127.0.0.1:{free.getsockname()[1]}'
        try:
            for language, mark, body, line in blocks(page):
                where = f'{page}:{line}'
                body = body.replace(ADDRESS, f'127.0.0.1:{daemon.port}').replace(OTHER, other)
                if (language, mark) == ('sh', 'demo'):
                    if not daemon.is_running():
                        daemon.start()
                elif (language, mark) == ('sh', 'kill'):
                    daemon.kill()
                elif (language, mark) == ('sh', 'watch'):
                    if watcher:
                        watcher.close()
                    watcher = Watcher(shell, daemon.state, body)
                elif (language, mark) == ('text', 'watch'):
                    self.assertEqual(plain(watcher.show(body.count('\n'))), plain(body), where)
                elif language == 'sh':
                    code, output, errors = shell.run(body)
                    self.assertEqual(code != 0, mark == 'fails', f'{where}: {errors}')
                    output = errors if mark == 'fails' else output
                elif language == 'text':
                    self.assertEqual(plain(output), plain(body), where)
        finally:
            if watcher:
                watcher.close()
            shell.close()

    def test_readme(self):
        """README.md, from the first start to the return after the kill"""
        with Daemon() as daemon:
            self.run_page('README.md', daemon)

    def test_configuration(self):
        """docs/configuration.md"""
        with Daemon(log='memory:') as daemon:
            self.run_page('docs/configuration.md', daemon)

    def test_marks(self):
        """every mark is known, and the commands of the project are there to be run"""
        for page in ('README.md', 'docs/configuration.md'):
            for language, mark, body, line in blocks(page):
                self.assertIn((language, mark), {('sh', None), ('sh', 'demo'), ('sh', 'kill'), ('sh', 'watch'), ('sh', 'fails'), ('text', None),
                                                 ('text', 'watch')}, f'{page}:{line}')
            for command in re.findall(r'\./build-aux/[\w-]+', (ROOT / page).read_text()):
                self.assertTrue(os.access(ROOT / command, os.X_OK), command)


if __name__ == '__main__':
    main()
