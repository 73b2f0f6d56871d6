"""The threads, tasks and clocks a breaker is used under: many at once, one after the other, in time of a loop or of none."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import anyio
import attrs
import pytest

from actors.errors import CircuitOpen
from actors.resilience import BreakerMachine, CircuitBreaker, Permit
from actors.resilience.breaking.config import Refusal
from supervisor.testing.virtual_time import virtual_backend
from tests.resilience.breaking.breakers import CLOSED, HALF_OPEN, OPEN, Hand, Lost, aanswer, answer, breaks, fail, made

BACKENDS = ["trio", "asyncio"]


def run(backend: str, function: Callable[..., Any], *args: Any) -> Any:
    name, options = virtual_backend(backend)
    return anyio.run(function, *args, backend=name, backend_options=options)


# Time


@pytest.mark.anyio
async def test_the_state_is_never_stale() -> None:
    breaker = made(failures=1, open_for=30.0)
    fail(breaker)
    await anyio.sleep(29.9)
    assert (breaker.state, breaker.retry_after()) == (OPEN, pytest.approx(0.1))
    await anyio.sleep(0.1)
    assert (breaker.state, breaker.retry_after()) == (HALF_OPEN, 0.0)


@pytest.mark.anyio
async def test_a_refusal_says_until_when_in_time_of_the_loop() -> None:
    breaker, before = made(failures=1, open_for=30.0), anyio.current_time()
    fail(breaker)
    with pytest.raises(CircuitOpen) as caught:
        await breaker.acall(aanswer)
    assert caught.value.until == before + 30.0
    await anyio.sleep_until(caught.value.until)
    assert await breaker.acall(aanswer) == 42


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    breaker, wall = made(failures=1), time.time
    fail(breaker)
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    assert breaker.state is OPEN
    assert 0.0 < breaker.retry_after() <= 30.0


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_in_two_loops_one_after_the_other_it_keeps_its_time(first: str, second: str) -> None:
    breaker = made(failures=1, open_for=30.0)

    async def begin() -> None:
        fail(breaker)
        await anyio.sleep(10.0)
        assert breaker.state is OPEN

    async def go_on() -> None:
        assert breaker.retry_after() == pytest.approx(20.0)
        with pytest.raises(CircuitOpen) as caught:
            breaker.call(answer)
        assert caught.value.until == pytest.approx(anyio.current_time() + 20.0)
        await anyio.sleep(20.1)
        assert breaker.state is HALF_OPEN

    run(first, begin)
    run(second, go_on)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_it_tells_is_in_time_of_the_loop_that_is_told(backend: str) -> None:
    heard: list[float] = []
    breaker = made(failures=1, listeners=[lambda moved: heard.append(moved.at)])

    async def use(began: float) -> None:
        await anyio.sleep(began)
        breaker.reset(by="a test")
        fail(breaker)
        now = anyio.current_time()
        found = breaker.statistics()
        assert (heard[-1], found.changed_at, found.retry_at) == pytest.approx((now, now, now + 30.0))

    run(backend, use, 1000.0)
    run(backend, use, 10.0)  # a clock that says less than the one before


@pytest.mark.real_time
def test_in_a_thread_it_keeps_its_time() -> None:
    breaker, found = made(failures=1, open_for=30.0), list[float]()
    fail(breaker)
    thread = threading.Thread(target=lambda: found.append(breaker.retry_after()))
    thread.start()
    thread.join()
    assert 0.0 < found[0] <= 30.0


def test_slow_calls_open_it() -> None:
    hand = Hand()

    def slow() -> None:
        hand.at += 2.0

    breaker = made(hand, slow_after=2.0, slow_rate=1.0, minimum_calls=2)
    breaker.call(slow)
    breaker.call(slow)
    assert (breaker.state, breaker.statistics().slow) == (OPEN, 2)


def test_a_rate_of_failures_opens_it() -> None:
    breaker = made(failures=9, failure_rate=0.5, minimum_calls=4)
    for _ in range(2):
        breaker.call(answer)
        fail(breaker)
    assert breaker.state is OPEN


def test_openings_are_spread_by_random_numbers_of_their_own() -> None:
    hand, numbers = Hand(), iter([0.0, 0.75, 0.5, 0.5])
    breaker = made(hand, failures=1, open_jitter=0.1, open_factor=1.0, random=lambda: next(numbers))
    waits = []
    for _ in range(3):
        fail(breaker)
        waits.append(breaker.retry_after())
        hand.at += waits[-1]
    assert waits == pytest.approx([27.0, 31.5, 30.0])


# Half-open


@pytest.mark.anyio
@pytest.mark.parametrize("probes", [1, 3])
async def test_of_fifty_calls_at_once_exactly_the_permitted_probes_are_made(probes: int) -> None:
    breaker, made_calls, refused = made(failures=1, probes=probes, successes=probes), [], []
    fail(breaker)
    await anyio.sleep(30.0)

    @breaker
    async def probe() -> None:
        made_calls.append(1)
        await anyio.sleep(1.0)

    async def attempt() -> None:
        try:
            await probe()
        except CircuitOpen as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(attempt)
    assert (len(made_calls), len(refused), breaker.state) == (probes, 50 - probes, CLOSED)


@pytest.mark.real_time
@pytest.mark.parametrize("probes", [1, 3])
def test_of_fifty_threads_at_once_exactly_the_permitted_probes_are_made(probes: int) -> None:
    hand = Hand()
    breaker = made(hand, failures=1, probes=probes, successes=50)
    fail(breaker)
    hand.at += 30.0
    together, calls, refused = threading.Barrier(50), list[int](), list[Exception]()
    all_asked = threading.Event()

    def probe() -> None:
        calls.append(1)
        all_asked.wait(10.0)

    def attempt() -> None:
        together.wait(10.0)
        try:
            breaker.call(probe)
        except CircuitOpen as error:
            refused.append(error)
            if len(refused) == 50 - probes:
                all_asked.set()

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), len(refused)) == (probes, 50 - probes)


def test_a_slow_call_from_before_the_opening_that_ends_half_open_is_not_counted() -> None:
    hand = Hand()
    breaker = made(hand, failures=1, successes=1)

    def slow() -> None:
        fail(breaker)
        hand.at += 30.0
        assert breaker.state is HALF_OPEN

    breaker.call(slow)
    assert (breaker.state, breaker.statistics().late) == (HALF_OPEN, 1)


def test_a_call_from_before_an_opening_and_a_closing_is_not_counted_either() -> None:
    hand = Hand()
    breaker = made(hand, failures=2, successes=1)

    def slow() -> None:
        fail(breaker, 2)
        hand.at += 30.0
        breaker.call(answer)
        fail(breaker)
        assert (breaker.state, breaker.statistics().consecutive_failures) == (CLOSED, 1)

    breaker.call(slow)
    assert (breaker.statistics().consecutive_failures, breaker.statistics().late) == (1, 1)


def test_a_success_that_began_in_the_calm_ends_a_row_of_failures_that_came_meanwhile() -> None:
    breaker = made()
    breaker.call(lambda: fail(breaker, 3))
    assert breaker.statistics().consecutive_failures == 0


# Many at once


@pytest.mark.anyio
async def test_two_uses_at_once_do_not_mix() -> None:
    breaker = made()

    @breaker
    async def one(seconds: float, *, failing: bool) -> float:
        await anyio.sleep(seconds)
        if failing:
            raise Lost
        return seconds

    results: list[object] = []

    async def attempt(seconds: float, *, failing: bool) -> None:
        try:
            results.append(await one(seconds, failing=failing))
        except Lost:
            results.append("lost")

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: attempt(3.0, failing=False))
        group.start_soon(lambda: attempt(2.0, failing=True))
        group.start_soon(lambda: attempt(1.0, failing=False))
    assert results == [1.0, "lost", 3.0]
    assert (breaker.statistics().successes, breaker.statistics().failures) == (2, 1)


class Locked(BreakerMachine):
    """A machine that is only used under its owner's lock, whatever the shell does with it."""

    def try_acquire(self, now: float, holder: Hashable = None) -> Permit | Refusal:
        assert lock_of[self.name]._is_owned()
        return super().try_acquire(now, holder)

    def record_success(self, permit: Permit, now: float) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_success(permit, now)

    def record_failure(self, permit: Permit, now: float, open_until: float | None = None, reason: str | None = None) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_failure(permit, now, open_until, reason)

    def record_ignored(self, permit: Permit) -> None:
        assert lock_of[self.name]._is_owned()
        super().record_ignored(permit)

    def release(self, permit: Permit) -> None:
        assert lock_of[self.name]._is_owned()
        super().release(permit)

    def _pass_time(self, now: float) -> float:
        assert lock_of[self.name]._is_owned()
        return super()._pass_time(now)


