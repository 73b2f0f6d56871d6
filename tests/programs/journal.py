"""What happened, written by the children themselves and by the tree's events; what must never happen is seen at once.

The journal trusts nothing that the framework says of itself: lives are counted by the code that runs in them, messages by the
handlers that get them. Events are taken for dead letters and restarts, which nobody else sees.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from supervisor import (
    KILL,
    AutoShutdown,
    ChildEnded,
    ChildGaveUp,
    ChildStarted,
    DeadLetter,
    Down,
    Event,
    Exit,
    Gone,
    HandlerResumed,
    LifeUnstopped,
    Restart,
    RestartScheduled,
    Shutdown,
    StartFailed,
    StateDiscarded,
    StateRestored,
    Strategy,
    SupervisorGaveUp,
    Up,
)
from supervisor.exits import ExitReason
from supervisor.place import Place
from supervisor.spec import Scope
from tests.programs.belongings import Directory, Drains, Memories
from tests.programs.bonds import Bonds
from tests.programs.fates import Fates
from tests.programs.lives import LifeRecord
from tests.programs.mail import Idle, Letter, Tick
from tests.programs.paths import parent_of, plain
from tests.programs.program import ActorNode, Node, SupervisorNode

__all__ = ["Journal"]

ROUNDING = 1e-6


class Journal:
    """All that happened in one program."""

    def __init__(self, tree: SupervisorNode, now: Callable[[], float]) -> None:
        self.now = now
        self.problems: list[str] = []
        self.nodes: dict[str, Node] = {}
        self.letters: list[Letter] = []
        self.lives: dict[str, LifeRecord] = {}
        """The latest at each path."""
        self.all_lives: list[LifeRecord] = []
        self.counts: dict[str, int] = defaultdict(int)
        """Lives by id, for the scripts."""
        self.touched: set[str] = set()
        """Paths that somebody outside stopped, started or added."""
        self.disturbed: set[str] = set()
        """Supervisors with a child that did not end in time: whoever waits for it goes on without it."""
        self.failed: set[str] = set()
        """Supervisors that ended or gave up by themselves, since the whole tree began to stop."""
        self.steady: set[str] = set()
        """Supervisors that were at rest when the whole tree began to stop."""
        self.ended_badly: dict[str, bool] = {}
        """Whether the last life at a path failed, or was killed."""
        self.killed: set[str] = set()
        """Whom somebody outside killed."""
        self.ends: dict[str, list[int]] = defaultdict(list)
        self.timers = 0
        """How many were set."""
        self._born: dict[str, set[str]] = defaultdict(set)
        self._restarts: dict[str, list[float]] = defaultdict(list)
        """By whose budget, since it was last renewed; whether somebody's wish to renew it was granted is not known here."""
        self._all_restarts: dict[str, list[float]] = defaultdict(list)
        """The same, whoever renewed it."""
        self._not_before: dict[str, float] = {}
        self._order: dict[tuple[str, Place], int] = {}
        self.event_count = 0
        self.seen: set[str] = set()
        """What has occurred, for the count of how much these programs reach."""
        self.fates = Fates(self)
        self.bonds = Bonds(self)
        self.memories = Memories(self)
        self.directory = Directory(self)
        self.drains = Drains(self)
        self.add_node("", tree)

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.now():.3f}: {text}")

    def add_node(self, above: str, node: Node) -> None:
        path = f"{above}/{node.id}" if above else node.id
        self.nodes[plain(path)] = node
        for child in node.children if isinstance(node, SupervisorNode) else ():
            self.add_node(path, child)

    def node(self, path: str) -> Any:
        return self.nodes.get(plain(path))

    def touch(self, path: str) -> None:
        """Somebody outside asks for the end of what is there, or for another life."""
        self.touched.add(plain(path))
        for known, life in self.lives.items():
            if plain(known) == plain(path):
                life.by_hand = True
        for known in [known for known in self._not_before if plain(known) == plain(path)]:
            del self._not_before[known]  # it is not waiting any more: its group may take it along, or somebody restart it

    def renew(self, path: str) -> None:
        """Somebody outside added or restarted what is there: its own budget is a new one."""
        self.touch(path)
        for who in [who for who in self._restarts if plain(who) == plain(path)]:
            del self._restarts[who]

    def stop_begins(self, steady: set[str]) -> None:
        """The whole tree is to stop now; these supervisors are at rest."""
        self.steady = steady
        self.failed.clear()

    # ---- lives

    def born(self, context: Any) -> LifeRecord:
        """A life begins: nothing of an earlier one at that path may run."""
        path, above = context.path, parent_of(context.path)
        before = self.lives.get(path)
        if before is not None and before.active:
            self.problem(f"two lives at {path}: {before.incarnation} still runs when {context.incarnation} begins")
        first = path not in self._born[above]
        self._born[above].add(path)
        life = LifeRecord(path, context.incarnation, context, first)
        self._check_start_order(life, above)
        if self.now() < self._not_before.pop(path, 0.0) - ROUNDING:
            self.problem(f"{path} begins before its backoff is over")
        self.fates.born(path, first=first)
        if self.drains.draining(getattr(context, "place", None)):
            life.by_hand = True  # it was asked to before its own code could run
        self.lives[path] = life
        if self.node(path).options.get("significant"):
            self.seen.add("a significant child")
        self.ended_badly.pop(path, None)
        self.all_lives.append(life)
        return life

    @contextmanager
    def running(self, life: LifeRecord) -> Iterator[None]:
        """A piece of code of a life runs."""
        if self.lives.get(life.path) is not life:
            self.problem(f"two lives at {life.path}: {life.incarnation} does something after a later one began")
        life.active += 1
        try:
            yield
        finally:
            life.active -= 1
            life.idle_since = self.now()

    def alive_below(self, path: str) -> bool:
        """Whether any code runs of a life at that path or below."""
        below = path + "/"
        return any(life.active and (known == path or known.startswith(below)) for known, life in self.lives.items())

    def stops(self, life: LifeRecord, reason: ExitReason) -> None:
        """`on_stop` begins."""
        if life.starting:
            self.problem(f"{life.path} tidies up without having started")
        if life.stopping:
            self.problem(f"{life.path} tidies up twice")
        if life.handling:
            self.problem(f"{life.path} tidies up while it handles a message")
        life.stopping = True
        self.drains.stops(life, reason)
        if reason == Shutdown() and not life.by_hand and life.doomed is None:
            self.fates.stopped_from_above(life)
            self._check_stop_order(life)

    def _siblings(self, path: str) -> tuple[list[str], list[str]]:
        """The static siblings before and after a path; of one that was added all are before."""
        above = parent_of(path)
        node = self.node(above)
        static = [f"{above}/{child.id}" for child in node.children] if isinstance(node, SupervisorNode) else []
        if path not in static:
            return static, []
        place = static.index(path)
        return static[:place], static[place + 1 :]

    def _check_start_order(self, life: LifeRecord, above: str) -> None:
        node = self.node(above)
        if node is None or node.dynamic or above in self.disturbed or life.path in self.touched:
            return
        before, after = self._siblings(life.path)
        group = node.options["strategy"] is not Strategy.ONE_FOR_ONE
        for path in before:
            other = self.lives.get(path)
            waits = group or (other is not None and life.first and other.first)
            if waits and other is not None and other.active and other.starting and path not in self.touched:
                self.problem(f"{life.path} begins before {path} is ready")
        for path in after if group and not life.first else ():
            if self.alive_below(path) and path not in self.touched:
                self.problem(f"{life.path} begins again while {path} of its group still runs")

    def _check_stop_order(self, life: LifeRecord) -> None:
        path, above = life.path, parent_of(life.path)
        while True:
            node = self.node(above)
            if not node.dynamic and above not in self.disturbed:
                for other in self._siblings(path)[1]:
                    if self.alive_below(other):
                        self.problem(f"{life.path} is stopped while {other} still runs")
            path, above = above, parent_of(above)
            # Further up only if it is known that all of this is stopped from there.
            if path not in self.steady or above not in self.steady or plain(path) in self.failed | self.touched:
                return
            if self.node(path).options["auto_shutdown"] is not AutoShutdown.NEVER:
                return

    # ---- messages

    def opened(self, life: LifeRecord, letter: Letter) -> None:
        """A handler has a message."""
        where, number = f"message {letter.number} at {life.path}", letter.number
        if letter.handled:
            self.problem(f"{where} is handled twice")
        if letter.place is not life.context.place:
            self.problem(f"{where} was sent to {letter.place.path}")
        if letter.outcome:
            self.problem(f"{where} is handled although its asker has gone: {letter.outcome}")
        if letter.accepted is False:
            self.problem(f"{where} is handled although it was refused")
        if letter.dead:
            self.problem(f"{where} is handled although it is a dead letter: {letter.dead}")
        if letter.expires_at is not None and self.now() > letter.expires_at:
            self.problem(f"{where} is handled although it has expired")
        if life.starting or life.stopping or life.handling:
            self.problem(f"{where} is handled while the life starts, stops or handles another")
        life.handling = letter.handled = True
        if letter.key is None:
            who = (letter.sender, letter.place)
            if self._order.get(who, -1) > number:
                self.problem(f"{where} of {letter.sender} is handled after {self._order[who]}")
            self._order[who] = number

    def closed(self, life: LifeRecord, letter: Letter, *, finished: bool) -> None:
        """The handler is done with it."""
        life.handling = False
        letter.finished = finished

    # ---- signals

    def hears(self, life: LifeRecord, message: object) -> None:
        """A life is handed anything at all."""
        self.bonds.check_may_act(life)
        if life.to_resume is not None:
            self.problem(f"{life.path} is handed {message} before it resumes after {life.to_resume!r}")
        if isinstance(message, Idle):
            quiet, life.quiet_until = life.quiet_until, None
            if message.incarnation != life.incarnation or quiet is None or quiet[0] != message.number:
                self.problem(f"{life.path} hears {message} in life {life.incarnation}, expected {quiet}")
            elif self.now() < quiet[1] - ROUNDING:
                self.problem(f"{life.path} is idle at {self.now()}, expected not before {quiet[1]}")
            self.seen.add("idle")
        life.quiet_until = None
        if isinstance(message, Down | Up | Gone):
            self.heard(life, message)
            self.directory.check(life)
        elif isinstance(message, Exit):
            self.bonds.hears(life, message)
            self.directory.check(life)
        elif isinstance(message, Tick):
            self.ticked(life, message)

    def ticked(self, life: LifeRecord, tick: Tick) -> None:
        if tick.incarnation != life.incarnation:
            self.problem(f"{life.path} hears a timer of life {tick.incarnation} in life {life.incarnation}")
        if tick.number in life.cancelled_ticks:
            self.problem(f"{life.path} hears a timer that was cancelled")
        if tick.number in life.ticks and not tick.repeats:
            self.problem(f"{life.path} hears a timer twice")
        life.ticks.add(tick.number)

    def heard(self, life: LifeRecord, signal: Down | Up | Gone) -> None:
        interest = life.interests.get(signal.ref._place)
        what = f"{life.path} hears {signal}"
        if interest is None or interest.cancelled:
            self.problem(f"{what}, which it did not ask for")
            return
        if isinstance(signal, Down):
            if any(isinstance(other, Down) and other.incarnation == signal.incarnation for other in interest.heard):
                self.problem(f"{what} twice")
            if not interest.forever and signal.incarnation != interest.incarnation:
                self.problem(f"{what}, but monitors life {interest.incarnation}")
        if interest.heard and isinstance(interest.heard[-1], Gone):
            self.problem(f"{what} after Gone")
        numbers = [other.incarnation for other in interest.heard if not isinstance(other, Gone)]
        if not isinstance(signal, Gone) and numbers and signal.incarnation < numbers[-1]:
            self.problem(f"{what} after {numbers}")
        if isinstance(signal, Up) and signal.incarnation in numbers:
            self.problem(f"{what} after {numbers}")
        interest.heard.append(signal)

    # ---- events

    def event(self, event: Event) -> None:
        self.event_count += 1
        if self.node(event.path) is None:
            self.problem(f"an event of a path that never was: {event!r}")
        match event:
            case DeadLetter():
                self._dead_letter(event)
            case ChildEnded() | StartFailed():
                self._ended(event)
            case ChildStarted():
                life = self.lives.get(event.path)
                says_when = getattr(self.node(event.path), "says_ready", True)  # other tasks count as started at once
                if life is not None and says_when and (life.incarnation != event.incarnation or life.starting):
                    self.problem(f"{event.path} counts as started in life {event.incarnation}, but it is not: {life}")
            case RestartScheduled():
                self._restart(event)
                self.fates.restarted(event)
            case HandlerResumed():
                self.fates.resumed(event)
            case StateDiscarded() | StateRestored():
                self.memories.event(event)
            case ChildGaveUp():
                self._gave_up(parent_of(event.path), event.path, event)
                self.fates.gave_up(event, event.path)
            case SupervisorGaveUp():
                self.failed.add(plain(event.path))
                self._gave_up(event.path, f"{event.path}/{event.child}", event)
                self.fates.gave_up(event, f"{event.path}/{event.child}")
            case LifeUnstopped():
                path = event.path
                while path:
                    path = parent_of(path)
                    self.disturbed.add(path)
            case _:
                pass

    def _dead_letter(self, event: DeadLetter) -> None:
        if event.reason == "expired" and event.path in self.lives:
            self.lives[event.path].quiet_disturbed = True  # it came, if too late
        if event.message.startswith("Mail"):
            letter = self.letters[int(event.message[4:])]
            letter.dead.append(event.reason)
            if len(letter.dead) > 1:
                self.problem(f"message {letter.number} is a dead letter twice: {letter.dead}")

    def _ended(self, event: ChildEnded | StartFailed) -> None:
        self._check_kill(event)
        self.bonds.ended(event)
        self.fates.ended(event)
        if isinstance(event, ChildEnded):
            self.directory.ended(event)
        self.ended_badly[event.path] = isinstance(event, StartFailed) or event.abnormal
        self.ends[event.path].append(event.incarnation)
        self._over(event.path)

    def _check_kill(self, event: ChildEnded | StartFailed) -> None:
        """Who does nothing when it is asked to stop tidies up at once: it is never killed because its grace is over."""
        life, node = self.lives.get(event.path), self.node(event.path)
        grace = getattr(node, "options", {}).get("shutdown", 5.0)
        if event.reason != "killed" or life is None or life.incarnation != event.incarnation or not isinstance(node, ActorNode):
            return
        idle = not life.active and life.idle_since < event.at - ROUNDING
        had_time = not self.hurried(event.path) and grace is not KILL and grace > 0
        if idle and had_time and not life.starting and not life.stopping:
            self.problem(f"{event.path} was killed, though idle since {life.idle_since:.3f} and with a grace of {grace} s")

    def hurried(self, path: str) -> bool:
        """Whether it may have been killed from above, or from outside."""
        path = plain(path)
        while path and path not in self.killed:
            path = parent_of(path)
            if path and self.nodes[path].options.get("shutdown", math.inf) != math.inf:
                return True
        return bool(path)

    def _over(self, path: str) -> None:
        """If it is a supervisor, its next life has new budgets."""
        if isinstance(self.node(path), SupervisorNode):
            self._born.pop(path, None)
            self.failed.add(plain(path))
            for times in (self._restarts, self._all_restarts):
                for who in [who for who in times if who == path + "/" or parent_of(who) == path]:
                    del times[who]
            for known in [known for known in self._not_before if known.startswith(path + "/")]:
                del self._not_before[known]

    def _scope(self, supervisor: str) -> Scope:
        node = self.node(supervisor)
        scope: Scope = node.options["intensity"].scope
        return scope

    def _who(self, supervisor: str, child: str) -> str:
        """Whose budget a restart is of: a child's path, or the supervisor's with a slash."""
        return child if self._scope(supervisor) is Scope.CHILD else supervisor + "/"

    def _restart(self, event: RestartScheduled) -> None:
        above, node = parent_of(event.path), self.node(event.path)
        restart = node.options.get("restart", Restart.PERMANENT)
        asked_for = event.reason == "normal" or event.reason.startswith("shutdown")
        if restart is Restart.TEMPORARY or (restart is Restart.TRANSIENT and asked_for):
            self.problem(f"{event.path} is {restart.value} and is restarted after {event.reason}")
        intensity = self.node(above).options["intensity"]
        who = self._who(above, event.path)
        times = self._restarts[who]
        times.append(event.at)
        self._all_restarts[who].append(event.at)
        recent = sum(at > event.at - intensity.within + ROUNDING for at in times)
        if recent > intensity.restarts:
            self.problem(f"{event.path} is restarted: {recent} in {intensity.within:g} s, more than {intensity}")
        if self.node(above).options.get("strategy") is not Strategy.ONE_FOR_ONE:
            self.failed.add(plain(above))  # its children are stopped by itself
        if event.delay > 0:
            self._not_before[event.path] = event.at + event.delay

    def _gave_up(self, supervisor: str, child: str, event: ChildGaveUp | SupervisorGaveUp) -> None:
        intensity = self.node(supervisor).options["intensity"]
        if event.limit == str(intensity):
            times = self._all_restarts[self._who(supervisor, child)]
            recent = sum(at >= event.at - intensity.within - ROUNDING for at in times)
            if recent < intensity.restarts:
                self.problem(f"{child} is given up after {recent} restarts; allowed are {intensity}")
