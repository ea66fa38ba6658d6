"""tidy_objects -- what tidy reads in compiled files: mutable globals, functions nobody calls."""
import json
import os
import re
import subprocess

import house

MAY_HAVE_GLOBALS = ('src/io', 'src/app')
MAY_BE_GLOBAL = {('src/base/must.c', 'panic_hook')}  # a panic carries no argument
FOR_PEOPLE = re.compile(r'main|LLVMFuzzer\w+|\w+_(check|dump)')  # called by hand, tests and panics
SYMBOL = re.compile(r'^[0-9a-f]+ (.{7}) (\S+)\t([0-9a-f]+)\s+(?:\.hidden )?(\S+)$')


def objects(build, top):
    """(source, object, simulated) of every C file of a build."""
    try:
        with open(os.path.join(build, 'compile_commands.json')) as f:
            rows = json.load(f)
    except FileNotFoundError:
        return None
    found = []
    for row in rows:
        path = os.path.relpath(row['file'], os.path.realpath(top))
        output = os.path.join(build, re.search(r' -o (\S+)', row['command'])[1])
        if os.path.exists(output):
            found.append((path, output, '-DGODWIT_SIM' in row['command']))
    return found


def globals_of(output):
    """Names of what a compiled file can write to and keeps: not its tables of constants."""
    text = subprocess.run(['objdump', '-t', output], capture_output=True, text=True,
                          check=True).stdout
    for line in text.split('\n'):
        m = SYMBOL.match(line)
        if m and re.match(r'\.(data|bss|tdata|tbss)|\*COM\*', m[2]) and int(m[3], 16) > 0 \
                and not m[2].startswith('.data.rel.ro') and 'd' not in m[1]:
            yield m[4]


def look(top, build, rooms):
    found = objects(build, top)
    if not found:
        yield 'build', os.path.relpath(build), 'is not built: no globals or dead functions seen'
        return
    for path, output, simulated in found:
        room = house.room_of(path, rooms)
        if room and room.path not in MAY_HAVE_GLOBALS and not house.is_test(path) \
                and (not simulated or room.path == 'src/sim'):
            names = [n for n in globals_of(output) if (path, n) not in MAY_BE_GLOBAL]
            if names:
                yield 'global', path, 'can write to ' + ' '.join(names), len(names)
    yield from dead_functions(found, rooms)


def symbols(output):
    """(defined functions, needed names) of one compiled file."""
    text = subprocess.run(['nm', '-g', output], capture_output=True, text=True, check=True).stdout
    defined, needed = set(), set()
    for line in text.split('\n'):
        *_, kind, name = line.rsplit(maxsplit=2) if line else ('', '', '')
        if kind == 'T':
            defined.add(name)
        elif kind == 'U':
            needed.add(name)
    return defined, needed


def dead_functions(found, rooms):
    """Exported functions that no other file calls, tests and both kinds of build counted."""
    where, needed_by = {}, {}
    for path, output, _ in found:
        defined, needed = symbols(output)
        for name in defined:
            where[name] = path
        for name in needed:
            needed_by.setdefault(name, set()).add(path)
    for name, path in sorted(where.items()):
        if not needed_by.get(name, set()) - {path} and not FOR_PEOPLE.fullmatch(name) \
                and not house.is_test(path):
            yield 'dead', f'{path}:{name}', 'no other file calls it'
