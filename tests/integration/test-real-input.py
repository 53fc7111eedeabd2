# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recorded event streams, whole and in their order, through the daemon to clients of several users, dialects and kinds. Held against the
records themselves and against the venues' own counters in them: Kraken Futures numbers its book per product (`seq`), Independent
Reserve each channel (`Nonce`), both without a hole. The data is looked for in $WSE_TEST_DATA, else beside the project."""

import collections
import json
import lzma
import os
import pathlib
import threading
import unittest

from wse_clients import CLIENTS, Reader
from wse_test import Daemon, main

DATA = pathlib.Path(os.environ.get('WSE_TEST_DATA') or pathlib.Path(os.environ.get('WSE_TEST_SOURCE', '.')).parent / 'shared' / 'data')
BATCH = 2000
LARGE = 256 * 1024
NUMBERS = {'parse_float': str, 'parse_int': str}  # a number's text must come through, not only its value


def load(name):
    path = DATA / name / 'events.jsonl.xz'
    if not path.exists():
        raise unittest.SkipTest(f'no recorded data at {path}; set WSE_TEST_DATA')
    with lzma.open(path) as stream:
        return stream.read().splitlines()


class Live(threading.Thread):
    """Our own client, reading along while events are published."""

    def __init__(self, daemon, path, count):
        super().__init__(daemon=True)
        self.client = daemon.connect(path, protocols=())
        self.client.settle()
        self.count, self.texts, self.error = count, [], None
        self.start()

    def run(self):
        try:
            while len(self.texts) < self.count:
                self.texts.append(self.client.recv_text())
            self.client.finish()
        except BaseException as error:
            self.error = error

    def messages(self):
        self.join(300)
        if self.error:
            raise AssertionError(f'after {len(self.texts)} of {self.count} messages') from self.error
        return self.texts


class Recorded(unittest.TestCase):
    dataset = None
    maxDiff = 1000

    @classmethod
    def setUpClass(cls):
        cls.lines = load(cls.dataset)
        cls.events = [json.loads(line, **NUMBERS) for line in cls.lines]
        cls.by_user = collections.defaultdict(list)
        for event in cls.events:
            cls.by_user[event['user_id']].append(event)
        cls.daemon = Daemon('--max-event=2097152', '--retention=-,-').start()
        try:
            cls.readers = cls.begin_to_read()
            for i in range(0, len(cls.lines), BATCH):
                answer = cls.daemon.publish_lines(cls.lines[i:i + BATCH])
                assert answer == {'accepted': len(cls.lines[i:i + BATCH]), 'duplicates': 0, 'dropped': 0, 'rejected': []}, answer
            cls.got = {name: reader.messages() for name, reader in cls.readers.items()}
        except BaseException:
            print('# ' + '\n# '.join(cls.daemon.lines[-40:]))
            cls.daemon.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    @classmethod
    def begin_to_read(cls):
        busiest = sorted(cls.by_user, key=lambda user: -len(cls.by_user[user]))[:8]
        large = [json.loads(line)['user_id'] for line in cls.lines if len(line) > LARGE]
        readers = {('own', '*', 'v2'): Live(cls.daemon, '/ws/events?channel=*&format=v2&history=0', len(cls.events))}
        for i, user in enumerate(dict.fromkeys([*large, *busiest])):
            dialect = ('v2', 'feed', 'envelope')[i % 3]
            readers['own', user, dialect] = Live(cls.daemon, f'/ws/events?channel=user:{user}&user_id={user}&format={dialect}&history=0', len(cls.by_user[user]))
            for kind in ('websockets', 'ws'):
                if isinstance(CLIENTS[kind](), list) and i % 2 == 0:
                    # Nothing was published yet: what an independent client might miss while it connects comes as history.
                    path = f'/ws/events?channel=user:{user}&user_id={user}&format={dialect}&history=10000'
                    readers[kind, user, dialect] = Reader(kind, cls.daemon, path, len(cls.by_user[user]))
        for key, reader in readers.items():
            assert key[0] == 'own' or reader.opened.startswith('open'), (key, reader.opened)
        return readers

    def parts(self, dialect, text):
        """id (None in feed), type and payload of a message."""
        message = json.loads(text, **NUMBERS)
        if dialect == 'v2':
            return message['id'], message['t'], message['p']
        if dialect == 'feed':
            return None, message['type'], message['metadata']
        return message['data']['event_id'], message['data']['type'], message['data']['metadata']

    def expected(self, dialect, event):
        return None if dialect == 'feed' else event['event_id'], event['event_type'], event['payload']

    def hold(self, kind):
        readers = [key for key in self.got if key[0] == kind]
        if not readers:
            self.skipTest(CLIENTS[kind]())
        for key in readers:
            _, user, dialect = key
            texts = self.got[key]
            if isinstance(texts, tuple):
                texts, closed = texts
                self.assertEqual((closed, texts[-1:] if closed != 'close 1000' else None), ('close 1000', None), key)
            events = self.events if user == '*' else self.by_user[user]
            self.assertEqual(len(texts), len(events), key)
            for text, event in zip(texts, events):
                self.assertEqual(self.parts(dialect, text), self.expected(dialect, event), key)

    def test_own(self):
        """our clients got every event once, in order, payloads to the digit"""
        self.hold('own')

    def test_websockets(self):
        """python3-websockets got every event once, in order"""
        self.hold('websockets')

    def test_ws(self):
        """npm ws got every event once, in order"""
        self.hold('ws')

    def test_seqs(self):
        """per channel seq is 1, 2, 3 …"""
        seen = collections.Counter()
        for text in self.got['own', '*', 'v2']:
            message = json.loads(text)
            seen[message['ch']] += 1
            self.assertEqual(message['seq'], seen[message['ch']])
        self.assertEqual(sum(seen.values()), len(self.events))

    def test_whole_log_again(self):
        """the whole log read again in the order of the log is the file"""
        with self.daemon.connect('/ws/events?channel=*&history=0') as client:
            cursor = client.recv()['p']['cursor']
        epoch = cursor[2:].split(':')[0]
        with self.daemon.connect(f'/ws/events?channel=*&format=v2&after=*@{epoch}:0', protocols=()) as client:
            ids = [client.recv()['id'] for _ in self.events]
        self.assertEqual(ids, [event['event_id'] for event in self.events])

    def test_resume_in_the_middle(self):
        """a client that comes back with after gets exactly the rest"""
        user = max(self.by_user, key=lambda name: len(self.by_user[name]))
        with self.daemon.connect(f'/ws/events?channel=user:{user}&user_id={user}&history=0') as client:
            epoch = client.recv()['p']['cursor'].rsplit('@', 1)[1].split(':')[0]
        half = len(self.by_user[user]) // 2
        with self.daemon.connect(f'/ws/events?channel=user:{user}&user_id={user}&format=v2&after=user:{user}@{epoch}:{half}') as client:
            messages = [message for message in client.recv_control('caught_up')[0] if 'seq' in message]
        self.assertEqual([message['id'] for message in messages], [event['event_id'] for event in self.by_user[user][half:]])
        self.assertEqual([message['seq'] for message in messages], list(range(half + 1, len(self.by_user[user]) + 1)))

    def test_send_again(self):
        """the same file again: every event is a duplicate"""
        duplicates = sum(self.daemon.publish_lines(self.lines[i:i + BATCH])['duplicates'] for i in range(0, len(self.lines), BATCH))
        self.assertEqual(duplicates, len(self.lines))


class Crypto(Recorded):
    dataset = 'crypto_ws'

    def payloads(self):
        return [json.loads(text)['p'] for text in self.got['own', '*', 'v2']]

    def test_kraken(self):
        """Kraken Futures: the book's seq rises by exactly 1 per product, as delivered"""
        seqs = collections.defaultdict(list)
        for payload in self.payloads():
            if 'seq' in payload and payload['feed'] in ('book', 'book_snapshot'):
                seqs[payload['product_id']].append(payload['seq'])
        self.assertGreater(sum(map(len, seqs.values())), 6000)
        for product, numbers in seqs.items():
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), product)

    def test_independent_reserve(self):
        """Independent Reserve: the Nonce rises by exactly 1 per channel, as delivered"""
        nonces = collections.defaultdict(list)
        for payload in self.payloads():
            if 'Nonce' in payload:
                nonces[payload['Channel']].append(payload['Nonce'])
        self.assertGreater(sum(map(len, nonces.values())), 1500)
        for channel, numbers in nonces.items():
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), channel)

    def test_too_large_by_default(self):
        """with the default limit the lines over 256 KiB are rejected by themselves, the others taken"""
        large = [i for i, line in enumerate(self.lines) if len(line) > LARGE]
        self.assertTrue(large)
        with Daemon() as daemon:
            for i in large:
                first = max(0, i - 5)
                answer = daemon.publish_lines(self.lines[first:i + 5])
                self.assertEqual(answer['accepted'], len(self.lines[first:i + 5]) - 1)
                self.assertEqual([(item['index'], item['error']['code']) for item in answer['rejected']], [(i - first, 'too_large')])


class Kafka(Recorded):
    dataset = 'kafka_logs'


del Recorded

if __name__ == '__main__':
    main()
