"""The faults that can be injected, as values, and the decisions that follow from them. Pure: time is an argument.

Every choice is drawn from a random generator that is given, so the same seed and the same commands hit the same victims.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from attrs import define, field
from msgspec import Struct

__all__ = [
    "Abort",
    "Accept",
    "Close",
    "Command",
    "Corrupt",
    "Damage",
    "Gap",
    "Latency",
    "Network",
    "Refuse",
    "Resume",
    "ShutdownNotice",
    "Silence",
    "Stall",
    "Target",
    "choose",
]

T = TypeVar("T")


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connections: all, unless narrowed down."""

    endpoint: int | None = None
    """Only those to this endpoint; the first one is 1."""
    stream: str | None = None
    """Only those subscribed to this stream, `btcusdt@trade`."""
    count: int | None = None
    """Only so many of these, chosen at random."""


class Abort(Target, frozen=True, kw_only=True):
    """Connections vanish: their sockets are reset, without a goodbye."""


class Close(Target, frozen=True, kw_only=True):
    """Connections are closed with a close frame."""

    code: int = 1001
    reason: str = "going away"


class Stall(Target, frozen=True, kw_only=True):
    """Data stops, the connection stays: pings and requests are answered. What would have come is lost.

    With `stream`, only that stream goes silent.
    """

    seconds: float | None = None
    """None: until resumed."""
    new: bool = False
    """True: connections that are made later are silent too."""


class Resume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every stall ends."""


class Refuse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint stops listening, so that connecting to it is refused; streams and REST alike."""

    endpoint: int
    abort: bool = False
    """True: its connections are reset as well."""


class Accept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint listens again; None: all do."""

    endpoint: int | None = None


class Corrupt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next frames of a stream are no valid JSON, for all its subscribers."""

    stream: str
    count: int = 1


class Gap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next depth events of a symbol reach none of its subscribers."""

    symbol: str
    """`BTCUSDT` or `BTC/USDT`."""
    count: int = 1


class Latency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data arrives later, in order; 0 ends it."""

    delay: float
    """Seconds."""
    jitter: float = 0.0
    """Up to so many seconds more, another for each frame."""


class ShutdownNotice(Target, frozen=True, kw_only=True):
    """`serverShutdown` is announced; nothing else happens."""


Command = Abort | Close | Stall | Resume | Refuse | Accept | Corrupt | Gap | Latency | ShutdownNotice


@define
class Silence:
    """What is stalled on one connection: {stream, or None for all: until when}."""

    _until: dict[str | None, float] = field(factory=dict, init=False)

    def begin(self, stream: str | None, until: float) -> None:
        self._until[stream] = max(until, self._until.get(stream, -math.inf))

    def end(self) -> None:
        self._until.clear()

    def covers(self, stream: str, now: float) -> bool:
        if not self._until:
            return False
        return now < self._until.get(None, -math.inf) or now < self._until.get(stream, -math.inf)

    def copy(self) -> Silence:
        copied = Silence()
        copied._until.update(self._until)
        return copied


@define
class Damage:
    """What happens to the next events, for all subscribers alike. A damage waits for an event that somebody would get."""

    _corrupt: Counter[str] = field(factory=Counter, init=False)
    _gaps: Counter[str] = field(factory=Counter, init=False)

    def corrupt(self, stream: str, count: int) -> None:
        self._corrupt[stream] += count

    def gap(self, stream: str, count: int) -> None:
        self._gaps[stream] += count

    def passes(self, stream: str, data: bytes) -> bytes | None:
        """What subscribers get instead of this event; None: nothing."""
        if self._gaps[stream] > 0:
            self._gaps[stream] -= 1
            return None
        if self._corrupt[stream] > 0:
            self._corrupt[stream] -= 1
            # Half an object is never valid JSON, nor is it in an envelope.
            return data[: len(data) // 2]
        return data


@define
class Network:
    """How long data is on its way.

    Args:
        random: the source of jitter.
    """

    random: Random
    delay: float = 0.0
    jitter: float = 0.0

    def release_at(self, now: float) -> float:
        """When data sent now may be written; 0 where there is no latency."""
        if not (self.delay or self.jitter):
            return 0.0
        return now + self.delay + self.jitter * self.random.random()


def choose(candidates: Sequence[T], count: int | None, random: Random) -> Sequence[T]:
    """So many of these at random, in their order; all where `count` is None or more than there are."""
    if count is None or count >= len(candidates):
        return candidates
    chosen = set(random.sample(range(len(candidates)), count))
    return [candidate for index, candidate in enumerate(candidates) if index in chosen]
