"""runner -- tests tools/run-tests itself, in a tree that has nothing else to run."""
import os
import shutil
import subprocess
import tempfile

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNIT = '#!/bin/sh\necho 1..3\necho "ok 1 - first"\necho "not ok 2 # SKIP second"\n'

# name, files (path: text), words for the runner, its exit code, its last line, what else it says
CASES = [
    ('counts_single_tests', {'test/a/run': '#!/bin/sh\necho ok one\necho ok two\n'},
     ['a'], 0, '2 passed, 0 failed', ''),
    ('counts_what_was_skipped', {'test/a/run': '#!/bin/sh\necho ok one\necho skip two no java\n'},
     ['a'], 0, '1 passed, 0 failed, 1 skipped', 'skipped a: two no java'),
    ('fails_on_a_failed_test', {'test/a/run': '#!/bin/sh\necho ok one\necho not ok two bad\nexit 1\n'},
     ['a'], 1, '1 passed, 1 failed', 'FAILED a: two bad'),
    ('fails_on_an_exit_code_alone', {'test/a/run': '#!/bin/sh\necho ok one\nexit 3\n'},
     ['a'], 1, '1 passed, 1 failed', 'exit code 3'),
    ('fails_when_a_program_runs_no_test', {'test/a/run': '#!/bin/sh\necho hello\n'},
     ['a'], 1, '0 passed, 1 failed', 'ran no test'),
    ('fails_when_nothing_runs', {'test/a/run': '#!/bin/sh\necho ok one\n'},
     ['nothing-is-called-so'], 1, '0 passed, 0 failed', 'in their name: nothing-is-called-so'),
    ('says_which_build_is_missing', {'build/tsan/tests.txt': ''},
     ['core_queue'], 1, '0 passed, 0 failed', 'build/asan is not built, so no unit test'),
    ('ends_what_takes_too_long', {'test/a/run': '#!/bin/sh\n# time-limit: 1\ntail -f /dev/null\n'},
     ['a'], 1, '0 passed, 2 failed', 'not done after 1 s'),
    ('finds_the_deeper_folders', {'test/interop/x/run': '#!/bin/sh\n# alone\necho ok one\n',
                                  'test/crash/y/run': '#!/bin/sh\necho ok one\n'},
     ['interop/x', 'crash/y'], 0, '2 passed, 0 failed', ''),
    ('reads_cmocka', {'build/asan/tests.txt': 'unit tests/u\n',
                      'build/asan/tests/u': UNIT + 'echo "ok 3 - third"\n'},
     ['unit u'], 0, '2 passed, 0 failed, 1 skipped', ''),
    ('misses_tests_that_did_not_run', {'build/asan/tests.txt': 'unit tests/u\n',
                                       'build/asan/tests/u': UNIT},
     ['unit u'], 1, '1 passed, 1 failed, 1 skipped', '2 of 3 tests ran'),
    ('sees_a_unit_test_crash', {'build/asan/tests.txt': 'unit tests/u\n',
                                'build/asan/tests/u': '#!/bin/sh\nkill -SEGV $$\n'},
     ['unit u'], 1, '0 passed, 1 failed', 'FAILED unit u'),
]


def try_one(name, files, words, code, last, says):
    top = tempfile.mkdtemp()
    for path, text in files.items():
        whole = os.path.join(top, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, 'w') as f:
            f.write(text)
        os.chmod(whole, 0o755)
    os.makedirs(os.path.join(top, 'tools'))
    runner = shutil.copy(os.path.join(TOOLS, 'run-tests'), os.path.join(top, 'tools'))
    done = subprocess.run([runner, *words], capture_output=True, text=True)
    shutil.rmtree(top)
    out = done.stdout.rstrip('\n').split('\n')
    good = done.returncode == code and out[-1] == last and says in done.stdout
    print(f'ok runner_{name}' if good else
          f'not ok runner_{name} exit code {done.returncode}: {" / ".join(out[-4:])}')
    return good


def run():
    return all([try_one(*case) for case in CASES])
