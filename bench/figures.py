"""figures -- runs `godwit bench`, keeps its JSON, and says what the runs of a scenario came to."""
import json
import os
import statistics
import subprocess
import sys

DAMAGE = ('lost', 'duplicated', 'disordered', 'strange', 'nacked', 'failed')


class Tool:
    """The load generator of one build. `said` has each command once, without ports and pids."""

    def __init__(self, release):
        self.program, self.release, self.said = os.path.join(release, 'godwit'), release, []

    def run(self, words, shown, env=None):
        command = [self.program, 'bench', '--json', *words]
        line = ' '.join(['godwit bench', *shown])
        if line not in self.said:
            self.said.append(line)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=env)
        found = [line for line in done.stdout.split('\n') if line.startswith('{')]
        result = json.loads(found[-1]) if found else {}
        if done.returncode != 0:
            print(f'bench: exit code {done.returncode}: {line}\n{done.stderr[-2000:]}',
                  file=sys.stderr)
            result.setdefault('failed', 1)
            result['failed'] = result['failed'] or 1
        return result

    def floor(self, words):
        return self.run(['--floor', *words], ['--floor', *words])

    def bench(self, broker, *words, env=None):
        shown, whom = [w for w in words if w not in broker.command], ['--uri', broker.uri()]
        if broker.command[0] in words:
            shown.append(broker.program)
        else:
            whom += ['--broker-pid', str(broker.pid)]
            shown += ['--broker-pid', 'PID']
        return self.run([*whom, *words], shown, env)


def median(runs, key):
    """The median of those runs that have the figure; None when there is none."""
    found = [r[key] for r in runs if key in r]
    return statistics.median(found) if found else None


def show(value, form):
    return '-' if value is None else form.format(value)


def span(runs, key, form):
    """The median, and the least and the most of several runs."""
    found = [r[key] for r in runs if key in r]
    said = show(median(runs, key), form)
    if len(found) < 2:
        return said
    return f'{said} ({form.format(min(found))}-{form.format(max(found))})'


def p50(runs):
    value = median(runs, 'delivery_p50_us')
    return '' if value is None else f', p50 {value:.0f}'


def damage(runs):
    """What went wrong in any of the runs, in words; nothing when all was well."""
    return ' '.join(f'{d} {max(r.get(d, 0) for r in runs):.0f}' for d in DAMAGE
                    if any(r.get(d) for r in runs))
