from __future__ import annotations

import copy
import gc
import json
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from actors.errors import ConnectFailed, ErrorContext, Severity, StaleData, SystemFault
from actors.errors.context import entered, left
from actors.resilience import (
    AlertRule,
    BreakerMachine,
    ErrorAlert,
    ErrorMonitor,
    Recovery,
    RecoveryAction,
    RecoveryKind,
)
from supervisor import SpecError

pytestmark = pytest.mark.anyio


def lost(**fields: Any) -> ConnectFailed:
    return ConnectFailed("wss://x", "refused", **fields)


@contextmanager
def within_context(**fields: str) -> Iterator[None]:
    before = entered(ErrorContext(**fields))
    try:
        yield
    finally:
        left(before)


# Recording


def test_a_record_says_all_that_is_known_of_the_error() -> None:
    monitor = ErrorMonitor(clock=lambda: 42.0)
    error = lost(operation="subscribe")
    given = monitor.record(error, component="stream", handled=False)
    (record,) = monitor.records()
    assert (record.id, record.id, record.kind, record.code) == (error.id, given, "ConnectFailed", "connect_failed")
    assert (record.component, record.operation, record.at, record.handled) == ("stream", "subscribe", 42.0, False)
    assert (record.category.value, record.severity) == ("network", Severity.WARNING)
    assert record.message == "cannot connect to wss://x: refused"


def test_component_and_operation_are_those_of_the_context_unless_the_error_has_its_own() -> None:
    monitor = ErrorMonitor()
    with within_context(component="books", operation="resync"):
        monitor.record(KeyError("x"))
        monitor.record(KeyError("x"), component="given", operation="too")
    monitor.record(lost(component="orders"))
    seen = [(record.component, record.operation) for record in monitor.records()]
    assert seen == [("books", "resync"), ("given", "too"), ("orders", None)]


def test_foreign_errors_get_ids_of_their_own() -> None:
    monitor = ErrorMonitor()
    ids = {monitor.record(KeyError("x")) for _ in range(10)}
    assert len(ids) == 10
    assert None not in ids


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_what_is_no_exception_is_not_recorded(error: BaseException) -> None:
    monitor = ErrorMonitor()
    assert (monitor.record(error), monitor.statistics().total) == (None, 0)


def test_no_secret_is_in_a_record_nor_in_an_alert() -> None:
    alerts: list[ErrorAlert] = []
    monitor = ErrorMonitor(rules=[AlertRule("any", cooldown=0.0)], listeners=[alerts.append])
    monitor.record(OSError("GET https://user:hunter2@host/?signature=abcdef1234 failed"))
    monitor.record(ValueError("x" * 990 + " api_key=topsecret1234"))
    shown = str([record.to_dict() for record in monitor.records()]) + repr(monitor.records())
    shown += repr(alerts) + str([alert.to_dict() for alert in alerts]) + str(monitor.statistics().to_dict())
    shown += repr(monitor) + repr(monitor._ledger)
    assert not [secret for secret in ("hunter2", "abcdef1234", "topsecret") if secret in shown]


def test_an_error_that_cannot_show_itself_is_recorded_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    monitor = ErrorMonitor()
    monitor.record(Mute())
    assert monitor.records()[0].message == "<a text that cannot be shown: RuntimeError>"


def test_an_error_is_not_kept_alive() -> None:
    class Big(Exception):
        alive = 0

        def __init__(self) -> None:
            Big.alive += 1

        def __del__(self) -> None:
            Big.alive -= 1

    monitor = ErrorMonitor()
    for _ in range(3):
        monitor.record(Big())
    gc.collect()
    assert (Big.alive, monitor.statistics().total) == (0, 3)


# The same error twice


def test_an_error_that_passes_several_layers_is_counted_once() -> None:
    monitor = ErrorMonitor()
    error = KeyError("x")
    ids = {monitor.record(error, component=component) for component in ("inner", "outer")}
    seen = monitor.statistics()
    assert (len(ids), seen.total, seen.repeats, list(seen.by_component)) == (1, 1, 1, ["inner"])


def test_an_error_that_was_handled_and_then_was_not_is_not_handled() -> None:
    monitor = ErrorMonitor()
    error = lost()
    for handled in (True, False, True, False):
        monitor.record(error, handled=handled)
    seen = monitor.statistics()
    assert (seen.handled, seen.unhandled, seen.repeats) == (0, 1, 3)


