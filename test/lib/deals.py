"""deals -- transactions under kills: each is all there, or nothing of it.

Each dealer takes a coin from a queue, and in one transaction gives it up and publishes the deal to
some queues, durable all of them: plain ones, one with priorities, a stream, and one in which a deal
expires and goes on as a dead letter. When everything is taken, a deal is in all its queues or in
none, a committed one is there, and each coin is there or has become exactly one deal. Only a dead
letter may have come twice.
"""
import asyncio
import struct

import amqp
from amqp import Connection, method, short

PATIENCE_S, COINS_N, DEALERS_N = 60, 300, 4
STREAM, DYING, DEAD, COINS = 'deals.stream', 'deals.dying', 'deals.dead', 'coins'
TARGETS = {
    'deals.0': {}, 'deals.1': {}, 'deals.2': {},
    'deals.priority': {'x-max-priority': 9},
    STREAM: {'x-queue-type': 'stream'},
    DYING: {'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': DEAD},
}
READ_FROM = [DEAD if target == DYING else target for target in TARGETS]


class Deals:
    """Where each deal should be, and which were committed; until everything is taken."""
    STRIKES = (5, 40, 100)

    def __init__(self, rng):
        self.rng, self.number, self.committed_n = rng, 0, 0
        self.begin()

    def begin(self):
        self.deals, self.committed, self.laid_n = {}, set(), 0
        self.before = self.number
        self.where, self.coins, self.stream_n = {}, [], 0

    async def prepare(self, port):
        """After each start. There are always enough coins for a kill."""
        c = await Connection.open(port)
        for queue, arguments in TARGETS.items():
            await c.declare(queue, table=amqp.table(arguments))
        await c.declare(DEAD)
        if await c.declare(COINS) < COINS_N // 2:
            await c.call(1, method(amqp.TX_SELECT), amqp.TX_SELECT_OK)
            for coin in range(self.laid_n, self.laid_n + COINS_N):
                c.write(amqp.publish(1, '', COINS, struct.pack('>I', coin)))
            await c.call(1, method(amqp.TX_COMMIT), amqp.TX_COMMIT_OK)
            self.laid_n += COINS_N
        await c.close()

    # ---- until the kill

    def tasks(self, port, happened):
        """What is done until the broker is killed; each thing done is told by happened()."""
        return [self.deal(port, happened) for _ in range(DEALERS_N)]

    async def deal(self, port, happened):
        c, coins = await Connection.open(port), asyncio.Queue()
        c.on_delivery = lambda channel, tag, is_redelivered, body: coins.put_nowait((tag, body))
        c.lost.add_done_callback(lambda _: coins.put_nowait((None, b'')))
        await c.call(1, method(amqp.TX_SELECT), amqp.TX_SELECT_OK)
        await c.call(1, amqp.qos(2), amqp.BASIC_QOS_OK)
        await c.call(1, amqp.consume(COINS), amqp.BASIC_CONSUME_OK)
        while (one := await coins.get())[0]:
            tag, coin = one
            self.number += 1
            number = self.number
            queues = self.rng.sample(list(TARGETS), self.rng.randrange(1, len(TARGETS)))
            self.deals[number] = (set(queues), coin)
            size = self.rng.randrange(200000) if self.rng.random() < 0.05 else 30
            for queue in queues:
                c.write(amqp.publish(1, '', queue, struct.pack('>I', number) + coin + bytes(size),
                                     priority=self.rng.randrange(10)))
            c.send(1, amqp.settle(amqp.BASIC_ACK, tag))
            await c.call(1, method(amqp.TX_COMMIT), amqp.TX_COMMIT_OK)
            self.committed.add(number)
            happened()

    # ---- everything is taken

    async def settle(self, port):
        c = await Connection.open(port, channels_n=len(READ_FROM) + 2)
        channels = dict(enumerate(READ_FROM + [COINS], 1))

        def on_delivery(channel, tag, is_redelivered, body):
            if channels[channel] == STREAM:
                c.send(channel, amqp.settle(amqp.BASIC_ACK, tag))
            self.came(channels[channel], body)

        c.on_delivery, asking = on_delivery, len(READ_FROM) + 2
        in_stream = await c.declare(STREAM, 3, asking)
        for channel, queue in channels.items():
            is_stream = queue == STREAM
            await c.call(channel, amqp.qos(100), amqp.BASIC_QOS_OK)
            await c.call(channel, amqp.consume(queue, not is_stream, amqp.table(
                {'x-stream-offset': 'first'} if is_stream else {})), amqp.BASIC_CONSUME_OK)
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while loop.time() < end:    # the last dead letters are under way for a while
            ready = [await c.declare(queue, 3, asking) for queue in (COINS, DYING, *READ_FROM)
                     if queue != STREAM]
            if not any(ready) and self.stream_n == in_stream and not self.problem():
                break
        assert self.stream_n == in_stream, f'{self.stream_n} of {in_stream} deals of the stream'
        assert not self.problem(), self.problem()
        await c.close()
        c = await Connection.open(port)
        await c.call(1, method(amqp.QUEUE_DELETE, b'\0\0', short(STREAM), b'\0'),
                     amqp.QUEUE_DELETE_OK)
        await c.close()
        self.committed_n += len(self.committed)
        self.begin()

    def came(self, queue, body):
        if queue == COINS:
            self.coins.append(bytes(body))
            return
        number, queue = struct.unpack_from('>I', body)[0], DYING if queue == DEAD else queue
        if number <= self.before and queue == DYING:
            return  # the second coming of what was looked at long ago
        found = self.where.setdefault(number, set())
        assert queue not in found or queue == DYING, f'deal {number} twice in {queue}'
        found.add(queue)
        self.stream_n += queue == STREAM

    def problem(self):
        """What is wrong with what has come; None: nothing."""
        for number, queues in self.where.items():
            if queues != self.deals[number][0]:
                return f'deal {number} is in {queues}, not {self.deals[number][0]}'
        if self.committed - set(self.where):
            return f'lost: {self.committed - set(self.where)}'
        coins = self.coins + [self.deals[number][1] for number in self.where]
        if sorted(coins) != [struct.pack('>I', coin) for coin in range(self.laid_n)]:
            return f'{len(coins)} coins, not {self.laid_n}'
        return None

    def told(self):
        return f'{self.committed_n} deals'
