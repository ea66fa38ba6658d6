"""speak_mqtt -- MQTT 3.1, 3.1.1 and 5 for stories: a line to a packet, and a packet to a line."""
import struct

from connection import Connection, Wrong, printable, words_of

TYPES = ('', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBSCRIBE',
         'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH')
SHOWN = 64

# In the order of their numbers: name, number, type (1, 2, 4: octets of an integer; v: one of variable
# length; s: text or octets; x: secret octets; p: a pair of texts).
PROPERTIES = (
    ('payload_format', 0x01, '1'), ('message_expiry_s', 0x02, '4'), ('content_type', 0x03, 's'),
    ('response_topic', 0x08, 's'), ('correlation_data', 0x09, 's'), ('subscription_id', 0x0b, 'v'),
    ('session_expiry_s', 0x11, '4'), ('assigned_client_id', 0x12, 's'),
    ('server_keep_alive_s', 0x13, '2'), ('auth_method', 0x15, 's'), ('auth_data', 0x16, 'x'),
    ('request_problem_info', 0x17, '1'), ('will_delay_s', 0x18, '4'),
    ('request_response_info', 0x19, '1'), ('response_info', 0x1a, 's'),
    ('server_reference', 0x1c, 's'), ('reason_string', 0x1f, 's'), ('receive_maximum', 0x21, '2'),
    ('topic_alias_maximum', 0x22, '2'), ('topic_alias', 0x23, '2'), ('maximum_qos', 0x24, '1'),
    ('retain_available', 0x25, '1'), ('user_property', 0x26, 'p'),
    ('maximum_packet_size', 0x27, '4'), ('wildcard_available', 0x28, '1'),
    ('subscription_id_available', 0x29, '1'), ('shared_available', 0x2a, '1'))
BY_NAME = {name: (number, kind) for name, number, kind in PROPERTIES}
BY_NUMBER = {number: (name, kind) for name, number, kind in PROPERTIES}
OF_WILL = ('payload_format', 'message_expiry_s', 'content_type', 'response_topic',
           'correlation_data', 'will_delay_s')
INTEGERS = {'1': '>B', '2': '>H', '4': '>I'}


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(octets):
    return struct.pack('>H', len(octets)) + octets


# ---- octets out --------------------------------------------------------------------------------

def properties(words, wanted):
    out = b''
    for i, w in enumerate(words):
        if w.name not in BY_NAME or not wanted(w.name):
            continue
        number, kind = BY_NAME[w.name]
        out += bytes([number])
        if kind == 'p':
            out += text(w.text) + text(words[i + 1].text)
        elif kind in 'sx':
            out += text(w.text)
        else:
            out += varint(w.number) if kind == 'v' else struct.pack(INTEGERS[kind], w.number)
    return varint(len(out)) + out


class Fields:
    """What a line says, by name."""

    def __init__(self, words):
        self.words, self.by_name = words, {w.name: w for w in words}

    def has(self, name):
        return name in self.by_name

    def number(self, name):
        return self.by_name[name].number if self.has(name) else 0

    def text(self, name):
        return self.by_name[name].text if self.has(name) else b''


def connect(f, version):
    flags = 2 * f.has('clean_start')
    if f.has('will_topic'):
        flags |= 4 | f.number('will_qos') << 3 | 32 * f.has('will_retain')
    flags |= 128 * f.has('user') | 64 * f.has('password')
    out = text(b'MQIsdp' if version == 3 else b'MQTT') + struct.pack(
        '>BBH', version, flags, f.number('keep_alive_s'))
    if version == 5:
        out += properties(f.words, lambda name: name not in OF_WILL)
    out += text(f.text('client_id'))
    if f.has('will_topic'):
        if version == 5:
            out += properties(f.words, lambda name: name in OF_WILL)
        out += text(f.text('will_topic')) + text(f.text('will_payload'))
    for name in ('user', 'password'):
        if f.has(name):
            out += text(f.text(name))
    return 0, out


def publish(f, version):
    qos = f.number('qos')
    flags = f.has('retain') | qos << 1 | 8 * f.has('dup')
    out = text(f.text('topic')) + (struct.pack('>H', f.number('id')) if qos else b'')
    if version == 5:
        out += properties(f.words, lambda name: True)
    return flags, out + f.text('payload')


def subscriptions(words):
    options, filters = {}, []
    for w in words:
        if w.name == 'filter':
            options = {}
            filters.append((w.text, options))
        options[w.name] = w.number
    out = b''
    for name, o in filters:
        out += text(name) + bytes([o.get('qos', 0) | 4 * ('no_local' in o) |
                                   8 * ('retain_as_published' in o) |
                                   o.get('retain_handling', 0) << 4])
    return out


