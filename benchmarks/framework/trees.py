"""The trees that are measured: small ones, run as users run them. Typed messages, a bounded mailbox, a sink for the events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field

from benchmarks.loops import Loop
from supervisor import (
    Actor,
    ActorSpec,
    ChildSpec,
    Event,
    Intensity,
    Mailbox,
    Message,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)

__all__ = ["AsyncCounter", "Counter", "Sink", "Tally", "Tick", "actors", "handled", "planted"]


class Tick(Message, frozen=True):
    """A message as most are: small."""

    number: int


@define(eq=False)
class Tally:
    """What came through; shared by all lives and by who waits."""

    sent: int = 0
    handled: int = 0


@define(eq=False)
class Counter(Actor[Tick]):
    """Counts, and nothing else."""

    tally: Tally

    def receive(self, message: Tick) -> None:
        self.tally.handled += message.number


@define(eq=False)
class AsyncCounter(Actor[Tick]):
    """The same, asynchronously."""

    tally: Tally

    async def receive(self, message: Tick) -> None:
        """Count. Cancellation: there is no checkpoint."""
        self.tally.handled += message.number


@define(eq=False)
class Sink:
    """Counts events by their kind."""

    seen: dict[type, int] = field(factory=dict)

    def __call__(self, event: Event) -> None:
        kind = event.__class__
        self.seen[kind] = self.seen.get(kind, 0) + 1


def actors(count: int, start: Callable[[], Actor[Any]], mailbox: Mailbox | None = None) -> list[ChildSpec]:
    """Specs of so many of the same kind."""
    given = Mailbox() if mailbox is None else mailbox
    return [ActorSpec(f"actor-{number}", start, mailbox=given) for number in range(count)]


@asynccontextmanager
async def planted(children: Sequence[ChildSpec], sink: Sink | None = None) -> AsyncIterator[Supervisor]:
    """A tree of one supervisor that bears any number of restarts. Cancellation: it is stopped in order."""
    spec = SupervisorSpec("root", children, intensity=Intensity(1_000_000, 1.0))
    async with open_supervisor(spec, sinks=[Sink() if sink is None else sink]) as root:
        yield root


async def handled(loop: Loop, tally: Tally, count: int) -> None:
    """Give way until so many were handled. Cancellation: atomic."""
    while tally.handled < count:
        await loop.pause()
