"""load -- publishers, consumers and somebody who changes the topology, until the broker is killed.

All of it is random out of one generator, and all of it is told to a ledger. The broker is killed
in the middle of whatever it does when so many things have happened; what its sockets still hold is
read to the end, so that every confirm that has left it counts.
"""
import asyncio
import functools
import os
import signal
import struct

import amqp
from amqp import Connection, Lost, Refused, method, short
from ledger import Ledger, body_of

DIRECT = ('one', 'two', 'three', 'four')
FANNED = ('fan.one', 'fan.two')
QUEUES = DIRECT + FANNED
FAN = 'fan'
PUBLISHERS_N = 3
# Each publisher has a priority of its own, so that its messages stay in order.
TABLES = {'three': amqp.long_string(short('x-max-priority') + b'I' +
                                    struct.pack('>I', PUBLISHERS_N - 1)),
          'four': amqp.long_string(short('x-single-active-consumer') + b't\1')}
BACKLOG_MAX = 8000
BIG_SHARE = 0.003
PATIENCE_S = 120
SLOW_S = 10     # a fight that lasts longer ends with what happens next


class Topology:
    """Which of the queues that come and go must be there (True), must not (False), may (None)."""

    def __init__(self):
        self.is_there, self.n = {}, 0


class Load:
    def __init__(self, broker, ledger, topology, rng, strike_at, signo, slow_s, beside, watched):
        self.broker, self.ledger, self.topology, self.rng = broker, ledger, topology, rng
        self.left, self.is_over = strike_at or 0, False
        self.must_strike, self.signo, self.slow_s = bool(strike_at), signo, slow_s
        self.beside, self.watched = beside, watched

    def happened(self, what=None):
        """Something did, of the load or of what goes on beside it."""
        if self.watched in (None, what):
            self.left -= 1
        if self.left == 0 and not self.is_over:
            os.kill(self.broker.process.pid, self.signo)
            self.is_over = True

    def hurry(self):
        self.left = min(self.left, 1)

    async def run(self):
        rng = self.rng
        tasks = [self.publish(i) for i in range(PUBLISHERS_N)]
        for name in QUEUES:
            consumers_n = rng.choices((0, 1, 2), (3, 5, 2))[0]
            if len(self.ledger.queues[name].entries) > BACKLOG_MAX:
                consumers_n = 2
            tasks += [self.consume(name) for _ in range(consumers_n)]
        tasks += [self.change_topology()]
        for one in self.beside:
            tasks += one.tasks(self.broker.port, functools.partial(self.happened, one))
        asyncio.get_running_loop().call_later(self.slow_s, self.hurry)
        await asyncio.wait_for(asyncio.gather(*map(quietly, tasks)), PATIENCE_S)
        if self.must_strike and not self.is_over:
            self.ledger.problem('all connections ended before the kill')

    # ---- publishing

    async def publish(self, number):
        c = await Connection.open(self.broker.port)
        unconfirmed, window = {}, self.rng.choice((1, 20, 200, 500))
        tag = 0

        def pump():
            nonlocal tag
            frames = []
            while len(unconfirmed) < window and not self.is_over:
                tag += 1
                data, unconfirmed[tag] = self.message(number)
                frames.append(data)
            if frames:
                c.write(b''.join(frames))

        def on_confirm(channel, confirmed, is_multiple, is_ack):
            for one in [t for t in unconfirmed if t <= confirmed] if is_multiple else [confirmed]:
                if not is_ack:
                    self.ledger.problem('a message was refused')
                self.ledger.confirmed(unconfirmed.pop(one))
                self.happened()
            pump()

        c.on_confirm = on_confirm
        await c.confirm()
        pump()
        await c.lost

    def message(self, number, queue=None):
        rng = self.rng
        mode = 1 if not queue and rng.random() < 0.1 else 2
        size = rng.randrange(150000, 400000) if rng.random() < BIG_SHARE else rng.randrange(3000)
        is_fan = not queue and rng.random() < 0.3
        exchange, key = (FAN, '') if is_fan else ('', queue or rng.choice(DIRECT))
        seq, entries = self.ledger.sent(number, FANNED if is_fan else (key,), mode == 2)
        data = amqp.publish(1, exchange, key, body_of(number, seq, size), mode,
                            number % PUBLISHERS_N)
        return data, entries

    # ---- consuming

    async def consume(self, name):
        c = await Connection.open(self.broker.port)
        one = Consumer(self, c, name)
        c.on_delivery, c.on_confirm = one.on_delivery, one.on_confirm
        await c.confirm()
        prefetch = self.rng.choice((1, 10, 100, 1000))
        await c.call(1, method(amqp.BASIC_QOS, struct.pack('>IHB', 0, prefetch, 0)),
                     amqp.BASIC_QOS_OK)
        await c.call(1, amqp.consume(name), amqp.BASIC_CONSUME_OK)
        await c.lost

    # ---- queues that come and go

    async def change_topology(self):
        c, t = await Connection.open(self.broker.port), self.topology
        while True:
            names = [name for name, is_there in t.is_there.items() if is_there]
            if len(names) < 3:
                t.n += 1
                name = f'passing.{t.n}'
                t.is_there[name] = None
                await c.declare(name)
                t.is_there[name] = True
                await c.call(1, method(amqp.QUEUE_BIND, b'\0\0', short(name), short(FAN), b'\0\0',
                                       amqp.NO_TABLE), amqp.QUEUE_BIND_OK)
            else:
                name = self.rng.choice(names)
                t.is_there[name] = None
                await c.call(1, method(amqp.QUEUE_DELETE, b'\0\0', short(name), b'\0'),
                             amqp.QUEUE_DELETE_OK)
                t.is_there[name] = False
            self.happened()


