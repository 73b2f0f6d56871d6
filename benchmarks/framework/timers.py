"""Timers of an actor: set, cancelled, due, while a hundred thousand others are pending."""

from __future__ import annotations

from functools import partial

import anyio
from attrs import define, field

from benchmarks.floors import heap_of_deadlines
from benchmarks.framework.quantities import HEAP
from benchmarks.framework.trees import Tally, Tick, actors, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Measured, Options, Stopwatch, must
from supervisor import Actor, ActorTimer

__all__ = ["timer"]

LATER = 3600.0
SPREAD = 0.02
"""Seconds over which those that fire are due."""


@define(eq=False)
class Clock(Actor[Tick]):
    """Sets timers when it is told to, and counts what comes of them. It measures itself: timers are an actor's own."""

    pending: int
    count: int
    tally: Tally
    measured: list[Measured] = field(factory=list)
    fired: anyio.Event = field(factory=anyio.Event)
    ready: anyio.Event = field(factory=anyio.Event)
    _timers: list[ActorTimer] = field(factory=list)
    _stopwatch: Stopwatch = field(factory=Stopwatch)

    def receive(self, message: Tick) -> None:
        match message.number:
            case 0:
                self._begin()
            case 1:
                for timer in self._timers:
                    timer.cancel()
                self.measured.append(self._stopwatch.stop(self.count))
                self.ready.set()
            case 2:
                self._stopwatch.start()
                for number in range(self.count):
                    self.after(SPREAD * number / self.count, Tick(3))
            case _:
                self.tally.handled += 1
                if self.tally.handled == self.count:
                    self.measured.append(self._stopwatch.stop(self.count))
                    self.fired.set()

    def _begin(self) -> None:
        """Those that are pending all the time, and those that are cancelled."""
        for number in range(self.pending):
            self.after(LATER + number, Tick(3))
        self._stopwatch.start()
        self._timers = [self.after(LATER + number, Tick(3)) for number in range(self.count)]
        self.measured.append(self._stopwatch.stop(self.count))
        self._stopwatch.start()


async def ticking(pending: int, count: int, loop: Loop) -> Readings:
    """One actor's timers. Cancellation: the tree is stopped."""
    tally = Tally()
    clock = Clock(pending, count, tally)
    async with planted(actors(1, lambda: clock)) as root:
        ref = root.child("actor-0")
        ref.tell(Tick(0))
        ref.tell(Tick(1))
        await clock.ready.wait()
        ref.tell(Tick(2))
        await clock.fired.wait()
    must(tally.handled, count, "timer: timers that fired")
    setting, cancelling, firing = clock.measured
    return {
        "set a timer, 100,000 pending": setting,
        "cancel a timer, 100,000 pending": cancelling,
        "set a timer and let it fire, 100,000 pending": firing,
    }


async def _heap(pending: int, count: int, loop: Loop) -> Readings:
    """Cancellation: there is no checkpoint."""
    setting, cancelling, firing = heap_of_deadlines(pending, count)
    return {f"{HEAP}, set": setting, f"{HEAP}, cancel": cancelling, f"{HEAP}, fire": firing}


def timer(options: Options) -> list[Figure]:
    """Measure timers.

    Raises:
        CaseFailed: one did not fire.
    """
    pending, count = options.count(100_000, 100), options.count(5000, 20)
    return figures_of([Trial("timers", partial(_heap, pending, count), partial(ticking, pending, count), most=3)], options)
