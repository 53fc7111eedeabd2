# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST /api/events with many events: arrays and NDJSON, what is rejected by itself, what is refused whole, the limits."""

import json

from wse_test import Daemon, Scenario, main

NDJSON = 'application/x-ndjson'


class Batch(Scenario):
    users = 0

    def user(self):
        Batch.users += 1
        return f'b{Batch.users}'

    def payloads(self, user):
        got, cursor = [], ''
        while True:
            page = self.daemon.get(f'/api/events?channel=user:{user}&user_id={user}&limit=1000{cursor}')
            if not page['events']:
                return got
            got += [event['metadata'] for event in page['events']]
            cursor = f'&after={page["cursor"]}'

    def test_array(self):
        """an array: 200 with counts, in order"""
        user = self.user()
        status, answer = self.daemon.post([{'event_type': 'a', 'user_id': user, 'payload': i} for i in range(100)])
        self.assertEqual((status, answer), (200, {'accepted': 100, 'duplicates': 0, 'dropped': 0, 'rejected': []}))
        self.assertEqual(self.payloads(user), list(range(100)))

    def test_ndjson(self):
        """NDJSON: empty lines are passed over, CRLF is taken, a last line without end too"""
        user = self.user()
        lines = ['', json.dumps({'event_type': 'a', 'user_id': user, 'payload': 0}), '  ', json.dumps({'event_type': 'a', 'user_id': user, 'payload': 1}) + '\r', '',
                 json.dumps({'event_type': 'a', 'user_id': user, 'payload': 2})]
        status, answer = self.daemon.post('\n'.join(lines), NDJSON)
        self.assertEqual((status, answer), (200, {'accepted': 3, 'duplicates': 0, 'dropped': 0, 'rejected': []}))
        self.assertEqual(self.payloads(user), [0, 1, 2])

    def test_rejected(self):
        """what breaks a rule is rejected by itself, with its place and reason"""
        user = self.user()
        good = {'event_type': 'a', 'user_id': user}
        items = [good, {'event_type': 'a'}, {'user_id': user}, 5, dict(good, severity='bad'), None, [good], dict(good, payload='last')]
        status, answer = self.daemon.post(items)
        self.assertEqual((status, answer['accepted'], answer['duplicates'], answer['dropped']), (200, 2, 0, 0))
        self.assertEqual([item['index'] for item in answer['rejected']], [1, 2, 3, 4, 5, 6])
        for item in answer['rejected']:
            self.assertEqual(set(item), {'index', 'error'})
            self.assertEqual(set(item['error']), {'code', 'message'})
        self.assertEqual(answer['rejected'][0]['error']['code'], 'no_route')
        self.assertEqual(self.payloads(user), [{}, 'last'])

    def test_all_rejected(self):
        """all rejected is still 200"""
        status, answer = self.daemon.post([{}, {}])
        self.assertEqual((status, answer['accepted'], len(answer['rejected'])), (200, 0, 2))
        status, answer = self.daemon.post('nonsense\n{"a":\n', NDJSON)
        self.assertEqual((status, answer['accepted'], [item['index'] for item in answer['rejected']]), (200, 0, [0, 1]))

    def test_bad_lines(self):
        """an NDJSON line that is not JSON is rejected by itself; the index counts non-empty lines"""
        user = self.user()
        good = json.dumps({'event_type': 'a', 'user_id': user}).encode()
        body = b'\n'.join([b'', good, b'', b'{"broken":', good, b'"\xff"', b'\x00', good + good, b'', good])
        status, answer = self.daemon.post(body, NDJSON)
        self.assertEqual((status, answer['accepted']), (200, 3))
        self.assertEqual([item['index'] for item in answer['rejected']], [1, 3, 4, 5])

    def test_broken_array(self):
        """an array that is not JSON as a whole: 400, nothing is kept"""
        user = self.user()
        good = json.dumps({'event_type': 'a', 'user_id': user})
        for bad in (f'[{good},{good}', f'[{good},]', f'[{good} {good}]', f'[{good}]x', f'[{good},{{]'):
            with self.subTest(bad[-6:]):
                self.assertEqual(self.daemon.post(bad)[0], 400)
        self.assertEqual(self.payloads(user), [])

    def test_duplicates(self):
        """of two in one batch the second is the duplicate; of one before the batch too"""
        user = self.user()
        self.daemon.publish({'event_type': 'a', 'user_id': user, 'event_id': 'old', 'payload': 'old'})
        items = [{'event_type': 'a', 'user_id': user, 'event_id': name, 'payload': i} for i, name in enumerate(['one', 'two', 'one', 'old', 'two', 'three'])]
        status, answer = self.daemon.post(items)
        self.assertEqual((status, answer), (200, {'accepted': 3, 'duplicates': 3, 'dropped': 0, 'rejected': []}))
        self.assertEqual(self.payloads(user), ['old', 0, 1, 5])

    def test_send_again(self):
        """the whole batch again: all duplicates, nothing comes twice"""
        user = self.user()
        lines = [{'event_type': 'a', 'user_id': user, 'event_id': str(i), 'payload': i} for i in range(1000)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 1000)
        self.assertEqual(self.daemon.publish_lines(lines), {'accepted': 0, 'duplicates': 1000, 'dropped': 0, 'rejected': []})
        self.assertEqual(self.payloads(user), list(range(1000)))

    def test_too_many_items(self):
        """10,000 items are taken, 10,001 are 413 for all"""
        user = self.user()
        line = json.dumps({'event_type': 'a', 'user_id': user}).encode() + b'\n'
        self.assertEqual(self.daemon.post(line * 10001, NDJSON)[0], 413)
        self.assertEqual(self.daemon.post(b'[' + b','.join([line] * 10001) + b']')[0], 413)
        self.assertEqual(self.payloads(user), [])
        self.assertEqual(self.daemon.post(line * 10000, NDJSON)[1]['accepted'], 10000)

    def test_large_items(self):
        """an item too large or too deep is rejected by itself"""
        user = self.user()
        items = [{'event_type': 'a', 'user_id': user, 'payload': 'x' * n} for n in (10, 256 * 1024, 20)]
        for status, answer in (self.daemon.post(items), self.daemon.post('\n'.join(map(json.dumps, items)), NDJSON)):
            self.assertEqual((status, answer['accepted'], [item['index'] for item in answer['rejected']]), (200, 2, [1]))
            self.assertEqual(answer['rejected'][0]['error']['code'], 'too_large')
        deep = '{"event_type":"a","user_id":"%s","payload":%s}' % (user, '[' * 64 + ']' * 64)
        status, answer = self.daemon.post(f'[{deep}]')
        self.assertEqual((status, answer['accepted'], answer['rejected'][0]['error']['code']), (200, 0, 'too_deep'))

    def test_mixed_channels(self):
        """events of many channels keep their order in each"""
        users = [self.user() for _ in range(7)]
        lines = [{'event_type': 'a', 'user_id': users[i % 7], 'payload': i} for i in range(700)]
        self.assertEqual(self.daemon.publish_lines(lines)['accepted'], 700)
        for k, user in enumerate(users):
            self.assertEqual(self.payloads(user), list(range(k, 700, 7)))

    def test_empty(self):
        """an empty NDJSON body is 400"""
        for body in ('', '\n\n', ' \n'):
            self.assertEqual(self.daemon.post(body, NDJSON)[0], 400)


