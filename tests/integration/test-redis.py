# SPDX-License-Identifier: LGPL-2.1-or-later
"""What others publish in a real Redis reaches who is connected, and what becomes of that when Redis is away, silent, or says nonsense."""

import json
import os
import re
import shutil
import signal
import tempfile
import time

from wse_redis import Commands, Redis
from wse_sse import EventSource
from wse_test import Daemon, Scenario, main, make_certificate, wait_until

TIMESTAMP = '2026-01-02T03:04:05.678901+00:00'
# Longer waits than a test has time for are told once, as a warning.
TOLD = r'redis \S+ \(wsed-listener\): |a message on \S+ is not taken'


def foreign(number=1, **members):
    """An event as other programs publish it."""
    return json.dumps({'event_type': 'order_update', 'original_event_type': 'OrderPlaced', 'user_id': 'u', 'data': {'n': number},
                       'timestamp': TIMESTAMP, 'event_id': f'f-{number}', **members})


class Relayed(Scenario):
    allow = TOLD

    @classmethod
    def setUpClass(cls):
        cls.redis = Redis().start()
        cls.daemon = Daemon(f'--redis-url={cls.redis.url}', '--max-event=4 KiB', allow=cls.allow).start()
        wait_until(lambda: cls.health()['components']['relay'] == 'ok', 'the relay to be connected')

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.redis.close()

    @classmethod
    def health(cls):
        return cls.daemon.get('/api/health')

    def publish(self, channel, message):
        """What is published reaches this daemon: it is known to be subscribed first."""
        wait_until(lambda: self.redis('PUBLISH', channel, message), f'a subscription to {channel}')


