"""orders -- what the operator of a story says: `operator policy name='short' pattern='^q' ...`.

Each order is a definitions file of one thing, which godwit imports, or forgets. README.md beside
this file has the words; src/sim/orders_for_tests.h says the same to a simulated broker.
"""
import json
import os
import subprocess
import tempfile

from connection import Wrong, words_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GODWIT = os.path.join(os.environ.get('GODWIT_DIR') or os.path.join(ROOT, 'build/dev'), 'godwit')
PATIENCE_S = 60
OF_POLICIES = ('name', 'vhost', 'pattern', 'apply-to', 'priority')


def policy(said):
    definition = {name: value for name, value in said.items() if name not in OF_POLICIES}
    return dict({name: said[name] for name in said if name in OF_POLICIES}, definition=definition)


def operator_policy(said):
    value = policy(said)
    return {'component': 'operator_policy', 'vhost': value.pop('vhost'), 'name': value.pop('name'),
            'value': value}


def vhost_limits(said):
    return {'component': 'vhost-limits', 'vhost': said.pop('vhost'), 'name': 'limits',
            'value': said}


def user(said):
    return dict(said, tags=said.get('tags', ''))


def grant(said):
    return dict({'configure': '', 'write': '', 'read': ''}, **said)


# What is said: its section of a definitions file, and what stands there.
KINDS = {'policy': ('policies', policy), 'operator_policy': ('parameters', operator_policy),
         'vhost_limits': ('parameters', vhost_limits), 'user': ('users', user),
         'permission': ('permissions', grant), 'topic_permission': ('topic_permissions', grant)}

# What is said of that which goes: it is not looked at, but the file must make sense.
ANY = {'policy': {'pattern': '', 'max-length': 1}, 'operator_policy': {'pattern': '', 'max-length': 1},
       'vhost_limits': {'max-queues': 1}}


# What godwit has a verb for: its words.
def user_limits(said, is_end):
    user = said.pop('user')
    return ['clear_user_limits', user] if is_end else ['set_user_limits', user, json.dumps(said)]


def limit(said, _):
    return (['set_disk_free_limit', str(said['disk'])] if 'disk' in said else
            ['set_vm_memory_high_watermark', 'absolute', str(said['memory'])])


VERBS = {'user_limits': user_limits, 'limit': limit}


def tell(data_dir, words):
    done = subprocess.run([GODWIT, words[0], '--data-dir', data_dir, *words[1:]],
                          capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0:
        raise Wrong(f'the operator was told {done.stdout} {done.stderr}')


def order(data_dir, line):
    """Does what the line says; the broker has answered when this returns."""
    verb = 'forget' if line.startswith('forget ') else 'import'
    kind, words = words_of(line.removeprefix('forget '))
    if kind in VERBS:
        said = {w.name: w.number if w.text is None else w.text.decode() for w in words}
        return tell(data_dir, VERBS[kind](said, line.startswith('forget ')))
    said = {} if kind == 'user' else {'vhost': '/'}
    if verb == 'forget':
        said.update(ANY.get(kind, {}))
    said.update((w.name, w.number if w.text is None else w.text.decode()) for w in words)
    section, made = KINDS[kind]
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump({section: [made(said)]}, file)
        file.flush()
        done = subprocess.run([GODWIT, 'definitions', '--data-dir', data_dir, verb, file.name],
                              capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode != 0 or 'refused: 0' not in done.stdout:
        raise Wrong(f'the operator was told {done.stdout} {done.stderr}')
