"""story_settled -- messages that are taken and settled; stories.py says what is in each kind."""
from story_plain import BAD, HEADERS, Plain


class Settled(Plain):
    """Messages come to a queue through x1 and die into q2. Only one channel takes them at a time;
    what it has tags for is reckoned here, so that most of what is settled is there."""
    weights, queue, limit, modes = {'round': 1}, 'q1', None, (1, 2)

    def __init__(self, rng):
        super().__init__(rng)
        self.at, self.ready = 1, []     # the channel that takes; how often what waits came back
        self.forget()

    def forget(self):
        self.is_consuming, self.held, self.last_tag = False, {}, 0     # held: by tag, how often
        self.undone, self.returned, self.sent_n = {}, [], 0     # of the transaction
        self.died = 0       # the last tag of what dies in it

    def declaration(self):
        arguments = {}
        if self.chance(0.8):
            arguments = {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q2'}
        if self.chance(0.2):
            arguments['x-max-priority'] = 5
        return {'queue': self.queue, 'durable': self.chance(0.5), 'arguments': arguments}

    def begin(self):
        kind = self.rng.choice(('direct', 'fanout', 'topic'))
        return [['queue.declare', 1, 1, self.declaration()],
                ['queue.declare', 1, 1, {'queue': 'q2', 'durable': self.chance(0.5)}],
                ['exchange.declare', 1, 1, {'exchange': 'x1', 'type': kind}],
                ['queue.bind', 1, 1, {'queue': self.queue, 'exchange': 'x1', 'routing_key': 'a'}]]

    def publish_step(self, channel):
        made = dict(self.basic_publish(), exchange='x1', routing_key='a', properties={
            'headers': self.rng.choice(HEADERS[:5]), 'delivery_mode': self.rng.choice(self.modes)})
        return ['basic.publish', 1, channel, made]

    def give(self, returned, new_n=0):
        """What waits more now; a consumer has it at once."""
        self.ready = returned + self.ready + [0] * new_n
        if self.is_consuming:
            self.hold(len(self.ready))

    def hold(self, n):
        self.held.update(zip(range(self.last_tag + 1, self.last_tag + n + 1), self.ready))
        self.last_tag += n
        self.ready = self.ready[n:]

    def live(self, counts):
        """Of what came back so often: what has not died of it."""
        return [n for n in counts if self.limit is None or n <= self.limit]

    def take_steps(self):
        self.is_consuming = self.chance(0.5)
        if self.is_consuming:
            self.hold(len(self.ready))
            return [['basic.consume', 1, self.at, {'queue': self.queue, 'consumer_tag': 'c1'}]]
        n = self.taken_n()
        self.hold(n)
        return [['basic.get', 1, self.at, {'queue': self.queue}]] * n

    def taken_n(self):
        return self.rng.randint(1, max(len(self.ready), 1))

    def settlement(self):
        """One, several or all; a tag that is not held closes the channel."""
        rng, name = self.rng, self.rng.choice(('ack', 'nack', 'nack', 'reject', 'reject'))
        tag = (rng.choice(list(self.held)) if not self.chance(BAD)
               else rng.randint(1, self.last_tag + 1))
        made = {'delivery_tag': tag}
        if name != 'reject':
            made['multiple'] = self.chance(0.3)
        if name != 'ack':
            made['requeue'] = self.chance(0.4)
        return name, made

    def settle_step(self):
        name, made = self.settlement()
        tag, is_failure = made['delivery_tag'], name == 'reject'
        if tag not in self.held:
            self.lose()
            return [f'basic.{name}', 1, self.at, made]
        gone = {t: n for t, n in self.held.items()
                if t == tag or made.get('multiple') and t < tag}
        self.held = {t: n for t, n in self.held.items() if t not in gone}
        back = self.live([n + is_failure for n in gone.values()]) if made.get('requeue') else []
        if self.at == 9 and name != 'ack' and len(back) < len(gone):
            # in which order a commit has them die is the broker's to choose
            if any(t < self.died for t in gone):
                name, back = 'ack', []
                made = {'delivery_tag': tag, 'multiple': made.get('multiple', False)}
            else:
                self.died = tag
        if self.at == 9:
            self.undone.update(gone)
            self.returned += back
        else:
            self.give(back)
        return [f'basic.{name}', 1, self.at, made]

    def recover_step(self):
        back, self.held = list(self.held.values()), {}
        self.give(back)
        return ['basic.recover', 1, self.at, {'requeue': True}]

    def end_steps(self):
        """Of a transaction: what was settled in it is so, or is held as before."""
        if self.chance(0.7):
            self.give(self.returned, self.sent_n)
            name = 'tx.commit'
        else:
            self.held = dict(sorted((self.held | self.undone).items()))
            name = 'tx.rollback'
        self.undone, self.returned, self.sent_n, self.died = {}, [], 0, 0
        return [[name, 1, 9, {}]]

    def lose(self):
        """The channel is closed, and what it held goes back."""
        self.ready = self.live([n + 1 for n in (self.held | self.undone).values()]) + self.ready
        self.forget()

    def leave_steps(self):
        """What was held is there again, and what has died is looked at by another."""
        self.lose()
        return [['channel.close', 1, self.at, {}],
                ['rest', 1, 1, {'queues': [self.queue, 'q2']}],
                *[['basic.get', 2, 1, {'queue': 'q2', 'no_ack': True}]] * 2]

    def round_steps(self):
        self.at = 9 if self.chance(0.35) else 2
        n = self.rng.randint(2, 4)
        made = [self.publish_step(1) for _ in range(n)]
        self.give([], n)
        made += [['tx.select', 1, 9, {}]] * (self.at == 9) + self.take_steps()
        for _ in range(self.rng.randint(3, 7)):
            if self.at == 9 and self.may_publish() and self.chance(0.2):
                made.append(self.publish_step(9))
                self.sent_n += 1
            elif self.at == 9 and self.chance(0.3):
                made += self.end_steps()
            elif self.held:
                made.append(self.recover_step() if self.may_recover() else self.settle_step())
        if self.at == 9:
            made += self.end_steps()
        return made + self.leave_steps()

    def may_publish(self):
        return not self.is_consuming

    def may_recover(self):
        return self.chance(0.1)


class Limited(Settled):
    """The same with a quorum queue, whose delivery limit counts what failed. RabbitMQ puts what
    comes back before all others in the order in which it came back, Godwit at its old place: only
    what leaves no doubt is given back. Where there is a limit only basic.reject gives back:
    RabbitMQ 3.10 counts basic.nack and basic.recover, too, and 4.3 does not. All messages are
    persistent: in a quorum queue of RabbitMQ they are whatever they say."""
    queue, modes = 'q4', (2,)

    def declaration(self):
        self.limit = self.rng.choice((None, 0, 1, 2, 3))
        arguments = {'x-queue-type': 'quorum'}
        if self.limit is not None:
            arguments['x-delivery-limit'] = self.limit
        if self.chance(0.8):
            arguments.update({'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q2'})
        return {'queue': self.queue, 'durable': True, 'arguments': arguments}

    def keeps_order(self, tag, is_multiple):
        """Whether giving this back leaves all in order: from the front of a queue, or what a
        consumer had last or was all that it had. Without a limit RabbitMQ puts it at the end."""
        every = self.held | self.undone
        if self.limit is None and not self.is_consuming and len(every) > 1:
            return self.at != 9 and is_multiple and tag == max(every)
        if self.at == 9:
            return (self.limit is None and not self.returned and not is_multiple
                    and tag == self.edge())
        return tag == self.edge() or is_multiple and not self.is_consuming

    def taken_n(self):
        return max(len(self.ready), 1)      # what came back before would be behind

    def edge(self):
        every = self.held | self.undone
        return max(every) if self.is_consuming else min(every)

    def settlement(self):
        name, made = super().settlement()
        if made.get('requeue'):
            if name == 'nack' and self.limit is not None:
                name = 'reject'
                made.pop('multiple')
            made['requeue'] = self.keeps_order(made['delivery_tag'], made.get('multiple', False))
        return name, made

    def may_publish(self):
        """Never in a transaction that may give back: which of the two comes first is not said."""
        return False

    def may_recover(self):
        return self.limit is None and not self.undone and super().may_recover()
