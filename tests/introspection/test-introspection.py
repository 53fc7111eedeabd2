#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library from Python: what its annotations promise, and that an exception in a transformer is a failure and never a drop."""

import contextlib
import io
import sys
import traceback

try:
    import gi
except ImportError:
    print('1..0 # SKIP no gi module')
    sys.exit(0)
gi.require_version('Wse', '0')
from gi.repository import GLib, GObject, Wse  # noqa: E402


class Step(GObject.Object, Wse.Transformer):
    """A transformer that does what it is told."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def do_transform(self, event):
        return self.what(event)


def event(json='{"event_type":"OrderPlaced","event_id":"e","user_id":"u","payload":{"a":1.10}}'):
    return Wse.Event.new_from_json(GLib.Bytes.new(json.encode()))


def run(what, given=None):
    return Step(what).transform(given or event())


def failure(what):
    """The error of a step that has to fail; what Python prints of it is not shown."""
    hook, sys.excepthook = sys.excepthook, lambda *ignored: None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            result = run(what)
    except GLib.Error as error:
        return error
    finally:
        sys.excepthook = hook
    raise AssertionError(f'no failure: {result}')


def exception_is_failure():
    def broken(given):
        raise ValueError('a mistake in the step')
    error = failure(broken)
    assert error.matches(Wse.error_quark(), Wse.Error.FAILED), error


def glib_error_keeps_code():
    def refuse(given):
        raise GLib.Error('not this one', 'wse-error-quark', Wse.Error.INVALID)
    error = failure(refuse)
    assert error.matches(Wse.error_quark(), Wse.Error.INVALID), error
    assert 'not this one' in error.message, error


def fail_without_error_is_failure():
    error = failure(lambda given: (Wse.Verdict.FAIL, None))
    assert error.matches(Wse.error_quark(), Wse.Error.FAILED), error


def deliver_nothing_is_failure():
    error = failure(lambda given: (Wse.Verdict.DELIVER, None))
    assert error.matches(Wse.error_quark(), Wse.Error.FAILED), error


def drop():
    verdict, out = run(lambda given: (Wse.Verdict.DROP, None))
    assert verdict == Wse.Verdict.DROP and out is None, (verdict, out)


def deliver_same():
    verdict, out = run(lambda given: (Wse.Verdict.DELIVER, given))
    assert verdict == Wse.Verdict.DELIVER, verdict
    assert out.get_id() == 'e' and out.get_payload().get_data() == b'{"a":1.10}'


def deliver_other():
    def louder(given):
        return Wse.Verdict.DELIVER, given.with_severity(Wse.Severity.ERROR).with_type('louder')
    verdict, out = run(louder)
    assert verdict == Wse.Verdict.DELIVER, verdict
    assert (out.get_event_type(), out.get_severity()) == ('louder', Wse.Severity.ERROR)
    assert out.get_original_type() == 'OrderPlaced', out.get_original_type()


def many_times():
    same, other = Step(lambda given: (Wse.Verdict.DELIVER, given)), Step(lambda given: (Wse.Verdict.DELIVER, given.with_type('x')))
    given = event()
    for _ in range(2000):
        assert same.transform(given)[1].get_id() == other.transform(given)[1].get_id() == 'e'


def chain_in_c():
    mapper, router = Wse.TypeMapper.new(), Wse.Router.new()
    mapper.add_defaults()
    verdict, out = mapper.transform(event())
    verdict, out = router.transform(out)
    assert verdict == Wse.Verdict.DELIVER and out.get_event_type() == 'order_update', out.get_event_type()
    assert list(out.get_channels()) == ['user:u'], out.get_channels()
    try:
        router.transform(event('{"event_type":"x"}'))
        raise AssertionError('routed to nowhere')
    except GLib.Error as error:
        assert error.matches(Wse.error_quark(), Wse.Error.NO_ROUTE), error


def values():
    assert Wse.channel_is_valid('user:1') and not Wse.channel_is_valid('user:')
    assert Wse.dialect_from_name('feed') == (True, Wse.Dialect.FEED)
    text = GLib.String.new('')
    Wse.dialect_write(Wse.Dialect.V2, event(), 'user:u', 7, text)
    assert '"seq":7,"p":{"a":1.10}' in text.str, text.str
    cursor = Wse.Cursor.new('user:1@abc:7')
    assert cursor.to_string() == 'user:1@abc:7', cursor.to_string()
    for wrong in (lambda: Wse.Cursor.new('user:1@abc'), lambda: Wse.TypeMapper.new().add('a b', 'c')):
        try:
            wrong()
            raise AssertionError('no error')
        except GLib.Error as error:
            assert error.domain == 'wse-error-quark', error


TESTS = [exception_is_failure, glib_error_keeps_code, fail_without_error_is_failure, deliver_nothing_is_failure, drop, deliver_same,
         deliver_other, many_times, chain_in_c, values]
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
