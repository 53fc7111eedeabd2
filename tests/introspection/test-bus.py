#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus from Python: subscribers, emitters, transformers, threads, and exceptions in all of them."""

import contextlib
import io
import sys
import threading
import traceback

try:
    import gi
except ImportError:
    print('1..0 # SKIP no gi module')
    sys.exit(0)
gi.require_version('Wse', '0')
from gi.repository import GLib, GObject, Wse  # noqa: E402


class Seen:
    """A subscription and what it has emitted."""

    def __init__(self, bus, channels=None, filter=None, history=0, context=None):
        self.context = context or GLib.MainContext.default()
        self.events, self.holes = [], []
        self.subscription = bus.subscribe(channels, filter, history)
        self.subscription.connect('event', lambda subscription, event, channel, seq: self.events.append((event, channel, seq)))
        self.subscription.connect('lagged', lambda subscription, dropped: self.holes.append(dropped))

    def run_out(self):
        while self.context.iteration(False):
            pass
        return self.events


def running(**properties):
    bus = Wse.Bus(**properties)
    bus.start()
    return bus


def event(number=0, channel='global', kind='a'):
    return Wse.Event.new(kind, [channel] if channel else None, GLib.Bytes.new(b'{"n":%d}' % number))


def fails(code, what, *arguments):
    """What Python prints of an exception in a callback is not shown."""
    hook, sys.excepthook = sys.excepthook, lambda *ignored: None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            what(*arguments)
    except GLib.Error as error:
        assert error.matches(Wse.error_quark(), code), error
        return
    finally:
        sys.excepthook = hook
    raise AssertionError('no failure')


def stopped():
    bus = Wse.Bus()
    fails(Wse.Error.UNAVAILABLE, bus.publish, event())
    bus.start()
    assert bus.props.running and bus.publish(event())
    bus.stop()
    fails(Wse.Error.UNAVAILABLE, bus.publish, event())


def many():
    bus = running(queue_size=5000)
    seen = Seen(bus)
    for number in range(5000):
        assert bus.publish(event(number))
    seen.run_out()
    assert [seq for _, _, seq in seen.events] == list(range(1, 5001))
    # Events outlive the emission.
    assert [given.get_payload().get_data() for given, _, _ in seen.events] == [b'{"n":%d}' % number for number in range(5000)]
    stats = bus.get_stats()
    assert (stats.active_subscribers, stats.queue_size, stats.history_size, stats.running) == (1, 0, 100, True)
    assert (stats.events_published, stats.events_delivered, stats.events_dropped) == (5000, 5000, 0)


def lagged():
    bus = running()
    seen = Seen(bus)
    notified = []
    seen.subscription.connect('notify::dropped', lambda subscription, pspec: notified.append(subscription.props.dropped))
    for number in range(1500):
        bus.publish(event(number))
    seen.run_out()
    assert [seq for _, _, seq in seen.events] == list(range(501, 1501))
    assert seen.holes == notified == [500] and seen.subscription.get_dropped() == 500


def history_and_filter():
    bus = running()
    for number in range(10):
        bus.publish(event(number, kind='a' if number % 2 else 'b'))
    assert [seq for _, _, seq in Seen(bus, history=3).run_out()] == [8, 9, 10]
    assert [seq for _, _, seq in Seen(bus, ['global'], Wse.Filter.new(['a'], Wse.Severity.INFO), 3).run_out()] == [6, 8, 10]
    assert Seen(bus, ['system'], None, 100).run_out() == []
    fails(Wse.Error.INVALID, bus.subscribe, [], None, 0)
    fails(Wse.Error.INVALID, bus.subscribe, ['user:'], None, 0)


def cancel_in_handler():
    bus = running()
    first = bus.subscribe(None, None, 0)
    first.connect('event', lambda subscription, *rest: subscription.cancel())
    seen = Seen(bus)
    got = []
    first.connect('event', lambda *arguments: got.append(arguments))
    for number in range(3):
        bus.publish(event(number))
    assert len(seen.run_out()) == 3 and got == [] and first.is_cancelled()
    assert bus.get_stats().active_subscribers == 1


def exception_in_handler():
    bus = running()
    raised = []
    hook, sys.excepthook = sys.excepthook, lambda kind, value, trace: raised.append(str(value))

    def broken(subscription, given, channel, seq):
        raise ValueError(f'a mistake at {seq}')
    try:
        subscription = bus.subscribe(None, None, 0)
        subscription.connect('event', broken)
        seen = Seen(bus)
        for number in range(3):
            bus.publish(event(number))
        with contextlib.redirect_stderr(io.StringIO()):
            seen.run_out()
    finally:
        sys.excepthook = hook
    assert raised == ['a mistake at 1', 'a mistake at 2', 'a mistake at 3'], raised
    assert [seq for _, _, seq in seen.events] == [1, 2, 3] and not subscription.is_cancelled()


