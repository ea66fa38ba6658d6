"""mqtt -- a client of MQTT 3.1, 3.1.1 and 5 that sends any bytes: a codec of its own, and a socket.

    c = Client(port, 'me', version=5)           CONNECT and CONNACK
    c.subscribe('a/#', qos=1)                   gives the reasons
    c.publish('a/b', b'x', qos=1, id=7)         gives the reason of the acknowledgement
    c.message()                                 the next PUBLISH, as a Message
    c.send(bytes); c.packet()                   anything, byte for byte
"""
import socket
import struct

PATIENCE_S = 60
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(9, 16)

KINDS = {0x01: 'u8', 0x02: 'u32', 0x03: 'str', 0x08: 'str', 0x09: 'bin', 0x0b: 'var', 0x11: 'u32',
         0x12: 'str', 0x13: 'u16', 0x15: 'str', 0x16: 'bin', 0x17: 'u8', 0x18: 'u32', 0x19: 'u8',
         0x1a: 'str', 0x1c: 'str', 0x1f: 'str', 0x21: 'u16', 0x22: 'u16', 0x23: 'u16', 0x24: 'u8',
         0x25: 'u8', 0x26: 'pair', 0x27: 'u32', 0x28: 'u8', 0x29: 'u8', 0x2a: 'u8'}


def var(n):
    out = b''
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack('>H', len(b)) + b


def u16(n):
    return struct.pack('>H', n)


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + var(len(body)) + body


def properties(props):
    """{id: value}, or a list of such pairs, with its length."""
    out = b''
    for key, value in props.items() if isinstance(props, dict) else props:
        kind = KINDS[key]
        out += bytes([key])
        if kind in ('u8', 'u16', 'u32'):
            out += struct.pack({'u8': '>B', 'u16': '>H', 'u32': '>I'}[kind], value)
        elif kind == 'var':
            out += var(value)
        elif kind == 'pair':
            out += text(value[0]) + text(value[1])
        else:
            out += text(value)
    return var(len(out)) + out


