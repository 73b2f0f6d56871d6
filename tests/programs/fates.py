"""What the end of a life has to mean: rules of `on_error`, requests to stop the tree, significant children."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from attrs import define, field

from supervisor import (
    AutoShutdown,
    ChildEnded,
    ChildGaveUp,
    HandlerResumed,
    OnError,
    Restart,
    RestartScheduled,
    StartFailed,
    Strategy,
    SupervisorGaveUp,
)
from tests.programs.mistakes import rule_for
from tests.programs.paths import parent_of, plain
from tests.programs.program import SupervisorNode

if TYPE_CHECKING:
    from tests.programs.journal import Journal
    from tests.programs.lives import LifeRecord

__all__ = ["Fates"]

BY_RULE = "its on_error"
_REQUEST = re.compile(r"shutdown \(of the whole tree: (request \d+)\)")


@define(eq=False)
class Fates:
    """What has ended, and what must follow from it."""

    journal: Journal
    causes: dict[str, BaseException | None] = field(factory=dict)
    """With what the last life at a path failed."""
    must_end: dict[str, str] = field(factory=dict)
    """Children whose supervisor must end because of how they ended, and why."""
    escalated: dict[str, BaseException | None] = field(factory=dict)
    """With what a supervisor must fail."""
    parked: set[str] = field(factory=set)
    """By their own rules."""
    contained: set[str] = field(factory=set)
    """Requests to stop the tree that go no further up."""
    contained_by: set[str] = field(factory=set)
    """The supervisors that have ended for one."""
    carried: set[str] = field(factory=set)
    """Those that a link has carried elsewhere."""
    significant: dict[str, set[str]] = field(factory=lambda: defaultdict(set))
    """By supervisor, the significant children that have ended for good by themselves."""
    stopped: dict[str, set[str]] = field(factory=lambda: defaultdict(set))
    """By supervisor, the significant children that it has stopped."""
    requests: int = 0
    _last: dict[str, tuple[set[str], set[str]]] = field(factory=dict)
    """Both of these, of a supervisor's last life."""

    # ---- from the children

    def raises(self, life: LifeRecord, node: Any, error: BaseException) -> None:
        """A handler is about to raise."""
        if rule_for(node, error) is OnError.RESUME and life.handling:
            life.may_resume = error
            life.to_resume = None if life.context.stopping else error

    def request_stop(self, life: LifeRecord) -> str:
        """A life asks for the end of the whole tree. Returns why."""
        self.requests += 1
        life.request = f"request {self.requests}"
        above = parent_of(life.path)
        while above:
            self.journal.failed.add(plain(above))  # its children are stopped by itself
            above = "" if self.journal.node(above).options.get("contains_stop") else parent_of(above)
        return life.request

    def born(self, path: str, *, first: bool) -> None:
        if path in self.parked and plain(path) not in self.journal.touched and not first:
            self.journal.problem(f"{path} has been parked by its rules, and lives again though nobody asked for it")
        self.must_end.pop(path, None)
        if parent_of(path) in {parent_of(child) for child in self.must_end}:
            self.check_steady(parent_of(path))  # who is to end starts nobody
        self.significant[parent_of(path)].discard(path)
        self.stopped[parent_of(path)].discard(path)

    def stopped_from_above(self, life: LifeRecord) -> None:
        if self.journal.node(life.path).options.get("significant") and not life.by_hand and life.doomed is None:
            self.stopped[parent_of(life.path)].add(life.path)

    # ---- events

    def ended(self, event: ChildEnded | StartFailed) -> None:
        """A life is over."""
        path, node = event.path, self.journal.node(event.path)
        self.causes[path] = event.cause
        life = self.journal.lives.get(path)
        if life is not None and life.incarnation == event.incarnation and life.to_resume is not None:
            self.journal.problem(f"{path} ends with {event.reason}, though it is to resume after {life.to_resume!r}")
        if path in self.escalated:
            error = self.escalated.pop(path)
            if event.cause is not error:
                self.journal.problem(f"{path} ends with {event.reason}, not with what was escalated: {error!r}")
        if isinstance(node, SupervisorNode):
            self._supervisor_ended(path)
        asked = _REQUEST.fullmatch(event.reason)
        if isinstance(event, StartFailed):
            if asked is not None and node.options.get("contains_stop"):
                self.contained.add(asked[1])
                self.contained_by.add(path)
        elif asked is not None:
            self._tree_stopped(path, node, asked[1], life)
        elif rule_for(node, event.cause) is OnError.ESCALATE:
            self.must_end[path] = f"it ended with {event.cause!r}, which escalates"
        elif node.options.get("significant"):
            restart = node.options["restart"]
            if restart is Restart.TEMPORARY or not event.abnormal:
                self._significant_ended(path)

    def _supervisor_ended(self, path: str) -> None:
        if self.journal.node(path).options["auto_shutdown"] is not AutoShutdown.NEVER and self.significant.get(path):
            self.journal.seen.add("significant")
        self._last[path] = (self.significant.pop(path, set()), self.stopped.pop(path, set()))
        for known in [known for known in self.must_end if parent_of(known) == path]:
            del self.must_end[known]
        self.parked = {known for known in self.parked if parent_of(known) != path}

    def _tree_stopped(self, path: str, node: Any, request: str, life: LifeRecord | None) -> None:
        if not isinstance(node, SupervisorNode):
            if life is None or life.request != request:
                self.carried.add(request)
        elif request in self.contained - self.carried:
            self.journal.problem(f"{path} ends because of {request}, which was contained below")
        if isinstance(node, SupervisorNode) and node.options.get("contains_stop"):
            self.contained.add(request)
            self.contained_by.add(path)
            self.journal.seen.add("stop tree, contained")
            if node.options.get("significant"):
                self._significant_ended(path)
        else:
            self.must_end[path] = f"it has asked for that: {request}"
            self.journal.seen.add("stop tree")

    def _significant_ended(self, path: str) -> None:
        above = parent_of(path)
        self.significant[above].add(path)
        node = self.journal.node(above)
        all_of_them = {f"{above}/{child.id}" for child in node.children if child.options.get("significant")}
        heeded = {AutoShutdown.ANY_SIGNIFICANT: True, AutoShutdown.ALL_SIGNIFICANT: all_of_them <= self.significant[above]}
        if heeded.get(node.options["auto_shutdown"]):
            self.must_end[path] = "it is significant, and has ended for good"

    def carry(self, reason: str) -> None:
        """A link hands on how a life ended."""
        asked = _REQUEST.fullmatch(reason)
        if asked is not None:
            self.carried.add(asked[1])

    def restarted(self, event: RestartScheduled) -> None:
        """There will be another life."""
        path, node = event.path, self.journal.node(event.path)
        rule = rule_for(node, self.causes.get(path))
        if rule in (OnError.STOP, OnError.ESCALATE):
            self.journal.problem(f"{path} is restarted after {event.reason}, for which its rule is {rule}")
        if _REQUEST.fullmatch(event.reason):
            self.journal.problem(f"{path} is restarted after {event.reason}")
        if event.reason != "shutdown" or not isinstance(node, SupervisorNode):
            return
        if plain(path) in self.journal.touched | self.journal.bonds.once_pulled:
            return
        ended, stopped = self._last.get(path, (set(), set()))
        auto = node.options["auto_shutdown"]
        if auto is AutoShutdown.NEVER or not ended:
            self.journal.problem(f"{path} has shut down, though no significant child of it had ended for good")
        elif auto is AutoShutdown.ALL_SIGNIFICANT and stopped:
            self.journal.problem(f"{path} has shut down, though significant children of it lived: {sorted(stopped)}")

    def gave_up(self, event: ChildGaveUp | SupervisorGaveUp, child: str) -> None:
        """There will be none."""
        error = self.causes.get(child)
        rule = rule_for(self.journal.node(child), error)
        wanted = OnError.ESCALATE if isinstance(event, SupervisorGaveUp) else OnError.STOP
        if (event.limit == BY_RULE) != (rule is wanted) or (
            event.limit != BY_RULE and rule in (OnError.STOP, OnError.ESCALATE)
        ):
            self.journal.problem(f"{child} has the rule {rule} for {error!r}, but: {event!r}")
        if isinstance(event, ChildGaveUp) and self.journal.node(child).options.get("significant"):
            self._significant_ended(child)
        if event.limit != BY_RULE:
            return
        if isinstance(event, SupervisorGaveUp):
            self.escalated[event.path] = error
            self.journal.seen.add("escalate")
        else:
            self.parked.add(child)
            self.journal.seen.add("parked")

    def resumed(self, event: HandlerResumed) -> None:
        """A life goes on after an error."""
        life = self.journal.lives.get(event.path)
        expected = None if life is None else life.may_resume
        if life is None or event.cause is not expected or event.incarnation != life.incarnation:
            self.journal.problem(f"{event.path} goes on after {event.cause!r}, expected was {expected!r}")
        if life is not None:
            life.to_resume = life.may_resume = None
        self.journal.seen.add("resume")

    # ---- when all is quiet

    def check_steady(self, path: str) -> None:
        """A supervisor goes on: should it have ended?"""
        node, journal = self.journal.node(path), self.journal
        if not node.dynamic and node.options["strategy"] is not Strategy.ONE_FOR_ONE and plain(path) in journal.failed:
            return  # who ended while its group was being stopped has asked for nothing
        if path in journal.bonds.pulled:
            journal.problem(f"{path} goes on, though {journal.bonds.pulled[path]} ended, which it was linked with")
        for child, why in self.must_end.items():
            if parent_of(child) == path and plain(child) not in journal.touched:
                journal.problem(f"{path} goes on, though {child} has ended: {why}")
