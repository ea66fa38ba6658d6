"""flows -- streams that are written and read, for a broker that is killed meanwhile.

Two streams get the same messages: one keeps all, the other drops whole segments of the oldest. After
each start both are read from the first message on: what is in them is in the order in which it was
sent, undamaged and once; the one has everything that was confirmed, the other everything from the
first message on that it still has, and about as much as it was told to keep.
"""
import asyncio

import amqp
from amqp import Connection, method, short
from ledger import HEAD, body_of

PATIENCE_S, PUBLISHER = 60, 7
KEPT_BYTES, PREFETCH = 1 << 20, 200
FLOW = 'flow'
STREAMS = {
    'flow.whole': {'x-queue-type': 'stream'},
    'flow.short': {'x-queue-type': 'stream', 'x-max-length-bytes': KEPT_BYTES,
                   'x-stream-max-segment-size-bytes': 1 << 16},
}


class Flows:
    """What was sent into the streams and confirmed, until they are made anew."""
    STRIKES = (10, 200, 1000)

    def __init__(self, rng):
        self.rng, self.next_seq, self.confirmed_n = rng, 0, 0
        self.begin()

    def begin(self):
        self.first_seq, self.confirmed, self.sizes = self.next_seq, set(), {}

    async def prepare(self, port):
        """After each start."""
        c = await Connection.open(port)
        await c.call(1, method(amqp.EXCHANGE_DECLARE, b'\0\0', short(FLOW), short('fanout'), b'\2',
                               amqp.NO_TABLE), amqp.EXCHANGE_DECLARE_OK)
        for stream, arguments in STREAMS.items():
            await c.declare(stream, table=amqp.table(arguments))
            await c.call(1, method(amqp.QUEUE_BIND, b'\0\0', short(stream), short(FLOW), b'\0\0',
                                   amqp.NO_TABLE), amqp.QUEUE_BIND_OK)
            self.check(stream, await read(c, stream))
        await c.close()

    # ---- until the kill

    def tasks(self, port, happened):
        """What is done until the broker is killed; each thing done is told by happened()."""
        return [self.publish(port, happened)] + [self.follow(port, stream, happened)
                                                 for stream in STREAMS if self.rng.random() < 0.5]

    async def publish(self, port, happened):
        c, unconfirmed, tag = await Connection.open(port), {}, 0
        window = self.rng.choice((1, 20, 200))

        def pump():
            nonlocal tag
            while len(unconfirmed) < window:
                tag += 1
                self.next_seq += 1
                size = self.rng.randrange(140000, 200000) if self.rng.random() < 0.002 \
                    else self.rng.randrange(2000)
                unconfirmed[tag] = self.next_seq
                self.sizes[self.next_seq] = size
                c.write(amqp.publish(1, FLOW, '', body_of(PUBLISHER, self.next_seq, size)))

        def on_confirm(channel, confirmed, is_multiple, is_ack):
            assert is_ack, 'a message for streams was refused'
            for one in [t for t in unconfirmed if t <= confirmed] if is_multiple else [confirmed]:
                self.confirmed.add(unconfirmed.pop(one))
                happened()
            pump()

        c.on_confirm = on_confirm
        await c.confirm()
        pump()
        await c.lost

    async def follow(self, port, stream, happened):
        c, seqs = await Connection.open(port), []

        def on_delivery(channel, tag, is_redelivered, body):
            seqs.append(seq_of(stream, body, seqs))
            c.send(1, amqp.settle(amqp.BASIC_ACK, tag))
            happened()

        await attach(c, 1, stream, on_delivery, self.rng.choice(('first', 'last', 'next')))
        await c.lost

    # ---- what is there

    def check(self, stream, seqs):
        due = sorted(self.confirmed)
        if stream == 'flow.short' and seqs:
            due = [seq for seq in due if seq >= seqs[0]]
            before = sum(self.sizes[seq] for seq in self.confirmed if seq < seqs[0])
            kept = sum(self.sizes[seq] for seq in seqs)
            assert not before or kept >= KEPT_BYTES / 2, f'{stream} kept {kept} bytes'
        lost = set(due) - set(seqs)
        assert not lost, f'{len(lost)} of {len(due)} are not in {stream}: {min(lost)}'
        assert not seqs or seqs[0] > self.first_seq, f'{stream} has {seqs[0]} of before'

    async def settle(self, port):
        """Compares, and begins with new streams."""
        c = await Connection.open(port)
        for stream in STREAMS:
            self.check(stream, await read(c, stream))
            await c.call(1, method(amqp.QUEUE_DELETE, b'\0\0', short(stream), b'\0'),
                         amqp.QUEUE_DELETE_OK)
        await c.close()
        self.confirmed_n += len(self.confirmed)
        self.begin()

    def told(self):
        return f'{self.confirmed_n} in streams'


def seq_of(stream, body, before):
    """The number of the message that comes behind those."""
    publisher, seq, size = HEAD.unpack_from(body)
    assert body == body_of(publisher, seq, size) and publisher == PUBLISHER, f'{stream}: damaged'
    assert not before or seq > before[-1], f'{stream}: {seq} came after {before[-1]}'
    return seq


async def attach(c, channel, stream, on_delivery, offset):
    c.on_delivery = on_delivery
    await c.call(channel, amqp.qos(PREFETCH), amqp.BASIC_QOS_OK)
    await c.call(channel, amqp.consume(stream, table=amqp.table({'x-stream-offset': offset})),
                 amqp.BASIC_CONSUME_OK)


async def read(c, stream):
    """The numbers of all messages that are in a stream that nobody writes."""
    seqs, done = [], asyncio.get_running_loop().create_future()
    n = await c.declare(stream, 3)
    await c.open_channel(2)

    def on_delivery(channel, tag, is_redelivered, body):
        seqs.append(seq_of(stream, body, seqs))
        c.send(2, amqp.settle(amqp.BASIC_ACK, tag))
        if len(seqs) == n:
            done.set_result(None)

    if n > 0:
        await attach(c, 2, stream, on_delivery, 'first')
        await asyncio.wait((done, c.lost), timeout=PATIENCE_S,
                           return_when=asyncio.FIRST_COMPLETED)
    await c.call(2, method(amqp.CHANNEL_CLOSE, b'\0\xc8\0\0\0\0\0'), amqp.CHANNEL_CLOSE_OK)
    assert len(seqs) == n, f'{stream}: {len(seqs)} of {n} have come'
    return seqs
