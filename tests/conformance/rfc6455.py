# SPDX-License-Identifier: LGPL-2.1-or-later
"""RFC 6455 held against the echo endpoint, case by case, numbered after the list that the Autobahn test suite publishes: 1 framing,
2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close, 10 auto-fragmentation. Nothing is allowed to be lenient here."""

import collections
import struct
import unittest

from wse_socket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, close_frame, frame
from wse_test import Daemon, main, wait_until

KOSME = bytes.fromhex('cebae1bdb9cf83cebcceb5')

# What is sent, and what must come back: ('text', bytes), ('binary', bytes), ('pong', bytes), then the close code. Where `code` is None
# the server has no objection: the client closes with 1000 and gets that back.
Case = collections.namedtuple('Case', 'number title send expect code chop')
cases = []


def case(number, title, send, expect=(), code=None, chop=0):
    """@chop: bytes per write, 0: all at once."""
    cases.append(Case(number, title, b''.join(send), list(expect), code, chop))


def text(payload, **keywords):
    return frame(TEXT, payload, **keywords)


def add_framing():
    lengths = [0, 125, 126, 127, 128, 65535, 65536]
    for section, opcode, kind, fill in ((1, TEXT, 'text', b'*'), (2, BINARY, 'binary', b'\xfe')):
        for number, length in enumerate(lengths, 1):
            case(f'1.{section}.{number}', f'{kind} of {length} bytes', [frame(opcode, fill * length)], [(kind, fill * length)])
        case(f'1.{section}.8', f'{kind} of 65536 bytes in writes of 997', [frame(opcode, fill * 65536)], [(kind, fill * 65536)], chop=997)


def add_pings():
    case('2.1', 'ping without payload', [frame(PING)], [('pong', b'')])
    case('2.2', 'ping with text', [frame(PING, b'Hello, world!')], [('pong', b'Hello, world!')])
    case('2.3', 'ping with bytes that are not UTF-8', [frame(PING, b'\x00\xff\xfe\xfd\xfc\xfb\x00\xff')], [('pong', b'\x00\xff\xfe\xfd\xfc\xfb\x00\xff')])
    case('2.4', 'ping of 125 bytes', [frame(PING, b'\xfe' * 125)], [('pong', b'\xfe' * 125)])
    case('2.5', 'ping of 126 bytes', [frame(PING, b'\xfe' * 126)], code=1002)
    case('2.6', 'ping of 125 bytes, byte by byte', [frame(PING, b'\xfe' * 125)], [('pong', b'\xfe' * 125)], chop=1)
    case('2.7', 'unsolicited pong without payload', [frame(PONG)])
    case('2.8', 'unsolicited pong with payload', [frame(PONG, b'unsolicited')])
    case('2.9', 'unsolicited pong, then a ping', [frame(PONG, b'unsolicited'), frame(PING, b'ping')], [('pong', b'ping')])
    many = [b'payload-%d' % i for i in range(10)]
    case('2.10', 'ten pings', [frame(PING, payload) for payload in many], [('pong', payload) for payload in many])
    case('2.11', 'ten pings, byte by byte', [frame(PING, payload) for payload in many], [('pong', payload) for payload in many], chop=1)


def add_reserved():
    hello = ('text', b'Hello, world!')
    good, ping = text('Hello, world!'), frame(PING)
    case('3.1', 'text with RSV 1', [text('Hello, world!', rsv=1)], code=1002)
    case('3.2', 'text, text with RSV 2, ping', [good, text('Hello, world!', rsv=2), ping], [hello], 1002)
    case('3.3', 'text, text with RSV 3, ping, in several writes', [good, text('Hello, world!', rsv=3), ping], [hello], 1002, chop=7)
    case('3.4', 'text, text with RSV 4, ping, byte by byte', [good, text('Hello, world!', rsv=4), ping], [hello], 1002, chop=1)
    case('3.5', 'binary with RSV 5', [frame(BINARY, b'\x00\xff', rsv=5)], code=1002)
    case('3.6', 'ping with RSV 6', [frame(PING, b'Hello, world!', rsv=6)], code=1002)
    case('3.7', 'close with RSV 7', [close_frame(1000, rsv=7)], code=1002)


