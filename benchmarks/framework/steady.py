"""What supervision costs where each message is work: the same handler under supervision, and in a loop written by hand."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from functools import cache, partial

from attrs import define

from benchmarks.floors import BURST
from benchmarks.framework.messages import TICK, tell_bursts
from benchmarks.framework.quantities import LOOPED
from benchmarks.framework.trees import Tally, Tick, actors, handled, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Gate, Loop
from benchmarks.rounds import Figure, Measured, Options, Stopwatch, Taken, must
from supervisor import Actor

__all__ = ["steady"]

WORK = 20e-6
"""Seconds that a message takes."""
PARTS = 20
"""How often both sides alternate within a round."""


def work(turns: int) -> int:
    """So many turns of a loop that computes."""
    total = 0
    for number in range(turns):
        total += number & 7
    return total


@cache
def turns_for(seconds: float) -> int:
    """How many turns take so long: the best of several looks, as whatever disturbs makes it longer. The same for both sides."""
    turns = 1000

    def once() -> float:
        began = time.perf_counter()
        work(turns)
        return time.perf_counter() - began

    return max(1, round(turns * seconds / min(once() for _ in range(50))))


@define(eq=False)
class Worker(Actor[Tick]):
    """Works."""

    turns: int
    tally: Tally

    def receive(self, message: Tick) -> None:
        work(self.turns)
        self.tally.handled += 1


@define(eq=False)
class AsyncWorker(Actor[Tick]):
    """The same, asynchronously."""

    turns: int
    tally: Tally

    async def receive(self, message: Tick) -> None:
        """Work. Cancellation: there is no checkpoint."""
        work(self.turns)
        self.tally.handled += 1


class ByHand:
    """The loop that one would write: a deque, and a task that empties it."""

    def __init__(self, turns: int, gate: Gate) -> None:
        self.queue: deque[Tick] = deque()
        self.tally = Tally()
        self._turns, self._gate = turns, gate
        self._idle = False

    def tell(self, message: Tick) -> None:
        """Append, and wake the task if it sleeps."""
        self.queue.append(message)
        if self._idle:
            self._idle = False
            self._gate.open()

    async def live(self, count: int, *, later: bool) -> None:
        """Handle so many. Cancellation: cuts it."""
        handle = self._handle_later if later else None
        while self.tally.handled < count:
            while self.queue:
                message = self.queue.popleft()
                if handle is not None:
                    await handle(message)
                else:
                    self._handle(message)
            if self.tally.handled < count:
                self._idle = True
                await self._gate.wait()

    def _handle(self, message: Tick) -> None:
        work(self._turns)
        self.tally.handled += 1

    async def _handle_later(self, message: Tick) -> None:
        """Cancellation: there is no checkpoint."""
        work(self._turns)
        self.tally.handled += 1


async def burst_by_hand(loop: Loop, hand: ByHand, count: int) -> None:
    """Bursts of a hundred to the loop written by hand. Cancellation: cuts it."""
    goal = hand.tally.handled + count
    for _ in range(count // BURST):
        for _ in range(BURST):
            hand.tell(TICK)
        await loop.pause()
    await handled(loop, hand.tally, goal)


async def by_hand(count: int, loop: Loop, *, later: bool) -> Readings:
    """All of it by hand. Cancellation: it ends."""
    hand, stopwatch = ByHand(turns_for(WORK), loop.gate()), Stopwatch()
    async with loop.group() as group:
        loop.start(group, partial(hand.live, count, later=later))
        stopwatch.start()
        await burst_by_hand(loop, hand, count)
        measured = stopwatch.stop(count)
    must(hand.tally.handled, count, "steady: messages that were handled by hand")
    return {LOOPED: measured}


async def working(name: str, kind: Callable[[int, Tally], Worker | AsyncWorker], count: int, loop: Loop) -> Readings:
    """Both sides by turns, in short pieces: it is their ratio that is asked for. Cancellation: both end."""
    turns, tally, later = turns_for(WORK), Tally(), kind is AsyncWorker
    hand, ours, theirs = ByHand(turns, loop.gate()), list[float](), list[float]()
    Stopwatch().start()
    async with planted(actors(1, partial(kind, turns, tally))) as root, loop.group() as group:
        loop.start(group, partial(hand.live, (PARTS + 1) * count, later=later))
        ref = root.child("actor-0")
        for _ in range(PARTS + 1):
            began = time.process_time()
            await tell_bursts(loop, ref, tally, count)
            await handled(loop, tally, tally.sent)
            between = time.process_time()
            await burst_by_hand(loop, hand, count)
            ours.append(between - began)
            theirs.append(time.process_time() - between)
    must(tally.handled, (PARTS + 1) * count, f"{name}: messages that were handled")
    must(hand.tally.handled, tally.handled, f"{name}: messages that were handled by hand")
    # The first ones, which begin the tasks, do not count.
    overhead = statistics.median(our / their for our, their in zip(ours[1:], theirs[1:], strict=True)) - 1
    return {
        name: Measured(PARTS * count, sum(ours[1:])),
        f"{name}, overhead": Taken(PARTS * count, overhead),
    }


def steady(options: Options) -> list[Figure]:
    """Measure work.

    Raises:
        CaseFailed: not every message was handled.
    """
    count = options.count(2, 1) * BURST
    kinds: dict[str, Callable[[int, Tally], Worker | AsyncWorker]] = {"receive": Worker, "async receive": AsyncWorker}
    trials = []
    for how, kind in kinds.items():
        name, later = f"20 µs of work, {how}", kind is AsyncWorker
        trials.append(Trial(name, partial(by_hand, PARTS * count, later=later), partial(working, name, kind, count), most=5))
    return figures_of(trials, options)
