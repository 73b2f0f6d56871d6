"""A nursery that carries out what the restart machine says, and checks that it may be said."""

from __future__ import annotations

from copy import copy

from attrs import define, field

from supervisor import decisions as d
from supervisor.exits import Normal, Shutdown, tree_stop
from supervisor.policies import OnError, policy_for
from supervisor.restart import ALIVE, Phase, RestartMachine, Stage
from supervisor.spec import ChildSpec, Restart, Scope, Strategy


@define
class Life:
    """One life as the nursery knows it."""

    key: str
    number: int
    order: int
    by_hand: bool
    """An operator asked for it: it starts when it is asked for, not when its turn comes."""
    started: bool = False
    stopping: bool = False
    in_turn: bool = False
    """It was asked to stop because of its group, or because all stop; not by an operator."""
    overdue: bool = False


@define
class Nursery:
    """Carries out what the machine says, and checks that it may be said."""

    machine: RestartMachine
    now: float = 0.0
    lives: dict[str, Life] = field(factory=dict)
    waits: dict[str, tuple[int, float]] = field(factory=dict)
    calls: dict[int, str] = field(factory=dict)
    """Who asked and has no answer yet, and for which child."""
    starts: dict[int, str] = field(factory=dict)
    """Those of them who want a child started."""
    answered: dict[int, Exception | None] = field(factory=dict)
    closed: set[str] = field(factory=set)
    late: set[str] = field(factory=set)
    """Keys that were overdue once: they start when they can, not in order."""
    restarts: dict[str, list[float]] = field(factory=dict)
    past: list[tuple[str, int]] = field(factory=list)
    specs: dict[str, ChildSpec] = field(factory=dict)
    """Those of the children before the event that is being told."""
    orders: dict[str, int] = field(factory=dict)
    """And their places."""
    cleared: bool = False
    """Whether its child was among those that its group clears."""
    first: bool = False
    """Whether its child had never been started, by whoever asked for that."""
    finished: int = 0
    ready: int = 0
    seen: set[str] = field(factory=set)
    """What was reached: stages, phases, events, effects, policies."""

    def copy(self) -> Nursery:
        twin = copy(self)
        twin.machine = self.machine.copy()
        twin.lives = {key: copy(life) for key, life in self.lives.items()}
        twin.waits, twin.calls, twin.starts = dict(self.waits), dict(self.calls), dict(self.starts)
        twin.answered, twin.closed, twin.late = dict(self.answered), set(self.closed), set(self.late)
        twin.restarts = {key: list(times) for key, times in self.restarts.items()}
        twin.past = list(self.past)
        twin.seen = set()  # what would happen if all behaved has not happened
        return twin

    def tell(self, event: d.Event, random: float = 0.5) -> list[d.Effect]:
        before = self.machine.stage
        self.specs = {key: child.spec for key, child in self.machine.children.items()}
        self.orders = {key: child.order for key, child in self.machine.children.items()}
        if isinstance(event, d.Ended | d.Ignored) and event.key in self.lives:
            del self.lives[event.key]
            self.past.append((event.key, event.life))
        child = self.machine.children.get(getattr(event, "key", ""))
        was = None if child is None or child.life != getattr(event, "life", None) else child.phase
        self.cleared = child is not None and before is Stage.CLEARING and child.order >= self.machine._low
        self.first = child is not None and child.first
        effects = self.machine.decide(event, self.now, random)
        if isinstance(event, d.Resurrect) and not any(isinstance(one, d.Answer) and one.error for one in effects):
            self.restarts.pop(event.key, None)  # a budget of its own is new
        if before is Stage.DONE:
            assert all(isinstance(effect, d.Answer) for effect in effects), "only answers come after Finish"
        for effect in effects:
            self._carry_out(effect, event)
        self._check_locality(event, effects, before)
        self._check_policy(event, effects, before, was)
        self._note(event, effects)
        return effects

    def _check_policy(self, event: d.Event, effects: list[d.Effect], before: Stage, was: Phase | None) -> None:
        """What a child's rules say about its error is done, and nothing else; where nobody was about to end it anyhow."""
        if not isinstance(event, d.Ended) or was not in (Phase.STARTING, Phase.RUNNING) or before is Stage.STOPPING:
            return
        policy = policy_for(self.specs[event.key].on_error, event.reason)
        if policy is None or self.cleared or self.first:
            return
        self.seen.add(f"{policy}")
        gave_up = [effect for effect in effects if isinstance(effect, d.GaveUp) and effect.key == event.key]
        restarted = any(isinstance(effect, d.Restarting) for effect in effects)
        by_rule = [effect.escalates for effect in gave_up if effect.limit == "its on_error"]
        if policy is OnError.ESCALATE:
            assert by_rule == [True], "its error is not escalated (198)"
            assert not restarted
            assert self.machine.stage in (Stage.STOPPING, Stage.DONE)
            assert self.machine._reason is event.reason, "the supervisor fails with another error (198)"
        elif policy is OnError.STOP:
            lasts = self.specs[event.key].restart is not Restart.TEMPORARY
            assert by_rule == [False] * lasts, "it is not parked (198)"
            assert not restarted
        else:
            assert not by_rule, "a rule that says RESTART, or one about messages, gives nobody up"

    def _note(self, event: d.Event, effects: list[d.Effect]) -> None:
        self.seen.add(f"{self.machine.stage}")
        self.seen.update(f"{child.phase}" for child in self.machine.children.values())
        self.seen.update(type(one).__name__ for one in (event, *effects))

    def _carry_out(self, effect: d.Effect, event: d.Event) -> None:
        match effect:
            case d.StartLife(key, number):
                self._start(key, number, event)
            case d.StopLife(key, number):
                self._stop(key, number, event)
            case d.Wait(key, life, delay):
                assert key not in self.waits
                assert delay > 0
                self.waits[key] = (life, self.now + delay)
            case d.Cancel(key):
                del self.waits[key]
            case d.Close(key, forget):
                assert key not in self.lives, "a place is closed while someone lives there"
                self.closed.add(key)
                if forget:
                    assert key not in self.machine.children
                    assert key not in self.waits
                    self.past = [past for past in self.past if past[0] != key]
                    self.restarts.pop(key, None)
            case d.Answer(call, key, error):
                assert isinstance(call, int)
                assert call in self.calls, f"call {call} is answered twice, or was never made"
                assert self.calls[call] == key, "the answer is about another child"
                del self.calls[call]
                self.starts.pop(call, None)
                self.answered[call] = error
            case d.Restarting(key):
                assert tree_stop(getattr(event, "reason", Normal())) is None, "who asked for the end comes back (112)"
                self._count(key)
            case d.GaveUp(key, _, limit, _):
                self._check_given_up(key, limit)
            case d.Ready():
                self.ready += 1
                assert self.ready == 1
            case d.Finish():
                self.finished += 1
                assert self.finished == 1
                assert not self.lives, "the supervisor ends before its children"
                assert not self.waits

    def _start(self, key: str, number: int, event: d.Event) -> None:
        assert key not in self.lives, "two lives of one child (163)"
        assert key not in self.waits
        assert self.machine.stage not in (Stage.STOPPING, Stage.DONE), "a start while all stop (66, 68)"
        order = self.machine.children[key].order
        by_hand = isinstance(event, d.Add | d.Resurrect)
        clearing = [life for life in self.lives.values() if life.in_turn and not life.overdue]
        if self.machine.strategy is not Strategy.ONE_FOR_ONE:
            if by_hand:
                assert all(life.order > order for life in clearing)
            else:
                assert not clearing, "a start before all of the group have ended (50)"
                for life in self.lives.values():
                    waits_for = life.order < order and not life.started and not life.stopping and not life.overdue
                    assert not waits_for or life.by_hand or {key, life.key} & self.late, "a start out of order (49)"
        self.lives[key] = Life(key, number, order, by_hand)
        self.closed.discard(key)

    def _stop(self, key: str, number: int, event: d.Event) -> None:
        life = self.lives[key]
        assert life.number == number
        assert not life.stopping, "a life is asked twice to stop"
        life.stopping = True
        by_hand = isinstance(event, d.Terminate | d.Abandon | d.Overdue) and event.key == key
        if by_hand or self.machine.dynamic:
            return
        life.in_turn = True
        stage = self.machine.stage
        group = self.machine.strategy is not Strategy.ONE_FOR_ONE and (stage is Stage.CLEARING or life.overdue)
        assert group or stage in (Stage.STOPPING, Stage.DONE), "a life is stopped that nobody wants stopped"
        for other in self.lives.values():
            if other.order > life.order:
                assert other.overdue, "a stop out of order, or two at a time (60)"

    def _count(self, key: str) -> None:
        intensity = self.machine.intensity
        who = key if intensity.scope is Scope.CHILD else ""
        times = self.restarts.setdefault(who, [])
        times.append(self.now)
        recent = [at for at in times if at >= self.now - intensity.within]
        assert len(recent) <= intensity.restarts, "more restarts than the budget allows (35)"

    def _check_given_up(self, key: str, limit: str) -> None:
        intensity = self.machine.intensity
        if limit == str(intensity):
            times = self.restarts.get(key if intensity.scope is Scope.CHILD else "", [])
            recent = [at for at in times if at >= self.now - intensity.within]
            assert len(recent) == intensity.restarts, "given up within the budget (38)"
        elif limit == "its on_error":
            assert self.specs[key].on_error, "no rule names an error (198)"
        else:
            backoff = self.specs[key].backoff
            assert backoff is not None
            assert limit == f"{backoff.give_up_after} failures in a row"

    def _check_locality(self, event: d.Event, effects: list[d.Effect], before: Stage) -> None:
        """One child's affair: nobody else is touched, unless the strategy says so. One that ends late joins its group late."""
        key, strategy, stage = getattr(event, "key", None), self.machine.strategy, self.machine.stage
        if before is not Stage.STEADY or stage in (Stage.STOPPING, Stage.DONE):
            return
        touched = {effect.key for effect in effects if isinstance(effect, d.StartLife | d.StopLife | d.Close | d.Wait)}
        others = touched - {key} - (self.late if strategy is not Strategy.ONE_FOR_ONE else set())
        if strategy is Strategy.ONE_FOR_ONE or not any(isinstance(effect, d.Restarting) for effect in effects):
            assert not others, "a sibling is touched (47)"
        elif strategy is Strategy.REST_FOR_ONE:
            order = self.machine.children[key].order
            assert all(self.orders[other] > order for other in others), "one before who failed is touched (49)"

    # ---- what must always hold

    def check(self) -> None:
        machine = self.machine
        alive = {key: child for key, child in machine.children.items() if child.phase in ALIVE}
        assert {key: child.life for key, child in alive.items()} == {key: life.number for key, life in self.lives.items()}
        assert machine._alive == len(alive)
        for key, life in self.lives.items():
            assert life.stopping == (alive[key].phase is Phase.STOPPING)
            assert life.overdue == alive[key].overdue
        significant = [child for child in machine.children.values() if child.spec.significant]
        assert machine._significant == sum(child.phase in (*ALIVE, Phase.RESTARTING) for child in significant)
        for key, child in machine.children.items():
            assert child.delayed == (key in self.waits)
            assert not child.delayed or child.phase is Phase.RESTARTING
            assert child.starter is None or child.starter in self.calls
            assert not child.stoppers or child.phase is Phase.STOPPING
            assert child.overdue <= (child.phase in ALIVE)
        assert (machine.stage is Stage.DONE) == (self.finished == 1)
        assert set(self.calls) >= set(self.starts)
        if machine.max_children is not None:
            assert len(machine.children) <= machine.max_children

    def redundant(self) -> list[d.Event]:
        """What the machine knows already, or has no use for: it must not do anything about it."""
        events: list[d.Event] = [] if self.machine.stage is Stage.NEW else [d.Begin()]
        for key, child in self.machine.children.items():
            life = self.lives.get(key)
            if life is None:
                about = (d.Started(key, child.life), d.Ignored(key, child.life), d.Overdue(key, child.life))
                events += [*about, d.Ended(key, child.life, Normal())]
            else:
                events += [d.Overdue(key, child.life)] * life.overdue + [d.Started(key, child.life)] * life.stopping
            if key not in self.waits:
                events.append(d.Due(key, child.life))
        if self.finished:
            events.append(d.StopSupervisor(Shutdown()))
        return events

    # ---- if everybody behaves from now on

    def settle(self) -> None:
        for _ in range(300):
            event = self._next_good_event()
            if event is None:
                break
            self.tell(event)
            self.check()
        else:
            raise AssertionError("it does not settle")
        stage = self.machine.stage
        assert stage in (Stage.NEW, Stage.STEADY, Stage.DONE), stage
        assert not self.calls, "somebody waits for ever"
        if stage is Stage.STEADY:
            assert self.ready == 1
            for key, child in self.machine.children.items():
                assert child.phase in (Phase.RUNNING, Phase.STOPPED, Phase.GAVE_UP), (key, child.phase)
                assert not child.wanted
                assert (child.phase is Phase.RUNNING) != (key in self.closed), f"{key} was lost: its place is open, it is not"

    def _next_good_event(self) -> d.Event | None:
        for life in self.lives.values():
            if life.stopping or life.overdue:
                return d.Ended(life.key, life.number, Shutdown())
            if not life.started:
                life.started = True
                return d.Started(life.key, life.number)
        if self.waits:
            key, (number, due) = min(self.waits.items(), key=lambda item: item[1][1])
            del self.waits[key]
            self.now = max(self.now, due)
            return d.Due(key, number)
        return None
