"""ledger -- what a broker owes, kept outside of it.

Publishers and consumers tell the ledger what they sent, saw confirmed, got and settled; it says
what must be in a queue, what may be, and what went wrong (`problems`). A round is the time between
two starts of the broker. The rules:

- A persistent message that was confirmed comes, unless it was acknowledged.
- What comes was sent, to this queue, with these bytes.
- What was acknowledged does not come again in the same round; if the broker must have taken note
  of it (it confirmed something that the same channel published to this queue afterwards), never.
- What came before and comes again says that it is redelivered.
- What says that it comes for the first time is in the order of its publisher: for one consumer
  within a round, and against everything of earlier rounds.
- A queue that is drained by one consumer is in the order of its publishers, redelivered or not.
"""
import os
import struct

HEAD = struct.Struct('>IQI')
NOISE = os.urandom(1 << 20)


def body_of(publisher, seq, size):
    at = (publisher * 7919 + seq * 104729) % (len(NOISE) - size)
    return HEAD.pack(publisher, seq, size) + NOISE[at:at + size]


class Entry:
    """A message in one queue."""
    __slots__ = ('publisher', 'seq', 'is_persistent', 'is_confirmed', 'has_come', 'acked_in')

    def __init__(self, publisher, seq, is_persistent):
        self.publisher, self.seq, self.is_persistent = publisher, seq, is_persistent
        self.is_confirmed = self.has_come = False
        self.acked_in = None


class Queue:
    def __init__(self):
        self.entries = {}   # (publisher, seq) -> Entry: may be there
        self.settled = set()
        self.floor = {}     # publisher -> the last that came for the first time, earlier rounds
        self.fresh = {}     # the same, this round, all consumers


class Ledger:
    def __init__(self, queues):
        self.queues = {name: Queue() for name in queues}
        self.next_seq, self.round, self.problems = {}, 0, []
        self.confirmed_n = self.came_n = self.settled_n = 0

    def problem(self, text):
        self.problems.append(f'round {self.round}: {text}')

    # ---- publishing

    def sent(self, publisher, queues, is_persistent):
        """The number of the next message of a publisher, and its entries."""
        seq = self.next_seq.get(publisher, 0)
        self.next_seq[publisher] = seq + 1
        entries = []
        for name in queues:
            e = Entry(publisher, seq, is_persistent)
            self.queues[name].entries[publisher, seq] = e
            entries.append(e)
        return seq, entries

    def confirmed(self, entries):
        self.confirmed_n += 1
        for e in entries:
            e.is_confirmed = True

    # ---- consuming

    def came(self, name, body, is_redelivered, fresh=None, drain=None):
        """A delivery; `fresh` is its consumer's and `drain` its drain's last numbers. Gives the
        entry, or None when there is a problem."""
        queue = self.queues[name]
        publisher, seq, size = HEAD.unpack_from(body)
        key, what = (publisher, seq), f'{name}: message {seq} of publisher {publisher}'
        e = queue.entries.get(key)
        self.came_n += 1
        if not e or body != body_of(publisher, seq, size):
            self.problem(f'{what} ' + ('is damaged' if e else 'came back after it was settled'
                                       if key in queue.settled else 'was never sent'))
            return None
        if e.acked_in == self.round:
            self.problem(f'{what} came back in the round in which it was acknowledged')
        if e.has_come and not is_redelivered:
            self.problem(f'{what} came again as if for the first time')
        if not is_redelivered:
            self.check_order(queue, e, fresh, what)
        if drain is not None:
            if drain.get(publisher, -1) >= seq:
                self.problem(f'{what} was drained after {drain[publisher]}')
            drain[publisher] = seq
        e.has_come = True
        return e

    def check_order(self, queue, e, fresh, what):
        if fresh is not None:
            if fresh.get(e.publisher, -1) >= e.seq:
                self.problem(f'{what} came after {fresh[e.publisher]}')
            fresh[e.publisher] = e.seq
        if queue.floor.get(e.publisher, -1) >= e.seq:
            self.problem(f'{what} came first after {queue.floor[e.publisher]} of another round')
        queue.fresh[e.publisher] = max(e.seq, queue.fresh.get(e.publisher, -1))

    def acked(self, e):
        e.acked_in = self.round

    def settled(self, name, entries):
        queue = self.queues[name]
        for e in entries:
            if queue.entries.pop((e.publisher, e.seq), None):
                queue.settled.add((e.publisher, e.seq))
                self.settled_n += 1

    # ---- rounds

    def next_round(self):
        self.round += 1
        for queue in self.queues.values():
            queue.floor.update({p: max(seq, queue.floor.get(p, -1))
                                for p, seq in queue.fresh.items()})
            queue.fresh.clear()

    def owed(self, name):
        """The entries that must be in a queue."""
        return [e for e in self.queues[name].entries.values()
                if e.is_persistent and e.is_confirmed and e.acked_in is None]

    def check_length(self, name, n):
        """The number of ready messages of a queue without consumers."""
        least, most = len(self.owed(name)), len(self.queues[name].entries)
        if not least <= n <= most:
            self.problem(f'{name}: {n} messages are ready, not {least} to {most}')

    def drained(self, name, n):
        """A queue is empty and all that was in it, n messages, is acknowledged."""
        for e in self.owed(name):
            self.problem(f'{name}: message {e.seq} of publisher {e.publisher} is lost, of {n}')
        queue = self.queues[name]
        self.settled(name, list(queue.entries.values()))
