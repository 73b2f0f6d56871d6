"""A picture of ten thousand children."""

from __future__ import annotations

from functools import partial

from benchmarks.framework.quantities import STRUCTS
from benchmarks.framework.trees import Counter, Tally, actors, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Options, Stopwatch, must
from supervisor import ChildSnapshot

__all__ = ["snapshot"]

TAKEN = 5
"""Snapshots per round."""


async def structs(count: int, loop: Loop) -> Readings:
    """The same structs, filled with what is at hand. Cancellation: there is no checkpoint."""
    paths, stopwatch, pictures = [f"root/actor-{number}" for number in range(count)], Stopwatch(), list[ChildSnapshot]()
    stopwatch.start()
    for _ in range(TAKEN):
        pictures = [
            ChildSnapshot(
                id=path,
                path=path,
                kind="actor",
                phase="running",
                incarnation=1,
                restart="permanent",
                uptime=1.0,
                failures=0,
                restarts_in_window=0,
                restarts_allowed=5,
                backoff_left=None,
                last_exit=None,
                mailbox=0,
                dropped=0,
            )
            for path in paths
        ]
    measured = stopwatch.stop(TAKEN)
    must(len(pictures), count, "snapshot: structs of the floor")
    return {STRUCTS: measured}


async def pictured(count: int, loop: Loop) -> Readings:
    """Snapshots of a tree. Cancellation: it is stopped."""
    stopwatch = Stopwatch()
    async with planted(actors(count, partial(Counter, Tally()))) as root:
        seen = root.snapshot()
        stopwatch.start()
        for _ in range(TAKEN):
            seen = root.snapshot()
        measured = stopwatch.stop(TAKEN)
        must(sum(child.phase == "running" for child in seen.root.children), count, "snapshot: children that run")
    return {"snapshot of 10,000 children": measured}


def snapshot(options: Options) -> list[Figure]:
    """Measure `snapshot`.

    Raises:
        CaseFailed: a child was missing.
    """
    count = options.count(10_000, 20)
    return figures_of([Trial("snapshot", partial(structs, count), partial(pictured, count), most=3)], options)
