"""The restart machine against a nursery that does its worst: messages cross, children ignore stops, operators meddle.

Checked with every step, in nursery.py and below:

    safety      never two lives of one child, no start while all stop, no end before the children's; each call answered once
    budget      no more restarts than the intensity allows, and nobody is given up before
    order       starts and stops of a group one at a time, in the order that the strategy says
    locality    a failure touches nobody but the child, or those of its group
    stability   nobody is stopped without a cause; what is known already, out of date or nonsense changes nothing
    policy      what a child's rules say about its error is done: parked, or the supervisor fails with that very error
    reach       every stage, phase, event, effect and rule is reached by the one_for_all nursery, and the gravest by each
    liveness    on a copy: if everybody behaves from now on, all settles in a bounded number of steps, no call is left waiting
                and no child is lost; and then all can be stopped
"""

from __future__ import annotations

from collections import defaultdict, deque
from copy import copy
from itertools import count
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
from attrs import fields
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown, TreeStop, is_fatal
from supervisor.policies import OnError
from supervisor.restart import Child, Phase, RestartMachine, Stage
from supervisor.spec import (
    AutoShutdown,
    ChildSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Restart,
    Scope,
    Strategy,
    SupervisorSpec,
    TaskSpec,
)
from tests.properties.nursery import Life, Nursery

KEYS = "abcdef"
REACHED: dict[type, set[str]] = defaultdict(set)
"""By kind of nursery, what it has reached."""
WITHIN = 10.0
ENDS = [
    Normal(),
    Shutdown("x"),
    Killed(),
    Failed(ValueError("boom")),
    Failed(ValueError("boom")),
    Failed(KeyError("parks, if the child has rules")),
    Failed(IndexError("escalates, if the child has rules, by the class above it")),
    Shutdown(TreeStop("contained by the child", contained=True)),
]
RULES = {KeyError: OnError.STOP, LookupError: OnError.ESCALATE, ValueError: OnError.RESTART}
END_OF_ALL = [Failed(KeyboardInterrupt()), Shutdown(TreeStop("done"))]


async def idle() -> None: ...


def fingerprint(machine: RestartMachine) -> list[Any]:
    children = [
        [
            tuple(value) if isinstance(value, deque | list) else value
            for value in (getattr(child, at.name) for at in fields(Child))
        ]
        for child in machine.children.values()
    ]
    state = {name: copy(value) for name, value in vars(machine).items() if name not in {"children", "intensity"}}
    return [state, children]


restarts = st.sampled_from([Restart.PERMANENT, Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY])
policies = st.sampled_from([(), RULES])
backoffs = st.sampled_from([None, None, Backoff(1.0, 4.0), Backoff(1.0, 4.0, give_up_after=2)])


