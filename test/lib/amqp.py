"""amqp -- as much of AMQP 0-9-1 as a checker needs that must not trust anybody's library.

    c = await Connection.open(port)
    c.send(1, method(QUEUE_DECLARE, ...))           no answer is awaited
    args = await c.call(1, method(...), QUEUE_DECLARE_OK)

Deliveries and confirms go to callbacks, in the order in which they came. A connection that is gone
ends every call under way with Lost, a channel closed by the broker with Refused. What a callback
asserts in vain ends the connection: its calls, and who waits until it is lost, hear of it.
"""
import asyncio
import socket
import struct

CONNECTION_START, CONNECTION_START_OK = (10 << 16) | 10, (10 << 16) | 11
CONNECTION_TUNE, CONNECTION_TUNE_OK = (10 << 16) | 30, (10 << 16) | 31
CONNECTION_OPEN, CONNECTION_OPEN_OK = (10 << 16) | 40, (10 << 16) | 41
CONNECTION_CLOSE, CONNECTION_CLOSE_OK = (10 << 16) | 50, (10 << 16) | 51
CONNECTION_BLOCKED, CONNECTION_UNBLOCKED = (10 << 16) | 60, (10 << 16) | 61
CHANNEL_OPEN, CHANNEL_OPEN_OK = (20 << 16) | 10, (20 << 16) | 11
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20 << 16) | 40, (20 << 16) | 41
EXCHANGE_DECLARE, EXCHANGE_DECLARE_OK = (40 << 16) | 10, (40 << 16) | 11
QUEUE_DECLARE, QUEUE_DECLARE_OK = (50 << 16) | 10, (50 << 16) | 11
QUEUE_BIND, QUEUE_BIND_OK = (50 << 16) | 20, (50 << 16) | 21
QUEUE_PURGE, QUEUE_PURGE_OK = (50 << 16) | 30, (50 << 16) | 31
QUEUE_DELETE, QUEUE_DELETE_OK = (50 << 16) | 40, (50 << 16) | 41
QUEUE_UNBIND, QUEUE_UNBIND_OK = (50 << 16) | 50, (50 << 16) | 51
BASIC_QOS, BASIC_QOS_OK = (60 << 16) | 10, (60 << 16) | 11
BASIC_CONSUME, BASIC_CONSUME_OK = (60 << 16) | 20, (60 << 16) | 21
BASIC_PUBLISH, BASIC_DELIVER = (60 << 16) | 40, (60 << 16) | 60
BASIC_ACK, BASIC_REJECT, BASIC_NACK = (60 << 16) | 80, (60 << 16) | 90, (60 << 16) | 120
CONFIRM_SELECT, CONFIRM_SELECT_OK = (85 << 16) | 10, (85 << 16) | 11
TX_SELECT, TX_SELECT_OK = (90 << 16) | 10, (90 << 16) | 11
TX_COMMIT, TX_COMMIT_OK = (90 << 16) | 20, (90 << 16) | 21

FRAME_MAX = 131072
NO_TABLE = b'\0\0\0\0'


class Lost(Exception):
    """The connection is gone."""


class Refused(Exception):
    """The broker closed the channel."""


def short(text):
    data = text.encode()
    return bytes([len(data)]) + data


def long_string(data):
    return struct.pack('>I', len(data)) + data


def method(number, *parts):
    return struct.pack('>I', number) + b''.join(parts)


def frame(kind, channel, payload):
    return struct.pack('>BHI', kind, channel, len(payload)) + payload + b'\xce'


def table(arguments):
    """A field table of texts and integers."""
    return long_string(b''.join(short(name) + (b'I' + struct.pack('>i', v) if isinstance(v, int)
                                               else b'S' + long_string(v.encode()))
                                for name, v in arguments.items()))


def declare(queue, bits=2, table=NO_TABLE):
    """queue.declare; bits: 1 passive, 2 durable, 4 exclusive, 8 auto-delete."""
    return method(QUEUE_DECLARE, b'\0\0', short(queue), bytes([bits]), table)


def publish(channel, exchange, key, body, mode=2, priority=0):
    """The frames of a message."""
    step = FRAME_MAX - 8
    frames = [frame(1, channel, method(BASIC_PUBLISH, b'\0\0', short(exchange), short(key), b'\0')),
              frame(2, channel, struct.pack('>HHQHBB', 60, 0, len(body), 0x1800, mode, priority))]
    frames += [frame(3, channel, body[i:i + step]) for i in range(0, len(body), step)]
    return b''.join(frames)


def consume(queue, no_ack=False, table=NO_TABLE):
    return method(BASIC_CONSUME, b'\0\0', short(queue), short(''), bytes([2 * no_ack]), table)


def qos(prefetch):
    return method(BASIC_QOS, struct.pack('>IHB', 0, prefetch, 0))


def settle(number, tag, bits=0):
    """basic.ack, reject or nack; bits: as that method has them."""
    return method(number, struct.pack('>QB', tag, bits))


