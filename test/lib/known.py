"""known -- what differs between RabbitMQ 3.10 and Godwit on purpose, each with its reason.

    known.found(told, theirs, ours)     the row that explains how the last step differs, and what
                                        it leaves; or None twice

docs/compatibility.md tells the same to users. A row says where a story can go on: `LOCAL` leaves
both brokers in the same state, `HUNG_UP` does once Godwit's connection is closed as RabbitMQ's is,
and after `APART` nothing can be compared any more.
"""
import collections
import json
import re

from peer import REPLY_TO
from story_plain import QUORUM, SOON_MS, STREAM

LOCAL, HUNG_UP, APART = 'local', 'hung up', 'apart'
# A pattern of the operation; is_so(theirs, ours, told); a pattern of one of the steps before; a
# pattern of steps that, if there are any, make it APART.
Row = collections.namedtuple('Row', 'operation is_so before leaves apart_with why')


def says(theirs_pattern, ours_pattern):
    return lambda theirs, ours, _: (re.search(theirs_pattern, json.dumps(theirs))
                                    and re.search(ours_pattern, json.dumps(ours)))


def expiring_n(told):
    """So many messages were taken that expire soon; each is in a queue once at most."""
    return sum(step[0] == 'basic.publish' and answer[0] in ('Basic.Ack', 'sent')
               and step[3]['properties'].get('expiration') in ('0', str(SOON_MS))
               for step, answer, _ in told)


def counts_fewer(theirs, ours, told):
    """The same, but for numbers that are lower by what may have expired."""
    n_max = expiring_n(told)
    if theirs[0] == 'rest':
        return all(n == m or isinstance(n, int) and isinstance(m, int) and 0 < n - m <= n_max
                   for n, m in zip(theirs[1].values(), ours[1].values()))
    if theirs[0] != ours[0] or 'message_count' not in theirs[1]:
        return False
    number = theirs[1]['message_count']
    return (0 < number - ours[1]['message_count'] <= n_max
            and [theirs[0], theirs[1]] + theirs[2:]
            == [ours[0], dict(ours[1], message_count=number)] + ours[2:])


def counts_a_stream(theirs, ours, _):
    return (theirs[0] == ours[0] == 'Queue.DeclareOk'
            and theirs[1]['message_count'] <= ours[1]['message_count']
            and theirs[1]['consumer_count'] in (0, ours[1]['consumer_count'])
            and theirs[1]['queue'] == ours[1]['queue'] == STREAM)


def names_what_is_missing(theirs, ours, _):
    """A refusal that says which permission is not there."""
    said = json.dumps(ours)
    return (' refused for user ' in said and json.dumps(theirs)
            == re.sub(r'(?:configure|write|read) access to', 'access to', said))


def names_another_argument(theirs, ours, _):
    names = [re.search(r"406.*inequivalent arg '([^']*)' for queue ('[^']*')", json.dumps(said))
             for said in (theirs, ours)]
    return all(names) and names[0][1] != names[1][1] and names[0][2] == names[1][2]


def is_passive(told):
    return told[-1][0][3].get('passive')


def counts_failures(theirs, ours, _):
    """The same, but for how often a message has come back."""
    return json.dumps(without_count(theirs)) == json.dumps(without_count(ours))


def returns_what_came(theirs, ours, _):
    return (theirs[0] == 'unasked' and 'Basic.Return' in json.dumps(theirs)
            and json.dumps(theirs).replace(REPLY_TO, REPLY_TO[:-1]) == json.dumps(ours))


def gives_another_back_first(theirs, ours, told):
    """Both from a replicated queue, and both have come back."""
    return (theirs[0] == ours[0] == 'Basic.GetOk' and told[-1][0][3]['queue'] in QUORUM
            and theirs[1] == ours[1] and theirs[1]['redelivered'] and theirs[3] != ours[3])


def settled_in(told):
    """The steps that gave something back in the transaction that the last step ends."""
    made, at = [], told[-1][0][1:3]
    for step, _, _ in told[:-1]:
        if step[1:3] == at and step[0].startswith('tx.'):
            made = []
        elif step[1:3] == at and re.match('basic.(nack|reject|recover)', step[0]):
            made += [step] if step[3].get('requeue') else []
    return made


def gives_back_as_settled(theirs, ours, told):
    """The same messages come to the channel, in another order."""
    at = '%d/%d' % tuple(told[-1][0][1:3])
    if theirs[0] != 'unasked' or len(settled_in(told)) < 2:
        return False
    bodies = [sorted(json.dumps(one[2:]) for one in came[1].get(at, [])) for came in (theirs, ours)]
    heads = [[one[:2] for one in came[1].get(at, [])] for came in (theirs, ours)]
    others = [{k: v for k, v in came[1].items() if k != at} for came in (theirs, ours)]
    return (bodies[0] == bodies[1] and heads[0] == heads[1] and others[0] == others[1]
            and all(head[0] == 'Basic.Deliver' and head[1]['redelivered'] for head in heads[0]))


