"""Rows of scale: each is tried in a daemon of its own, its memory is bounded, its cost is told.

The client is a blocking socket: commands without answers are poured in no faster than the daemon
reads them, and the answer to a passive declaration says that all before it is done.
"""
import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
from amqp import (  # noqa: E402
    BASIC_ACK, BASIC_DELIVER, BASIC_QOS, BASIC_QOS_OK, CHANNEL_OPEN, CHANNEL_OPEN_OK,
    CONFIRM_SELECT, CONFIRM_SELECT_OK, CONNECTION_CLOSE, CONNECTION_CLOSE_OK, CONNECTION_OPEN,
    CONNECTION_OPEN_OK, CONNECTION_START, CONNECTION_START_OK, CONNECTION_TUNE,
    CONNECTION_TUNE_OK, FRAME_MAX, NO_TABLE, QUEUE_BIND, QUEUE_DECLARE_OK, QUEUE_DELETE, consume,
    declare, frame, long_string, method, publish, short)
from broker import Broker  # noqa: E402

PATIENCE_S = 300
CROWD_N = 64  # who changes what is durable waits for the disk: many share a sync
KIB, MIB = 1 << 10, 1 << 20
KEPT = 9 * MIB  # tables that have grown and what the heap keeps: of a tenth, more than half of all
TICKS = os.sysconf('SC_CLK_TCK')
DURABLE, NO_WAIT, PASSIVE = 2, 16, 1


class Wire:
    """A connection, or as much of one as pouring needs."""

    def __init__(self, port, channels_n=1):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.socket.sendall(b'AMQP\0\0\x09\x01')
        self.wait(CONNECTION_START)
        self.send(0, method(CONNECTION_START_OK, NO_TABLE, short('PLAIN'),
                            long_string(b'\0guest\0guest'), short('en_US')))
        self.wait(CONNECTION_TUNE)
        self.send(0, method(CONNECTION_TUNE_OK, struct.pack('>HIH', 2047, FRAME_MAX, 0)))
        self.call(0, method(CONNECTION_OPEN, short('/'), b'\0', b'\0'), CONNECTION_OPEN_OK)
        for channel in range(1, channels_n + 1):
            self.call(channel, method(CHANNEL_OPEN, b'\0'), CHANNEL_OPEN_OK)

    def send(self, channel, payload):
        self.socket.sendall(frame(1, channel, payload))

    def pour(self, payloads, channel=1, at_once=1000):
        some = []
        for one in payloads:
            some.append(frame(1, channel, one))
            if len(some) == at_once:
                self.socket.sendall(b''.join(some))
                some.clear()
        self.socket.sendall(b''.join(some))

    def frames(self):
        """(kind, channel, payload), as they come."""
        while True:
            while len(self.buffer) >= 8:
                kind, channel, n = struct.unpack_from('>BHI', self.buffer)
                if len(self.buffer) < n + 8:
                    break
                payload = bytes(self.buffer[7:7 + n])
                del self.buffer[:n + 8]
                yield kind, channel, payload
            part = self.socket.recv(MIB)
            if not part:
                raise AssertionError('the daemon hung up')
            self.buffer += part

    def wait(self, number):
        for kind, _, payload in self.frames():
            if kind == 1:
                got = struct.unpack_from('>I', payload)[0]
                if got == number:
                    return payload[4:]
                if got & 0xffff == 40 and got >> 16 in (10, 20) or got == CONNECTION_CLOSE:
                    raise AssertionError(payload[4:].decode(errors='replace'))

    def call(self, channel, payload, answer):
        self.send(channel, payload)
        return self.wait(answer)

    def ready(self, queue):
        """The length of a queue, once all that was poured before is done."""
        args = self.call(1, declare(queue, PASSIVE), QUEUE_DECLARE_OK)
        return struct.unpack_from('>I', args, 1 + args[0])[0]

    def close(self):
        self.call(0, method(CONNECTION_CLOSE, b'\0\xc8\0\0\0\0\0'), CONNECTION_CLOSE_OK)
        self.socket.close()


def crowd(port, payloads_of, n):
    """Many connections pour: payloads_of(i) are those of the i-th of n things."""
    wires = [Wire(port) for _ in range(min(CROWD_N, n))]
    for first in range(0, n, 100 * len(wires)):
        for k, wire in enumerate(wires):
            mine = range(first + k, min(n, first + 100 * len(wires)), len(wires))
            wire.pour(payload for i in mine for payload in payloads_of(i))
    for wire in wires:
        wire.call(2, method(CHANNEL_OPEN, b'\0'), CHANNEL_OPEN_OK)
        wire.close()