def test_an_error_that_is_recorded_while_it_is_being_recorded_is_counted_once() -> None:
    class Entangled(Exception):
        asked = False

        def __str__(self) -> str:
            if not self.asked:
                self.asked = True
                monitor.record(self)
            return "text"

    monitor = ErrorMonitor()
    monitor.record(Entangled())
    seen = monitor.statistics()
    assert (seen.total, seen.repeats) == (1, 1)


def test_another_error_of_the_same_kind_is_another_error() -> None:
    monitor = ErrorMonitor()
    for _ in range(100):  # each at the address of the one before
        monitor.record(ValueError("the same"))
    assert monitor.statistics().total == 100


def test_each_monitor_counts_for_itself() -> None:
    first, second = ErrorMonitor(), ErrorMonitor()
    error = KeyError("x")
    first.record(error)
    second.record(error)
    assert (first.statistics().total, second.statistics().total, second.statistics().repeats) == (1, 1, 0)


def test_an_error_that_was_pickled_is_new_to_a_monitor() -> None:
    monitor = ErrorMonitor()
    error = lost()
    monitor.record(error)
    monitor.record(pickle.loads(pickle.dumps(error)))  # noqa: S301  # our own
    monitor.record(copy.deepcopy(error))
    assert monitor.statistics().total == 3


def test_what_a_monitor_leaves_on_an_error_is_not_shown() -> None:
    error = lost()
    before = error.to_dict()
    ErrorMonitor().record(error)
    assert error.to_dict() == before


# What others report


def test_openings_of_breakers_are_counted() -> None:
    monitor = ErrorMonitor()
    breaker = BreakerMachine("rest")
    breaker.open_until(10.0, 0.0)
    breaker.state(20.0)
    breaker.isolate(21.0)
    for transition in breaker.drain_transitions():
        monitor.breaker_changed(transition)
    assert monitor.statistics().trips == {"rest": 1}


async def test_recoveries_are_counted() -> None:
    monitor = ErrorMonitor()
    recovery = Recovery(
        strategies={"orders": [RecoveryAction(RecoveryKind.RESTART, lambda _: None)]}, listeners=[monitor.recovery_ended]
    )
    for component in ("orders", "books"):
        await recovery.recover(lost(component=component))
    seen = monitor.statistics()
    assert (seen.recoveries, seen.recovered, seen.recovery_rate) == (2, 1, 0.5)


def test_an_error_that_was_recovered_from_otherwise_counts_once() -> None:
    monitor = ErrorMonitor()
    error, other = lost(), KeyError("x")
    known = monitor.record(other)
    assert known is not None
    for one in (error, error, error.id, other, known):
        monitor.recovered(one)
    assert monitor.statistics().recovered == 2


def test_ids_that_were_recovered_are_bounded() -> None:
    monitor = ErrorMonitor(history=3)
    for number in range(10):
        monitor.recovered(str(number))
    assert len(monitor._mended) == 3


# Alerts


def test_listeners_are_told_of_an_alert() -> None:
    alerts: list[ErrorAlert] = []
    now = 0.0
    monitor = ErrorMonitor(
        rules=[AlertRule("many", count=2, window=30.0, cooldown=100.0)], listeners=[alerts.append], clock=lambda: now
    )
    for at in (0.0, 1.0, 2.0, 101.0, 102.0):
        now = at
        monitor.record(lost())
    assert [(one.rule, one.count, one.rate, one.suppressed, one.at) for one in alerts] == [
        ("many", 2, 4.0, 0, 1.0),
        ("many", 2, 4.0, 1, 102.0),
    ]
    assert json.loads(json.dumps(alerts[0].to_dict()))["sample"]["code"] == "connect_failed"
    assert (monitor.statistics().alerts, monitor.statistics().alerts_suppressed) == (2, 1)


def test_a_listener_that_raises_is_logged_and_the_others_are_told() -> None:
    alerts: list[ErrorAlert] = []

    def broken(_: ErrorAlert) -> None:
        raise RuntimeError("token=hunter2")

    monitor = ErrorMonitor(rules=[AlertRule("any")], listeners=[broken, alerts.append])
    with capture_logs() as logs:
        monitor.record(lost())
    assert (len(alerts), len(logs), monitor.statistics().broken_listeners) == (1, 1, 1)
    assert "hunter2" not in str(logs)


def test_a_listener_may_use_the_monitor() -> None:
    monitor: ErrorMonitor

    def record_more(_: ErrorAlert) -> None:
        monitor.record(SystemFault("the notifier is down"))
        monitor.statistics()

    monitor = ErrorMonitor(rules=[AlertRule("any"), AlertRule("all")], listeners=[record_more])
    monitor.record(lost())
    assert (monitor.statistics().total, monitor.statistics().alerts) == (3, 2)


