# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 at any moment: nothing that was answered is lost, nothing is doubled, a reader goes on where it was."""

import http.client
import json
import threading
import time
import unittest

from wse_socket import Closed
from wse_test import Daemon, main

ROUNDS = 5


class Publisher(threading.Thread):
    """Sends numbered events of one user until the daemon is gone; keeps what was answered. Half of them in batches."""

    def __init__(self, daemon, user, first):
        super().__init__(daemon=True)
        self.port, self.user, self.next, self.answered = daemon.port, user, first, []

    def lines(self, n):
        return [{'event_type': 'a', 'user_id': self.user, 'event_id': f'{self.user}-{i}', 'payload': i} for i in range(self.next, self.next + n)]

    def run(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        try:
            while True:
                n = 1 if self.next % 2 else 20
                lines = self.lines(n)
                connection.request('POST', '/api/events', '\n'.join(map(json.dumps, lines)), {'Content-Type': 'application/x-ndjson'})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                if answer.status == 200 and not body['rejected']:
                    self.answered += [line['payload'] for line in lines]
                self.next += n
        except (OSError, http.client.HTTPException, ValueError):
            pass


class Crash(unittest.TestCase):
    def kept(self, daemon, user):
        found, cursor = [], ''
        while True:
            page = daemon.get(f'/api/events?channel=user:{user}&user_id={user}&limit=1000{cursor}')
            if not page['events']:
                return found
            found += [(event['seq'], event['metadata'], event['event_id']) for event in page['events']]
            cursor = f'&after={page["cursor"]}'

    def check(self, daemon, user, answered):
        found = self.kept(daemon, user)
        self.assertEqual([seq for seq, _, _ in found], list(range(1, len(found) + 1)))
        numbers = [number for _, number, _ in found]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(set(answered) - set(numbers), set())
        return found

    def test_kill(self):
        """publishers under kill -9: what was answered is there once, in order, without a hole in seq"""
        with Daemon() as daemon:
            users = ['k1', 'k2', 'k3']
            first, answered = dict.fromkeys(users, 1), {user: [] for user in users}
            for turn in range(ROUNDS):
                publishers = [Publisher(daemon, user, first[user]) for user in users]
                for publisher in publishers:
                    publisher.start()
                end = time.monotonic() + 20
                while sum(len(publisher.answered) for publisher in publishers) < 200 + 100 * turn and time.monotonic() < end:
                    time.sleep(0.005)
                daemon.kill()
                for publisher in publishers:
                    publisher.join()
                daemon.start()
                for publisher in publishers:
                    user = publisher.user
                    answered[user] += publisher.answered
                    found = self.check(daemon, user, answered[user])
                    # What was not answered is sent again with the same ids: a duplicate where it had been kept.
                    again = daemon.publish_lines(publisher.lines(20))
                    self.assertEqual(again['accepted'] + again['duplicates'], 20)
                    answered[user] += [line['payload'] for line in publisher.lines(20)]
                    self.assertEqual(len(self.check(daemon, user, answered[user])), len(found) + again['accepted'])
                    first[user] = publisher.next + 20
            self.assertTrue(all(len(numbers) > 100 for numbers in answered.values()))

    def test_reader_goes_on(self):
        """a reader that comes back with after misses nothing and gets nothing twice"""
        with Daemon() as daemon:
            seen, cursor = [], None
            publisher = None
            for turn in range(ROUNDS):
                publisher = Publisher(daemon, 'reader', publisher.next if publisher else 1)
                query = f'user_id=reader&types=a&{"after=" + cursor if cursor else "history=0"}'
                with daemon.connect(f'/wse?{query}') as client:
                    hello = client.recv()
                    epoch = hello['p']['cursor'].split('user:reader@')[1].split(':')[0]
                    client.recv_until(lambda message: self.note(message, seen) == 'caught_up')
                    publisher.start()
                    try:
                        while len(seen) < 300 * (turn + 1):
                            self.assertNotEqual(self.note(client.recv(), seen), 'gap')
                        daemon.kill()
                        while True:
                            self.note(client.recv(), seen)
                    except (Closed, OSError):
                        pass
                publisher.join()
                cursor = f'user:reader@{epoch}:{seen[-1][0]}'
                daemon.start()
            with daemon.connect(f'/wse?user_id=reader&after={cursor}') as client:
                client.recv_until(lambda message: self.note(message, seen) == 'caught_up')
            self.assertEqual([seq for seq, _ in seen], list(range(1, len(seen) + 1)))
            self.assertEqual([(seq, number) for seq, number, _ in self.kept(daemon, 'reader')], seen)

    def note(self, message, seen):
        if 'seq' in message:
            seen.append((message['seq'], message['p']))
        return message['t']

    def test_delivered_is_kept(self):
        """what a reader has seen is in the log after a kill: delivery comes after durability"""
        with Daemon() as daemon:
            for _ in range(ROUNDS):
                with daemon.connect('/wse?user_id=d&history=0', protocols=()) as client:
                    client.settle()
                    publisher = Publisher(daemon, 'd', int(time.monotonic() * 1000000))
                    publisher.start()
                    seen = [client.recv() for _ in range(50)]
                    daemon.kill()
                    try:
                        while True:
                            seen.append(client.recv())
                    except (Closed, OSError):
                        pass
                publisher.join()
                daemon.start()
                kept = {(seq, number) for seq, number, _ in self.kept(daemon, 'd')}
                self.assertEqual({(message['seq'], message['p']) for message in seen} - kept, set())


if __name__ == '__main__':
    main()