class Machine:
    """A daemon: what it holds, and what it has spent since it was last asked."""

    def __init__(self, build, *settings, data_dir=None):
        began = time.monotonic()
        self.broker = Broker(data_dir, path=os.path.join(build, 'godwitd'),
                             settings=('loops=2', 'log.connection.level=warning') + settings)
        self.start_s = time.monotonic() - began
        self.pid, self.port, self.spent_s = self.broker.process.pid, self.broker.port, 0
        self.at_first, self.settings = self.held(), settings

    def kib(self, what):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as status:
            return int(re.search(rf'{what}:\s*(\d+) kB', status.read())[1])

    def held(self):
        return self.kib('VmRSS') * KIB

    def grown(self):
        return self.held() - self.at_first

    def peak(self):
        return self.kib('VmHWM') * KIB

    def lap(self):
        """CPU seconds since the last lap."""
        with open(f'/proc/{self.pid}/stat', encoding='ascii') as stat:
            words = stat.read().rsplit(')', 1)[1].split()
        before, self.spent_s = self.spent_s, (int(words[11]) + int(words[12])) / TICKS
        return self.spent_s - before

    def spent_ns(self):
        """CPU of all threads so far, finer than a lap."""
        spent = 0
        for task in os.listdir(f'/proc/{self.pid}/task'):
            with open(f'/proc/{self.pid}/task/{task}/schedstat', encoding='ascii') as stat:
                spent += int(stat.read().split()[0])
        return spent

    def again(self):
        """Kills it; a new one with what it left."""
        self.broker.kill()
        then = Machine.__new__(Machine)
        then.__init__(os.path.dirname(self.broker.process.args[0]), *self.settings,
                      data_dir=self.broker.data_dir)
        return then

    def end(self):
        assert self.broker.end() == 0 and not self.broker.errors, self.broker.errors[-300:]


def at_most(what, value, bound):
    assert value <= bound, f'{what}: {value:.1f}, not {bound:.1f}'


def bind(queue, exchange, key):
    return method(QUEUE_BIND, b'\0\0', short(queue), short(exchange), short(key), b'\1', NO_TABLE)


def delete(queue):
    return method(QUEUE_DELETE, b'\0\0', short(queue), b'\4')


def queues(machine, n):
    """Idle durable queues: declared, found after a kill, deleted."""
    some = n // 10  # what the first ones cost is more than themselves: buffers, pools, tables
    crowd(machine.port, lambda i: [declare(f'scale.{i}', DURABLE | NO_WAIT)], some)
    before = machine.held()
    crowd(machine.port, lambda i: [declare(f'scale.{i + some}', DURABLE | NO_WAIT)], n - some)
    each, declared_s = (machine.held() - before) / (n - some), machine.lap()
    peak = machine.peak()
    again = machine.again()
    with again.broker:
        found_s, found_each = again.start_s, again.held() / n
        wire = Wire(again.port)
        assert wire.ready('scale.0') == wire.ready(f'scale.{n - 1}') == 0
        again.lap()
        crowd(again.port, lambda i: [delete(f'scale.{i}')], n)
        deleted_s = again.lap()
        again.end()
    at_most('bytes of an idle queue', each, 600)
    return (f'{each:.0f} B each, peak {peak / MIB:.0f} MiB, declared in {declared_s:.1f} s of CPU, '
            f'there {found_s:.1f} s after kill -9 ({found_each:.0f} B each), '
            f'deleted in {deleted_s:.1f} s')


