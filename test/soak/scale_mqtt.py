"""Rows of scale of MQTT; see scale.py.

What a client is sent is counted in octets where it comes by the million.
"""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import mqtt  # noqa: E402
from scale import KEPT, MIB, PATIENCE_S, ROWS, at_most  # noqa: E402

LISTENER = 'mqtt.listeners.tcp.default=127.0.0.1:0'


def speak(machine, name='scale', **how):
    found = machine.broker.wait_for(r'L001 listening for mqtt on 127\.0\.0\.1:(\d+)')
    return mqtt.Client(int(found[1]), name, **how)


def retain(client, numbers):
    """A retained message for each number; all are acknowledged."""
    left = 0
    for first in range(numbers.start, numbers.stop, 1000):
        some = range(first, min(first + 1000, numbers.stop))
        client.send(b''.join(mqtt.publish(f'site/{i // 1000}/device/{i % 1000}/state', b'x' * 16,
                                          qos=1, id=i % 60000 + 1, retain=True) for i in some))
        left += len(some) * 4
        while left > 0:
            left -= len(client.sock.recv(65536))
    assert left == 0


def find(machine, client, topic_filter):
    """How many it finds, and what the daemon spends on that."""
    before, n = machine.spent_ns(), 0
    client.subscribe(topic_filter)
    client.sock.settimeout(5)
    try:
        while n < 1000:
            assert client.message().retain
            n += 1
    except TimeoutError:
        pass
    client.sock.settimeout(PATIENCE_S)
    spent_us = (machine.spent_ns() - before) / 1000
    client.unsubscribe(topic_filter)
    return n, spent_us


