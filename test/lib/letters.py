"""letters -- messages that die from queue to queue, for a broker that is killed meanwhile.

Everything is rejected, goes from one queue to the next, is rejected there, expires in a third and
goes from there to two others, one of which has priorities. What was confirmed has come to both ends
when the rest of the way is walked. What was between two queues when the broker was killed may have
come twice, and nothing else.
"""
import asyncio
import collections

import amqp
from amqp import Connection, method, short
from ledger import HEAD, body_of

PATIENCE_S = 60
UNDER_WAY_MAX = 1024                    # LIMIT_DEAD_LETTERS, of one queue
WAY, WAITING, ENDS = ('first', 'second'), 'third', ('end.one', 'end.two')
TTL_MS, PRIORITY_MAX = 20, 4
QUEUES = (
    (ENDS[0], {}),
    (ENDS[1], {'x-max-priority': PRIORITY_MAX}),
    (WAITING, {'x-message-ttl': TTL_MS, 'x-dead-letter-exchange': 'amq.fanout'}),
    (WAY[1], {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': WAITING}),
    (WAY[0], {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': WAY[1]}),
)


class Letters:
    """What was confirmed, and how often it has come to each end."""
    STRIKES = (50, 500, 2000)

    def __init__(self, rng):
        self.rng, self.next_seq, self.confirmed, self.kills_n = rng, 0, set(), 0
        self.came = {end: collections.Counter() for end in ENDS}

    async def prepare(self, port):
        """After each start."""
        c = await Connection.open(port)
        for queue, arguments in QUEUES:
            await c.declare(queue, table=amqp.table(arguments))
        for end in ENDS:
            await c.call(1, method(amqp.QUEUE_BIND, b'\0\0', short(end), short('amq.fanout'),
                                   b'\0\0', amqp.NO_TABLE), amqp.QUEUE_BIND_OK)
        await c.close()

    # ---- until the kill

    def tasks(self, port, happened):
        """What is done until the broker is killed; each thing done is told by happened()."""
        self.kills_n += 1
        return [self.publish(port, happened)] + [self.die(port, queue, happened) for queue in WAY
                                                 if self.rng.random() < 0.9]

    def message(self):
        self.next_seq += 1
        size = self.rng.randrange(140000, 400000) if self.rng.random() < 0.004 \
            else self.rng.randrange(3000)
        return self.next_seq, body_of(1, self.next_seq, size)

    async def publish(self, port, happened):
        c, unconfirmed, tag = await Connection.open(port), {}, 0
        window = self.rng.choice((1, 50, 500))

        def pump():
            nonlocal tag
            while len(unconfirmed) < window:
                tag += 1
                unconfirmed[tag], body = self.message()
                c.write(amqp.publish(1, '', WAY[0], body,
                                     priority=self.rng.randrange(PRIORITY_MAX + 2)))

        def on_confirm(channel, confirmed, is_multiple, is_ack):
            for one in [t for t in unconfirmed if t <= confirmed] if is_multiple else [confirmed]:
                self.confirmed.add(unconfirmed.pop(one))
                happened()
            pump()

        c.on_confirm = on_confirm
        await c.confirm()
        pump()
        await c.lost

    async def die(self, port, queue, happened):
        await (await reject(port, queue, self.rng.choice((1, 20, 1000)), happened)).lost

    # ---- the rest of the way

    def missing(self):
        return {end: self.confirmed - set(came) for end, came in self.came.items()}

    async def settle(self, port):
        """Rejects the rest, takes what comes to the ends, and compares."""
        c = await Connection.open(port, channels_n=2)
        rest = [await reject(port, queue, 1000) for queue in WAY]

        def on_delivery(channel, tag, is_redelivered, body):
            seq, size = HEAD.unpack_from(body)[1:]
            assert body == body_of(1, seq, size), f'message {seq} came damaged'
            self.came[ENDS[channel - 1]][seq] += 1

        c.on_delivery = on_delivery
        for channel, end in enumerate(ENDS, 1):
            await c.call(channel, amqp.consume(end, no_ack=True), amqp.BASIC_CONSUME_OK)
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while loop.time() < end:
            ready = [await rest[0].declare(queue, 3) for queue in WAY + (WAITING,) + ENDS]
            if not any(ready) and not any(self.missing().values()):
                break
        for one in [c] + rest:
            await one.close()
        self.check()

    def check(self):
        for end, lost in self.missing().items():
            assert not lost, f'{len(lost)} of {len(self.confirmed)} are not in {end}: {min(lost)}'
        for end, came in self.came.items():
            again = sum(n - 1 for n in came.values())
            assert again <= 3 * UNDER_WAY_MAX * self.kills_n, (end, again, self.kills_n)
            assert max(came.values(), default=0) <= 8 ** min(self.kills_n, 3), came.most_common(3)

    def told(self):
        again = max(sum(n - 1 for n in came.values()) for came in self.came.values())
        return f'{len(self.confirmed)} letters, {again} of them again'


async def reject(port, queue, prefetch, happened=lambda: None):
    """A consumer that rejects everything."""
    c = await Connection.open(port)

    def on_delivery(channel, tag, is_redelivered, body):
        c.send(1, amqp.settle(amqp.BASIC_REJECT, tag))
        happened()

    c.on_delivery = on_delivery
    await c.call(1, amqp.qos(prefetch), amqp.BASIC_QOS_OK)
    await c.call(1, amqp.consume(queue), amqp.BASIC_CONSUME_OK)
    return c
