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

What a broker may choose freely is not drawn: a queue has one consumer at most, an exchange that
picks one of its bindings has one queue, and no transaction publishes while its channel consumes,
for whether that or what it gives back comes first is not said.
"""
import random

KEYS = ('a', 'a.b', 'a.b.c', 'b', '')
PATTERNS = KEYS + ('#', '*', 'a.*', 'a.#', '*.b.#')
OLD_TYPES = ('direct', 'fanout', 'topic', 'headers')
HEADERS = ({}, {'h': 1}, {'h': 'one'}, {'h': 1, 'k': True}, {'x-h': 1}, {'h': None},
           {'h': 1, 'x-h': 'one'})
MATCHES = ({}, {'x-match': 'all', 'h': 1}, {'x-match': 'any', 'h': 1, 'k': True}, {'h': 'one'},
           {'x-match': 'all-with-x', 'x-h': 1}, {'x-match': 'any', 'h': None},
           {'x-match': 'any-with-x', 'x-h': 1, 'k': True}, {'x-match': 'any', 'x-h': 1},
           {'x-match': 'all-with-x', 'h': 1, 'x-h': 'one'})
TIMES = ('x-message-ttl', 'x-expires')
BAD = 0.06      # the part of values that are drawn from what a mistaken client sends
SOON_MS, LATER_MS, GONE_MS = 60, 1000, 5000
QUEUES, EXCHANGES = ('q1', 'q2', 'q3'), ('x1', 'x2', 'x3')
QUORUM, STREAM, FLEETING = ('q4', 'q5'), 's1', 'q6'
# Exchanges of plug-ins: their type, and the only queue to which one that chooses may be bound.
PICKING = {'x4': ('x-consistent-hash', 'q1'), 'x5': ('x-random', 'q2'),
           'x6': ('x-modulus-hash', 'q3')}
SELECTORS = ("{'=',{'ident',<<\"h\">>},1}.", "{'is_null',{'ident',<<\"k\">>}}.",
             "{'or',{'=',{'ident',<<\"h\">>},<<\"one\">>},{'ident',<<\"k\">>}}.")
MISSING = 'missing'     # what is seldom there; a mistaken story may declare it, too
ALL_QUEUES = QUEUES + QUORUM + (STREAM, FLEETING, MISSING)
ALL_EXCHANGES = EXCHANGES + tuple(PICKING) + ('x7', 'x8', MISSING)

WEIGHTS = {'basic.publish': 30, 'basic.get': 10, 'queue.declare': 12, 'queue.bind': 8,
           'exchange.declare': 6, 'basic.ack': 6, 'basic.nack': 4, 'basic.reject': 4,
           'basic.consume': 5, 'basic.cancel': 2, 'exchange.bind': 3, 'exchange.unbind': 1,
           'queue.unbind': 2, 'queue.purge': 1, 'queue.delete': 2, 'exchange.delete': 1,
           'basic.qos': 2, 'basic.recover': 1, 'channel.close': 1, 'connection.close': 1,
           'tx.select': 1, 'tx.commit': 2, 'tx.rollback': 1}


class Plain:
    """Draws the operations of a story, whatever its kind adds."""
    queues, exchanges, weights = QUEUES, EXCHANGES, WEIGHTS

    def __init__(self, rng):
        self.rng = rng

    def chance(self, part):
        return self.rng.random() < part

    def some_queue(self):
        return self.rng.choice(('', MISSING, 'amq.nope') if self.chance(BAD) else self.queues)

    def some_exchange(self):
        if self.chance(BAD):
            return self.rng.choice(('', MISSING, 'amq.nope'))
        return self.rng.choice(self.exchanges + ('amq.topic', 'amq.headers', 'amq.fanout',
                                                 'amq.direct'))

    # ---- what is declared

    def dead_letters(self, made):
        made['x-dead-letter-exchange'] = self.rng.choice(('',) + self.exchanges)
        if self.chance(0.5):
            made['x-dead-letter-routing-key'] = self.rng.choice(self.queues + KEYS)

    def queue_arguments(self):
        rng, made = self.rng, {}
        if self.chance(0.2):
            made['x-max-length'] = rng.choice((0, 1, 3))
        if self.chance(0.1):
            made['x-overflow'] = rng.choice(('drop-head', 'reject-publish', 'reject-publish-dlx'))
        if self.chance(0.2):
            self.dead_letters(made)
        if self.chance(0.1):
            made['x-max-priority'] = rng.choice((0, 1, 5, 10))
        if self.chance(0.05):
            made['x-single-active-consumer'] = True
        if self.chance(0.1):
            made['x-message-ttl'] = rng.choice((0, 3600000))
        if self.chance(BAD):
            name = rng.choice(('x-message-ttl', 'x-expires', 'x-max-length', 'x-max-priority',
                               'x-dead-letter-exchange', 'x-overflow', 'x-nonsense'))
            # no time that is over in the middle of a story, at one broker or the other
            made[name] = rng.choice((-1, 'text', True, 0, 1 << 33 if name in TIMES else 256,
                                     1 << 33))
        return made

    def queue_declare(self):
        return {'queue': self.rng.choice(self.queues) if not self.chance(BAD)
                else self.some_queue(),
                'durable': self.chance(0.5), 'exclusive': self.chance(0.1),
                'auto_delete': self.chance(0.1), 'passive': self.chance(0.2),
                'arguments': self.queue_arguments()}

    def exchange_declare(self):
        rng = self.rng
        return {'exchange': rng.choice(self.exchanges) if not self.chance(BAD)
                else self.some_exchange(),
                'type': 'bogus' if self.chance(BAD / 2) else rng.choice(OLD_TYPES),
                'durable': self.chance(0.5), 'auto_delete': self.chance(0.1),
                'internal': self.chance(0.05), 'passive': self.chance(0.1),
                'arguments': {'alternate-exchange': rng.choice(self.exchanges)}
                if self.chance(0.1) else {}}

    def queue_delete(self):
        return {'queue': self.some_queue(), 'if_unused': self.chance(0.3),
                'if_empty': self.chance(0.3)}

    # ---- what is bound

    def binding(self):
        made = {'routing_key': self.rng.choice(PATTERNS)}
        if self.chance(0.4):
            made['arguments'] = self.rng.choice(MATCHES)
        if self.chance(BAD / 2):
            made['arguments'] = {'x-match': self.rng.choice(('most', 5)), 'h': 1}
        return made

    def queue_bind(self):
        return dict(self.binding(), queue=self.some_queue(), exchange=self.some_exchange())

    def exchange_bind(self):
        return dict(self.binding(), destination=self.rng.choice(self.exchanges),
                    source=self.some_exchange())

    # ---- what is sent

    def properties(self):
        rng = self.rng
        made = {'headers': rng.choice(HEADERS)} if self.chance(0.5) else {}
        if self.chance(0.3):
            made['delivery_mode'] = rng.choice((1, 2))
        if self.chance(0.2):
            made['priority'] = rng.choice((0, 1, 4, 9, 200))
        if self.chance(0.1):
            made['expiration'] = rng.choice(('3600000', '0'))
        if self.chance(0.1):
            made['headers'] = dict(made.get('headers', {}), CC=[rng.choice(self.queues)])
        if self.chance(BAD):
            name = rng.choice(('expiration', 'user_id', 'CC', 'BCC'))
            if name.isupper():
                made['headers'] = {name: rng.choice(('q1', 5))}
            else:
                made[name] = rng.choice(('abc', '-1', 'root'))
        return made

    def basic_publish(self):
        return {'exchange': '' if self.chance(0.4) else self.some_exchange(),
                'routing_key': self.rng.choice(self.queues * 2 + KEYS),
                'mandatory': self.chance(0.3), 'properties': self.properties(),
                'body': 'm%d' % self.rng.randrange(1000)}

    # ---- what is taken

    def basic_consume(self):
        return {'queue': self.some_queue(), 'no_ack': self.chance(0.3),
                'consumer_tag': self.rng.choice(('c1', 'c2')), 'exclusive': self.chance(0.15)}

    def basic_nack(self):
        return {'delivery_tag': self.rng.randrange(1, 6), 'multiple': self.chance(0.3),
                'requeue': self.chance(0.5)}

    def arguments(self, name):
        """Of an operation, drawn at random."""
        rng = self.rng
        own = getattr(self, name.replace('unbind', 'bind').replace('.', '_'), None)
        if own:
            return own()
        some = {
            'exchange.delete': lambda: {'exchange': self.some_exchange(),
                                        'if_unused': self.chance(0.5)},
            'queue.purge': lambda: {'queue': self.some_queue()},
            'basic.get': lambda: {'queue': self.some_queue(), 'no_ack': self.chance(0.3)},
            'basic.qos': lambda: {'prefetch_count': rng.choice((0, 1, 3)),
                                  'global_qos': self.chance(0.1)},
            'basic.cancel': lambda: {'consumer_tag': rng.choice(('c1', 'c2'))},
            'basic.ack': lambda: {'delivery_tag': rng.randrange(1, 6),
                                  'multiple': self.chance(0.3)},
            'basic.reject': lambda: {'delivery_tag': rng.randrange(1, 6),
                                     'requeue': self.chance(0.5)},
            'basic.recover': lambda: {'requeue': not self.chance(BAD)},
        }
        return some[name]() if name in some else {}

    def begin(self):
        """Steps that come first."""
        return []

    def then(self, name, arguments):
        """Steps that come right after this one."""
        return []


class Replicated(Plain):
    """Nothing is requeued but by basic.reject: where it goes then, and what counts as a delivery,
    RabbitMQ 4 has changed."""
    queues = ('q1',) + QUORUM + (STREAM,)
    weights = dict(WEIGHTS, **{'basic.recover': 0, 'basic.qos': 5, 'basic.consume': 8,
                               'exchange.declare': 3, 'exchange.bind': 1, 'basic.ack': 8})

    def queue_arguments_of(self, queue):
        rng, made = self.rng, {'x-queue-type': 'stream' if queue == STREAM else 'quorum'}
        if queue == STREAM:
            if self.chance(0.2):
                made['x-max-length-bytes'] = rng.choice((0, 1 << 30))
            if self.chance(0.2):
                made['x-max-age'] = rng.choice(('1D', '7h'))
        else:
            if self.chance(0.2):
                made['x-max-length'] = rng.choice((1, 3))
            if self.chance(0.1):
                made['x-overflow'] = rng.choice(('drop-head', 'reject-publish'))
            if self.chance(0.3):
                self.dead_letters(made)
            if self.chance(0.3):
                made['x-delivery-limit'] = rng.choice((0, 1, 2))
            if self.chance(0.05):
                made['x-single-active-consumer'] = True
        if self.chance(BAD):
            name = rng.choice(('x-message-ttl', 'x-max-length', 'x-delivery-limit', 'x-max-age',
                               'x-queue-type', 'x-quorum-initial-group-size', 'x-nonsense'))
            made[name] = rng.choice((-1, 'text', True, 'classic'))
        return made

    def queue_declare(self):
        made = super().queue_declare()
        if made['queue'] in QUORUM + (STREAM,):
            made.update(durable=not self.chance(BAD), exclusive=self.chance(BAD / 2),
                        auto_delete=self.chance(BAD / 2),
                        arguments=self.queue_arguments_of(made['queue']))
        return made

    def queue_delete(self):
        made = super().queue_delete()
        if made['queue'] in QUORUM and not self.chance(BAD):
            made.update(if_unused=False, if_empty=False)
        return made

    def basic_nack(self):
        return dict(super().basic_nack(), requeue=False)

    def basic_consume(self):
        made = super().basic_consume()
        if self.chance(0.8 if made['queue'] == STREAM else BAD):
            made['arguments'] = {'x-stream-offset': self.rng.choice(
                ('first', 'next', 'last', 0, 1, 5) if not self.chance(BAD) else ('soon', True))}
        return made

    def begin(self):
        """Each of them is there in most stories, and who consumes may."""
        made = [['queue.declare', 1, 1, dict(self.queue_declare(), queue=queue, passive=False,
                                             durable=True, exclusive=False, auto_delete=False,
                                             arguments=self.queue_arguments_of(queue))]
                for queue in QUORUM + (STREAM,)]
        return made + [['basic.qos', 1, c, {'prefetch_count': 3, 'global_qos': False}]
                       for c in (1, 2)]


class Routed(Plain):
    exchanges = EXCHANGES + tuple(PICKING) + ('x7', 'x8')
    weights = dict(WEIGHTS, **{'exchange.declare': 12, 'exchange.bind': 10, 'exchange.unbind': 3,
                               'queue.bind': 12, 'exchange.delete': 2, 'basic.consume': 2})

    def exchange_declare(self):
        rng, made = self.rng, super().exchange_declare()
        name = made['exchange']
        made['internal'] = self.chance(0.2)
        made['arguments'] = {}
        if self.chance(0.35):
            made['arguments']['alternate-exchange'] = \
                rng.choice(self.exchanges + (MISSING,)) if not self.chance(BAD) else 5
        if name in PICKING and not self.chance(BAD):
            made['type'] = PICKING[name][0]
        if name == 'x7' and not self.chance(BAD):
            made['type'] = 'x-recent-history'
            if self.chance(0.5):
                made['arguments']['x-recent-history-length'] = rng.choice((1, 2, 3))
        if name == 'x8' and not self.chance(BAD):
            made['type'] = 'x-jms-topic'
        return made

    def suited(self, made, source):
        """The binding as that source takes it."""
        if source == 'x4':
            made['routing_key'] = self.rng.choice(('1', '2', '10') if not self.chance(BAD)
                                                  else ('a', '', '-1', '1.5'))
        if source == 'x8':
            made['arguments'] = {'rjms_erlang_selector': self.rng.choice(SELECTORS)} \
                if self.chance(0.9) else {}
        return made

    def queue_bind(self):
        made = super().queue_bind()
        if made['exchange'] in PICKING:
            made['queue'] = PICKING[made['exchange']][1]
        return self.suited(made, made['exchange'])

    def exchange_bind(self):
        made = super().exchange_bind()
        while made['source'] in PICKING:
            made['source'] = self.some_exchange()
        return self.suited(made, made['source'])

    def properties(self):
        made = super().properties()
        if self.chance(0.1):
            made['headers'] = dict(made.get('headers', {}), **{'x-recent-history-no-store': True})
        return made


class Timed(Plain):
    """Nothing goes back to a queue whose messages expire: RabbitMQ looks at their times when they
    come to its head."""
    weights = dict(WEIGHTS, **{'connection.close': 0, 'queue.declare': 14, 'basic.consume': 3,
                               'fleeting': 1})

    def queue_arguments(self):
        made = super().queue_arguments()
        made.pop('x-expires', None)
        if self.chance(0.4):
            made['x-message-ttl'] = SOON_MS
        if self.chance(0.3):
            self.dead_letters(made)
        return made

    def properties(self):
        made = super().properties()
        if self.chance(0.3):
            made['expiration'] = str(SOON_MS)
        return made

    def then(self, name, arguments):
        if name in ('basic.publish', 'basic.reject', 'basic.nack', 'basic.recover', 'basic.cancel',
                    'channel.close', 'tx.commit', 'queue.delete', 'basic.ack'):
            return [['rest', 1, 1, {'queues': list(QUEUES)}]]
        return []

    def fleeting_steps(self):
        """A queue that nobody uses and that goes; what is in it dies with it. With a consumer it
        stays."""
        made = [['queue.declare', 1, 1, {
            'queue': FLEETING, 'durable': self.chance(0.5), 'auto_delete': self.chance(0.2),
            'arguments': {'x-expires': LATER_MS, 'x-dead-letter-exchange': '',
                          'x-dead-letter-routing-key': 'q1'}}]]
        if self.chance(0.5):
            made.append(['basic.publish', 1, 1, {
                'exchange': '', 'routing_key': FLEETING, 'mandatory': True, 'properties': {},
                'body': 'gone'}])
        return made + [['gone', 1, 1, {'queue': FLEETING, 'ms': GONE_MS}],
                       ['rest', 1, 1, {'queues': list(QUEUES)}]]


class Settled(Plain):
    """Messages come to q1 through x1 and die into q2. Only one channel takes them at a time; what
    it has tags for is reckoned here, so that most of what is settled is there."""
    weights = {'round': 1}

    def __init__(self, rng):
        super().__init__(rng)
        self.at, self.ready = 1, 0      # the channel that takes; in q1, if nothing went wrong
        self.forget()

    def forget(self):
        self.is_consuming, self.held, self.last_tag = False, [], 0
        self.undone, self.requeued_n, self.sent_n = [], 0, 0    # of the transaction

    def begin(self):
        kind, arguments = self.rng.choice(('direct', 'fanout', 'topic')), {}
        if self.chance(0.8):
            arguments = {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q2'}
        if self.chance(0.2):
            arguments['x-max-priority'] = 5
        return [['queue.declare', 1, 1, {'queue': 'q1', 'durable': self.chance(0.5),
                                         'arguments': arguments}],
                ['queue.declare', 1, 1, {'queue': 'q2', 'durable': self.chance(0.5)}],
                ['exchange.declare', 1, 1, {'exchange': 'x1', 'type': kind}],
                ['queue.bind', 1, 1, {'queue': 'q1', 'exchange': 'x1', 'routing_key': 'a'}]]

    def publish_step(self, channel):
        made = dict(self.basic_publish(), exchange='x1', routing_key='a', properties={
            'headers': self.rng.choice(HEADERS[:5]), 'delivery_mode': self.rng.choice((1, 2))})
        return ['basic.publish', 1, channel, made]

    def give(self, n):
        """So many messages are ready once more; a consumer has them at once."""
        self.ready += n
        if self.is_consuming:
            self.hold(self.ready)

    def hold(self, n):
        self.held += range(self.last_tag + 1, self.last_tag + n + 1)
        self.last_tag += n
        self.ready -= n

    def take_steps(self):
        self.is_consuming = self.chance(0.5)
        if self.is_consuming:
            self.hold(self.ready)
            return [['basic.consume', 1, self.at, {'queue': 'q1', 'consumer_tag': 'c1'}]]
        n = self.rng.randint(1, self.ready)
        self.hold(n)
        return [['basic.get', 1, self.at, {'queue': 'q1'}]] * n

    def settle_step(self):
        """One, several or all; a tag that is not held closes the channel."""
        rng, name = self.rng, self.rng.choice(('ack', 'nack', 'nack', 'reject', 'reject'))
        tag = rng.choice(self.held) if not self.chance(BAD) else rng.randint(1, self.last_tag + 1)
        made = {'delivery_tag': tag}
        if name != 'reject':
            made['multiple'] = self.chance(0.3)
        if name != 'ack':
            made['requeue'] = self.chance(0.4)
        gone = [t for t in self.held if t == tag or made.get('multiple') and t < tag]
        self.held = [t for t in self.held if t not in gone]
        back_n = len(gone) * made.get('requeue', False)
        if self.at == 9:
            self.undone += gone
            self.requeued_n += back_n
        else:
            self.give(back_n)
        return [f'basic.{name}', 1, self.at, made]

    def recover_step(self):
        back_n, self.held = len(self.held), []
        self.give(back_n)
        return ['basic.recover', 1, self.at, {'requeue': True}]

    def end_steps(self):
        """Of a transaction: what was settled in it is so, or is held as before."""
        if self.chance(0.7):
            self.give(self.requeued_n + self.sent_n)
            name = 'tx.commit'
        else:
            self.held = sorted(self.held + self.undone)
            name = 'tx.rollback'
        self.undone, self.requeued_n, self.sent_n = [], 0, 0
        return [[name, 1, 9, {}]]

    def leave_steps(self):
        """What is held goes back, and what has died is looked at by another."""
        self.ready += len(self.held + self.undone)
        self.forget()
        return [['channel.close', 1, self.at, {}],
                ['rest', 1, 1, {'queues': ['q1', 'q2']}],
                *[['basic.get', 2, 1, {'queue': 'q2', 'no_ack': True}]] * 2]

    def round_steps(self):
        self.at = 9 if self.chance(0.35) else 2
        n = self.rng.randint(2, 4)
        made = [self.publish_step(1) for _ in range(n)]
        self.give(n)
        made += [['tx.select', 1, 9, {}]] * (self.at == 9) + self.take_steps()
        for _ in range(self.rng.randint(3, 7)):
            if self.at == 9 and not self.is_consuming and self.chance(0.2):
                made.append(self.publish_step(9))
                self.sent_n += 1
            elif self.at == 9 and self.chance(0.3):
                made += self.end_steps()
            elif self.held:
                made.append(self.recover_step() if self.chance(0.1) else self.settle_step())
        if self.at == 9:
            made += self.end_steps()
        return made + self.leave_steps()


KINDS = dict(plain=Plain, replicated=Replicated, routed=Routed, timed=Timed, settled=Settled)


def story(seed, steps, kinds=tuple(KINDS)):
    """Channel 9 is for transactions, the others confirm; a queue has one consumer at most, because
    whose turn it is among several is the broker's to choose."""
    rng = random.Random(seed)
    drawn, consumed = KINDS[rng.choice(kinds)](rng), {}
    made = drawn.begin()
    while len(made) < steps:
        name = rng.choices(list(drawn.weights), drawn.weights.values())[0]
        if '.' not in name:
            made += getattr(drawn, f'{name}_steps')()
            continue
        arguments = drawn.arguments(name)
        channel = 9 if name.startswith('tx.') or rng.random() < 0.05 else rng.choice((1, 2))
        if name == 'basic.consume':
            if arguments['queue'] in consumed:
                continue
            consumed[arguments['queue']] = True
        made.append([name, rng.choice((1, 1, 2)), channel, arguments])
        made += drawn.then(name, arguments)
    return made
