# SPDX-License-Identifier: LGPL-2.1-or-later
"""permessage-deflate (RFC 7692): its negotiation, and messages after it. The numbers 12 (messages of every size and kind) and 13 (offers) are
those of the list that the Autobahn test suite publishes."""

import json
import os
import random
import unittest
import zlib

from wse_socket import BINARY, CONTINUATION, PING, PONG, TEXT, Refused, WebSocket, close_frame, deflate, frame
from wse_sse import EventSource
from wse_test import FRUGAL, MIB, Daemon, main

LIMIT = 1 << 18
OFFER = 'permessage-deflate'
PLAIN = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
WINDOW = PLAIN + '; server_max_window_bits=12'
RSV1 = 4

# Each offer, and the answer to it; None: none.
OFFERS = [
    (None, None),
    ('', None),
    (OFFER, PLAIN),
    (OFFER + ';client_no_context_takeover', PLAIN),
    (OFFER + '; server_no_context_takeover ;\tclient_no_context_takeover', PLAIN),
    (OFFER + '; client_max_window_bits', PLAIN),
    (OFFER + '; client_max_window_bits="11"', PLAIN),
    (OFFER + '; client_max_window_bits="1\\1"', PLAIN),
    (OFFER + '; server_max_window_bits="13"', WINDOW),
    (OFFER + '; server_max_window_bits=12; client_max_window_bits=12', WINDOW),
    (OFFER + '; client_max_window_bits = 9', PLAIN),
    # Not to be kept as they are.
    (OFFER + '; server_max_window_bits', None),
    (OFFER + '; server_max_window_bits=7', None),
    (OFFER + '; server_max_window_bits=16', None),
    (OFFER + '; server_max_window_bits=012', None),
    (OFFER + '; server_max_window_bits=+12', None),
    (OFFER + '; server_max_window_bits=1e1', None),
    (OFFER + '; server_max_window_bits=120', None),
    (OFFER + '; server_max_window_bits=99999999999999999999999999', None),
    (OFFER + '; client_max_window_bits=7', None),
    (OFFER + '; client_max_window_bits=16', None),
    (OFFER + '; client_max_window_bits=08', None),
    (OFFER + '; server_no_context_takeover=1', None),
    (OFFER + '; client_no_context_takeover="true"', None),
    (OFFER + '; client_max_window_bits; client_max_window_bits', None),
    (OFFER + '; client_no_context_takeover; client_no_context_takeover', None),
    (OFFER + '; server_max_window_bits=15; server_max_window_bits=15', None),
    (OFFER + '; unknown', None),
    (OFFER + '; Server_No_Context_Takeover', None),
    ('x-webkit-deflate-frame', None),
    ('permessage-bzip2; client_max_window_bits', None),
    ('permessage-deflat', None),
    # Several (Autobahn 13.7): the first that can be kept, and only that.
    (f'{OFFER}, {OFFER}; client_max_window_bits', PLAIN),
    (f'{OFFER}; server_no_context_takeover; client_max_window_bits; server_max_window_bits=9, {OFFER}; server_no_context_takeover; '
     f'client_max_window_bits, {OFFER}; client_max_window_bits', PLAIN),
    (f'{OFFER}; server_max_window_bits=8, {OFFER}; server_max_window_bits=14, {OFFER}', WINDOW),
    (f'x-unknown; a="b c"; d, {OFFER}'.replace('"b c"', '"bc"'), PLAIN),
    (f', ,{OFFER}; nonsense ,, {OFFER}; client_max_window_bits,', PLAIN),
    (['permessage-bzip2', OFFER + '; server_max_window_bits=10', OFFER + '; server_max_window_bits=15'], WINDOW),
    ([OFFER, OFFER + '; server_max_window_bits=15'], PLAIN),
] + [(f'{OFFER}; server_max_window_bits={bits}', WINDOW if bits >= 12 else None) for bits in range(8, 16)] \
  + [(f'{OFFER}; client_max_window_bits={bits}', PLAIN) for bits in range(8, 16)]

