"""oracle -- what a data directory holds, read from its bytes as docs/wire/journal.md describes them.

    d = Directory(path)
    d.queues()                       what is in each queue: [(publisher, seq), ...] in order
    d.queues(lost=(file, a, b))      the same when bytes [a, b) of a file are gone

It shares nothing with the broker but the description, and checks no checksum: what is damaged it
is told.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../lib'))
from ledger import HEAD  # noqa: E402

ADD, REMOVE, QUEUE_DROP, QUEUE_DECLARE, QUEUE_DELETE = 1, 2, 4, 22, 23
CHUNKS = 15


class Record:
    def __init__(self, file, commit, at, data):
        self.file, self.commit, self.at = file, commit, at
        bytes_n, self.kind, self.shard, _, self.index = struct.unpack_from('<IHHQQ', data, at + 8)
        self.end, self.body = at + bytes_n, data[at + 40:at + bytes_n]


class Commit:
    def __init__(self, at, bytes_n, is_last=False):
        self.at, self.end, self.is_last = at, at + bytes_n, is_last


def outcomes(body):
    """(kind, queue, what) of each run; what: rows of an ADD or a REMOVE, else the tail."""
    at = 0
    while at < len(body):
        kind, _, n, queue = struct.unpack_from('<BBHQ', body, at)
        at += 12
        rows = []
        if kind == ADD:
            for _ in range(n):
                how, _, length = struct.unpack_from('<BBI', body, at)
                at += 6 + (8 if how & 64 else 0)
                if how & 16:
                    rows.append((struct.unpack_from('<I', body, at)[0], length))
                    at += 4
                else:
                    rows.append((at, length))
                    at += length
            yield kind, queue, rows
        elif kind == REMOVE:
            yield kind, queue, [struct.unpack_from('<QQ', body, at + 16 * i) for i in range(n)]
            at += 16 * n
        else:
            _, tail = struct.unpack_from('<QI', body, at)
            yield kind, queue, body[at + 12:at + 12 + tail]
            at += 12 + tail


class Directory:
    def __init__(self, path):
        self.data, self.records, self.commits = {}, [], {}
        for name in sorted(os.listdir(os.path.join(path, 'segment'))):
            if name.endswith('.seg'):
                self.read(f'segment/{name}', open(os.path.join(path, 'segment', name), 'rb').read())
        self.covered, self.floor = self.checkpoint(path)

    def read(self, file, data):
        number, at, commit = int(os.path.basename(file)[:16]), 4096, None
        self.data[number], self.commits[file] = data, []
        while data[at:at + 4] == b'GWcm' and struct.unpack_from('<I', data, at + 8)[0] == number:
            commit = Commit(at, struct.unpack_from('<I', data, at + 12)[0])
            self.commits[file].append(commit)
            at += 64
            while at < commit.end:
                r = Record(file, commit, at, data)
                self.records.append(r)
                at = (r.end + 7) // 8 * 8
            at = (commit.end + 511) // 512 * 512
        if commit:
            commit.is_last = True

    def checkpoint(self, path):
        """The index of each shard up to which the newest checkpoint goes, and its floor."""
        store = open(os.path.join(path, 'store'), 'rb').read()
        _, at = max((struct.unpack_from('<Q', store, at + 32)[0], at) for at in (0, 4096)
                    if store[at:at + 8] == b'GODWIT-S')
        file, end, floor = struct.unpack_from('<QQQ', store, at + 56)
        if file == 0:
            return {}, 0
        data, at, covered = open(os.path.join(path, f'checkpoint/{file:016d}.ckpt'), 'rb').read(), 512, {}
        while at < end:
            bytes_n, kind, shard = struct.unpack_from('<IHH', data, at + 4)
            if kind == 3:
                covered[shard] = struct.unpack_from('<Q', data, at + 24)[0]
            at = (at + bytes_n + 7) // 8 * 8
        return covered, floor

    def message(self, segment, at, length):
        """((publisher, seq), every stretch of bytes that it needs)."""
        data = self.data[segment]
        form, _, route, props, body = struct.unpack_from('<BBHII', data, at + 4)
        body_at, needs = at + 16 + route + props, [(segment, at, at + length)]
        if form == CHUNKS:
            rows = [struct.unpack_from('<QI', data, body_at + i) for i in range(0, body, 12)]
            needs += [(loc >> 32, loc & 0xffffffff, (loc & 0xffffffff) + n) for loc, n in rows]
            segment, body_at = rows[0][0] >> 32, (rows[0][0] & 0xffffffff) + 16
        return HEAD.unpack_from(self.data[segment], body_at)[:2], needs

    def queues(self, lost=('', 0, 0), is_commit_lost=False):
        """Names of queues whose declaration is lost are salvaged.ID."""
        file, a, b = lost
        names, found, gone = {}, {}, set()

        def is_hit(one, start, end):
            return one == file and start < b and end > a

        for r in self.records:
            is_covered = r.index <= self.covered.get(r.shard, 0)
            is_cut = is_commit_lost and r.file == file and is_hit(file, r.commit.at, r.commit.end) \
                and r.commit.is_last
            if r.kind != 1 or (not is_covered and (is_cut or is_hit(r.file, r.at, r.end))):
                continue
            ordinal = 0
            for kind, queue, what in outcomes(r.body):
                if kind == QUEUE_DECLARE:
                    names[queue] = what[14:14 + what[13]].decode()
                elif kind in (QUEUE_DROP, QUEUE_DELETE):
                    gone.add(queue)
                elif kind == ADD:
                    for offset, length in what:
                        segment = int(os.path.basename(r.file)[:16])
                        found.setdefault(queue, {})[r.index << 16 | ordinal] = \
                            self.message(segment, r.at + 40 + offset, length)
                        ordinal += 1
                elif kind == REMOVE:
                    for first, last in what:
                        for one in [i for i in found.get(queue, {}) if first <= i <= last]:
                            del found[queue][one]
        number = int(os.path.basename(file)[:16]) if file.startswith('segment/') else 0
        left = {}
        for queue, entries in found.items():
            if queue not in gone:
                left[names.get(queue, f'salvaged.{queue}')] = [
                    who for _, (who, needs) in sorted(entries.items())
                    if not any(s == number and x < b and y > a for s, x, y in needs)]
        return {name: entries for name, entries in left.items()
                if entries or not name.startswith('salvaged.')}
