"""A backlog larger than memory: filled with confirms, killed, found again, drained and checked.

The daemon may use the memory it is given and no more (its peak is read from the kernel); what comes
back must be everything that was confirmed, once, in order.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
sys.path.insert(0, os.path.join(ROOT, 'test/lib'))
import listeners  # noqa: E402


class Daemon:
    def __init__(self, build, data, *settings):
        words = [os.path.join(build, 'godwitd'), '--data-dir', data,
                 *listeners.arguments()]
        for one in settings:
            words += ['--set', one]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = None
        for line in self.process.stdout:
            found = re.search(r'listening for amqp on 127\.0\.0\.1:(\d+)', line)
            if found:
                self.port = found.group(1)
            if ' G002 ' in line:
                return
        raise RuntimeError('the daemon did not start')

    def peak_mib(self):
        with open(f'/proc/{self.process.pid}/status') as status:
            return int(re.search(r'VmHWM:\s*(\d+) kB', status.read()).group(1)) / 1024

    def end(self, signo):
        self.process.send_signal(signo)
        self.process.communicate(timeout=60)


def bench(build, daemon, *words):
    run = subprocess.run([os.path.join(build, 'godwit'), 'bench', '--json', '--uri',
                          f'amqp://guest:guest@127.0.0.1:{daemon.port}/%2f',
                          '--queue-prefix', 'soak', '--run', '7', *words],
                         capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f'{words}: {run.stdout[-300:]}{run.stderr[-300:]}')
    return json.loads(run.stdout.strip().splitlines()[-1]) if run.stdout.strip() else {}


def soak(build, messages, size, most_mib, settings=()):
    """Yields (name, None or what is wrong)."""
    place = tempfile.mkdtemp(prefix='godwit-soak-')
    count = ['--messages', str(messages), '--size', str(size)]
    try:
        daemon = Daemon(build, place, *settings)
        bench(build, daemon, '--backlog', str(messages), '--size', str(size), '--keep')
        peak = daemon.peak_mib()
        yield (f'{messages} messages of {size} B are taken in {most_mib} MiB',
               None if peak <= most_mib else f'{peak:.0f} MiB')
        daemon.end(signal.SIGKILL)
        daemon = Daemon(build, place, *settings)
        bench(build, daemon, '--drain', *count)
        peak = daemon.peak_mib()
        yield ('after kill -9 all are there, once and in order', None)
        yield (f'reading them back takes {most_mib} MiB',
               None if peak <= most_mib else f'{peak:.0f} MiB')
        daemon.end(signal.SIGTERM)
    except RuntimeError as why:
        yield 'a backlog larger than memory', str(why).replace('\n', ' ')
        daemon.end(signal.SIGKILL)
    finally:
        shutil.rmtree(place, ignore_errors=True)
