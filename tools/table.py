"""table -- reads a *.def: its first comment `NAME(column, ...) -- ...` names the columns of its rows."""
import re

import house


class Row:
    """One NAME(...) from the first column of a line."""

    def __init__(self, name, line, cells, text):
        self.name, self.line, self.cells, self.text = name, line, cells, text


def columns(text):
    """(row name, column names) as the first comment of a table says, or (None, [])."""
    m = re.match(r'/\*\s*([A-Z][A-Z0-9_]*)\(([\w\s*,]*)\)', text)
    return (m[1], re.findall(r'\w+', m[2])) if m else (None, [])


def split(plain, start, end):
    """The ends of the cells of a row: commas that stand in no inner parenthesis."""
    depth, first = 0, start
    for at in range(start, end):
        if plain[at] == ',' and depth == 0:
            yield first, at
            first = at + 1
        depth += {'(': 1, ')': -1}.get(plain[at], 0)
    yield first, end


def rows(text):
    """All rows of a table, in order. Cells are C text, as they stand."""
    plain = house.NOT_CODE.sub(lambda q: re.sub(r'[^\n]', ' ', q[0]), text)
    found = []
    for m in re.finditer(r'^[A-Z][A-Z0-9_]*\(', plain, re.M):
        depth, at = 1, m.end()
        while depth and at < len(plain):
            depth += {'(': 1, ')': -1}.get(plain[at], 0)
            at += 1
        cells = [text[a:b].strip() for a, b in split(plain, m.end(), at - 1)]
        end = text.find('\n', at)
        found.append(Row(m[0][:-1], text.count('\n', 0, m.start()) + 1, cells,
                         text[m.start():end if end > 0 else None]))
    return found


ESCAPES = {'n': '\n', 't': '\t', '"': '"', '\\': '\\'}


def words(cell):
    """What a cell says: its string literals joined, or the C text itself without comments."""
    cell = re.sub(r'/\*.*?\*/', '', cell, flags=re.S).strip()
    if not cell.startswith('"'):
        return ' '.join(cell.split())
    parts = re.findall(r'"((?:\\.|[^"\\])*)"', cell)
    return re.sub(r'\\(.)', lambda m: ESCAPES.get(m[1], m[0]), ''.join(parts))