MALFORMED = [
    ';', '=', '"', OFFER + ';', OFFER + '; ;client_max_window_bits', OFFER + '; =10', OFFER + '; client_max_window_bits=', OFFER + ' client_max_window_bits',
    OFFER + '; client_max_window_bits="', OFFER + '; client_max_window_bits="10', OFFER + '; client_max_window_bits=""', OFFER + '; client_max_window_bits="1 0"',
    OFFER + '; client_max_window_bits="10"x', OFFER + '; client_max_window_bits="10\\', OFFER + '; client_max_window_bits=1\x7f', OFFER + '/1', f'{OFFER}, {OFFER};',
    OFFER + '; client_max_window_bits==10', OFFER + '; (x)', f'[{OFFER}]',
]


def text_of(length):
    """JSON-like text that repeats itself as events do, with characters of several bytes, in exactly so many bytes."""
    rand = random.Random(length)
    parts, size = [], 0
    while size < length:
        parts.append(json.dumps({'symbol': rand.choice(['XBTUSD', 'ETH€', 'ADA😀']), 'price': rand.random() * 1000, 'side': 'Sell'}, ensure_ascii=False).encode())
        size += len(parts[-1])
    cut = b''.join(parts)[:length].decode(errors='ignore').encode()
    return cut + b'.' * (length - len(cut))


class Negotiation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon('--compression=on', env={'WSE_TEST_ECHO': '1'}).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def answer(self, offers, path='/wse'):
        with WebSocket(self.daemon.port, path, (), {'Sec-WebSocket-Extensions': offers}) as client:
            return client.response.headers.get('sec-websocket-extensions')

    def test_offers(self):
        """13.1 – 13.7 each list of offers gets the answer that is right for it, on every endpoint"""
        for offers, expected in OFFERS:
            for path in ('/wse', '/test/echo'):
                with self.subTest(offers=offers):
                    self.assertEqual(self.answer(offers, path), expected, offers)
        self.assertEqual(self.answer(OFFER, '/ws/events'), PLAIN)
        self.assertEqual(self.answer(OFFER, '/ws/sessions'), PLAIN)

    def test_malformed(self):
        """what is not a list of extensions is refused with 400 (RFC 6455 9.1)"""
        for offers in MALFORMED:
            with self.subTest(offers=offers), self.assertRaises(Refused) as refused:
                self.answer(offers)
            self.assertEqual(refused.exception.status, 400, offers)
            self.assertNotIn('sec-websocket-extensions', refused.exception.response.headers)

    def test_refused(self):
        """a handshake refused for another reason names no extension"""
        for path in ('/wse?nonsense=1', '/wse?consumer=c'):
            with self.assertRaises(Refused) as refused:
                self.answer(OFFER, path)
            self.assertNotIn('sec-websocket-extensions', refused.exception.response.headers)

    def test_off(self):
        """by default nothing is negotiated, and RSV1 is an error"""
        with Daemon(env={'WSE_TEST_ECHO': '1'}) as daemon, \
                WebSocket(daemon.port, '/test/echo', (), {'Sec-WebSocket-Extensions': OFFER}) as client:
            self.assertNotIn('sec-websocket-extensions', client.response.headers)
            client.send(frame(TEXT, deflate('Hello'), rsv=RSV1))
            self.assertEqual(client.recv_close()[0], 1002)


