# SPDX-License-Identifier: LGPL-2.1-or-later
"""A raw WebSocket client for tests: it can send what no proper client would, and holds each frame of the server's to RFC 6455."""

import base64
import collections
import hashlib
import json
import os
import socket
import ssl
import struct
import time
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
# A certificate for 127.0.0.1 and its key, and what else openssl made of them, in a directory: with one, daemons and clients speak TLS.
TLS = os.environ.get('WSE_TEST_TLS')
TIMEOUT = 30  # seconds: a test machine may be slow, a daemon that says nothing is wrong

Frame = collections.namedtuple('Frame', 'fin opcode payload')
Response = collections.namedtuple('Response', 'status reason headers body')


class Refused(Exception):
    """The handshake was answered with something other than 101."""

    def __init__(self, response):
        super().__init__(f'{response.status} {response.body!r}')
        self.response = response
        self.status = response.status


class Closed(Exception):
    """The server closed: with a close frame (code, reason) or without (None)."""

    def __init__(self, code, reason=''):
        super().__init__(f'{code} {reason}')
        self.code = code
        self.reason = reason


def frame(opcode, payload=b'', fin=True, rsv=0, mask=b'\x37\xfa\x21\x3d', length=None, form=None):
    """A client's frame. @mask None: not masked; @length: what the header claims; @form: bytes of the length, 0, 2 or 8."""
    payload = payload.encode() if isinstance(payload, str) else bytes(payload)
    n = len(payload) if length is None else length
    if form is None:
        form = 0 if n < 126 else 2 if n < 65536 else 8
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += bytes([(0x80 if mask else 0) | (n if form == 0 else 126 if form == 2 else 127)])
    head += struct.pack('>H', n) if form == 2 else struct.pack('>Q', n) if form == 8 else b''
    if not mask:
        return head + payload
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    masked = (int.from_bytes(payload, 'big') ^ int.from_bytes(key, 'big')).to_bytes(len(payload), 'big')
    return head + mask + masked


def close_frame(code=None, reason=b'', **keywords):
    reason = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, b'' if code is None else struct.pack('>H', code) + reason, **keywords)


def deflate(data, level=6, bits=15, memory=8, strategy=zlib.Z_DEFAULT_STRATEGY):
    """A message's payload as RFC 7692 7.2.1 makes it."""
    data = data.encode() if isinstance(data, str) else data
    maker = zlib.compressobj(level, zlib.DEFLATED, -bits, memory, strategy)
    made = maker.compress(data) + maker.flush(zlib.Z_SYNC_FLUSH)
    assert made.endswith(b'\0\0\xff\xff')
    return made[:-4]


def inflate(payload, bits=12):
    """What the payload of a message of the server's says. It must need no window but the one of 2 ** @bits bytes."""
    reader = zlib.decompressobj(-bits)
    data = reader.decompress(payload + b'\0\0\xff\xff')
    assert not reader.unconsumed_tail and not reader.unused_data and not reader.eof
    return data


def trust(directory):
    """The context of a client that trusts the certificate there and no other."""
    return ssl.create_default_context(cafile=os.path.join(directory, 'cert.pem'))


