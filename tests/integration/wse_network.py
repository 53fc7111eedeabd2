# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network of its own for servers: a namespace, and for each daemon a cable to it that can be cut without a word to either end."""

import os
import random
import shutil
import subprocess


class Network:
    """Within it servers are started with `prefix` and listen on all addresses; daemon @i reaches them at `address(i)`. It lives as long as
    this object. Where that is not permitted, OSError says why."""

    def __init__(self, cables):
        self.name = f'wse{os.getpid()}'
        self.prefix = ['ip', 'netns', 'exec', self.name]
        # Of 198.18.0.0/15, which is for tests.
        self.net = random.SystemRandom().randrange(256)
        self.run('ip', 'netns', 'add', self.name)
        try:
            self.run('ip', '-n', self.name, 'link', 'set', 'lo', 'up')
            for i in range(cables):
                self.lay(i)
        except OSError:
            self.close()
            raise

    def run(self, *command):
        if shutil.which(command[0]) is None:
            raise OSError(f'there is no program {command[0]} here')
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f'{" ".join(command)}: {done.stderr.strip()}')

    def lay(self, i):
        near, far = f'{self.name}n{i}', f'{self.name}f{i}'
        self.run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', self.name)
        self.run('ip', 'addr', 'add', f'198.18.{self.net}.{4 * i + 1}/30', 'dev', near)
        self.run('ip', '-n', self.name, 'addr', 'add', f'{self.address(i)}/30', 'dev', far)
        self.run('ip', '-n', self.name, 'link', 'set', far, 'up')
        self.run('ip', 'link', 'set', near, 'up')

    def address(self, i):
        return f'198.18.{self.net}.{4 * i + 2}'

    def cut(self, i):
        """What is sent is lost; nobody is told."""
        self.run('ip', '-n', self.name, 'link', 'set', f'{self.name}f{i}', 'down')

    def heal(self, i):
        self.run('ip', '-n', self.name, 'link', 'set', f'{self.name}f{i}', 'up')

    def close(self):
        subprocess.run(['ip', 'netns', 'del', self.name], capture_output=True, check=False)
