"""csource -- finds the functions and prototypes of a C file, without a compiler.

It relies on nothing but balanced braces, so it reads code that does not compile yet, and it does
not see what a macro makes.
"""
import re

import house

DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.M)
NAME = re.compile(r'(\w+)\s*\([^{}]*\)\s*(?:__attribute__\s*\(.*\)\s*)?$', re.S)
TOKEN = re.compile(r'[{};]')


class Function:
    """A definition (`lines` > 0 counts from its return type to its last brace) or a prototype."""

    def __init__(self, name, head, first, last, body):
        self.name, self.head, self.first, self.last, self.body = name, head, first, last, body

    @property
    def lines(self):
        return self.last - self.first + 1


def without_directives(code):
    return DIRECTIVE.sub(lambda m: '\n' * m[0].count('\n'), code)


def named(head):
    """The name of the function that a head declares, or None."""
    if '=' in head or re.match(r'\s*(typedef|_Static_assert)\b', head):
        return None
    m = NAME.search(head.rstrip())
    return m[1] if m and m[1] != '__attribute__' else None


def functions(text):
    """(definitions, prototypes) of a C text."""
    code = without_directives(house.code_only(text))
    definitions, prototypes = [], []
    depth, head_at, body_at, name = 0, 0, 0, None
    line_of = lambda at: code.count('\n', 0, at) + 1
    for m in TOKEN.finditer(code):
        head = code[head_at:m.start()]
        first_at = head_at + len(head) - len(head.lstrip())
        if m[0] == '{':
            if depth == 0:
                name, body_at = named(head), m.end()
            depth += 1
        elif m[0] == '}':
            depth = max(0, depth - 1)
            if depth == 0 and name:
                whole = code[head_at:body_at - 1]
                first_at = head_at + len(whole) - len(whole.lstrip())
                definitions.append(Function(name, whole, line_of(first_at), line_of(m.start()),
                                            code[body_at:m.start()]))
            if depth == 0:
                head_at = m.end() if name else head_at
                name = None
        elif depth == 0:
            if found := named(head):
                prototypes.append(Function(found, head, line_of(first_at), line_of(m.start()), ''))
            head_at = m.end()
    return definitions, prototypes