class Stream:
    """A TCP connection with a read buffer."""

    def __init__(self, port, timeout=TIMEOUT, receive_buffer=None, tls=TLS):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            try:
                self.socket = trust(tls).wrap_socket(self.socket, server_hostname='127.0.0.1', suppress_ragged_eofs=True)
            except BaseException:
                self.socket.close()
                raise
        self.buffer = b''

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ssl.SSLEOFError as error:
            raise BrokenPipeError from error

    def fill(self):
        """Reads once; False at the end."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b''
        self.buffer += data
        return bool(data)

    def read(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                raise EOFError(f'ended with {len(self.buffer)} of {n} bytes')
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_line(self):
        while b'\r\n' not in self.buffer:
            if not self.fill():
                raise EOFError(f'ended within the line {self.buffer[:200]!r}')
        line, _, self.buffer = self.buffer.partition(b'\r\n')
        return line

    def read_all(self):
        """Everything up to the end of the connection."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b''
        return data

    def read_response(self, method='GET'):
        """One HTTP response."""
        version, status, *reason = self.read_line().decode('latin-1').split(' ', 2)
        assert version in ('HTTP/1.1', 'HTTP/1.0'), version
        headers = {}
        while True:
            line = self.read_line().decode('latin-1')
            if not line:
                break
            name, _, value = line.partition(':')
            name = name.strip().lower()
            headers[name] = headers[name] + ', ' + value.strip() if name in headers else value.strip()
        status = int(status)
        if status == 101 or status in (204, 304) or method == 'HEAD':
            body = b''
        elif headers.get('transfer-encoding', '').lower() == 'chunked':
            body = b''
            while True:
                size = int(self.read_line().split(b';')[0], 16)
                body += self.read(size)
                assert self.read_line() == b''
                if size == 0:
                    break
        elif 'content-length' in headers:
            body = self.read(int(headers['content-length']))
        else:
            body = self.read_all()
        return Response(status, reason[0] if reason else '', headers, body)

    def close(self):
        self.socket.close()

    def abort(self):
        """Ends with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def handshake_request(path, port, protocols=(), headers=None, key=None, method='GET', version='HTTP/1.1'):
    """The text of an upgrade request. A header given as None is left out, a list is sent several times."""
    fields = {
        'Host': f'127.0.0.1:{port}', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
        'Sec-WebSocket-Key': key or base64.b64encode(os.urandom(16)).decode(), 'Sec-WebSocket-Version': '13',
    }
    if protocols:
        fields['Sec-WebSocket-Protocol'] = ', '.join(protocols)
    fields.update(headers or {})
    lines = [f'{method} {path} {version}']
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                lines.append(f'{name}: {value}')
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()


class WebSocket(Stream):
    def __init__(self, port, path='/wse', protocols=('wse.v2',), headers=None, timeout=TIMEOUT, receive_buffer=None, early=b'',
                 tls=TLS):
        super().__init__(port, timeout, receive_buffer, tls)
        key = base64.b64encode(os.urandom(16)).decode()
        self.pings = []
        self.pongs = []
        self.waiting = collections.deque()
        self.n_requests = 0
        self.n_deflated = 0  # messages that came so
        try:
            self.send(handshake_request(path, port, protocols, headers, key) + early)
            self.response = self.read_response()
            if self.response.status != 101:
                raise Refused(self.response)
        except BaseException:
            self.socket.close()
            raise
        self.deflate = self.response.headers.get('sec-websocket-extensions', '').startswith('permessage-deflate')
        accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
        assert self.response.headers['sec-websocket-accept'] == accept, self.response
        assert self.response.headers['upgrade'].lower() == 'websocket', self.response
        assert 'upgrade' in self.response.headers['connection'].lower(), self.response

    def send_text(self, text):
        self.send(frame(TEXT, text))

    def send_json(self, value):
        self.send_text(json.dumps(value))

    def recv_frame(self):
        """The next frame, held to what a server may send and inflated. EOFError at the end."""
        first, second = self.read(2)
        fin, rsv, opcode = bool(first & 0x80), first >> 4 & 7, first & 15
        deflated = rsv == 4 and self.deflate and opcode in (TEXT, BINARY) and fin
        assert rsv == 0 or deflated, f'reserved bits {rsv} set'
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), f'opcode {opcode}'
        assert not second & 0x80, 'a server must not mask'
        length = second & 0x7f
        if length == 126:
            length, = struct.unpack('>H', self.read(2))
            assert length > 125, 'length not in its shortest form'
        elif length == 127:
            length, = struct.unpack('>Q', self.read(8))
            assert length > 65535, 'length not in its shortest form'
        if opcode & 8:
            assert fin and length <= 125, 'control frame fragmented or too long'
        payload = self.read(length)
        if deflated:
            self.n_deflated += 1
            whole = inflate(payload)
            assert len(whole) > length, 'deflated for nothing'
            payload = whole
        return Frame(fin, opcode, payload)

    def recv_message(self):
        """The next text or binary message as a Frame; pings are answered, pongs kept. Closed where the server ends."""
        parts, opcode = [], None
        while True:
            try:
                got = self.recv_frame()
            except EOFError:
                raise Closed(None) from None
            if got.opcode == PING:
                self.pings.append(got.payload)
                self.send(frame(PONG, got.payload))
            elif got.opcode == PONG:
                self.pongs.append(got.payload)
            elif got.opcode == CLOSE:
                assert len(got.payload) != 1, 'close frame with half a code'
                code = struct.unpack('>H', got.payload[:2])[0] if got.payload else 1005
                raise Closed(code, got.payload[2:].decode())
            else:
                assert (got.opcode == CONTINUATION) == (opcode is not None), 'fragments out of order'
                opcode = opcode if opcode is not None else got.opcode
                parts.append(got.payload)
                if got.fin:
                    return Frame(True, opcode, b''.join(parts))

    def recv_text(self):
        if self.waiting:
            return self.waiting.popleft()
        got = self.recv_message()
        assert got.opcode == TEXT, got
        return got.payload.decode()

    def recv(self):
        """The next message as JSON."""
        return json.loads(self.recv_text())

    def recv_until(self, condition):
        """The messages up to and with the first that @condition takes."""
        got = []
        while True:
            got.append(self.recv())
            if condition(got[-1]):
                return got

    def recv_control(self, kind):
        """The messages up to the control message @kind, and that one's `p`."""
        got = self.recv_until(lambda message: message.get('t') == kind and 'id' not in message)
        return got[:-1], got[-1]['p']

    def request(self, method, params=None):
        """Sends a command and gives its reply; what comes before stays to be read."""
        self.n_requests += 1
        name = f'r{self.n_requests}'
        command = {'id': name, 'method': method}
        if params is not None:
            command['params'] = params
        self.send_json(command)
        passed = []
        while True:
            text = self.recv_text()
            message = json.loads(text)
            if message.get('id') == name and 'success' in message:
                self.waiting.extendleft(reversed(passed))
                return message
            passed.append(text)

    def settle(self):
        """Waits until everything sent before was dealt with: by a ping frame of RFC 6455. What came meanwhile stays to be read."""
        token = os.urandom(8)
        self.send(frame(PING, token))
        got = []
        while token not in self.pongs:
            try:
                message = self.recv_frame()
            except EOFError:
                raise Closed(None) from None
            if message.opcode == PONG:
                self.pongs.append(message.payload)
            elif message.opcode == PING:
                self.send(frame(PONG, message.payload))
            elif message.opcode == CLOSE:
                raise Closed(struct.unpack('>H', message.payload[:2])[0], message.payload[2:].decode())
            else:
                got.append(message.payload.decode())
        self.waiting.extend(got)
        return got

    def recv_close(self):
        """Code and reason of the server's close frame, whatever comes before it; (None, '') where it ends without one."""
        try:
            while True:
                self.recv_message()
        except Closed as closed:
            return closed.code, closed.reason

    def recv_end(self):
        """Seconds until the server ended TCP; nothing may come before."""
        begun = time.monotonic()
        rest = self.read_all()
        assert rest == b'', f'after the close frame came {rest[:100]!r}'
        return time.monotonic() - begun

    def finish(self):
        """The closing handshake, begun by us."""
        self.send(close_frame(1000))
        code, _ = self.recv_close()
        assert code == 1000, code
        self.recv_end()
        self.close()
