from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import pytest

from actors.resilience import clock as module
from actors.resilience.clock import KNOWN, Clock
from supervisor.testing.virtual_time import virtual_backend

BACKENDS = ["trio", "asyncio"]


class Hand:
    """A clock that is moved by hand."""

    def __init__(self, at: float) -> None:
        self.at = at

    def read(self) -> float:
        return self.at


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hand], None]:
    """Say which clock runs here."""

    def switch(hand: Hand) -> None:
        monkeypatch.setattr(module, "clock_here", lambda: hand.read)

    return switch


def in_virtual_time(backend: str, function: Callable[..., Any], *args: Any) -> Any:
    name, options = virtual_backend(backend)
    return anyio.run(function, *args, backend=name, backend_options=options)


@pytest.mark.anyio
async def test_in_a_program_with_one_loop_the_axis_is_that_of_the_loop() -> None:
    clock = Clock()
    before = anyio.current_time()
    assert clock.now() == before
    await anyio.sleep(5.0)
    assert (clock.now(), clock.here(clock.now())) == (before + 5.0, before + 5.0)


def test_a_clock_that_is_given_is_the_only_one(use: Callable[[Hand], None]) -> None:
    use(Hand(77.0))
    clock = Clock(Hand(3.0).read)
    assert (clock.now(), clock.here(4.0), clock.on_axis(4.0)) == (3.0, 4.0, 4.0)


def test_a_new_clock_goes_on_where_the_one_before_it_stands(use: Callable[[Hand], None]) -> None:
    clock, first, second = Clock(), Hand(100.0), Hand(7.0)
    use(first)
    clock.now()
    first.at = 130.0
    use(second)
    assert clock.now() == 130.0


def test_each_clock_keeps_its_offset(use: Callable[[Hand], None]) -> None:
    clock, first, second = Clock(), Hand(100.0), Hand(7.0)
    for hand in (first, second, first):
        use(hand)
        clock.now()
    first.at = second.at = 1000.0
    use(first)
    assert clock.now() == 1000.0
    use(second)
    assert clock.now() == 1093.0


def test_a_new_clock_goes_on_from_the_one_used_last_and_not_from_one_that_stands_still(use: Callable[[Hand], None]) -> None:
    clock, lasting, virtual = Clock(), Hand(100.0), Hand(0.0)
    for hand in (lasting, virtual):  # the virtual one is met last, and its loop is over
        use(hand)
        clock.now()
    use(lasting)
    lasting.at = 5_000.0
    clock.now()
    use(Hand(1.0))
    assert clock.now() == 5_000.0


def test_a_moment_is_told_in_time_of_the_loop_that_asks(use: Callable[[Hand], None]) -> None:
    clock, first, second = Clock(), Hand(100.0), Hand(7.0)
    use(first)
    due = clock.now() + 30.0
    use(second)
    assert clock.here(due) == 37.0  # nobody asked for the time here before


def test_a_moment_of_the_loop_that_runs_is_put_on_the_axis(use: Callable[[Hand], None]) -> None:
    clock, first, second = Clock(), Hand(100.0), Hand(7.0)
    use(first)
    clock.now()
    use(second)
    assert clock.on_axis(37.0) == 130.0


def test_of_very_many_clocks_those_met_first_are_forgotten(use: Callable[[Hand], None]) -> None:
    clock = Clock()
    for at in range(3 * KNOWN):
        use(Hand(float(at)))
        clock.now()
    assert len(clock._offsets) == KNOWN


def test_the_clock_in_use_is_not_forgotten_for_new_ones(use: Callable[[Hand], None]) -> None:
    clock, main = Clock(), Hand(100.0)
    for at in range(3 * KNOWN):
        use(main)
        clock.now()
        use(Hand(float(at)))
        clock.now()
    assert main.read in clock._offsets


def test_a_clock_that_was_forgotten_is_met_again_without_a_jump(use: Callable[[Hand], None]) -> None:
    clock, first = Clock(), Hand(100.0)
    use(first)
    clock.now()
    for at in range(2 * KNOWN):
        use(Hand(float(at)))
        clock.now()
    use(first)
    assert clock.now() == 100.0


def test_the_time_of_day_is_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: pytest.fail("somebody looked"))
    assert Clock().now() > 0


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_in_two_loops_one_after_the_other_time_goes_on(first: str, second: str) -> None:
    clock = Clock()

    async def wait(seconds: float) -> tuple[float, float]:
        before = clock.now()
        await anyio.sleep(seconds)
        assert clock.here(clock.now()) == pytest.approx(anyio.current_time())
        return before, clock.now()

    began, left = in_virtual_time(first, wait, 10.0)
    met, ended = in_virtual_time(second, wait, 20.0)
    assert (left - began, met - left, ended - met) == pytest.approx((10.0, 0.0, 20.0), abs=1e-6)


@pytest.mark.real_time
def test_in_eight_threads_with_loops_of_their_own_time_never_goes_back_by_more_than_a_hair() -> None:
    clock, seen = Clock(), list[float]()
    lock, together = threading.Lock(), threading.Barrier(8)

    async def look() -> None:
        for _ in range(50):
            with lock:
                seen.append(clock.now())

    def run(backend: str) -> None:
        together.wait(10.0)
        anyio.run(look, backend=backend)

    threads = [threading.Thread(target=run, args=(BACKENDS[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 400
    assert all(after - before > -0.001 for before, after in pairwise(seen))