class Foreign(Relayed):
    def test_dialects(self):
        """A foreign message in all four dialects, with seq 0, over WebSocket and Server-Sent Events"""
        expected = {
            'v2': '{"v":2,"id":"f-1","t":"order_update","ts":"2026-01-02T03:04:05.678901Z","seq":0,"p":{"n":1},"ch":"session:s",'
                  '"original_event_type":"OrderPlaced","latency_ms":MS}',
            'feed': '{"timestamp":1767323045.678901,"type":"order_update","message":"","severity":"info","metadata":{"n":1}}',
            'envelope': '{"type":"event","data":{"event_id":"f-1","timestamp":"2026-01-02T03:04:05.678901Z","type":"order_update","message":"",'
                        '"severity":"info","metadata":{"n":1},"channel":"session:s","seq":0,"original_event_type":"OrderPlaced","latency_ms":MS}}',
            'session': '{"event_type":"order_update","data":{"n":1,"session_id":"s","timestamp":"2026-01-02T03:04:05.678901Z"}}',
        }
        for dialect, text in expected.items():
            pattern = '^' + re.escape(text).replace('MS', r'\d+') + '$'
            with self.daemon.connect(f'/ws/events?format={dialect}&channel=session:s', protocols=()) as client:
                client.settle()
                self.publish('wse:session:s', foreign())
                self.assertRegex(client.recv_text(), pattern)
            with EventSource(self.daemon.port, f'/sse?format={dialect}&channel=session:s') as client:
                client.until('caught_up')
                self.publish('wse:session:s', foreign())
                got = client.next()
                self.assertEqual((got.event, got.id), (None, None))
                self.assertRegex(got.data, pattern)

    def test_channels(self):
        """Each channel goes to who reads it, whatever the message says of others; the types are mapped, the six kinds checked and worded"""
        with self.daemon.connect('/wse?user_id=u&roles=r&teams=t') as client, self.daemon.connect('/ws/events', protocols=()) as system, \
                self.daemon.connect('/wse?user_id=v') as other:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            other.recv_until(lambda message: message['t'] == 'caught_up')
            system.settle()
            for channel in ('user:u', 'role:r', 'team:t', 'global'):
                self.publish(f'wse:{channel}', foreign(user_id='somebody-else', broadcast=False))
                got = client.recv()
                self.assertEqual((got['ch'], got['seq'], got['t']), (channel, 0, 'order_update'))
            self.assertEqual(other.recv()['ch'], 'global')
            self.publish('wse:user:u', json.dumps({'event_type': 'BrokerAccountLinked', 'data': {}}))
            got = client.recv()
            self.assertEqual((got['t'], got['original_event_type']), ('broker_account_update', 'BrokerAccountLinked'))
            self.publish('wse:system', json.dumps({'event_type': 'cache', 'metadata': {'operation': 'get', 'key': 'k', 'hit': True}}))
            self.assertEqual(system.recv()['message'], 'Cache GET: k (HIT)')
            self.publish('wse:system', json.dumps({'event_type': 'cache', 'metadata': {'operation': 7, 'key': 'k'}}))
            self.publish('wse:system', foreign())
            self.assertEqual(system.recv()['type'], 'order_update')
            # A number and its form are the publisher's.
            self.redis('PUBLISH', 'wse:user:u', '{"event_type":"x","user_id":7,"data":{"n":12345678901234567890,"x":1.10, "s":"\\u00e9"}}')
            self.assertIn('"p":{"n":12345678901234567890,"x":1.10,"s":"\\u00e9"}', client.recv_text())

    def test_not_kept(self):
        """It moves no cursor, is no history, and comes between events that are kept; the whole log has not got it"""
        with self.daemon.connect('/wse?user_id=k') as client, self.daemon.connect('/ws/events?channel=*&format=v2&history=0', protocols=()) as log:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            log.settle()
            self.publish('wse:user:k', foreign())
            self.assertEqual(client.recv()['seq'], 0)
            self.daemon.publish({'event_type': 'a', 'user_id': 'k'})
            self.assertEqual(client.recv()['seq'], 1)
            self.assertEqual(log.recv()['seq'], 1)
        history = self.daemon.get('/api/events?channel=user:k&user_id=k')
        self.assertEqual(len(history['events']), 1)
        with self.daemon.connect(f'/wse?user_id=k&after={history["cursor"].replace(":1", ":0")}') as client:
            self.assertTrue(client.recv()['p']['cursor'].startswith('user:k@'))
            self.assertEqual(client.recv()['seq'], 1)
            self.assertEqual(client.recv()['t'], 'caught_up')

    def test_filters(self):
        """Filters hold for it, and unsubscribing"""
        with self.daemon.connect('/wse?user_id=f&types=wanted') as client, self.daemon.connect('/ws/sessions') as session:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            self.publish('wse:user:f', foreign())
            self.publish('wse:user:f', json.dumps({'event_type': 'wanted', 'data': {}}))
            self.assertEqual(client.recv()['t'], 'wanted')
            session.recv_until(lambda message: message['t'] == 'caught_up')
            session.request('subscribe', {'session_id': 'x'})
            session.recv_until(lambda message: message.get('t') == 'caught_up')
            self.publish('wse:session:x', foreign())
            self.assertEqual(session.recv()['event_type'], 'order_update')
            session.request('unsubscribe', {'session_id': 'x'})
            self.redis('PUBLISH', 'wse:session:x', foreign())
            session.request('ping')

    def test_garbage(self):
        """What cannot be understood is counted, and told in the log once in a while; the rest comes"""
        bad = [b'', b'{', b'[]', b'7', b'null', b'\xff\xfe', b'{"event_type":""}', b'{"data":{}}', b'{"event_type":"a","event_type":"b"}',
               b'{"event_type":"a","timestamp":"yesterday"}', b'{"event_type":"a","severity":"loud"}', b'{"event_type":"a","original_event_type":7}',
               b'{"event_type":"a","original_event_type":"a b"}', b'{"event_type":"a","event_id":"\\u0000"}', b'{"event_type":"a","data":' + b'[' * 100 + b']' * 100 + b'}',
               b'{"event_type":"a","data":"' + b'x' * 5000 + b'"}', b'{"event_type":"a","wse":7}', b'{"event_type":"a","wse":{}}', b'{"event_type":"a"}\x00',
               b'[' * 100000, b'x' * 1000000]
        before = self.daemon.metric('wse_relay_bad_messages_total')
        with self.daemon.connect('/wse?user_id=g') as client:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            self.publish('wse:user:g', foreign(0))
            self.assertEqual(client.recv()['id'], 'f-0')
            for number, message in enumerate(bad):
                self.redis('PUBLISH', 'wse:user:g', message)
                self.redis('PUBLISH', 'wse:user:g', foreign(number))
                self.assertEqual(client.recv()['id'], f'f-{number}', message[:60])
        self.assertEqual(self.daemon.metric('wse_relay_bad_messages_total') - before, len(bad))
        self.assertLess(self.daemon.output().count('is not taken'), 3)

    def test_many(self):
        """Many at once come all, in their order"""
        with self.daemon.connect('/wse?user_id=m') as client, Commands(self.redis) as commands:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            self.publish('wse:user:m', foreign(0))
            for number in range(1, 3000):
                commands.send('PUBLISH', 'wse:user:m', foreign(number))
            for number in range(3000):
                self.assertEqual(client.recv()['p']['n'], number)

    def test_own_words(self):
        """What daemons of another log say is none of this one's business, and this one says nothing"""
        message = foreign(wse={'log': 'other', 'from': 'somebody', 'n': 1, 'channels': ['user:o'], 'seqs': [1]})
        with self.daemon.connect('/wse?user_id=o') as client:
            client.recv_until(lambda message: message['t'] == 'caught_up')
            self.publish('wse:user:o', message)
            self.redis('PUBLISH', 'wse:user:o', foreign(2))
            self.assertEqual(client.recv()['p']['n'], 2)
            self.daemon.publish({'event_type': 'a', 'user_id': 'o'})
            self.assertEqual(client.recv()['seq'], 1)
        self.assertEqual(self.daemon.metric('wse_relay_sent_total'), 0)
        self.assertFalse({'wse:log', 'wse:daemons'} & self.redis.subscribed())