def bindings(machine, n):
    """Bindings of a topic exchange to one queue."""
    wire = Wire(machine.port)
    wire.pour([declare('scale', DURABLE | NO_WAIT)])
    wire.ready('scale')
    some = n // 10
    crowd(machine.port,
          lambda i: [bind('scale', 'amq.topic', f'a{i % 1000}.b{i // 1000}.#')], some)
    wire.ready('scale')
    before = machine.held()
    crowd(machine.port,
          lambda i: [bind('scale', 'amq.topic', f'a{(i + some) % 1000}.b{(i + some) // 1000}.#')],
          n - some)
    each, made_s = (machine.held() - before) / (n - some), machine.lap()
    peak = machine.peak()
    wire.socket.sendall(publish(1, 'amq.topic', 'a7.b0.x', b'x'))
    assert wire.ready('scale') == 1
    again = machine.again()
    with again.broker:
        found_s = again.start_s
        wire = Wire(again.port)
        wire.socket.sendall(publish(1, 'amq.topic', f'a7.b{n // 1000 - 1}.x', b'x'))
        assert wire.ready('scale') >= 1
        again.lap()
        wire.pour([delete('scale'), declare('scale.end', DURABLE | NO_WAIT)])
        wire.ready('scale.end')
        deleted_s = again.lap()
        again.end()
    at_most('bytes of a binding', each - KEPT / (n - some), 100)
    return (f'{each:.0f} B each, peak {peak / MIB:.0f} MiB, made in {made_s:.1f} s of CPU, there '
            f'{found_s:.1f} s after kill -9, gone with their queue in {deleted_s:.1f} s')


def connections(machine, n):
    """Idle connections with a channel and a consumer each."""
    wires = []
    for _ in range(n):
        wires.append(Wire(machine.port))
    each, opened_s = machine.grown() / n, machine.lap()
    for wire in wires:
        wire.pour([declare('scale', NO_WAIT), consume('scale', True)])
    for wire in wires:
        wire.ready('scale')
    consuming, consumed_s = machine.grown() / n, machine.lap()
    for wire in wires[1:]:
        wire.socket.close()
    wires[0].close()
    last = Wire(machine.port)
    while struct.unpack_from('>I', last.call(1, declare('scale', PASSIVE), QUEUE_DECLARE_OK),
                             10)[0]:
        pass
    closed_s = machine.lap()
    at_most('bytes of a connection', each, 4 * KIB)
    at_most('bytes of a connection that consumes', consuming, 8 * KIB)
    return (f'{each / KIB:.1f} KiB each with a channel, {consuming / KIB:.1f} KiB with a consumer of '
            f'one queue, too; opened in {opened_s:.1f} s of CPU, consumers in {consumed_s:.1f} s, '
            f'all lost in {closed_s:.1f} s')


def channels(machine, n):
    """Channels of one connection, each with its queue and consumer."""
    wire = Wire(machine.port, n)
    each, opened_s = machine.grown() / n, machine.lap()
    for channel in range(1, n + 1):
        wire.pour([declare(f'scale.{channel}', NO_WAIT), consume(f'scale.{channel}', True)],
                  channel)
        wire.socket.sendall(publish(channel, '', f'scale.{channel}', b'x'))
    got = set()
    for kind, channel, payload in wire.frames():
        if kind == 1 and struct.unpack_from('>I', payload)[0] == BASIC_DELIVER:
            got.add(channel)
            if len(got) == n:
                break
    used_s, with_queue = machine.lap(), machine.grown() / n
    wire.close()
    closed_s = machine.lap()
    at_most('bytes of a channel', each, 4 * KIB)
    return (f'{each / KIB:.1f} KiB each, {with_queue / KIB:.1f} KiB with a queue and its consumer; '
            f'opened in {opened_s:.2f} s of CPU, a message through each in {used_s:.2f} s, closed '
            f'in {closed_s:.2f} s')


def deliveries(wire, n):
    """Waits for so many."""
    for kind, _, payload in wire.frames():
        if kind == 1 and struct.unpack_from('>I', payload)[0] == BASIC_DELIVER:
            n -= 1
            if n == 0:
                return


