"""mosquitto -- a Mosquitto of Debian for a test, and a Godwit with a bridge to it.

    with Mosquitto(listeners.steady()) as east, godwit(bridge(address, '# out 1')) as west:
        is_up(west)
"""
import os
import re
import subprocess
import tempfile
import threading

from broker import Broker
from mqtt import Client

PATIENCE_S = 60
MQTT = 'mqtt.listeners.tcp.default'


def port_of(address):
    return int(address.rsplit(':', 1)[1])


class Mosquitto:
    """Of Debian, at an address of the loopback; ready when start returns, which the constructor
    calls. What it keeps it keeps over stop and start."""

    def __init__(self, address, *lines):
        self.place = tempfile.TemporaryDirectory(prefix='godwit.')
        self.conf = os.path.join(self.place.name, 'conf')
        os.chmod(self.place.name, 0o777)  # started by root it becomes another user
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('\n'.join((f'listener {port_of(address)} 127.0.0.1', 'allow_anonymous true',
                               'log_dest stderr', 'log_type all', 'persistence true',
                               f'persistence_location {self.place.name}/',
                               'max_queued_messages 0', *lines)) + '\n')
        self.port = port_of(address)
        self.start()

    def _listen(self):
        for line in self.process.stderr:
            with self.told:
                self.log.append(line.rstrip('\n'))
                self.told.notify_all()

    def wait_for(self, pattern):
        """The match of the first line of its log that has `pattern`; waits for it."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.log)), None)
        with self.told:
            match = self.told.wait_for(found, PATIENCE_S)
        assert match, f'Mosquitto did not say {pattern}: {self.log[-3:]}'
        return match

    def start(self):
        self.log, self.told = [], threading.Condition()
        self.process = subprocess.Popen(['mosquitto', '-c', self.conf], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if ' running' in line:
                break
        else:
            raise RuntimeError('Mosquitto did not start')
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.stop()
        self.place.cleanup()


def bridge(address, *topics, name='east', **others):
    """The settings of a bridge that does not wait long."""
    words = {'address': address, 'restart_timeout': 1, 'restart_timeout_max': 1,
             'local_client_id': 'bridge', **others}
    words.update({f'topics.{i}': line for i, line in enumerate(topics)})
    return [f'mqtt.bridges.{name}.{key}={value}' for key, value in words.items()]


def godwit(settings, address='127.0.0.1:0', **words):
    return Broker(settings=[f'{MQTT}={address}', 'loops=2', *settings], **words)


def mqtt_port(broker):
    return int(broker.wait_for(r'L001 listening for mqtt on 127\.0\.0\.1:(\d+)')[1])


def is_up(broker, since=0):
    """Waits until the bridge is there; gives how many lines of the log that took."""
    broker.wait_for(r' C001 .* vhost /, bridge$', since)
    return len(broker.log)


def listener_at(port, *filters, name='listener', version=4, **words):
    c = Client(port, name, version, **words)
    assert all(r < 3 for r in c.subscribe(*filters))
    return c


def say(port, *messages, version=4):
    """Publishes (topic, payload, qos, retain) each."""
    c = Client(port, '' if version == 5 else 'sayer', version)
    for i, (topic, payload, qos, retain) in enumerate(messages):
        c.publish(topic, payload, qos=qos, retain=retain, **({'id': i + 1} if qos else {}))
    c.disconnect()


def got(client, n):
    return [(m.topic, m.payload, m.qos, m.retain) for m in (client.message() for _ in range(n))]


# ---- topics, one way and the other
