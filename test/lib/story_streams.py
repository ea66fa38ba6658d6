"""story_streams -- readers of a stream; stories.py says what is in the kind."""
from story_plain import BAD, STREAM, Plain

SLOTS = ((1, 1), (1, 2), (2, 1))
WRITER = (2, 2)


class Streams(Plain):
    """Each message is a chunk of its own, for the next one is published when it is confirmed; so
    `last` is one message."""
    weights, named_n = {'round': 1}, 0

    def begin(self):
        self.kept_n, self.readers, self.last_tag = 0, {}, {}    # a reader: tag, slot, next, held
        arguments = {'x-queue-type': 'stream'}
        if self.chance(0.2):
            arguments['x-max-length-bytes'] = 1 << 30
        if self.chance(0.2):
            arguments['x-max-age'] = self.rng.choice(('1D', '7h'))
        made = [['queue.declare', *WRITER, {'queue': STREAM, 'durable': True,
                                            'arguments': arguments}],
                ['queue.bind', *WRITER, {'queue': STREAM, 'exchange': 'amq.fanout',
                                         'routing_key': ''}]]
        return made + [step for _ in range(self.rng.randint(0, 4))
                       for step in self.publish_steps()]

    def publish_steps(self):
        self.kept_n += 1
        self.give()
        made = dict(self.basic_publish(), exchange=self.rng.choice(('', 'amq.fanout')),
                    routing_key=STREAM)
        made['properties'] = {k: v for k, v in made['properties'].items() if k == 'delivery_mode'}
        made['properties']['headers'] = self.rng.choice(({}, {'h': 1}, {'h': 'one', 'k': True}))
        return [['basic.publish', *WRITER, made]]

    def give(self):
        for reader in self.readers.values():
            while reader['next'] < self.kept_n and len(reader['held']) < reader['prefetch']:
                self.last_tag[reader['at']] = self.last_tag.get(reader['at'], 0) + 1
                reader['held'].append(self.last_tag[reader['at']])
                reader['next'] += 1

    def consume_steps(self):
        at, prefetch = self.rng.choice(SLOTS), self.rng.randint(1, 4)
        for tag in [tag for tag, one in self.readers.items() if one['at'] == at]:
            return self.cancel_steps(tag)   # two of one channel would come in any order
        self.named_n += 1       # what the one before holds counts for another of the same name
        tag = f'c{self.named_n}'
        offset = self.rng.choice(('first', 'first', 'next', 'last', None,
                                  *range(self.kept_n + 2)))
        begin = {'first': 0, 'next': self.kept_n, 'last': max(self.kept_n - 1, 0),
                 None: self.kept_n}
        self.readers[tag] = {'at': at, 'prefetch': prefetch, 'held': [],
                             'next': begin.get(offset, offset)}
        self.give()
        arguments = {} if offset is None else {'x-stream-offset': offset}
        return [['basic.qos', *at, {'prefetch_count': prefetch, 'global_qos': False}],
                ['basic.consume', *at, {'queue': STREAM, 'consumer_tag': tag,
                                        'arguments': arguments}]]

    def cancel_steps(self, tag):
        return [['basic.cancel', *self.readers.pop(tag)['at'], {'consumer_tag': tag}]]

    def settle_steps(self):
        """What a channel's readers hold is acknowledged in part."""
        reader = self.rng.choice([one for one in self.readers.values() if one['held']])
        at, tag = reader['at'], self.rng.choice(reader['held'])
        is_multiple = self.chance(0.4)
        for one in self.readers.values():
            if one['at'] == at:
                one['held'] = [t for t in one['held']
                               if t != tag and not (is_multiple and t < tag)]
        self.give()
        return [['basic.ack', *at, {'delivery_tag': tag, 'multiple': is_multiple}]]

    def forget(self, slots):
        self.readers = {tag: one for tag, one in self.readers.items() if one['at'] not in slots}
        for at in slots:
            self.last_tag.pop(at, None)

    def mistake_steps(self):
        rng, at = self.rng, self.rng.choice(SLOTS)
        to = {'queue': STREAM}
        number, channel = at
        self.forget([slot for slot in SLOTS if slot[0] == number])
        return [['basic.qos', *at, {'prefetch_count': 1, 'global_qos': False}], rng.choice((
            ['basic.get', *at, to], ['queue.purge', *at, to],
            ['basic.consume', *at, dict(to, consumer_tag='wrong', no_ack=True)],
            ['basic.consume', *at, dict(to, consumer_tag='wrong',
                                        arguments={'x-stream-offset': rng.choice(('soon', '5x'))})],
            ['queue.delete', *at, dict(to, if_empty=True)],
            ['queue.delete', *at, dict(to, if_unused=True)],
            ['queue.declare', *at, dict(to, durable=False)],
            ['basic.consume', *at, dict(to, consumer_tag='wrong', arguments={'x-priority': 1})],
            ['basic.qos', *at, {'prefetch_count': 0, 'global_qos': False}])),
            ['basic.consume', *at, dict(to, consumer_tag='other')],
            ['connection.close', number, channel, {}]]

    def leave_steps(self):
        at = self.rng.choice(SLOTS)
        self.forget([at])
        return [['channel.close', *at, {}]]

    def delete_steps(self):
        """Its readers hear of it, and another stream begins with offset 0."""
        self.forget(SLOTS)
        made = [['queue.delete', *WRITER, {'queue': STREAM}]]
        return made + [['channel.close', *at, {}] for at in SLOTS] + self.begin()

    def round_steps(self):
        drawn = self.rng.random()
        if drawn < 0.2 or not self.readers:
            return self.consume_steps()
        if drawn < 0.6 and any(one['held'] for one in self.readers.values()):
            return self.settle_steps()
        if drawn < 0.6 + BAD / 2:
            return self.mistake_steps()
        if drawn < 0.68:
            return self.leave_steps()
        if drawn < 0.7:
            return self.delete_steps()
        return self.publish_steps()
