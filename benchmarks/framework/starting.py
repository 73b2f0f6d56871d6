"""Actors in great number: starting them, what each takes while it is idle, stopping them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define

from benchmarks.framework.quantities import NURSERY
from benchmarks.framework.trees import Counter, Sink, Tally, Tick, actors, handled
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Measured, Options, Stopwatch, must
from benchmarks.task_floors import parked_tasks
from supervisor import Actor, ChildEnded, ChildStarted, Supervisor, SupervisorSpec, open_supervisor

__all__ = ["Ready", "Waits", "start", "started"]

LOOKED_AT = 50
"""Of how many it is seen that they live."""


@define(eq=False)
class Ready(Actor[Tick]):
    """Gets ready first."""

    tally: Tally
    ready: bool = False

    async def on_start(self) -> None:
        """Get ready. Cancellation: there is no checkpoint."""
        self.ready = True

    def receive(self, message: Tick) -> None:
        self.tally.handled += self.ready


@define(eq=False)
class Waits(Ready):
    """Gives way to others while it gets ready."""

    loop: Loop | None = None

    async def on_start(self) -> None:
        """Get ready. Cancellation: cuts it."""
        if self.loop is not None:
            await self.loop.pause()
        self.ready = True


async def started(
    kind: Callable[[], Actor[Tick]],
    tally: Tally,
    count: int,
    loop: Loop,
    look: Callable[[], float] = lambda: 0.0,
    told: int = 0,
) -> tuple[Measured, float, Measured]:
    """Start so many, see that they live, stop them. Cancellation: the tree is stopped.

    Args:
        kind: makes an actor.
        tally: what it counts in.
        count: how many.
        loop: the one that runs.
        look: is called while they are idle.
        told: how many are told something before that. Some are told something afterwards, to see whether they live.

    Returns:
        What starting them took, what `look` said while they were idle, what stopping them took.
    """
    sink, stopwatch = Sink(), Stopwatch()
    spec = SupervisorSpec("crowd", actors(count, kind))
    stopwatch.start()
    async with open_supervisor(spec, sinks=[sink]) as root:
        starting = stopwatch.stop(count)
        must(root.count_children().active, count, "start: actors that live")
        await _tell_some(root, tally, count, told, loop)
        seen = look()
        await _tell_some(root, tally, count, LOOKED_AT, loop)
        stopwatch.start()
    stopping = stopwatch.stop(count)
    must(sum(sink.seen.get(kind, 0) for kind in (ChildStarted, ChildEnded)), 2 * count, "start: events of actors")
    return starting, seen, stopping


async def _tell_some(root: Supervisor, tally: Tally, count: int, told: int, loop: Loop) -> None:
    """Cancellation: cuts it."""
    for number in range(0, count, max(1, count // told)) if told else ():
        root.child(f"actor-{number}").tell(Tick(1))
        tally.sent += 1
    await handled(loop, tally, tally.sent)


async def starting(count: int, loop: Loop) -> Readings:
    """Actors of three kinds. Cancellation: the tree is stopped."""
    tally = Tally()
    plain, _, stopping = await started(partial(Counter, tally), tally, count, loop)
    ready, _, _ = await started(partial(Ready, tally), tally, count, loop)
    waits, _, _ = await started(partial(Waits, tally, loop=loop), tally, count, loop)
    return {
        "start 5,000": plain,
        "start 5,000, async on_start": ready,
        "start 5,000, on_start that yields": waits,
        "stop 5,000": stopping,
    }


async def _nursery(count: int, loop: Loop) -> Readings:
    """Cancellation: all end."""
    starting, _, stopping = await parked_tasks(loop, count, lambda: 0.0)
    return {NURSERY: starting, f"{NURSERY}, end": stopping}


def start(options: Options) -> list[Figure]:
    """Measure five thousand.

    Raises:
        CaseFailed: one did not start, or did not stop.
    """
    count = options.count(5000, 20)
    return figures_of([Trial("start 5,000", partial(_nursery, count), partial(starting, count), most=3)], options)
