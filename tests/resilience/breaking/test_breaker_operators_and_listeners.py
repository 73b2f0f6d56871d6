"""Those who stand around a breaker: operators who decide, listeners who hear, readers of its statistics."""

from __future__ import annotations

import math
import threading
from typing import Any

import anyio
import pytest
import structlog

from actors.errors import CircuitOpen
from actors.resilience import BreakerState, Transition
from tests.resilience.breaking.breakers import (
    CLOSED,
    DISABLED,
    HALF_OPEN,
    ISOLATED,
    METRICS_ONLY,
    OPEN,
    Hand,
    answer,
    breaks,
    fail,
    made,
)

# The operator


@pytest.mark.parametrize(
    ("verb", "state"),
    [("isolate", ISOLATED), ("disable", DISABLED), ("observe_only", METRICS_ONLY), ("reset", CLOSED)],
)
def test_what_an_operator_decides_is_told_with_his_name(verb: str, state: BreakerState) -> None:
    heard: list[Transition] = []
    breaker = made(listeners=[heard.append])
    getattr(breaker, verb)(by="anna: apiKey=abcdef")
    assert (breaker.state, heard[0].after, heard[0].by) == (state, state, "anna: apiKey=***")


@pytest.mark.parametrize("by", ["", "  ", None])
def test_nobody_decides_nothing(by: Any) -> None:
    breaker = made()
    with pytest.raises(ValueError, match="expected who decides it and why"):
        breaker.isolate(by=by)
    assert breaker.state is CLOSED


def test_an_isolated_breaker_says_that_only_an_operator_lets_go() -> None:
    breaker = made()
    breaker.isolate(by="anna")
    assert breaker.retry_after() == math.inf
    with pytest.raises(CircuitOpen, match="rest is isolated until an operator lets go"):
        breaker.call(answer)


def test_metrics_only_lets_pass_and_tells_once_that_it_would_have_opened() -> None:
    heard: list[str] = []
    breaker = made(failures=2, listeners=[lambda moved: heard.append(moved.why)])
    breaker.observe_only(by="anna")
    fail(breaker, 5)
    assert (heard, breaker.statistics().failures) == (["only observed", "would have opened: 2 failures in a row"], 5)


def test_it_can_be_opened_for_a_time() -> None:
    breaker = made(Hand())
    breaker.open_for(7.0, by="anna")
    assert (breaker.state, breaker.retry_after()) == (OPEN, 7.0)


@pytest.mark.anyio
async def test_it_can_be_opened_until_a_moment_of_the_loop() -> None:
    breaker = made()
    await anyio.sleep(5.0)
    breaker.open_until(anyio.current_time() + 7.0)
    assert breaker.retry_after() == pytest.approx(7.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, "7", None, True])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    breaker = made()
    with pytest.raises(ValueError, match=r"open_for\("):
        breaker.open_for(value)
    with pytest.raises(ValueError, match=r"open_until\("):
        breaker.open_until(value)


# Listeners


def test_listeners_hear_of_transitions_in_their_order() -> None:
    heard: list[tuple[BreakerState, BreakerState, float]] = []
    hand = Hand()
    breaker = made(hand, failures=1, successes=1)
    breaker.listen(lambda moved: heard.append((moved.before, moved.after, moved.at)))
    fail(breaker)
    hand.at += 45.0
    breaker.call(answer)
    assert heard == [(CLOSED, OPEN, 1000.0), (OPEN, HALF_OPEN, 1030.0), (HALF_OPEN, CLOSED, 1045.0)]


def test_a_listener_that_raises_breaks_no_call_and_keeps_nothing_from_the_others() -> None:
    heard: list[Transition] = []
    breaker = made(failures=1, listeners=[lambda moved: breaks(RuntimeError("apiKey=abcdef")), heard.append])
    with structlog.testing.capture_logs() as logs:
        fail(breaker)
    assert (len(heard), breaker.statistics().hook_errors) == (1, 1)
    assert "abcdef" not in str(logs)


def test_a_listener_may_use_the_breaker_and_the_order_stays() -> None:
    heard: list[BreakerState] = []
    breaker = made(failures=1)

    def listener(moved: Transition) -> None:
        if moved.after is OPEN:
            breaker.reset(by="a listener")
        heard.append(moved.after)

    breaker.listen(listener)
    fail(breaker)
    assert (heard, breaker.state) == ([OPEN, CLOSED], CLOSED)


@pytest.mark.real_time
def test_a_listener_that_hangs_holds_up_nobody_else() -> None:
    entered, go_on = threading.Event(), threading.Event()
    heard: list[BreakerState] = []

    def hangs(moved: Transition) -> None:
        heard.append(moved.after)
        if moved.after is OPEN:
            entered.set()
            go_on.wait(10.0)

    breaker = made(failures=1, listeners=[hangs])
    thread = threading.Thread(target=fail, args=(breaker,))
    thread.start()
    assert entered.wait(10.0)
    with pytest.raises(CircuitOpen):
        breaker.call(answer)
    breaker.reset(by="anna")
    assert (breaker.call(answer), heard) == (42, [OPEN])
    go_on.set()
    thread.join()
    assert heard == [OPEN, CLOSED]


def test_a_listener_that_is_interrupted_costs_no_probe_and_the_next_is_told() -> None:
    heard: list[BreakerState] = []
    hand = Hand()

    def interrupted(moved: Transition) -> None:
        heard.append(moved.after)
        if moved.after is HALF_OPEN:
            raise KeyboardInterrupt

    breaker = made(hand, failures=1, successes=1, listeners=[interrupted])
    fail(breaker)
    hand.at += 30.0
    with pytest.raises(KeyboardInterrupt):
        breaker.call(answer)
    assert (breaker.statistics().probes_in_flight, breaker.call(answer)) == (0, 42)
    assert heard == [OPEN, HALF_OPEN, CLOSED]


# Statistics


def test_calm_successes_are_counted() -> None:
    breaker = made()
    guarded = breaker(answer)
    for _ in range(7):
        guarded()
    assert (breaker.statistics().successes, breaker.statistics().calls) == (7, 7)


def test_a_disabled_breaker_records_nothing() -> None:
    breaker = made()
    breaker.disable(by="anna")
    breaker.call(answer)
    fail(breaker, 20)
    assert (breaker.state, breaker.statistics().calls) == (DISABLED, 0)


def test_the_statistics_know_all_that_happened() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, successes=1, ignore=KeyError)
    breaker.call(answer)
    with pytest.raises(KeyError):
        breaker.call(breaks, KeyError("x"))
    with pytest.raises(KeyboardInterrupt):
        breaker.call(breaks, KeyboardInterrupt())
    fail(breaker)
    with pytest.raises(CircuitOpen):
        breaker.call(answer)
    found = breaker.statistics()
    assert (found.calls, found.successes, found.failures, found.ignored, found.released, found.refused) == (4, 1, 1, 1, 1, 1)
    assert (found.openings, found.openings_total, found.changed_at, found.retry_at) == (1, 1, 1000.0, 1030.0)
