"""peer -- one AMQP 0-9-1 broker under examination: operations in, what it answered out, comparable.

An operation is a list [name, connection, channel, arguments]; play() gives the answer as plain
data, without what two brokers may choose freely: generated names, texts of their own, times. What
comes unasked (deliveries, returns, confirms, cancellations) waits in `unasked` until it is taken.
"""
import select
import socket
import time

from pika import frame, spec

PATIENCE_S = 60
CLOSED = ('Connection.Close', 'Channel.Close')
GIVEN = ('delivery_mode', 'priority', 'correlation_id', 'reply_to', 'expiration', 'message_id',
         'type', 'user_id', 'app_id', 'content_type', 'headers')
CAPABLE = {'authentication_failure_close': True, 'consumer_cancel_notify': True,
           'basic.nack': True, 'publisher_confirms': True}

# name: (method, what may answer it; None: nothing does)
CALLS = {
    'exchange.declare': (spec.Exchange.Declare, 'Exchange.DeclareOk'),
    'exchange.delete': (spec.Exchange.Delete, 'Exchange.DeleteOk'),
    'exchange.bind': (spec.Exchange.Bind, 'Exchange.BindOk'),
    'exchange.unbind': (spec.Exchange.Unbind, 'Exchange.UnbindOk'),
    'queue.declare': (spec.Queue.Declare, 'Queue.DeclareOk'),
    'queue.bind': (spec.Queue.Bind, 'Queue.BindOk'),
    'queue.unbind': (spec.Queue.Unbind, 'Queue.UnbindOk'),
    'queue.purge': (spec.Queue.Purge, 'Queue.PurgeOk'),
    'queue.delete': (spec.Queue.Delete, 'Queue.DeleteOk'),
    'basic.qos': (spec.Basic.Qos, 'Basic.QosOk'),
    'basic.consume': (spec.Basic.Consume, 'Basic.ConsumeOk'),
    'basic.cancel': (spec.Basic.Cancel, 'Basic.CancelOk'),
    'basic.get': (spec.Basic.Get, ('Basic.GetOk', 'Basic.GetEmpty')),
    'basic.recover': (spec.Basic.Recover, 'Basic.RecoverOk'),
    'basic.ack': (spec.Basic.Ack, None),
    'basic.nack': (spec.Basic.Nack, None),
    'basic.reject': (spec.Basic.Reject, None),
    'confirm.select': (spec.Confirm.Select, 'Confirm.SelectOk'),
    'tx.select': (spec.Tx.Select, 'Tx.SelectOk'),
    'tx.commit': (spec.Tx.Commit, 'Tx.CommitOk'),
    'tx.rollback': (spec.Tx.Rollback, 'Tx.RollbackOk'),
}
KEPT = {
    'Queue.DeclareOk': ('queue', 'message_count', 'consumer_count'),
    'Queue.DeleteOk': ('message_count',), 'Queue.PurgeOk': ('message_count',),
    'Basic.GetOk': ('delivery_tag', 'redelivered', 'exchange', 'routing_key', 'message_count'),
    'Basic.Deliver': ('consumer_tag', 'delivery_tag', 'redelivered', 'exchange', 'routing_key'),
    'Basic.Return': ('reply_code', 'reply_text', 'exchange', 'routing_key'),
    'Basic.Ack': ('delivery_tag', 'multiple'), 'Basic.Nack': ('delivery_tag', 'multiple'),
    'Basic.Cancel': ('consumer_tag',), 'Basic.CancelOk': ('consumer_tag',),
    'Channel.Close': ('reply_code', 'reply_text', 'class_id', 'method_id'),
    'Connection.Close': ('reply_code', 'reply_text', 'class_id', 'method_id'),
}


class Silent(Exception):
    """No answer came in time."""


