"""What `oneforone check` says beyond a SpecError: each rule with a spec that trips it and one that does not."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import (
    KILL,
    Actor,
    ActorSpec,
    AutoShutdown,
    Backoff,
    BackoffKind,
    ChildSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Mailbox,
    Name,
    OnRestart,
    Overflow,
    Restart,
    Scope,
    SupervisorSpec,
    TaskSpec,
)
from supervisor.budget import Budget
from supervisor.commands.linting import Gravity, findings, most_restarts, walk


class Plain(Actor[str]):
    def receive(self, message: str) -> None: ...


class Numbered(Actor[str]):
    def __init__(self, number: int) -> None: ...

    def receive(self, message: str) -> None: ...


class Untyped(Actor["Nowhere"]):
    def receive(self, message: object) -> None: ...


async def job() -> None: ...


class Misspelt(Actor[str]):
    def recieve(self, message: str) -> None: ...


class Deaf(Actor[str]):
    async def on_start(self) -> None: ...


class Busy(Actor[None]):
    async def on_start(self) -> None: ...


SIGNIFICANT = TaskSpec("job", job, restart=Restart.TRANSIENT, significant=True)
ENDLESS = Backoff()
NAME: Name[str] = Name("plain")


def tree(*children: ChildSpec, **kwargs: Any) -> SupervisorSpec:
    return SupervisorSpec("root", children, **kwargs)


def plain(id: str = "a", **kwargs: Any) -> ActorSpec[str]:
    return ActorSpec(id, Plain, **kwargs)


def codes(spec: ChildSpec) -> list[str]:
    return [found.code for found in findings(spec)]


CASES: dict[str, tuple[str, ChildSpec, ChildSpec]] = {
    "a factory that needs arguments": (
        "start-arguments",
        tree(ActorSpec("a", Numbered)),
        tree(ActorSpec("a", partial(Numbered, 1))),
    ),
    "an actor whose messages nobody knows": ("message-types", tree(ActorSpec("a", Untyped)), tree(plain())),
    "the same behind a partial": (
        "message-types",
        tree(ActorSpec("a", partial(Untyped))),
        tree(ActorSpec("a", partial(Plain))),
    ),
    "an actor that misspells receive": ("no-receive", tree(ActorSpec("a", Misspelt)), tree(plain())),
    "an actor without receive": ("no-receive", tree(ActorSpec("a", Deaf)), tree(ActorSpec("a", Busy))),
    "one behind a partial": ("no-receive", tree(ActorSpec("a", partial(Deaf))), tree(ActorSpec("a", partial(Plain)))),
    "a default backoff under a default intensity": (
        "restarts-for-ever",
        tree(plain(backoff=ENDLESS)),
        tree(plain(backoff=Backoff(give_up_after=3))),
    ),
    "a backoff is fast enough": ("restarts-for-ever", tree(plain(backoff=ENDLESS)), tree(plain(backoff=Backoff(0.1, 1.0)))),
    "a child without backoff": ("restarts-for-ever", tree(plain(backoff=ENDLESS)), tree(plain())),
    "a child that is never restarted": (
        "restarts-for-ever",
        tree(plain(backoff=ENDLESS)),
        tree(plain(backoff=ENDLESS, restart=Restart.TEMPORARY)),
    ),
    "a backoff that nobody waits for": (
        "idle-backoff",
        tree(plain(backoff=ENDLESS, restart=Restart.TEMPORARY)),
        tree(plain(backoff=ENDLESS)),
    ),
    "a backoff under a supervisor that never restarts": (
        "idle-backoff",
        tree(plain(backoff=ENDLESS), intensity=Intensity(0, 10.0)),
        tree(plain(backoff=ENDLESS), intensity=Intensity(1, 10.0)),
    ),
    "a backoff that gives up before it begins": (
        "idle-backoff",
        tree(plain(backoff=Backoff(give_up_after=1))),
        tree(plain(backoff=Backoff(give_up_after=2))),
    ),
    "a shared budget that parks whoever comes last": (
        "shared-give-up",
        tree(plain(), intensity=Intensity(exhausted=Exhausted.GIVE_UP)),
        tree(plain(), intensity=Intensity(exhausted=Exhausted.GIVE_UP, scope=Scope.CHILD)),
    ),
    "the same of a dynamic supervisor": (
        "shared-give-up",
        DynamicSupervisorSpec("root", intensity=Intensity(exhausted=Exhausted.GIVE_UP)),
        DynamicSupervisorSpec("root"),
    ),
    "a supervisor that is killed": ("kill", tree(SupervisorSpec("in", [], shutdown=KILL)), tree(plain(shutdown=KILL))),
    "a grace shorter than the sum of the children's": (
        "short-grace",
        tree(plain("a"), plain("b"), shutdown=9.0),
        tree(plain("a"), plain("b"), shutdown=10.0),
    ),
    "a grace shorter than a child that waits for ever": (
        "short-grace",
        tree(plain(shutdown=math.inf), shutdown=100.0),
        tree(plain(shutdown=KILL), shutdown=0.0),
    ),
    "a grace shorter than what is two floors below": (
        "short-grace",
        tree(SupervisorSpec("in", [plain("a"), plain("b")]), shutdown=9.0),
        tree(SupervisorSpec("in", [plain("a"), plain("b")], shutdown=10.0), shutdown=10.0),
    ),
    "a finite grace over children that nobody knows": (
        "short-grace",
        tree(DynamicSupervisorSpec("in", shutdown=60.0)),
        tree(DynamicSupervisorSpec("in")),
    ),
    "an auto shutdown that nobody brings about": (
        "no-significant-child",
        tree(plain(), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
        tree(SIGNIFICANT, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
    ),
    "an auto shutdown that is undone": (
        "comes-back",
        tree(SupervisorSpec("in", [SIGNIFICANT], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)),
        tree(SupervisorSpec("in", [SIGNIFICANT], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT, restart=Restart.TRANSIENT)),
    ),
    "the root's auto shutdown is not undone": (
        "comes-back",
        tree(SupervisorSpec("in", [SIGNIFICANT], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)),
        tree(SIGNIFICANT, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
    ),
    "an overflow that is the end": (
        "overflow-ends-it",
        tree(plain(restart=Restart.TEMPORARY, mailbox=Mailbox(9, Overflow.FAIL))),
        tree(plain(mailbox=Mailbox(9, Overflow.FAIL))),
    ),
    "an overflow that comes again": (
        "overflow-again",
        tree(plain(mailbox=Mailbox(9, Overflow.FAIL))),
        tree(plain(mailbox=Mailbox(9, Overflow.FAIL, OnRestart.DROP))),
    ),
    "a start without a bound": ("endless-start", tree(plain(start_timeout=math.inf)), tree(plain(start_timeout=3600.0))),
    "a name that hides another": (
        "hidden-name",
        tree(plain("a", name=NAME), SupervisorSpec("in", [plain("b", name=NAME)], scoped=True)),
        tree(
            SupervisorSpec("one", [plain("a", name=NAME)], scoped=True),
            SupervisorSpec("two", [plain("b", name=NAME)], scoped=True),
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_speaks_where_it_should(case: str) -> None:
    code, wrong, _ = CASES[case]
    assert code in codes(wrong)


@pytest.mark.parametrize("case", CASES)
def test_a_rule_is_silent_where_it_should_be(case: str) -> None:
    code, _, right = CASES[case]
    assert code not in codes(right)


def test_what_will_fail_at_its_start_is_wrong_and_the_rest_are_warnings() -> None:
    spec = tree(ActorSpec("a", Numbered), plain("b", backoff=ENDLESS))
    assert [(one.path, one.gravity) for one in findings(spec)] == [("root/a", Gravity.WRONG), ("root/b", Gravity.WARNING)]


def test_a_misspelt_receive_is_named() -> None:
    (found,) = findings(tree(ActorSpec("a", Misspelt)))
    assert found.gravity is Gravity.WARNING
    assert found.sentence == "Misspelt has no receive, so the first message crashes it; it has recieve: write receive"
    (found,) = findings(tree(ActorSpec("a", Deaf)))
    assert "write def receive(self, message), or Actor[None]" in found.sentence


def test_a_plain_tree_has_nothing_said_of_it() -> None:
    spec = tree(plain("a"), SupervisorSpec("in", [plain("b"), SIGNIFICANT][:1]), DynamicSupervisorSpec("many"))
    assert findings(spec) == ()


def test_a_tree_500_deep_is_looked_at_without_recursion() -> None:
    spec: ChildSpec = plain(shutdown=7.0)
    for _ in range(500):
        spec = SupervisorSpec("s", [spec])
    assert len(list(walk(spec))) == 501
    assert codes(spec) == []


def test_a_budget_too_large_to_be_counted_has_nothing_said_of_it() -> None:
    assert most_restarts(Backoff(), Intensity(1_000_000, 10.0)) is None


@pytest.mark.item(196)
def test_the_default_backoff_never_trips_the_default_intensity() -> None:
    assert most_restarts(Backoff(), Intensity()) == 4


KINDS = st.sampled_from(BackoffKind)
BACKOFFS: st.SearchStrategy[Backoff] = st.builds(
    lambda initial, more, jitter, kind, reset: Backoff(initial, initial + more, jitter=jitter, kind=kind, reset_after=reset),
    st.floats(0.01, 5.0),
    st.floats(0.0, 30.0),
    st.floats(0.0, 1.0),
    KINDS,
    st.none() | st.floats(0.01, 40.0),
)
LIVES = st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.99)), min_size=1, max_size=30)


@given(BACKOFFS, st.integers(1, 8), st.floats(0.1, 60.0), LIVES)
def test_no_way_of_failing_is_faster_than_what_was_computed(
    backoff: Backoff, restarts: int, within: float, lives: list[tuple[bool, float]]
) -> None:
    """Each life ends at once, or just late enough for the failures before it to be forgotten."""
    intensity = Intensity(restarts, within)
    most = most_restarts(backoff, intensity)
    assert most is not None
    budget, now, failures, fullest = Budget(intensity), 0.0, 0, 0
    for stable, random in lives:
        if stable:
            now += backoff.stable_after
            failures = 0
        failures += 1
        spent = budget.spend(now)
        fullest = max(fullest, spent or restarts + 1)
        if spent == 0:
            break
        now += backoff.delay(failures, random)
    assert fullest <= most


@given(BACKOFFS, st.integers(1, 8), st.floats(0.1, 60.0))
def test_failing_at_once_trips_a_budget_where_no_reset_is_needed_for_it(backoff: Backoff, restarts: int, within: float) -> None:
    """The other direction: what is not said to restart for ever does exhaust its budget, if it is unlucky enough."""
    steady = Backoff(backoff.initial, backoff.maximum, jitter=backoff.jitter, kind=backoff.kind, reset_after=1e6)
    intensity = Intensity(restarts, within)
    budget, now, tripped = Budget(intensity), 0.0, False
    for failures in range(1, restarts + 2):
        tripped = tripped or budget.spend(now) == 0
        now += steady.delay(failures, 0.0)
    assert tripped == (most_restarts(steady, intensity) == restarts + 1)
