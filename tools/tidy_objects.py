"""tidy_objects -- what tidy reads in compiled files: mutable globals, functions nobody calls."""
import json
import os
import re
import subprocess

import house

MAY_HAVE_GLOBALS = ('src/io', 'src/app')
MAY_BE_GLOBAL = {('src/base/must.c', 'panic_hook')}  # a panic carries no argument
FOR_PEOPLE = re.compile(r'main|LLVMFuzzer\w+|\w+_(check|dump)')  # called by hand, tests and panics
FILE = re.compile(r'^(.+): +file format \S+$')
NM = re.compile(r'^(.+):[0-9a-f ]+ ([A-Z]) (\S+)$')
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


def lines_of(tool, *words):
    """What a tool says about many files at once."""
    if not words[-1:] or words[-1].startswith('-'):
        return []
    return subprocess.run([tool, *words], capture_output=True, text=True,
                          check=True).stdout.split('\n')


def globals_of(outputs):
    """What each compiled file can write to and keeps: not its tables of constants."""
    found, output = {}, None
    for line in lines_of('objdump', '-t', *outputs):
        if m := FILE.match(line):
            output = m[1]
        m = SYMBOL.match(line)
        if m and re.match(r'\.(data|bss|tdata|tbss)|\*COM\*', m[2]) and int(m[3], 16) > 0 \
                and not m[2].startswith('.data.rel.ro') and 'd' not in m[1]:
            found.setdefault(output, []).append(m[4])
    return found


def look(top, build, rooms):
    found = objects(build, top)
    if not found:
        yield 'build', os.path.relpath(build), 'is not built: no globals or dead functions seen'
        return
    looked_at = {}
    for path, output, simulated in found:
        room = house.room_of(path, rooms)
        if room and room.path not in MAY_HAVE_GLOBALS and not house.is_test(path) \
                and (not simulated or room.path == 'src/sim'):
            looked_at[output] = path
    for output, names in globals_of(looked_at).items():
        path = looked_at[output]
        names = [n for n in names if (path, n) not in MAY_BE_GLOBAL]
        if names:
            yield 'global', path, 'can write to ' + ' '.join(names), len(names)
    yield from dead_functions(found)


def dead_functions(found):
    """Exported functions that no other file calls, tests and both kinds of build counted."""
    paths = {output: path for path, output, _ in found}
    where, needed_by = {}, {}
    for line in lines_of('nm', '-A', '-g', *paths):
        m = NM.match(line)
        if m and m[2] == 'T':
            where[m[3]] = paths[m[1]]
        elif m and m[2] == 'U':
            needed_by.setdefault(m[3], set()).add(paths[m[1]])
    for name, path in sorted(where.items()):
        if not needed_by.get(name, set()) - {path} and not FOR_PEOPLE.fullmatch(name) \
                and not house.is_test(path):
            yield 'dead', f'{path}:{name}', 'no other file calls it'
