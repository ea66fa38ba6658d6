"""connection -- one client of a story: its socket, and the lines that came and were not expected yet.

Protocols derive from it: run has AMQP 0-9-1, speak_mqtt.py and speak_stomp.py the others.
"""
import re
import socket
import time

PATIENCE_S = 60


class Wrong(Exception):
    """A story that does not go as it should."""


def printable(octets):
    out, at = '', 0
    text = octets.decode('utf-8', 'surrogateescape')
    for c in text:
        code = ord(c)
        if 0xdc80 <= code <= 0xdcff:
            out += f'\\x{code - 0xdc00:02x}'
        else:
            out += f'\\x{code:02x}' if code < 0x20 or code in (0x7f, 0x5c) else c
    return out


class Word:
    """name='text', name=20000*'text' (so many octets of it), name=5, or a flag, which is 1."""

    def __init__(self, m):
        self.name = m['name']
        self.number = int(m['number'] or 1)
        self.text = None
        if m['quoted'] is not None:
            self.text = re.sub(rb'\\x(..)|\\(.)', lambda e: bytes([int(e[1], 16)]) if e[1] else e[2],
                               m['quoted'].encode())
        if self.text is not None and m['number']:
            self.text = (self.text * (self.number // len(self.text) + 1))[:self.number]


WORD = re.compile(r" *(?P<name>[^= ']*)=?(?P<number>\d+(?=[* ]|$))?\*?"
                  r"(?: *'(?P<quoted>(?:\\.|[^'])*)')?", re.S)


def words_of(line):
    """The verb of a line, and its words."""
    verb, _, rest = line.partition(' ')
    found, at = [], 0
    while at < len(rest):
        m = WORD.match(rest, at)
        if m.end() == at:
            raise Wrong(f'cannot read {rest[at:]!r}')
        found.append(Word(m))
        at = m.end()
    return verb, found


class Connection:
    """One client: its socket, and the lines that came and were not expected yet."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.octets, self.lines, self.is_closed = b'', [], False

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError:
            self.is_closed = True

    def read(self, patience_s):
        self.socket.settimeout(max(patience_s, 0.001))
        try:
            more = self.socket.recv(1 << 20)
        except TimeoutError:
            return False
        except OSError:
            more = b''
        if not more:
            self.is_closed = True
            return False
        self.octets += more
        while self.split():
            pass
        return True

    def say(self, line):
        """Sends what a line of a story says."""
        raise NotImplementedError

    def split(self):
        """Takes a frame or a packet off self.octets, and appends its line to self.lines; False: it
        is not all there."""
        raise NotImplementedError

    def next_on(self, channel):
        """The first line of that channel; None when none comes."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for line in self.lines:
                if channel_of(line) == channel:
                    self.lines.remove(line)
                    return line
            left = end - time.monotonic()
            if self.is_closed or left <= 0:
                return None
            self.read(left)

    def wait_closed(self):
        end = time.monotonic() + PATIENCE_S
        while not self.is_closed and time.monotonic() < end:
            self.read(end - time.monotonic())
        return self.is_closed


def channel_of(line):
    m = re.match(r'ch (\d+)', line)
    return int(m[1]) if m else 0
