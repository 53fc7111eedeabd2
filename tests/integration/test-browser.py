# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real browser: EventSource and WebSocket in headless Chromium, driven over WebDriver. wsed is killed under them, and they miss nothing."""

import http.client
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from wse_test import Daemon, Scenario, free_port, main, skip_all, wait_until

PAGE = (pathlib.Path(__file__).parent / 'clients' / 'page.js').read_text()
PATIENCE = 60  # seconds: what a browser does by itself it does when it likes


class Browser:
    """A Chromium and its driver, with a profile of its own."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix='wse-browser-')
        self.process = subprocess.Popen(['chromedriver', '--port=0'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.session = None
        try:
            lines = []
            for line in self.process.stdout:
                lines.append(line)
                found = re.search(r'on port (\d+)', line)
                if found and found.group(1) != '0':
                    break
            else:
                raise AssertionError('chromedriver ended: ' + ''.join(lines))
            self.port = int(found.group(1))
            # A test may run as root, where Chromium has no sandbox; what it opens are pages of the test.
            options = {'args': ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server',
                                f'--user-data-dir={self.profile}'], 'binary': shutil.which('chromium')}
            self.session = self.ask('POST', '/session', {'capabilities': {'alwaysMatch': {'goog:chromeOptions': options}}})['sessionId']
        except BaseException:
            self.close()
            raise

    def ask(self, method, path, value=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
        try:
            connection.request(method, path, None if value is None else json.dumps(value), {'Content-Type': 'application/json'})
            answer = json.loads(connection.getresponse().read())['value']
        finally:
            connection.close()
        if isinstance(answer, dict) and 'error' in answer:
            raise AssertionError(f'{path}: {answer["error"]}: {answer.get("message")}')
        return answer

    def open(self, url):
        self.ask('POST', f'/session/{self.session}/url', {'url': url})
        self.run(PAGE)

    def run(self, script, *arguments):
        """Runs it as a function's body in the page."""
        return self.ask('POST', f'/session/{self.session}/execute/sync', {'script': script, 'args': arguments})

    def seen(self):
        return self.run('return window.seen')

    def close(self):
        try:
            if self.session:
                self.ask('DELETE', f'/session/{self.session}')
        finally:
            self.process.terminate()
            self.process.wait(30)
            self.process.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)


class InBrowser(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        # The same port again after it was killed: the page comes back to where it was.
        cls.daemon = Daemon(listen=f'127.0.0.1:{free_port()}')
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def setUp(self):
        self.browser.open(f'http://127.0.0.1:{self.daemon.port}/api/health')

    def publish(self, user, *numbers):
        self.daemon.publish(*({'event_type': 'x', 'user_id': user, 'payload': {'number': number}} for number in numbers))

    def wait(self, condition, what):
        return wait_until(lambda: condition(self.browser.seen()), what, PATIENCE)

    def restart(self):
        self.daemon.kill()
        self.daemon.start()

    def test_event_source(self):
        """EventSource: history, live, and after kill -9 it comes back by itself without a hole or a double"""
        self.publish('source', 1, 2)
        self.browser.run('listen(arguments[0])', '/sse?user_id=source')
        self.wait(lambda seen: seen['told'], 'caught_up')
        for number in (3, 4, 5):
            self.publish('source', number)
        self.wait(lambda seen: len(seen['events']) >= 5, 'live events')
        for number in (6, 8):
            self.restart()
            # It is away still, and will be back: what comes meanwhile is for it, too.
            self.publish('source', number)
            self.wait(lambda seen: seen['opened'] > (number - 4) // 2 and len(seen['events']) >= number, 'the way back')
            self.publish('source', number + 1)
            self.wait(lambda seen: len(seen['events']) > number, 'what is live then')
        seen = self.browser.seen()
        self.assertEqual([event[:3] for event in seen['events']], [['user:source', i, i] for i in range(1, 10)])
        self.assertTrue(all(re.fullmatch(r'\*@[A-Za-z0-9_-]{1,32}:\d+', event[3]) for event in seen['events']), seen)
        self.assertEqual({kind for kind, _ in seen['told']}, {'caught_up'})
        self.assertEqual(self.browser.run('const state = source.readyState; source.close(); return state'), 1)

    def test_event_source_stopped(self):
        """EventSource: told goodbye by a wsed that stops, and back when there is one again"""
        self.browser.run('listen(arguments[0])', '/sse?user_id=stopped&history=0')
        self.wait(lambda seen: seen['told'], 'caught_up')
        self.publish('stopped', 1)
        self.wait(lambda seen: seen['events'], 'a live event')
        self.daemon.stop()
        self.daemon.start()
        self.publish('stopped', 2)
        seen = self.wait(lambda seen: len(seen['events']) > 1 and seen, 'the way back')
        self.assertEqual([event[:3] for event in seen['events']], [['user:stopped', 1, 1], ['user:stopped', 2, 2]])
        self.assertEqual([kind for kind, _ in seen['told']][:2], ['caught_up', 'bye'])
        self.browser.run('source.close()')

    def test_web_socket(self):
        """WebSocket with wse.v2: hello, events, and after kill -9 on from the cursor without a hole or a double"""
        self.publish('socket', 1, 2)
        self.browser.run('connect(arguments[0], true)', '/wse?user_id=socket')
        self.wait(lambda seen: any(message['t'] == 'caught_up' for message in seen['messages']), 'caught_up')
        self.publish('socket', 3)
        self.wait(lambda seen: seen['messages'][-1].get('seq') == 3, 'a live event')
        self.restart()
        self.publish('socket', 4)
        seen = self.wait(lambda seen: any(message.get('seq') == 4 for message in seen['messages']) and seen, 'the way back')
        self.assertEqual([message['seq'] for message in seen['messages'] if 'seq' in message], [1, 2, 3, 4])
        self.assertEqual([message['p']['number'] for message in seen['messages'] if 'seq' in message], [1, 2, 3, 4])
        self.assertEqual(seen['messages'][0]['t'], 'hello')
        self.assertEqual(set(seen['protocols']), {'wse.v2'})
        self.assertEqual(set(seen['closed']), {1006})

    def test_commands(self):
        """WebSocket: commands and their answers, and a close of the page's own"""
        self.publish('commands', 1)
        self.browser.run('connect(arguments[0], false)', '/ws/sessions?user_id=commands')
        self.wait(lambda seen: seen['protocols'], 'the connection')
        self.browser.run('socket.send(JSON.stringify({id: "1", method: "subscribe", params: {channel: "user:commands", history: 5}}))')
        seen = self.wait(lambda seen: any(message.get('t') == 'caught_up' and message['p'].get('channel') for message in seen['messages']) and seen,
                         'the answer')
        self.assertTrue(next(message for message in seen['messages'] if message.get('id') == '1')['success'], seen)
        self.browser.run('socket.close(1000, "done")')
        self.assertEqual(self.wait(lambda seen: seen['closed'], 'the close'), [1000])

    def test_foreign_page(self):
        """a page that is nobody's may not connect"""
        self.browser.open('about:blank')
        self.browser.run('window.state = null; const socket = new WebSocket(arguments[0]); socket.onopen = () => { window.state = "open"; };'
                         'socket.onclose = ended => { window.state = ended.code; };', f'ws://127.0.0.1:{self.daemon.port}/wse')
        wait_until(lambda: self.browser.run('return window.state'), 'the refusal', PATIENCE)
        self.assertEqual(self.browser.run('return window.state'), 1006)


for program in ('chromium', 'chromedriver'):
    if not shutil.which(program):
        skip_all(f'no {program}: the packages chromium and chromium-driver have them')
if __name__ == '__main__':
    main()
