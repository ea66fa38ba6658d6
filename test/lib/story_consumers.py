"""story_consumers -- several consumers of one queue; stories.py says what is in the kind."""
from story_plain import BAD, Plain

SLOTS = ((1, 1), (1, 2), (2, 1), (2, 2))    # connections and channels


class Shared:
    """What a queue and its consumers should be doing, so that tags can be drawn that are there."""

    def __init__(self, is_single):
        self.is_single, self.next_id = is_single, 0
        self.ready, self.consumers = [], []
        self.held, self.last_tag, self.bound = {}, {}, {}   # of a channel; `bound` is for all of it

    def active(self):
        """Consumers that may get something, the most important first."""
        if self.is_single:
            return self.consumers[:1]
        return sorted(self.consumers, key=lambda c: -c['priority'])

    def has_room(self, consumer):
        held = self.held.get(consumer['at'], {}).values()
        bound = self.bound.get(consumer['at'], 0)
        own_n = sum(tag == consumer['tag'] for tag, _ in held)
        return ((not consumer['prefetch'] or own_n < consumer['prefetch'])
                and (not bound or len(held) < bound))

    def give(self):
        while self.ready:
            taker = next((c for c in self.active() if c['no_ack'] or self.has_room(c)), None)
            if not taker:
                return
            at, one = taker['at'], self.ready.pop(0)
            self.last_tag[at] = self.last_tag.get(at, 0) + 1
            if not taker['no_ack']:
                self.held.setdefault(at, {})[self.last_tag[at]] = (taker['tag'], one)

    def publish(self):
        self.ready.append(self.next_id)
        self.next_id += 1
        self.give()

    def settle(self, at, tag, is_multiple, is_back):
        held = self.held.get(at, {})
        gone = [t for t in held if t == tag or is_multiple and t < tag]
        back = [held.pop(t)[1] for t in gone]
        if is_back:
            self.ready = sorted(self.ready + back)
        self.give()

    def cancel(self, tag):
        was = self.active()[:1]
        self.consumers = [c for c in self.consumers if c['tag'] != tag]
        if self.is_single and was and was[0]['tag'] == tag:
            self.consumers.sort(key=lambda c: -c['priority'])
        self.give()

    def is_used(self, at):
        return self.held.get(at) or any(c['at'] == at for c in self.consumers)

    def close(self, at):
        self.consumers = [c for c in self.consumers if c['at'] != at]
        if self.is_single:
            self.consumers.sort(key=lambda c: -c['priority'])
        self.ready = sorted(self.ready + [one for _, one in self.held.pop(at, {}).values()])
        self.last_tag.pop(at, None)
        self.bound.pop(at, None)
        self.give()


