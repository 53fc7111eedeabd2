# SPDX-License-Identifier: LGPL-2.1-or-later
"""The six system kinds: their channel, their metadata's rules, the message and severity made from it."""

import json

from wse_test import Scenario, main

GOOD = {
    'query_route': ({'query_id': 'q', 'complexity_score': 8.5, 'selected_tier': 'Q4', 'estimated_latency_ms': 1200, 'routing_reason': 'r'},
                    'Query routed to Q4 tier (complexity: 8.5)', 'info'),
    'model_state': ({'model_id': 'M', 'previous_state': 'idle', 'current_state': 'processing', 'reason': 'r'}, 'Model M state: idle → processing', 'info'),
    'cgrag': ({'query_id': 'q', 'chunks_retrieved': 5, 'relevance_threshold': 0.7, 'retrieval_time_ms': 45, 'total_tokens': 1500, 'cache_hit': True},
              'Retrieved 5 chunks (1500 tokens) in 45ms (cached)', 'info'),
    'cache': ({'operation': 'hit', 'key': 'key', 'hit': True, 'latency_ms': 2, 'size_bytes': 4096}, 'Cache HIT: key (HIT, 2ms, 4096 bytes)', 'info'),
    'error': ({'error_type': 'E', 'error_message': 'message', 'component': 'component'}, 'ERROR in component: message', 'error'),
    'performance': ({'metric_name': 'm', 'current_value': 18000.0, 'threshold_value': 15000.0, 'component': 'c', 'action_required': False},
                    'Performance alert: m = 18000.0 (threshold: 15000.0) in c', 'warning'),
}
OPTIONAL = {'port', 'hit', 'latency_ms', 'size_bytes', 'stack_trace', 'recovery_action'}


class System(Scenario):
    def told(self, event):
        """Publishes @event; gives the feed's text of it."""
        with self.daemon.connect('/ws/events?history=0', protocols=()) as client:
            client.settle()
            answer = self.daemon.publish(event)[0]
            self.assertEqual(answer['channel'], 'system')
            return client.recv()

    def test_messages(self):
        """each kind goes to system, with the message and severity made from its metadata"""
        for kind, (metadata, message, severity) in GOOD.items():
            for event in ({'event_type': kind, 'metadata': metadata}, {'type': kind, 'payload': metadata}, dict(metadata, event_type=kind)):
                with self.subTest(kind):
                    got = self.told(event)
                    self.assertEqual((got['type'], got['message'], got['severity'], got['metadata']), (kind, message, severity, metadata))
                    self.assertEqual(list(got), ['timestamp', 'type', 'message', 'severity', 'metadata'])

    def test_given_wins(self):
        """a message and a severity that are given stand"""
        for kind, (metadata, _, _) in GOOD.items():
            got = self.told({'event_type': kind, 'metadata': metadata, 'message': 'mine', 'severity': 'info'})
            self.assertEqual((got['message'], got['severity']), ('mine', 'info'))

    def test_severities(self):
        """model_state error, performance below, over, and with action required"""
        model = dict(GOOD['model_state'][0], current_state='error')
        self.assertEqual(self.told({'event_type': 'model_state', 'metadata': model})['severity'], 'error')
        base = GOOD['performance'][0]
        for change, severity in (({'current_value': 1}, 'info'), ({'current_value': 15000.0}, 'info'), ({}, 'warning'), ({'action_required': True}, 'error')):
            self.assertEqual(self.told({'event_type': 'performance', 'metadata': dict(base, **change)})['severity'], severity)

    def test_missing(self):
        """each required member missing, null or of another kind: 422"""
        for kind, (metadata, _, _) in GOOD.items():
            for name in metadata:
                wrong = [] if isinstance(metadata[name], (str, bool)) else 'text'
                for value in (None, wrong, {}):
                    with self.subTest(kind=kind, name=name, value=value):
                        changed = dict(metadata, **{name: value})
                        status, _ = self.daemon.post({'event_type': kind, 'metadata': changed})
                        self.assertEqual(status, 201 if value is None and name in OPTIONAL else 422)
                with self.subTest(kind=kind, name=name, value='absent'):
                    changed = {key: value for key, value in metadata.items() if key != name}
                    self.assertEqual(self.daemon.post({'event_type': kind, 'metadata': changed})[0], 201 if name in OPTIONAL else 422)

    def test_integer_is_no_string(self):
        """an integer is not taken for a string, a string not for a number, 1 not for true"""
        for kind, name, value in (('cache', 'key', 5), ('cgrag', 'chunks_retrieved', '5'), ('cgrag', 'cache_hit', 1), ('error', 'component', 5)):
            self.assertEqual(self.daemon.post({'event_type': kind, 'metadata': dict(GOOD[kind][0], **{name: value})})[0], 422)

    def test_with_target(self):
        """with a target it is no system event: its metadata is not checked"""
        answer = self.daemon.publish({'event_type': 'cache', 'user_id': 'x', 'payload': {'anything': 1}})[0]
        self.assertEqual(answer['channel'], 'user:x')

    def test_kept_bytes(self):
        """the metadata passes through byte by byte"""
        with self.daemon.connect('/ws/events?history=0', protocols=()) as client:
            client.settle()
            status, _ = self.daemon.post('{"event_type":"cache","metadata":{"operation":"GET","key":"\\u006b","latency_ms":1.50,"extra":[1e9]}}')
            self.assertEqual(status, 201)
            text = client.recv_text()
        self.assertIn('"metadata":{"operation":"GET","key":"\\u006b","latency_ms":1.50,"extra":[1e9]}}', text)
        self.assertTrue(json.loads(text)['message'].startswith('Cache GET: k'))


if __name__ == '__main__':
    main()
