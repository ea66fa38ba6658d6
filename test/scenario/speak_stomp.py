"""speak_stomp -- STOMP for stories: a line to a frame, and a frame to a line."""
import re

from connection import Connection, Wrong, printable, words_of

SHOWN = 64


class Stomp(Connection):
    """Headers are as they are on the wire, escapes and all."""

    def say(self, line):
        verb, words = words_of(line)
        if verb == 'raw':
            self.send(words[0].text)
            return
        body = b''.join(w.text for w in words if w.name == 'body')
        head = b''.join(w.name.encode() + b':' + w.text + b'\n' for w in words if w.name != 'body')
        self.send(verb.encode() + b'\n' + head + b'\n' + body + b'\0')

    def split(self):
        self.octets = self.octets.lstrip(b'\r\n')     # heart-beats, and what ends frames
        head, blank, rest = self.octets.partition(b'\n\n')
        if not blank:
            return False
        length = re.search(rb'^content-length:(\d+)$', head, re.M)
        n = int(length[1]) if length else rest.find(b'\0')
        if n < 0 or len(rest) <= n:
            return False
        if rest[n] != 0:
            raise Wrong(f'a frame does not end: {self.octets!r}')
        command, *lines = head.split(b'\n')
        line = printable(command)
        for one in lines:
            name, _, value = one.partition(b':')
            line += f" {printable(name)}='{printable(value)}'"
        if n:
            line += f" body {n} '{printable(rest[:min(n, SHOWN)])}'" + '...' * (n > SHOWN)
        self.lines.append(line)
        self.octets = rest[n + 1:]
        return True
