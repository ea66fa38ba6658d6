"""brokers -- Godwit and RabbitMQ on a free port of loopback, each in a folder of its own.

start() and stop() run the broker for a while; prepare() only makes its folder, for
`godwit bench --start`, which then runs `command` itself. What was started is ended by its process
id, and RabbitMQ's port mapper with it.
"""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/lib'))
import listeners  # noqa: E402


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


MQTT_CONNECT = (b'\x10\x1c\0\x04MQTT\x04\xc2\0\0\0\x02hi\0\x05guest\0\x05guest')
MQTT_CONNACK = b'\x20'
STOMP_CONNECT = (b'CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0')


class Broker:
    name = program = ''

    def __init__(self, release, folder):
        self.folder = os.path.join(folder, self.name)
        self.port, self.pid, self.processes, self.log = free_port(), 0, [], None
        self.command = self.words(release)

    def words(self, release):
        raise NotImplementedError

    def uri(self):
        return f'amqp://guest:guest@127.0.0.1:{self.port}/%2f'

    def environment(self):
        return dict(os.environ)

    def helpers(self):
        """Commands that run beside the broker and are ended with it."""
        return []

    def launch(self, words):
        process = subprocess.Popen(words, env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=self.log, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        self.processes.append(process)
        return process

    def prepare(self):
        os.makedirs(self.folder, exist_ok=True)
        self.log = self.log or open(os.path.join(self.folder, 'output'), 'w')
        if not self.processes:
            for words in self.helpers():
                self.launch(words)
        return self.environment()

    def start(self):
        self.prepare()
        process = self.launch(self.command)
        self.wait(process)
        self.pid = self.main_pid(process)

    def main_pid(self, process):
        return process.pid

    def wait(self, process):
        """Until it greets a client as an AMQP 0-9-1 broker does."""
        self.wait_for(process, b'AMQP\0\0\x09\x01', b'\x01')

    def wait_for(self, process, greeting, answer):
        while process.poll() is None:
            try:
                with socket.create_connection(('127.0.0.1', self.port), 5) as s:
                    s.sendall(greeting)
                    if s.recv(1) == answer:
                        return
            except OSError:
                time.sleep(0.02)
        with open(os.path.join(self.folder, 'output')) as f:
            said = f.read()[-2000:]
        self.clear()
        sys.exit(f'bench: {self.name} ended before it listened:\n{said}')

    def end(self, process, how):
        try:
            os.killpg(process.pid, how)
            process.wait(60)
        except ProcessLookupError:
            process.wait()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill(self):
        """As a crash: no chance to write anything. The helpers stay."""
        self.end(self.processes.pop(), signal.SIGKILL)

    def stop(self):
        while self.processes:
            self.end(self.processes.pop(), signal.SIGTERM)
        if self.log:
            self.log.close()
            self.log = None

    def clear(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mqtt:
    """What speaks MQTT at its port."""

    def uri(self):
        return f'mqtt://guest:guest@127.0.0.1:{self.port}'

    def wait(self, process):
        self.wait_for(process, MQTT_CONNECT, MQTT_CONNACK)


class Stomp:
    """What speaks STOMP at its port."""

    def uri(self):
        return f'stomp://guest:guest@127.0.0.1:{self.port}'

    def wait(self, process):
        self.wait_for(process, STOMP_CONNECT, b'C')


class Godwit(Broker):
    name, program = 'godwit', 'godwitd'
    LISTENER, SETTINGS = 'listeners.tcp.default', ()

    def words(self, release):
        own = [f'{self.LISTENER}=127.0.0.1:{self.port}', *self.SETTINGS]
        return [os.path.join(release, 'godwitd'), '--data-dir', os.path.join(self.folder, 'data'),
                *listeners.arguments(), *(w for one in own for w in ('--set', one))]


class GodwitMqtt(Mqtt, Godwit):
    LISTENER = 'mqtt.listeners.tcp.default'
    SETTINGS = ('mqtt.prefetch=1000',)  # Mosquitto has no bound here


class GodwitStomp(Stomp, Godwit):
    LISTENER = 'stomp.listeners.tcp.default'


class Mosquitto(Mqtt, Broker):
    """As Debian ships it, open to everybody, without bounds of its own that would drop messages."""
    name, program = 'mosquitto', 'mosquitto'
    CONF = ('listener {} 127.0.0.1\nallow_anonymous true\npersistence false\n'
            'max_inflight_messages 0\nmax_queued_messages 0\n')

    @classmethod
    def installed(cls):
        return shutil.which('mosquitto') is not None

    def words(self, release):
        self.config = os.path.join(self.folder, 'mosquitto.conf')
        return ['mosquitto', '-c', self.config]

    def prepare(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.config, 'w') as f:
            f.write(self.CONF.format(self.port))
        return super().prepare()


class RabbitMQ(Broker):
    """As Debian ships it, without plugins, known to no other node."""
    name, program = 'rabbitmq', 'rabbitmq-server'
    PLUGINS, CONF = '[].\n', ''
    SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'

    @classmethod
    def installed(cls):
        return os.path.exists(cls.SERVER) and shutil.which('epmd') is not None

    def words(self, release):
        self.mapper, self.talk = free_port(), free_port()
        self.node = f'godwit_bench_{secrets.token_hex(4)}@localhost'
        return [self.SERVER]

    def helpers(self):
        return [['epmd', '-port', str(self.mapper), '-address', '127.0.0.1']]

    def environment(self):
        own = {
            'HOME': self.folder, 'ERL_EPMD_PORT': self.mapper, 'ERL_EPMD_ADDRESS': '127.0.0.1',
            'NODENAME': self.node, 'NODE_IP_ADDRESS': '127.0.0.1', 'NODE_PORT': self.port,
            'DIST_PORT': self.talk, 'BASE': self.folder, 'MNESIA_BASE': f'{self.folder}/mnesia',
            'LOG_BASE': f'{self.folder}/log', 'PID_FILE': f'{self.folder}/pid',
            'ENABLED_PLUGINS_FILE': f'{self.folder}/plugins',
            'CONFIG_FILE': f'{self.folder}/own.conf',
            'CONF_ENV_FILE': f'{self.folder}/none',
            'SERVER_ADDITIONAL_ERL_ARGS': '-kernel inet_dist_use_interface {127,0,0,1}',
        }
        plain = ('HOME', 'ERL_EPMD_PORT', 'ERL_EPMD_ADDRESS')
        return dict(os.environ, **{k if k in plain else f'RABBITMQ_{k}': str(v)
                                   for k, v in own.items()})

    def prepare(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, 'plugins'), 'w') as f:
            f.write(self.PLUGINS)
        with open(os.path.join(self.folder, 'own.conf'), 'w') as f:
            f.write(self.CONF.format(self.port))
        return super().prepare()

    def main_pid(self, process):
        with open(os.path.join(self.folder, 'pid')) as f:
            return int(f.read())


class RabbitMQPlugin(RabbitMQ):
    """The same with a plugin for another protocol, and without AMQP's listener."""

    def environment(self):
        return {k: v for k, v in super().environment().items() if k != 'RABBITMQ_NODE_PORT'}


class RabbitMQMqtt(Mqtt, RabbitMQPlugin):
    PLUGINS = '[rabbitmq_mqtt].\n'
    CONF = ('listeners.tcp = none\nmqtt.listeners.tcp.default = 127.0.0.1:{}\n'
            'mqtt.prefetch = 1000\n')


class RabbitMQStomp(Stomp, RabbitMQPlugin):
    PLUGINS = '[rabbitmq_stomp].\n'
    CONF = 'listeners.tcp = none\nstomp.listeners.tcp.default = 127.0.0.1:{}\n'