def add_opcodes():
    hello = ('text', b'Hello, world!')
    good, ping = text('Hello, world!'), frame(PING)
    for section, opcodes in ((1, (3, 4, 5, 6, 7)), (2, (11, 12, 13, 14, 15))):
        for number, opcode in enumerate(opcodes, 1):
            payload = b'reserved opcode' if number in (2, 4, 5) else b''
            if number <= 2:
                case(f'4.{section}.{number}', f'opcode {opcode}', [frame(opcode, payload)], code=1002)
            else:
                case(f'4.{section}.{number}', f'text, opcode {opcode}, ping', [good, frame(opcode, payload), ping], [hello], 1002,
                     chop=1 if number == 5 else 0)


def add_fragments():
    one, two = text('fragment1', fin=False), frame(CONTINUATION, 'fragment2')
    both, hello, good = ('text', b'fragment1fragment2'), ('text', b'Hello, world!'), text('Hello, world!')
    ping, pong = frame(PING, 'ping'), ('pong', b'ping')
    case('5.1', 'ping in two fragments', [frame(PING, 'fragment1', fin=False), two], code=1002)
    case('5.2', 'pong in two fragments', [frame(PONG, 'fragment1', fin=False), two], code=1002)
    for number, chop in (('5.3', 0), ('5.4', 7), ('5.5', 1)):
        case(number, f'text in two fragments, writes of {chop or "all"}', [one, two], [both], chop=chop)
    for number, chop in (('5.6', 0), ('5.7', 7), ('5.8', 1)):
        case(number, f'text in two fragments, a ping between, writes of {chop or "all"}', [one, ping, two], [pong, both], chop=chop)
    for first, fin in ((9, True), (12, False)):
        for number, chop in enumerate((0, 7, 1), first):
            case(f'5.{number}', f'continuation (FIN {fin}) of nothing, then text, writes of {chop or "all"}',
                 [frame(CONTINUATION, 'non-continuation payload', fin=fin), good], code=1002, chop=chop)
    case('5.15', 'text in two fragments, continuation of nothing, text',
         [one, two, frame(CONTINUATION, 'fragment3', fin=False), text('fragment4')], [both], 1002)
    for number, fin in ((16, False), (17, True)):
        case(f'5.{number}', f'continuation (FIN {fin}) of nothing, text, twice',
             [frame(CONTINUATION, 'fragment1', fin=fin), text('fragment2')] * 2, code=1002)
    case('5.18', 'two fragments, both text', [one, text('fragment2')], code=1002)
    five = [text('fragment1', fin=False), frame(CONTINUATION, 'fragment2', fin=False), ping, frame(CONTINUATION, 'fragment3', fin=False),
            frame(CONTINUATION, 'fragment4', fin=False), ping, frame(CONTINUATION, 'fragment5')]
    whole = ('text', b'fragment1fragment2fragment3fragment4fragment5')
    case('5.19', 'text in five fragments with pings', five, [pong, pong, whole])
    case('5.20', 'text in five fragments with pings, byte by byte', five, [pong, pong, whole], chop=1)
    case('5.x1', 'binary within a fragmented text', [one, frame(BINARY, b'x')], code=1002)
    case('5.x2', 'the same message in 1000 fragments', [text('x', fin=False)] + [frame(CONTINUATION, 'x', fin=False)] * 998 +
         [frame(CONTINUATION, 'x')], [('text', b'x' * 1000)])


def by_octets(payload):
    return [frame(TEXT if i == 0 else CONTINUATION, payload[i:i + 1], fin=i == len(payload) - 1) for i in range(len(payload))]


