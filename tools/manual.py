#!/usr/bin/python3
"""manual -- makes the manual pages, their tables from the tables of the program.

usage: tools/manual.py [OUT]

docs/manual/NAME.SECTION.scd is scdoc as it stands. In NAME.SECTION.scd.in a line
    @table PATH HEAD@
stands for every row of src/PATH: HEAD with each {column} replaced by the row's cell, and under it
the column `prose`. A column is called as the first comment of the table calls it. A line
    @group TEXT@
before it keeps of the next table only the rows below the comment `/* TEXT ... */`, up to the next
comment on a line of its own. The pages go to OUT/manN (default build/man).
"""
import argparse
import os
import re
import subprocess
import sys

import house
import table

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = re.compile(r'(.+)\.(\d)\.scd(\.in)?')


def escaped(text):
    return re.sub(r'([\\_*])', r'\\\1', text)


def group_of(text, line):
    """The nearest comment above a row that stands on lines of its own."""
    above = '\n'.join(text.split('\n')[:line - 1])
    comments = re.findall(r'^/\*(.*?)\*/', above, re.M | re.S)
    return ' '.join(comments[-1].replace('\n *', '\n').split()) if comments else ''


def expand(path, head, group):
    text = house.read(TOP, 'src/' + path)
    kind, columns = table.columns(text)
    found = []
    for row in table.rows(text):
        if row.name != kind or (group and not group_of(text, row.line).startswith(group)):
            continue
        cells = {c: escaped(table.words(cell)) for c, cell in zip(columns, row.cells)}
        said = re.sub(r'\{(\w+)\}', lambda m: cells[m[1]], head)
        found.append(f'{said}\n\t{cells["prose"]}\n')
    if not found:
        sys.exit(f'manual: src/{path} has no rows under "{group}"')
    return '\n'.join(found).rstrip('\n')


def expanded(text):
    out, group = [], ''
    for line in text.split('\n'):
        if m := re.fullmatch(r'@group (.+)@', line):
            group = m[1]
        elif m := re.fullmatch(r'@table (\S+) (.+)@', line):
            out.append(expand(m[1], m[2], group))
            group = ''
        else:
            out.append(line)
    return '\n'.join(out)


def make(name, out):
    m = PAGE.fullmatch(name)
    text = house.read(TOP, 'docs/manual/' + name)
    done = subprocess.run(['scdoc'], input=expanded(text) if m[3] else text, text=True,
                          capture_output=True)
    if done.returncode != 0:
        sys.exit(f'manual: docs/manual/{name}: {done.stderr.strip()}')
    folder = os.path.join(out, 'man' + m[2])
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f'{m[1]}.{m[2]}'), 'w') as f:
        f.write(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?', default=os.path.join(TOP, 'build/man'))
    out = parser.parse_args().out
    pages = [n for n in sorted(os.listdir(os.path.join(TOP, 'docs/manual'))) if PAGE.fullmatch(n)]
    for name in pages:
        make(name, out)
    return 0 if pages else sys.exit('manual: docs/manual has no pages')


if __name__ == '__main__':
    sys.exit(main())