def unsettled(machine, n):
    """Messages that one channel holds: given back by its loss; then settled singly, newest first."""
    wire = Wire(machine.port)
    wire.pour([declare('scale', DURABLE | NO_WAIT)])
    for _ in range(n // 1000):
        wire.socket.sendall(publish(1, '', 'scale', b'x' * 100) * 1000)
    assert wire.ready('scale') == n
    filled, _ = machine.grown(), machine.lap()
    wire.send(1, consume('scale'))
    deliveries(wire, n)
    each, given_s = (machine.grown() - filled) / n, machine.lap()
    wire.socket.close()
    wire = Wire(machine.port)
    while wire.ready('scale') < n:
        pass
    back_s = machine.lap()
    wire.send(1, consume('scale'))
    deliveries(wire, n)
    machine.lap()
    wire.pour(method(BASIC_ACK, struct.pack('>QB', tag, 0)) for tag in range(n, 0, -1))
    assert wire.ready('scale') == 0
    settled_s = machine.lap()
    wire.close()
    at_most('bytes of an unsettled message', each, 200)
    return (f'{each:.0f} B each more than in the queue; given in {given_s:.2f} s of CPU, back in '
            f'{back_s:.2f} s when their channel was lost, settled one by one, newest first, in '
            f'{settled_s:.2f} s')


def copies(machine, n):
    """A message to many queues."""
    wire = Wire(machine.port)
    wire.call(1, method(CONFIRM_SELECT, b'\0'), CONFIRM_SELECT_OK)
    crowd(machine.port, lambda i: [declare(f'scale.{i}', DURABLE | NO_WAIT),
                                   bind(f'scale.{i}', 'amq.fanout', '')], n)
    machine.lap()
    took = []
    for mode in (1, 2, 2):
        before = machine.grown()
        wire.socket.sendall(publish(1, 'amq.fanout', '', b'x' * KIB, mode))
        wire.wait(BASIC_ACK)
        took.append((machine.grown() - before, machine.lap()))
    assert wire.ready(f'scale.{n - 1}') == 3
    again = machine.again()
    with again.broker:
        wire = Wire(again.port)
        assert wire.ready('scale.0') == wire.ready(f'scale.{n - 1}') == 2
        again.end()
    at_most('bytes of a copy', max(grown for grown, _ in took) / n, 1.25 * KIB)
    return (f'transient: {took[0][0] / n:.0f} B and {took[0][1] / n * 1e6:.2f} us of CPU a copy; '
            f'durable, confirmed: {took[1][0] / n:.0f} B and {took[1][1] / n * 1e6:.2f} us, the second '
            f'{took[2][0] / n:.0f} B and {took[2][1] / n * 1e6:.2f} us')


def large(machine, n):
    """One durable message of so many MiB: in, and out again after a kill."""
    wire = Wire(machine.port)
    wire.call(1, method(CONFIRM_SELECT, b'\0'), CONFIRM_SELECT_OK)
    wire.pour([declare('scale', DURABLE | NO_WAIT)])
    piece = os.urandom(FRAME_MAX - 8)
    size = n * MIB
    wire.socket.sendall(frame(1, 1, method((60 << 16) | 40, b'\0\0', short(''), short('scale'),
                                           b'\0')))
    wire.socket.sendall(frame(2, 1, struct.pack('>HHQHB', 60, 0, size, 0x1000, 2)))
    for at in range(0, size, len(piece)):
        wire.socket.sendall(frame(3, 1, piece[:size - at]))
    wire.wait(BASIC_ACK)
    taken_s, peak = machine.lap(), machine.peak()
    again = machine.again()
    with again.broker:
        wire = Wire(again.port)
        again.lap()
        wire.send(1, consume('scale', True))
        at = 0
        for kind, _, payload in wire.frames():
            if kind == 3:
                start = at % len(piece)
                assert (piece + piece)[start:start + len(payload)] == payload, at
                at += len(payload)
                if at == size:
                    break
        given_s, given_peak = again.lap(), again.peak()
        again.end()
    at_most('MiB at most while it comes', peak / MIB, 64)
    at_most('MiB at most while it goes', given_peak / MIB, 64)
    return (f'peak {peak / MIB:.0f} MiB while it came, {taken_s:.2f} s of CPU; {given_peak / MIB:.0f} '
            f'MiB while it went, {given_s:.2f} s')


# row: (how many, settings)
ROWS = {queues: (100000, ()), bindings: (1000000, ()), connections: (10000, ()),
        channels: (2047, ()), unsettled: (100000, ()), copies: (50000, ()),
        large: (512, ('max_message_size=536870912',))}


def scale(build, words=(), part=1, *, rows):
    """Yields (name, figures, None or what is wrong) of each row, with a part of its number."""
    for row, (n, settings) in rows.items():
        if words and row.__name__ not in words:
            continue
        name = f'{row.__name__} {n // part}'
        machine = Machine(build, *settings)
        with machine.broker:
            try:
                yield name, row(machine, n // part), None
            except (AssertionError, OSError, RuntimeError) as why:
                yield name, '', f'{why} {machine.broker.log[-4:]}'
