"""story_kinds -- replicated, routed and timed operations; stories.py says what is in each."""
from story_plain import (BAD, EXCHANGES, FLEETING, GONE_MS, LATER_MS, MISSING, PICKING, QUEUES,
                         QUORUM, SELECTORS, SOON_MS, STREAM, WEIGHTS, Plain)


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
