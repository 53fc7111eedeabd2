#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo: what --demo publishes, and build-aux/demo with stand-ins for apt, Meson and Ninja, so that nothing is installed or built here."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from wse_socket import TIMEOUT
from wse_test import WSED, Scenario, main, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Source(Scenario):
    arguments = ('--demo',)

    def test_machine(self):
        """readings of this machine, as system events"""
        with self.daemon.connect('/ws/events?types=performance') as client:
            event = client.recv_until(lambda message: message.get('type') == 'performance')[-1]
        self.assertEqual(set(event['metadata']), {'metric_name', 'current_value', 'threshold_value', 'component', 'action_required'})
        memory = wait_until(lambda: [e for e in self.daemon.get('/api/events?limit=1000')['events']
                                     if e['metadata']['metric_name'] == 'memory_percent'], 'a reading of the memory')[0]
        self.assertTrue(0 < memory['metadata']['current_value'] < 100)
        self.assertIs(memory['metadata']['action_required'], memory['metadata']['current_value'] > 97)

    def test_session(self):
        """a trading session for user:demo that says it is simulated; its names are mapped"""
        with self.daemon.connect('/wse?user_id=demo') as client:
            event = client.recv_until(lambda message: message.get('t') == 'order_update')[-1]
        self.assertEqual(event['original_event_type'], 'OrderPlaced')
        self.assertIs(event['p']['simulated'], True)
        self.assertTrue(event['message'].startswith('Simulated: '))
        self.assertEqual(event['ch'], 'user:demo')


class Script(unittest.TestCase):
    """A copy of build-aux/demo in a project of its own; what it calls is on a PATH of its own and writes down what it was asked."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='wse demo ')
        self.project = pathlib.Path(self.directory, 'project')
        self.calls = pathlib.Path(self.directory, 'calls')
        self.calls.touch()
        (self.project / 'build-aux').mkdir(parents=True)
        shutil.copy(ROOT / 'build-aux/demo', self.project / 'build-aux')
        self.bin = pathlib.Path(self.directory, 'bin')
        self.bin.mkdir()
        self.stand_in('meson', 'touch "$2/build.ninja"')
        self.stand_in('ninja', f'mkdir -p "$2/daemon"; ln -sf "{WSED}" "$2/$3"')
        self.stand_in('apt-get')
        self.stand_in('sudo', '"$@"')
        self.set_installed(lambda package: True)
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None

    def tearDown(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.process.stdout.close()
        shutil.rmtree(self.directory)

    def stand_in(self, name, text=':'):
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n{text}\n')
        path.chmod(0o755)

    def set_installed(self, is_installed):
        wanted = re.search(r"^packages='(.*)'$", (ROOT / 'build-aux/demo').read_text(), re.M).group(1).split()
        self.missing = [package for package in wanted if not is_installed(package)]
        self.stand_in('dpkg-query', "printf '%s' '" + ' '.join(f'{p}:installed' for p in wanted if is_installed(p)) + " '")

    def start(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
        environment['PATH'] = f'{self.bin}:' + environment['PATH']
        self.calls.write_text('')
        self.process = subprocess.Popen([self.project / 'build-aux/demo', f'--listen=127.0.0.1:{self.port}', *arguments], env=environment,
                                        cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def serve(self):
        """Starts it and waits until it answers."""
        self.start()
        wait_until(self.is_healthy, 'the demo to answer')

    def is_healthy(self):
        self.assertIsNone(self.process.poll())
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/api/health', timeout=TIMEOUT) as answer:
                return json.load(answer)['status'] == 'ok'
        except OSError:
            return False

    def end(self):
        """Ctrl-C; what it printed."""
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=TIMEOUT)
        self.assertEqual(self.process.returncode, 0, output)
        return output

    def test_first_and_second(self):
        """the first start builds; the second neither configures nor calls apt, and finds the log of the first"""
        self.serve()
        self.assertIn(f'meson setup _build-demo --buildtype=release -Dtests=false\nninja -C _build-demo daemon/wsed daemon/ctl/wsectl\n', self.calls.read_text())
        output = self.end()
        self.assertIn(f"curl --json '{{\"event_type\"", output)
        self.assertIn(f"python3 -m websockets 'ws://127.0.0.1:{self.port}/wse?user_id=demo'", output)
        self.assertTrue((self.project / '_build-demo/state/wse.db').exists())
        self.serve()
        self.assertNotIn('meson setup', self.calls.read_text())
        self.assertNotIn('apt-get', self.calls.read_text())
        self.end()

    def test_programs(self):
        """what README takes from _build-demo is built"""
        built = re.search(r'^quietly ninja -C "\$build" (.*)$', (ROOT / 'build-aux/demo').read_text(), re.M).group(1).split()
        taken = re.findall(r'\$PWD/_build-demo/([^:\s]+)', (ROOT / 'README.md').read_text())
        self.assertTrue(taken)
        self.assertLessEqual(set(taken), {os.path.dirname(program) for program in built})

    def test_missing(self):
        """what is missing is installed, quietly and without a question"""
        self.set_installed(lambda package: package not in ('gcc', 'libsoup-3.0-dev'))
        self.serve()
        self.assertEqual(self.missing, ['gcc', 'libsoup-3.0-dev'])
        self.assertIn('apt-get install -y -qq --no-install-recommends gcc libsoup-3.0-dev\n', self.calls.read_text())
        self.assertIn('demo: installing gcc libsoup-3.0-dev\n', self.end())

    def test_port_in_use(self):
        """a port in use is named before anything is built, and another one offered"""
        with socket.create_server(('127.0.0.1', self.port)):
            self.start()
            output, _ = self.process.communicate(timeout=TIMEOUT)
        self.assertEqual(self.process.returncode, 1)
        self.assertIn(f'port {self.port} is in use', output)
        self.assertIn(f'--listen=127.0.0.1:{self.port + 1}', output)
        self.assertEqual(self.calls.read_text(), '')

    def test_build_fails(self):
        """a build that fails shows why"""
        self.stand_in('ninja', 'echo "error: no such thing"; exit 1')
        self.start()
        output, _ = self.process.communicate(timeout=TIMEOUT)
        self.assertEqual(self.process.returncode, 1)
        self.assertIn('error: no such thing', output)
        self.assertIn('demo: this failed: ninja', output)


if __name__ == '__main__':
    main()
