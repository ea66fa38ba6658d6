"""story_transacted -- transactions over several queues; stories.py says what is in the kind."""
from story_plain import BAD, MISSING, Plain

TOOK = ('q1', 'q4')     # from these a transaction takes


class Transacted(Plain):
    """q1 and q4 are limited, mostly, and what dies in them goes to q2. A transaction publishes or
    gives back, never both: which of the two RabbitMQ does first decides what a full queue drops.
    From a replicated queue it gives back nothing, and none refuses: RabbitMQ's are full one message
    later."""
    weights, queues = {'round': 1}, ('q1', 'q2', 'q3', 'q4')

    def limited(self, overflows):
        made = {}
        if self.chance(0.6):
            made['x-max-length'] = self.rng.choice((1, 2, 3))
            if self.chance(0.7):
                made['x-overflow'] = self.rng.choice(overflows)
        if self.chance(0.7):
            made.update({'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q2'})
        return made

    def begin(self):
        refuse = ('reject-publish', 'reject-publish-dlx')
        made = [('q1', self.limited(('drop-head',) + refuse)),
                ('q2', {'x-max-length': 3} if self.chance(0.3) else {}),
                ('q3', {'x-message-ttl': 0} if self.chance(0.2) else {}),
                ('q4', dict(self.limited(('drop-head',)), **{'x-queue-type': 'quorum'}))]
        return ([['queue.declare', 1, 1, {'queue': queue, 'durable': True, 'arguments': arguments}]
                 for queue, arguments in made]
                + [['exchange.declare', 1, 1, {'exchange': 'x1', 'type': 'fanout'}]]
                + [['queue.bind', 1, 1, {'queue': queue, 'exchange': 'x1', 'routing_key': ''}]
                   for queue in self.rng.sample(self.queues, 2)])

    def publish_step(self, channel):
        """To one queue, to two, or to none."""
        made = dict(self.basic_publish(), exchange='', routing_key=self.rng.choice(self.queues),
                    properties={'delivery_mode': self.rng.choice((1, 2))})
        if self.chance(0.3):
            made['exchange'] = 'x1'
        elif self.chance(0.15):
            made.update(routing_key='nowhere', mandatory=True)
        return ['basic.publish', 1, channel, made]

    def mistake(self, tag):
        """Closes the channel, and the transaction is as if it had not been."""
        return self.rng.choice((
            ['basic.publish', 1, 9, dict(self.basic_publish(), exchange=MISSING, properties={})],
            ['basic.ack', 1, 9, {'delivery_tag': tag + 5, 'multiple': False}],
            ['confirm.select', 1, 9, {}], ['channel.close', 1, 9, {}]))

    def settle_step(self, held, gives_back):
        rng, name = self.rng, self.rng.choice(('ack', 'reject', 'nack'))
        tag = rng.choice(list(held))
        made = {'delivery_tag': tag}
        if name != 'ack':
            made['requeue'] = gives_back and self.chance(0.5)
        if name != 'reject':
            made['multiple'] = self.chance(0.2)
        if made.get('requeue') is False and tag != min(held):
            # in which order a commit has them die is the broker's to choose
            name, made = 'ack', {'delivery_tag': tag, 'multiple': False}
        for other in [t for t in held if t == tag or made.get('multiple') and t < tag]:
            del held[other]
        return [f'basic.{name}', 1, 9, made]

    def transaction_steps(self, queue, last_tag, held):
        """A part of the channel's life from one commit or rollback to the next."""
        gives_back, made = queue == 'q1' and self.chance(0.4), []
        before = dict(held)
        for _ in range(self.rng.randint(2, 4)):
            if held and (gives_back or self.chance(0.4)):
                made.append(self.settle_step(held, gives_back))
            elif not gives_back:
                made.append(self.publish_step(9))
        if self.chance(BAD):
            return made + [self.mistake(last_tag)]
        if self.chance(0.7):
            return made + [['tx.commit', 1, 9, {}]]
        held.update(before)
        return made + [['tx.rollback', 1, 9, {}]]

    def round_steps(self):
        queue, rest = self.rng.choice(TOOK), ['rest', 1, 1, {'queues': list(self.queues)}]
        made = [self.publish_step(1) for _ in range(self.rng.randint(1, 3))]
        made += [['basic.publish', 1, 1, {'exchange': '', 'routing_key': queue, 'mandatory': True,
                                          'properties': {}, 'body': 'taken'}],
                 ['tx.select', 1, 9, {}]]
        n = self.rng.randint(1, 2)
        made += [['basic.get', 1, 9, {'queue': queue}]] * n
        held = dict.fromkeys(range(1, n + 1))
        for _ in range(self.rng.randint(1, 2)):
            made += self.transaction_steps(queue, n, held) + [rest]
        return made + [['channel.close', 1, 9, {}], rest,
                       *[['basic.get', 2, 1, {'queue': self.rng.choice(self.queues),
                                              'no_ack': True}] for _ in range(2)]]
