"""mosquitto -- a Mosquitto of Debian on the loopback, and what it lets clients write and read.

A Mosquitto is ready when its constructor returns, and ends by its process id. What it allows is
asked with MQTT 5: it acknowledges a message that may not be written with a reason, and withholds one
that may not be read.
"""
import os
import re
import socket
import struct
import subprocess

PATIENCE_S = 60
PORTS = 5  # are tried
AT_ONCE = 10  # messages under way
ROOT = 'root'  # may do everything, in whatever these tests write


def string(text):
    return struct.pack('>H', len(text.encode())) + text.encode()


def packet(head, body):
    n, length = len(body), b''
    while True:
        n, low = divmod(n, 128)
        length += bytes([low | (0x80 if n else 0)])
        if n == 0:
            return bytes([head]) + length + body


class Client:
    """An MQTT 5 client, a packet at a time; `code` is what its CONNACK has said."""

    def __init__(self, port, client_id, user=None, password='pw'):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile('rb')
        flags = 0x02 | (0xc0 if user else 0)
        name = string(user) + string(password) if user else b''
        self.send(0x10, string('MQTT') + bytes([5, flags, 0, 0, 0]) + string(client_id) + name)
        self.code = self.take(0x20)[1]

    def send(self, head, body):
        self.socket.sendall(packet(head, body))

    def next(self):
        head = self.file.read(1)
        n = shift = 0
        while head:
            byte = self.file.read(1)[0]
            n |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return head[0], self.file.read(n)
        raise EOFError('the broker has closed the connection')

    def take(self, kind):
        while True:
            head, body = self.next()
            if head & 0xf0 == kind:
                return body

    def write(self, topics):
        """Publishes to each; gives those that were acknowledged as such."""
        allowed = set()
        for at in range(0, len(topics), AT_ONCE):
            some = topics[at:at + AT_ONCE]
            self.socket.sendall(b''.join(
                packet(0x32, string(topic) + struct.pack('>H', i) + b'\0x')
                for i, topic in enumerate(some, 1)))
            for _ in some:
                body = self.take(0x40)
                if len(body) < 3 or body[2] < 0x80:
                    allowed.add(some[struct.unpack('>H', body[:2])[0] - 1])
        return allowed

    def subscribe(self, filters):
        """Gives those that were granted."""
        self.send(0x82, b'\0\1\0' + b''.join(string(f) + b'\0' for f in filters))
        return {f for f, code in zip(filters, self.take(0x90)[-len(filters):]) if code < 0x80}

    def delivered(self):
        """The topics of all that has been sent before now."""
        self.send(0xc0, b'')
        found = set()
        while True:
            head, body = self.next()
            if head & 0xf0 == 0x30:
                n = struct.unpack('>H', body[:2])[0]
                found.add(body[2:2 + n].decode())
            elif head & 0xf0 == 0xd0:
                return found

    def close(self):
        self.file.close()
        self.socket.close()


def may_write(port, user, client_id, topics):
    """Those that may be written."""
    client = Client(port, client_id, user)
    assert client.code == 0, (user, client_id, client.code)
    allowed = client.write(topics)
    client.close()
    return allowed


def may_subscribe(port, user, client_id, filters):
    client = Client(port, client_id, user)
    assert client.code == 0, (user, client_id, client.code)
    granted = client.subscribe(filters)
    client.close()
    return granted


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Mosquitto:
    def __init__(self, folder, *lines):
        self.conf = os.path.join(folder, 'mosquitto.conf')
        for _ in range(PORTS):
            self.port = free_port()
            with open(self.conf, 'w') as f:
                f.write('\n'.join(['user root', 'connection_messages false', 'set_tcp_nodelay true',
                                   f'listener {self.port} 127.0.0.1', *lines]) + '\n')
            if self.starts():
                return
        raise RuntimeError(f'mosquitto did not start: {self.said}')

    def starts(self):
        """False: it has ended, perhaps because another has taken the port meanwhile."""
        self.process = subprocess.Popen(
            ['/usr/sbin/mosquitto', '-c', self.conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = ''
        for line in self.process.stderr:
            self.said += line
            if re.search(r'mosquitto version \S+ running', line):
                return True
        self.end()
        return False

    def read(self, user, client_id, topics, filters=None):
        """Those that may be read, by one who has subscribed to each, or to the filters."""
        client, root = Client(self.port, client_id, user), Client(self.port, 'all', ROOT)
        assert client.code == 0 and root.code == 0, (user, client.code, root.code)
        granted = client.subscribe(filters or topics)
        written = root.write(topics)
        assert written == set(topics), set(topics) - written
        allowed = client.delivered()
        client.close()
        root.close()
        assert filters or allowed <= granted, allowed - granted
        return allowed

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()

    def end(self):
        self.process.kill()
        self.process.stderr.close()
        self.process.wait()