def subscribe(f, version, verb):
    out = struct.pack('>H', f.number('id'))
    if version == 5:
        out += properties(f.words, lambda name: True)
    if verb == 'SUBSCRIBE':
        return 2, out + subscriptions(f.words)
    return 2, out + b''.join(text(w.text) for w in f.words if w.name == 'filter')


def acknowledge(f, version, verb):
    out = struct.pack('>H', f.number('id')) if f.has('id') else b''
    props = properties(f.words, lambda name: True)
    if version == 5 and (f.number('reason') or props != b'\0'):
        out += bytes([f.number('reason')]) + (props if props != b'\0' else b'')
    return 2 * (verb == 'PUBREL'), out


# ---- octets in ---------------------------------------------------------------------------------

class Reader:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, n):
        self.at += n
        if self.at > len(self.octets):
            raise Wrong(f'a packet ends too early: {self.octets!r}')
        return self.octets[self.at - n:self.at]

    def left(self):
        return len(self.octets) - self.at

    def integer(self, kind):
        return struct.unpack(INTEGERS[kind], self.take(int(kind)))[0]

    def varint(self):
        n, shift = 0, 0
        while True:
            octet = self.take(1)[0]
            n |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return n

    def text(self):
        return self.take(self.integer('2'))

    def properties(self):
        """As the broker's printer has them: in the order of their numbers."""
        found, end = [], self.varint()
        end += self.at
        while self.at < end:
            number = self.take(1)[0]
            name, kind = BY_NUMBER[number]
            if kind == 'p':
                a, b = self.text(), self.text()
                found.append((number, f" {name}='{printable(a)}' to='{printable(b)}'"))
            elif kind == 'x':
                found.append((number, f' {name}=({len(self.text())})'))
            elif kind == 's':
                found.append((number, f" {name}='{printable(self.text())}'"))
            else:
                value = self.varint() if kind == 'v' else self.integer(kind)
                found.append((number, f' {name}={value}'))
        return ''.join(line for _, line in sorted(found, key=lambda row: row[0]))


def line_of(kind, flags, body, version):
    r, line = Reader(body), TYPES[kind]
    verb = line
    if verb == 'CONNACK':
        line += ' session_present' * (r.integer('1') & 1)
        line += f' {"reason" if version == 5 else "code"}={r.integer("1")}'
        return line + (r.properties() if version == 5 else '')
    if verb == 'PUBLISH':
        qos = flags >> 1 & 3
        line += f" topic='{printable(r.text())}' qos={qos}"
        line += f' id={r.integer("2")}' if qos else ''
        line += ' dup' * (flags >> 3) + ' retain' * (flags & 1)
        line += r.properties() if version == 5 else ''
        payload = r.take(r.left())
        dots = '...' if len(payload) > SHOWN else ''
        return line + f" payload=({len(payload)}) '{printable(payload[:SHOWN])}'{dots}"
    if verb in ('SUBACK', 'UNSUBACK'):
        line += f' id={r.integer("2")}' + (r.properties() if version == 5 else '')
        return line + ''.join(f' reason={reason}' for reason in r.take(r.left()))
    if verb in ('PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'):
        line += f' id={r.integer("2")}'
    if version == 5 and verb != 'PINGRESP':
        line += f' reason={r.integer("1") if r.left() else 0}'
        line += r.properties() if r.left() else ''
    return line


class Mqtt(Connection):
    """Speaks MQTT, in the version that it has said in CONNECT."""
    version = 4

    def say(self, line):
        verb, words = words_of(line)
        if verb == 'raw':
            self.send(words[0].text)
            return
        f = Fields(words)
        if verb == 'CONNECT':
            self.version = f.number('version')
            flags, body = connect(f, self.version)
        elif verb == 'PUBLISH':
            flags, body = publish(f, self.version)
        elif verb in ('SUBSCRIBE', 'UNSUBSCRIBE'):
            flags, body = subscribe(f, self.version, verb)
        elif verb == 'PINGREQ':
            flags, body = 0, b''
        else:
            flags, body = acknowledge(f, self.version, verb)
        self.send(bytes([TYPES.index(verb) << 4 | flags]) + varint(len(body)) + body)

    def split(self):
        n, shift, at = 0, 0, 1
        while True:
            if at >= len(self.octets):
                return False
            n |= (self.octets[at] & 127) << shift
            shift += 7
            at += 1
            if self.octets[at - 1] < 128:
                break
        if len(self.octets) < at + n:
            return False
        head = self.octets[0]
        self.lines.append(line_of(head >> 4, head & 15, self.octets[at:at + n], self.version))
        self.octets = self.octets[at + n:]
        return True
