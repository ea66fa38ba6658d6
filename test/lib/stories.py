"""stories -- operations of AMQP 0-9-1 drawn at random, for two brokers to be compared by.

    for step in story(seed, steps):     [name, connection, channel, arguments], as peer.py plays it

A story is of one kind, which says what there is in it beside plain queues and exchanges:

- plain: classic queues, exchanges of the four old types.
- replicated: quorum queues and a stream beside a classic queue.
- routed: exchanges of all types, bound to each other, with alternates, many of them internal.
- timed: messages and queues that expire. After each step that may begin or end such a time the
  story waits until all queues stand still (`rest`), so that no clock decides what comes next.
- settled: messages that are published, taken and settled with tags that are there, mostly, also in
  transactions; what is rejected is dead-lettered, mostly, and then looked at.
- limited: the same with a quorum queue and its delivery limit.
- transacted: transactions over several queues, classic and quorum, some of them full, with dead
  letters, returns, mistakes and rollbacks.
- consumers: several consumers of one queue, with priorities, prefetch of their own and of the
  channel, exclusive ones and queues with a single active consumer.
- streams: readers of a stream that begin at offsets and acknowledge.
- access: users with patterns, in `test/interop/differ/definitions.json`.

What a broker may choose freely is not drawn: of several consumers each has a priority of its own,
of the channels of a connection that ends one gives something back to those who stay, an exchange
that picks one of its bindings has one queue, and no transaction publishes while its channel
consumes, for whether that or what it gives back comes first is not said.
"""
import random

from story_access import Access
from story_consumers import Consumers
from story_kinds import Replicated, Routed, Timed
from story_plain import BAD, Plain
from story_settled import Limited, Settled
from story_streams import Streams
from story_transacted import Transacted

KINDS = dict(plain=Plain, replicated=Replicated, routed=Routed, timed=Timed, settled=Settled,
             limited=Limited, transacted=Transacted, consumers=Consumers, streams=Streams,
             access=Access)


def story(seed, steps, kinds=tuple(KINDS)):
    """Channel 9 is for transactions, the others confirm; a queue has one consumer at most where
    nothing else is said, because whose turn it is among several is the broker's to choose."""
    rng = random.Random(seed)
    drawn, consumed = KINDS[rng.choice(kinds)](rng), {}
    made = drawn.begin()
    while len(made) < steps:
        name = rng.choices(list(drawn.weights), drawn.weights.values())[0]
        if '.' not in name:
            made += getattr(drawn, f'{name}_steps')()
            continue
        arguments = drawn.arguments(name)
        is_tx = name.startswith('tx.') and rng.random() > BAD
        channel = 9 if is_tx or rng.random() < 0.05 else rng.choice((1, 2))
        if name == 'basic.consume':
            if arguments['queue'] in consumed:
                continue
            consumed[arguments['queue']] = True
        made.append([name, rng.choice(drawn.connections), channel, arguments])
        made += drawn.then(name, arguments)
    return made