class Step(GObject.Object, Wse.Transformer):
    """A transformer that does what it is told."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def do_transform(self, given):
        return self.what(given)


def transformers():
    bus = running()
    bus.get_type_mapper().add('x.y', 'mapped')
    bus.add_transformer(Step(lambda given: (Wse.Verdict.DELIVER, given.with_severity(Wse.Severity.WARNING))))
    seen = Seen(bus)
    bus.publish(event(kind='x.y'))
    assert seen.run_out()[0][0].get_event_type() == 'mapped' and seen.events[0][0].get_severity() == Wse.Severity.WARNING
    bus.add_transformer(Step(lambda given: (Wse.Verdict.DROP, None)))
    assert bus.publish(event()) and len(seen.run_out()) == 1 and bus.get_stats().events_filtered == 1

    def broken(given):
        raise ValueError('a mistake in the step')
    bus = running()
    bus.add_transformer(Step(broken))
    fails(Wse.Error.FAILED, bus.publish, event())
    bus = running()
    bus.add_transformer(Step(lambda given: (bus.publish(given), (Wse.Verdict.DROP, None))[1]))
    fails(Wse.Error.FAILED, bus.publish, event())


def emitters():
    bus = running()
    seen = Seen(bus, ['system'])
    assert Wse.emit_query_route(bus, 'q', 8.5, 'Q4', 12, 'r')
    assert Wse.emit_model_state(bus, 'M', 'idle', 'error', 'r', -1)
    assert Wse.emit_cgrag(bus, 'q', 5, 0.7, 45, 1500, True)
    assert Wse.emit_cache(bus, 'get', 'key', True, 2, 4096)
    assert Wse.emit_error(bus, 'E', 'message', 'component', None, None)
    assert Wse.emit_performance(bus, 'm', 18000, 15000, 'c', False)
    assert [given.get_message() for given, _, _ in seen.run_out()] == [
        'Query routed to Q4 tier (complexity: 8.5)', 'Model M state: idle → error', 'Retrieved 5 chunks (1500 tokens) in 45ms (cached)',
        'Cache GET: key (HIT, 2ms, 4096 bytes)', 'ERROR in component: message', 'Performance alert: m = 18000.0 (threshold: 15000.0) in c']
    info, warning, error = Wse.Severity.INFO, Wse.Severity.WARNING, Wse.Severity.ERROR
    assert [given.get_severity() for given, _, _ in seen.events] == [info, error, info, info, error, warning]
    bus.stop()
    logged = []
    GLib.log_set_writer_func(lambda level, fields, *rest: logged.append(level) or GLib.LogWriterOutput.HANDLED, None)
    assert not Wse.emit_cache(bus, 'get', 'key', True, 2, 4096)
    assert logged == [GLib.LogLevelFlags.LEVEL_WARNING], logged


def threads():
    """Publishers in threads; a subscriber in one with a main context of its own."""
    bus = running(queue_size=10000)
    here = Seen(bus)
    there = []
    ready = threading.Event()

    def publish():
        for number in range(500):
            bus.publish(event(number))

    def read():
        context = GLib.MainContext.new()
        context.push_thread_default()
        there.append(Seen(bus, context=context))
        ready.set()
        while len(there[0].events) < 2000:
            context.iteration(True)
        context.pop_thread_default()
    reader = threading.Thread(target=read)
    reader.start()
    ready.wait()
    publishers = [threading.Thread(target=publish) for _ in range(4)]
    for thread in publishers:
        thread.start()
    for thread in [*publishers, reader]:
        thread.join()
    here.run_out()
    assert [seq for _, _, seq in here.events] == [seq for _, _, seq in there[0].events] == list(range(1, 2001))


TESTS = [stopped, many, lagged, history_and_filter, cancel_in_handler, exception_in_handler, transformers, emitters, threads]
print(f'1..{len(TESTS)}')
failed = 0
for number, test in enumerate(TESTS, 1):
    try:
        test()
        print(f'ok {number} - {test.__name__.replace("_", " ")}')
    except Exception:  # noqa: BLE001
        failed += 1
        print(f'not ok {number} - {test.__name__.replace("_", " ")}')
        print('# ' + traceback.format_exc().replace('\n', '\n# '))
sys.exit(1 if failed else 0)
