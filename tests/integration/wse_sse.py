# SPDX-License-Identifier: LGPL-2.1-or-later
"""A raw client of Server-Sent Events for tests: reads the stream as the HTML Living Standard (section 9.2.6) says, strictly."""

import collections
import json
import urllib.parse

from wse_socket import Refused, Response, Stream

SseEvent = collections.namedtuple('SseEvent', 'event id data')


class EventSource(Stream):
    """@last: what an EventSource that comes back sends as Last-Event-ID."""

    def __init__(self, port, path='/sse', last=None, headers=None, receive_buffer=None):
        super().__init__(port, receive_buffer=receive_buffer)
        fields = {'Host': f'127.0.0.1:{port}', 'Accept': 'text/event-stream'}
        if last is not None:
            fields['Last-Event-ID'] = last
        fields.update(headers or {})
        self.last = last or ''
        self.comments = 0
        self.retry = None
        try:
            self.send((f'GET {path} HTTP/1.1\r\n' + ''.join(f'{name}: {value}\r\n' for name, value in fields.items()) + '\r\n').encode())
            self.response = self.read_head()
        except BaseException:
            self.socket.close()
            raise

    def read_head(self):
        """The head; a refusal with its body."""
        while b'\r\n\r\n' not in self.buffer:
            if not self.fill():
                raise EOFError('ended within the head')
        head, rest = self.buffer.split(b'\r\n\r\n', 1)
        if b' 200 ' not in head.split(b'\r\n')[0]:
            raise Refused(self.read_response())
        fields = {}
        for line in head.decode('latin-1').split('\r\n')[1:]:
            name, _, value = line.partition(':')
            fields[name.lower()] = value.strip()
        self.buffer = rest
        return Response(200, 'OK', fields, b'')

    def read_block(self):
        """The lines up to the next empty one. EOFError at the end."""
        while b'\n\n' not in self.buffer:
            if not self.fill():
                raise EOFError(f'ended with {self.buffer[:100]!r}')
        block, self.buffer = self.buffer.split(b'\n\n', 1)
        assert b'\r' not in block
        return block.decode().split('\n')

    def next(self):
        """The next event that is dispatched."""
        while True:
            kind, data, identifier = None, [], None
            for line in self.read_block():
                name, _, value = line.partition(':')
                value = value[1:] if value.startswith(' ') else value
                if name == '':
                    self.comments += 1
                elif name == 'data':
                    data.append(value)
                elif name == 'event':
                    kind = value
                elif name == 'id':
                    identifier = self.last = value
                elif name == 'retry':
                    self.retry = int(value)
                else:
                    raise AssertionError(f'unknown field {line!r}')
            if data:
                return SseEvent(kind, identifier, '\n'.join(data))

    def recv(self):
        """The next event of the log (told apart by having no `event:` line), as JSON."""
        got = self.next()
        assert got.event is None, got
        return json.loads(got.data)

    def until(self, kind):
        """What comes before the control event @kind, and its `p`."""
        before = []
        while True:
            got = self.next()
            if got.event == kind:
                value = json.loads(got.data)
                return before, value.get('p', value)
            before.append(got)


def quote(text):
    return urllib.parse.quote(text, safe='')
