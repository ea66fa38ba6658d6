"""listeners -- settings that open what a test needs and close what else the broker would open.

A broker without settings listens on the standard ports of all its protocols, where another broker
may be. Every test, bench and tool that starts one begins its settings with these; later ones
count, so `mqtt.listeners.tcp.default=127.0.0.1:0` behind them opens that listener again.
"""
import os
import random
import re
import socket

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../src/node/config.def')
ROW = re.compile(r'^CONFIG\(\w+, (?:LISTENERS|ENDPOINT), "([^"]+)", "([^"]*)"', re.M)
ANY_PORT = '127.0.0.1:0'
HANDED_OUT = '/proc/sys/net/ipv4/ip_local_port_range'
AMQP = 'listeners.tcp'


def settings(amqp=ANY_PORT):
    """key=value, one for each setting that opens a listener by default; AMQP 0-9-1 stays open."""
    with open(TABLE, encoding='utf-8') as f:
        opened = [key for key, default in ROW.findall(f.read()) if default != 'none']
    opened.remove(AMQP)
    return [f'{key}=none' for key in opened] + [f'{AMQP}.default={amqp}']


def arguments(amqp=ANY_PORT):
    """The same as words of a command line."""
    return [word for one in settings(amqp) for word in ('--set', one)]


def environment(amqp=ANY_PORT):
    """The same as variables of the environment."""
    return {'GODWIT_' + key.upper().replace('.', '_'): value
            for key, value in (one.split('=') for one in settings(amqp))}


def steady():
    """An address to come back to: the kernel hands its port to nobody while its broker is away."""
    with open(HANDED_OUT, encoding='utf-8') as f:
        first = max(int(f.read().split()[0]), 20000)
    while True:
        address = ('127.0.0.1', random.SystemRandom().randrange(10000, first))
        with socket.socket() as trial:
            try:
                trial.bind(address)
            except OSError:
                continue
        return '%s:%d' % address
