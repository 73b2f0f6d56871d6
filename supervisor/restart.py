"""The restart machine: every decision a supervisor makes, and nothing else.

It is told what happened and answers with what is to be done; it has no clock, no task and no randomness of its own.

    effects = machine.decide(event, now, random)

Rules
    1. Total: no event in any state raises. An event about a life that is no longer the child's current one changes nothing.
    2. `decide` runs to completion. What it wants done comes back as effects, to be carried out in order.
    3. An event costs O(1) under one_for_one. Group work costs what the group is large.

Theory of operation. Each child has a phase:

                    Start                 Started
        STOPPED ────────────▶ STARTING ────────────▶ RUNNING
           ▲                     │  │                 │   │
           │     ended, ended    │  │ fails           │   │ Stop
           │     for good        │  ▼                 │   ▼
           ├◀────────────────────┘ RESTARTING ◀───────┘ STOPPING ──▶ STOPPED
           │                       (delay, or its
        GAVE_UP ◀────────────────── turn in a group)

and the supervisor has a stage:

    STARTING   children left to right, each after the one before is running; the first that fails undoes them all
    STEADY     nothing in progress but what single children do
    CLEARING   a group restart stops its range, last first, one at a time
    REFILLING  ... and starts it again, first first; a failure goes back to CLEARING
    STOPPING   for good: static children last first, one at a time; dynamic ones in parallel
    DONE

A child that fails under one_for_one only ever moves itself. Under one_for_all and rest_for_one a failure sets `_low`, the first
place in start order to be cleared; a failure during a group restart sets it again, so any interleaving is the same two stages.
The order of a stage is kept as a list of keys still to be handled, the next one last.

What the restart types mean (OTP's `restart` flag): PERMANENT comes back after any end, TRANSIENT after an abnormal one,
TEMPORARY never. What intensity means: a restart is recorded when it is decided; if more than `restarts` lie within the last
`within` seconds, the failure is one too many and the child is not restarted: the supervisor fails (ESCALATE) or the child is
parked (GIVE_UP). First starts, starts on request and stops on request are not recorded.

What comes before both: an error that the child's `on_error` names (STOP parks the child, ESCALATE fails the supervisor), and
`StopTree`, which stops all children and goes on up unless this supervisor contains it.

The module is long because a decision that stood elsewhere would be the one that is missed: all of them are here.
"""

from __future__ import annotations

from copy import copy
from enum import Enum

from attrs import evolve

from supervisor.budget import Budget
from supervisor.children import ALIVE, Child, Phase
from supervisor.decisions import (
    Abandon,
    Add,
    Answer,
    Begin,
    Cancel,
    Close,
    Delete,
    Due,
    Effect,
    Ended,
    Event,
    Finish,
    GaveUp,
    Ignored,
    Overdue,
    Ready,
    Restarting,
    Resurrect,
    Started,
    StartLife,
    StopLife,
    StopSupervisor,
    Terminate,
    Wait,
)
from supervisor.errors import (
    ChildAlreadyPresent,
    ChildAlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    MaxChildrenReached,
    NoSuchActor,
    RestartIntensityExceeded,
    StartError,
    SupervisorError,
    Unstopped,
)
from supervisor.exits import ExitReason, Failed, Shutdown, is_abnormal, is_fatal, tree_stop
from supervisor.policies import OnError, policy_for
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
)

__all__ = ["ALIVE", "Child", "Phase", "RestartMachine", "Stage"]


class Stage(Enum):
    """Where the supervisor is."""

    NEW = "new"
    STARTING = "starting"
    STEADY = "steady"
    CLEARING = "clearing"
    REFILLING = "refilling"
    STOPPING = "stopping"
    DONE = "done"


