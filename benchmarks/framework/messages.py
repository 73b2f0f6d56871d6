"""Messages from those who do not wait, and from those who wait for room."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
from attrs import define

from benchmarks.floors import BURST, deque_and_await, deque_and_call, hand_over
from benchmarks.framework.quantities import AWAIT, BY_HAND, CALL, SWITCH
from benchmarks.framework.trees import AsyncCounter, Counter, Tally, Tick, actors, handled, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Measured, Options, Stopwatch, must
from benchmarks.task_floors import task_switches
from supervisor import Actor, ActorSpec, Mailbox, Ref

__all__ = ["send", "tell"]

TICK = Tick(1)
WARM = 2 * BURST
AHEAD = 20 * BURST
"""How far senders may be ahead of the receiver: its mailbox is bounded, and `tell` does not wait."""


class Go(Tick, frozen=True):
    """Send so many."""


@define(eq=False)
class Sender(Actor[Go]):
    """Tells another actor, in bursts."""

    loop: Loop
    target: Sequence[Ref[Tick]]
    tally: Tally

    async def receive(self, message: Go) -> None:
        """Send. Cancellation: cuts it."""
        await tell_bursts(self.loop, self.target[0], self.tally, message.number)


async def tell_bursts(loop: Loop, ref: Ref[Tick], tally: Tally, count: int) -> None:
    """Bursts of a hundred, and a turn for the others after each. Cancellation: cuts it."""
    for _ in range(count // BURST):
        for _ in range(BURST):
            ref.tell(TICK)
        tally.sent += BURST
        await loop.pause()
        while tally.sent - tally.handled > AHEAD:
            await loop.pause()


async def tell_singly(loop: Loop, ref: Ref[Tick], tally: Tally, count: int) -> None:
    """A turn for the others after each message. Cancellation: cuts it."""
    for _ in range(count):
        ref.tell(TICK)
        await loop.pause()
    tally.sent += count


async def send_all(loop: Loop, ref: Ref[Tick], tally: Tally, count: int) -> None:
    """Wait for room for each message. Cancellation: cuts it."""
    for _ in range(count):
        await ref.send(TICK)
    tally.sent += count


async def one_to_one(
    name: str, sending: Any, count: int, kind: type[Counter | AsyncCounter], mailbox: Mailbox, loop: Loop
) -> Readings:
    """A task sends to an actor. Cancellation: the tree is stopped."""
    tally, stopwatch = Tally(), Stopwatch()
    async with planted(actors(1, partial(kind, tally), mailbox)) as root:
        ref = root.child("actor-0")
        await sending(loop, ref, tally, WARM)
        await handled(loop, tally, WARM)
        stopwatch.start()
        await sending(loop, ref, tally, count)
        await handled(loop, tally, WARM + count)
        measured = stopwatch.stop(count)
    must(tally.handled, WARM + count, f"{name}: messages that were handled")
    return {name: measured}


async def ten_to_one(count: int, loop: Loop) -> Readings:
    """Ten actors send to one. Cancellation: the tree is stopped."""
    tally, stopwatch, target = Tally(), Stopwatch(), list[Ref[Tick]]()
    senders = actors(10, lambda: Sender(loop, target, tally))
    async with planted([*senders, ActorSpec("counter", partial(Counter, tally))]) as root:
        target.append(root.child("counter"))
        refs = [root.child(spec.id) for spec in senders]

        async def round_of(whole: int) -> None:
            """Cancellation: cuts it."""
            goal = tally.handled + whole
            for ref in refs:
                ref.tell(Go(whole // len(refs)))
            await handled(loop, tally, goal)

        await round_of(10 * WARM)
        stopwatch.start()
        await round_of(count)
        measured = stopwatch.stop(count)
    must(tally.handled, 10 * WARM + count, "tell 10→1: messages that were handled")
    return {"tell 10→1": measured}


async def one_to_thousand(receivers: int, count: int, loop: Loop) -> Readings:
    """A task sends a burst to each of a thousand. Cancellation: the tree is stopped."""
    tally, stopwatch = Tally(), Stopwatch()
    sweep = receivers * BURST
    async with planted(actors(receivers, partial(Counter, tally))) as root:
        refs = [root.child(f"actor-{number}") for number in range(receivers)]
        for ref in refs:
            ref.tell(TICK)
        await handled(loop, tally, receivers)
        stopwatch.start()
        for _ in range(count // sweep):
            goal = tally.handled + sweep
            for ref in refs:
                for _ in range(BURST):
                    ref.tell(TICK)
            await handled(loop, tally, goal)
        measured = stopwatch.stop(count)
    must(tally.handled, receivers + count, "tell 1→1000: messages that were handled")
    return {"tell 1→1000, bursts of 100": measured}


async def channel(count: int, loop: Loop) -> Readings:
    """anyio's own channel between two tasks, for who wonders. Cancellation: both end."""
    sending, receiving = anyio.create_memory_object_stream[Tick](128)
    tally, stopwatch = Tally(), Stopwatch()

    async def take() -> None:
        """Cancellation: ends it."""
        async for message in receiving:
            tally.handled += message.number

    with receiving:
        async with loop.group() as group, sending:
            loop.start(group, take)
            stopwatch.start()
            for _ in range(count):
                await sending.send(TICK)
            await handled(loop, tally, count)
            measured = stopwatch.stop(count)
    must(tally.handled, count, "anyio's channel: messages that were handled")
    return {"anyio's channel of 128, to compare": measured}