class Body(Scenario):
    arguments = ('--max-body=100000', '--max-event=1000')

    def test_body_limit(self):
        """a body over WSE_MAX_BODY: 413, one of exactly it is taken"""
        line = json.dumps({'event_type': 'a', 'user_id': 'x'}).encode() + b'\n'
        body = line * (100000 // len(line))
        body += b' ' * (100000 - len(body))
        self.assertEqual(self.daemon.post(body, NDJSON)[0], 200)
        self.assertEqual(self.daemon.post(body + b' ', NDJSON)[0], 413)

    def test_event_limit(self):
        """an event over WSE_MAX_EVENT: 413"""
        self.assertEqual(self.daemon.post({'event_type': 'a', 'user_id': 'x', 'payload': 'y' * 1000})[0], 413)


class Restart(Scenario):
    def test_window_survives(self):
        """an id seen before a restart is still a duplicate"""
        with Daemon() as daemon:
            lines = [{'event_type': 'a', 'user_id': 'r', 'event_id': str(i)} for i in range(500)]
            self.assertEqual(daemon.publish_lines(lines)['accepted'], 500)
            daemon.stop()
            daemon.start()
            status, answer = daemon.post(lines[41])
            self.assertEqual((status, answer['seq'], answer['duplicate']), (200, 42, True))
            self.assertEqual(daemon.publish_lines(lines)['duplicates'], 500)
            self.assertEqual(daemon.publish({'event_type': 'a', 'user_id': 'r'})[0]['seq'], 501)


if __name__ == '__main__':
    main()
