"""The portrait of a running branch: what a snapshot says of it."""

from __future__ import annotations

from supervisor.branch import Branch, Slot
from supervisor.child import Life
from supervisor.children import Child, Phase
from supervisor.restart import Stage
from supervisor.secrets import redact
from supervisor.snapshot import ChildSnapshot
from supervisor.spec import ActorSpec, ChildSpec, DynamicSupervisorSpec, Scope, SupervisorSpec, TaskSpec

__all__ = ["kind_of", "phase_of", "portray"]


def kind_of(spec: ChildSpec) -> str:
    """What a spec is, in a word."""
    match spec:
        case ActorSpec():
            return "actor"
        case TaskSpec():
            return "task"
        case SupervisorSpec():
            return "supervisor"
        case DynamicSupervisorSpec():
            return "dynamic supervisor"
        case _:
            raise AssertionError(f"nobody knows {spec!r}")


def phase_of(slot: Slot, child: Child | None) -> Phase:
    """Where a child is, as it is to be shown.

    The machine hears of an end when it is over. A life that ends by itself, and still tidies up, is running for the machine,
    but nobody who looks would say so: least of all where its `on_stop` hangs.
    """
    if child is None:
        return Phase.STOPPED
    life = slot.life
    if child.phase is not Phase.RUNNING or life is None:
        return child.phase
    ending = life.ending if isinstance(life, Life) else life.machine.stage is Stage.STOPPING
    return Phase.STOPPING if ending else Phase.RUNNING


def portray(branch: Branch) -> ChildSnapshot:
    """Snapshot a branch, deepest first, without recursion."""
    order: list[Branch] = [branch]
    for current in order:
        order.extend(slot.branch for slot in current.slots.values() if slot.branch is not None)
    done: dict[Branch, tuple[ChildSnapshot, ...]] = {}
    for current in reversed(order):
        done[current] = tuple(
            _child_snapshot(current, slot, () if slot.branch is None else done[slot.branch]) for slot in current.slots.values()
        )
    return _root_snapshot(branch, done[branch])


def _child_snapshot(branch: Branch, slot: Slot, below: tuple[ChildSnapshot, ...]) -> ChildSnapshot:
    now, life = branch.place.runtime.now(), branch.life
    child = None if life is None else life.machine.children.get(slot.key)
    timer, inbox = slot.timer, slot.place.inbox
    spent, allowed = _budget(branch, slot, now)
    return ChildSnapshot(
        id=slot.key,
        path=slot.place.path,
        kind=kind_of(slot.spec),
        phase=phase_of(slot, child).value,
        incarnation=0 if child is None else child.life,
        restart=slot.spec.restart.value,
        uptime=None if slot.life is None else now - slot.life.began_at,
        failures=0 if child is None else child.failures,
        restarts_in_window=spent,
        restarts_allowed=allowed,
        backoff_left=None if timer is None or not timer.to_come else max(0.0, timer.when - now),
        last_exit=None if slot.ended_with is None else redact(str(slot.ended_with)),
        mailbox=None if inbox is None else len(inbox),
        dropped=0 if inbox is None else inbox.dropped,
        handled=0 if inbox is None else inbox.handled,
        children=below,
    )


def _budget(branch: Branch, slot: Slot, now: float) -> tuple[int, int]:
    """Restarts counted and allowed: a supervisor's own budget, which its children share; another child's if each has one."""
    intensity, life = branch.spec.intensity, branch.life
    if slot.branch is not None:
        inner = slot.branch.life
        return 0 if inner is None else inner.machine.restarts_in_window(now), slot.branch.spec.intensity.restarts
    if life is None or intensity.scope is Scope.SUPERVISOR:
        return 0, intensity.restarts  # on every sibling's row it would read as if each had failed
    return life.machine.child_restarts_in_window(slot.key, now), intensity.restarts


def _root_snapshot(branch: Branch, children: tuple[ChildSnapshot, ...]) -> ChildSnapshot:
    life, now = branch.life, branch.place.runtime.now()
    return ChildSnapshot(
        id=branch.spec.id,
        path=branch.place.path,
        kind=kind_of(branch.spec),
        phase="stopped" if life is None else life.machine.stage.value,
        incarnation=0 if life is None else life.incarnation,
        restart=branch.spec.restart.value,
        uptime=None if life is None else now - life.began_at,
        failures=0,
        restarts_in_window=0 if life is None else life.machine.restarts_in_window(now),
        restarts_allowed=branch.spec.intensity.restarts,
        backoff_left=None,
        last_exit=None,
        mailbox=None,
        dropped=0,
        handled=0,
        children=children,
    )