def retained(machine, n):
    """Retained messages of as many topics: kept, found by filters, there after a kill."""
    client = speak(machine)
    some = n // 10
    retain(client, range(some))
    before, peak = machine.held(), machine.peak()
    machine.lap()
    retain(client, range(some, n))
    each, kept_s, peak = (machine.held() - before) / (n - some), machine.lap(), machine.peak()
    again = machine.again()
    with again.broker:
        found_s, found_each = again.start_s, again.held() / n
        client = speak(again)
        one, below = f'site/{n // 1000 - 1}/device/7/state', 'site/7/device/#'
        say = [(f, *find(again, client, f)) for f in (one, 'site/+/device/7/state', below)]
        assert [k for _, k, _ in say] == [1, min(n // 1000, 1000), 1000], say
        again.end()
    at_most('bytes of a retained message', each - KEPT / (n - some), 160)
    return (f'{each:.0f} B each, peak {peak / MIB:.0f} MiB, kept in {kept_s:.1f} s of CPU, there '
            f'{found_s:.1f} s after kill -9 ({found_each:.0f} B each); '
            + ', '.join(f'{f}: {k} in {us:.0f} us of CPU' for f, k, us in say))


def sub_many(client, numbers):
    """A subscription for each number, a thousand in a packet."""
    for first in range(numbers.start, numbers.stop, 1000):
        some = range(first, min(first + 1000, numbers.stop))
        assert not any(client.subscribe(*[f'site/+/device/{i}/state' for i in some]))


def subscriptions(machine, n):
    """Of one client whose session stays: made, found after a kill, heard by, ended."""
    client, some = speak(machine, clean=False), n // 10
    sub_many(client, range(some))
    before = machine.held()
    machine.lap()
    sub_many(client, range(some, n))
    each, made_s, peak = (machine.held() - before) / (n - some), machine.lap(), machine.peak()
    again = machine.again()
    with again.broker:
        found_s = again.start_s
        client = speak(again, clean=False)
        assert client.present
        again.lap()
        client.send(b''.join(mqtt.publish(f'site/7/device/{i}/state', b'x') for i in range(n)))
        heard = {client.message().topic for _ in range(n)}
        assert heard == {f'site/7/device/{i}/state' for i in range(n)}
        heard_s = again.lap()
        for first in range(0, n, 1000):
            client.unsubscribe(*[f'site/+/device/{i}/state' for i in range(first, first + 1000)])
        gone_s = again.lap()
        client.publish('site/7/device/1/state', b'x')
        client.nothing()
        again.end()
    at_most('bytes of a subscription', each - KEPT / 2 / (n - some), 700)
    return (f'{each:.0f} B each, peak {peak / MIB:.0f} MiB, made in {made_s:.2f} s of CPU, there '
            f'{found_s:.2f} s after kill -9; a message to each in {heard_s:.2f} s, ended in '
            f'{gone_s:.2f} s')


def drain(sock, octets):
    """Takes so many, whatever they say."""
    room = bytearray(MIB)
    while octets > 0:
        got = sock.recv_into(room)
        assert got, 'the daemon hung up'
        octets -= got
    assert octets == 0, octets


def topics(machine, n):
    """Messages to as many topics, none of which anybody has named: nothing of them stays."""
    to, client = speak(machine, 'to'), speak(machine, 'from')
    to.subscribe('site/#')
    at_once, taken = 1000, len(mqtt.publish('site/0000/device/000/state', b'x' * 16))

    def send(numbers):
        for first in range(numbers.start, numbers.stop, at_once):
            client.send(b''.join(
                mqtt.publish(f'site/{i // 1000:04}/device/{i % 1000:03}/state', b'x' * 16)
                for i in range(first, first + at_once)))
            drain(to.sock, at_once * taken)
    send(range(n // 10))
    before, _ = machine.held(), machine.lap()
    send(range(n // 10, n))
    grown, spent_s = machine.held() - before, machine.lap()
    at_most('MiB that stay', grown / MIB, 4)
    return f'{grown / MIB:.1f} MiB stay, {spent_s / (n - n // 10) * 1e6:.2f} us of CPU each'


def retain_padded(client, n):
    """Retained messages whose packets have one length."""
    for first in range(0, n, 1000):
        client.send(b''.join(
            mqtt.publish(f'site/{i // 1000:03}/device/{i % 1000:03}/state', b'x' * 16, qos=1,
                         id=i % 60000 + 1, retain=True) for i in range(first, first + 1000)))
        drain(client.sock, 4000)
    return len(mqtt.publish('site/000/device/000/state', b'x' * 16))


def drain_all(crowd, octets):
    threads = [threading.Thread(target=drain, args=(one.sock, octets)) for one in crowd]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE_S)
        assert not one.is_alive()


def wildcards(machine, n):
    """A hundred clients each want all the retained messages at once, and then what is published. They
    are slow: what lies ready for each is output_max at least, and a few times that at most."""
    publisher, crowd_n, filters = speak(machine), 100, ('site/#', '+/+/device/+/state')
    taken, live_n, at_once = retain_padded(publisher, n), n // 10, 1000
    crowd = [speak(machine, f'crowd.{i}') for i in range(crowd_n)]
    filled, _ = machine.held(), machine.lap()
    for i, one in enumerate(crowd):
        one.send(mqtt.subscribe([(filters[i % 2], 0)]))
    drain_all(crowd, 5 + n * taken)
    found_s, found_peak = machine.lap(), machine.peak() - filled
    for first in range(0, live_n, at_once):
        publisher.send(b''.join(mqtt.publish(f'site/{i // 1000:03}/device/{i % 1000:03}/state',
                                             b'y' * 16) for i in range(first, first + at_once)))
        drain_all(crowd, at_once * taken)
    live_s, peak = machine.lap(), machine.peak() - filled
    at_most('MiB more than the messages', peak / MIB, 25)
    return (f'{crowd_n} x {n} found in {found_s:.1f} s of CPU, {found_s / crowd_n / n * 1e6:.2f} us '
            f'each, {found_peak / MIB:.1f} MiB more at most; {live_n} to all of them '
            f'{live_s / crowd_n / live_n * 1e6:.2f} us each, {peak / MIB:.1f} MiB at most')


# row: (how many, settings)
ROWS = {**ROWS, retained: (1000000, (LISTENER,)), subscriptions: (10000, (LISTENER,)),
        topics: (1000000, (LISTENER,)), wildcards: (100000, (LISTENER, 'output_max=65536'))}
