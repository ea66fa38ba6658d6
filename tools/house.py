"""house -- what the tools share: the rooms of FLOORS, the files in them, C text without comments."""
import os
import re


SKIPPED_FOLDERS = ('node_modules', '__pycache__', 'corpus', 'golden')


class Room:
    """One line of FLOORS, and the doors in the lines below."""

    def __init__(self, path, floor):
        self.path, self.floor, self.doors = path, int(floor), []
        self.library = path.removeprefix('src/').replace('/', '_')

    def opens(self, header):
        """Whether a header (named from src/) is a door of this room."""
        inside = header[len(self.path) - 3:]
        return '*' in self.doors or inside in self.doors


def rooms(top='.'):
    """The rooms of FLOORS, by path, in their order."""
    found = {}
    with open(os.path.join(top, 'FLOORS')) as f:
        for line in f:
            if line[0].isspace():
                room.doors += line.split()
            elif not line.startswith('#'):
                path, floor = line.split()[:2]
                room = found[path] = Room(path, floor)
    return found


def room_of(path, all_rooms):
    """The innermost room that a path lies in, or None."""
    while path and path not in all_rooms:
        path = os.path.dirname(path)
    return all_rooms.get(path)


def holds(outer, inner):
    """Whether a room is built inside another: src/session holds src/session/amqp091."""
    return inner.path.startswith(outer.path + '/')


def files(top, ends, under='src'):
    """Files below a folder with such an extension ('' is none), sorted, named from the top."""
    found = []
    for folder, folders, names in os.walk(os.path.join(top, under)):
        folders[:] = [d for d in folders if not d.startswith('.') and d not in SKIPPED_FOLDERS]
        found += [os.path.join(folder, n) for n in names if os.path.splitext(n)[1] in ends]
    return sorted(os.path.relpath(f, top) for f in found)


def read(top, path):
    with open(os.path.join(top, path), errors='replace') as f:
        return f.read()


def is_test(path):
    """Tests and fuzz targets beside the code, what serves only them, and all of test/."""
    return path.startswith('test/') or path.endswith(
        ('_test.c', '_fuzz.c', 'for_tests.h', 'for_tests.c'))


INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def includes(text):
    """(line, quoted name or None, system name or None) of every #include."""
    return [(text.count('\n', 0, m.start(1 if m[1] else 2)) + 1, m[1], m[2])
            for m in INCLUDE.finditer(text)]


NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """C text with comments blanked and literals emptied; every line stays where it is."""
    def blank(m):
        if m[0][0] in '"\'':
            return m[0][0] * 2
        return '\n' * m[0].count('\n')
    return NOT_CODE.sub(blank, text)


def report(offences, name):
    """Prints offences, one a line; gives the exit code."""
    for line in offences:
        print(line)
    if offences:
        print(f'{name}: {len(offences)} offence{"s" if len(offences) > 1 else ""}')
    return 1 if offences else 0