def add_utf8_messages():
    hello = 'Hello-µ@ßöäüàá-UTF-8!!'.encode()
    broken = KOSME + b'\xed\xa0\x80edited'
    empty = frame(CONTINUATION, fin=False)
    case('6.1.1', 'text of no bytes', [text('')], [('text', b'')])
    case('6.1.2', 'three empty fragments', [text('', fin=False), empty, frame(CONTINUATION)], [('text', b'')])
    case('6.1.3', 'three fragments, the outer ones empty', [text('', fin=False), frame(CONTINUATION, 'middle frame payload', fin=False),
                                                           frame(CONTINUATION)], [('text', b'middle frame payload')])
    case('6.2.1', 'UTF-8 in one frame', [text(hello)], [('text', hello)])
    case('6.2.2', 'UTF-8 in two fragments between characters', [text(hello[:13], fin=False), frame(CONTINUATION, hello[13:])], [('text', hello)])
    case('6.2.3', 'UTF-8 a fragment an octet', by_octets(hello), [('text', hello)])
    case('6.2.4', 'UTF-8 a fragment an octet (kosme)', by_octets(KOSME), [('text', KOSME)])
    case('6.3.1', 'invalid UTF-8 in one frame', [text(broken)], code=1007)
    case('6.3.2', 'invalid UTF-8 a fragment an octet', by_octets(broken), code=1007)


def add_utf8_sequences():
    def sequences(section, payloads, valid):
        for number, payload in enumerate(payloads, 1):
            good = valid if isinstance(valid, bool) else number in valid
            title = f'{"valid" if good else "invalid"} {payload.hex() or "nothing"}'
            case(f'6.{section}.{number}', title, [text(payload)], [('text', payload)] if good else [], None if good else 1007)

    def many(*texts):
        return [bytes.fromhex(payload) for payload in texts]

    sequences(5, [KOSME[:i] for i in (2, 5, 7, 9, 11)], True)
    sequences(6, [KOSME[:i] for i in range(1, 12)], {2, 5, 7, 9, 11})
    sequences(7, many('00', 'c280', 'e0a080', 'f0908080'), True)
    sequences(8, many('f888808080', 'fc8480808080'), False)
    sequences(9, many('7f', 'dfbf', 'efbfbf', 'f48fbfbf'), True)
    sequences(10, many('f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'), False)
    sequences(11, many('ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', 'f4908080'), {1, 2, 3, 4})
    sequences(12, [b'\x80', b'\xbf'] + [(b'\x80\xbf' * 4)[:n] for n in range(2, 8)] + [bytes(range(0x80, 0xc0))], False)
    sequences(13, [b''.join(bytes([lead, 0x20]) for lead in leads) for leads in
                   (range(0xc0, 0xe0), range(0xe0, 0xf0), range(0xf0, 0xf8), range(0xf8, 0xfc), range(0xfc, 0xfe))], False)
    incomplete = many('c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf')
    sequences(14, incomplete, False)
    sequences(15, [b''.join(incomplete)], False)
    sequences(16, many('fe', 'ff', 'fefeffff'), False)
    sequences(17, many('c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'), False)
    sequences(18, many('c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'), False)
    sequences(19, many('c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'), False)
    sequences(20, many('eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'), False)
    sequences(21, many('eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf', 'edae80edb080', 'edae80edbfbf', 'edafbfedb080', 'edafbfedbfbf'), False)
    sequences(22, [chr(plane << 16 | last).encode() for plane in range(17) for last in (0xfffe, 0xffff)], True)
    sequences(23, [chr(point).encode() for point in range(0xfff9, 0x10000)], True)


