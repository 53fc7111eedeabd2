# SPDX-License-Identifier: LGPL-2.1-or-later
"""An arena: publishers and readers, each on a thread, that act at random on the daemons of some ports, and what must hold of their records
whatever happens to the daemons. WSE_TEST_SEED: which chances."""

import bisect
import collections
import http.client
import json
import os
import random
import threading
import time
import traceback

from wse_socket import Closed, Refused, WebSocket
from wse_sse import EventSource

SEED = int(os.environ.get('WSE_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
USERS, ROLES, TYPES = [f'v{i}' for i in range(6)], ['r0', 'r1'], ['a', 'b', 'c']
KINDS = ('user', 'role', 'team', 'session', 'global', 'system')
# What a reader may be told beside events; a gap would be a loss.
CONTROLS = ('hello', 'caught_up', 'mark', 'bye')
BROKEN = (OSError, EOFError, Closed, http.client.HTTPException)


class Worker(threading.Thread):
    """One that acts at random until it is told to stop. What it finds wrong is in `wrong`."""

    def __init__(self, arena, number):
        super().__init__(daemon=True)
        self.arena = arena
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

    def port(self):
        """That of the daemon it goes to now."""
        return self.chance.choice(self.arena.ports)

    def check(self, condition, *what):
        if not condition:
            raise AssertionError(f'{self}: {what}')


class Publisher(Worker):
    """Sends batches; one that is not answered is sent again with the same ids until it is. `resting`: it has seen that it is to pause."""

    sizes = (1, 1, 2, 5, 20)

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.answered, self.next, self.again, self.batch, self.connection = [], 0, 0, None, None
        self.resting = False

    def event(self):
        choose = self.chance.choice
        target = choose(({'user_id': choose(USERS)}, {'user_id': choose(USERS)}, {'role_id': choose(ROLES)},
                         {'user_id': choose(USERS), 'role_id': choose(ROLES)}, {'broadcast': True}, {'user_id': choose(USERS), 'broadcast': True}))
        self.next += 1
        return dict(target, event_type=choose(TYPES), event_id=f'{self.number}-{self.next}', payload=[self.number, self.next])

    def act(self):
        if self.batch is None:
            if not self.arena.publishing.wait(0.1):
                self.resting = True
                return
            self.batch = [self.event() for _ in range(self.chance.choice(self.sizes))]
        if self.deliver():
            self.answered += [event['event_id'] for event in self.batch]
            self.batch = None
            time.sleep(self.chance.uniform(0, 2 * self.arena.pace))

    def deliver(self):
        """Whether it was taken; else it has to be tried again."""
        if len(self.arena.ports) > 1:
            self.connection = None
        try:
            status, answer = self.post()
        except (*BROKEN, ValueError):
            self.again += 1
            self.connection = None
            time.sleep(0.01)
            return False
        if status in (429, 503):
            time.sleep(self.arena.pace)
            return False
        if len(self.batch) == 1:
            self.check(status in (200, 201) and answer['event_id'] == self.batch[0]['event_id'], status, answer)
        else:
            self.check(status == 200 and answer['accepted'] + answer['duplicates'] == len(self.batch), status, answer)
        return True

    def post(self):
        self.connection = self.connection or http.client.HTTPConnection('127.0.0.1', self.port(), timeout=self.arena.patience)
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
        self.stays, self.waits = arena.habits(number)

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
            at = bisect.bisect_left(self.record[channel], (seq,))
            self.check(self.record[channel][at] == entry, 'came again as another one', message)

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
        left = -1 if self.finishing else self.chance.choice(self.stays)
        try:
            client.socket.settimeout(60 if self.finishing else self.chance.choice(self.waits))
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
        return WebSocket(self.port(), f'/wse?{self.query}&after={self.cursor(self.had)}', timeout=10)

    def take(self, client, seen):
        message = client.recv()
        if 'seq' in message:
            self.note(message, seen)
            self.had[message['ch']] = message['seq']
        else:
            self.check(message['t'] in CONTROLS, message)
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
        return WebSocket(self.port(), f'/wse?{self.query}&consumer=c{self.number}', timeout=10)

    def take(self, client, seen):
        message = client.recv()
        if 'seq' in message:
            self.note(message, seen)
            if self.chance.random() < 0.01:
                self.acknowledge(client, seen)
        else:
            self.check(message['t'] in CONTROLS, message)
        return message['t']

    def acknowledge(self, client, seen):
        place = {channel: seq for channel, seq in seen.items() if self.chance.random() < 0.8}
        if place:
            answer = client.request('ack', {'cursor': self.cursor(place)})
            if not answer['success']:
                self.check(answer['error']['code'] == 'unavailable', answer, place)
                return
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
        client = EventSource(self.port(), f'/sse?{self.query}{self.consumer}', last=identifier)
        self.had = identified
        return client

    def take(self, client, seen):
        got = client.next()
        if got.event is None:
            self.note(json.loads(got.data), seen)
        else:
            self.check(got.event in CONTROLS, got)
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
            return EventSource(self.port(), f'/sse?{self.query}{self.consumer}')
        return super().connect()


KINDS_OF_READERS = (AfterReader, ConsumerReader, SseReader, SseConsumerReader)


class Arena:
    """Where they are. @daemons: of one log, started. `up` is not set while there is no use in trying; `publishing`: publishers go on.
    @pace: seconds between two batches of a publisher; @patience: seconds it waits for an answer before it asks another daemon.
    @habits: for a reader's number after how many messages (-1: never), and after how many silent seconds, it goes."""

    def __init__(self, daemons, publishers, readers, pace=0, patience=30, habits=lambda number: ((0, 1, 10, 100, 1000, 3000), (0.3, 2))):
        self.daemons, self.pace, self.patience, self.habits = daemons, pace, patience, habits
        self.ports = [daemon.port for daemon in daemons]
        self.up, self.publishing, self.stopping = threading.Event(), threading.Event(), threading.Event()
        self.epoch = daemons[0].get('/api/events?channel=global')['cursor'].split('@')[1].split(':')[0]
        self.publishers = [Publisher(self, i) for i in range(publishers)]
        # A reader's user goes by its number modulo six, its kind must not go with it.
        self.readers = [KINDS_OF_READERS[(i + i // 6) % 4](self, i) for i in range(readers)]
        self.truth, self.places, self.cursors = collections.defaultdict(list), collections.defaultdict(list), {}

    @property
    def workers(self):
        return self.publishers + self.readers

    def start(self):
        self.up.set()
        self.publishing.set()
        for worker in self.workers:
            worker.start()

    def join(self):
        self.stopping.set()
        for worker in self.workers:
            worker.join(60)
            assert not worker.is_alive(), worker
        self.check_workers()

    def check_workers(self):
        for worker in self.workers:
            assert worker.wrong is None, worker.wrong

    def read_log(self):
        """What has come into the log since the last time, into `truth`: the events of each channel; `places`: the channels of each event."""
        for channel in [*(f'user:{user}' for user in USERS), *(f'role:{role}' for role in ROLES), 'global']:
            while True:
                page = self.daemons[0].get(f'/api/events?channel={channel}&user_id={channel.split(":")[-1]}&limit=1000{self.cursors.get(channel, "")}')
                if not page['events']:
                    break
                self.truth[channel] += page['events']
                self.cursors[channel] = f'&after={page["cursor"]}'
                for event in page['events']:
                    self.places[event['event_id']].append(channel)

    def answered(self):
        return [identifier for publisher in self.publishers for identifier in publisher.answered]

    def has_all(self):
        """Whether what was answered is in the log."""
        self.read_log()
        return self.places.keys() >= set(self.answered())

    def check_log(self):
        """The log: what was answered, once, without a hole."""
        self.read_log()
        for channel, events in self.truth.items():
            assert [event['seq'] for event in events] == list(range(1, len(events) + 1)), f'{channel}: a hole'
            assert len({event['event_id'] for event in events}) == len(events), f'{channel}: doubled'
            for publisher in self.publishers:
                numbers = [event['metadata'][1] for event in events if event['metadata'][0] == publisher.number]
                assert numbers == sorted(numbers), f"{channel}: a publisher's order"
        answered = self.answered()
        assert len(answered) == len(set(answered))
        assert set(self.places) == set(answered), f'{len(self.places)} kept, {len(answered)} answered: {list(set(self.places) ^ set(answered))[:5]}'

    def expected(self, reader):
        """Each event that the reader is to have, in the first of its channels that it is subscribed to."""
        found = {}
        for channel in reader.channels:
            found[channel] = []
            for event in self.truth[channel]:
                first = min((at for at in self.places[event['event_id']] if at in reader.channels), key=lambda at: KINDS.index(at.split(':')[0]))
                if first == channel and (not reader.types or event['type'] in reader.types):
                    found[channel].append((event['seq'], event['event_id'], event['metadata']))
        return found

    def check_reader(self, reader):
        expected = self.expected(reader)
        for channel in reader.channels:
            if reader.record[channel] != expected[channel]:
                got = {entry[1] for entry in reader.record[channel]}
                missing = [entry for entry in expected[channel] if entry[1] not in got][:5]
                raise AssertionError(f'{reader}, {channel}: {len(reader.record[channel])} of {len(expected[channel])}, missing {missing}')

    def summary(self):
        return (f'{len(self.places)} events, {sum(publisher.again for publisher in self.publishers)} batches sent again, '
                f'{sum(reader.n_connections for reader in self.readers)} connections, '
                f'{sum(len(record) for reader in self.readers for record in reader.record.values())} events read, '
                f'{sum(reader.n_doubles for reader in self.readers)} of them again')
