"""A hundred thousand actors, in a process of their own, so that memory is seen from a clean start.

`python -m benchmarks.framework.crowd SIDE LOOP COUNT` writes one line of JSON; SIDE is floor, plain, ready or run.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec
from attrs import evolve
from msgspec import Struct

from benchmarks.feeder import ROOT
from benchmarks.framework.quantities import NURSERY
from benchmarks.framework.starting import Ready, started
from benchmarks.framework.trees import Counter, Sink, Tally, actors
from benchmarks.framework.trials import Readings, compare
from benchmarks.logs import log_to_stderr
from benchmarks.loops import LOOPS, Loop
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Stopwatch, Taken, must
from benchmarks.task_floors import parked_tasks
from supervisor import ChildStarted, Supervisor, SupervisorSpec, run

__all__ = ["Crowd", "crowd"]

WARM = 200
ROUNDS_PER_CROWD = 4
"""One round is taken for so many that are asked for, and one at least: it takes two minutes."""
WITHIN = 300.0
"""Seconds that the process may take."""


class Crowd(Struct, frozen=True):
    """What the process measured."""

    count: int
    starting: float
    """Seconds of CPU time."""
    size: float
    """Bytes that they take while they are idle."""
    stopping: float


def resident() -> float:
    """Bytes of memory that this process has, when what can be collected is.

    Raises:
        CaseFailed: this machine does not say.
    """
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        raise CaseFailed("crowd: /proc/self/statm does not exist; this case needs Linux") from None
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


async def nursery(count: int, loop: Loop) -> Crowd:
    """Tasks that park in a nursery. Cancellation: all end."""
    await parked_tasks(loop, WARM, resident)
    before = resident()
    starting, size, stopping = await parked_tasks(loop, count, resident)
    return Crowd(count, starting.seconds, size - before, stopping.seconds)


async def plain(count: int, loop: Loop) -> Crowd:
    """Actors under one supervisor. Cancellation: the tree is stopped."""
    return await _tree(partial(Counter, Tally()), count, loop, 0)


async def ready(count: int, loop: Loop) -> Crowd:
    """Actors that get ready, and have each handled a message before they are idle. Cancellation: the tree is stopped."""
    return await _tree(partial(Ready, Tally()), count, loop, count)


async def _tree(kind: Callable[[], Counter | Ready], count: int, loop: Loop, told: int) -> Crowd:
    """Cancellation: the tree is stopped."""
    await started(kind, kind().tally, WARM, loop, told=WARM if told else 0)
    before = resident()
    starting, size, stopping = await started(kind, kind().tally, count, loop, resident, told)
    return Crowd(count, starting.seconds, size - before, stopping.seconds)


def by_run(count: int, loop: Loop) -> Crowd:
    """The same, started by `run`, which owns its process. Nothing else is looked at."""
    sink, stopwatch, times = Sink(), Stopwatch(), list[Measured]()

    async def main(root: Supervisor) -> None:
        """Look and return. Cancellation: atomic."""
        times.append(stopwatch.stop(count))
        must(root.count_children().active, count, "crowd: actors that live")

    spec = SupervisorSpec("crowd", actors(count, partial(Counter, Tally())))
    stopwatch.start()
    run(spec, main, backend=loop.backend, backend_options=loop.options, sinks=[sink], deadline=None)
    must(sink.seen[ChildStarted], count, "crowd: lives that the sink was told of")
    return Crowd(count, times[0].seconds, 0.0, 0.0)


SIDES: Mapping[str, Callable[[int, Loop], Crowd]] = {
    "floor": lambda count, loop: loop.run(nursery, count, loop),
    "plain": lambda count, loop: loop.run(plain, count, loop),
    "ready": lambda count, loop: loop.run(ready, count, loop),
    "run": by_run,
}


def outside(side: str, loop: Loop, count: int) -> Crowd:
    """One side in a process of its own.

    Raises:
        CaseFailed: it did not come to its end.
    """
    command = [sys.executable, "-m", "benchmarks.framework.crowd", side, loop.name, str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=WITHIN, check=False)
    except subprocess.TimeoutExpired:
        raise CaseFailed(f"crowd: {side} of {count:,} on {loop.name} was not done within {WITHIN:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CaseFailed(f"crowd: {side} of {count:,} on {loop.name} failed: {last}")
    return msgspec.json.decode(done.stdout, type=Crowd)


def _started(crowd: Crowd) -> Measured:
    return Measured(crowd.count, crowd.starting)


def _case(count: int, loop: Loop) -> Readings:
    plain, ready, by_run = (outside(side, loop, count) for side in ("plain", "ready", "run"))
    return {
        "start 100,000": _started(plain),
        "start 100,000, async on_start": _started(ready),
        "start 100,000, by run()": _started(by_run),
        "memory of an idle actor": Taken(count, plain.size / count),
        "memory of an idle actor that has worked": Taken(count, ready.size / count),
        "stop 100,000": Taken(count, plain.stopping),
        "stop 100,000 that have worked": Taken(count, ready.stopping),
    }


def _floor(count: int, loop: Loop) -> Readings:
    tasks = outside("floor", loop, count)
    return {
        NURSERY: _started(tasks),
        f"{NURSERY}, idle": Taken(count, tasks.size / count),
        f"{NURSERY}, end": Taken(count, tasks.stopping),
    }


def crowd(options: Options) -> list[Figure]:
    """Measure a hundred thousand.

    Raises:
        CaseFailed: a process failed.
    """
    count = options.count(100_000, 100)
    # Each side is a process: there is nothing to warm.
    most = max(1, options.rounds // ROUNDS_PER_CROWD)
    return compare("crowd", partial(_floor, count), partial(_case, count), evolve(options, warming=0), most=most)


if __name__ == "__main__":
    _, side, loop, count = sys.argv
    log_to_stderr(least="warning")
    sys.stdout.write(msgspec.json.encode(SIDES[side](int(count), LOOPS[loop])).decode())
