"""What a client may do, counted in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.simulator.limits import MessageGate, PingWatch, WeightMeter


def test_five_messages_a_second_are_admitted_and_a_sixth_is_not() -> None:
    gate = MessageGate(5, 1.0)

    assert [gate.admit(0.1 * n) for n in range(6)] == [True] * 5 + [False]


def test_the_window_rolls() -> None:
    gate = MessageGate(2, 1.0)

    assert [gate.admit(t) for t in (0.0, 0.9, 1.0, 1.5, 2.0)] == [True, True, True, False, True]


@given(st.lists(st.floats(0, 20), max_size=60))
def test_no_second_of_admitted_messages_has_more_than_five(times: list[float]) -> None:
    gate = MessageGate(5, 1.0)
    admitted = []
    for time in sorted(times):
        if not gate.admit(time):
            break
        admitted.append(time)

    assert all(sum(start < t <= start + 1.0 for t in admitted) <= 5 for start in (t - 1.0 for t in admitted))


def test_weight_is_counted_per_minute_of_the_clock() -> None:
    meter = WeightMeter(100)

    assert meter.spend(60, 30.0) is None
    assert meter.spend(60, 45.5) == 15
    assert meter.used == 60
    assert meter.spend(60, 60.0) is None
    assert meter.used == 60


def test_pings_are_due_at_their_interval() -> None:
    watch = PingWatch(20.0, 60.0, now=100.0)

    assert watch.wake_at == 120.0
    assert watch.ping(119.9) is None
    payload = watch.ping(120.0)
    assert payload
    assert watch.wake_at == 140.0


def test_a_client_that_answers_no_ping_is_lost_after_the_timeout() -> None:
    watch = PingWatch(20.0, 30.0, now=0.0)
    watch.ping(20.0)
    watch.ping(40.0)

    assert watch.wake_at == 50.0
    assert not watch.is_lost(49.9)
    assert watch.is_lost(50.0)


def test_a_pong_answers_its_ping_and_the_earlier_ones() -> None:
    watch = PingWatch(20.0, 30.0, now=0.0)
    watch.ping(20.0)
    watch.pong(watch.ping(40.0) or b"")

    assert not watch.is_lost(1e9)
    assert watch.wake_at == 60.0


@pytest.mark.parametrize("payload", [b"", b"hello"])
def test_a_pong_nobody_asked_for_keeps_nothing_alive(payload: bytes) -> None:
    watch = PingWatch(20.0, 30.0, now=0.0)
    watch.ping(20.0)
    watch.pong(payload)

    assert watch.is_lost(50.0)
