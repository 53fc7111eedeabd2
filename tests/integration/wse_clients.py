# SPDX-License-Identifier: LGPL-2.1-or-later
"""Independent WebSocket clients as processes: python3-websockets and the npm package ws. Each reads a number of messages and writes
them down (see clients/reader.*)."""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).parent / 'clients'
BUILD = pathlib.Path(os.environ.get('WSE_TEST_BUILD', '.')) / 'clients'


@functools.cache
def websockets():
    """The command of the Python client, or why there is none."""
    found = subprocess.run([sys.executable, '-c', 'import websockets'], capture_output=True)
    return [sys.executable, str(HERE / 'reader.py')] if found.returncode == 0 else 'no python3-websockets'


@functools.cache
def ws():
    """The command of the Node client, or why there is none. Where Debian's node-ws is not installed, npm puts ws into the build directory."""
    if shutil.which('node') and subprocess.run(['node', '-e', 'require("ws")'], cwd=HERE, capture_output=True).returncode == 0:
        return ['node', str(HERE / 'reader.js')]
    if not shutil.which('npm') or not shutil.which('node'):
        return 'no npm'
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ('package.json', 'reader.js'):
        shutil.copy(HERE / name, BUILD / name)
    if not (BUILD / 'node_modules' / 'ws' / 'package.json').exists():
        try:
            result = subprocess.run(['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--fetch-retries=1'], cwd=BUILD,
                                    capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return 'npm install takes too long'
        if result.returncode != 0:
            return 'npm install failed: ' + (result.stderr.strip().splitlines() or ['?'])[-1]
    return ['node', str(BUILD / 'reader.js')]


CLIENTS = {'websockets': websockets, 'ws': ws}


class Reader:
    """A client process that reads @count messages of @path."""

    def __init__(self, kind, daemon, path, count, protocol=None):
        command = CLIENTS[kind]()
        assert isinstance(command, list), command
        self.process = subprocess.Popen([*command, f'ws://127.0.0.1:{daemon.port}{path}', str(count), *([protocol] if protocol else [])],
                                        stdout=subprocess.PIPE, text=True, encoding='utf-8')
        self.opened = self.process.stdout.readline().rstrip('\n')
        self.lines = []
        # A client whose output nobody takes would stop reading.
        self.drain = threading.Thread(target=self.take, daemon=True)
        self.drain.start()

    def take(self):
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip('\n'))

    def messages(self):
        """What it read, once it has ended, and how it was closed."""
        self.process.wait(300)
        self.drain.join()
        *lines, closed = self.lines or ['']
        return lines, closed
