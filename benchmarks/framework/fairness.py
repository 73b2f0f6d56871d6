"""A polite actor beside one that is flooded: how long its messages wait, and how late its timers are. By the clock."""

from __future__ import annotations

import time
from functools import partial

import anyio
from attrs import define, field

from benchmarks.framework.crashes import percentile
from benchmarks.framework.messages import TICK
from benchmarks.framework.quantities import ALONE
from benchmarks.framework.trees import Tally, Tick, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import CaseFailed, Figure, Options, must
from supervisor import Actor, ActorSpec, ChildSpec, Message, Ref

__all__ = ["fair"]

EVERY = 0.003
"""Seconds between two messages to the polite one, and those that its timers run."""
FLOOD = 500
"""Messages at a time: more than a mailbox holds, in the end."""


class Hello(Message, frozen=True):
    """Was sent at this moment, or is due at it."""

    at: float
    timer: bool = False


@define(eq=False)
class Polite(Actor[Hello]):
    """Says how late all came."""

    wanted: int
    latencies: list[float] = field(factory=list)
    lateness: list[float] = field(factory=list)
    enough: anyio.Event = field(factory=anyio.Event)
    """So many of both came."""

    async def on_start(self) -> None:
        """Set the first timer. Cancellation: there is no checkpoint."""
        self._set()

    def receive(self, message: Hello) -> None:
        late = time.perf_counter() - message.at
        if message.timer:
            self.lateness.append(late)
            self._set()
        else:
            self.latencies.append(late)
        if min(len(self.latencies), len(self.lateness)) == self.wanted:
            self.enough.set()

    def _set(self) -> None:
        self.after(EVERY, Hello(time.perf_counter() + EVERY, timer=True))


@define(eq=False)
class Flooded(Actor[Tick]):
    """Does a little for each message."""

    tally: Tally

    def receive(self, message: Tick) -> None:
        for _ in range(20):
            self.tally.handled += 1
        self.tally.handled -= 19


async def beside(count: int, loop: Loop, *, flooding: bool) -> tuple[Polite, Tally]:
    """Both, until the polite one has so many messages and timers behind it. Cancellation: the tree is stopped."""
    polite, tally = Polite(count), Tally()

    async def flood(ref: Ref[Tick]) -> None:
        """Fill its mailbox again and again. Cancellation: cuts it."""
        while True:
            for _ in range(FLOOD):
                tally.sent += ref.tell(TICK)
            await loop.pause()

    specs: list[ChildSpec] = [ActorSpec("polite", lambda: polite), ActorSpec("flooded", partial(Flooded, tally))]
    async with planted(specs) as root, anyio.create_task_group() as group:
        ref = root.child("polite")
        if flooding:
            group.start_soon(flood, root.child("flooded"))
        for _ in range(count):
            ref.tell(Hello(time.perf_counter()))
            await anyio.sleep(EVERY)
        await polite.enough.wait()
        group.cancel_scope.cancel()
    must(len(polite.latencies), count, "fair: messages that the polite one handled")
    return polite, tally


async def flooded(count: int, loop: Loop) -> Readings:
    """With a flood. Cancellation: the tree is stopped."""
    polite, tally = await beside(count, loop, flooding=True)
    if tally.handled < FLOOD:
        raise CaseFailed(f"fair: the flooded one handled {tally.handled} messages: that was no flood")
    return {
        "polite beside flooded, latency p99": percentile(polite.latencies, 99),
        "polite beside flooded, timer lateness p99": percentile(polite.lateness[:count], 99),
    }


async def _alone(count: int, loop: Loop) -> Readings:
    """Cancellation: the tree is stopped."""
    polite, _ = await beside(count, loop, flooding=False)
    return {
        f"{ALONE}, latency": percentile(polite.latencies, 99),
        f"{ALONE}, lateness": percentile(polite.lateness[:count], 99),
    }


def fair(options: Options) -> list[Figure]:
    """Measure fairness.

    Raises:
        CaseFailed: the polite one did not get its turn, or there was no flood.
    """
    count = options.count(200, 5)
    return figures_of([Trial("fairness", partial(_alone, count), partial(flooded, count), most=3)], options)