class Faults(Relayed):
    def await_relay(self, state):
        wait_until(lambda: self.health()['components']['relay'] == state, f'the relay to be {state}')

    def expect_one(self, client, name):
        """Something that is published now arrives."""
        self.publish('wse:user:a', foreign(event_id=name))
        client.recv_until(lambda message: message.get('id') == name)

    def test_faults(self):
        """CLIENT KILL, kill -9 and a new start, 3 s of silence: it is there again by itself, health says so meanwhile"""
        with self.daemon.connect('/wse?user_id=a') as client:
            self.expect_one(client, 'before')
            self.redis('CLIENT', 'KILL', 'TYPE', 'pubsub')
            self.expect_one(client, 'after CLIENT KILL')
            self.redis.kill()
            self.await_relay('degraded')
            self.assertEqual(self.health()['status'], 'degraded')
            self.assertIn('redis', self.health()['reason'])
            self.assertEqual(self.daemon.metric('wse_relay_connected'), 0)
            # Without it everything else goes on.
            self.daemon.publish({'event_type': 'a', 'event_id': 'alone', 'user_id': 'a'})
            client.recv_until(lambda message: message.get('id') == 'alone')
            self.redis.start()
            self.await_relay('ok')
            self.expect_one(client, 'after kill -9')
            self.redis.signal(signal.SIGSTOP)
            with self.daemon.connect('/wse?user_id=b') as other:
                other.recv_until(lambda message: message['t'] == 'caught_up')
                # Shorter than what is taken for its end.
                time.sleep(3)
                self.redis.signal(signal.SIGCONT)
                self.expect_one(client, 'after SIGSTOP')
                self.publish('wse:user:b', foreign(event_id='new'))
                other.recv_until(lambda message: message.get('id') == 'new')
        self.assertGreaterEqual(self.daemon.metric('wse_relay_reconnections_total'), 2)

    def test_password(self):
        """A wrong password is told clearly, without it, and does not stop the daemon; the right one is enough, in all forms of the address"""
        with Redis(password='s3cret word') as redis:
            with Daemon(f'--redis-url=redis://:wrong@127.0.0.1:{redis.port}', allow=TOLD) as daemon:
                wait_until(lambda: 'WRONGPASS' in daemon.output(), 'the reason')
                self.assertEqual(daemon.get('/api/health')['components']['relay'], 'degraded')
                self.assertIn('refuses the user name or the password', daemon.get('/api/health')['reason'])
                self.assertNotIn('wrong', daemon.output().replace('WRONGPASS', ''))
                self.assertNotIn('wrong', daemon.request('GET', '/metrics').body.decode())
            with Daemon(f'--redis-url=redis://127.0.0.1:{redis.port}', allow=TOLD) as daemon:
                wait_until(lambda: 'NOAUTH' in daemon.output(), 'the reason')
            for url in (f'redis://:s3cret%20word@127.0.0.1:{redis.port}/2', f'redis://default:s3cret%20word@localhost:{redis.port}',
                        f'unix://{redis.socket}?db=1&password=s3cret%20word'):
                with Daemon(env={'WSE_REDIS_URL': url}) as daemon, daemon.connect('/wse?user_id=p') as client:
                    wait_until(lambda: redis('PUBLISH', 'wse:user:p', foreign()), 'a subscription')
                    client.recv_until(lambda message: message.get('id') == 'f-1')
                    self.assertNotIn('s3cret', daemon.output())

    def test_tls(self):
        """rediss://: with the file of certificates it is trusted, without it is not"""
        certificate = make_certificate(tempfile.mkdtemp(prefix='wse-tls-'))
        self.addCleanup(shutil.rmtree, certificate, True)
        # LeakSanitizer trips over what a library that GLib loads itself keeps for each thread.
        env = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':intercept_tls_get_addr=0'}
        with Redis(tls=certificate) as redis:
            url = f'--redis-url=rediss://127.0.0.1:{redis.port}'
            with Daemon(url, allow=TOLD, env=env) as daemon:
                wait_until(lambda: 'trying again' in daemon.output(), 'the refusal')
                self.assertRegex(daemon.output(), 'certificate')
            with Daemon(url, f'--redis-ca={certificate}/cert.pem', env=env) as daemon, daemon.connect('/wse?user_id=t') as client:
                wait_until(lambda: redis('PUBLISH', 'wse:user:t', foreign()), 'a subscription')
                client.recv_until(lambda message: message.get('id') == 'f-1')

    def test_many_channels(self):
        """10,000 channels are subscribed to in few commands, again after a loss, and given up some time after nobody reads them"""
        count = 10000
        clients = []
        try:
            for first in range(0, count, 1000):
                channels = ''.join(f'&channel=session:c{number}' for number in range(first, first + 1000))
                clients.append(self.daemon.connect(f'/ws/events?format=v2{channels}'))
                clients[-1].recv_until(lambda message: message['t'] == 'caught_up')
            wait_until(lambda: len(self.redis.subscribed()) >= count, 'all subscriptions', 60)
            self.assertGreaterEqual(self.daemon.metric('wse_relay_channels'), count)
            self.redis('CLIENT', 'KILL', 'TYPE', 'pubsub')
            wait_until(lambda: len(self.redis.subscribed()) >= count, 'all subscriptions again', 60)
            calls = int(self.redis('INFO', 'commandstats').split('cmdstat_subscribe:calls=')[1].split(',')[0])
            self.assertLess(calls, count)
            self.publish('wse:session:c9999', foreign())
            clients[-1].recv_until(lambda message: message.get('id') == 'f-1')
        finally:
            for client in clients:
                client.close()
        # One that comes back soon finds its subscription still there.
        self.assertGreaterEqual(len(self.redis.subscribed()), count)
        wait_until(lambda: not self.redis.subscribed(), 'the end of all subscriptions', 60)


if __name__ == '__main__':
    main()
