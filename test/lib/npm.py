"""npm -- the packages that a test's lock file names."""
import fcntl
import os
import subprocess
import sys


def install(folder):
    """npm ci, unless what the lock names is there already; of several at once one does it."""
    there = os.path.join(folder, 'node_modules/.package-lock.json')
    lock = os.path.join(folder, 'package-lock.json')
    with open(lock, encoding='utf-8') as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not os.path.exists(there) or os.path.getmtime(there) < os.path.getmtime(lock):
            subprocess.run(['npm', 'ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent'],
                           cwd=folder, check=True, stdout=sys.stderr)
