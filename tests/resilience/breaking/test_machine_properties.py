"""The properties of a machine: what holds whatever is done to it, and that it says what a naive one says."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.errors import CircuitOpen
from actors.resilience.breaking.machine import BreakerConfig, BreakerMachine, BreakerState, Permit
from actors.resilience.breaking.outcomes import BUCKETS
from tests.resilience.breaking.breakers import CLOSED, DISABLED, HALF_OPEN, ISOLATED, METRICS_ONLY, OPEN


class AnyUse(RuleBasedStateMachine):
    """Whatever callers, cancellations, operators and time do to it."""

    def __init__(self) -> None:
        super().__init__()
        config = BreakerConfig(
            failures=3, failure_rate=0.5, window=6, minimum_calls=4, probes=2, successes=3, probe_within=40.0
        )
        self.breaker = BreakerMachine("rest", config)
        self.now = 0.0
        self.held: list[Permit] = []
        self.last: BreakerState = CLOSED

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0, 30.0, 40.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def acquire(self) -> None:
        state = self.breaker.state(self.now)
        retry_at = self.breaker.retry_at(self.now)
        if retry_at == self.now:
            assert state not in {OPEN, ISOLATED}
            self.held.append(self.breaker.acquire(self.now))
        else:
            assert state in {OPEN, HALF_OPEN, ISOLATED}
            with pytest.raises(CircuitOpen) as refused:
                self.breaker.acquire(self.now)
            assert refused.value.until == retry_at > self.now

    @precondition(lambda self: self.held)
    @rule(data=st.data(), kind=st.sampled_from(["success", "failure", "banned", "ignored", "release", "leak"]))
    def a_call_ends(self, data: st.DataObject, kind: str) -> None:
        permit = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        before = self.breaker.state(self.now)
        match kind:
            case "success":
                self.breaker.record_success(permit, self.now)
                assert self.breaker.state(self.now) is not OPEN or before in {OPEN, CLOSED}
            case "failure":
                self.breaker.record_failure(permit, self.now)
            case "banned":
                self.breaker.record_failure(permit, self.now, open_until=self.now + 400.0)
                if before not in {ISOLATED, DISABLED, METRICS_ONLY}:
                    assert self.breaker.retry_at(self.now) >= self.now + 400.0
            case "release" | "ignored":
                (self.breaker.release if kind == "release" else self.breaker.record_ignored)(permit)
                assert self.breaker.state(self.now) is before

    @rule(verb=st.sampled_from(["isolate", "disable", "observe_only", "reset"]))
    def the_operator_decides(self, verb: str) -> None:
        getattr(self.breaker, verb)(self.now)

    @invariant()
    def no_more_probes_than_allowed_are_in_flight(self) -> None:
        assert self.breaker.statistics(self.now).probes_in_flight <= self.breaker.config.probes

    @invariant()
    def transitions_form_a_chain_in_order_of_time(self) -> None:
        for step in self.breaker.drain_transitions():
            assert step.before is self.last
            assert step.before is not step.after or step.why.startswith("would have opened")
            assert step.at <= self.now
            self.last = step.after
        assert self.last is self.breaker.state(self.now)

    @invariant()
    def an_open_breaker_lets_a_probe_through_in_the_end(self) -> None:
        if self.breaker.state(self.now) is not ISOLATED:
            assert self.breaker.copy().acquire(self.now + 1e6)

    @invariant()
    def reading_changes_nothing(self) -> None:
        assert self.breaker.statistics(self.now) == self.breaker.statistics(self.now)


AnyUse.TestCase.settings = settings(max_examples=settings().max_examples * 20 // 100, stateful_step_count=30, deadline=None)

TestAnyUse = pytest.mark.slow(AnyUse.TestCase)


class Naive:
    """The same breaker, without a memory: a list of all that happened, of which everything is worked out anew each time."""

    def __init__(self, config: BreakerConfig) -> None:
        self.config = config
        self.happened: list[tuple[float, str, int]] = []

    def at(self, now: float) -> Naive:
        """Work it out until now."""
        self.state, self.until, self.openings, self.epoch = CLOSED, 0.0, 0, 0
        self.ended: list[tuple[float, bool, bool]] = []
        self.probes: dict[int, float] = {}
        self.passed = 0
        self.told = False
        self.permits: dict[int, tuple[int, float]] = {}
        self.moves: list[tuple[BreakerState, BreakerState, float]] = []
        self.counts = dict.fromkeys(["successes", "failures", "slow", "ignored", "released", "refused", "late"], 0)
        for at, what, number in [*self.happened, (now, "nothing", 0)]:
            self.time_passes(at)
            self.happens(at, what, number)
        return self

    def time_passes(self, now: float) -> None:
        if self.state is HALF_OPEN and self.probes and now >= min(self.probes.values()) + self.config.probe_within:
            self.open(min(self.probes.values()) + self.config.probe_within)
        if self.state is OPEN and now >= self.until:
            self.enter(HALF_OPEN, self.until)

    def happens(self, now: float, what: str, number: int) -> None:
        match what:
            case "isolate" | "disable" | "observe_only" | "reset":
                self.openings = 0 if what == "reset" else self.openings
                self.enter({"isolate": ISOLATED, "disable": DISABLED, "observe_only": METRICS_ONLY, "reset": CLOSED}[what], now)
            case "acquire":
                if self.refuses(now):
                    self.counts["refused"] += 1
                    return
                self.permits[number] = (self.epoch, now)
                if self.state is HALF_OPEN:
                    self.probes[number] = now
            case "ignored" | "released":
                self.counts[what] += self.state is not DISABLED
                if self.permits[number][0] == self.epoch:
                    self.probes.pop(number, None)
            case "successes" | "failures" | "banned":
                if self.state is not DISABLED:
                    self.ends(now, number, failed=what != "successes")
                if what == "banned" and self.state not in {ISOLATED, DISABLED, METRICS_ONLY}:
                    if self.state is not OPEN:
                        self.openings += 1
                        self.enter(OPEN, now)
                        self.until = now + 400.0
                    self.until = max(self.until, now + 400.0)

    def ends(self, now: float, number: int, *, failed: bool) -> None:
        epoch, began = self.permits[number]
        slow = self.config.slow_after is not None and now - began >= self.config.slow_after
        self.counts["failures" if failed else "successes"] += 1
        self.counts["slow"] += slow
        if epoch != self.epoch:
            self.counts["late"] += 1
        elif self.state is HALF_OPEN:
            if self.probes.pop(number, None) is None:
                return
            if failed or (slow and self.config.slow_rate is not None):
                self.open(now)
                return
            self.passed += 1
            if self.passed == self.config.successes:
                self.openings = 0
                self.enter(CLOSED, now)
        else:
            self.ended.append((now, failed, slow))
            if self.too_bad(now) and self.state is CLOSED:
                self.open(now)
            elif self.too_bad(now) and not self.told:
                self.told = True
                self.moves.append((METRICS_ONLY, METRICS_ONLY, now))

    def too_bad(self, now: float) -> bool:
        calls, failures, slow = self.within(now)
        enough = self.config.rated and calls >= self.config.minimum_calls
        return (
            self.in_a_row() >= self.config.failures
            or (enough and self.config.failure_rate is not None and failures / calls >= self.config.failure_rate)
            or (enough and self.config.slow_rate is not None and slow / calls >= self.config.slow_rate)
        )

    def in_a_row(self) -> int:
        row = 0
        for _, failed, _ in reversed(self.ended):
            if not failed:
                break
            row += 1
        return row

    def within(self, now: float) -> tuple[int, int, int]:
        seconds = self.config.window_seconds
        if not self.config.rated:
            return 0, 0, 0
        if seconds is None:
            last = self.ended[-self.config.window :]
        else:
            width = seconds / BUCKETS
            last = [one for one in self.ended if now // width - one[0] // width < BUCKETS]
        return len(last), sum(failed for _, failed, _ in last), sum(slow for _, _, slow in last)

    def refuses(self, now: float) -> bool:
        return self.retry_at(now) > now

    def retry_at(self, now: float) -> float:
        match self.state:
            case BreakerState.OPEN:
                return self.until
            case BreakerState.ISOLATED:
                return math.inf
            case BreakerState.HALF_OPEN if len(self.probes) == self.config.probes:
                return now + self.config.ask_again
        return now

    def open(self, now: float) -> None:
        wait = self.config.open_for
        for _ in range(self.openings):
            wait = min(wait * self.config.open_factor, self.config.open_maximum)
        self.openings += 1
        self.enter(OPEN, now)
        self.until = now + wait

    def enter(self, state: BreakerState, now: float) -> None:
        if state is not self.state:
            self.moves.append((self.state, state, now))
        self.state = state
        self.epoch += 1
        self.ended, self.probes, self.passed, self.told = [], {}, 0, False


COMMON = {"failures": 4, "probes": 2, "successes": 2, "probe_within": 40.0, "open_maximum": 100.0}

CONFIGS = [
    BreakerConfig(**COMMON),
    BreakerConfig(**COMMON, failure_rate=0.5, window=6, minimum_calls=3),
    BreakerConfig(**COMMON, failure_rate=0.5, window_seconds=20.0, minimum_calls=3),
    BreakerConfig(**COMMON, slow_after=5.0, slow_rate=0.5, failure_rate=0.75, window=4, minimum_calls=2),
    BreakerConfig(**COMMON, slow_after=5.0, slow_rate=0.5, window_seconds=20.0, minimum_calls=2),
]


class LikeANaiveOne(RuleBasedStateMachine):
    """Whatever happens, the machine says what a list of everything that happened says."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.held: dict[int, Permit] = {}
        self.moved: list[tuple[BreakerState, BreakerState, float]] = []

    @initialize(config=st.sampled_from(CONFIGS))
    def begin(self, config: BreakerConfig) -> None:
        self.breaker, self.naive = BreakerMachine("rest", config), Naive(config)

    @rule(seconds=st.sampled_from([0.0, 0.25, 1.0, 5.0, 20.0, 40.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(hair=st.sampled_from([1e-9, 0.5, 30.0]))
    def another_thread_is_late(self, hair: float) -> None:
        self.breaker.state(self.now - hair)

    @rule(times=st.integers(1, 4))
    def acquire(self, times: int) -> None:
        for _ in range(times):
            self.number += 1
            self.naive.happened.append((self.now, "acquire", self.number))
            # Half of the callers look at the door first, as the shell does.
            permit = self.breaker.door if self.number % 2 else None
            given = permit or self.breaker.try_acquire(self.now)
            if isinstance(given, Permit):
                self.held[self.number] = given

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=st.sampled_from(["successes", "failures", "failures", "banned", "ignored", "released"]))
    def a_call_ends(self, data: st.DataObject, end: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.held)))
        permit = self.held.pop(number)
        self.naive.happened.append((self.now, end, number))
        match end:
            case "successes":
                shared = not permit.number and self.breaker.config.window_seconds is None
                self.breaker.record_success(permit, -math.inf if shared else self.now)
            case "failures" | "banned":
                self.breaker.record_failure(permit, self.now, self.now + 400.0 if end == "banned" else None)
            case "ignored":
                self.breaker.record_ignored(permit)
            case "released":
                self.breaker.release(permit)

    @rule(verb=st.sampled_from(["isolate", "disable", "observe_only", "reset"]))
    def the_operator_decides(self, verb: str) -> None:
        self.naive.happened.append((self.now, verb, 0))
        getattr(self.breaker, verb)(self.now)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "breaker"):
            return
        naive, found = self.naive.at(self.now), self.breaker.statistics(self.now)
        self.moved += [(moved.before, moved.after, moved.at) for moved in self.breaker.drain_transitions()]
        assert self.moved == naive.moves
        assert (found.state, found.epoch, found.openings) == (naive.state, naive.epoch, naive.openings)
        assert (found.retry_at, found.probes_in_flight) == (naive.retry_at(self.now), len(naive.probes))
        assert (found.consecutive_failures, found.calls_in_window) == (naive.in_a_row(), naive.within(self.now)[0])
        assert {name: getattr(found, name) for name in naive.counts} == naive.counts
        calls, failures, slow = naive.within(self.now)
        enough = naive.config.rated and calls >= naive.config.minimum_calls
        assert found.failure_rate == (failures / calls if enough else None)
        assert found.slow_rate == (slow / calls if enough else None)

    @invariant()
    def the_permit_for_all_is_there_exactly_while_nothing_has_to_be_asked(self) -> None:
        if not hasattr(self, "breaker"):
            return
        naive = self.naive.at(self.now)
        open_door = naive.state is CLOSED and naive.config.slow_after is None
        assert (self.breaker.door is not None) == open_door
        assert (self.breaker.calm is not None) == (open_door and not naive.config.rated and naive.in_a_row() == 0)


LikeANaiveOne.TestCase.settings = settings(
    max_examples=settings().max_examples * 60 // 100, stateful_step_count=40, deadline=None
)

TestLikeANaiveOne = pytest.mark.slow(LikeANaiveOne.TestCase)
