#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people do wrong: wsed and wsectl name it in one line, say what is needed, end with the status that the documents give, and repeat no
secret. Both can be started without the standard streams, and say so where what they print cannot be written."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from wse_auth import SECRET, Guarded, token
from wse_socket import TIMEOUT
from wse_test import WSED, Daemon, main, make_certificate

WSECTL = os.environ.get('WSE_TEST_WSECTL', 'wsectl')
ANOTHER_ADDRESS, STOP_IT = 'choose another address', 'stop what listens there'


class Mistakes(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='wse-test-'))
        self.addCleanup(shutil.rmtree, self.directory)

    def run_program(self, *command, shell=None, **more):
        """(exit code, standard output, standard error); @shell: what stands behind the command in a shell, such as >&-."""
        env = {name: value for name, value in os.environ.items() if not name.startswith('WSE_')}
        env.update(STATE_DIRECTORY=str(self.directory), **more)
        command = command if shell is None else ['sh', '-c', f'exec "$0" "$@" {shell}', *command]
        done = subprocess.run([str(word) for word in command], env=env, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertNotIn(SECRET, out + err)
        return done.returncode, out, err

    def refused(self, code, words, *command, without=(), **more):
        found, out, err = self.run_program(*command, **more)
        self.assertEqual((found, out, err.count('\n')), (code, '', 1), err)
        self.assertRegex(err, r'^(wsed|wsectl): |warning wsed does not start: ')
        for word in words:
            self.assertIn(word, err)
        for word in without:
            self.assertNotIn(word, err)

    def start(self, words, *arguments, code=1, **keywords):
        listen = () if any(word.startswith('--listen') for word in arguments) else ('--listen=127.0.0.1:0',)
        self.refused(code, words, WSED, *listen, *arguments, **keywords)


class Starting(Mistakes):
    def test_address(self):
        """an address that cannot be had: why, and only where somebody listens that he be stopped"""
        taken = f'unix:{self.directory}/taken'
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(taken.removeprefix('unix:'))
            other.listen()
            self.start([taken, STOP_IT, ANOTHER_ADDRESS], '--dev', '--log=memory:', f'--listen={taken}')
        (self.directory / 'file').write_text('mine')
        for address, why in ((f'unix:{self.directory}/file', 'not a socket'), (f'unix:{self.directory}/no/socket', 'No such file')):
            self.start([address, why, ANOTHER_ADDRESS], '--dev', '--log=memory:', f'--listen={address}', without=[STOP_IT])
        self.start(['192.0.2.1:8000', ANOTHER_ADDRESS], '--log=memory:', '--listen=192.0.2.1:8000', without=[STOP_IT], WSE_JWT_KEY=SECRET)
        self.assertEqual((self.directory / 'file').read_text(), 'mine')

    def test_log(self):
        """a log that is no file, or lies where there is no directory; nothing is put beside it"""
        os.mkfifo(self.directory / 'pipe')
        for path, why in ((self.directory, 'directory'), (self.directory / 'pipe', 'no regular file'), (self.directory / 'no/wse.db', 'No such file')):
            self.start([str(path), why, '--log'], '--dev', f'--log=sqlite:{path}')
        self.assertEqual(os.listdir(self.directory), ['pipe'])

    def test_tls(self):
        """certificate and key: each alone, exchanged, another's, none, with a passphrase, a directory"""
        certificate, key = (make_certificate(self.directory) / name for name in ('cert.pem', 'key.pem'))
        other = make_certificate(self.directory / 'other') / 'key.pem'
        locked = self.directory / 'locked.pem'
        subprocess.run(['openssl', 'pkey', '-in', key, '-aes128', '-passout', 'pass:x', '-out', locked], check=True, capture_output=True)
        common = ('--dev', '--log=memory:')
        self.start(['tls-cert', 'tls-key', 'both'], *common, f'--tls-cert={certificate}', code=2)
        self.start(['tls-cert', 'tls-key', 'both'], *common, f'--tls-key={key}', code=2)
        for first, second, words in ((key, certificate, [str(key), 'certificate']), (certificate, other, [str(other), 'does not belong']),
                                     (certificate, 'none.pem', ['none.pem', 'No such file']), (certificate, locked, [str(locked), 'passphrase']),
                                     (certificate, self.directory, [str(self.directory), 'not a file'])):
            self.start(words, *common, f'--tls-cert={first}', f'--tls-key={second}', without=[ANOTHER_ADDRESS])

    def test_keys(self):
        """the keys of tokens and services: too short, none, no file, no key; none of it is repeated"""
        self.start(['WSE_JWT_KEY', '32 bytes'], code=2, WSE_JWT_KEY=SECRET[:20], without=[SECRET[:20]])
        (self.directory / 'keys').write_text(f'shop:{SECRET}\n')
        for option, path, why in (('jwt-key', 'file:none', 'No such file'), ('jwt-key', f'file:{self.directory}', 'not a file'), ('jwt-key', 'file:keys', 'JSON'),
                                  ('api-keys', 'none', 'No such file'), ('api-keys', 'keys', 'line 1')):
            self.start([path.removeprefix('file:'), why], '--log=memory:', f'--{option}={path}')


class Asking(Mistakes):
    def test_input(self):
        """what cannot be published: a directory, lines that are no events, by number and column"""
        with Daemon(log='memory:') as daemon:
            here = {'WSE_SERVER': f'http://127.0.0.1:{daemon.port}'}
            self.refused(2, ['--file', 'Is a directory'], WSECTL, 'publish', f'--file={self.directory}', **here)
            (self.directory / 'lines').write_bytes(b'\xef\xbb\xbf{"event_type":"a","user_id":"u"}\r\n{"event_type":\n')
            code, out, err = self.run_program(WSECTL, 'publish', '--file=lines', **here)
            self.assertEqual((code, out), (1, '{"accepted":1,"duplicates":0,"dropped":0,"rejected":1}\n'))
            self.assertIn('line 2: column 15: ', err)
        self.refused(2, ['name a channel'], WSECTL, 'erase')
        self.refused(2, ['--limit'], WSECTL, 'history', '--limit=-1')
        self.refused(2, ['WSE_TOKEN', 'empty'], WSECTL, 'history', WSE_TOKEN='')
        self.refused(1, ['--key', '/none'], WSECTL, 'token', 'alice', '--key=file:/none')

    def test_not_let_in(self):
        """tail says as history does what is wrong with the credential"""
        with Guarded() as daemon:
            server = f'--server=http://127.0.0.1:{daemon.port}'
            for words, more in ((['401', 'a token', '--token'], {}), (['401', 'has expired'], {'WSE_TOKEN': token('alice', exp=1)}),
                                (['401', 'neither a token nor a key'], {'WSE_TOKEN': 'nonsense'}), (['403'], {'WSE_TOKEN': token('bob')})):
                self.refused(1, words, WSECTL, 'tail', 'user:alice', server, **more)


class Streams(Mistakes):
    def test_output(self):
        """what cannot be written is 1, and said"""
        for program in (WSED, WSECTL):
            for option in ('--help', '--version'):
                for where, why in (('>/dev/full', 'No space left'), ('>&-', 'Bad file descriptor')):
                    code, out, err = self.run_program(program, option, shell=where)
                    self.assertEqual((code, out), (1, ''), (program, option, where))
                    self.assertIn(f'writing to standard output: {why}', err)

    def test_closed(self):
        """wsectl without standard input or output"""
        with Daemon(log='memory:') as daemon:
            here = {'WSE_SERVER': f'http://127.0.0.1:{daemon.port}'}
            for words in (['publish', 'a', '--user=u'], ['history', 'user:u'], ['tail', 'user:u', '--history=1', '--count=1']):
                code, out, err = self.run_program(WSECTL, *words, shell='>&-', **here)
                self.assertEqual((code, out), (1, ''))
                self.assertIn('writing to standard output: Bad file descriptor', err)
            code, out, err = self.run_program(WSECTL, 'publish', '--file=-', shell='<&-', **here)
            self.assertEqual(code, 1)
            self.assertIn('Bad file descriptor', err)

    def test_daemon(self):
        """wsed without any: what it says goes into no file and to no client"""
        daemon = Daemon()
        with daemon:
            port = daemon.port
            daemon.stop()
            daemon.command = lambda: ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', WSED, '--dev', f'--listen=127.0.0.1:{port}', f'--log={daemon.log}']
            daemon.is_ready = lambda: socket.socket().connect_ex(('127.0.0.1', port)) == 0
            daemon.start()
            for fd, mode in (('0', os.O_WRONLY), ('1', os.O_RDONLY), ('2', os.O_RDONLY)):
                self.assertEqual(os.readlink(f'/proc/{daemon.process.pid}/fd/{fd}'), '/dev/null')
                flags = pathlib.Path(f'/proc/{daemon.process.pid}/fdinfo/{fd}').read_text().split('flags:')[1].split()[0]
                self.assertEqual(int(flags, 8) & os.O_ACCMODE, mode)
            daemon.publish({'event_type': 'a', 'user_id': 'u'})


if __name__ == '__main__':
    main()