def take_var(b, at):
    n = shift = 0
    while True:
        n |= (b[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if b[at - 1] < 128:
            return n, at


def take_properties(b, at):
    """A dict from id to the list of its values, and where the properties end."""
    n, at = take_var(b, at)
    end, out = at + n, {}
    while at < end:
        key, kind = b[at], KINDS[b[at]]
        at += 1
        if kind in ('u8', 'u16', 'u32'):
            size = {'u8': 1, 'u16': 2, 'u32': 4}[kind]
            value, at = int.from_bytes(b[at:at + size], 'big'), at + size
        elif kind == 'var':
            value, at = take_var(b, at)
        else:
            value = []
            for _ in range(2 if kind == 'pair' else 1):
                size = int.from_bytes(b[at:at + 2], 'big')
                value.append(b[at + 2:at + 2 + size])
                at += 2 + size
            value = tuple(v.decode() for v in value) if kind == 'pair' else \
                value[0] if kind == 'bin' else value[0].decode()
        out.setdefault(key, []).append(value)
    assert at == end, 'properties do not end where they say'
    return out, at


def connect(client_id='', version=4, *, clean=True, keep_alive=0, user=None, password=None,
            will=None, props=(), name=None, level=None):
    """The bytes of a CONNECT; will is (topic, payload, qos, retain, props)."""
    flags = (2 if clean else 0) | (128 if user is not None else 0) | \
        (64 if password is not None else 0)
    if will:
        flags |= 4 | will[2] << 3 | (32 if will[3] else 0)
    body = text(name or ('MQIsdp' if version == 3 else 'MQTT'))
    body += bytes([level or version, flags]) + u16(keep_alive)
    if version == 5:
        body += properties(props)
    body += text(client_id)
    if will:
        body += (properties(will[4]) if version == 5 else b'') + text(will[0]) + text(will[1])
    body += text(user) if user is not None else b''
    body += text(password) if password is not None else b''
    return packet(CONNECT, 0, body)


def publish(topic, payload=b'', *, version=4, qos=0, id=None, retain=False, dup=False, props=()):
    body = text(topic) + (u16(id) if qos else b'') + (properties(props) if version == 5 else b'')
    return packet(PUBLISH, dup << 3 | qos << 1 | retain, body + payload)


def subscribe(filters, *, version=4, id=1, props=()):
    """filters: (filter, options) each."""
    body = u16(id) + (properties(props) if version == 5 else b'')
    return packet(SUBSCRIBE, 2, body + b''.join(text(f) + bytes([o]) for f, o in filters))


def unsubscribe(filters, *, version=4, id=1, props=()):
    body = u16(id) + (properties(props) if version == 5 else b'')
    return packet(UNSUBSCRIBE, 2, body + b''.join(map(text, filters)))


class Message:
    def __init__(self, flags, body, version):
        self.dup, self.qos, self.retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
        n = int.from_bytes(body[:2], 'big')
        self.topic, at, self.id, self.props = body[2:2 + n].decode(), 2 + n, None, {}
        if self.qos:
            self.id, at = int.from_bytes(body[at:at + 2], 'big'), at + 2
        if version == 5:
            self.props, at = take_properties(body, at)
        self.payload = body[at:]

    def __repr__(self):
        return f'{self.topic} {self.payload[:40]} qos {self.qos} id {self.id} dup {self.dup}'


class Closed(Exception):
    pass


class Client:
    def __init__(self, port, client_id='', version=4, *, is_ok=True, **words):
        self.version, self.kept, self.sock = version, [], socket.create_connection(
            ('127.0.0.1', port), PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        if client_id is None:
            return
        self.send(connect(client_id, version, **words))
        self.present, self.reason, self.props = self.connack()
        assert not is_ok or self.reason == 0, f'CONNACK {self.reason:#x} {self.props}'

    def connack(self):
        kind, _, body = self.packet()
        assert kind == CONNACK, f'packet {kind} instead of CONNACK'
        return body[0] == 1, body[1], take_properties(body, 2)[0] if len(body) > 2 else {}

    def send(self, b):
        self.sock.sendall(b)

    def fill(self):
        try:
            more = self.sock.recv(65536)
        except ConnectionResetError:
            more = b''
        if not more:
            raise Closed
        self.buffer += more

    def packet(self):
        """type, flags, body; raises Closed."""
        while True:
            b = self.buffer
            for n in range(2, 6):
                if len(b) >= n and b[n - 1] < 128:
                    size, at = take_var(b, 1)
                    if len(b) >= at + size:
                        self.buffer = b[at + size:]
                        return b[0] >> 4, b[0] & 15, b[at:at + size]
                    break
            self.fill()

    def expect(self, kind):
        """The body of the next packet of this type; messages before it are kept."""
        while True:
            got, flags, body = self.packet()
            if got == kind:
                return body
            assert got == PUBLISH, f'packet {got} instead of {kind}: {body}'
            self.kept.append(Message(flags, body, self.version))

    def message(self, *, is_acked=True):
        if self.kept:
            m = self.kept.pop(0)
        else:
            kind, flags, body = self.packet()
            assert kind == PUBLISH, f'packet {kind} instead of PUBLISH: {body}'
            m = Message(flags, body, self.version)
        if is_acked and m.qos == 1:
            self.send(packet(PUBACK, 0, u16(m.id)))
        if is_acked and m.qos == 2:
            self.send(packet(PUBREC, 0, u16(m.id)))
            assert self.expect(PUBREL)[:2] == u16(m.id)
            self.send(packet(PUBCOMP, 0, u16(m.id)))
        return m

    def nothing(self):
        """All that was to come has come."""
        self.send(packet(PINGREQ, 0, b''))
        self.expect(PINGRESP)
        assert not self.kept, f'{self.kept[0]} came'

    def subscribe(self, *filters, qos=0, id=1, props=()):
        pairs = [f if isinstance(f, tuple) else (f, qos) for f in filters]
        self.send(subscribe(pairs, version=self.version, id=id, props=props))
        body = self.expect(SUBACK)
        assert body[:2] == u16(id)
        return list(body[take_properties(body, 2)[1] if self.version == 5 else 2:])

    def unsubscribe(self, *filters, id=1):
        self.send(unsubscribe(filters, version=self.version, id=id))
        body = self.expect(UNSUBACK)
        return list(body[take_properties(body, 2)[1] if self.version == 5 else 2:])

    def publish(self, topic, payload=b'', *, qos=0, id=1, **words):
        """The reason of the first acknowledgement; of QoS 2 all is done if that was good."""
        self.send(publish(topic, payload, version=self.version, qos=qos, id=id, **words))
        if qos == 0:
            return 0
        body = self.expect(PUBACK if qos == 1 else PUBREC)
        assert body[:2] == u16(id), body
        reason = body[2] if len(body) > 2 else 0
        if qos == 2 and reason < 0x80:
            self.send(packet(PUBREL, 2, u16(id)))
            assert self.expect(PUBCOMP) == u16(id)
        return reason

    def disconnect(self, reason=0, props=()):
        body = b''
        if reason or props:
            body = bytes([reason]) + (properties(props) if props else b'')
        self.send(packet(DISCONNECT, 0, body))
        self.closed()

    def closed(self):
        """Waits for the end; the reason of a DISCONNECT before it, None without one."""
        reason = None
        try:
            while True:
                kind, _, body = self.packet()
                if kind == DISCONNECT:
                    reason = body[0] if body else 0
        except Closed:
            self.sock.close()
            return reason

    def drop(self):
        """The connection is lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()
