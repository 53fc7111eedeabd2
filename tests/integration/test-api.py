# SPDX-License-Identifier: LGPL-2.1-or-later
"""The HTTP endpoints beside publishing: events in pages, stats, health, metrics (PROTOCOL section 5)."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from wse_test import Scenario, main

SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*"(,[a-zA-Z_][a-zA-Z0-9_]*="(\\.|[^"\\])*")*,?\})? -?([0-9.e+-]+|\+Inf|NaN)$')


class Api(Scenario):
    def refused(self, status, path, method='GET'):
        answer = self.daemon.request(method, path)
        self.assertEqual(answer.status, status, (path, answer))
        self.assertEqual(set(json.loads(answer.body)['error']), {'code', 'message'})

    def test_pages(self):
        """GET /api/events: pages by cursor, from the oldest; only an empty one is the end"""
        self.daemon.publish_lines([{'event_type': 'a', 'user_id': 'p', 'payload': i} for i in range(2500)])
        path = '/api/events?channel=user:p&user_id=p'
        page = self.daemon.get(path)
        self.assertEqual(set(page), {'events', 'cursor', 'recovered'})
        self.assertTrue(0 < len(page['events']) <= 100)
        got, pages = [], 0
        cursor = ''
        while True:
            page = self.daemon.get(f'{path}&limit=1000{cursor}')
            self.assertTrue(page['recovered'])
            self.assertRegex(page['cursor'], r'^user:p@[A-Za-z0-9_-]{1,32}:\d+$')
            if not page['events']:
                break
            pages += 1
            got += [(event['metadata'], event['seq']) for event in page['events']]
            cursor = f'&after={page["cursor"]}'
        self.assertEqual(got, [(i, i + 1) for i in range(2500)])
        self.assertGreaterEqual(pages, 3)

    def test_event_members(self):
        """an event in a page is the envelope's data"""
        self.daemon.publish({'event_type': 'a', 'user_id': 'm', 'event_id': 'i', 'payload': {'x': 1}})
        event = self.daemon.get('/api/events?channel=user:m&user_id=m')['events'][0]
        self.assertEqual(list(event), ['event_id', 'timestamp', 'type', 'message', 'severity', 'metadata', 'channel', 'seq'])

    def test_default_channel(self):
        """channel defaults to system"""
        self.daemon.publish({'event_type': 'cache', 'payload': {'operation': 'o', 'key': 'api'}})
        self.assertEqual(self.daemon.get('/api/events')['events'][-1]['channel'], 'system')

    def test_filters(self):
        """types and severity filter a page, the cursor goes on over what is passed over"""
        for i in range(30):
            self.daemon.publish({'event_type': 'OrderPlaced' if i % 3 == 0 else 'x', 'user_id': 'f', 'severity': 'error' if i % 5 == 0 else 'info'})
        path = '/api/events?channel=user:f&user_id=f'

        def seqs(query):
            found, cursor = [], ''
            while True:
                page = self.daemon.get(path + query + cursor)
                if not page['events']:
                    return found
                found += [event['seq'] for event in page['events']]
                cursor = f'&after={page["cursor"]}'
        self.assertEqual(seqs('&types=order_update'), list(range(1, 31, 3)))
        self.assertEqual(seqs('&types=OrderPlaced&limit=2'), list(range(1, 31, 3)))
        self.assertEqual(seqs('&severity=warning'), list(range(1, 31, 5)))
        self.assertEqual(seqs('&types=nothing'), [])

    def test_recovered(self):
        """a cursor of another epoch or beyond the end: recovered false and everything kept"""
        self.daemon.publish({'event_type': 'a', 'user_id': 'e'}, {'event_type': 'a', 'user_id': 'e'})
        path = '/api/events?channel=user:e&user_id=e'
        epoch = re.search('@(.+):', self.daemon.get(path)['cursor']).group(1)
        for cursor, recovered, seqs in ((f'user:e@{epoch}:1', True, [2]), (f'user:e@{epoch}:2', True, []), (f'user:e@{epoch}:3', False, [1, 2]),
                                        ('user:e@Other:1', False, [1, 2]), (f'user:e@{epoch}:0', True, [1, 2])):
            page = self.daemon.get(f'{path}&after={cursor}')
            self.assertEqual((page['recovered'], [event['seq'] for event in page['events']]), (recovered, seqs), cursor)

    def test_empty_channel(self):
        """a channel that has nothing: no events, a cursor that can be used"""
        page = self.daemon.get('/api/events?channel=role:nothing')
        self.assertEqual((page['events'], page['recovered']), ([], True))
        self.daemon.publish({'event_type': 'a', 'role_id': 'nothing'})
        self.assertEqual(len(self.daemon.get(f'/api/events?channel=role:nothing&after={page["cursor"]}')['events']), 1)

    def test_bad_queries(self):
        """bad queries: 400"""
        for query in ('limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'limit=', 'channel=', 'channel=nonsense', 'channel=user:', 'after=nonsense', 'after=', 'severity=bad',
                      'x=1', 'history=5', 'channel=system&channel=global', 'consumer=c'):
            with self.subTest(query):
                self.refused(400, f'/api/events?{query}')

    def test_stats(self):
        """stats have the seeds' members"""
        stats = self.daemon.get('/api/events/stats')
        self.assertLessEqual({'active_subscribers', 'queue_size', 'history_size', 'running'}, set(stats))
        self.assertIs(stats['running'], True)

    def test_health(self):
        """health is ok, and names its components"""
        health = self.daemon.get('/api/health')
        self.assertEqual(health['status'], 'ok')
        self.assertIn('log', health['components'])

    def test_metrics(self):
        """metrics: Prometheus text that a parser takes, and the seeds' names"""
        before = self.daemon.metric('wse_events_processed_total{event_type="counted"}')
        self.daemon.publish({'event_type': 'counted', 'user_id': 'x'}, {'event_type': 'counted', 'user_id': 'x'})
        self.assertEqual(self.daemon.metric('wse_events_processed_total{event_type="counted"}'), before + 2)
        answer = self.daemon.request('GET', '/metrics')
        self.assertTrue(answer.headers['content-type'].startswith('text/plain'), answer.headers)
        text = answer.body.decode()
        seen, helped = set(), set()
        for line in text.splitlines():
            if line.startswith('# HELP '):
                self.assertNotIn(line.split()[2], helped)
                helped.add(line.split()[2])
            elif not line.startswith('#'):
                self.assertRegex(line, SAMPLE)
                self.assertNotIn(line.rsplit(' ', 1)[0], seen)
                seen.add(line.rsplit(' ', 1)[0])
        for name in ('wse_events_processed_total', 'wse_event_latency_ms', 'wse_event_latency_seconds', 'wse_active_connections'):
            self.assertIn(name, helped)
        for bucket in ('10', '25', '50', '100', '250', '500', '1000', '+Inf'):
            self.assertIn(f'wse_event_latency_ms_bucket{{le="{bucket}"}}', seen)

    def test_promtool(self):
        """promtool is content but for the unit in wse_event_latency_ms"""
        if not shutil.which('promtool'):
            self.skipTest('no promtool')
        text = self.daemon.request('GET', '/metrics').body
        result = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True)
        complaints = [line for line in (result.stdout + result.stderr).decode().splitlines() if not line.startswith('wse_event_latency_ms')]
        self.assertEqual(complaints, [])

    def test_every_metric(self):
        """every metric of streaming that the sources name is there from the start"""
        served = set(re.findall(r'^# TYPE (\w+) ', self.daemon.request('GET', '/metrics').body.decode(), re.M))
        named = {name for source in pathlib.Path(os.environ['WSE_TEST_SOURCE'], 'daemon/stream').glob('*.c')
                 for name in re.findall(r'WSED_METRIC_(?:COUNTER|GAUGE|HISTOGRAM),\s*"(wse_\w+)"', source.read_text())}
        self.assertGreater(len(named), 20)
        self.assertEqual(named - served, set())

    def test_metrics_json(self):
        """the same as JSON with cpu and memory"""
        answer = self.daemon.request('GET', '/api/metrics')
        self.assertEqual(answer.status, 200)
        text = answer.body.decode()
        json.loads(text)
        for word in ('cpu', 'memory', 'wse_active_connections'):
            self.assertIn(word, text)

    def test_root(self):
        """the page at / names every path that the API's description has"""
        page = self.daemon.request('GET', '/').body.decode()
        for path in self.daemon.get('/openapi.json')['paths']:
            self.assertIn(path.split('/{')[0], page)

    def test_unknown_paths(self):
        """unknown paths 404, wrong methods 405, with the error body"""
        for path in ('/api', '/api/', '/api/event', '/api/events/', '/metrics/', '/api/nothing'):
            self.refused(404, path)
        for path in ('/api/events/stats', '/api/health', '/metrics', '/api/metrics'):
            self.refused(405, path, 'DELETE')

    def test_head(self):
        """HEAD is answered like GET without a body, or refused"""
        answer = self.daemon.request('HEAD', '/api/health')
        self.assertIn(answer.status, (200, 405))
        self.assertEqual(answer.body, b'')

    def test_counts_refusals(self):
        """refusals are counted"""
        text = self.daemon.request('GET', '/metrics').body.decode()
        self.daemon.post('nonsense')
        after = self.daemon.request('GET', '/metrics').body.decode()
        self.assertNotEqual(text, after)


if __name__ == '__main__':
    main()