class Consumer:
    """Settles what comes in every way there is; now and then publishes to its own queue: when that
    is confirmed, what was settled before is settled for good."""

    def __init__(self, load, connection, name):
        self.load, self.ledger, self.c, self.name = load, load.ledger, connection, name
        self.number = 1000 + len(self.ledger.next_seq)
        self.ledger.next_seq[self.number] = 0
        self.unsettled, self.fresh = {}, {}
        self.acked, self.marks, self.tag = [], {}, 0

    def on_delivery(self, channel, tag, is_redelivered, body):
        e = self.ledger.came(self.name, body, is_redelivered, self.fresh)
        self.unsettled[tag] = e
        self.load.happened()
        way = self.load.rng.random()
        if self.load.is_over:
            return
        if way < 0.6:
            self.settle(tag, amqp.BASIC_ACK, b'\0', [tag])
        elif way < 0.75:
            self.settle(tag, amqp.BASIC_ACK, b'\1', list(self.unsettled))
        elif way < 0.80:
            self.settle(tag, amqp.BASIC_REJECT, b'\0', [tag])
        elif way < 0.84:
            self.settle(tag, amqp.BASIC_NACK, b'\1', list(self.unsettled))
        elif way < 0.90:
            self.unsettled.pop(tag)
            self.c.send(1, method(amqp.BASIC_NACK, struct.pack('>Q', tag), b'\2'))
        elif way < 0.95:
            pass
        else:
            self.settle(tag, amqp.BASIC_ACK, b'\1', list(self.unsettled))
            self.mark()

    def settle(self, tag, number, bits, tags):
        for e in filter(None, map(self.unsettled.pop, tags)):
            self.ledger.acked(e)
            self.acked.append(e)
        self.c.send(1, method(number, struct.pack('>Q', tag), bits))

    def mark(self):
        data, entries = self.load.message(self.number, self.name)
        self.tag += 1
        self.marks[self.tag] = (self.acked, entries)
        self.acked = []
        self.c.write(data)

    def on_confirm(self, channel, confirmed, is_multiple, is_ack):
        for tag in [t for t in self.marks if t <= confirmed] if is_multiple else [confirmed]:
            acked, entries = self.marks.pop(tag)
            self.ledger.confirmed(entries)
            self.ledger.settled(self.name, acked)


