"""story_access -- users who may not do everything; stories.py says what is in the kind."""
from story_plain import WEIGHTS, Plain


class Access(Plain):
    """The connections from 3 on are those of users in test/interop/differ/definitions.json. What
    is refused for several reasons is refused for the same one."""
    connections = (1, 3, 3, 4, 5)
    weights = dict(WEIGHTS, **{'queue.declare': 16, 'exchange.declare': 12, 'queue.bind': 14,
                               'exchange.bind': 8, 'queue.unbind': 4, 'exchange.unbind': 3,
                               'queue.delete': 4, 'exchange.delete': 3, 'queue.purge': 4,
                               'basic.ack': 1, 'basic.nack': 1, 'basic.reject': 1})

    def queue_arguments(self):
        made = super().queue_arguments()
        if self.chance(0.2):
            self.dead_letters(made)
        return made

    def exchange_declare(self):
        made = super().exchange_declare()
        if self.chance(0.2):
            made['arguments'] = {'alternate-exchange': self.rng.choice(self.exchanges)}
        return made

    def begin(self):
        """What there is to be refused, made by one who may."""
        return ([['queue.declare', 1, 1, {'queue': queue, 'durable': True, 'arguments': {}}]
                 for queue in self.queues[:2]]
                + [['exchange.declare', 1, 1, {'exchange': exchange, 'type': kind}]
                   for exchange, kind in (('x1', 'topic'), ('x2', 'direct'))])