def plain(value):
    """A field value as data that JSON keeps; times only say that they are there."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return value.decode('latin-1')
    return value if isinstance(value, (bool, int, str, type(None))) else type(value).__name__


def kept(method):
    fields = {f: plain(getattr(method, f)) for f in KEPT.get(method.NAME, ())}
    if str(fields.get('queue', '')).startswith('amq.gen'):
        fields['queue'] = 'amq.gen'
    return [method.NAME, fields]


class Link:
    """One connection; channels open when they are first used, in confirm mode unless told."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=PATIENCE_S)
        self.buffer, self.content = b'', {}
        self.open, self.unasked, self.is_gone = set(), [], False
        self.published, self.confirmed, self.prefetch = {}, {}, {}
        self.socket.sendall(frame.ProtocolHeader().marshal())
        self.call(0, None, 'Connection.Start')
        self.send(0, spec.Connection.StartOk({'capabilities': CAPABLE}, 'PLAIN',
                                             '\0guest\0guest', 'en_US'))
        tune = self.wait(0, ('Connection.Tune',))
        self.send(0, spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        self.call(0, spec.Connection.Open('/'), 'Connection.OpenOk')

    def send(self, channel, method):
        self.socket.sendall(frame.Method(channel, method).marshal())

    def call(self, channel, method, answer):
        if method:
            self.send(channel, method)
        return self.wait(channel, (answer,) if isinstance(answer, str) else answer)

    def wait(self, channel, names):
        """The next answer on a channel: one of `names`, or the close that came instead."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for method in self.read(end):
                if method[0] == channel and method[1].NAME in names + CLOSED:
                    return method[1]
                if method[1].NAME == 'Connection.Close':
                    return method[1]

    def read(self, end):
        """The methods of the frames that come next; gives whole messages to `unasked`."""
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise Silent()
        data = self.socket.recv(1 << 18)
        if not data:
            self.is_gone = True
            raise Silent()
        self.buffer += data
        while True:
            n, one = frame.decode_frame(self.buffer)
            if not one:
                return
            self.buffer = self.buffer[n:]
            method = self.take(one)
            if method:
                yield one.channel_number, method

    def take(self, one):
        at = one.channel_number
        if isinstance(one, frame.Method):
            return self.take_method(at, one.method)
        if isinstance(one, frame.Header):
            given = one.properties
            self.content[at] += [one.body_size, {f: plain(getattr(given, f)) for f in GIVEN
                                                 if getattr(given, f) is not None}, b'']
        elif isinstance(one, frame.Body):
            self.content[at][3] += one.fragment
        if at in self.content and len(self.content[at][3]) == self.content[at][1]:
            method, _, given, body = self.content.pop(at)
            method.content = [given, body.decode('latin-1')]
            if method.NAME == 'Basic.GetOk':
                return method
            self.unasked.append([at] + kept(method) + method.content)
        return None

    def take_method(self, at, method):
        if method.NAME in ('Basic.Deliver', 'Basic.Return', 'Basic.GetOk'):
            self.content[at] = [method]
            return None
        if method.NAME in ('Basic.Ack', 'Basic.Nack'):
            first = method.delivery_tag if not method.multiple else 1
            for tag in range(first, method.delivery_tag + 1):
                self.confirmed.setdefault(at, {}).setdefault(tag, method.NAME)
            return None
        if method.NAME == 'Basic.Cancel':
            self.unasked.append([at] + kept(method))
            return None
        if method.NAME == 'Channel.Close':
            self.send(at, spec.Channel.CloseOk())
            self.open.discard(at)
        if method.NAME == 'Connection.Close':
            self.send(0, spec.Connection.CloseOk())
            self.is_gone = True
        return method

    def use(self, channel, is_tx):
        if channel in self.open:
            return
        self.call(channel, spec.Channel.Open(), 'Channel.OpenOk')
        self.open.add(channel)
        self.published[channel], self.confirmed[channel] = 0, {}
        if not is_tx:
            self.call(channel, spec.Confirm.Select(), 'Confirm.SelectOk')
        else:
            self.published[channel] = None

    def round_trip(self, channel):
        """What was asked for on the channel before is done; a close that came of it, or None."""
        answer = self.call(channel, spec.Basic.Qos(0, self.prefetch.get(channel, 0), False),
                           'Basic.QosOk')
        return None if answer.NAME == 'Basic.QosOk' else answer

    def publish(self, channel, exchange, routing_key, mandatory, properties, body):
        self.send(channel, spec.Basic.Publish(0, exchange, routing_key, mandatory))
        data = body.encode('latin-1')
        self.socket.sendall(frame.Header(channel, len(data),
                                         spec.BasicProperties(**properties)).marshal())
        if data:
            self.socket.sendall(frame.Body(channel, data).marshal())
        if self.published[channel] is None:
            return self.round_trip(channel)
        self.published[channel] += 1
        tag, end = self.published[channel], time.monotonic() + PATIENCE_S
        while tag not in self.confirmed[channel]:
            for at, method in self.read(end):
                if method.NAME in CLOSED and at in (0, channel):
                    return method
        return None

    def close(self):
        try:
            if not self.is_gone:
                self.call(0, spec.Connection.Close(200, '', 0, 0), 'Connection.CloseOk')
        except (Silent, OSError):
            pass
        self.socket.close()


class Peer:
    """A broker and the connections to it."""

    def __init__(self, host, port):
        self.address, self.links = (host, port), {}

    def link(self, number):
        if number not in self.links or self.links[number].is_gone:
            if number in self.links:
                self.links[number].socket.close()
            self.links[number] = Link(self.address)
        return self.links[number]

    def play(self, operation):
        name, number, channel, arguments = operation
        try:
            link = self.link(number)
            if name == 'connection.close':
                link.close()
                del self.links[number]
                return ['closed', {}]
            link.use(channel, channel == 9)
            return self.answer(link, name, channel, dict(arguments))
        except Silent:
            return ['no answer', {}]
        except OSError as e:
            return ['connection lost', {'why': type(e).__name__}]

    @staticmethod
    def answer(link, name, channel, arguments):
        if name == 'channel.close':
            link.call(channel, spec.Channel.Close(200, '', 0, 0), 'Channel.CloseOk')
            link.open.discard(channel)
            return ['closed', {}]
        if name == 'basic.publish':
            close = link.publish(channel, **arguments)
            if close:
                return kept(close)
            return [link.confirmed[channel].get(link.published[channel], 'sent'), {}]
        kind, wanted = CALLS[name]
        if name == 'basic.qos' and not arguments.get('global_qos'):
            link.prefetch[channel] = arguments.get('prefetch_count', 0)
        method = kind(**arguments)
        if wanted is None:
            link.send(channel, method)
            close = link.round_trip(channel)
            return kept(close) if close else ['done', {}]
        got = link.call(channel, method, wanted)
        return kept(got) + getattr(got, 'content', [])

    def take_unasked(self):
        """What has come unasked: a list for each connection and channel, in order."""
        for link in self.links.values():
            for channel in () if link.is_gone else sorted(link.open):
                try:
                    link.round_trip(channel)
                except (Silent, OSError):
                    break
        found = {}
        for number, link in self.links.items():
            for one in link.unasked:
                found.setdefault(f'{number}/{one[0]}', []).append(one[1:])
        return found

    def forget_unasked(self):
        for link in self.links.values():
            link.unasked.clear()

    def close(self):
        for link in self.links.values():
            link.close()
        self.links.clear()
