# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the tables and the list of marks out of what tests/bench/run measured. It measures nothing."""

import statistics


def pick(result, path):
    for key in path:
        result = result.get(key) if isinstance(result, dict) else None
    return result


def median(results, *path):
    values = [value for value in (pick(result, path) for result in results or []) if value is not None]
    return statistics.median(values) if values else None


def shown(value, form='{:,.0f}'):
    return '–' if value is None else form.format(value)


def quotient(ours, theirs):
    return None if not ours or not theirs else ours / theirs


def workers_cpu(result, phase):
    """CPU-seconds of a delivery's own threads, by delivery."""
    measured = pick(result, [phase])
    if not measured or not measured['deliveries']:
        return None
    threads = measured['threads']
    mine = [seconds for name, seconds in threads.items() if name.startswith('worker ')]
    return (sum(mine) if mine else sum(threads.values())) / measured['deliveries']


class Tables:
    """@plan: peers, subscribers, phases (subscribers → its phases), rate, fast, middle."""

    def __init__(self, results, plan):
        self.results = results
        self.plan = plan
        self.lines = []

    def load(self, peer, n, *path):
        return median(self.results.get(f'{peer} {n}'), *path)

    def row(self, *cells):
        self.lines.append('| ' + ' | '.join(cells) + ' |')

    def head(self, title, first, cells, remark=None):
        self.lines += ['', f'### {title}', '', *([remark, ''] if remark else [])]
        self.row(first, *cells)
        self.row('---', *['---:'] * len(cells))

    def titled_phases(self):
        for kind in 'flight', 'rate':
            for n in self.plan['subscribers']:
                for phase in self.plan['phases'][str(n)]:
                    name, value = phase.split('=')
                    if name == kind:
                        title = f'{value} in flight' if kind == 'flight' else f'{int(value):,}/s'
                        yield f'{n:,}, {title}', n, phase

    def deliveries(self):
        peers = self.plan['peers']
        others = [peer for peer in peers if peer != 'wsed']
        self.head('Deliveries per second of the server\'s CPU', 'subscribers', [*peers, *[f'wsed / {peer}' for peer in others]])
        for title, n, phase in self.titled_phases():
            per_cpu = {peer: self.load(peer, n, phase, 'per_cpu_s') for peer in peers}
            self.row(title, *[shown(per_cpu[peer]) for peer in peers],
                     *[shown(quotient(per_cpu.get('wsed'), per_cpu[peer]), '{:.1f}') for peer in others])

    def latencies(self):
        peers = self.plan['peers']
        self.head('Deliveries per second, and latency', 'subscribers', [*peers, *[f'{peer}, ms' for peer in peers]],
                  'In ms, median / 99th percentile.')
        for title, n, phase in self.titled_phases():
            def of(peer, key, form):
                return shown(self.load(peer, n, phase, key), form)
            self.row(title, *[of(peer, 'per_s', '{:,.0f}') for peer in peers],
                     *[f'{of(peer, "p50_ms", "{:,.1f}")} / {of(peer, "p99_ms", "{:,.1f}")}' for peer in peers])

    def over_floor(self, n):
        """By round: CPU of wsed's workers by what the bare loop takes."""
        phase = f'rate={self.plan["rate"]}'
        rounds = zip(self.results.get(f'beside floor {n}', []), self.results.get(f'floor {n}', []))
        values = [quotient(workers_cpu(ours, phase), workers_cpu(floor, phase)) for ours, floor in rounds]
        values = [value for value in values if value is not None]
        return statistics.median(values) if values else None

    def floor(self):
        if not any(name.startswith('floor ') for name in self.results):
            return
        phase = f'rate={self.plan["rate"]}'
        self.head(f'{self.plan["rate"]:,} deliveries a second, beside the bare loop', 'subscribers',
                  ['bare loop, µs', 'wsed\'s workers, µs', 'workers / bare loop', 'all of wsed, µs'],
                  'CPU by delivery.')
        for n in self.plan['subscribers']:
            def microseconds(name, of=workers_cpu):
                values = [value * 1e6 for value in (of(result, phase) for result in self.results.get(f'{name} {n}', [])) if value]
                return shown(statistics.median(values) if values else None, '{:.2f}')

            def whole(result, phase):
                measured = pick(result, [phase])
                return measured and quotient(measured['cpu_s'], measured['deliveries'])
            self.row(f'{n:,}', microseconds('floor'), microseconds('beside floor'), shown(self.over_floor(n), '{:.2f}'),
                     microseconds('beside floor', whole))

    def threads(self):
        self.head('wsed\'s CPU by thread', 'subscribers', ['main', 'log', 'workers'])
        for title, n, phase in self.titled_phases():
            spent = median_threads(self.results.get(f'wsed {n}'), phase)
            if spent:
                self.row(title, *[f'{share:.0%}' for share in spent])

    def connections(self):
        n = max(self.plan['subscribers'])
        self.head(f'Connections, {n:,} of them', '', self.plan['peers'])
        for title, key, form in (('time to accept all, s', 'connect_s', '{:.2f}'),
                                 ('CPU-s of the server for it', 'connect_cpu_s', '{:.2f}'),
                                 ('bytes RSS per idle connection', 'rss_per_connection', '{:,.0f}')):
            self.row(title, *[shown(self.load(peer, n, key), form) for peer in self.plan['peers']])

    def ingest(self):
        if 'ingest' not in self.results:
            return
        ours = median(self.results['ingest'], 'per_cpu_s')
        bare = median(self.results['bare loop'], 'events_per_log_cpu_s')
        self.head('Ingest', '', ['events per CPU-s', 'of the bare loop'])
        self.row('wsed, whole process', shown(ours), shown(quotient(ours, bare), '{:.0%}'))
        self.row('bare loop over the log', shown(bare), '')
        last = next((result for result in reversed(self.results['ingest']) if result), None)
        if last and last['cpu_s']:
            self.lines += ['', 'CPU by thread, last round: ' + ', '.join(
                f'{name} {seconds / last["cpu_s"]:.0%}' for name, seconds in last['threads'].items()
                if seconds >= last['cpu_s'] / 200) + '.']

    def posts(self):
        if not any(name.startswith('posts ') for name in self.results):
            return
        peers = [peer for peer in ('wsed', 'nchan') if f'posts {peer}' in self.results]
        self.head('Single messages, one a request, 64 keep-alive connections', '', peers)
        self.row('messages per CPU-s', *[shown(median(self.results[f'posts {peer}'], 'per_cpu_s')) for peer in peers])
        self.row('messages per second', *[shown(median(self.results[f'posts {peer}'], 'per_s')) for peer in peers])

    def marks(self):
        small, middle, large = (self.plan['subscribers'] * 3)[:3] if len(self.plan['subscribers']) < 3 else self.plan['subscribers'][:3]
        flight, fast = self.plan['flight'], f'rate={self.plan["fast"]}'

        def over(peer, n, phase):
            return quotient(self.load('wsed', n, phase, 'per_cpu_s'), self.load(peer, n, phase, 'per_cpu_s'))
        rows = [(f'{small:,} subscribers flat out: times nchan', over('nchan', small, f'flight={flight}'), 10, True),
                (f'{middle:,} subscribers flat out: times nchan', over('nchan', middle, f'flight={flight}'), 8, True),
                (f'{small:,} subscribers flat out: times NATS', over('nats', small, f'flight={flight}'), 2, True),
                (f'{middle:,} subscribers flat out: times NATS', over('nats', middle, f'flight={flight}'), 2, True),
                (f'{large:,} subscribers, 4 in flight: times nchan', over('nchan', large, 'flight=4'), 2.5, True),
                (f'{large:,} subscribers, 32 in flight: times nchan', over('nchan', large, 'flight=32'), 15, True)]
        rows += [(f'{self.plan["rate"]:,}/s to {n:,}: workers by the bare loop\'s CPU', self.over_floor(n), 1.25, False)
                 for n in self.plan['subscribers']]
        rows += [(f'{self.plan["fast"]:,}/s to {middle:,}: p99 by NATS\'s',
                  quotient(self.load('wsed', middle, fast, 'p99_ms'), self.load('nats', middle, fast, 'p99_ms')), 1, False),
                 ('bytes RSS per idle connection', self.load('wsed', large, 'rss_per_connection'), 1024, False),
                 (f'{large:,} accepted: by nchan\'s time',
                  quotient(self.load('wsed', large, 'connect_s'), self.load('nchan', large, 'connect_s')), 2, False),
                 ('ingest: events per CPU-s', median(self.results.get('ingest'), 'per_cpu_s'), 200000, True),
                 ('single messages: by nchan\'s per CPU-s', quotient(median(self.results.get('posts wsed'), 'per_cpu_s'),
                                                                   median(self.results.get('posts nchan'), 'per_cpu_s')), 0.3, True)]
        self.head('Marks', 'what', ['mark', 'measured', 'met'])
        for title, value, mark, least in rows:
            form = '{:,.0f}' if mark > 100 else '{:,.2f}'
            met = '–' if value is None else 'yes' if (value >= mark if least else value <= mark) else 'no'
            self.row(title, f'{"≥" if least else "≤"} {mark:,}', shown(value, form), met)

    def text(self):
        for part in (self.deliveries, self.latencies, self.floor, self.threads, self.connections, self.ingest, self.posts, self.marks):
            part()
        return '\n'.join(self.lines) + '\n'


def median_threads(results, phase):
    """Shares of main thread, log and workers."""
    sums = {'main': [], 'log': [], 'worker': []}
    for result in results or []:
        threads = pick(result, [phase, 'threads'])
        if not threads or not sum(threads.values()):
            continue
        total = sum(threads.values())
        log = sum(seconds for name, seconds in threads.items() if name.startswith('log'))
        workers = sum(seconds for name, seconds in threads.items() if name.startswith('worker'))
        for key, seconds in ('log', log), ('worker', workers), ('main', total - log - workers):
            sums[key].append(seconds / total)
    return [statistics.median(sums[key]) for key in ('main', 'log', 'worker')] if sums['main'] else None