class AdversarialNursery(RuleBasedStateMachine):
    strategies = tuple(Strategy)
    dynamic = False

    def __init__(self) -> None:
        super().__init__()
        self.ids = count(1)

    @initialize(data=st.data())
    def build(self, data: st.DataObject) -> None:
        intensity = Intensity(
            data.draw(st.sampled_from([0, 1, 2, 4, 50]), "restarts"),
            WITHIN,
            scope=data.draw(st.sampled_from(Scope), "scope"),
            exhausted=data.draw(st.sampled_from(Exhausted), "exhausted"),
        )
        auto = data.draw(st.sampled_from(AutoShutdown), "auto_shutdown")
        self.heeds = auto is not AutoShutdown.NEVER
        contains = data.draw(st.booleans(), "contains_stop")
        if self.dynamic:
            most = data.draw(st.none() | st.integers(0, 4), "max_children")
            spec: Any = DynamicSupervisorSpec(
                "top", intensity=intensity, auto_shutdown=auto, max_children=most, contains_stop=contains
            )
        else:
            keys = data.draw(st.integers(0, 5), "children")
            children = [self.draw_spec(data, key) for key in KEYS[:keys]]
            strategy = data.draw(st.sampled_from(self.strategies), "strategy")
            spec = SupervisorSpec(
                "top", children, strategy=strategy, intensity=intensity, auto_shutdown=auto, contains_stop=contains
            )
        self.nursery = Nursery(RestartMachine(spec))
        how_far = data.draw(st.integers(0, 9), "begin, and start")
        if how_far > 0:
            self.nursery.tell(d.Begin())
        if how_far > 3:
            for key in KEYS[:4] if self.dynamic else ():
                self.add(data, key)
            self.all_start()

    def draw_spec(self, data: st.DataObject, key: str) -> ChildSpec:
        restart = data.draw(restarts, "restart")
        significant = self.heeds and restart is not Restart.PERMANENT and data.draw(st.booleans(), "significant")
        backoff, on_error = data.draw(backoffs, "backoff"), data.draw(policies, "on_error")
        return TaskSpec(key, idle, restart=restart, backoff=backoff, significant=significant, on_error=on_error)

    def call(self, key: str) -> int:
        number = next(self.ids)
        self.nursery.calls[number] = key
        return number

    # No `assume` in the rules: it throws away the whole example, and of 117 examples 10 ended a life, and none restarted one.

    def draw_life(self, data: st.DataObject, *, unstarted: bool = False) -> Life:
        keys = sorted(key for key, life in self.nursery.lives.items() if not (unstarted and life.started))
        return self.nursery.lives[data.draw(st.sampled_from(keys), "life")]

    @property
    def some_start(self) -> bool:
        return not all(life.started for life in self.nursery.lives.values())

    # ---- children

    @rule()
    def begin_again(self) -> None:
        self.nursery.tell(d.Begin())

    @precondition(lambda self: self.some_start)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        life = self.draw_life(data, unstarted=True)
        life.started = True
        self.nursery.tell(d.Started(life.key, life.number))

    @precondition(lambda self: self.some_start)
    @rule()
    def all_get_ready(self) -> None:
        self.all_start()

    def all_start(self) -> None:
        for _ in range(20):
            life = next((life for life in self.nursery.lives.values() if not life.started and not life.stopping), None)
            if life is None:
                break
            life.started = True
            self.nursery.tell(d.Started(life.key, life.number))

    @precondition(lambda self: self.some_start)
    @rule(data=st.data())
    def ignore(self, data: st.DataObject) -> None:
        life = self.draw_life(data, unstarted=True)
        self.nursery.tell(d.Ignored(life.key, life.number))

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data(), reason=st.sampled_from(ENDS), random=st.floats(0, 1, exclude_max=True))
    def end(self, data: st.DataObject, reason: ExitReason, random: float) -> None:
        self.end_one(self.draw_life(data), reason, random)

    def end_one(self, life: Life, reason: ExitReason, random: float) -> None:
        if life.overdue:
            self.nursery.late.add(life.key)
        self.nursery.tell(d.Ended(life.key, life.number, reason), random)

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data(), reasons=st.lists(st.sampled_from(ENDS[2:]), min_size=1, max_size=6))
    def fail_and_start(self, data: st.DataObject, reasons: list[ExitReason]) -> None:
        """One after the other fails, and what is begun anew gets ready, or fails before."""
        for reason in reasons:
            if self.nursery.lives:
                self.end_one(self.draw_life(data), reason, 0.5)
            what = data.draw(st.integers(0, 5), "what comes then")
            if what > 2:
                self.all_start()
            elif what == 2 and self.nursery.waits:
                self.pass_some(3.0)
            elif what == 1 and self.nursery.waits:
                self.terminate_one(min(self.nursery.waits))

    @precondition(lambda self: any(life.stopping for life in self.nursery.lives.values()))
    @rule()
    def obey(self) -> None:
        life = next(life for life in self.nursery.lives.values() if life.stopping)
        if life.overdue:
            self.nursery.late.add(life.key)
        self.nursery.tell(d.Ended(life.key, life.number, Shutdown()))

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data(), reason=st.sampled_from(END_OF_ALL), rare=st.integers(0, 7))
    def end_all(self, data: st.DataObject, reason: ExitReason, rare: int) -> None:
        if rare:
            return
        life = self.draw_life(data)
        machine = self.nursery.machine
        cleared = machine.stage is Stage.CLEARING and life.order >= machine._low
        asked = life.stopping or machine.stage is Stage.STOPPING or cleared
        effects = self.nursery.tell(d.Ended(life.key, life.number, reason))
        if is_fatal(reason) or not asked:
            assert not any(isinstance(effect, d.Restarting | d.StartLife) for effect in effects), "never restarted (112, 166)"
            assert machine.stage in (Stage.STOPPING, Stage.DONE)
            assert is_fatal(reason) == is_fatal(machine._reason)

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data())
    def overrun(self, data: st.DataObject) -> None:
        life = self.draw_life(data)
        life.overdue = True
        self.nursery.late.add(life.key)
        self.nursery.tell(d.Overdue(life.key, life.number, "stack"))

    # ---- time

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.pass_some(seconds)

    def pass_some(self, seconds: float) -> None:
        nursery = self.nursery
        nursery.now += seconds
        for key, (life, due) in sorted(nursery.waits.items(), key=lambda item: item[1][1]):
            if due <= nursery.now and nursery.waits.get(key) == (life, due):
                del nursery.waits[key]
                nursery.tell(d.Due(key, life))

    # ---- operators

    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def start_child(self, data: st.DataObject, key: str) -> None:
        self.add(data, key)

    def add(self, data: st.DataObject, key: str) -> None:
        call = self.call(key)
        self.nursery.starts[call] = key
        self.nursery.tell(d.Add(key, self.draw_spec(data, key), call))

    @precondition(lambda self: self.nursery.starts)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(sorted(self.nursery.starts)), "call")
        self.nursery.tell(d.Abandon(self.nursery.starts[call], call))

    @rule(key=st.sampled_from(KEYS))
    def terminate(self, key: str) -> None:
        self.terminate_one(key)

    def terminate_one(self, key: str) -> None:
        call = self.call(key)
        self.nursery.tell(d.Terminate(key, call))
        if call in self.nursery.answered and self.nursery.answered[call] is None:
            assert key not in self.nursery.lives
            assert key not in self.nursery.waits

    @rule(key=st.sampled_from(KEYS))
    def resurrect(self, key: str) -> None:
        call = self.call(key)
        self.nursery.starts[call] = key
        self.nursery.tell(d.Resurrect(key, call))

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        call = self.call(key)
        self.nursery.tell(d.Delete(key, call))
        assert call in self.nursery.answered
        if self.nursery.answered[call] is None:
            assert key not in self.nursery.machine.children

    @rule(rare=st.integers(0, 9))
    def stop_all(self, rare: int) -> None:
        if rare == 0:
            self.nursery.tell(d.StopSupervisor(Shutdown()))

    # ---- what is out of date, or was never true

    @precondition(lambda self: self.nursery.past)
    @rule(data=st.data())
    def cross(self, data: st.DataObject) -> None:
        """A message about a life that is over, or twice the same."""
        nursery = self.nursery
        key, life = data.draw(st.sampled_from(nursery.past), "past life")
        event = data.draw(
            st.sampled_from([d.Started(key, life), d.Ignored(key, life), d.Ended(key, life, ENDS[3]), d.Overdue(key, life)])
        )
        before = fingerprint(nursery.machine)
        assert nursery.machine.decide(event, nursery.now, 0.5) == []
        assert fingerprint(nursery.machine) == before

    @rule(key=st.sampled_from([*KEYS, "", "nobody"]), data=st.data())
    def nonsense(self, key: str, data: st.DataObject) -> None:
        nursery = self.nursery
        number = data.draw(st.sampled_from([-1, 0, 99]), "life")
        child = nursery.machine.children.get(key)
        if child is not None and child.life == number:
            number = -2
        kinds: list[d.Event] = [
            d.Started(key, number),
            d.Ignored(key, number),
            d.Ended(key, number, ENDS[3]),
            d.Overdue(key, number),
            d.Due(key, number),
            d.Abandon(key, -1),
            d.Abandon(key, None),
        ]
        if child is not None and not child.delayed:
            kinds.append(d.Due(key, child.life))
        before = fingerprint(nursery.machine)
        assert nursery.machine.decide(data.draw(st.sampled_from(kinds)), nursery.now, 0.5) == []
        assert fingerprint(nursery.machine) == before

    def teardown(self) -> None:
        if hasattr(self, "nursery"):
            REACHED[type(self)] |= self.nursery.seen

    # ---- after every step

    @invariant()
    def all_is_consistent(self) -> None:
        if hasattr(self, "nursery"):
            self.nursery.check()

    @invariant()
    def what_it_knows_changes_nothing(self) -> None:
        if hasattr(self, "nursery"):
            machine, before = self.nursery.machine, fingerprint(self.nursery.machine)
            for event in self.nursery.redundant():
                assert machine.decide(event, self.nursery.now, 0.5) == [], event
            assert fingerprint(machine) == before

    @invariant()
    def it_would_settle(self) -> None:
        if hasattr(self, "nursery"):
            before = fingerprint(self.nursery.machine)
            twin = self.nursery.copy()
            twin.settle()
            if twin.machine.stage is not Stage.NEW:
                twin.tell(d.StopSupervisor(Shutdown()))
                twin.settle()
                assert twin.machine.stage is Stage.DONE
            assert fingerprint(self.nursery.machine) == before, "a copy is not independent"


