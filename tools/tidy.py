#!/usr/bin/python3
"""tidy -- the style of the house, as a test.

usage: tools/tidy.py [--build BUILD] [--stats] [TOP]

Functions of at most 60 lines, files of 500, lines of 100; an assertion per function where a mistake
would cost a message; few #if; no folder cycles, no mutable globals outside io/ and app/, no
sleeping tests, nothing dead; a first sentence in every header, a comment for every exported
function, prose for every table row, a README with the same five heads in every room, a table of
rooms in ARCHITECTURE.md that is true. BUILD (default build/dev) is where globals and dead
functions are read from; it must be a build without sanitizers.

tools/ratchet may hold a limit that is not kept yet, one a line: WHAT WHERE VALUE. Such a limit can
only go down: a value that has become better must be written down.
One line per offence; exit code 1 if there is any. --stats prints the figures of every room.
"""
import argparse
import os
import statistics
import sys

import csource
import house
import tidy_objects
import tidy_text

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
LINE_COLUMNS_MAX = 100
ASSERTS_PERCENT_MIN = 100
IFS_PER_KLOC_MAX = 2
WITH_ASSERTS = ('src/wire/', 'src/core', 'src/journal', 'src/repl', 'src/session/')
WITH_IFS = ('src/base', 'src/io')


class Offence:
    """What is wrong, where, and by how much (value above limit), so that a ratchet can hold it."""

    def __init__(self, what, where, why, value=1, limit=0):
        self.what, self.where, self.why = what, where, why
        self.value, self.limit = value, limit


class Source:
    """One C file of the tree, read once."""

    def __init__(self, top, path, rooms):
        self.path, self.text = path, house.read(top, path)
        self.code = house.code_only(self.text)
        self.room = house.room_of(path, rooms)
        self.is_test = house.is_test(path)
        self.lines = self.text.count('\n')
        self.functions, self.prototypes = csource.functions(self.text)


def sizes(sources):
    for s in sources:
        if s.lines > FILE_LINES_MAX:
            yield Offence('file', s.path, f'{s.lines} lines', s.lines, FILE_LINES_MAX)
        for f in s.functions:
            if f.lines > FUNCTION_LINES_MAX:
                yield Offence('function', f'{s.path}:{f.name}', f'{f.lines} lines', f.lines,
                              FUNCTION_LINES_MAX)
        for n, line in enumerate(s.text.split('\n'), 1):
            if len(line.expandtabs(8)) > LINE_COLUMNS_MAX:
                yield Offence('line', f'{s.path}:{n}', f'more than {LINE_COLUMNS_MAX} columns')


class Figures:
    """The figures of one room, tests left out; short inline functions of headers do not count."""

    def __init__(self, sources):
        self.lines = sum(s.lines for s in sources)
        self.functions = [f for s in sources for f in s.functions if s.path.endswith('.c')]
        self.asserts = sum(tidy_text.asserts(s.code) for s in sources)
        self.ifs = sum(tidy_text.conditionals(s.code) for s in sources)

    def row(self):
        sizes = sorted(f.lines for f in self.functions) or [0]
        return (f'{self.lines:6} {len(self.functions):5} {statistics.median(sizes):6.0f} '
                f'{sizes[int(len(sizes) * 0.9)]:4} {sizes[-1]:4} '
                f'{self.asserts / max(1, len(self.functions)):8.2f} {self.ifs:4}')


def figures(sources, rooms):
    return {path: Figures([s for s in sources if s.room is room and not s.is_test])
            for path, room in rooms.items()}


def averages(by_room):
    for room, f in by_room.items():
        percent = 100 * f.asserts // max(1, len(f.functions))
        if room.startswith(WITH_ASSERTS) and f.functions and percent < ASSERTS_PERCENT_MIN:
            yield Offence('asserts', room, f'{percent / 100:.2f} for each function, at least 1.00',
                          ASSERTS_PERCENT_MIN - percent)
        if room not in WITH_IFS and f.ifs * 1000 > IFS_PER_KLOC_MAX * max(f.lines, 500):
            yield Offence('#if', room, f'{f.ifs} in {f.lines} lines', f.ifs)


def cycles(sources):
    """Folders that include each other, by way of how many folders ever."""
    goes = {}
    for s in sources:
        for _, quoted, _ in house.includes(s.text):
            if quoted and not s.is_test:
                goes.setdefault(os.path.dirname(s.path), set()).add(
                    os.path.dirname('src/' + quoted))
    for start in goes:
        seen, todo = set(), list(goes[start] - {start})
        while todo:
            folder = todo.pop()
            if folder not in seen:
                seen.add(folder)
                todo += goes.get(folder, ())
        if start in seen:
            yield Offence('cycle', start, 'its folder includes, in the end, itself')


def dead_files(sources, tables):
    included = {}
    for path, text in [(s.path, s.text) for s in sources] + tables:
        for _, quoted, _ in house.includes(text):
            if quoted:
                included.setdefault('src/' + quoted, set()).add(path)
    headers = [s.path for s in sources if s.path.endswith('.h')]
    for path in headers + [p for p, _ in tables]:
        stem = os.path.splitext(path)[0]
        own = {stem + '.c', stem + '_test.c'} if path.endswith('.h') else set()
        if not included.get(path, set()) - own:
            yield Offence('dead', path, 'nobody includes it')


def ratcheted(offences, top):
    """The offences that tools/ratchet does not hold, and the rows of it that are too high."""
    try:
        rows = [r.split() for r in house.read(top, 'tools/ratchet').split('\n')
                if r.strip() and not r.startswith('#')]
    except FileNotFoundError:
        rows = []
    held = {(what, where): int(value) for what, where, value in rows}
    for o in offences:
        allowed = held.pop((o.what, o.where), None)
        if allowed is None or o.value > allowed:
            yield f'{o.where}: {o.what}: {o.why}'
        elif o.value < allowed:
            yield f'tools/ratchet: {o.what} {o.where} can go down to {o.value}'
    for what, where in held:
        yield f'tools/ratchet: {what} {where} is kept now; take the row out'


def look(top, build):
    rooms = house.rooms(top)
    sources = [Source(top, p, rooms) for p in house.files(top, ('.c', '.h'))]
    sources += [Source(top, p, rooms) for p in house.files(top, ('.c',), 'test')]
    tables = [(p, house.read(top, p)) for p in house.files(top, ('.def',))]
    by_room = figures(sources, rooms)
    found = [*sizes(sources), *averages(by_room), *cycles(sources), *dead_files(sources, tables)]
    for check in (tidy_text.headers, tidy_text.comments, tidy_text.banned):
        found += [Offence(*row) for row in check(sources)]
    found += [Offence(*row) for row in tidy_text.prose(tables)]
    for check in (tidy_text.unasked, tidy_text.unlogged):
        found += [Offence(*row) for row in check(sources, tables)]
    found += [Offence(*row) for row in tidy_text.trees(top, rooms)]
    found += [Offence(*row) for row in tidy_objects.look(top, build, rooms)]
    return found, by_room


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', help='default: build/dev')
    parser.add_argument('--stats', action='store_true')
    parser.add_argument('top', nargs='?',
                        default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    args = parser.parse_args()
    found, by_room = look(args.top, args.build or os.path.join(args.top, 'build/dev'))
    if args.stats:
        print(f'{"room":20}  lines   fns median  p90  max asserts/  #if')
        for room, f in by_room.items():
            print(f'{room:20} {f.row()}')
    return house.report(list(ratcheted(found, args.top)), 'tidy')


if __name__ == '__main__':
    sys.exit(main())