lock_of: dict[str, Any] = {}


def owned(breaker: CircuitBreaker) -> bool:
    lock: Any = breaker._lock
    return bool(lock._is_owned())


@pytest.mark.parametrize("options", [{}, {"failure_rate": 0.9}, {"slow_after": 5.0}], ids=["plain", "rate", "slow"])
def test_the_machine_is_used_under_the_lock_and_foreign_code_runs_outside_of_it(options: dict[str, Any]) -> None:
    hand = Hand()

    def foreign(_: object) -> bool:
        assert not owned(breaker)
        return False

    def random() -> float:
        assert not owned(breaker) if lock_of else True
        return 0.5

    lock_of.clear()
    breaker = made(hand, failures=2, ignore=foreign, failed_result=foreign, listeners=[foreign], random=random, **options)
    breaker._machine = Locked("rest", breaker.config)
    lock_of["rest"] = breaker._lock
    for _ in range(2):
        breaker.call(answer)
        fail(breaker, 2)
        assert (breaker.state, breaker.retry_after()) == (OPEN, 30.0)
        with pytest.raises(CircuitOpen):
            breaker.call(answer)
        breaker.reset(by="a test")
    with pytest.raises(KeyboardInterrupt):
        breaker.call(breaks, KeyboardInterrupt())
    for verb in ("observe_only", "isolate", "disable"):
        getattr(breaker, verb)(by="a test")
    assert breaker.statistics().hook_errors == 0