# ---- the floors


async def _call(count: int, receivers: int, loop: Loop) -> Readings:
    """Cancellation: there is no checkpoint."""
    return {CALL: deque_and_call(TICK, count, receivers)}


async def _await(count: int, loop: Loop) -> Readings:
    """Cancellation: there is no checkpoint."""
    return {AWAIT: await deque_and_await(TICK, count)}


async def _switch(count: int, loop: Loop) -> Readings:
    """Cancellation: both end."""
    return {SWITCH: await task_switches(loop, count)}


async def _by_hand(count: int, loop: Loop) -> Readings:
    """Cancellation: both end."""
    measured: Measured = await hand_over(loop, TICK, count, 128)
    return {BY_HAND: measured}


# ---- the figures


def tell(options: Options) -> list[Figure]:
    """Measure `tell`.

    Raises:
        CaseFailed: not every message was handled.
    """
    many, few = options.count(100, 2) * 1000, options.count(10_000, 20)
    receivers = options.count(1000, 10)
    sweeps = receivers * BURST * 2
    bursts, burst = "tell 1→1, bursts of 100", Mailbox()
    later, singly = f"{bursts}, async receive", "tell 1→1, a yield after each"
    trials = [
        Trial(bursts, partial(_call, many, 1), partial(one_to_one, bursts, tell_bursts, many, Counter, burst)),
        Trial(later, partial(_await, many), partial(one_to_one, later, tell_bursts, many, AsyncCounter, burst)),
        Trial(singly, partial(_switch, few), partial(one_to_one, singly, tell_singly, few, Counter, burst)),
        Trial("tell 10→1", partial(_call, many, 1), partial(ten_to_one, many)),
        Trial("tell 1→1000", partial(_call, sweeps, receivers), partial(one_to_thousand, receivers, sweeps)),
    ]
    return figures_of(trials, options)


def send(options: Options) -> list[Figure]:
    """Measure `send` into a mailbox that is full again and again, and anyio's channel.

    Raises:
        CaseFailed: not every message was handled.
    """
    count = options.count(50_000, 500)
    name = "send, mailbox of 128"
    floor = partial(_by_hand, count)
    trials = [
        Trial(name, floor, partial(one_to_one, name, send_all, count, Counter, Mailbox(128))),
        Trial("channel", floor, partial(channel, count)),
    ]
    return figures_of(trials, options)
