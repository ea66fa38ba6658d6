"""story_plain -- plain operations of AMQP 0-9-1, and the names and values all kinds draw from."""

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
           'tx.select': 1, 'tx.commit': 2, 'tx.rollback': 1, 'confirm.select': 0.5,
           'channel.flow': 0.3, 'asked': 1}
# What a mistaken client sends as an argument of a queue.
WRONG = ('x-message-ttl', 'x-expires', 'x-max-length', 'x-max-length-bytes', 'x-max-priority',
         'x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-overflow', 'x-queue-type',
         'x-single-active-consumer', 'x-delivery-limit', 'x-max-age', 'x-queue-mode',
         'x-dead-letter-strategy', 'x-queue-leader-locator', 'x-nonsense')
REPLIES = 'amq.rabbitmq.reply-to'


class Plain:
    """Draws the operations of a story, whatever its kind adds."""
    queues, exchanges, weights = QUEUES, EXCHANGES, WEIGHTS
    connections = (1, 1, 2)     # drawn from these

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
            name = rng.choice(WRONG)
            # no time that is over in the middle of a story, at one broker or the other
            made[name] = rng.choice((-1, 'text', True, 0, 1 << 33 if name in TIMES else 256,
                                     1 << 33, None, ['text'], {'a': 1}, ''))
        return made

    def queue_declare(self):
        rng = self.rng
        name = rng.choice(self.queues) if not self.chance(BAD) else self.some_queue()
        # ends of lines are taken out of names that are declared, and of no others
        return {'queue': name if not self.chance(BAD / 3) else name + '\r\n',
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
                'arguments': {'alternate-exchange': rng.choice(self.exchanges)
                              if not self.chance(BAD) else rng.choice((5, True, ''))}
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
        made = {'exchange': '' if self.chance(0.4) else self.some_exchange(),
                'routing_key': self.rng.choice(self.queues * 2 + KEYS),
                'mandatory': self.chance(0.3), 'properties': self.properties(),
                'body': 'm%d' % self.rng.randrange(1000)}
        if self.chance(BAD / 10):
            made['immediate'] = True
        return made

    def asked_steps(self):
        """A question whose answer comes by a name for replies, with what may go wrong."""
        rng, number, channel = self.rng, self.rng.choice(self.connections), self.rng.choice((1, 2))
        consume = ['basic.consume', number, channel, {
            'queue': REPLIES, 'no_ack': not self.chance(0.1), 'consumer_tag': 'replies'}]
        ask = ['basic.publish', number, channel, {
            'exchange': '', 'routing_key': rng.choice(self.queues), 'mandatory': True,
            'properties': {'reply_to': REPLIES}, 'body': 'asks'}]
        others = (['queue.bind', number, channel,
                   {'queue': REPLIES, 'exchange': 'amq.topic', 'routing_key': 'a'}],
                  ['queue.declare', number, channel, {'queue': REPLIES, 'passive': True}],
                  ['basic.get', number, channel, {'queue': REPLIES, 'no_ack': True}],
                  ['basic.publish', number, channel, dict(ask[3], exchange='', routing_key=REPLIES,
                                                          properties={})])
        made = ([consume] if self.chance(0.8) else []) + [ask]
        return made + ([rng.choice(others)] if self.chance(0.3) else []) + [
            ['basic.cancel', number, channel, {'consumer_tag': 'replies'}]]

    # ---- what is taken

    def basic_consume(self):
        made = {'queue': self.some_queue(), 'no_ack': self.chance(0.3),
                'consumer_tag': self.rng.choice(('c1', 'c2')), 'exclusive': self.chance(0.15)}
        if self.chance(BAD):
            made['arguments'] = {'x-priority': self.rng.choice((1, -1, 'text', True))}
        return made

    def basic_qos(self):
        made = {'prefetch_count': self.rng.choice((0, 1, 3)), 'global_qos': self.chance(0.1)}
        if self.chance(BAD):
            made['prefetch_size'] = 1
        return made

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
            'channel.flow': lambda: {'active': self.chance(0.8)},
            'basic.cancel': lambda: {'consumer_tag': rng.choice(('c1', 'c2'))},
            'basic.ack': lambda: {'delivery_tag': rng.randrange(1, 6),
                                  'multiple': self.chance(0.3)},
            'basic.reject': lambda: {'delivery_tag': rng.randrange(1, 6),
                                     'requeue': self.chance(0.5)},
            'basic.recover': lambda: {'requeue': not self.chance(BAD)},
        }
        return some[name]() if name in some else {}

    def begin(self):
        """Steps that come first: most of what is used is there in most stories."""
        made = [['queue.declare', 1, 1, dict(self.queue_declare(), queue=queue, passive=False,
                                             exclusive=False)]
                for queue in self.queues if self.chance(0.7)]
        made += [['exchange.declare', 1, 1, dict(self.exchange_declare(), passive=False)]
                 for _ in self.exchanges if self.chance(0.5)]
        return made + [['queue.bind', 1, 1, self.queue_bind()] for _ in range(3)]

    def then(self, name, arguments):
        """Steps that come right after this one."""
        return []
