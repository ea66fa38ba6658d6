"""forgetful -- a data directory on a disk that forgets what was not synced (test/crash/shim.c),
and may fail or be full (test/crash/faults.c).

    disk = Forgetful(place)
    with Broker(disk.data, path=..., env=disk.env()) as broker: ...     killed
    disk.forget()                        the data directory is as a power cut would have left it

The daemon must not be a sanitized one: their runtime wants to be the first library.
"""
import os
import shutil
import subprocess

import broker

SOURCES = os.path.join(broker.ROOT, 'test/crash')
LIBRARIES = ('shim', 'faults')  # in the order in which they are preloaded


class Forgetful:
    def __init__(self, place):
        self.place = place
        self.data, self.shadow = os.path.join(place, 'data'), os.path.join(place, 'shadow')
        self.free = os.path.join(place, 'free')
        self.libraries = [os.path.join(place, name + '.so') for name in LIBRARIES]
        os.makedirs(self.data)
        for name, library in zip(LIBRARIES, self.libraries):
            subprocess.run(['gcc', '-std=c17', '-O1', '-g', '-Wall', '-Wextra', '-shared', '-fPIC',
                            '-o', library, os.path.join(SOURCES, name + '.c'), '-ldl'], check=True)

    def env(self, fail=None, free_bytes=None):
        """The environment of the next start. fail: as SHIM_FAIL; free_bytes: as tell_free."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        os.makedirs(os.path.join(self.shadow, 'files'))
        copy(self.data, self.names())
        env = {'LD_PRELOAD': ':'.join(self.libraries), 'SHIM_DATA': self.data,
               'SHIM_SHADOW': self.shadow}
        if fail:
            env['SHIM_FAIL'] = fail
        if free_bytes is not None:
            self.tell_free(free_bytes)
            env['SHIM_FREE'] = self.free
        return env

    def names(self):
        return os.path.join(self.shadow, 'names')

    def forget(self):
        shutil.rmtree(self.data)
        copy(self.names(), self.data)

    def tell_free(self, free_bytes):
        """What the daemon is told from now on, when it asks how much of the disk is free: so many
        bytes, or, below 0, as if the disk had so many for the data directory."""
        with open(self.free + '.new', 'w') as f:
            f.write(str(free_bytes))
        os.rename(self.free + '.new', self.free)


def copy(source, target):
    """What can be kept of a directory: not its sockets."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns('*.sock'))