def add_closing():
    hello, good = ('text', b'Hello World!'), text('Hello World!')
    case('7.1.1', 'a message, then close', [good], [hello])
    case('7.1.2', 'two close frames', [close_frame(1000), close_frame(1000)], code=1000)
    case('7.1.3', 'nothing is answered after close', [close_frame(1000), frame(PING)], code=1000)
    case('7.1.4', 'text after close is ignored', [close_frame(1000), good], code=1000)
    case('7.1.5', 'close within a fragmented message', [text('fragment1', fin=False), close_frame(1000), frame(CONTINUATION, 'fragment2')], code=1000)
    big = b'BAsd7&jh23' * 26214
    case('7.1.6', '256 KiB, text, close, ping', [text(big), good, close_frame(1000), frame(PING)], [('text', big), hello], 1000)
    case('7.3.1', 'close without payload', [close_frame()], code=(1000, 1005))
    case('7.3.2', 'close with one byte', [frame(CLOSE, b'a')], code=1002)
    case('7.3.3', 'close with a code', [close_frame(1000)], code=1000)
    case('7.3.4', 'close with code and reason', [close_frame(1000, 'Hello World!')], code=1000)
    case('7.3.5', 'close with the longest reason', [close_frame(1000, '*' * 123)], code=1000)
    case('7.3.6', 'close with a reason too long', [close_frame(1000, '*' * 124)], code=1002)
    case('7.5.1', 'close with a reason that is not UTF-8', [close_frame(1000, KOSME + b'\xed\xa0\x80edited')], code=1007)
    for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        case(f'7.7.{number}', f'close with the valid code {code}', [close_frame(code)], code=code)
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        case(f'7.9.{number}', f'close with the invalid code {code}', [close_frame(code)], code=1002)
    for number, code in enumerate((5000, 65535), 1):
        case(f'7.13.{number}', f'close with code {code}', [close_frame(code)], code=1002)
    case('7.x1', 'close byte by byte', [close_frame(1000, 'going')], code=1000, chop=1)
    case('7.x2', 'close with the invalid code 1015', [close_frame(1015)], code=1002)


def add_own():
    case('x.1', 'frame without mask', [frame(TEXT, 'hello', mask=None)], code=1002)
    case('x.2', 'ping without mask', [frame(PING, 'hello', mask=None)], code=1002)
    case('x.3', 'mask of zeros', [text('hello', mask=b'\0\0\0\0')], [('text', b'hello')])
    case('x.4', '5 bytes with a length of 16 bits', [text('hello', form=2)], code=1002)
    case('x.5', '125 bytes with a length of 64 bits', [text('*' * 125, form=8)], code=1002)
    case('x.6', '65535 bytes with a length of 64 bits', [text('*' * 65535, form=8)], code=1002)
    case('x.7', 'length with the top bit set', [frame(TEXT, b'', length=1 << 63 | 5, form=8)], code=1002)
    case('x.8', 'an endless frame announced', [frame(TEXT, b'', length=(1 << 63) - 1, form=8)], code=1009)
    case('x.9', 'a message of the limit', [text('*' * LIMIT)], [('text', b'*' * LIMIT)])
    case('x.10', 'a message over the limit', [frame(TEXT, b'', length=LIMIT + 1)], code=1009)
    case('x.11', 'fragments that add up to more', [text('*' * LIMIT, fin=False), frame(CONTINUATION, b'', length=1)], code=1009)
    case('x.12', 'close is refused before its payload', [bytes([0x88, 0xfe])], code=1002)
    case('x.13', 'messages that come together', [text(str(i)) for i in range(500)], [('text', b'%d' % i) for i in range(500)])
    for chop in (1300, 400):
        payload = (b'0123456789abcdef' * 4096)[:65536]
        case(f'10.1.{1 if chop == 1300 else "x"}', f'64 KiB in fragments of {chop}',
             [frame(TEXT if i == 0 else CONTINUATION, payload[i:i + chop], fin=i + chop >= len(payload)) for i in range(0, len(payload), chop)],
             [('text', payload)])


LIMIT = 1 << 20
for add in (add_framing, add_pings, add_reserved, add_opcodes, add_fragments, add_utf8_messages, add_utf8_sequences, add_closing, add_own):
    add()


