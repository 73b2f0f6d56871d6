"""The restart machine against a nursery that does its worst: messages cross, children ignore stops, operators meddle.

Checked with every step, in nursery.py and below:

    safety      never two lives of one child, no start while all stop, no end before the children's; each call answered once
    budget      no more restarts than the intensity allows, and nobody is given up before
    order       starts and stops of a group one at a time, in the order that the strategy says
    locality    a failure touches nobody but the child, or those of its group
    stability   nobody is stopped without a cause; what is known already, out of date or nonsense changes nothing
    liveness    on a copy: if everybody behaves from now on, all settles in a bounded number of steps, no call is left waiting
                and no child is lost; and then all can be stopped
"""

from __future__ import annotations

from collections import deque
from copy import copy
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from attrs import fields
from hypothesis import HealthCheck, assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown, TreeStop, is_fatal
from supervisor.policies import OnError
from supervisor.restart import Child, RestartMachine, Stage
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
WITHIN = 10.0
ENDS = [
    Normal(),
    Shutdown("x"),
    Killed(),
    Failed(ValueError("boom")),
    Failed(ValueError("boom")),
    Failed(KeyError("parks, if the child has rules")),
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
policies = st.sampled_from([(), (), RULES])
backoffs = st.sampled_from([None, None, None, Backoff(1.0, 4.0), Backoff(1.0, 4.0, give_up_after=2)])


class AdversarialNursery(RuleBasedStateMachine):
    strategies = tuple(Strategy)
    dynamic = False

    def __init__(self) -> None:
        super().__init__()
        self.ids = count(1)

    @initialize(data=st.data())
    def build(self, data: st.DataObject) -> None:
        intensity = Intensity(
            data.draw(st.integers(0, 4), "restarts"),
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
        if data.draw(st.integers(0, 9), "begin at once") > 0:
            self.nursery.tell(d.Begin())

    def draw_spec(self, data: st.DataObject, key: str) -> ChildSpec:
        restart = data.draw(restarts, "restart")
        significant = self.heeds and restart is not Restart.PERMANENT and data.draw(st.booleans(), "significant")
        backoff, on_error = data.draw(backoffs, "backoff"), data.draw(policies, "on_error")
        return TaskSpec(key, idle, restart=restart, backoff=backoff, significant=significant, on_error=on_error)

    def call(self, key: str) -> int:
        number = next(self.ids)
        self.nursery.calls[number] = key
        return number

    def draw_life(self, data: st.DataObject) -> Life:
        assume(self.nursery.lives)
        return self.nursery.lives[data.draw(st.sampled_from(sorted(self.nursery.lives)), "life")]

    # ---- children

    @rule()
    def begin_again(self) -> None:
        self.nursery.tell(d.Begin())

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        life = self.draw_life(data)
        assume(not life.started)
        life.started = True
        self.nursery.tell(d.Started(life.key, life.number))

    @precondition(lambda self: self.nursery.lives)
    @rule()
    def all_start(self) -> None:
        for _ in range(20):
            life = next((life for life in self.nursery.lives.values() if not life.started and not life.stopping), None)
            if life is None:
                break
            life.started = True
            self.nursery.tell(d.Started(life.key, life.number))

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data())
    def ignore(self, data: st.DataObject) -> None:
        life = self.draw_life(data)
        assume(not life.started)
        self.nursery.tell(d.Ignored(life.key, life.number))

    @precondition(lambda self: self.nursery.lives)
    @rule(data=st.data(), reason=st.sampled_from(ENDS), random=st.floats(0, 1, exclude_max=True))
    def end(self, data: st.DataObject, reason: ExitReason, random: float) -> None:
        life = self.draw_life(data)
        if life.overdue:
            self.nursery.late.add(life.key)
        self.nursery.tell(d.Ended(life.key, life.number, reason), random)

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
        life = self.draw_life(data)
        assume(rare == 0)
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
        nursery = self.nursery
        nursery.now += seconds
        for key, (life, due) in sorted(nursery.waits.items(), key=lambda item: item[1][1]):
            if due <= nursery.now and nursery.waits.get(key) == (life, due):
                del nursery.waits[key]
                nursery.tell(d.Due(key, life))

    # ---- operators

    @rule(data=st.data(), key=st.sampled_from(KEYS))
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
        assume(rare == 0)
        self.nursery.tell(d.StopSupervisor(Shutdown()))

    # ---- what is out of date, or was never true

    @rule(data=st.data())
    def cross(self, data: st.DataObject) -> None:
        """A message about a life that is over, or twice the same."""
        nursery = self.nursery
        assume(nursery.past)
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


class OneForOne(AdversarialNursery):
    strategies = (Strategy.ONE_FOR_ONE,)


class OneForAll(AdversarialNursery):
    strategies = (Strategy.ONE_FOR_ALL,)


class RestForOne(AdversarialNursery):
    strategies = (Strategy.REST_FOR_ONE,)


class Dynamic(AdversarialNursery):
    dynamic = True


@pytest.mark.slow
@pytest.mark.parametrize("nursery", [OneForOne, OneForAll, RestForOne, Dynamic], ids=lambda kind: kind.__name__)
def test_no_nursery_however_adverse_breaks_an_invariant(nursery: type[AdversarialNursery]) -> None:
    run_state_machine_as_test(
        nursery,
        settings=settings(
            max_examples=settings().max_examples * 2 // 5,
            stateful_step_count=35,
            suppress_health_check=list(HealthCheck),
        ),
    )
