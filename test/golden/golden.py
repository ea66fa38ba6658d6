"""golden -- data directories of other days: how they are kept, opened and looked through.

A directory is kept as NAME.tar.gz, without what only the process needed that wrote it; what is in
it, as NAME.json: the definitions, each queue's messages in their order, and
what is retained for MQTT.
"""
import datetime
import decimal
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time

import pika

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import mqtt  # noqa: E402
from broker import PATIENCE_S, program  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# So many come when their time is up.
LATE = {f'{name}.{life}': n for name, n in (('expiring', 4), ('again', 2), ('delayed', 1))
        for life in ('one', 'two')}
MQTT = ('mqtt.listeners.tcp.default=127.0.0.1:0',)
PORTS = range(21701, 21731)                        # of MQTT; clients there come to a virtual host
LONG = 200                                         # bodies beyond are kept as their digest


def pack(folder, path):
    """The same directory gives the same bytes."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for top, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(folders + files):
                one = os.path.join(top, name)
                if os.path.isdir(one) or os.path.isfile(one) and name != 'lock':
                    info = tar.gettarinfo(one, os.path.relpath(one, folder))
                    info.uid = info.gid = info.mtime = 0
                    info.uname = info.gname = ''
                    with open(one, 'rb') if info.isfile() else io.BytesIO() as f:
                        tar.addfile(info, f)
    with open(path, 'wb') as f, gzip.GzipFile('', 'wb', 9, f, mtime=0) as z:
        z.write(found.getvalue())


def unpack(path, folder):
    os.mkdir(folder, 0o700)
    with tarfile.open(path) as tar:
        for one in tar:
            assert not one.name.startswith(('/', '..')) and (one.isdir() or one.isfile()), one
            tar.extract(one, folder)


def connect(broker, user='guest', password='guest', vhost='/'):
    return pika.BlockingConnection(pika.ConnectionParameters(
        '127.0.0.1', broker.port, vhost, pika.PlainCredentials(user, password),
        socket_timeout=PATIENCE_S, blocked_connection_timeout=PATIENCE_S))


def definitions(broker, verb, what=None):
    """Imports or forgets; an export gives what is in the file."""
    path = os.path.join(broker.data_dir, '../definitions.json')
    if what is not None:
        with open(path, 'w') as f:
            json.dump(what, f)
    done = subprocess.run([program('godwit'), 'definitions', '--data-dir', broker.data_dir, verb,
                           path], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0 and 'refused: ' not in done.stdout.replace('refused: 0', ''), done
    with open(path) as f:
        return json.load(f) if verb == 'export' else None


def exported(broker):
    """What a version says of itself is left out; sections have no order."""
    found = definitions(broker, 'export')
    return {section: sorted(entries, key=lambda e: json.dumps(e, sort_keys=True))
            for section, entries in found.items() if isinstance(entries, list)}


def plain(value):
    """As JSON can have it; x-death says when, which is not for a list to know."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in sorted(value.items()) if k != 'time'}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value.decode('latin-1') if isinstance(value, bytes) else value


def digest(body):
    return hashlib.sha256(body).hexdigest() + f' {len(body)}' if len(body) > LONG else plain(body)


def message(method, props, body):
    told = {k: plain(v) for k, v in vars(props).items() if v is not None}
    return dict(body=digest(body), exchange=method.exchange, key=method.routing_key,
                again=method.redelivered, props=told)


def ready(channel, queue):
    return channel.queue_declare(queue, passive=True).method.message_count


def wait_for(channel, queue, n):
    """There is no word for letters that have come: it is asked for again and again."""
    end = time.monotonic() + PATIENCE_S
    while ready(channel, queue) < n:
        assert time.monotonic() < end, f'{queue} has {ready(channel, queue)} of {n} messages'


def drain(channel, queue, late_n):
    """In their order, but for those whose time was up before or while the broker started."""
    wait_for(channel, queue, late_n)
    found = []
    while True:
        got = channel.basic_get(queue, auto_ack=True)
        if got[0] is None:
            return sorted(found, key=lambda m: m['body']) if queue in LATE else found
        found.append(message(*got))


def read_stream(channel, queue):
    """From its beginning on; it stays as it is."""
    n, found = ready(channel, queue), []
    channel.basic_qos(prefetch_count=100)
    for got in channel.consume(queue, arguments={'x-stream-offset': 'first'}):
        found.append(message(*got))
        channel.basic_ack(got[0].delivery_tag)
        if len(found) == n:
            channel.cancel()
            return found


def retained(broker, n):
    """So many messages, by topic; they come when they have been read, in no order."""
    port = int(broker.wait_for(r'L001 listening for mqtt on 127\.0\.0\.1:(\d+)')[1])
    client = mqtt.Client(port, 'golden.reader', 5, user='/:guest', password='guest')
    client.subscribe('golden/#')
    found = {m.topic: digest(m.payload) for m in (client.message() for _ in range(n))}
    client.nothing()
    client.disconnect()
    return found


def is_stream(queue):
    return queue['arguments'].get('x-queue-type') == 'stream'


def contents(broker, retained_n, late=LATE):
    """All there is; what is late is waited for. Queues are empty then; streams and what is retained
    stay."""
    told, queues = exported(broker), {}
    for vhost in sorted({q['vhost'] for q in told['queues']}):
        connection = connect(broker, vhost=vhost)
        channel = connection.channel()
        for queue in sorted((q for q in told['queues'] if q['vhost'] == vhost),
                            key=lambda q: q['name']):
            name = queue['name']
            queues[f'{vhost} {name}'] = (read_stream(channel, name) if is_stream(queue) else
                                         drain(channel, name, late.get(name, 0)))
        connection.close()
    return dict(definitions=told, queues=queues, retained=retained(broker, retained_n))