class Consumers(Plain):
    """Each consumer has a priority of its own, so that whose turn it is is no choice; what a
    channel with a bound of its own gives back would be one. Where a channel may have such a bound
    there is one consumer, with none of his own: what it holds back Godwit keeps for him."""
    weights, model, slots = {'round': 1}, None, SLOTS

    def begin(self):
        if not self.model and self.chance(0.2):
            self.slots = (self.rng.choice(SLOTS),)
        self.priorities = dict(zip(('c1', 'c2', 'c3', 'c4'), self.rng.sample((-5, 0, 3, 10), 4)))
        arguments = {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q2'}
        if self.chance(0.25):
            arguments['x-single-active-consumer'] = True
        before, self.model = self.model, Shared('x-single-active-consumer' in arguments)
        if before:      # tags go on in the channels that are there
            self.model.last_tag, self.model.bound = before.last_tag, before.bound
        return [['queue.declare', 1, 1, {'queue': 'q1', 'durable': True, 'arguments': arguments}],
                ['queue.declare', 1, 1, {'queue': 'q2', 'durable': True}]]

    def qos_step(self, at, is_global=False):
        count = self.rng.choice((1, 1, 2, 3, 0))
        self.model.bound[at] = count if is_global else 0
        return ['basic.qos', *at, {'prefetch_count': count, 'global_qos': is_global}], count

    def consume_steps(self):
        """One that is not there yet; an exclusive one closes its channel if there are others. What
        one held who was cancelled counts in RabbitMQ for the next one of that name."""
        model, rng, at = self.model, self.rng, self.rng.choice(self.slots)
        if len(self.slots) == 1 and (model.consumers or model.held.get(at)):
            return self.cancel_steps() if model.consumers else self.publish_steps()
        tags = [t for t in self.priorities if t not in [c['tag'] for c in model.consumers]
                and t not in [tag for tag, _ in model.held.get(at, {}).values()]]
        if not tags:
            return self.cancel_steps() if model.consumers else self.publish_steps()
        tag = rng.choice(tags)
        step, prefetch = self.qos_step(at, is_global=len(self.slots) == 1)
        # what a bound of the channel is to one without acks both brokers see differently
        is_no_ack = not model.bound.get(at) and self.chance(0.15)
        made = {'queue': 'q1', 'consumer_tag': tag, 'no_ack': is_no_ack,
                'exclusive': self.chance(0.1), 'arguments': {'x-priority': self.priorities[tag]}}
        steps = [step, ['basic.consume', *at, made]]
        is_refused = any(c['exclusive'] for c in model.consumers) or (
            made['exclusive'] and (model.consumers or model.is_single))
        if is_refused:
            model.close(at)
            return steps
        prefetch = 0 if len(self.slots) == 1 else prefetch
        model.consumers.append(dict(tag=tag, at=at, prefetch=prefetch, no_ack=made['no_ack'],
                                    exclusive=made['exclusive'], priority=self.priorities[tag]))
        model.give()
        return steps

    def cancel_steps(self):
        one = self.rng.choice(self.model.consumers)
        self.model.cancel(one['tag'])
        return [['basic.cancel', *one['at'], {'consumer_tag': one['tag']}]]

    def settle_steps(self):
        model, rng = self.model, self.rng
        at = rng.choice([slot for slot, held in model.held.items() if held])
        held = model.held[at]
        is_one = len({tag for tag, _ in held.values()}) == 1    # consumer's; who comes first else?
        if is_one and not model.bound.get(at) and self.chance(0.1):
            model.ready = sorted(model.ready + [one for _, one in model.held.pop(at).values()])
            model.give()
            return [['basic.recover', *at, {'requeue': True}]]
        name, tag = rng.choice(('ack', 'ack', 'nack', 'reject')), rng.choice(list(held))
        made = {'delivery_tag': tag}
        if name != 'reject':
            made['multiple'] = is_one and self.chance(0.3)
        if name != 'ack':
            made['requeue'] = not model.bound.get(at) and self.chance(0.5)
        model.settle(at, tag, made.get('multiple'), made.get('requeue'))
        return [[f'basic.{name}', *at, made]]

    def publish_steps(self):
        self.model.publish()
        return [['basic.publish', 1, 3, {
            'exchange': '', 'routing_key': 'q1', 'mandatory': self.chance(0.2), 'properties': {},
            'body': 'm%d' % self.model.next_id}]]

    def end_steps(self):
        """A connection ends, in good order or by a mistake. Which of its channels gives back first
        is RabbitMQ's to choose: if anyone could get it then, all but one are closed before."""
        model, one = self.model, self.rng.choice(self.model.consumers)
        ending = [slot for slot in SLOTS if slot[0] == one['at'][0]]
        takes_over = model.is_single or any(c['no_ack'] or c['at'] not in ending
                                            for c in model.consumers)
        before = [['channel.close', *slot, {}] for slot in ending
                  if slot != one['at'] and takes_over and model.is_used(slot)]
        for slot in sorted(ending, key=lambda slot: slot == one['at']):
            model.close(slot)
        if self.chance(0.5):
            return before + [['connection.close', *one['at'], {}]]
        return before + [['basic.consume', *one['at'], {'queue': 'q2',
                                                        'consumer_tag': one['tag']}]]

    def delete_steps(self):
        """What was held of a queue that is gone RabbitMQ may give back to the next one of that
        name: who holds something goes before."""
        model, gone = self.model, [slot for slot in SLOTS if self.model.held.get(slot)]
        for slot in gone:
            model.last_tag.pop(slot, None)
            model.bound.pop(slot, None)
        return [['queue.delete', 1, 3, {'queue': 'q1'}],
                *[['channel.close', *slot, {}] for slot in gone], *self.begin()]

    def other_steps(self):
        """What is seldom done, or a mistake."""
        rng, model, at = self.rng, self.model, self.rng.choice(self.slots)
        if model.consumers and self.chance(0.4):
            return self.end_steps()
        if self.chance(0.2):
            return self.delete_steps()
        model.close(at)
        return [rng.choice((
            ['basic.ack', *at, {'delivery_tag': 50, 'multiple': False}],
            ['channel.close', *at, {}],
            ['basic.consume', *at, {'queue': 'q1', 'consumer_tag': 'c9',
                                    'arguments': {'x-priority': 'high'}}]))]

    def round_steps(self):
        made = [step for _ in range(self.rng.randint(1, 3)) for step in self.consume_steps()]
        for _ in range(self.rng.randint(6, 12)):
            drawn = self.rng.random()
            if drawn < 0.1:
                made += self.consume_steps()
            elif drawn < 0.15 and self.model.consumers:
                made += self.cancel_steps()
            elif drawn < 0.15 + BAD:
                made += self.other_steps()
            elif drawn < 0.6 and any(self.model.held.values()):
                made += self.settle_steps()
            else:
                made += self.publish_steps()
        return made + self.leave_steps()

    def leave_steps(self):
        """Some go, or all, and what waits and has died is counted."""
        some = [slot for slot in SLOTS if self.chance(0.7)]
        for slot in some:
            self.model.close(slot)
        return ([['channel.close', *slot, {}] for slot in some]
                + [['rest', 1, 3, {'queues': ['q1', 'q2']}],
                   ['basic.get', 1, 3, {'queue': 'q2', 'no_ack': True}]])
