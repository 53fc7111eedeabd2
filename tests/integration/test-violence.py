# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guarantees under violence: publishers flat out, readers that connect, resume, ack and drop at random, wsed killed with -9 every few
seconds. In the end each reader's record is the log's, once and in order. WSE_TEST_SECONDS: how long (20); WSE_TEST_SEED: which chances."""

import collections
import http.client
import json
import os
import random
import threading
import time
import traceback
import unittest

from wse_socket import Closed, Refused, WebSocket
from wse_sse import EventSource
from wse_test import Daemon, free_port, main

SECONDS = float(os.environ.get('WSE_TEST_SECONDS', '20'))
SEED = int(os.environ.get('WSE_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
USERS, ROLES, TYPES = [f'v{i}' for i in range(6)], ['r0', 'r1'], ['a', 'b', 'c']
PUBLISHERS, READERS = 4, 50
KINDS = ('user', 'role', 'team', 'session', 'global', 'system')
BROKEN = (OSError, EOFError, Closed, http.client.HTTPException)


class Worker(threading.Thread):
    """One that acts at random until it is told to stop. What it finds wrong is in `wrong`."""

    def __init__(self, arena, number):
        super().__init__(daemon=True)
        self.arena, self.port = arena, arena.port
        self.chance = random.Random(f'{SEED} {type(self).__name__} {number}')
        self.number = number
        self.wrong = None

    def run(self):
        try:
            while not self.arena.stopping.is_set():
                self.arena.up.wait(1)
                self.act()
        except Exception:  # whatever it is, the main thread shows it
            self.wrong = traceback.format_exc()

    def check(self, condition, *what):
        if not condition:
            raise AssertionError(f'{self}: {what}')


class Publisher(Worker):
    """Sends batches; one that is not answered is sent again with the same ids until it is."""

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.answered, self.next, self.again, self.batch, self.connection = [], 0, 0, None, None

    def event(self):
        choose = self.chance.choice
        target = choose(({'user_id': choose(USERS)}, {'user_id': choose(USERS)}, {'role_id': choose(ROLES)}, {'user_id': choose(USERS), 'role_id': choose(ROLES)},
                         {'broadcast': True}, {'user_id': choose(USERS), 'broadcast': True}))
        self.next += 1
        return dict(target, event_type=choose(TYPES), event_id=f'{self.number}-{self.next}', payload=[self.number, self.next])

    def act(self):
        if self.batch is None:
            self.batch = [self.event() for _ in range(self.chance.choice((1, 1, 2, 5, 20)))]
        try:
            status, answer = self.post()
        except (*BROKEN, ValueError):
            self.again += 1
            self.connection = None
            time.sleep(0.01)
            return
        if status in (429, 503):
            return
        if len(self.batch) == 1:
            self.check(status in (200, 201) and answer['event_id'] == self.batch[0]['event_id'], status, answer)
        else:
            self.check(status == 200 and answer['accepted'] + answer['duplicates'] == len(self.batch), status, answer)
        self.answered += [event['event_id'] for event in self.batch]
        self.batch = None

    def post(self):
        self.connection = self.connection or http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        lines, kind = '\n'.join(map(json.dumps, self.batch)), 'application/x-ndjson' if len(self.batch) > 1 else 'application/json'
        self.connection.request('POST', '/api/events', lines, {'Content-Type': kind})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


class Reader(Worker):
    """Keeps a record per channel. `had`: up to where nothing may come again; `last`: up to where it has been sent."""

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.user = USERS[number % len(USERS)]
        self.roles = self.chance.choice((ROLES, ROLES[:1], ROLES[1:]))
        self.types = self.chance.choice((None, None, TYPES[:2]))
        self.channels = [f'user:{self.user}', *(f'role:{role}' for role in self.roles), 'global']
        self.query = f'user_id={self.user}&roles={",".join(self.roles)}' + (f'&types={",".join(self.types)}' if self.types else '')
        self.record = {channel: [] for channel in self.channels}
        self.had = dict.fromkeys(self.channels, 0)
        self.n_connections = self.n_doubles = 0
        self.finishing = self.finished = False

    def __str__(self):
        return f'{type(self).__name__} {self.number} ({self.query})'

    def last(self, channel):
        return self.record[channel][-1][0] if self.record[channel] else 0

    def place(self):
        return {channel: self.last(channel) for channel in self.channels}

    def cursor(self, place):
        return ','.join(f'{channel}@{self.arena.epoch}:{seq}' for channel, seq in place.items())

    def note(self, message, seen):
        """An event. @seen: the last seq of each channel on this connection."""
        channel, seq, entry = message['ch'], message['seq'], (message['seq'], message['id'], message['p'])
        self.check(seq > seen.get(channel, 0), 'not in order on one connection', message, seen)
        self.check(seq > self.had[channel], 'came again though it was done with', message, self.had)
        seen[channel] = seq
        if seq > self.last(channel):
            self.record[channel].append(entry)
        else:
            self.n_doubles += 1
            self.check(entry in self.record[channel][-5000:], 'came again as another one', message)

    def act(self):
        seen = {}
        try:
            client = self.connect()
        except Refused as refused:
            self.check(refused.status == 503, refused)
            return
        except BROKEN:
            time.sleep(0.02)
            return
        self.n_connections += 1
        # One that reads to the end must come to caught_up; another stays for so many messages.
        left = -1 if self.finishing else self.chance.choice((0, 1, 10, 100, 1000, 3000))
        try:
            client.socket.settimeout(60 if self.finishing else self.chance.choice((0.3, 2)))
            while left != 0 and not self.arena.stopping.is_set():
                left -= 1
                if self.take(client, seen) == 'caught_up' and self.finishing:
                    self.finished = True
                    break
            if not self.finishing:
                self.leave(client)
        except BROKEN:
            pass
        finally:
            self.chance.choice((client.close, client.abort))()

    def leave(self, client):
        """What it does before it goes."""


class AfterReader(Reader):
    """/wse with after: nothing comes twice at all."""

    def connect(self):
        return WebSocket(self.port, f'/wse?{self.query}&after={self.cursor(self.had)}', timeout=10)

    def take(self, client, seen):
        message = client.recv()
        if 'seq' in message:
            self.note(message, seen)
            self.had[message['ch']] = message['seq']
        else:
            self.check(message['t'] in ('hello', 'caught_up', 'mark'), message)
        if message['t'] in ('caught_up', 'mark'):
            # What it says is done with, is done with; where a filter passed over the rest, that is more than was seen.
            for part in message['p']['cursor'].split(','):
                channel, _, place = part.partition('@')
                self.check(int(place.split(':')[1]) >= self.had[channel], 'a cursor that goes back', message, self.had)
                self.had[channel] = int(place.split(':')[1])
        return message['t']


class ConsumerReader(Reader):
    """/wse with consumer: only what was not acked comes again."""

    def connect(self):
        return WebSocket(self.port, f'/wse?{self.query}&consumer=c{self.number}', timeout=10)

    def take(self, client, seen):
        message = client.recv()
        if 'seq' in message:
            self.note(message, seen)
            if self.chance.random() < 0.01:
                self.acknowledge(client, seen)
        else:
            self.check(message['t'] in ('hello', 'caught_up', 'mark'), message)
        return message['t']

    def acknowledge(self, client, seen):
        place = {channel: seq for channel, seq in seen.items() if self.chance.random() < 0.8}
        if place:
            answer = client.request('ack', {'cursor': self.cursor(place)})
            self.check(answer['success'], answer, place)
            self.had.update((channel, max(seq, self.had[channel])) for channel, seq in place.items())

    def leave(self, client):
        if self.chance.random() < 0.3:
            client.send_json({'id': 'unheard', 'method': 'ack', 'params': {'cursor': self.cursor({'global': 0})}})


class SseReader(Reader):
    """/sse with Last-Event-ID: what came behind the last id may come again, nothing else."""

    consumer = ''

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.identifier, self.identified = f'*@{arena.epoch}:0', dict(self.had)

    def connect(self):
        identifier, identified = self.identifier, dict(self.identified)
        client = EventSource(self.port, f'/sse?{self.query}{self.consumer}', last=identifier)
        self.had = identified
        return client

    def take(self, client, seen):
        got = client.next()
        if got.event is None:
            self.note(json.loads(got.data), seen)
        else:
            self.check(got.event == 'caught_up', got)
        if got.id is not None:
            self.check(int(got.id.split(':')[1]) > int(self.identifier.split(':')[1]) or self.consumer, 'ids do not grow', got, self.identifier)
            if int(got.id.split(':')[1]) > int(self.identifier.split(':')[1]):
                self.identifier, self.identified = got.id, self.place()
        return got.event


class SseConsumerReader(SseReader):
    """/sse with a consumer: Last-Event-ID is its ack; without one it goes on after the last that was."""

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.consumer = f'&consumer=s{number}'

    def connect(self):
        if self.chance.random() < 0.5:
            return EventSource(self.port, f'/sse?{self.query}{self.consumer}')
        return super().connect()


class Violence(unittest.TestCase):
    def kept(self, channel):
        found, cursor = [], ''
        while True:
            page = self.daemon.get(f'/api/events?channel={channel}&user_id={channel.split(":")[-1]}&limit=1000{cursor}')
            if not page['events']:
                return found
            found += page['events']
            cursor = f'&after={page["cursor"]}'

    def kill_now_and_then(self, workers):
        chance, end, kills = random.Random(SEED), time.monotonic() + SECONDS, 0
        while time.monotonic() < end and not any(worker.wrong for worker in workers):
            time.sleep(chance.uniform(1, 4))
            self.up.clear()
            self.daemon.kill()
            self.daemon.start()
            self.up.set()
            kills += 1
        return kills

    def check_log(self, publishers):
        """The log: what was answered, once, without a hole. Gives the events of each channel and the channels of each event."""
        channels = [*(f'user:{user}' for user in USERS), *(f'role:{role}' for role in ROLES), 'global']
        truth, places = {}, collections.defaultdict(list)
        for channel in channels:
            events = truth[channel] = self.kept(channel)
            self.assertEqual([event['seq'] for event in events], list(range(1, len(events) + 1)), channel)
            for event in events:
                places[event['event_id']].append(channel)
            self.assertEqual(len({event['event_id'] for event in events}), len(events), 'doubled')
            for publisher in publishers:
                numbers = [event['metadata'][1] for event in events if event['metadata'][0] == publisher.number]
                self.assertEqual(numbers, sorted(numbers), "a publisher's order")
        answered = [identifier for publisher in publishers for identifier in publisher.answered]
        self.assertEqual(len(answered), len(set(answered)))
        self.assertEqual(set(places), set(answered))
        return truth, places

    def check_reader(self, reader, truth, places):
        """Each event that it is to have, in the first of its channels that the reader is subscribed to."""
        for channel in reader.channels:
            expected = []
            for event in truth[channel]:
                first = min((at for at in places[event['event_id']] if at in reader.channels), key=lambda at: KINDS.index(at.split(':')[0]))
                if first == channel and (not reader.types or event['type'] in reader.types):
                    expected.append((event['seq'], event['event_id'], event['metadata']))
            if reader.record[channel] != expected:
                got = {entry[1] for entry in reader.record[channel]}
                missing = [entry for entry in expected if entry[1] not in got][:5]
                raise AssertionError(f'{reader}, {channel}: {len(reader.record[channel])} of {len(expected)}, missing {missing}')

    def test_violence(self):
        """publishers flat out, readers at random, kill -9: every record complete, in order, once"""
        print(f'# seed {SEED}, {SECONDS} s')
        self.port, self.up, self.stopping = free_port(), threading.Event(), threading.Event()
        with Daemon('--retention=-,-', '--max-connections-per-user=1000', listen=f'127.0.0.1:{self.port}') as self.daemon:
            self.epoch = self.daemon.get('/api/events?channel=global')['cursor'].split('@')[1].split(':')[0]
            kinds = (AfterReader, ConsumerReader, SseReader, SseConsumerReader)
            publishers = [Publisher(self, i) for i in range(PUBLISHERS)]
            # A reader's user goes by its number modulo six, its kind must not go with it.
            readers = [kinds[(i + i // 6) % 4](self, i) for i in range(READERS)]
            self.up.set()
            for worker in publishers + readers:
                worker.start()
            kills = self.kill_now_and_then(publishers + readers)
            self.stopping.set()
            for worker in publishers + readers:
                worker.join(60)
                self.assertFalse(worker.is_alive(), worker)
                self.assertIsNone(worker.wrong, worker.wrong)
            for publisher in publishers:
                while publisher.batch is not None:
                    publisher.act()
            self.stopping.clear()
            truth, places = self.check_log(publishers)
            for reader in readers:
                reader.finishing = True
                reader.act()
                self.assertTrue(reader.finished, reader)
                self.check_reader(reader, truth, places)
            print(f'# {kills} kills, {len(places)} events, {sum(publisher.again for publisher in publishers)} batches sent again, '
                  f'{sum(reader.n_connections for reader in readers)} connections, {sum(len(record) for reader in readers for record in reader.record.values())} events read, '
                  f'{sum(reader.n_doubles for reader in readers)} of them again')
            self.assertGreater(kills, 0)
            self.assertTrue(all(publisher.answered for publisher in publishers))


if __name__ == '__main__':
    main()
