#!/usr/bin/python3
"""authority -- the certificates of tests, good on any date, made by openssl on this machine.

    authority.at('broker.pem')          what all tests share, in build/authority: NAME.pem, NAME.key
        authority, elsewhere            who signs, and who signs what nobody believes
        broker, client                  signed by the one, for 127.0.0.1, one.example, two.example
                                        and localhost
        stranger                        signed by the other
        locked                          as broker; its key has the password `sesame`
    authority.options('broker')         settings of a broker that shows this one
    authority.sign(folder, 'anna')      another one, in a folder of the test's own
    authority.revoke(folder, 'a.pem')   folder/crl.pem, a list that has these certificates

`make test` makes them before the tests; a test that is started by hand does what is missing.
Started as a program, it does that and no more.
"""
import fcntl
import hashlib
import os
import subprocess
import tempfile

BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../build')
PLACE = os.path.join(os.path.realpath(BUILD), 'authority')
CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
FIRST, LAST = '19700101000000Z', '99991231235959Z'
NAMES = ('IP:127.0.0.1', 'DNS:one.example', 'DNS:two.example', 'DNS:localhost')
RULES = '''[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
unique_subject = no
copy_extensions = copy
preserve = yes
policy = any
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[other]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
'''


def openssl(folder, *words):
    done = subprocess.run(['openssl', *words], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (words, done.stderr[-1000:])


def books(folder):
    """What openssl wants to know, and an empty list of what was ever signed."""
    for name, words in ('rules', RULES), ('index.txt', ''):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
            f.write(words)


def act(folder, signer, *words):
    """What an authority does, whose signer.pem and signer.key are."""
    openssl(folder, 'ca', '-config', 'rules', '-batch', '-notext', '-keyfile', f'{signer}.key',
            '-cert', f'{signer}.pem', *words)


def ask(folder, subject, name, *words):
    books(folder)
    openssl(folder, 'req', '-config', 'rules', *CURVE, '-subj', subject, '-keyout', f'{name}.key',
            '-out', f'{name}.csr', *words)


def make_authority(folder, name):
    ask(folder, f'/CN={name}', name, '-nodes')
    openssl(folder, 'req', '-config', 'rules', '-x509', '-key', f'{name}.key', '-subj',
            f'/CN={name}', '-extensions', 'authority', '-out', f'{name}.pem')
    act(folder, name, '-selfsign', '-in', f'{name}.csr', '-extensions', 'authority',
        '-startdate', FIRST, '-enddate', LAST, '-out', f'{name}.new')
    os.replace(os.path.join(folder, f'{name}.new'), os.path.join(folder, f'{name}.pem'))


def make_signed(folder, name, signer, names=NAMES, password=None, last=LAST):
    lock = ['-passout', f'pass:{password}'] if password else ['-nodes']
    ask(folder, f'/O=test/CN={name}', name, '-addext', 'subjectAltName=' + ','.join(names), *lock)
    act(folder, signer, '-in', f'{name}.csr', '-extensions', 'other', '-startdate', FIRST,
        '-enddate', last, '-out', f'{name}.pem')


def make_all(folder):
    for name in 'authority', 'elsewhere':
        make_authority(folder, name)
    for name in 'broker', 'client':
        make_signed(folder, name, 'authority')
    make_signed(folder, 'stranger', 'elsewhere')
    make_signed(folder, 'locked', 'authority', password='sesame')


def at(name=''):
    """The path of what tests share. Made once; another version of this file makes it anew."""
    with open(os.path.abspath(__file__), 'rb') as f:
        version = hashlib.sha256(f.read()).hexdigest()[:16]
    place = os.path.join(PLACE, version)
    os.makedirs(PLACE, exist_ok=True)
    with open(os.path.join(PLACE, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(place):
            fresh = tempfile.mkdtemp(dir=PLACE)
            make_all(fresh)
            os.rename(fresh, place)
    return os.path.join(place, name)


def options(name='broker'):
    return [f'ssl_options.certfile={at(name + ".pem")}', f'ssl_options.keyfile={at(name + ".key")}']


def sign(folder, name, **how):
    """NAME.key and NAME.pem in `folder`, believed by who believes authority.pem; as make_signed."""
    make_signed(folder, name, at('authority'), **how)


def between(folder, name, signer):
    """NAME.key and NAME.pem in `folder`: an authority that `signer`, a path without its end, has made
    one."""
    ask(folder, f'/CN={name}', name, '-nodes')
    act(folder, signer, '-in', f'{name}.csr', '-extensions', 'authority', '-startdate', FIRST,
        '-enddate', LAST, '-out', f'{name}.pem')


def revoke(folder, *certificates):
    """folder/crl.pem: a list of authority.pem, good on any date, with these certificates in it."""
    books(folder)
    for one in certificates:
        act(folder, at('authority'), '-revoke', one)
    act(folder, at('authority'), '-gencrl', '-crl_lastupdate', FIRST, '-crl_nextupdate', LAST,
        '-out', 'crl.pem')
    return os.path.join(folder, 'crl.pem')


if __name__ == '__main__':
    at()