class Messages(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon('--compression=on', f'--max-message={LIMIT}', env={**FRUGAL, 'WSE_TEST_ECHO': '1'}).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def open(self, offers=OFFER):
        return WebSocket(self.daemon.port, '/test/echo', (), {'Sec-WebSocket-Extensions': offers})

    def closes(self, code, *parts, expect=()):
        """The parts, one behind the other, bring the answers @expect and then the close with @code."""
        with self.open() as client:
            for part in parts:
                client.send(part)
            for payload in expect:
                self.assertEqual(client.recv_message().payload, payload)
            self.assertEqual(client.recv_close()[0], code)
            client.recv_end()

    def echoes(self, payload, expected, opcode=TEXT):
        with self.open() as client:
            client.send(frame(opcode, payload, rsv=RSV1))
            client.send(frame(PING, b'after'))
            got = client.recv_frame()
            self.assertEqual((got.opcode, got.payload), (opcode, expected))
            self.assertEqual(client.recv_frame().payload, b'after')
            client.finish()

    def exchange(self, client, opcode, payloads, pieces=0, **how):
        for payload in payloads:
            packed = deflate(payload, **how)
            step = pieces or len(packed)
            for at in range(0, len(packed), step):
                client.send(frame(CONTINUATION if at else opcode, packed[at:at + step], fin=at + step >= len(packed), rsv=0 if at else RSV1))
            got = client.recv_frame()
            self.assertEqual((got.opcode, got.payload[:100], len(got.payload)), (opcode, payload[:100], len(payload)))
            self.assertEqual(got.payload, payload)

    def test_sizes(self):
        """12.1 – 12.2 text and binary of every size, many of each, in one frame and in fragments"""
        with self.open() as client:
            for length in (0, 1, 16, 64, 255, 256, 257, 1024, 4096, 8192, 16384, 32768, 65536, 131072, LIMIT):
                for pieces in (0, 1 if length < 1024 else 100, 997):
                    self.exchange(client, TEXT, [text_of(length)] * (20 if length < 10000 else 3), pieces)
                    self.exchange(client, BINARY, [text_of(length)] * 3, pieces)
            self.assertGreater(client.n_deflated, 100)
            client.finish()

    def test_incompressible(self):
        """12.3 – 12.5 bytes that deflate makes longer: what comes back then is not deflated"""
        with self.open() as client:
            for length in (16, 256, 5000, 65536, 131072, LIMIT):
                self.exchange(client, BINARY, [os.urandom(length)] * 2)
            self.assertEqual(client.n_deflated, 0)
            client.finish()

    def test_compressors(self):
        """13.1 – 13.6 whatever window, memory, level and strategy the client compresses with"""
        with self.open(OFFER + '; client_max_window_bits; server_max_window_bits=12') as client:
            message = text_of(40000)
            for bits in range(9, 16):
                for memory in (1, 8, 9):
                    self.exchange(client, TEXT, [message], bits=bits, memory=memory)
            for level in range(10):
                self.exchange(client, TEXT, [message], level=level)
            for strategy in (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
                self.exchange(client, TEXT, [message], strategy=strategy)
            client.finish()

    def test_not_deflated(self):
        """where it is negotiated a message may come as it is, between others that do not"""
        with self.open() as client:
            for _ in range(3):
                client.send(frame(TEXT, 'plain'))
                client.send(frame(TEXT, deflate('deflated'), rsv=RSV1))
                client.send(frame(TEXT, 'pla', fin=False) + frame(PING, b'x') + frame(CONTINUATION, 'in'))
                self.assertEqual([client.recv_message().payload for _ in range(3)], [b'plain', b'deflated', b'plain'])
            client.finish()

    def test_fragments(self):
        """a deflated message in fragments with control frames between, byte by byte"""
        packed = deflate('Hello, world!' * 30)
        whole = b''.join([frame(TEXT, packed[:5], fin=False, rsv=RSV1), frame(PING, b'1'), frame(CONTINUATION, b'', fin=False),
                          frame(CONTINUATION, packed[5:], fin=False), frame(PONG, b''), frame(CONTINUATION)])
        with self.open() as client:
            for i in range(len(whole)):
                client.send(whole[i:i + 1])
            self.assertEqual(client.recv_message().payload, b'Hello, world!' * 30)
            self.assertEqual(client.pongs, [b'1'])
            client.finish()

    def test_rfc_examples(self):
        """RFC 7692 7.2.3: one block, two blocks, no compression, a last block, no context"""
        for hexadecimal in ('f248cdc9c90700', 'f2480500 0000ffff cac9c90700', '000500faff48656c6c6f00', 'f348cdc9c9070000'):
            self.echoes(bytes.fromhex(hexadecimal), b'Hello')

    def test_last_blocks(self):
        """blocks that say they are the last one, and more behind them; a stream that was finished and not flushed"""
        finisher = zlib.compressobj(9, zlib.DEFLATED, -15)
        finished = finisher.compress(b'Hello' * 100) + finisher.flush()
        self.echoes(finished + b'\0', b'Hello' * 100)
        self.echoes(finished, b'Hello' * 100)
        self.echoes(finished * 3 + deflate('!'), b'Hello' * 300 + b'!')

    def test_empty(self):
        """12.x empty messages: as RFC 7692 7.2.3.6 writes them, as zlib does, and without a byte"""
        for payload in (b'\0', b'\x02\0', b'\x03\0\0', b'\x03\0', b''):
            self.echoes(payload, b'')
        self.echoes(deflate(''), b'', BINARY)

    def test_tail_left(self):
        """a client that forgets to take 00 00 ff ff off is understood"""
        self.echoes(deflate('Hello') + b'\0\0\xff\xff', b'Hello')

    def test_reserved_bits(self):
        """RSV1 on a control frame, on a continuation, RSV2 and RSV3 anywhere: 1002"""
        hello = deflate('Hello')
        self.closes(1002, frame(PING, b'x', rsv=RSV1))
        self.closes(1002, frame(PONG, b'x', rsv=RSV1))
        self.closes(1002, close_frame(1000, rsv=RSV1))
        self.closes(1002, frame(TEXT, hello[:3], fin=False, rsv=RSV1), frame(CONTINUATION, hello[3:], rsv=RSV1))
        self.closes(1002, frame(TEXT, 'Hel', fin=False), frame(CONTINUATION, 'lo', rsv=RSV1))
        self.closes(1002, frame(CONTINUATION, hello, rsv=RSV1))
        for rsv in (1, 2, 3, 5, 6, 7):
            self.closes(1002, frame(TEXT, 'Hello'), frame(TEXT, hello, rsv=rsv), expect=[b'Hello'])

    def test_no_takeover(self):
        """a client that takes its context over, which it was told not to, is found out"""
        maker = zlib.compressobj(9, zlib.DEFLATED, -15)
        first, second = (maker.compress(b'a sentence that comes twice') + maker.flush(zlib.Z_SYNC_FLUSH) for _ in range(2))
        self.closes(1007, frame(TEXT, first[:-4], rsv=RSV1), frame(TEXT, second[:-4], rsv=RSV1), expect=[b'a sentence that comes twice'])

    def test_invalid(self):
        """what is not deflate data: 1007, as soon as it shows"""
        for payload in (b'\x06', b'\xff' * 20, b'not deflated', bytes.fromhex('0005000000'), deflate('Hello' * 100)[:-3], b'\x01\x05', b'\x04\xe0\x01'):
            self.closes(1007, frame(TEXT, payload, rsv=RSV1))
        self.closes(1007, frame(TEXT, b'\x06\x06', fin=False, rsv=RSV1))
        self.closes(1007, frame(TEXT, b'\x07' + b'x' * 100, rsv=RSV1)[:20])

    def test_utf8(self):
        """text is judged after inflating: 1007, as soon as it shows; binary is not"""
        self.closes(1007, frame(TEXT, deflate(b'abc\xff'), rsv=RSV1))
        self.closes(1007, frame(TEXT, deflate('€'.encode()[:2]), rsv=RSV1))
        self.closes(1007, frame(TEXT, deflate(b'\xed\xa0\x80'), fin=False, rsv=RSV1))
        self.echoes(deflate(b'abc\xff'), b'abc\xff', BINARY)

    def test_bombs(self):
        """what inflates to more than a message may be: 1009, and no memory is taken for it"""
        hundred = deflate(b'\0' * (100 << 20))
        self.closes(1009, frame(BINARY, deflate(b'x' * (LIMIT + 1)), rsv=RSV1))
        self.closes(1009, frame(BINARY, deflate(b'x' * LIMIT) + b'\0\0\xff\xff', fin=False, rsv=RSV1), frame(CONTINUATION, deflate(b'x')))
        self.closes(1009, frame(TEXT, hundred, rsv=RSV1))
        before = self.daemon.rss()
        clients = [self.open() for _ in range(20)]
        for client in clients:
            client.send(frame(TEXT, hundred[:90000], fin=False, rsv=RSV1))
        for client in clients:
            self.assertEqual(client.recv_close()[0], 1009)
            client.close()
        # Of 2 GiB: twenty buffers of the limit at most, and what sockets and a sanitizer take.
        self.assertLess(self.daemon.rss() - before, 40 * MIB)

    def test_endless(self):
        """a message whose payload says nothing has an end too: 1009"""
        self.closes(1009, frame(TEXT, b'', length=2 * LIMIT + 1, rsv=RSV1))
        nothing = bytes.fromhex('000000ffff') * 10000
        with self.open() as client:
            client.send(frame(TEXT, nothing, fin=False, rsv=RSV1))
            for _ in range(2 * LIMIT // len(nothing)):
                client.send(frame(CONTINUATION, nothing, fin=False))
            self.assertEqual(client.recv_close()[0], 1009)


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon('--compression=on', '--max-connections-per-user=20').start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def open(self, path, offers=OFFER):
        return WebSocket(self.daemon.port, path, headers={'Sec-WebSocket-Extensions': offers})

    def test_shared(self):
        """many connections, with and without, in every dialect, get the same events, compressed once"""
        user = 'shared'
        payloads = [{'i': i, 'text': 'Ein längerer Satz. ' * (i % 40)} for i in range(100)] + [{'i': 100, 'text': text_of(200000).decode()}]
        paths = [(offers, f'/wse?user_id={user}&format={form}&history=0') for offers in (OFFER, None) for form in ('v2', 'feed', 'envelope')]
        clients = [self.open(path, offers) for offers, path in paths for _ in range(2 if offers else 1)]
        for client in clients:
            client.recv_control('caught_up')
        before = self.daemon.metric('wse_deflated_messages_total')
        self.daemon.publish_lines([{'event_type': 'a', 'user_id': user, 'payload': payload} for payload in payloads])
        for client in clients:
            got = [client.recv() for _ in payloads]
            self.assertEqual([(one.get('p') or one.get('metadata') or one['data']['metadata']) for one in got], payloads)
            self.assertEqual(client.n_deflated > 50, client.deflate)
            client.close()
        # Three dialects; without a share of it six connections would make twice as many.
        self.assertLessEqual(self.daemon.metric('wse_deflated_messages_total') - before, 3 * len(payloads))
        self.assertLess(self.daemon.metric('wse_deflate_out_bytes_total'), self.daemon.metric('wse_deflate_in_bytes_total'))

    def test_alone(self):
        """what one connection gets alone, from the log and as replies, is compressed too"""
        user = 'alone'
        payloads = ['again and again ' * 100] * 20
        self.daemon.publish_lines([{'event_type': 'a', 'user_id': user, 'payload': payload} for payload in payloads])
        with self.open(f'/wse?user_id={user}') as client:
            passed, _ = client.recv_control('caught_up')
            self.assertEqual([one['p'] for one in passed if one['t'] == 'a'], payloads)
            self.assertGreaterEqual(client.n_deflated, len(payloads))
            before = client.n_deflated
            answer = client.request('history', {'channel': f'user:{user}'})
            self.assertEqual([one['p'] for one in answer['result']['events']], payloads)
            self.assertEqual(client.n_deflated, before + 1)
            client.send(frame(TEXT, deflate(json.dumps({'id': 'x', 'method': 'ping'})), rsv=RSV1))
            self.assertTrue(client.recv()['success'])
            client.finish()

    def test_sse(self):
        """SSE is not compressed, whatever is offered"""
        self.daemon.publish({'event_type': 'a', 'user_id': 'sse', 'payload': 'again and again ' * 100})
        with EventSource(self.daemon.port, '/sse?user_id=sse', headers={'Sec-WebSocket-Extensions': OFFER, 'Accept-Encoding': 'gzip, deflate'}) as client:
            self.assertNotIn('content-encoding', client.response.headers)
            self.assertNotIn('sec-websocket-extensions', client.response.headers)
            self.assertEqual(client.recv()['p'], 'again and again ' * 100)


if __name__ == '__main__':
    main()
