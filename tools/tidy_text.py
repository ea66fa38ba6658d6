"""tidy_text -- what tidy reads in texts: headers, comments, tables, words, the tree itself."""
import os
import re

import house
import table

ASSERT = re.compile(r'(?<!define )\bmust(?:_if|_not)?\s*\(|\b_Static_assert\s*\(')
CONDITIONAL = re.compile(r'^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b', re.M)
GUARD = re.compile(r'\A\s*#ifndef (\w+)\s+#define \1\b')


def asserts(code):
    return len(ASSERT.findall(code))


def conditionals(code):
    """How many #if and their kin, the include guard not counted."""
    return len(CONDITIONAL.findall(code)) - bool(GUARD.match(code))


def headers(sources):
    for s in sources:
        if s.path.endswith('.h') and not re.match(r'/\* [\w./ -]+ -- \S', s.text):
            yield 'header', s.path, 'does not open with "/* name -- sentence"'


SHORT_LINES_MAX = 5  # an inline function so short says itself what it does
SAME_IN_EVERY_ROOM = re.compile(r'\w+_(fini|free|check|dump)')


def comments(sources):
    """Exported functions whose paragraph has no comment above or beside them."""
    for s in sources:
        if not s.path.endswith('.h') or s.is_test:
            continue
        lines = s.text.split('\n')
        for f in s.prototypes + [d for d in s.functions if d.lines > SHORT_LINES_MAX]:
            first = f.first - 1
            while first > 0 and lines[first - 1].strip():
                first -= 1
            if not SAME_IN_EVERY_ROOM.fullmatch(f.name) \
                    and not any('/*' in line or '*/' in line for line in lines[first:f.last]):
                yield 'comment', f'{s.path}:{f.name}', 'exported without a comment'


BANNED = {
    'strcpy': 'memcpy with a length', 'strcat': 'text_putf', 'sprintf': 'text_putf',
    'vsprintf': 'text_putf', 'gets': 'fgets', 'atoi': 'a checked parser',
    'atol': 'a checked parser', 'strtok': 'a slice', 'rand': 'base/prng.h',
    'srand': 'base/prng.h', 'time': 'port/clock.h', 'alloca': 'a pool',
    'longjmp': 'a return value',
}
BANNED_CALL = re.compile(r'(?<![\w.>])(' + '|'.join(BANNED) + r')\s*\(')


def banned(sources):
    for s in sources:
        for n, line in enumerate(s.code.split('\n'), 1):
            if m := BANNED_CALL.search(line):
                yield 'banned', f'{s.path}:{n}', f'{m[1]}(): use {BANNED[m[1]]}'


def prose(tables):
    for path, text in tables:
        kind, columns = table.columns(text)
        if 'prose' not in columns:
            yield 'prose', path, 'does not open with "/* ROW(column, ..., prose)"'
            continue
        at = columns.index('prose')
        for row in (r for r in table.rows(text) if r.name == kind):
            if len(row.cells) != len(columns):
                yield 'prose', f'{path}:{row.line}', f'{len(row.cells)} cells, not {len(columns)}'
            elif not table.words(row.cells[at]):
                yield 'prose', f'{path}:{row.line}', f'the row does not say what it is'


def unasked(sources, tables):
    """Safety rules that no code asks for: a switch without a wire."""
    asked = set(re.findall(r'\bABLATED\((\w+)\)', '\n'.join(s.code for s in sources)))
    for path, text in tables:
        if os.path.basename(path) == 'ablate.def':
            for rule in re.findall(r'^ABLATE\((\w+)', text, re.M):
                if rule not in asked:
                    yield 'dead', f'{path}:{rule}', 'no code asks ABLATED() for it'


def unlogged(sources, tables):
    """Lines of the log that no code writes; tests do not count."""
    code = '\n'.join(s.code for s in sources if not s.is_test)
    for path, text in tables:
        if os.path.basename(path) == 'log.def':
            columns = table.columns(text)[1]
            for row in (r for r in table.rows(text) if r.name == 'LOG'):
                name = row.cells[columns.index('name')]
                if not re.search(rf'\bLOG_{name}\b', code):
                    yield 'dead', f'{path}:{name}', 'no code writes this line of the log'


HEADS = ('What it is', 'Doors', 'State', 'Rules that must hold', 'What it does not do')
MARKS = re.compile(r'\b(?:' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'X' * 3, 'HA' + 'CK')) + r')\b')
SLEEP = re.compile(r'\b(?:u?sleep|nanosleep|uv_sleep|time\.[sS]leep|Thread\.sleep|setTimeout)\s*\('
                   r'|(?:^|[;&|]|\bdo\b|\bthen\b)\s*sleep\s+[\d$"]')
TEXTS = ('', '.c', '.h', '.def', '.py', '.sh', '.js', '.go', '.java', '.md', '.txt', '.scd', '.in')


def trees(top, rooms):
    yield from readmes(top, rooms)
    yield from words(top)
    yield from table_of_rooms(top, rooms)


def readmes(top, rooms):
    for room in rooms:
        if not os.path.isdir(os.path.join(top, room)):
            yield 'room', room, 'is in FLOORS and not in the tree'
            continue
        path = f'{room}/README.md'
        if not os.path.exists(os.path.join(top, path)):
            yield 'readme', room, 'has no README.md'
            continue
        text = house.read(top, path)
        for head in HEADS:
            if not re.search(rf'^#+ {head}\s*$', text, re.M):
                yield 'readme', path, f'has no head "{head}"'


def words(top):
    for under in ('src', 'test', 'tools', 'docs', 'cmake'):
        for path in house.files(top, TEXTS, under):
            tests = path.startswith('test/') or path.endswith('_test.c')
            for n, line in enumerate(house.read(top, path).split('\n'), 1):
                if m := MARKS.search(line):
                    yield 'mark', f'{path}:{n}', f'{m[0]} stays out of the tree'
                if tests and not path.endswith('.md') and SLEEP.search(line):
                    yield 'sleep', f'{path}:{n}', 'waits by the clock; wait for the event'


def table_of_rooms(top, rooms):
    """The table of ARCHITECTURE.md whose first column is headed `room` names every room, once."""
    if not os.path.exists(os.path.join(top, 'ARCHITECTURE.md')):
        yield 'rooms', 'ARCHITECTURE.md', 'is not there'
        return
    listed, inside = [], False
    for line in house.read(top, 'ARCHITECTURE.md').split('\n'):
        if not line.startswith('|'):
            inside = False
            continue
        cell = re.sub(r'[`*\[\]]|\(.*?\)', '', line.split('|')[1]).strip().rstrip('/')
        if cell.lower() == 'room':
            inside = True
        elif inside and not re.fullmatch(r'[-: ]*', cell):
            listed.append('src/' + cell.removeprefix('src/'))
    for room in rooms:
        if listed.count(room) != 1:
            yield 'rooms', 'ARCHITECTURE.md', f'lists {room} {listed.count(room)} times'
    for room in sorted(set(listed) - set(rooms)):
        yield 'rooms', 'ARCHITECTURE.md', f'lists {room}, which FLOORS does not know'
