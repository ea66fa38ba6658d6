"""websocket -- as much of a WebSocket client as a test needs that must send what no client would.

    ws = WebSocket(port, protocols=['amqp'])     or WebSocket(sock=..., ...) over TLS
    ws.send(data)                                one masked binary message
    opcode, data = ws.receive()                  the next frame; control frames too
    ws.raw(frame(BINARY, data, fin=False))       any frame
    WebSocket(..., extensions='permessage-deflate')  and what is received is unpacked; packed(data)
    Client(ws)                                   steps.Client: AMQP 0-9-1 over it
"""
import base64
import hashlib
import os
import socket
import struct
import zlib

PACKED = 4  # among the bits of rsv
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
PATIENCE_S = 60


class Refused(Exception):
    """The answer was not 101; `status` and `fields` say what it was."""

    def __init__(self, status, fields):
        super().__init__(f'status {status}')
        self.status, self.fields = status, fields


class Closed(Exception):
    """The broker has sent a close frame (`code`), or has ended the connection (None)."""

    def __init__(self, code):
        super().__init__(f'closed with {code}')
        self.code = code


def xor(mask, data):
    n = len(data)
    key = int.from_bytes((mask * (n // 4 + 1))[:n], 'little')
    return (int.from_bytes(data, 'little') ^ key).to_bytes(n, 'little')


def frame(opcode, data=b'', fin=True, rsv=0, mask=None, length=None):
    """A client's frame; `length` claims another one than the data has."""
    n = len(data) if length is None else length
    mask = os.urandom(4) if mask is None else mask
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if n <= 125:
        head += bytes([0x80 | n])
    elif n <= 0xffff:
        head += b'\xfe' + struct.pack('>H', n)
    else:
        head += b'\xff' + struct.pack('>Q', n)
    return head + mask + xor(mask, data)


def packed(data, bits=15, level=6):
    """A message as RFC 7692 packs it."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def request(path='/ws', protocols=(), origin=None, key=None, version='13', extensions=None,
            extra=()):
    key = key or base64.b64encode(os.urandom(16)).decode()
    lines = [f'GET {path} HTTP/1.1', 'Host: localhost', 'Upgrade: websocket',
             'Connection: keep-alive, Upgrade', f'Sec-WebSocket-Key: {key}',
             f'Sec-WebSocket-Version: {version}']
    if protocols:
        lines.append('Sec-WebSocket-Protocol: ' + ', '.join(protocols))
    if extensions:
        lines.append(f'Sec-WebSocket-Extensions: {extensions}')
    if origin:
        lines.append(f'Origin: {origin}')
    return '\r\n'.join([*lines, *extra, '', '']).encode(), key


class WebSocket:
    def __init__(self, port=None, sock=None, early=b'', **how):
        self.sock = sock or socket.create_connection(('127.0.0.1', port), PATIENCE_S)
        self.sock.settimeout(PATIENCE_S)
        self.buffer = b''
        words, key = request(**how)
        self.sock.sendall(words + early)
        status, self.fields = self.head()
        if status != 101:
            raise Refused(status, self.fields)
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert self.fields['sec-websocket-accept'] == accept, self.fields
        self.protocol = self.fields.get('sec-websocket-protocol')
        self.extension = self.fields.get('sec-websocket-extensions')
        self.packed_n = 0

    def head(self):
        while b'\r\n\r\n' not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        first, *lines = head.decode().split('\r\n')
        return int(first.split()[1]), {k.lower(): v.strip() for k, v in
                                       (line.split(':', 1) for line in lines)}

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed(None)
        self.buffer += data

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, data, opcode=BINARY):
        self.raw(frame(opcode, data))

    def receive(self):
        """The next frame: (opcode, payload)."""
        first, n = self.take(2)
        is_packed = bool(self.extension) and first & 0xf0 == 0xc0
        assert (is_packed or first & 0xf0 == 0x80) and n < 0x80, 'a frame is whole and not masked'
        if n == 126:
            n = struct.unpack('>H', self.take(2))[0]
        elif n == 127:
            n = struct.unpack('>Q', self.take(8))[0]
        data = self.take(n)
        if is_packed:
            self.packed_n += 1
            data = zlib.decompressobj(-15).decompress(data + b'\0\0\xff\xff')
        if first & 15 == CLOSE:
            raise Closed(struct.unpack('>H', data[:2])[0] if data else 1005)
        return first & 15, data

    def send_bytes(self, data):
        self.send(data)

    def receive_bytes(self):
        opcode, data = self.receive()
        assert opcode == BINARY, opcode
        return data

    def close_code(self):
        """Reads until the end, and gives the code that was said."""
        try:
            while True:
                self.receive()
        except Closed as e:
            return e.code
        except ConnectionError:
            return None

    def close(self):
        self.sock.close()
