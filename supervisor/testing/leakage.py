"""`leaks`: whether anything was left behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from supervisor.branch import Branch
from supervisor.errors import SupervisorError
from supervisor.handle import Supervisor
from supervisor.parking import give_way
from supervisor.place import Place
from supervisor.reader import Buffer
from supervisor.runtime import RUNTIMES, Runtime
from supervisor.signals import Monitor
from supervisor.testing.seeding import label_of
from supervisor.tree import SupervisorLife

__all__ = ["Leaked", "leaks"]

TURNS = 100
"""Turns of the loop that what is about to end has for it. No time passes."""


class Leaked(SupervisorError, AssertionError):
    """Something was left behind.

    Args:
        leftovers: each, as text: its kind, then what it is.
    """

    def __init__(self, leftovers: tuple[str, ...]) -> None:
        self.leftovers = leftovers
        super().__init__("left behind:\n" + "\n".join(f"  {one}" for one in leftovers))


@asynccontextmanager
async def leaks(root: Supervisor | None = None) -> AsyncIterator[None]:
    """Check that the block leaves nothing behind: `async with leaks(): ...`.

    Without a root: no task of this loop that was not there before, and no tree that was opened in the block and runs or, though
    it has ended, holds a timer, a name, a monitor, a subscription or somebody who waits. With a root, which runs before and
    after: the same of its tree, and no child that was not there before. What is alike counts as the same: a child that was
    restarted is none too many.

    Args:
        root: of a running tree; None: check trees that begin and end in the block.

    Raises:
        Leaked: naming each leftover. Not if the block raised; that goes on.

    Cancellation: leaving gives way to other tasks while something is left, up to 100 times; a cancellation there goes on.
    """
    known = set(RUNTIMES)
    before = _tasks() if root is None else _around(root)
    yield

    def left() -> Counter[str]:
        if root is not None:
            return _around(root) - before
        found = _tasks() - before
        for runtime in [one for one in tuple(RUNTIMES) if one not in known]:
            found += _census(runtime, _root_of(runtime))
            if not runtime.ended:
                found[f"tree      {runtime.tree_id} still runs"] += 1
        return found

    leftovers: Counter[str] = Counter()
    for _ in range(TURNS):
        leftovers = left()
        if not leftovers:
            return
        await give_way()
    raise Leaked(tuple(sorted(leftovers.elements())))


def _around(root: Supervisor) -> Counter[str]:
    """What a running tree holds, and the tasks of the loop. The lives' own tasks count as the children that they are: a life
    that had nothing to do has none.
    """
    ignored = Counter[str]()
    living = {f"task      {place.path}" for place in _places(root._branch, ignored) if place.life is not None}
    tasks = {name: count for name, count in _tasks().items() if name not in living}
    return Counter(tasks) + _census(root._runtime, root._branch)


def _tasks() -> Counter[str]:
    """The tasks of this loop, by name."""
    if not trio.lowlevel.in_trio_run():
        tasks = [task for task in asyncio.all_tasks() if not task.done()]
        return Counter(f"task      {_name(task.get_name(), task.get_coro())}" for task in tasks)
    root = trio.lowlevel.current_root_task()
    found = [] if root is None else [root]
    for task in found:
        found.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return Counter(f"task      {_name(task.name, task.coro)}" for task in found)


def _name(name: str, coroutine: Any) -> str:
    return label_of(name, coroutine, 0).removesuffix(" #0")


def _root_of(runtime: Runtime) -> Branch | None:
    life = getattr(runtime.telemetry.on_fatal, "__self__", None)
    return life.branch if isinstance(life, SupervisorLife) else None


def _census(runtime: Runtime, branch: Branch | None) -> Counter[str]:
    """What a tree holds now, by kind and description."""
    found: Counter[str] = Counter()
    found.update(f"timer     {_describe(action)}" for action in _timers(runtime))
    for key, subscribers in runtime.topics._subscribers.items():
        found.update(f"subscriber of topic {key!r}: {_path(one) or 'a reader outside'}" for one in subscribers)
    readers = [sink for sink in runtime.telemetry._sinks if isinstance(getattr(sink, "__self__", None), Buffer)]
    found["reader    of events()"] += len(readers)
    for space in runtime.registries._spaces.values():
        entries = [entry for many in space.entries.values() for entry in many]
        found.update(f"registered {entry.key!r} by {entry.owner.ref.path}" for entry in entries)
    found["lock      of a registry's key"] += sum(len(space.locks) for space in runtime.registries._spaces.values())
    if branch is not None:
        for place in _places(branch, found):
            _count_place(place, found)
    return +found


def _places(branch: Branch, found: Counter[str]) -> Iterator[Place]:
    """Every place of a branch, its own included; counts children and names by the way."""
    yield branch.place
    branches, scopes = [branch], set()
    for one in branches:
        if id(one.names) not in scopes:
            scopes.add(id(one.names))
            found.update(f"name      {key!r} of {place.path}" for key, place in one.names._places.items())
        for slot in one.slots.values():
            found[f"child     {slot.place.path}"] += 1
            yield slot.place
            if slot.branch is not None:
                branches.append(slot.branch)


def _count_place(place: Place, found: Counter[str]) -> None:
    for watcher in place.watchers:
        by = f"by {watcher._context.path}" if isinstance(watcher, Monitor) else f"a {type(watcher).__name__.lstrip('_')}"
        found[f"monitor   of {place.path}, {by}"] += 1
    found[f"waiter    for the end of {place.path}"] += len(place.waiters)
    for other in place.links or ():
        found[f"link      of {place.path} with {other.path}"] += 1
    if place.inbox is not None:
        found[f"waiter    for room in the mailbox of {place.path}"] += len(place.inbox.waiting or ())


def _timers(runtime: Runtime) -> Iterator[Callable[[], None]]:
    for queue in runtime.timekeeper._agenda._queues.values():
        for timer in queue.timers:
            action = timer.action
            # A report that is due a second after an overflow is nobody's leftover.
            if action is not None and getattr(action, "__name__", "") != "_report_overflow":
                yield action


def _describe(action: Callable[[], None]) -> str:
    """Whose timer that is, as well as can be said."""
    name = getattr(action, "__qualname__", repr(action)).replace(".<locals>", "").replace(".<lambda>", "")
    owner = getattr(action, "__self__", None)
    return f"{name} {_path(getattr(owner, '_context', owner))}".rstrip()


def _path(one: object) -> str:
    """The path of what has one."""
    path = getattr(one, "path", None) or getattr(getattr(one, "place", None), "path", "")
    return path if isinstance(path, str) else ""
