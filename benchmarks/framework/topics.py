"""What is published, and reaches one, a hundred, a thousand."""

from __future__ import annotations

from functools import partial

from attrs import define

from benchmarks.floors import BURST, deque_and_call
from benchmarks.framework.messages import TICK
from benchmarks.framework.quantities import CALL
from benchmarks.framework.trees import Tally, Tick, actors, handled, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Options, Stopwatch, must
from supervisor import Actor, Topic

__all__ = ["publish"]

TICKS: Topic[Tick] = Topic("ticks")


@define(eq=False)
class Subscriber(Actor[Tick]):
    """Counts what it receives."""

    tally: Tally

    async def on_start(self) -> None:
        """Subscribe. Cancellation: there is no checkpoint."""
        self.subscribe(TICKS)

    def receive(self, message: Tick) -> None:
        self.tally.handled += message.number


async def published(name: str, subscribers: int, count: int, loop: Loop) -> Readings:
    """Bursts of a hundred, each to all of them. Cancellation: the tree is stopped."""
    tally, stopwatch, taken = Tally(), Stopwatch(), 0
    async with planted(actors(subscribers, partial(Subscriber, tally))) as root:
        taken += root.publish(TICKS, TICK)
        await handled(loop, tally, subscribers)
        stopwatch.start()
        for _ in range(count // (BURST * subscribers)):
            for _ in range(BURST):
                taken += root.publish(TICKS, TICK)
            await handled(loop, tally, taken)
        measured = stopwatch.stop(count)
    must(taken, subscribers + count, f"{name}: messages that were taken")
    must(tally.handled, subscribers + count, f"{name}: messages that were handled")
    return {name: measured}


async def _floor(subscribers: int, count: int, loop: Loop) -> Readings:
    """Cancellation: there is no checkpoint."""
    return {CALL: deque_and_call(TICK, count, subscribers)}


def publish(options: Options) -> list[Figure]:
    """Measure `publish`.

    Raises:
        CaseFailed: a subscriber did not get everything.
    """
    trials = []
    for whole, bursts in ((1, 500), (100, 10), (1000, 1)):
        subscribers = whole if whole == 1 else options.count(whole, 2)
        count, name = options.count(bursts) * BURST * subscribers, f"publish to {whole}"
        trials.append(Trial(name, partial(_floor, subscribers, count), partial(published, name, subscribers, count)))
    return figures_of(trials, options)