class Echo(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(f'--max-message={LIMIT}', env={'WSE_TEST_ECHO': '1'}).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def open(self):
        return WebSocket(self.daemon.port, '/test/echo', protocols=())

    def collect(self, client):
        """What comes up to the close frame, and that one's code."""
        got, parts, kind = [], b'', None
        while True:
            part = client.recv_frame()
            if part.opcode == PONG:
                got.append(('pong', part.payload))
            elif part.opcode == CLOSE:
                return got, struct.unpack('>H', part.payload[:2])[0] if part.payload else 1005
            elif part.opcode in (TEXT, BINARY, CONTINUATION):
                kind = kind or ('text' if part.opcode == TEXT else 'binary')
                parts += part.payload
                if part.fin:
                    got.append((kind, parts))
                    parts, kind = b'', None

    def send(self, client, data, chop):
        try:
            for i in range(0, len(data), chop or len(data) or 1):
                client.send(data[i:i + (chop or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server closed before it had all: what it said is judged

    def run_case(self, one):
        with self.open() as client:
            self.send(client, one.send, one.chop)
            if one.code is None:
                self.send(client, close_frame(1000), one.chop)
            got, code = self.collect(client)
            self.assertEqual([(kind, data[:200]) for kind, data in got], [(kind, data[:200]) for kind, data in one.expect])
            self.assertEqual(got, one.expect)
            self.assertIn(code, one.code if isinstance(one.code, tuple) else (one.code or 1000,))
            client.recv_end()

    def fail_fast(self, *parts):
        """Each part but the last leaves the text possible; the last makes it impossible, and nothing more is sent."""
        with self.open() as client:
            for part in parts:
                client.send(part)
            self.assertEqual(client.recv_close()[0], 1007)
            client.recv_end()

    def test_fail_fast_second_fragment(self):
        """6.4.1 fails fast: a code point too large in the second of three fragments"""
        self.fail_fast(text(KOSME, fin=False), frame(CONTINUATION, b'\xf4\x90\x80\x80', fin=False))

    def test_fail_fast_split_character(self):
        """6.4.2 fails fast: the character is cut by the fragment's end, its second byte impossible"""
        with self.open() as client:
            client.send(text(KOSME + b'\xf4', fin=False))
            client.send(frame(PING, b'still there'))
            self.assertEqual(client.recv_frame().payload, b'still there')
            client.send(frame(CONTINUATION, b'\x90', fin=False))
            self.assertEqual(client.recv_close()[0], 1007)
            client.recv_end()

    def test_fail_fast_within_frame(self):
        """6.4.3 fails fast: one frame in three writes, the second impossible"""
        whole = text(KOSME + b'\xf4\x90\x80\x80' + b'edited')
        head = 6 + len(KOSME)
        self.fail_fast(whole[:head], whole[head:head + 4])

    def test_fail_fast_within_character(self):
        """6.4.4 fails fast: one frame, cut within the character"""
        whole = text(KOSME + b'\xf4\x90\x80\x80' + b'edited')
        head = 6 + len(KOSME)
        self.fail_fast(whole[:head + 1], whole[head + 1:head + 2])

    def test_no_frame_after_close(self):
        """7.x3 after its close frame the server sends nothing, whatever comes"""
        with self.open() as client:
            client.send(frame(3))
            self.assertEqual(client.recv_close()[0], 1002)
            try:
                for _ in range(20):
                    client.send(text('late') + frame(PING))
            except (BrokenPipeError, ConnectionResetError):
                pass
            client.recv_end()

    def test_ends_by_itself(self):
        """7.x4 TCP ends although the client never answers the close frame and never ends"""
        for bad in (frame(3), text(b'\xff'), frame(TEXT, b'', length=LIMIT + 1)):
            with self.open() as client:
                client.send(bad)
                client.recv_close()
                self.assertLess(client.recv_end(), 3)

    def test_eof_without_close(self):
        """7.x5 a client that ends without a close frame is let go"""
        before = self.daemon.descriptors()
        for cut in (b'', text('half')[:-2], text('unfinished', fin=False)):
            client = self.open()
            client.send(cut)
            client.close()
        with self.open() as client:
            client.send(text('others go on'))
            self.assertEqual(client.recv_text(), 'others go on')
            client.finish()
        wait_until(lambda: self.daemon.descriptors() <= before, 'the descriptors to be freed')


def add_method(one):
    def test(self):
        self.run_case(one)
    test.__doc__ = f'{one.number} {one.title}'
    setattr(Echo, 'test_' + '_'.join(part.zfill(3) for part in one.number.split('.')), test)


names = set()
for one in cases:
    assert one.number not in names, one.number
    names.add(one.number)
    add_method(one)

if __name__ == '__main__':
    main()
