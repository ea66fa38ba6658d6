"""offences -- plants one offence at a time in a small clean tree and demands that the tool names it.

A checker that cannot fail is no checker: the clean tree must pass, each planted one must not.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = '\n'.join(f'## {head}\n' for head in (
    'What it is', 'Doors', 'State', 'Rules that must hold', 'What it does not do'))
CLEAN = {
    'FLOORS': '# room floor\n# doors\nsrc/base 0 bytes\n *\nsrc/core 3 the mind\n cmd.h\n'
              'src/session/amqp091 4 talk\n *\nsrc/io 6 world\n\t*\n',
    'ARCHITECTURE.md': '| room | what |\n|---|---|\n| `base/` | b |\n| `core/` | c |\n'
                       '| `session/amqp091/` | s |\n| `io/` | i |\n',
    'src/base/README.md': README, 'src/core/README.md': README,
    'src/session/amqp091/README.md': README, 'src/io/README.md': README,
    'src/base/must.h': '/* must -- checks for bugs. */\n#ifndef M\n#define M\n'
                       '/* must_fail ends the program. */\n_Noreturn void must_fail(void);\n'
                       '#define must(c) ((c) ? (void)0 : must_fail())\n#endif\n',
    'src/base/must.c': '#include "base/must.h"\n\n#include <stdlib.h>\n\n'
                       '_Noreturn void must_fail(void)\n{\n\tabort();\n}\n',
    'src/core/cmd.h': '/* cmd -- what the core is told. */\n#ifndef C\n#define C\n'
                      '/* cmd_run does a thing. */\nint cmd_run(int a);\n#endif\n',
    'src/core/cmd.c': '#include "core/cmd.h"\n\n#include "base/must.h"\n#include "core/inner.h"\n\n'
                      'int cmd_run(int a)\n{\n\tmust(a > 0);\n\treturn inner(a);\n}\n',
    'src/core/inner.h': '/* inner -- private to the core. */\n#ifndef I\n#define I\n'
                        '/* inner adds one. */\nint inner(int a);\n#endif\n',
    'src/core/inner.c': '#include "core/inner.h"\n\n#include "base/must.h"\n\nint inner(int a)\n'
                        '{\n\tmust(a < 9);\n\treturn a + 1;\n}\n',
    'src/core/cmd.def': '/* CMD(name, prose) */\nCMD(run, "does a thing")\n',
    'src/core/list.c': '#include "base/must.h"\n#include "core/inner.h"\n\n'
                       '#define CMD(name, prose) prose\nstatic const char *const list =\n'
                       '#include "core/cmd.def"\n\t;\n\nint list_n(void);\nint list_n(void)\n{\n'
                       '\tmust(list[0] != 0);\n\treturn inner(1);\n}\n',
    'src/session/amqp091/talk.c': '#include "base/must.h"\n#include "core/cmd.h"\n\n'
                                  'int list_n(void);\nint talk(void);\nint talk(void)\n{\n'
                                  '\tmust(1);\n\treturn cmd_run(list_n());\n}\n',
    'src/io/loop.c': 'int talk(void);\nint main(void)\n{\n\treturn talk();\n}\n',
}
LONG = ''.join(f'\ta += {n};\n' for n in range(70))

# tool, what is planted where (appended; a new file when there is none), what the tool must say (None:
# nothing)
PLANTED = [
    ('floors', 'core/inner.h', '#include "session/amqp091/talk.h"\n', 'may not include'),
    ('floors', 'session/amqp091/talk.c', '#include "core/inner.h"\n', 'is not a door of src/core'),
    ('floors', 'session/amqp091/talk_test.c', '#include "core/inner.h"\n', None),
    ('floors', '../FLOORS', ' gone.h\n', 'src/io has no gone.h, which should be a door'),
    ('floors', 'core/inner.c', '#include "inner.h"\n', 'is not written from src/'),
    ('floors', 'core/inner.c', '#include <uv.h>\n', '<uv.h> is only for'),
    ('floors', 'core/inner.c', '#include <stdio.h>\n', '<stdio.h> is only for'),
    ('floors', 'session/amqp091/talk.c', '#include <sys/socket.h>\n', 'is only for'),
    ('floors', 'session/amqp091/talk.c', '#include <stdatomic.h>\n', 'is only for'),
    ('floors', 'core/inner.c', '/* as MQTT has it */\n', 'serves every protocol, and names MQTT'),
    ('floors', 'core/inner.c', 'int sqs_lease;\n', 'serves every protocol, and names sqs'),
    ('floors', 'lost/a.c', 'int a;\n', 'is in no room of FLOORS'),
    ('purity', 'core/inner.c', 'long time(long *);\nlong f(void);\nlong f(void)\n{\n'
               '\treturn time(0);\n}\n', 'src/core: inner.c needs time'),
    ('purity', 'session/amqp091/talk.c', 'void *malloc(unsigned long);\nvoid *f(void);\n'
               'void *f(void)\n{\n\treturn malloc(9);\n}\n', 'talk.c needs malloc'),
    ('tidy', 'core/inner.c', 'int f(int a)\n{\n' + LONG + '\treturn a;\n}\n',
     'inner.c:f: function: 74 lines'),
    ('tidy', 'core/inner.c', '\n' * 500, 'inner.c: file: 5'),
    ('tidy', 'core/inner.c', '/* ' + 'a ' * 50 + '*/\n', 'line: more than 100 columns'),
    ('tidy', 'core/inner.c', 'int f(int a)\n{\n\treturn a;\n}\n' * 3, 'src/core: asserts: 0.'),
    ('tidy', 'core/inner.c', '#if A\n#endif\n' * 2, 'src/core: #if: 2 in'),
    ('tidy', 'base/must.c', '#include "core/cmd.h"\n', 'src/base: cycle'),
    ('tidy', 'core/unused.h', '/* unused -- by all. */\n', 'src/core/unused.h: dead'),
    ('tidy', 'core/unused.def', '/* U */\n', 'src/core/unused.def: dead'),
    ('tidy', 'core/cmd.c', 'int g(void);\nint g(void)\n{\n\treturn 1;\n}\n', 'cmd.c:g: dead'),
    ('tidy', 'core/cmd.c', 'static int kept;\nint cmd_kept(void);\nint cmd_kept(void)\n{\n'
             '\treturn kept++;\n}\n', 'cmd.c: global: can write to kept'),
    ('tidy', 'core/bare.h', 'int bare(void);\n', 'does not open with'),
    ('tidy', 'core/cmd.h', '\nint silent(int a);\n', 'cmd.h:silent: comment'),
    ('tidy', 'core/cmd.def', '\nCMD(stop, "")\n', 'the row does not say'),
    ('tidy', 'core/cmd.def', '\nCMD(stop, 1, 2)\n', '3 cells, not 2'),
    ('tidy', 'core/cmd2.def', '/* commands */\n', 'does not open with "/* ROW'),
    ('tidy', 'core/ablate.def', 'ABLATE(sync, "wait for it")\n', 'no code asks ABLATED()'),
    ('tidy', 'base/log.def', '/* LOG(id, level, name, text, prose) -- lines. */\n'
             'LOG("Z001", info, silence, "nothing", "never")\n', 'silence: dead: no code writes'),
    ('tidy', 'core/cmd.c', 'int f(char *a);\nint f(char *a)\n{\n\tstrcpy(a, "b");\n}\n',
     'strcpy(): use'),
    ('tidy', 'core/cmd.c', '/* TO' + 'DO: more */\n', 'stays out of the tree'),
    ('tidy', 'core/cmd_test.c', 'int f(void)\n{\n\tus' + 'leep(9);\n}\n', 'waits by the clock'),
    ('tidy', '../test/slow/run', '#!/bin/sh\nwhile :; do sle' + 'ep 1; done\n', 'waits by the clock'),
    ('tidy', 'core/README.md', None, 'has no README.md'),
    ('tidy', '../FLOORS', 'src/repl 4 log\n', 'src/repl: room: is in FLOORS and not in the tree'),
    ('tidy', '../ARCHITECTURE.md', '| `attic/` | a |\n', 'lists src/attic, which FLOORS does not'),
    ('tidy', '../ARCHITECTURE.md', None, 'ARCHITECTURE.md: rooms: is not there'),
    ('format', 'core/cmd.c', 'int f( int a );\n', 'code should be clang-formatted'),
    ('tidy', '../tools/ratchet', 'file src/core/cmd.c 600\n', 'is kept now; take the row out'),
]


def lay(top):
    for path, text in CLEAN.items():
        plant(top, path, text)


def plant(top, path, text):
    whole = os.path.join(top, path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    if text is None:
        os.remove(whole)
        return
    with open(whole, 'a') as f:
        f.write(text)


def compile_tree(top):
    """The libraries and the compile_commands.json that the real build would leave."""
    build = os.path.join(top, 'build')
    os.makedirs(build)
    rows = []
    for folder, _, names in os.walk(os.path.join(top, 'src')):
        for name in (n for n in sorted(names) if n.endswith('.c') and '_test' not in n):
            path = os.path.join(folder, name)
            room = os.path.relpath(folder, os.path.join(top, 'src')).replace('/', '_')
            output = f'{room}_{name}.o'
            # What does not compile is not an object: the tools that read texts see it all the same.
            command = ['gcc', '-w', '-I', os.path.join(top, 'src'), '-c', path, '-o', output]
            if subprocess.run(command, cwd=build, stderr=subprocess.DEVNULL).returncode == 0:
                subprocess.run(['ln', '-sf', output, name + '.o'], cwd=build, check=True)
                subprocess.run(['ar', 'rc', f'lib{room}.a', name + '.o'], cwd=build, check=True)
                rows.append({'file': os.path.realpath(path), 'command': ' '.join(command)})
    with open(os.path.join(build, 'compile_commands.json'), 'w') as f:
        json.dump(rows, f)
    return build


def ask(tool, top):
    """Exit code and words of a tool about a tree."""
    command = [os.path.join(TOOLS, 'floors.py'), top]
    if tool == 'purity':
        command = [os.path.join(TOOLS, 'purity.sh'), compile_tree(top), top]
    if tool == 'tidy':
        command = [os.path.join(TOOLS, 'tidy.py'), '--build', compile_tree(top), top]
    if tool == 'format':
        command = [os.path.join(TOOLS, 'format.sh'), '--check', top]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def try_one(name, tool, path, text, says):
    top = tempfile.mkdtemp()
    lay(top)
    if path:
        plant(top, os.path.normpath(os.path.join('src', path)), text)
    code, words = ask(tool, top)
    shutil.rmtree(top)
    good = (code == 0 and words == '') if says is None else (code == 1 and says in words)
    if good:
        print(f'ok {name}')
    else:
        print(f'not ok {name} exit code {code}: {" / ".join(words.split(chr(10))[:4])}')
    return good


def run():
    results = [try_one(f'{tool}_passes_a_clean_tree', tool, None, '', None)
               for tool in ('floors', 'purity', 'tidy', 'format')]
    for tool, path, text, says in PLANTED:
        slug = 'says_' + re.sub(r'\W+', '_', says).strip('_') if says else 'lets_tests_look'
        results.append(try_one(f'{tool}_{slug}', tool, path, text, says))
    return all(results)
