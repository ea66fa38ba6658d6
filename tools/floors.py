#!/usr/bin/python3
"""floors -- refuses an #include that climbs, goes sideways or misses the door.

usage: tools/floors.py [TOP]

Reads FLOORS. An include goes to a lower floor, through a header that its room names as a door, or
stays in its room or in the one around it; base/ is under all, and tests may look behind doors. What
the outside world offers is opened only where it is meant to be, and the rooms that serve every protocol name none (their *.def
tables may: they say how each spells a thing). One line per offence; exit code 1 if there is any.
"""
import argparse
import os
import re
import sys

import house

GROUND = 'src/base'

# Who may open a system header: the first pattern that matches decides.
IO = ('src/io', 'src/app')
SYSTEM = (
    (r'stdatomic\.h', ('src/base', 'src/msg', 'src/node', 'src/sim') + IO),
    (r'(uv|pthread|threads|time|fcntl|unistd|signal|dirent|netdb|poll|dlfcn|getopt)\.h'
     r'|(openssl|sys|netinet|arpa|net|linux)/.*', IO),
    (r'(stdio|errno|locale|wchar|setjmp)\.h', ('src/base', 'src/node', 'src/sim') + IO),
)

PROTOCOL = re.compile(r'amqp|mqtt|stomp|openwire|(?<![a-z])(?:sqs|sns)(?![a-z])', re.I)
FOR_ALL = ('src/base', 'src/port', 'src/core', 'src/journal', 'src/auth', 'src/stats', 'src/repl')


def system_offence(me, name):
    for pattern, allowed in SYSTEM:
        if re.fullmatch(pattern, name):
            if me.path in allowed:
                return None
            return f'<{name}> is only for ' + ' '.join(allowed)
    return None


def quoted_offence(path, me, name, rooms):
    it = house.room_of('src/' + name, rooms)
    if it is None:
        return f'"{name}" is not written from src/'
    if it is me or it.path == GROUND or house.holds(it, me):
        return None
    if it.floor >= me.floor:
        return f'{me.path} (floor {me.floor}) may not include {it.path} (floor {it.floor})'
    if not it.opens(name) and not house.is_test(path):
        return f'"{name}" is not a door of {it.path} ({" ".join(it.doors)})'
    return None


def file_offences(path, text, me, rooms):
    for line, quoted, system in house.includes(text):
        why = None
        if quoted:
            why = quoted_offence(path, me, quoted, rooms)
        elif not house.is_test(path):
            why = system_offence(me, system)
        if why:
            yield f'{path}:{line}: {why}'
    if me.path in FOR_ALL and path.endswith(('.c', '.h')):
        for line, words in enumerate(text.split('\n'), 1):
            if m := PROTOCOL.search(words):
                yield f'{path}:{line}: {me.path} serves every protocol, and names {m[0]}'


def lost_doors(top, rooms):
    for room in rooms.values():
        for door in room.doors:
            if door != '*' and not os.path.exists(os.path.join(top, room.path, door)):
                yield f'FLOORS: {room.path} has no {door}, which should be a door'


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('top', nargs='?', help='the tree to look at (default: this one)',
                        default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    top = parser.parse_args().top
    rooms = house.rooms(top)
    offences = list(lost_doors(top, rooms))
    for path in house.files(top, ('.c', '.h', '.def')):
        me = house.room_of(path, rooms)
        if me is None:
            offences.append(f'{path}: is in no room of FLOORS')
        else:
            offences += file_offences(path, house.read(top, path), me, rooms)
    return house.report(offences, 'floors')


if __name__ == '__main__':
    sys.exit(main())