class Connection(asyncio.Protocol):
    """on_delivery(channel, tag, is_redelivered, body), on_confirm(channel, tag, is_multiple, is_ack),
    on_blocked(is_blocked) may be set."""

    def __init__(self):
        self.buffer, self.waiting = bytearray(), {}
        self.delivery = {}
        self.on_delivery = self.on_confirm = self.on_blocked = None
        self.close_reason = self.failure = None
        loop = asyncio.get_running_loop()
        self.is_lost, self.lost = False, loop.create_future()

    @classmethod
    async def open(cls, port, channels_n=1):
        loop = asyncio.get_running_loop()
        try:
            _, c = await loop.create_connection(cls, '127.0.0.1', port)
        except OSError as e:
            raise Lost(str(e)) from None
        start = c.expect(0, CONNECTION_START)
        c.write(b'AMQP\0\0\x09\x01')
        await start
        tune = c.expect(0, CONNECTION_TUNE)
        capable = b''.join(short(name) + b't\x01' for name in
                           ('publisher_confirms', 'basic.nack', 'connection.blocked',
                            'consumer_cancel_notify'))
        properties = short('capabilities') + b'F' + long_string(capable)
        c.send(0, method(CONNECTION_START_OK, long_string(properties), short('PLAIN'),
                         long_string(b'\0guest\0guest'), short('en_US')))
        await tune
        c.send(0, method(CONNECTION_TUNE_OK, struct.pack('>HIH', 2047, FRAME_MAX, 0)))
        await c.call(0, method(CONNECTION_OPEN, short('/'), b'\0', b'\0'), CONNECTION_OPEN_OK)
        for channel in range(1, channels_n + 1):
            await c.open_channel(channel)
        return c

    async def open_channel(self, channel):
        await self.call(channel, method(CHANNEL_OPEN, b'\0'), CHANNEL_OPEN_OK)

    async def confirm(self, channel=1):
        await self.call(channel, method(CONFIRM_SELECT, b'\0'), CONFIRM_SELECT_OK)

    async def declare(self, queue, bits=2, channel=1, table=NO_TABLE):
        """Gives the number of ready messages."""
        args = await self.call(channel, declare(queue, bits, table), QUEUE_DECLARE_OK)
        return struct.unpack_from('>I', args, 1 + args[0])[0]

    async def close(self):
        await self.call(0, method(CONNECTION_CLOSE, b'\0\xc8\0\0\0\0\0'), CONNECTION_CLOSE_OK)
        self.transport.close()
        await self.lost

    def reset(self):
        """The end as a machine makes it whose client died with something unread."""
        sock = self.transport.get_extra_info('socket')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.transport.abort()

    def expect(self, channel, answer):
        future = asyncio.get_running_loop().create_future()
        if self.is_lost:
            future.set_exception(self.failure or Lost())
        else:
            self.waiting.setdefault(channel, []).append((answer, future))
        return future

    def call(self, channel, payload, answer):
        future = self.expect(channel, answer)
        self.send(channel, payload)
        return future

    def send(self, channel, payload):
        self.write(frame(1, channel, payload))

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    # ---- what comes

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, reason):
        self.is_lost = True
        self.failure = reason if isinstance(reason, AssertionError) else None
        for queue in self.waiting.values():
            for _, future in queue:
                if not future.done():
                    future.set_exception(self.failure or Lost(self.close_reason or str(reason)))
                    future.exception()
        if self.lost.done():
            return
        if self.failure:
            self.lost.set_exception(self.failure)
        else:
            self.lost.set_result(None)

    def data_received(self, data):
        self.buffer += data
        at, end, view = 0, len(self.buffer), bytes(self.buffer)
        while end - at >= 8:
            kind, channel, n = struct.unpack_from('>BHI', view, at)
            if end - at < n + 8:
                break
            assert view[at + 7 + n] == 0xce, 'a frame without its end'
            self.take(kind, channel, view[at + 7:at + 7 + n])
            at += n + 8
        del self.buffer[:at]

    def take(self, kind, channel, payload):
        if kind == 1:
            self.take_method(channel, struct.unpack_from('>I', payload)[0], payload[4:])
        elif kind == 2:
            self.delivery[channel][2] = struct.unpack_from('>Q', payload, 4)[0]
            self.take_body(channel, b'')
        elif kind == 3:
            self.take_body(channel, payload)

    def take_body(self, channel, part):
        d = self.delivery[channel]
        d[3].append(part)
        d[2] -= len(part)
        if d[2] == 0:
            del self.delivery[channel]
            self.on_delivery(channel, d[0], d[1], b''.join(d[3]))

    def take_method(self, channel, number, args):
        if number == BASIC_DELIVER:
            tag, redelivered = struct.unpack_from('>QB', args, 1 + args[0])
            self.delivery[channel] = [tag, bool(redelivered), 0, []]
        elif number in (BASIC_ACK, BASIC_NACK):
            tag, bits = struct.unpack_from('>QB', args)
            self.on_confirm(channel, tag, bool(bits & 1), number == BASIC_ACK)
        elif number in (CONNECTION_BLOCKED, CONNECTION_UNBLOCKED):
            if self.on_blocked:
                self.on_blocked(number == CONNECTION_BLOCKED)
        elif number == CONNECTION_CLOSE:
            self.close_reason = args.decode(errors='replace')
            self.send(0, method(CONNECTION_CLOSE_OK))
        elif number == CHANNEL_CLOSE:
            self.send(channel, method(CHANNEL_CLOSE_OK))
            reason = f'{struct.unpack_from(">H", args)[0]} {args[3:3 + args[2]].decode()}'
            for _, future in self.waiting.pop(channel, ()):
                if not future.done():
                    future.set_exception(Refused(reason))
        else:
            self.answered(channel, number, args)

    def answered(self, channel, number, args):
        wanted, future = self.waiting[channel].pop(0)
        assert wanted == number, f'{wanted:#x} was to come, not {number:#x}'
        if not future.done():
            future.set_result(args)