def test_a_listener_that_is_async_is_refused() -> None:
    async def listener(_: ErrorAlert) -> None: ...

    with pytest.raises(TypeError, match="async def"):
        ErrorMonitor(listeners=[listener])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rules", ["many"]),
        ("rules", [AlertRule("a"), AlertRule("a")]),
        ("listeners", [7]),
        ("window", 0),
        ("history", 0),
        ("names", 0),
        ("labels", 0),
    ],
)
def test_a_wrong_option_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        ErrorMonitor(**{name: value})
    assert caught.value.field == f"ErrorMonitor.{name}"


# Watching


def test_a_sync_block_and_function_are_watched() -> None:
    monitor = ErrorMonitor()

    @monitor.watched(component="books")
    def snapshot(text: str) -> int:
        return int(text)

    assert snapshot("7") == 7
    error = lost()
    with pytest.raises(ConnectFailed) as caught, monitor.watching("orders", "place"):
        raise error
    with pytest.raises(ValueError, match="invalid literal"):
        snapshot("x")
    assert caught.value is error
    seen = [(record.component, record.operation, record.handled) for record in monitor.records()]
    assert seen == [("orders", "place", False), ("books", "snapshot", False)]


async def test_an_async_block_and_function_are_watched() -> None:
    monitor = ErrorMonitor()

    @monitor.watched(component="books")
    async def snapshot() -> None:
        await anyio.sleep(1.0)
        raise lost(operation="inner")

    with pytest.raises(ConnectFailed):
        async with monitor.watching("orders"):
            await snapshot()
    seen = monitor.statistics()
    assert (seen.total, seen.repeats) == (1, 1)
    assert [(record.component, record.operation) for record in monitor.records()] == [("books", "inner")]


async def test_the_time_of_a_record_is_that_of_the_loop() -> None:
    monitor = ErrorMonitor()
    begun = anyio.current_time()
    await anyio.sleep(30.0)
    monitor.record(KeyError("x"))
    assert monitor.records()[0].at - begun == pytest.approx(30.0)
    assert monitor.statistics().per_minute == 1.0
    await anyio.sleep(90.0)
    assert monitor.statistics().per_minute == 0.0


async def test_cancellation_is_not_recorded_and_passes() -> None:
    monitor = ErrorMonitor()

    @monitor.watched(component="orders")
    async def sleep() -> None:
        async with monitor.watching("orders"):
            await anyio.sleep_forever()

    with anyio.move_on_after(1.0) as scope:
        await sleep()
    assert (scope.cancelled_caught, monitor.statistics().total) == (True, 0)


def test_a_monitor_and_a_watch_say_what_they_are() -> None:
    monitor = ErrorMonitor(name="bot", rules=[AlertRule("any")])
    watch = monitor.watching("orders")
    assert (str(monitor), str(watch), watch.name) == ("error monitor bot (1 rules)", "errors of orders to bot", "bot")
    assert watch.statistics() == monitor.statistics()


# Threads


@pytest.mark.real_time
def test_eight_threads_count_as_one_does() -> None:
    def work(monitor: ErrorMonitor, thread: int) -> None:
        for number in range(60):
            monitor.record([lost(), KeyError("x"), StaleData("BTC", 9.0, 1.0)][number % 3], component=f"c{thread % 3}")
            monitor.recovered(f"{thread} {number}")

    def make() -> ErrorMonitor:
        return ErrorMonitor(
            rules=[AlertRule("many", count=10, cooldown=0.0)], listeners=[lambda _: None], clock=lambda: 0.0, history=10_000
        )

    alone, together = make(), make()
    for number in range(8):
        work(alone, number)
    threads = [threading.Thread(target=work, args=(together, number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)

    def counted(monitor: ErrorMonitor) -> dict[str, Any]:
        found = monitor.statistics().to_dict()
        found["most_common"] = sorted(found["most_common"], key=lambda one: one["name"])
        return found

    assert counted(together) == counted(alone)


@pytest.mark.real_time
def test_one_error_that_eight_threads_record_at_once_is_counted_once() -> None:
    monitor = ErrorMonitor()
    for _ in range(20):
        error = KeyError("x")
        together = threading.Barrier(8)

        def record(error: KeyError = error, together: threading.Barrier = together) -> None:
            together.wait(30.0)
            monitor.record(error)

        threads = [threading.Thread(target=record) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)
    seen = monitor.statistics()
    assert (seen.total, seen.repeats) == (20, 140)