WORK = [(number * 7919) % 10 for number in range(2_400)]
"""What each call does: 0 fails, 1 is ignored, everything else succeeds."""


def one_call(kind: int) -> None:
    if kind == 0:
        raise Lost
    if kind == 1:
        raise KeyError


@pytest.mark.real_time
@pytest.mark.parametrize(
    "options",
    [{}, {"failure_rate": 0.9}, {"failure_rate": 0.9, "window_seconds": 3600.0}, {"slow_after": 3600.0}],
    ids=["plain", "count window", "time window", "slow"],
)
def test_eight_threads_count_what_one_counts(options: dict[str, Any]) -> None:
    def used(parts: list[list[int]]) -> dict[str, Any]:
        breaker = CircuitBreaker("rest", failures=10_000, window=10_000, ignore=KeyError, **options)
        guarded, together = breaker(one_call), threading.Barrier(len(parts))

        def work(part: list[int]) -> None:
            together.wait(10.0)
            for kind in part:
                with contextlib.suppress(Lost, KeyError):
                    guarded(kind)

        threads = [threading.Thread(target=work, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = attrs.asdict(breaker.statistics())
        return {name: found[name] for name in found if name not in {"retry_at", "consecutive_failures"}}

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        together = used([WORK[start::8] for start in range(8)])
    finally:
        sys.setswitchinterval(before)
    assert together == used([WORK])
