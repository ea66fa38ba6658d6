"""steps -- AMQP 0-9-1 one step after the other, over anything that carries octets.

    client = Client(Socket(sock)).log_in()       or over a websocket.WebSocket
    client.call(1, declare('q'), QUEUE_DECLARE_OK)
"""
import struct

from amqp import (BASIC_DELIVER, CHANNEL_OPEN, CHANNEL_OPEN_OK, CONNECTION_CLOSE,
                  CONNECTION_CLOSE_OK, CONNECTION_OPEN, CONNECTION_OPEN_OK, CONNECTION_START,
                  CONNECTION_START_OK, CONNECTION_TUNE, CONNECTION_TUNE_OK, NO_TABLE, frame,
                  long_string, method, short)


class Socket:
    """A socket as a link."""

    def __init__(self, sock):
        self.sock = sock

    def send_bytes(self, data):
        self.sock.sendall(data)

    def receive_bytes(self):
        return self.sock.recv(65536)


class Client:
    """AMQP 0-9-1 one step after the other, over whatever `link` is."""

    def __init__(self, link, cut=None):
        self.link, self.cut, self.bytes = link, cut, b''

    def send(self, data):
        for i in range(0, len(data), self.cut or len(data)):
            self.link.send_bytes(data[i:i + (self.cut or len(data))])

    def frame(self):
        while True:
            if len(self.bytes) >= 7:
                kind, channel, n = struct.unpack_from('>BHI', self.bytes)
                if len(self.bytes) >= n + 8:
                    payload, self.bytes = self.bytes[7:7 + n], self.bytes[n + 8:]
                    return kind, channel, payload
            data = self.link.receive_bytes()
            if not data:
                raise EOFError('the broker has ended the connection')
            self.bytes += data

    def expect(self, number):
        kind, _, payload = self.frame()
        assert kind == 1 and struct.unpack_from('>I', payload)[0] == number, (kind, payload[:40])
        return payload[4:]

    def call(self, channel, method, answer):
        self.send(frame(1, channel, method))
        return self.expect(answer)

    def log_in(self):
        self.send(b'AMQP\0\0\x09\x01')
        self.expect(CONNECTION_START)
        self.send(frame(1, 0, method(
            CONNECTION_START_OK, NO_TABLE, short('PLAIN'),
            long_string(b'\0guest\0guest'), short('en_US'))))
        self.expect(CONNECTION_TUNE)
        self.send(frame(1, 0, method(CONNECTION_TUNE_OK,
                                               struct.pack('>HIH', 2047, 131072, 0))))
        self.call(0, method(CONNECTION_OPEN, short('/'), b'\0', b'\0'),
                  CONNECTION_OPEN_OK)
        self.call(1, method(CHANNEL_OPEN, b'\0'), CHANNEL_OPEN_OK)
        return self

    def body(self):
        """The next delivery's."""
        self.expect(BASIC_DELIVER)
        n, body = struct.unpack_from('>Q', self.frame()[2], 4)[0], b''
        while len(body) < n:
            body += self.frame()[2]
        return body

    def log_out(self):
        self.call(0, method(CONNECTION_CLOSE, b'\0\xc8\0\0\0\0\0'),
                  CONNECTION_CLOSE_OK)
