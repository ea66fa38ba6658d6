"""raw -- one STOMP connection as octets: frames out as they are written, frames in one by one."""
import re
import select
import socket
import time

PATIENCE_S = 60


class Closed(Exception):
    """The broker has closed the connection."""


class Frame:
    """What came: command, headers (the first of a name), body as bytes, and all of it as it was."""

    def __init__(self, octets):
        self.octets = octets
        head, _, self.body = octets.partition(b'\n\n')
        lines = head.decode().split('\n')
        self.command, self.headers = lines[0], {}
        for line in lines[1:]:
            name, _, value = line.partition(':')
            self.headers.setdefault(name, value)

    def __repr__(self):
        return repr(self.octets)


class Raw:
    """A connection; with `version` it has said CONNECT, and `connected` is the answer. `wrap` makes
    something else of the socket first."""

    def __init__(self, port, version='1.2', wrap=None, **headers):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S)
        self.socket = wrap(self.socket) if wrap else self.socket
        self.buffer, self.is_over, self.beats = b'', False, 0
        if version:
            said = {'login': 'guest', 'passcode': 'guest'}
            if version != '1.0':
                said['accept-version'] = version
            said.update(headers)
            self.say('CONNECT', **said)
            self.connected = self.frame()
            assert self.connected.command == 'CONNECTED', self.connected
            assert self.connected.headers['version'] == version, self.connected

    def octets(self, octets):
        self.socket.sendall(octets)

    def say(self, command, body=b'', **headers):
        """Headers by name, `_` for `-`."""
        lines = [command] + [f'{k.replace("_", "-")}:{v}' for k, v in headers.items()]
        self.octets('\n'.join(lines).encode() + b'\n\n' + body + b'\0')

    def frame(self, patience_s=PATIENCE_S):
        """The next frame. Bodies end by content-length, which MESSAGE and ERROR have."""
        end = time.monotonic() + patience_s
        while True:
            at = len(self.buffer) - len(self.buffer.lstrip(b'\n'))
            self.beats += at
            self.buffer = self.buffer[at:]
            n = self.whole()
            if n:
                octets, self.buffer = self.buffer[:n - 1], self.buffer[n:]
                return Frame(octets)
            if self.is_over:
                raise Closed(self.buffer)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError(self.buffer)
            self.more()

    def whole(self):
        head = self.buffer.find(b'\n\n')
        if head < 0:
            return 0
        length = re.search(rb'\ncontent-length:(\d+)\n', self.buffer[:head + 1])
        end = head + 2 + int(length[1]) if length else self.buffer.find(b'\0', head + 2)
        if end < 0 or len(self.buffer) <= end:
            return 0
        assert self.buffer[end] == 0, self.buffer
        return end + 1

    def more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b''
        self.buffer += data
        self.is_over |= not data

    def expect(self, command, **headers):
        """The next frame, which must be this."""
        f = self.frame()
        assert f.command == command, f
        for name, value in headers.items():
            assert f.headers.get(name.replace('_', '-')) == value, (name, value, f)
        return f

    def receipt(self, command, body=b'', **headers):
        """Says a frame and waits until it has taken effect; gives what came before."""
        self.say(command, body, receipt='r', **headers)
        before = []
        while True:
            f = self.frame()
            if f.command == 'RECEIPT' and f.headers['receipt-id'] == 'r':
                return before
            assert f.command != 'ERROR', f
            before.append(f)

    def is_closed(self):
        """True: the broker closes, and says nothing more."""
        try:
            raise AssertionError(self.frame())
        except Closed as e:
            return not str(e).strip("b'\\n")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
