"""peer -- one AMQP 0-9-1 broker under examination: operations in, what it answered out, comparable.

An operation is a list [name, connection, channel, arguments]; play() gives the answer as plain
data, without what two brokers may choose freely: generated names, texts of their own, times. What
comes unasked (deliveries, returns, confirms, cancellations) waits in `unasked` until it is taken.

Beside the methods of AMQP there are two operations that wait: `rest` until all those queues stand
still, and says how many messages are ready in each; `gone` until a queue is not there any more.
"""
import re
import select
import socket
import time

from pika import frame, spec

PATIENCE_S = 60
STILL_S, RESTLESS_S = 0.3, 10   # so long nothing changes; so long it may take
LOOKS_S = 0.02                  # between two looks
WATCHER = 90                    # the connection that looks
USERS = {3: 'half', 4: 'reader', 5: 'topical'}      # the others are guest's
# RabbitMQ 3 does not count all that comes back, and does not say where a message died last.
LATER = ('x-acquired-count', 'x-last-death-exchange', 'x-last-death-queue',
         'x-last-death-reason')
REPLY_TO = 'amq.rabbitmq.reply-to.'
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
    'channel.flow': (spec.Channel.Flow, 'Channel.FlowOk'),
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
    """A field value as data that JSON keeps; times only say that they are there. RabbitMQ 3 says,
    too, that a message has not come back, the chosen part of a name for replies is left out."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()
                if k not in LATER and (k, v) != ('x-delivery-count', 0)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return value.decode('latin-1')
    if isinstance(value, str) and value.startswith(REPLY_TO):
        return REPLY_TO
    if isinstance(value, str):
        return re.sub(r'amq\.gen-[\w-]+', 'amq.gen', value)
    return value if isinstance(value, (bool, int, type(None))) else type(value).__name__


def kept(method):
    return [method.NAME, {f: plain(getattr(method, f)) for f in KEPT.get(method.NAME, ())}]


def sort_cancels(came):
    """Consumers that hear of the end of one queue do so in any order."""
    for _ in came:
        for i, (one, other) in enumerate(zip(came, came[1:])):
            if one[0] == other[0] == 'Basic.Cancel' and str(one) > str(other):
                came[i:i + 2] = other, one


class Link:
    """One connection; channels open when they are first used, in confirm mode unless told."""

    def __init__(self, address, user, vhost):
        self.socket = socket.create_connection(address, timeout=PATIENCE_S)
        self.buffer, self.content = b'', {}
        self.open, self.unasked, self.is_gone = set(), [], False
        self.published, self.confirmed = {}, {}
        self.socket.sendall(frame.ProtocolHeader().marshal())
        self.call(0, None, 'Connection.Start')
        self.send(0, spec.Connection.StartOk({'capabilities': CAPABLE}, 'PLAIN',
                                             f'\0{user}\0{user}', 'en_US'))
        tune = self.wait(0, ('Connection.Tune',))
        self.send(0, spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        self.call(0, spec.Connection.Open(vhost), 'Connection.OpenOk')

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
            given = {f: plain(getattr(one.properties, f)) for f in GIVEN
                     if getattr(one.properties, f) is not None}
            if not given.get('headers'):
                given.pop('headers', None)      # they were nothing but what is not kept
            self.content[at] += [one.body_size, given, b'']
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
        answer = self.call(channel, spec.Channel.Flow(True), 'Channel.FlowOk')
        return None if answer.NAME == 'Channel.FlowOk' else answer

    def publish(self, channel, exchange, routing_key, mandatory, properties, body,
                immediate=False):
        self.send(channel, spec.Basic.Publish(0, exchange, routing_key, mandatory, immediate))
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

    def __init__(self, host, port, vhost='/'):
        self.address, self.vhost, self.links = (host, port), vhost, {}
        self.generated = set()      # the names of queues that the broker has chosen

    def link(self, number):
        if number not in self.links or self.links[number].is_gone:
            if number in self.links:
                self.links[number].socket.close()
            self.links[number] = Link(self.address, USERS.get(number, 'guest'), self.vhost)
        return self.links[number]

    def play(self, operation, wanted=None):
        """The answer; of who waits for queues to stand still: `wanted` as soon as it is so."""
        name, number, channel, arguments = operation
        try:
            if name == 'rest':
                return self.rest(arguments['queues'], wanted)
            if name == 'gone':
                return self.gone(arguments['queue'], arguments['ms'])
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

    def answer(self, link, name, channel, arguments):
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
        method = kind(**arguments)
        if wanted is None:
            link.send(channel, method)
            close = link.round_trip(channel)
            return kept(close) if close else ['done', {}]
        got = link.call(channel, method, wanted)
        if got.NAME == 'Queue.DeclareOk' and got.queue.startswith('amq.gen'):
            self.generated.add(got.queue)
        return kept(got) + getattr(got, 'content', [])

    # ---- waiting

    def pause(self, time_s=LOOKS_S):
        """Asks nothing for so long."""
        select.select([], [], [], time_s)

    def look(self, method, wanted):
        """An answer to the watcher, who waits for a moment first."""
        self.pause()
        link = self.link(WATCHER)
        link.use(1, False)
        return kept(link.call(1, method, wanted))

    def count(self, queue):
        """How many messages are ready; a word when it does not say."""
        answer = self.look(spec.Queue.Declare(0, queue, passive=True), ('Queue.DeclareOk',))
        return answer[1].get('message_count', str(answer[1].get('reply_code')))

    def rest(self, queues, wanted):
        found, since, end = None, 0, time.monotonic() + RESTLESS_S
        while True:
            now = ['rest', {queue: self.count(queue) for queue in queues}]
            if now != found:
                found, since = now, time.monotonic()
            if found == wanted or time.monotonic() > end:
                return found
            if wanted is None and time.monotonic() > since + STILL_S:
                return found

    def gone(self, queue, ms):
        """A look by declaring it would be a use of the queue, a binding is none."""
        end = time.monotonic() + ms / 1000
        while time.monotonic() < end:
            answer = self.look(spec.Queue.Bind(0, queue, 'amq.direct', 'here'), ('Queue.BindOk',))
            if answer[0] != 'Queue.BindOk':
                return answer
        return ['there', {}]

    def hang_up(self, number):
        """Closes one connection, in good order."""
        link = self.links[number]
        link.close()
        link.is_gone = True

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
        for came in found.values():
            sort_cancels(came)
        return found

    def forget_unasked(self):
        for link in self.links.values():
            link.unasked.clear()

    def close(self):
        for link in self.links.values():
            link.close()
        self.links.clear()
