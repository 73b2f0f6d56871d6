"""Questions and their answers: one after another, a hundred at once; and a token that goes round."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
from attrs import define, field

from benchmarks.framework.quantities import SERVED, SWITCH, SWITCHES
from benchmarks.framework.trees import Tally, actors, planted
from benchmarks.framework.trials import Readings, Trial, figures_of
from benchmarks.loops import Loop
from benchmarks.rounds import Figure, Measured, Options, Stopwatch, Taken, must
from benchmarks.task_floors import served_by_hand, task_switches
from supervisor import Actor, Message, Ref, Request

__all__ = ["ask", "ring"]

PARTS = 5
"""How often asks with and without a timeout alternate within a round: their ratio is the figure."""


class Double(Request[int], frozen=True):
    """A question."""

    number: int


@define(eq=False)
class Answerer(Actor[Double]):
    """Knows at once."""

    tally: Tally

    def receive(self, message: Double) -> int:
        self.tally.handled += 1
        return 2 * message.number


async def ask_in_turn(ref: Ref[Double], count: int, timeout: float | None) -> int:
    """One after another. Cancellation: cuts it."""
    question, right = Double(21), 0
    for _ in range(count):
        right += await ref.ask(question, timeout=timeout) == 42
    return right


async def ask_at_once(askers: int, ref: Ref[Double], count: int, timeout: float | None) -> int:
    """Many tasks, each of which asks one after another. Cancellation: cuts it."""
    right = 0

    async def one() -> None:
        """Cancellation: cuts it."""
        nonlocal right
        answered = await ask_in_turn(ref, count // askers, timeout)
        right += answered

    async with anyio.create_task_group() as group:
        for _ in range(askers):
            group.start_soon(one)
    return right


async def asking(name: str, askers: int, count: int, loop: Loop) -> Readings:
    """Both with and without a timeout, by turns. Cancellation: the tree is stopped."""
    tally, right = Tally(), 0
    costs: dict[float | None, list[Measured]] = {None: [], 5.0: []}
    async with planted(actors(1, partial(Answerer, tally))) as root:
        ref: Ref[Double] = root.child("actor-0")
        right += await ask_in_turn(ref, askers, None) + await ask_in_turn(ref, askers, 5.0)
        for _ in range(PARTS):
            for timeout, measured in costs.items():
                stopwatch = Stopwatch()
                stopwatch.start()
                if askers == 1:
                    right += await ask_in_turn(ref, count, timeout)
                else:
                    right += await ask_at_once(askers, ref, count, timeout)
                measured.append(stopwatch.stop(count))
    must(right, 2 * askers + 2 * PARTS * count, f"{name}: right answers")
    must(tally.handled, right, f"{name}: questions that were handled")
    plain, timed = (sum(measured.seconds for measured in costs[timeout]) for timeout in (None, 5.0))
    return {
        name: Measured(PARTS * count, plain),
        f"{name}, with a timeout": Measured(PARTS * count, timed),
        f"{name}, with against without": Taken(PARTS * count, plain / timed),
    }


class Token(Message, frozen=True):
    """Goes on so many times."""

    left: int


@define(eq=False)
class Laps(Tally):
    """What all members share."""

    over: anyio.Event = field(factory=anyio.Event)


@define(eq=False)
class Member(Actor[Token]):
    """Hands the token on."""

    number: int
    refs: Sequence[Ref[Token]]
    laps: Laps

    def receive(self, message: Token) -> None:
        self.laps.handled += 1
        if message.left:
            self.refs[(self.number + 1) % len(self.refs)].tell(Token(message.left - 1))
        else:
            self.laps.over.set()


async def going_round(members: int, hops: int, loop: Loop) -> Readings:
    """One token goes from actor to actor. Cancellation: the tree is stopped."""
    laps, refs, stopwatch = Laps(), list[Ref[Token]](), Stopwatch()
    numbers = iter(range(members))
    async with planted(actors(members, lambda: Member(next(numbers), refs, laps))) as root:
        refs.extend(root.child(f"actor-{number}") for number in range(members))

        async def go(far: int) -> None:
            """Cancellation: cuts it."""
            laps.over = anyio.Event()
            refs[0].tell(Token(far - 1))
            await laps.over.wait()

        await go(members)
        stopwatch.start()
        await go(hops)
        measured = stopwatch.stop(hops)
    must(laps.handled, members + hops, "ring: hops")
    return {"ring of 1000": measured}


# ---- the floors


async def _switches(count: int, loop: Loop) -> Readings:
    """Cancellation: both end."""
    switched = await task_switches(loop, 2 * count)
    return {SWITCHES: Measured(count, switched.seconds), SWITCH: switched}


async def _served(askers: int, count: int, loop: Loop) -> Readings:
    """Cancellation: all end."""
    return {SERVED: await served_by_hand(loop, askers, count)}


# ---- the figures


def ask(options: Options) -> list[Figure]:
    """Measure `ask`.

    Raises:
        CaseFailed: an answer was missing, or wrong.
    """
    count, askers = options.count(1000, 10), options.count(100, 10)
    many = askers * options.count(20, 2)
    trials = [
        Trial("ask in turn", partial(_switches, PARTS * count), partial(asking, "ask in turn", 1, count)),
        Trial(
            "ask, 100 at once",
            partial(_served, askers, PARTS * many),
            partial(asking, "ask, 100 at once", askers, many),
        ),
    ]
    return figures_of(trials, options)


def ring(options: Options) -> list[Figure]:
    """Measure a ring.

    Raises:
        CaseFailed: the token was lost.
    """
    members, hops = options.count(1000, 5), options.count(10_000, 20)
    return figures_of([Trial("ring of 1000", partial(_switches, hops // 2), partial(going_round, members, hops))], options)
