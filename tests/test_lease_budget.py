"""LeaseBudget and Leasing as machines: every limit holds whatever is asked, and nobody who may connect is refused for ever."""

from __future__ import annotations

import math
from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.exchanges.binance import LIMITS
from actors.leasing.budget import LARGEST_FLIGHT, LeaseBudget, Shortage
from actors.leasing.machine import Grant, Leasing
from actors.ports import Endpoint, Limits, Role
from actors.protocol import Denial, PressureKind, Purpose
from actors.resilience import BreakerConfig

ENDPOINTS = [
    *(Endpoint(f"stream-{n}", Role.STREAM, f"wss://{n}") for n in range(3)),
    *(Endpoint(f"rest-{n}", Role.REST, f"https://{n}") for n in range(2)),
]
NAMES = [endpoint.name for endpoint in ENDPOINTS]


def limits(attempts: int, within: float, weight: int = 100) -> Limits:
    return Limits(
        messages=5,
        messages_within=1.0,
        attempts=attempts,
        attempts_within=within,
        subscriptions=10,
        weight=weight,
        weight_within=60.0,
        max_age=86_400.0,
    )


def test_the_share_is_told_once_while_nothing_changes() -> None:
    budget = LeaseBudget(limits(100, 300.0))
    for second in range(40):
        budget.spend(Role.STREAM, 1, float(second))
    assert budget.pressures(40.0) == [(PressureKind.ATTEMPTS, 40 / 75)]
    assert budget.pressures(40.0) == []


def test_at_the_edge_it_is_not_told_with_each_attempt() -> None:
    """75 of 100 are free; one is used each second, and leaves after 100."""
    budget = LeaseBudget(limits(100, 100.0))
    for second in range(75):
        budget.spend(Role.STREAM, 1, float(second))
        budget.pressures(float(second))
    assert budget.used(Role.STREAM, 74.5) == 75
    for moment in (100.0, 101.0, 106.0):
        assert budget.pressures(moment) == []  # down to 0.91
    assert budget.pressures(107.0) == [(PressureKind.ATTEMPTS, 67 / 75)]


def test_attempts_on_their_way_grow_with_success_and_shrink_with_failure() -> None:
    budget = LeaseBudget(LIMITS)

    def room() -> int:
        taken: list[int] = []
        while budget.shortage(Role.STREAM, Purpose.SERVE, 1, 0.0) is None:
            taken.append(-len(taken) - 1)
            budget.began(taken[-1], 0.0)
        for lease in taken:
            budget.ended(lease, ok=None)
        return len(taken)

    assert room() == 16
    for lease in range(8):
        budget.began(lease, 0.0)
        budget.ended(lease, ok=True)
    assert room() == 24
    for lease in range(100):
        budget.began(lease, 0.0)
        budget.ended(lease, ok=True)
    assert room() == LARGEST_FLIGHT
    for lease in range(20):
        budget.began(lease, 0.0)
        budget.ended(lease, ok=False)
    assert room() == 4


def test_an_attempt_that_nobody_reports_on_is_written_off() -> None:
    budget = LeaseBudget(LIMITS)
    for lease in range(16):
        budget.began(lease, 0.0)
    assert budget.shortage(Role.STREAM, Purpose.SERVE, 1, 59.0) is not None
    assert budget.shortage(Role.STREAM, Purpose.SERVE, 1, 60.0) is None