def loses_lists(theirs, ours, _):
    """The same, but for lists in the headers of what comes from a stream."""
    return theirs[0] == 'unasked' and without_lists(ours) == theirs


def without_lists(value):
    if isinstance(value, dict):
        of_stream = 'x-stream-offset' in value
        return {k: without_lists(v) for k, v in value.items()
                if not (of_stream and isinstance(v, list))}
    return [without_lists(v) for v in value] if isinstance(value, list) else value


def comes_by_rank(theirs, ours, told):
    """Of messages with several priorities another one comes, or comes first."""
    ranks = {min(step[3].get('properties', {}).get('priority', 4), 31)
             for step, _, _ in told if step[0] == 'basic.publish'}
    came, here = (re.findall(r'"m\d+"', json.dumps(answer)) for answer in (theirs, ours))
    return len(ranks) > 1 and bool(came) and bool(here) and came != here


def without_count(value):
    if isinstance(value, dict):
        kept = {k: without_count(v) for k, v in value.items() if k != 'x-delivery-count'}
        return {k: v for k, v in kept.items() if k != 'headers' or v}
    return [without_count(v) for v in value] if isinstance(value, list) else value


ROWS = (
    Row('exchange.declare',
        says(r'503.*(unknown|invalid) exchange type', r'406.*unknown exchange type'), '', HUNG_UP,
        '', 'RabbitMQ 4 closes the channel, 3.10 the connection'),
    Row(r'queue\.(declare|delete|purge)|basic\.get|rest', counts_fewer, '', LOCAL,
        'x-max-length|x-dead-letter|x-overflow',
        'what expires behind a message that waits is still counted by RabbitMQ'),
    Row('queue.delete', lambda theirs, ours, told: expiring_n(told) and
        says(r'406.*not empty', r'Queue.DeleteOk')(theirs, ours, told), '', APART, '',
        'what expires behind a message that waits is still counted by RabbitMQ'),
    Row('queue.declare', counts_a_stream, '', LOCAL, '',
        'RabbitMQ 3.10 counts in a stream late, or nothing'),
    Row('queue.declare', names_another_argument, '', LOCAL, '',
        'of several arguments that differ each names another one first'),
    Row('queue.declare', says(r"406.*invalid arg 'x-delivery-limit'.*rabbit_classic", r'DeclareOk'),
        '', APART, '', 'a classic queue may have a delivery limit, too'),
    Row('queue.declare', says(r"406.*invalid arg 'x-delivery-limit'.*rabbit_classic",
                              r"406.*arg 'x-"),
        '', LOCAL, '', 'a classic queue may have a delivery limit, too'),
    Row(r'(queue|exchange)\.bind', says('541', 'BindOk'), 'x-jms-topic', APART, '',
        'RabbitMQ fails at some bindings of x-jms-topic'),
    Row('exchange.declare', lambda theirs, ours, _: json.dumps(theirs) == re.sub(
        r"'(x-[a-z-]*)'", r"''\1''", json.dumps(ours)), '', LOCAL, '',
        'RabbitMQ puts types with a hyphen into two pairs of quotes'),
    Row('basic.publish', says('Basic.Ack', '403.*write access to topic'), '"CC"', APART, '',
        'RabbitMQ 4 looks at the permission for each key, 3.10 at the first'),
    Row('queue.declare', says('DeclareOk', r"406.*invalid arg 'x-delivery-limit'"), 'quorum', APART,
        '', 'RabbitMQ 3.10 takes a delivery limit that is no number'),
    Row('queue.declare', says(r"406.*invalid arg 'x-queue-leader-locator'.*rabbit_classic",
                              r'DeclareOk'),
        '', APART, '', 'RabbitMQ 4 takes it for classic queues, too'),
    Row('queue.declare', says(r'DeclareOk', r"406.*inequivalent arg 'x-queue-leader-locator'"),
        '', APART, '', 'RabbitMQ 4 takes it for classic queues, too'),
    Row('queue.declare', says(r"406.*invalid arg 'x-queue-leader-locator'.*rabbit_classic",
                              r"406.*invalid arg 'x-queue-leader-locator'"),
        '', LOCAL, '', 'RabbitMQ 4 takes it for classic queues, too'),
    Row('queue.declare', says(r"inequivalent arg 'x-queue-type'.* of type '(?!longstr)\w+' but "
                              r'current is none', r"arg 'x-queue-type'.* current is 'classic'"),
        '', LOCAL, '', 'a queue that was declared without a type is a classic one'),
    Row('queue.declare', says(r"'x-queue-type'.* received none but current is the value '(quorum|"
                              r"stream)'", r"'x-queue-type'.* received 'classic' but current is '"),
        '', LOCAL, '', 'a queue that was declared without a type is a classic one'),
    Row('queue.declare', says('541', r"406.*invalid arg 'x-max-age'"), '', HUNG_UP, '',
        'RabbitMQ 3.10 fails at an age of a stream that is none'),
    Row('exchange.bind', says('541', 'BindOk'), 'x-recent-history', APART, '',
        'RabbitMQ fails at a binding from x-recent-history to an exchange'),
    Row('.*', loses_lists, '"x-queue-type": "stream"', LOCAL, '',
        'RabbitMQ 3.10 keeps no lists in the headers of a stream'),
    Row('tx.commit', gives_back_as_settled, '', APART, '',
        'what a transaction gives back comes in the order of the queue; in RabbitMQ in that in '
        'which it was given back'),
    Row('queue.delete', says(r'540.*queue.delete operations with if-', r'Queue.DeleteOk'), '',
        APART, '', 'quorum queues of RabbitMQ know neither if-unused nor if-empty'),
    Row('queue.delete', says(r'540.*queue.delete operations with if-', r'406'), '',
        HUNG_UP, '', 'quorum queues of RabbitMQ know neither if-unused nor if-empty'),
    Row('queue.delete', lambda theirs, ours, told: told[-1][0][3]['queue'] == STREAM and
        says('Queue.DeleteOk', '406.*(not empty|in use)')(theirs, ours, told), '', APART, '',
        'RabbitMQ deletes a stream whatever if-unused and if-empty say'),
    Row('.*', returns_what_came, '', LOCAL, '',
        'what is returned has the reply-to that it was published with'),
    Row('basic.consume', says(r'540.*does not support global qos', r'Basic.ConsumeOk'),
        '"global_qos": true', APART, '', 'RabbitMQ 4 takes it as without global'),
    Row('basic.consume', lambda theirs, ours, told: 'x-stream-offset' in json.dumps(told[-1][0]) and
        says('541', '406.*(x-stream-offset|prefetch count is not set)')(theirs, ours, told),
        '', HUNG_UP, '',
        'RabbitMQ 4 closes the channel, 3.10 the connection'),
    Row('.*', counts_failures, r'"basic.nack".*"requeue": true|"basic.recover"', LOCAL,
        'x-delivery-limit',
        'RabbitMQ 4.3 counts what failed: basic.reject, and what a channel that ended held; 3.10 '
        'counts basic.nack and basic.recover, too'),
    Row('basic.cancel', says(r'^\["unasked", \{\}\]$', 'Basic.Deliver'),
        'x-single-active-consumer": true', APART, '',
        'the next single active consumer begins at once; in RabbitMQ with the next message'),
    Row('basic.get', gives_another_back_first, '', APART, '',
        'what comes back to a quorum queue is at its old place; in RabbitMQ it is behind what came '
        'back before, or at the end'),
    Row('.*', names_what_is_missing, '', LOCAL, '', 'RabbitMQ 3.10 does not say which'),
    Row(r'(queue|exchange)\.declare', lambda theirs, ours, told: is_passive(told) and
        says(r'"reply_code": 404', r'403.* access to .* refused for user')(theirs, ours, told),
        '', LOCAL, '', 'a passive declaration needs some permission in RabbitMQ 4.3, none before'),
    Row(r'(queue|exchange)\.declare', lambda theirs, ours, told: is_passive(told) and
        says(r'DeclareOk', r'403.* access to .* refused for user')(theirs, ours, told),
        '', APART, '', 'a passive declaration needs some permission in RabbitMQ 4.3, none before'),
    Row('basic.publish', says('Basic.Ack', 'Basic.Nack'),
        r'quorum.*"reject-publish"|"reject-publish".*quorum', APART, '',
        'a replicated queue of RabbitMQ refuses when it is fuller than x-max-length, not when it '
        'is full'),
    Row('.*', comes_by_rank, '"x-queue-type": "quorum"', APART, '',
        'quorum queues of RabbitMQ 3.10 have no priorities'),
    Row('queue.bind', says(r'40[34].*amq.rabbitmq.reply-to', r'403.*volatile'), '', LOCAL, '',
        'RabbitMQ 4 says why'),
)


def found(told, theirs, ours):
    """The row for the last of these steps, and what it leaves; or None twice. What came unasked is
    looked at as if it were an answer `unasked`."""
    if isinstance(theirs, dict):
        theirs, ours = ['unasked', theirs], ['unasked', ours]
    steps = [step for step, _, _ in told]
    said = json.dumps(steps)
    for row in ROWS:
        if (re.fullmatch(row.operation, steps[-1][0]) and row.is_so(theirs, ours, told)
                and re.search(row.before, said)):
            is_apart = row.apart_with and re.search(row.apart_with, said)
            return row, APART if is_apart else row.leaves
    return None, None
