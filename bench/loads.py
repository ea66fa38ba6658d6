"""loads -- the workloads of `godwit bench` that are measured, with the goal of each.

A goal is microseconds of CPU for each message (each delivery in a fan-out), floors, or times what
the same message costs on the plain path in the same run: a dead letter takes that path and its hop,
of which the hop may cost 1.5.
"""
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    floor: str = '--size 80'
    us: float = None
    floors: float = None
    plain: str = None
    times: float = None
    p50: float = None        # of the delivery
    unasked: tuple = ()      # peers that cannot do it, or not in the time there is

    def floor_words(self):
        return self.floor.split()

    def goals(self):
        """What was wanted, in words."""
        return ', '.join(f'{goal:g} {unit}' for goal, unit in self.wanted().values())

    def wanted(self):
        rows = {'us': (self.us, 'us'), 'floors': (self.floors, 'floors'),
                'times': (self.times, f'x `{self.plain}`'), 'p50': (self.p50, 'us p50')}
        return {key: row for key, row in rows.items() if row[0]}

    def verdict(self, measured):
        """Of `measured` by key of wanted(): which goals were missed; nothing where none was set."""
        judged = {unit: measured[key] <= goal for key, (goal, unit) in self.wanted().items()
                  if measured.get(key)}
        missed = [unit for unit, is_reached in judged.items() if not is_reached]
        if not judged:
            return ''
        return f'**missed: {", ".join(missed)}**' if missed else 'reached'


KIB = '--size 1k'

AMQP = {
    'auto-16': Load(us=0.13, floors=2.6),
    'many-auto-16': Load(us=0.15),
    'auto-1k': Load(KIB, us=0.75, floors=1.6),
    'conf-16': Load(us=0.45),
    'conf-1k': Load(KIB),
    'durable-1k': Load(KIB, us=1.5, floors=3.2),
    'many-conf-1k': Load(KIB),
    'many-durable-1k': Load(KIB, us=1.6),
    'fanout-50': Load(us=0.06),
    'fanout-50-1k': Load(KIB, us=0.35),
    'topic-1': Load(),
    'topic-10k': Load(plain='topic-1', times=2),
    'topic-1m': Load(plain='topic-1', times=2, unasked=('rabbitmq',)),
    'headers-1k': Load(us=5),
    'dead-16': Load(plain='auto-16', times=2.5),
    'dead-durable-1k': Load(KIB, plain='durable-1k', times=2.5),
    'ttl-16': Load(plain='auto-16', times=1.5),
    'ttl-durable-1k': Load(KIB, plain='durable-1k', times=1.5),
    'expire-16': Load(plain='auto-16', times=1.5),
    'expire-durable-1k': Load(KIB, plain='durable-1k', times=1.5),
    'delay-16': Load(),
    'delay-durable-1k': Load(KIB),
    'rate-5000': Load('--size 100 --rate 5000', floors=1.0, p50=66),
    'rate-5000-durable': Load('--size 1k --rate 5000'),
}
# over MQTT, beside Mosquitto and RabbitMQ
MQTT = {
    'mqtt-0': Load(us=0.15, floors=3),
    'mqtt-0-many': Load(us=0.2),
    'mqtt-1': Load(us=0.45),
    'mqtt-2': Load(us=0.9, unasked=('rabbitmq',)),
    'mqtt-durable-1': Load(us=1.2),
    'mqtt-fanout-100': Load(us=0.07),
    'mqtt-fanout-100-1k': Load(KIB, us=0.35),
    'mqtt-rate-5000': Load('--size 100 --rate 5000', floors=1.0, p50=66),
}
# over STOMP, beside RabbitMQ
STOMP = {
    'stomp-1k': Load(KIB, us=1.8),
    'stomp-auto-1k': Load(KIB),
    'stomp-durable-1k': Load(KIB, us=3),
}
ALL = {**AMQP, **MQTT, **STOMP}


def proses(godwit):
    """What each scenario is, as the load generator's own help says."""
    said = subprocess.run([godwit, 'bench', '--help'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split('\nscenarios:\n')[1]
    rows = [line.split(None, 1) for line in said.split('\n') if line[:2] == '  ' and line[2] != ' ']
    return {name: prose.split('://: ')[-1] for name, prose in rows}
