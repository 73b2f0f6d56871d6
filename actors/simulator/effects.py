"""What becomes of data on its way while faults are in force. Pure: time is an argument.

Every choice is drawn from a random generator that is given, so the same seed and the same commands hit the same victims.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from attrs import define, field

__all__ = ["Damage", "Network", "Silence", "choose"]

T = TypeVar("T")


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
    _miscounted: Counter[str] = field(factory=Counter, init=False)

    def corrupt(self, stream: str, count: int) -> None:
        self._corrupt[stream] += count

    def gap(self, stream: str, count: int) -> None:
        self._gaps[stream] += count

    def miscount(self, stream: str, count: int) -> None:
        self._miscounted[stream] += count

    def passes(self, stream: str, data: bytes) -> bytes | None:
        """What subscribers get instead of this event; None: nothing."""
        if self._gaps[stream] > 0:
            self._gaps[stream] -= 1
            return None
        if self._miscounted[stream] > 0:
            self._miscounted[stream] -= 1
            # No prefix of digits makes the same number; one that was absent, 0, becomes a wrong one.
            data = data.replace(b'"checksum":', b'"checksum":1', 1).replace(b'"checksum":1-', b'"checksum":-1', 1)
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