async def quietly(task):
    try:
        await task
    except Lost:
        pass


# ---- between two loads

async def prepare(port):
    c = await Connection.open(port)
    await c.call(1, method(amqp.EXCHANGE_DECLARE, b'\0\0', short(FAN), short('fanout'), b'\2',
                           amqp.NO_TABLE), amqp.EXCHANGE_DECLARE_OK)
    for name in QUEUES:
        await c.declare(name, table=TABLES.get(name, amqp.NO_TABLE))
    for name in FANNED:
        await c.call(1, method(amqp.QUEUE_BIND, b'\0\0', short(name), short(FAN), b'\0\0',
                               amqp.NO_TABLE), amqp.QUEUE_BIND_OK)
    await c.close()


async def inspect(port, ledger, topology):
    """Compares a broker that has just started with what it owes."""
    c = await Connection.open(port)
    for name in QUEUES:
        try:
            ledger.check_length(name, await c.declare(name, 1))
        except Refused as e:
            ledger.problem(f'{name}: {e}')
            await c.open_channel(1)
    for name, must_be in topology.is_there.items():
        try:
            await c.declare(name, 1)
            is_there = True
        except Refused:
            is_there = False
            await c.open_channel(1)
        if must_be not in (None, is_there):
            ledger.problem(f'{name} is ' + ('there again' if is_there else 'not there any more'))
        topology.is_there[name] = is_there
    for name in [n for n, is_there in topology.is_there.items() if not is_there]:
        del topology.is_there[name]
    await c.close()


async def drain(port, ledger):
    """Empties every queue, and compares what was in it with what was owed."""
    for name in QUEUES:
        c = await Connection.open(port)
        n = await c.declare(name, 1)
        order, left, done = {}, n, asyncio.get_running_loop().create_future()

        def on_delivery(channel, tag, is_redelivered, body):
            nonlocal left
            e = ledger.came(name, body, is_redelivered, drain=order)
            if e:
                ledger.acked(e)
            left -= 1
            if left == 0:
                c.send(1, method(amqp.BASIC_ACK, struct.pack('>Q', tag), b'\1'))
                done.set_result(None)

        c.on_delivery = on_delivery
        if n > 0:
            await c.call(1, amqp.consume(name), amqp.BASIC_CONSUME_OK)
            await asyncio.wait_for(done, PATIENCE_S)
        ledger.drained(name, n)
        await c.close()
        c = await Connection.open(port)
        ledger.check_length(name, await c.declare(name, 1))
        await c.close()


class Story:
    """A broker that dies again and again: check after each start, fight, and at last drain."""

    def __init__(self, rng):
        self.rng, self.ledger, self.topology = rng, Ledger(QUEUES), Topology()
        self.is_prepared = False

    def check(self, port):
        """After every start."""
        self.ledger.next_round()
        if self.is_prepared:
            asyncio.run(inspect(port, self.ledger, self.topology))
        else:
            asyncio.run(prepare(port))
        self.is_prepared = True

    def fight(self, broker, strike_at=None, signo=signal.SIGKILL, slow_s=SLOW_S, beside=(),
              watched=None):
        """Load until the kill, or until the broker ends itself; `beside` have tasks of their own,
        of which only one's happenings may count."""
        asyncio.run(Load(broker, self.ledger, self.topology, self.rng, strike_at, signo,
                         slow_s, beside, watched).run())

    def drain(self, port):
        asyncio.run(drain(port, self.ledger))

    def verdict(self):
        """Fails with what went wrong first."""
        problems = self.ledger.problems
        assert not problems, f'{len(problems)} problems: ' + '; '.join(problems[:4])

    def told(self):
        led = self.ledger
        return f'{led.confirmed_n} confirmed, {led.came_n} delivered, {led.settled_n} settled'
