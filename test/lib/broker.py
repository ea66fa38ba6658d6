"""broker -- a daemon for a test, and the lines that a test prints.

    with Broker() as broker:            a temporary data directory, a free port of the loopback
        connect(broker.port)
    finish(run_tests(TESTS, broker))    prints ok, not ok, skip as tools/run-tests reads them

A Broker is ready when its constructor returns. It ends by its process id, and its data directory
with it if the Broker made that. Nothing here sleeps: a thread takes the daemon's log lines, and
who waits for one is woken when it comes.
"""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import listeners

sys.dont_write_bytecode = True

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 60


def program(name, kind='GODWIT_DIR'):
    """The path of a program: of the sanitized build, or of the one that `kind` names."""
    return os.path.join(os.environ.get(kind) or os.path.join(ROOT, 'build/dev'), name)


class Broker:
    """A godwitd. `log` is what it has said; `errors` is its standard error once it has ended."""

    def __init__(self, data_dir=None, *, path=None, settings=(), env=None, is_ready=True,
                 args=(), file_bytes_max=resource.RLIM_INFINITY):
        self.is_own = data_dir is None
        self.place = tempfile.mkdtemp(prefix='godwit.') if self.is_own else None
        self.data_dir = data_dir or os.path.join(self.place, 'data')
        argv = [path or program('godwitd'), '--data-dir', self.data_dir, *listeners.arguments()]
        for one in settings:
            argv += ['--set', one]
        bound = (file_bytes_max, file_bytes_max)
        self.process = subprocess.Popen(
            argv + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=dict(os.environ, **(env or {})),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, bound))
        self.log, self.errors, self.port = [], '', None
        self.said, self.is_silent = threading.Condition(), False
        self.readers = [threading.Thread(target=self._listen, daemon=True),
                        threading.Thread(target=self._note, daemon=True)]
        for one in self.readers:
            one.start()
        if is_ready:
            self.wait_until_ready()

    def _listen(self):
        for line in self.process.stdout:
            with self.said:
                self.log.append(line.rstrip('\n'))
                self.said.notify_all()
        with self.said:
            self.is_silent = True
            self.said.notify_all()

    def _note(self):
        self.errors = self.process.stderr.read()

    def wait_until_ready(self):
        self.port = int(self.wait_for(r' L001 listening for amqp on 127\.0\.0\.1:(\d+)')[1])
        self.wait_for(r' G002 ')

    def wait_for(self, pattern, since=0):
        """The match of the first log line that has `pattern`; waits for it."""
        end = time.monotonic() + PATIENCE_S
        with self.said:
            while True:
                for line in self.log[since:]:
                    if m := re.search(pattern, line):
                        return m
                since = len(self.log)
                if self.is_silent or not self.said.wait(end - time.monotonic()):
                    break
        if self.is_silent:
            self.readers[1].join(PATIENCE_S)
        raise RuntimeError(f'the daemon did not say {pattern}: {self.log[-3:]} {self.errors[:400]}')

    def wait(self):
        """Waits for the end of the process and of what it says; gives its exit code."""
        code = self.process.wait(PATIENCE_S)
        for one in self.readers:
            one.join(PATIENCE_S)
        return code

    def end(self, signo=signal.SIGTERM):
        """Ends it; gives the exit code, or minus the signal. What it has complained of is shown."""
        if self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.wait()
            raise RuntimeError(f'the daemon did not end: {self.log[-3:]}')
        sys.stderr.write(self.errors[:4000])
        return code

    def kill(self):
        return self.end(signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.wait()
        if self.is_own:
            shutil.rmtree(self.place, ignore_errors=True)


TELLING = threading.Lock()


def say(verdict, name, reason=''):
    """A line that tools/run-tests reads. Any thread may say it: a line is one write."""
    name = re.sub(r'\s+', '_', name.strip()) or 'nameless'
    line = f"{verdict} {name} {' '.join(str(reason).split())[:300]}".rstrip() + '\n'
    with TELLING:
        sys.stdout.write(line)
        sys.stdout.flush()


def run_test(test, *args):
    """Calls one test; prints its line and gives whether it was good."""
    try:
        test(*args)
        say('ok', test.__name__)
        return True
    except Exception as e:
        traceback.print_exc()
        say('not ok', test.__name__, f'{type(e).__name__} {e}')
        return False


def run_tests(tests, *args):
    """All tests, or those that the command line names."""
    chosen = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    return all([run_test(t, *args) for t in chosen])


def run_end(broker):
    """The last test of a broker: it stops, with code 0 and without a word of complaint."""
    def the_broker_stops_in_order():
        code = broker.end()
        assert code == 0 and not broker.errors, (code, broker.errors[-300:])
        worst = [line for line in broker.log if re.search(r' (error|critical) +[A-Z]\d', line)]
        assert not worst, worst[:2]
    return run_test(the_broker_stops_in_order)


def finish(is_good):
    sys.exit(0 if is_good else 1)


def relay(argv, env=None):
    """Runs a program that prints our lines itself; they pass through, as they come."""
    done = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, **(env or {})))
    tests_n, is_good = 0, True
    for line in done.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        tests_n += bool(re.match(r'(ok|skip) ', line))
        is_good &= not line.startswith('not ok ')
    if done.wait(PATIENCE_S) != 0 and is_good or tests_n == 0:
        say('not ok', os.path.basename(argv[0]), f'ended with {done.returncode}')
        return False
    return is_good
