# SPDX-License-Identifier: LGPL-2.1-or-later
"""The contract for machines: /openapi.json and /asyncapi.json are well formed, and tell of what is there and of nothing else."""

import json
import re

from wse_socket import Refused
from wse_sse import EventSource
from wse_test import Scenario, main

# Names that there might be; those that are, are in the document.
PATHS = ('/', '/api/events', '/api/events/stats', '/api/health', '/metrics', '/api/metrics', '/api/connections', '/api/revocations', '/api/connections/x', '/api/dead-letters', '/api/dead-letters/x', '/api/channels/global',
         '/wse', '/ws/events', '/ws/sessions', '/sse', '/openapi.json', '/asyncapi.json', '/wse/snapshot/request')


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get('$ref'), str):
            yield value['$ref']
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def find(document, reference):
    for part in reference.removeprefix('#/').split('/'):
        document = document[part.replace('~1', '/').replace('~0', '~')]
    return document


class Documents(Scenario):
    def document(self, path):
        answer = self.daemon.request('GET', path)
        self.assertEqual((answer.status, answer.headers['content-type']), (200, 'application/json'))
        document = json.loads(answer.body)
        for reference in references(document):
            self.assertTrue(find(document, reference), reference)
        return document

    def described(self, schema, value, whole):
        """Holds @value to what @schema says of objects: members that must be there, and no others."""
        schema = find(whole, schema['$ref']) if '$ref' in schema else schema
        if 'properties' not in schema:
            return
        self.assertLessEqual(set(schema.get('required', ())), set(value))
        for name, inner in value.items():
            if name in schema['properties']:
                kind = schema['properties'][name]
                if isinstance(inner, dict):
                    self.described(kind, inner, whole)
                elif isinstance(inner, list) and 'items' in kind:
                    for one in inner:
                        self.described(kind['items'], one, whole)

    def test_openapi(self):
        """every path and method that there is, and no other"""
        document = self.document('/openapi.json')
        self.assertEqual((document['openapi'], sorted(document['info'])[-1]), ('3.1.0', 'version'))
        patterns = {re.compile(re.sub(r'\\?\{\w+\\?\}', '[^/]+', re.escape(path))): path for path in document['paths']}
        for path in PATHS:
            with self.subTest(path):
                told = {method.upper() for pattern, known in patterns.items() if pattern.fullmatch(path) for method in document['paths'][known]} - {'OPTIONS'}
                # No path takes this one; what it takes it tells then.
                answer = self.daemon.request('PUT', path)
                self.assertEqual(answer.status, 405 if told else 404)
                self.assertEqual(set(answer.headers.get('allow', '').replace(' ', '').split(',')) - {'HEAD', ''}, told)

    def test_everywhere(self):
        """what any operation can be answered is told at each: 431, 429, a page's origin, and what pages are answered who ask before"""
        document = self.document('/openapi.json')
        for path, methods in document['paths'].items():
            with self.subTest(path):
                for operation in methods.values():
                    self.assertLessEqual({'400', '403', '429', '431'}, set(operation['responses']))
                path = path.format(id='x', channel='global')
                told = methods['options']['responses']
                answer = self.daemon.request('OPTIONS', path, None, {'Origin': 'http://localhost', 'Access-Control-Request-Method': 'GET'})
                self.assertEqual(str(answer.status), '204')
                self.assertEqual({name for name in find(document, told['204']['$ref'])['headers'] if name.lower() not in answer.headers}, set())
                self.assertEqual(set(answer.headers['access-control-allow-methods'].replace(' ', '').split(',')) - {'HEAD'},
                                 {method.upper() for method in methods} - {'OPTIONS'})
                for headers, status in (({}, 405), ({'Origin': 'https://evil.example'}, 403), ({'X': 'y' * 70000}, 431)):
                    answer = self.daemon.request('OPTIONS', path, None, headers)
                    self.assertEqual(answer.status, status)
                    self.described(find(document, find(document, told[str(status)]['$ref'])['content']['application/json']['schema']['$ref']), json.loads(answer.body), document)

    def test_answers(self):
        """what is answered has the members that are described"""
        document = self.document('/openapi.json')
        self.daemon.publish({'event_type': 'OrderPlaced', 'broadcast': True, 'user_id': 'a', 'timestamp': 5})
        for path in ('/api/events', '/api/events/stats', '/api/health', '/api/metrics'):
            for query in ('', '?channel=global') if path == '/api/events' else ('',):
                schema = document['paths'][path]['get']['responses']['200']['content']['application/json']['schema']
                self.described(schema, self.daemon.get(path + query), document)
        for body, status in ((b'{"event_type":"a","broadcast":true,"user_id":"b"}', '201'), (b'[{"event_type":"a"}]', '200'), (b'{', '400'), (b'{}', '422')):
            answer = self.daemon.request('POST', '/api/events', body)
            self.assertEqual(str(answer.status), status)
            told = document['paths']['/api/events']['post']['responses'][status]
            told = find(document, told['$ref']) if '$ref' in told else told
            schemas = told['content']['application/json']['schema']
            schema = schemas['oneOf'][-1] if 'oneOf' in schemas else schemas
            self.described(schema, json.loads(answer.body), document)

    def test_parameters(self):
        """parameters that are told of are taken, and only those"""
        document = self.document('/openapi.json')
        for path, methods in document['paths'].items():
            given = [find(document, parameter['$ref']) if '$ref' in parameter else parameter for parameter in methods.get('get', {}).get('parameters', ())]
            names = {parameter['name'] for parameter in given if parameter['in'] == 'query'}
            for name in ('channel', 'format', 'types', 'severity', 'history', 'after', 'limit', 'consumer', 'user_id', 'roles', 'teams', 'x'):
                value = {'format': 'v2', 'severity': 'info', 'history': '5', 'limit': '5', 'after': 'global@e:1', 'channel': 'global', 'consumer': 'c&user_id=u'}.get(name, 'a')
                with self.subTest(path=path, name=name):
                    if path.startswith('/ws') or path == '/sse':
                        try:
                            (EventSource(self.daemon.port, f'{path}?{name}={value}') if path == '/sse' else self.daemon.connect(f'{path}?{name}={value}')).close()
                            taken = True
                        except Refused as refused:
                            self.assertEqual(refused.response.status, 400)
                            taken = False
                    elif '{' in path or 'get' not in methods:
                        continue
                    else:
                        taken = self.daemon.request('GET', f'{path}?{name}={value}').status != 400
                    self.assertEqual(taken, name in names)

    def test_asyncapi(self):
        """every WebSocket, each operation with messages of its channel; what a client says is taken, what it gets is described"""
        document = self.document('/asyncapi.json')
        self.assertEqual((document['asyncapi'], {channel['address'] for channel in document['channels'].values()}), ('3.0.0', {'/wse', '/ws/events', '/ws/sessions'}))
        for operation in document['operations'].values():
            self.assertTrue(operation['channel']['$ref'] and operation['messages'])
        messages = document['components']['messages']
        with self.daemon.connect('/wse?history=1') as client:
            self.described(messages['hello']['payload'], client.recv(), document)
            before, _ = client.recv_control('caught_up')
            for method, params, answer in (('subscribe', {'channel': 'team:t'}, 'subscribed'), ('history', {'channel': 'global'}, 'page'), ('unsubscribe', {'channel': 'team:t'}, 'unsubscribed'),
                                           ('ping', {}, 'time'), ('ack', {'cursor': 'x'}, 'failed')):
                self.described(messages[answer]['payload'], client.request(method, params), document)


if __name__ == '__main__':
    main()
