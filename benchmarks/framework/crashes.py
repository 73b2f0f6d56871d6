"""From a crash to the first message that the next life handles: by the clock, as nothing else is to be done."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial

import anyio
from attrs import define, field

from benchmarks.framework.quantities import CRASHED
from benchmarks.framework.trees import Counter, Sink, Tally, actors, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Options, Taken, must
from benchmarks.task_floors import restarted_by_hand
from supervisor import Actor, ActorSpec, ChildEnded, ChildStarted, ExitReason, Message

__all__ = ["crash", "percentile"]


class Boom(Message, frozen=True):
    """Ends a life."""


class Next(Message, frozen=True):
    """Is handled by the life after it."""


class Crashed(Exception):
    """What it ends of."""


@define(eq=False)
class Course:
    """What all lives share."""

    began: float = 0.0
    times: list[float] = field(factory=list)
    started: int = 0
    stopped: int = 0
    done: anyio.Event = field(factory=anyio.Event)

    def handle(self, message: Boom | Next) -> None:
        """Crash, or say how long that took."""
        if isinstance(message, Boom):
            self.began = time.perf_counter()
            raise Crashed
        self.times.append(time.perf_counter() - self.began)
        self.done.set()


@define(eq=False)
class Bare(Actor[Boom | Next]):
    """No more than a handler."""

    course: Course

    def receive(self, message: Boom | Next) -> None:
        self.course.handle(message)


@define(eq=False)
class Hooked(Actor[Boom | Next]):
    """Both hooks, and a handler that is awaited."""

    course: Course

    async def on_start(self) -> None:
        """Count. Cancellation: there is no checkpoint."""
        self.course.started += 1

    async def on_stop(self, reason: ExitReason) -> None:
        """Count. Cancellation: there is no checkpoint."""
        self.course.stopped += 1

    async def receive(self, message: Boom | Next) -> None:
        """As the other. Cancellation: there is no checkpoint."""
        self.course.handle(message)


async def crashing(kind: type[Bare | Hooked], siblings: int, count: int) -> Sequence[float]:
    """Crash an actor again and again. Cancellation: the tree is stopped.

    Returns:
        Seconds from each crash to the next message.
    """
    course, sink = Course(), Sink()
    others = actors(siblings, partial(Counter, Tally()))
    async with planted([*others, ActorSpec("victim", partial(kind, course))], sink) as root:
        ref = root.child("victim")
        for _ in range(count):
            course.done = anyio.Event()
            ref.tell(Boom())
            ref.tell(Next())
            await course.done.wait()
    must(len(course.times), count, "crash: messages that the next life handled")
    must(sink.seen[ChildEnded] - siblings - 1, count, "crash: ends that the sink was told of")
    must(sink.seen[ChildStarted] - siblings - 1, count, "crash: lives that the sink was told of")
    if kind is Hooked:
        must(min(course.started, course.stopped), count + 1, "crash: hooks that ran")
    return course.times


def percentile(times: Sequence[float], which: int) -> Taken:
    """The time that so many per cent of them do not exceed."""
    return Taken(len(times), statistics.quantiles(times, n=100, method="inclusive")[which - 1])


def _percentiles(name: str, times: Sequence[float]) -> Readings:
    worst = Taken(len(times), max(times))
    return {f"{name}, p50": percentile(times, 50), f"{name}, p99": percentile(times, 99), f"{name}, worst": worst}


async def alone(kind: type[Bare | Hooked], name: str, count: int, loop: Loop) -> Readings:
    """Without siblings. Cancellation: the tree is stopped."""
    return _percentiles(f"crash to next message, {name}", await crashing(kind, 0, count))


async def among(siblings: int, count: int, loop: Loop) -> Readings:
    """With siblings, and then without. Cancellation: the tree is stopped."""
    crowded, bare = await crashing(Bare, siblings, count), await crashing(Bare, 0, count)
    ratio = percentile(crowded, 50).each / percentile(bare, 50).each
    return {
        **_percentiles("crash to next message, among 10,000", crowded),
        "crash among 10,000 against bare, p50": Taken(count, ratio),
    }


async def _by_hand(count: int, loop: Loop) -> Readings:
    """Cancellation: it ends."""
    return _percentiles(CRASHED, await restarted_by_hand(loop, count, time.perf_counter))


def crash(options: Options) -> list[Figure]:
    """Measure restarts.

    Raises:
        CaseFailed: a life or a message was lost.
    """
    count, siblings = options.count(500, 10), options.count(10_000, 20)
    floor = partial(_by_hand, count)
    trials = [
        Trial("crash, bare", floor, partial(alone, Bare, "bare", count)),
        Trial("crash, hooks and async", floor, partial(alone, Hooked, "hooks and async", count)),
        Trial("crash among 10,000", floor, partial(among, siblings, count), most=3),
    ]
    return figures_of(trials, options)