class Leased(RuleBasedStateMachine):
    """Any order of questions, outcomes, bans and operators."""

    @initialize(attempts=st.integers(1, 12), within=st.sampled_from([1.0, 20.0, 300.0]), weight=st.integers(1, 50))
    def begin(self, attempts: int, within: float, weight: int) -> None:
        self.limits = limits(attempts, within, weight)
        self.leasing = Leasing(ENDPOINTS, self.limits, BreakerConfig(failures=3, open_for=5.0, open_maximum=40.0))
        self.now = 0.0
        self.open: list[tuple[int, Grant]] = []
        self.number = 0
        self.attempts: deque[float] = deque()
        self.spent: deque[tuple[float, int]] = deque()
        self.isolated: set[str] = set()
        self.banned = {Role.STREAM: -math.inf, Role.REST: -math.inf}
        self.orders = {role: [one.name for one in ENDPOINTS if one.role is role] for role in Role}

    def ask(self, role: Role, purpose: Purpose, avoid: str, weight: int) -> Grant | Shortage:
        answer = self.leasing.ask(role, purpose, avoid, weight, self.now)
        if isinstance(answer, Shortage):
            assert answer.until > self.now
            return answer
        assert answer.endpoint.role is role
        assert answer.endpoint.name not in self.isolated
        assert self.banned[role] <= self.now
        self.number += 1
        self.open.append((self.number, answer))
        if role is Role.STREAM:
            self.leasing.budget.began(self.number, self.now)
            self.attempts.append(self.now)
        else:
            self.spent.append((self.now, min(weight, self.limits.weight)))
        return answer

    @rule(
        role=st.sampled_from(Role),
        purpose=st.sampled_from(Purpose),
        avoid=st.sampled_from(["", *NAMES]),
        weight=st.integers(-1, 60),
        times=st.integers(1, 6),
    )
    def request(self, role: Role, purpose: Purpose, avoid: str, weight: int, times: int) -> None:
        for _ in range(times):
            self.ask(role, purpose, avoid, max(weight, 1))

    @rule(ok=st.sampled_from([True, False, None]), until=st.sampled_from([None, 3.0]), times=st.integers(1, 5))
    def outcome(self, ok: bool | None, until: float | None, times: int) -> None:
        for _ in range(min(times, len(self.open))):
            number, grant = self.open.pop(0)
            self.leasing.budget.ended(number, ok=ok)
            if ok:
                self.leasing.succeeded(grant, self.now)
            elif ok is None:
                self.leasing.given_back(grant)
            else:
                self.leasing.failed(grant, self.now, "no", None if until is None else self.now + until)

    @rule(role=st.sampled_from(Role), seconds=st.sampled_from([0.5, 30.0]))
    def ban(self, role: Role, seconds: float) -> None:
        self.leasing.budget.ban(self.now + seconds, role)
        self.banned[role] = max(self.banned[role], self.now + seconds)

    @rule(name=st.sampled_from(NAMES))
    def isolate(self, name: str) -> None:
        assert self.leasing.isolate(name, self.now)
        self.isolated.add(name)

    @rule(name=st.sampled_from(NAMES))
    def release(self, name: str) -> None:
        assert self.leasing.release(name, self.now) is (name in self.isolated)
        self.isolated.discard(name)

    @rule()
    def reset(self) -> None:
        self.leasing.reset(self.now)

    @rule(role=st.sampled_from(Role), order=st.lists(st.sampled_from([*NAMES, "nowhere"]), max_size=4))
    def use(self, role: Role, order: list[str]) -> None:
        known = [name for name in dict.fromkeys(order) if name.startswith(role.value)]
        assert self.leasing.use(role, order) is bool(known)

    @rule(used=st.integers(0, 80))
    def observe(self, used: int) -> None:
        self.leasing.budget.observe(self.now, used)

    @rule(seconds=st.sampled_from([0.001, 0.5, 5.0, 61.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(role=st.sampled_from(Role))
    def who_waits_as_long_as_told_gets_in(self, role: Role) -> None:
        """With nobody else asking, a few waits are enough, unless all is isolated: nobody is refused for ever."""
        while self.open:
            self.outcome(None, None, 5)
        answer: Grant | Shortage = self.ask(role, Purpose.SERVE, "", 1)
        for _ in range(12):
            if isinstance(answer, Grant):
                return
            if answer.kind is Denial.ISOLATED:
                assert {name for name in NAMES if name.startswith(role.value)} <= self.isolated
                return
            self.now = answer.until
            answer = self.ask(role, Purpose.SERVE, "", 1)
        raise AssertionError(answer)

    @invariant()
    def every_limit_holds(self) -> None:
        while self.attempts and self.attempts[0] <= self.now - self.limits.attempts_within:
            self.attempts.popleft()
        while self.spent and self.spent[0][0] <= self.now - 60.0:
            self.spent.popleft()
        assert len(self.attempts) <= self.limits.attempts
        assert sum(weight for _, weight in self.spent) <= self.limits.weight

    @invariant()
    def what_is_told_is_sane(self) -> None:
        assert all(0.0 <= share <= 2.0 for _, share in self.leasing.budget.pressures(self.now))
        for role in Role:
            first = self.leasing.first(role)
            assert first is None or first.name not in self.isolated
        assert len(self.leasing.portrait({}, self.now)) == len(ENDPOINTS) + 2


TestLeased = Leased.TestCase
TestLeased.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
