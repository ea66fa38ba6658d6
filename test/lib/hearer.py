"""hearer -- a client of MQTT that hears what it publishes itself, and counts.

    h = Hearer(client)               which has subscribed to `own` with QoS 2
    h.publish(number, id, qos, size)
    while not h.is_done():
        h.go_on()
    assert h.heard == h.sent         numbers, by QoS
"""
import select
import socket

from mqtt import (PATIENCE_S, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Message, packet, publish,
                  take_var, u16)


class Hearer:
    """A client that hears what it publishes, of all QoS at once, and reads while it writes."""

    def __init__(self, client):
        self.c, self.out, self.owed_n = client, b'', 0
        self.sent, self.heard = [[], [], []], [[], [], []]

    def publish(self, number, id, qos, size):
        self.out += publish('own', b'%06d' % number + bytes(size), version=self.c.version,
                            qos=qos, id=id)
        self.sent[qos].append(number)
        self.owed_n += qos > 0

    def hear(self, kind, flags, body):
        if kind == PUBLISH:
            m = Message(flags, body, self.c.version)
            self.heard[m.qos].append(int(m.payload[:6]))
            self.owed_n += m.qos == 2
            kind, body = (0, PUBACK, PUBREC)[m.qos], u16(m.id or 0)
        else:
            self.owed_n -= kind in (PUBACK, PUBCOMP, PUBREL)
            kind = {PUBREC: PUBREL, PUBREL: PUBCOMP}.get(kind, 0)
        if kind:
            self.out += packet(kind, 2 if kind == PUBREL else 0, body[:2])

    def go_on(self):
        """Until the socket takes no more, and what has come is heard."""
        readable, writable, _ = select.select([self.c.sock], [self.c.sock] if self.out else [], [],
                                              PATIENCE_S)
        assert readable or writable, [len(s) - len(h) for s, h in zip(self.sent, self.heard)]
        if writable:
            self.out = self.out[self.c.sock.send(self.out[:65536], socket.MSG_DONTWAIT):]
        if readable:
            self.c.fill()
        while packet_is_there(self.c.buffer):
            self.hear(*self.c.packet())

    def is_done(self):
        return not self.out and not self.owed_n and all(
            len(h) >= len(s) for s, h in zip(self.sent, self.heard))


def packet_is_there(buffer):
    for n in range(2, 6):
        if len(buffer) >= n and buffer[n - 1] < 128:
            size, at = take_var(buffer, 1)
            return len(buffer) >= at + size
    return False