class RestartMachine:
    """Decides for one life of one supervisor.

    Args:
        spec: the supervisor's spec.
        path: the supervisor's path, for its errors.
    """

    def __init__(self, spec: SupervisorSpec | DynamicSupervisorSpec, path: str = "") -> None:
        self.path: str = path or spec.id
        self.dynamic: bool = isinstance(spec, DynamicSupervisorSpec)
        self.strategy: Strategy = Strategy.ONE_FOR_ONE if isinstance(spec, DynamicSupervisorSpec) else spec.strategy
        self.max_children: int | None = spec.max_children if isinstance(spec, DynamicSupervisorSpec) else None
        self.intensity: Intensity = spec.intensity
        self.auto_shutdown: AutoShutdown = spec.auto_shutdown
        self.contains_stop: bool = spec.contains_stop
        self.stage: Stage = Stage.NEW
        self.children: dict[str, Child] = {}
        self._last_order = 0
        self._low = 0
        self._plan: list[str] = []
        self._latecomers: list[str] = []
        self._ready = False
        self._alive = 0
        self._significant = 0
        self._budget = Budget(self.intensity)
        self._reason: ExitReason = Shutdown()
        self._effects: list[Effect] = []
        for child in spec.children if isinstance(spec, SupervisorSpec) else ():
            self._append(child.id, child)

    def decide(self, event: Event, now: float, random: float) -> list[Effect]:
        """Take one event in and say what is to be done.

        Args:
            event: what happened.
            now: the loop's clock, in seconds.
            random: a number from 0 up to 1, for jitter.

        Returns:
            The effects, to be carried out in this order.
        """
        match event:
            case Ended():
                self._ended(event, now, random)
            case Started():
                self._started(event, now)
            case Ignored():
                self._ignored(event)
            case Overdue():
                self._overdue(event)
            case Due():
                self._due(event)
            case Begin():
                self._begin()
            case StopSupervisor():
                self._stop_all(event.reason)
            case Add():
                self._add(event)
            case Abandon():
                self._abandon(event)
            case Terminate():
                self._terminate(event)
            case Resurrect():
                self._resurrect(event)
            case Delete():
                self._delete(event)
        effects, self._effects = self._effects, []
        return effects

    def restarts_in_window(self, now: float) -> int:
        """How many restarts the supervisor's budget counts now, for people; without a shared budget, of all children."""
        if self.intensity.scope is Scope.SUPERVISOR:
            return self._budget.spent(now)
        return sum(child.budget.spent(now) for child in self.children.values() if child.budget is not None)

    def child_restarts_in_window(self, key: str, now: float) -> int:
        """The same for one child, where each has a budget of its own; else the supervisor's."""
        child = self.children.get(key)
        if self.intensity.scope is Scope.SUPERVISOR or child is None:
            return self._budget.spent(now)
        return 0 if child.budget is None else child.budget.spent(now)

    def copy(self) -> RestartMachine:
        """An independent machine in the same state; the specs and calls are shared."""
        twin = copy(self)
        twin.children = {key: child.copy() for key, child in self.children.items()}
        twin._plan = list(self._plan)
        twin._latecomers = list(self._latecomers)
        twin._budget = self._budget.copy()
        twin._effects = []
        return twin

    # ---------------------------------------------------------------------------------------------- lives begin and end

    def _begin(self) -> None:
        if self.stage is not Stage.NEW:
            return
        self.stage = Stage.STARTING
        for child in self.children.values():
            child.wanted = True
        self._plan = list(reversed(self.children))
        self._start_next()

    def _started(self, event: Started, now: float) -> None:
        child = self._current(event.key, event.life)
        if child is None or child.phase is not Phase.STARTING:
            return
        child.started_at, child.first, child.fresh, child.parked = now, False, False, False
        self._move(child, Phase.RUNNING)
        self._answer_starter(child)
        self._start_next()

    def _ignored(self, event: Ignored) -> None:
        child = self._current(event.key, event.life)
        if child is None or child.phase not in ALIVE:
            return
        child.overdue = False
        self._move(child, Phase.STOPPED)
        if not child.wanted:
            self._answer_starter(child)
            if not child.undo:
                child.fresh = child.parked = False
        self._answer_stoppers(child)
        self._keep_or_forget(child)
        self._go_on()

    def _ended(self, event: Ended, now: float, random: float) -> None:
        child = self._current(event.key, event.life)
        if child is None or child.phase not in ALIVE:
            return
        was, request = child.phase, tree_stop(event.reason)
        if request is not None and request.contained and child.first:
            self._ignored(Ignored(event.key, event.life))  # it is done before it was ready: no failure, and no life
            return
        child.overdue = False
        self._move(child, Phase.STOPPED)
        if is_fatal(event.reason):
            self._end(child, event.reason)
            self._stop_all(event.reason)
        elif request is not None and not request.contained and self.stage is not Stage.STOPPING:
            self._end(child, event.reason)
            self._stop_all(Shutdown(evolve(request, contained=True)) if self.contains_stop else event.reason)
        elif self.stage is Stage.STOPPING or was is Phase.STOPPING or self._is_cleared(child):
            # Asked for, or about to be: a sibling that fails while its group is being stopped is no second failure.
            self._end(child, event.reason)
            self._go_on()
        elif child.first:
            self._first_start_failed(child, event.reason)
        else:
            self._ended_by_itself(child, event.reason, now, random, ran=was is Phase.RUNNING)

    def _ended_by_itself(self, child: Child, reason: ExitReason, now: float, random: float, *, ran: bool) -> None:
        """A life that nobody asked to end is over: is there another one?"""
        policy = policy_for(child.spec.on_error, reason)
        if policy is OnError.ESCALATE:
            self._effects.append(GaveUp(child.key, reason, "its on_error", escalates=True))
            self._stop_all(reason)
        elif not self._comes_back(child, reason):
            self._end(child, reason)
            if child.spec.significant:
                self._significant_ended()
            self._go_on()
        elif policy is OnError.STOP:
            self._effects.append(GaveUp(child.key, reason, "its on_error", escalates=False))
            self._set_aside(child)
        else:
            self._restart(child, reason, now, random, ran=ran)

    def _end(self, child: Child, reason: ExitReason) -> None:
        """This life's end was asked for, or was the last: settle with those who wait, and keep or forget the child."""
        if child.starter is not None and not child.wanted:
            self._answer_starter(child, StartError(self._path(child), reason))
        self._answer_stoppers(child)
        self._keep_or_forget(child)

    def _keep_or_forget(self, child: Child) -> None:
        """Close the place of a child that has no life to come. Under a supervisor that ends, places wait for its next life."""
        if self.stage is Stage.STOPPING or child.wanted:
            return
        undo, child.undo, child.first = child.undo, False, False
        if undo and child.parked:
            self._park(child)
        else:
            self._close(child, forget=self.dynamic or child.fresh or child.spec.restart is Restart.TEMPORARY)

    def _is_cleared(self, child: Child) -> bool:
        return self.stage is Stage.CLEARING and child.order >= self._low

    def _comes_back(self, child: Child, reason: ExitReason) -> bool:
        if tree_stop(reason) is not None:
            return False  # it contained a request to stop the tree, and must not come back after it
        match child.spec.restart:
            case Restart.PERMANENT:
                return True
            case Restart.TRANSIENT:
                return is_abnormal(reason)
            case Restart.TEMPORARY:
                return False

    def _first_start_failed(self, child: Child, reason: ExitReason) -> None:
        error = StartError(self._path(child), reason)
        if child.starter is None:
            self._stop_all(Failed(error))
            return
        self._answer_starter(child, error)
        child.first = False
        if child.parked:
            self._park(child)
        else:
            self._close(child, forget=child.fresh)
        self._go_on()

    def _significant_ended(self) -> None:
        if self.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT or (
            self.auto_shutdown is AutoShutdown.ALL_SIGNIFICANT and self._significant == 0
        ):
            self._stop_all(Shutdown())

    # ------------------------------------------------------------------------------------------------ restart, or give up

    def _restart(self, child: Child, reason: ExitReason, now: float, random: float, *, ran: bool) -> None:
        backoff = child.spec.backoff
        stable_after = self.intensity.within if backoff is None else backoff.stable_after
        if ran and now - child.started_at >= stable_after:
            child.failures = 0
        child.failures += 1
        if backoff is not None and backoff.exhausted(child.failures):
            self._give_up(child, reason, f"{child.failures} failures in a row")
            return
        in_window = self._budget_of(child).spend(now)
        if in_window == 0:
            self._give_up(child, reason, str(self.intensity))
            return
        delay = 0.0 if backoff is None else backoff.delay(child.failures, random)
        self._effects.append(Restarting(child.key, reason, delay, child.failures, in_window))
        child.first = False
        self._move(child, Phase.RESTARTING)
        if delay > 0:
            child.delayed = True
            self._effects.append(Wait(child.key, child.life, delay))
        if self.strategy is Strategy.ONE_FOR_ONE:
            child.wanted = True
            self._start(child)
        else:
            self._clear_from(child)

    def _budget_of(self, child: Child) -> Budget:
        if self.intensity.scope is Scope.SUPERVISOR:
            return self._budget
        if child.budget is None:
            child.budget = Budget(self.intensity)
        return child.budget

    def _give_up(self, child: Child, reason: ExitReason, limit: str) -> None:
        escalates = self.intensity.exhausted is Exhausted.ESCALATE
        self._effects.append(GaveUp(child.key, reason, limit, escalates))
        if escalates:
            self._stop_all(Failed(RestartIntensityExceeded(self.path, child.key, reason, limit)))
            return
        self._set_aside(child)

    def _set_aside(self, child: Child) -> None:
        child.wanted = False
        self._park(child)
        if child.spec.significant:
            self._significant_ended()
        self._go_on()

    def _park(self, child: Child) -> None:
        self._move(child, Phase.GAVE_UP)
        self._close(child, forget=False)

    def _due(self, event: Due) -> None:
        child = self._current(event.key, event.life)
        if child is None or not child.delayed:
            return
        child.delayed = False
        if self.strategy is Strategy.ONE_FOR_ONE:
            self._start(child)
        else:
            self._go_on()

    # ------------------------------------------------------------------------------------------------ groups, in order

    def _clear_from(self, child: Child) -> None:
        """Begin a group restart, or widen the one in progress."""
        # While a group is cleared, only a child left of it gets here: the group never shrinks.
        self._low = 0 if self.strategy is Strategy.ONE_FOR_ALL else child.order
        self.stage = Stage.CLEARING
        group = [other for other in self.children.values() if other.order >= self._low]
        for other in group:
            out = other.phase is Phase.GAVE_UP or other.parked or other.fresh or other.spec.restart is Restart.TEMPORARY
            other.first = other.first and not other.undo
            other.wanted = other.first or not out
        self._plan = [other.key for other in group]
        self._stop_next()

    def _go_on(self) -> None:
        if self.stage is Stage.CLEARING or self.stage is Stage.STOPPING:
            self._stop_next()
        else:
            self._start_next()

    def _stop_next(self) -> None:
        """Stop the last of the plan that is alive and wait for it; when none is left, refill or finish."""
        while self._plan:
            child = self.children.get(self._plan[-1])
            if child is not None and child.phase in ALIVE:
                if child.phase is not Phase.STOPPING:
                    self._stop(child)
                if not child.overdue:
                    return
            self._plan.pop()
        if self.stage is Stage.STOPPING:
            if self._alive == 0:
                self.stage = Stage.DONE
                self._effects.append(Finish(self._reason))
            return
        if any(child.delayed for child in self.children.values()):
            return  # the child that failed has a backoff: the whole group waits for it
        self.stage = Stage.REFILLING
        # An overdue child would be doubled if it were started now: it takes its place when its old life has ended. And not
        # only the group is looked at: what it cut short, the first start or the refill of another group, is to go on too.
        waiting = [child for child in self.children.values() if child.wanted or child.phase is Phase.STARTING]
        self._latecomers = [child.key for child in waiting if child.overdue]
        self._plan = [child.key for child in reversed(waiting)]
        self._start_next()

    def _start_next(self) -> None:
        """Start the next of the plan and wait for it; when none is left, all is steady."""
        if self.stage not in (Stage.STARTING, Stage.REFILLING):
            self._start_latecomers()
            return
        while self._plan:
            child = self.children.get(self._plan[-1])
            if child is not None and child.phase in ALIVE:
                late = child.overdue and (child.phase is Phase.STOPPING or not child.first)
                if child.phase is Phase.RUNNING or late:
                    self._plan.pop()
                    continue
                return
            self._plan.pop()
            if child is not None and child.wanted:
                self._plan.append(child.key)
                self._start(child)
                return
        self.stage = Stage.STEADY
        if not self._ready:
            self._ready = True
            self._effects.append(Ready())
        self._start_latecomers()

    def _start_latecomers(self) -> None:
        """Start what a group restart had to leave out because its old life would not end."""
        if not self._latecomers or self.stage is not Stage.STEADY:
            return  # while a group is being cleared, they are part of it
        waiting = [key for key in self._latecomers if key in self.children]
        self._latecomers = [key for key in waiting if self.children[key].phase in ALIVE]
        for key in waiting:
            self._start(self.children[key])

    def _stop_all(self, reason: ExitReason) -> None:
        if self.stage is Stage.DONE or (self.stage is Stage.STOPPING and not is_fatal(reason)):
            return
        self.stage, self._reason = Stage.STOPPING, reason
        for child in self.children.values():
            child.wanted = False
            if child.phase is Phase.RESTARTING:
                self._cancel_delay(child)
                self._move(child, Phase.STOPPED)
            if child.phase not in ALIVE:
                self._answer_starter(child, NoSuchActor(self._path(child)))
        self._plan = list(self.children)
        if self.dynamic:
            for child in self.children.values():
                if child.phase in ALIVE and child.phase is not Phase.STOPPING:
                    self._stop(child)
        self._stop_next()

    # ---------------------------------------------------------------------------------------------- requests from outside

    def _add(self, event: Add) -> None:
        known = self.children.get(event.key)
        error: SupervisorError | None = None
        if self.stage in (Stage.NEW, Stage.STOPPING, Stage.DONE):
            error = NoSuchActor(self.path)
        elif known is not None:
            running = known.phase in (Phase.STARTING, Phase.RUNNING)
            error = (ChildAlreadyStarted if running else ChildAlreadyPresent)(self.path, event.key)
        elif self.max_children is not None and len(self.children) >= self.max_children:
            error = MaxChildrenReached(self.path, self.max_children)
        if error is not None:
            self._effects.append(Answer(event.call, event.key, error))
            return
        child = self._append(event.key, event.spec)
        child.wanted, child.fresh, child.starter = True, True, event.call
        if self.stage is Stage.CLEARING:
            return  # its turn comes last in the refill
        self._start(child)

    def _abandon(self, event: Abandon) -> None:
        child = self.children.get(event.key)
        if child is None or child.starter is None or child.starter is not event.call:
            return
        child.wanted, child.undo = False, True
        if child.phase is Phase.STARTING:
            self._stop(child)
        elif child.phase is not Phase.STOPPING:
            self._answer_starter(child, NoSuchActor(self._path(child)))
            self._keep_or_forget(child)

    def _terminate(self, event: Terminate) -> None:
        child = self.children.get(event.key)
        error = self._not_here(child, event.key)
        if error is not None or child is None:
            self._effects.append(Answer(event.call, event.key, error))
            return
        child.wanted = False
        child.parked = child.parked and child.undo
        if child.phase in ALIVE:
            if child.phase is not Phase.STOPPING:
                self._stop(child)
            if child.overdue:
                self._effects.append(Answer(event.call, event.key, Unstopped(self._path(child))))
                self._go_on()
            else:
                child.stoppers += (event.call,)
            return
        self._cancel_delay(child)
        self._move(child, Phase.STOPPED)
        self._answer_starter(child, NoSuchActor(self._path(child)))
        self._effects.append(Answer(event.call, event.key))
        self._keep_or_forget(child)
        self._go_on()

    def _resurrect(self, event: Resurrect) -> None:
        child = self.children.get(event.key)
        error = self._not_stopped(child, event.key)
        if error is None and self.stage is Stage.STOPPING:
            error = NoSuchActor(self.path)
        if error is not None or child is None:
            self._effects.append(Answer(event.call, event.key, error))
            return
        child.starter, child.wanted, child.first, child.failures = event.call, True, True, 0
        child.parked, child.undo, child.budget = child.phase is Phase.GAVE_UP, False, None
        if self.stage is not Stage.CLEARING or child.order < self._low:
            self._start(child)

    def _delete(self, event: Delete) -> None:
        child = self.children.get(event.key)
        error = self._not_stopped(child, event.key)
        self._effects.append(Answer(event.call, event.key, error))
        if error is None and child is not None:
            self._close(child, forget=True)

    def _not_here(self, child: Child | None, key: str) -> SupervisorError | None:
        if self.stage in (Stage.NEW, Stage.DONE):
            return NoSuchActor(self.path)
        return ChildNotFound(self.path, key) if child is None else None

    def _not_stopped(self, child: Child | None, key: str) -> SupervisorError | None:
        error = self._not_here(child, key)
        if error is not None or child is None:
            return error
        if child.phase in ALIVE:
            return ChildRunning(self.path, key)
        if child.wanted:
            return ChildRestarting(self.path, key)
        return None

    def _overdue(self, event: Overdue) -> None:
        child = self._current(event.key, event.life)
        if child is None or child.phase not in ALIVE:
            return
        child.overdue = True
        if child.starter is not None and not child.wanted:
            # It was killed while it started. Who waits for the start is not left waiting; it is undone when it has ended.
            self._answer_starter(child, Unstopped(self._path(child), event.stack))
            child.undo = True
            if child.phase is not Phase.STOPPING:
                self._stop(child)
        for call in child.stoppers:
            self._effects.append(Answer(call, child.key, Unstopped(self._path(child), event.stack)))
        child.stoppers = ()
        self._go_on()

    # ------------------------------------------------------------------------------------------------------ small pieces

    def _append(self, key: str, spec: ChildSpec) -> Child:
        self._last_order += 1
        child = self.children[key] = Child(key, spec, self._last_order)
        return child

    def _current(self, key: str, life: int) -> Child | None:
        child = self.children.get(key)
        return child if child is not None and child.life == life else None

    def _path(self, child: Child) -> str:
        return f"{self.path}/{child.key}"

    def _start(self, child: Child) -> None:
        if child.delayed or child.phase in ALIVE or not child.wanted:
            return
        child.wanted = False
        child.life += 1
        self._move(child, Phase.STARTING)
        self._effects.append(StartLife(child.key, child.life))

    def _stop(self, child: Child) -> None:
        self._move(child, Phase.STOPPING)
        self._effects.append(StopLife(child.key, child.life))

    def _cancel_delay(self, child: Child) -> None:
        if child.delayed:
            child.delayed = False
            self._effects.append(Cancel(child.key))

    def _answer_starter(self, child: Child, error: SupervisorError | None = None) -> None:
        if child.starter is not None:
            call, child.starter = child.starter, None
            self._effects.append(Answer(call, child.key, error))

    def _answer_stoppers(self, child: Child) -> None:
        for call in child.stoppers:
            self._effects.append(Answer(call, child.key))
        child.stoppers = ()

    def _close(self, child: Child, *, forget: bool) -> None:
        if forget:
            del self.children[child.key]
        self._effects.append(Close(child.key, forget))

    def _move(self, child: Child, phase: Phase) -> None:
        """Every change of phase comes through here, so that the counts are always right."""
        self._alive += (phase in ALIVE) - (child.phase in ALIVE)
        if child.spec.significant:
            active = (*ALIVE, Phase.RESTARTING)
            self._significant += (phase in active) - (child.phase in active)
        child.phase = phase
