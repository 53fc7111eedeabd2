# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kafka for the tests: librdkafka's mock cluster, or a broker of Apache Kafka, each as processes of its own; and what must hold with both."""

import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from wse_test import TIMEOUT, Daemon, free_port, wait_until

HERE = pathlib.Path(__file__).resolve().parent
TOOL = os.path.join(os.environ.get('WSE_TEST_BUILD', ''), 'kafka-tool')
REQUIRED = os.environ.get('WSE_TEST_KAFKA') == 'required'
# Beside the tree, so that it is fetched once.
CACHE = pathlib.Path(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))) / 'wse-tests' / 'kafka-3.9.1'
JAVA = ['java', '-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{CACHE}/*']
PROPERTIES = 'session.timeout.ms=3000\nheartbeat.interval.ms=500\nreconnect.backoff.max.ms=500\n'
SERVER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={directory}/logs
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.enable=false
file.delete.delay.ms=100
"""


class Tool:
    """A kafka-tool: obeys a line, answers a line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([TOOL, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.greeting = self.answer()

    def answer(self):
        word, _, rest = self.process.stdout.readline().strip().partition(' ')
        assert word == 'ok', f'kafka-tool: {word} {rest}'
        return rest

    def send(self, *words):
        """Without waiting for the answer."""
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()

    def do(self, *words):
        self.send(*words)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


class MockBroker:
    """librdkafka's mock cluster of one broker. It has no transactions that can be aborted, deletes no topic, and keeps nothing."""
    name = "librdkafka's mock cluster"

    def __init__(self):
        self.tool = Tool('mock', '1')
        self.bootstrap = self.tool.greeting
        self.client = Tool('client', self.bootstrap)

    def create(self, topic, partitions):
        self.tool.do('topic', topic, partitions)

    def interrupt(self):
        self.tool.do('down', 1)

    def resume(self):
        self.tool.do('up', 1)

    def close(self):
        self.client.close()
        self.tool.close()


def fetch():
    """Why there is no broker; None: there is one."""
    if shutil.which('java') is None:
        return 'Java is not installed'
    if (CACHE / 'complete').exists():
        return None
    if not REQUIRED or shutil.which('mvn') is None:
        return 'the broker is not there and not fetched; WSE_TEST_KAFKA=required has Maven fetch it'
    done = subprocess.run(['mvn', '-q', '-B', '-f', HERE / 'kafka-broker.xml', 'dependency:copy-dependencies', '-DincludeScope=runtime',
                           f'-DoutputDirectory={CACHE}'], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return 'Maven does not get the broker: ' + done.stdout[-300:]
    (CACHE / 'complete').touch()
    return None


class Broker:
    """A broker of Apache Kafka in a directory of its own."""
    name = 'Apache Kafka 3.9.1'

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='wse-kafka-')
        self.port = free_port()
        self.bootstrap = f'127.0.0.1:{self.port}'
        self.properties = f'{self.directory}/server.properties'
        pathlib.Path(self.properties).write_text(SERVER.format(port=self.port, controller=free_port(), directory=self.directory))
        subprocess.run([*JAVA, 'kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', self.properties],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.resume()
        self.client = Tool('client', self.bootstrap)

    def resume(self):
        """(Back) at work: it answers a client."""
        with open(f'{self.directory}/output', 'ab') as output:
            self.process = subprocess.Popen([*JAVA, 'kafka.Kafka', self.properties], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(self.answers, 'the broker to answer', 90)

    def answers(self):
        assert self.process.poll() is None, 'the broker ended: ' + pathlib.Path(f'{self.directory}/output').read_text()[-2000:]
        return subprocess.run(['kcat', '-L', '-m', '1', '-b', self.bootstrap], capture_output=True, check=False).returncode == 0

    def create(self, topic, partitions):
        self.client.do('create', topic, partitions)

    def interrupt(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        self.client.close()
        self.interrupt()
        shutil.rmtree(self.directory, ignore_errors=True)


class Reader(Daemon):
    """A wsed that reads Kafka."""

    def __init__(self, broker, topics, properties='', **keywords):
        super().__init__(env={'WSE_KAFKA_BROKERS': broker.bootstrap, 'WSE_KAFKA_TOPICS': topics, **keywords.pop('env', {})}, **keywords)
        path = pathlib.Path(self.state) / 'kafka.properties'
        path.write_text(PROPERTIES + properties)
        self.extra['WSE_KAFKA_CONFIG'] = str(path)

    def kafka(self):
        return self.get('/api/health')['components']['kafka']

    def partitions(self):
        """How many it has, as it said last."""
        return int((re.findall(r'partitions (?:more|less), (\d+) (?:in all|left)', self.output()) or ['0'])[-1])

    def wait_settled(self):
        wait_until(lambda: self.kafka() == 'ok', 'Kafka to be ok')

    def wait_caught_up(self):
        def lags():
            text = self.request('GET', '/metrics').body.decode()
            return [int(lag) for lag in re.findall(r'^wse_kafka_lag_events\{.*\} (\d+)$', text, re.M)]
        wait_until(lambda: lags() and not any(lags()) and self.kafka() == 'ok', 'the lag to be 0', 4 * TIMEOUT)

    def letters(self):
        with sqlite3.connect(f'file:{self.state}/events.db?mode=ro', uri=True) as db:
            return db.execute('SELECT source, position, code, input, topic, headers, event_id FROM letter ORDER BY id').fetchall()


class KafkaCases:
    """What holds with either broker; a test class adds unittest.TestCase and says which one."""

    @classmethod
    def setUpClass(cls):
        cls.broker = cls.make()
        print(f'# with {cls.broker.name}')

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()

    def kcat(self, topic, value, *arguments):
        subprocess.run(['kcat', '-P', '-b', self.broker.bootstrap, '-t', topic, '-p', '0', *arguments], input=value.encode(), check=True,
                       timeout=TIMEOUT)

    def check_complete(self, daemon, partitions, count):
        """Each event of a burst once, in order."""
        for partition in range(partitions):
            found = daemon.wait_kept(f'p{partition}', count)
            self.assertEqual([event['seq'] for event in found], list(range(1, count + 1)))
            self.assertEqual([event['metadata']['i'] for event in found], list(range(count)))

    def test_kill(self):
        """kill -9 of the daemon again and again while events come: each is there once, in order"""
        count, partitions = 2000, 4
        self.broker.create('kill', partitions)
        with Reader(self.broker, 'kill', env={'WSE_CONSUMER_ID': 'one'}) as daemon:
            # So slowly that they still come when the group has been balanced for the last time.
            self.broker.client.send('burst', 'kill', partitions, 0, count, 600)
            for _ in range(3):
                wait_until(lambda: daemon.metric('wse_log_appended_total') > 0, 'events of this life')
                daemon.kill()
                daemon.start()
            self.broker.client.answer()
            self.check_complete(daemon, partitions, count)
            daemon.wait_caught_up()

    def test_broker_gone(self):
        """without its broker the daemon says so, serves on, and goes on by itself when it is back"""
        self.broker.create('gone', 1)
        with Reader(self.broker, 'gone', allow='Kafka') as daemon:
            self.broker.client.do('burst', 'gone', 1, 0, 50, 0)
            daemon.wait_kept('p0', 50)
            self.broker.interrupt()
            wait_until(lambda: daemon.kafka() == 'degraded', 'Kafka to be degraded')
            health = daemon.get('/api/health')
            self.assertEqual((health['status'], health['components']['log']), ('degraded', 'ok'))
            daemon.publish({'event_type': 'a', 'user_id': 'other'})
            self.broker.resume()
            self.broker.client.do('burst', 'gone', 1, 50, 50, 0)
            self.check_complete(daemon, 1, 100)
            daemon.wait_settled()
