# SPDX-License-Identifier: LGPL-2.1-or-later
"""RFC 6455 on the real endpoints: what /wse and /ws/events do with frames that are wrong, and that TCP ends after it."""

import json

from wse_socket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame
from wse_test import Scenario, main, wait_until

LIMIT = 4096


class Frames(Scenario):
    arguments = (f'--max-message={LIMIT}',)
    paths = ('/wse?history=0', '/ws/events?history=0')

    def closes(self, data, code):
        """@data makes the server close with @code, and end TCP by itself within a second (two for a slow machine)."""
        for path in self.paths:
            with self.subTest(path), self.daemon.connect(path, protocols=()) as client:
                client.send(data)
                self.assertEqual(client.recv_close()[0], code)
                self.assertLess(client.recv_end(), 2)

    def test_binary(self):
        """binary: 1003"""
        self.closes(frame(BINARY, b'{}'), 1003)

    def test_binary_fragment(self):
        """a first fragment of binary: 1003, before the rest comes"""
        self.closes(frame(BINARY, b'x', fin=False), 1003)

    def test_not_utf8(self):
        """text that is not UTF-8: 1007"""
        self.closes(frame(TEXT, b'{"a":"\xff"}'), 1007)
        self.closes(frame(TEXT, b'\xed\xa0\x80', fin=False), 1007)

    def test_too_large(self):
        """a message over the limit: 1009, from its header"""
        self.closes(frame(TEXT, b'', length=LIMIT + 1), 1009)
        self.closes(frame(TEXT, b'', length=1 << 40), 1009)
        self.closes(frame(TEXT, b'x' * LIMIT, fin=False) + frame(CONTINUATION, b'', length=1), 1009)

    def test_protocol_errors(self):
        """protocol errors: 1002"""
        for data in (frame(TEXT, '{}', mask=None), frame(TEXT, '{}', rsv=4), frame(3), frame(11), frame(PING, b'x' * 126), frame(PING, fin=False),
                     frame(CONTINUATION, 'x'), frame(TEXT, 'x', fin=False) + frame(TEXT, 'y'), frame(TEXT, '{}', form=2), frame(CLOSE, b'x'),
                     close_frame(1005), close_frame(2999), frame(TEXT, length=1 << 63, form=8)):
            self.closes(data, 1002)

    def test_http_after_upgrade(self):
        """an HTTP request in place of frames: 1002"""
        self.closes(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 1002)

    def test_close_reason(self):
        """the server's close frame tells why"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            client.send(frame(BINARY, b'x'))
            code, reason = client.recv_close()
            self.assertEqual(code, 1003)
            self.assertTrue(reason)

    def test_close_echo(self):
        """a close frame is answered with the same code, and TCP ended"""
        for code in (1000, 1001, 3000, 4999):
            with self.daemon.connect('/wse?history=0') as client:
                client.send(close_frame(code, 'done'))
                self.assertEqual(client.recv_close()[0], code)
                client.recv_end()

    def test_ping_among_messages(self):
        """a ping between fragments and commands is answered in its place"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            text = json.dumps({'id': 'a', 'method': 'ping'})
            client.send(frame(TEXT, text[:10], fin=False) + frame(PING, b'one') + frame(CONTINUATION, text[10:]))
            got = client.recv_frame()
            self.assertEqual((got.opcode, got.payload), (PONG, b'one'))
            self.assertEqual(client.recv()['id'], 'a')
            client.finish()

    def test_limit_is_taken(self):
        """a message of exactly the limit is taken"""
        with self.daemon.connect('/wse?history=0', protocols=()) as client:
            command = json.dumps({'id': 'big', 'method': 'ping', 'params': {'pad': ''}})
            client.send_text(command.replace('""', '"' + 'x' * (LIMIT - len(command)) + '"'))
            self.assertEqual(client.recv()['id'], 'big')
            client.finish()

    def test_unmasked_close(self):
        """even a close frame must be masked"""
        self.closes(close_frame(1000, mask=None), 1002)

    def test_descriptors_are_freed(self):
        """clients closed for their errors leave no descriptor"""
        before = self.daemon.descriptors()
        for _ in range(50):
            with self.daemon.connect('/wse?history=0', protocols=()) as client:
                client.send(frame(3))
                client.recv_close()
        wait_until(lambda: self.daemon.descriptors() <= before, 'the descriptors to be freed')


if __name__ == '__main__':
    main()