EXAMPLES = 100
"""From how many on all must be reached."""


class OneForOne(AdversarialNursery):
    strategies = (Strategy.ONE_FOR_ONE,)


class OneForAll(AdversarialNursery):
    strategies = (Strategy.ONE_FOR_ALL,)


class RestForOne(AdversarialNursery):
    strategies = (Strategy.REST_FOR_ONE,)


class Dynamic(AdversarialNursery):
    dynamic = True


ALWAYS = {"Ended", "Restarting", "GaveUp", "Answer", "Finish", str(OnError.ESCALATE)}
"""What each kind of nursery must reach, or it proves nothing."""


SHARES = {Dynamic: 18}
"""Tenths of the profile's examples. Which they are depends on the modules that are imported, and with 12 not all of those reach
an escalation."""


@pytest.mark.slow
@pytest.mark.parametrize("nursery", [OneForOne, OneForAll, RestForOne, Dynamic], ids=lambda kind: kind.__name__)
def test_no_nursery_however_adverse_breaks_an_invariant(nursery: type[AdversarialNursery]) -> None:
    run_state_machine_as_test(
        nursery,
        settings=settings(
            max_examples=settings().max_examples * SHARES.get(nursery, 12) // 10,
            stateful_step_count=35,
            suppress_health_check=list(HealthCheck),
        ),
    )
    if settings().max_examples < EXAMPLES:
        return  # `make mutants` asks with few
    kinds = {kind.__name__ for union in (d.Event, d.Effect) for kind in get_args(union)}
    everything = {str(one) for one in (*Stage, *Phase)} | kinds | {str(rule) for rule in RULES.values()}
    assert REACHED[nursery] >= ALWAYS
    if nursery is OneForAll:
        assert everything <= REACHED[nursery]
