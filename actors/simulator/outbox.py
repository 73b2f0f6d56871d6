"""What waits to be written to one client. Pure: time is an argument.

Two lanes. Frames of data may be held back, to play a slow network, and keep their order. Everything else (pongs, answers,
a close frame) is written at once and may overtake them, because whole frames may be mixed on the wire.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

__all__ = ["CHUNK", "Outbox"]

CHUNK = 64 * 1024
"""Bytes written in one go, about. What is being written no longer counts as waiting, so it must not be much."""


@define
class Outbox:
    """Both lanes, and how much waits in them.

    Args:
        limit: bytes that may wait.
    """

    limit: int
    size: int = field(default=0, init=False)
    """Bytes that wait."""
    ended: bool = field(default=False, init=False)
    """Nothing comes after what waits now."""
    _urgent: deque[bytes] = field(factory=deque, init=False)
    _data: deque[tuple[float, bytes]] = field(factory=deque, init=False)

    @property
    def overflows(self) -> bool:
        return self.size > self.limit

    def put(self, frame: bytes, release: float = 0.0) -> None:
        """Add a frame of data that is not written before `release`, nor before what was added earlier."""
        if self._data:
            release = max(release, self._data[-1][0])
        self._data.append((release, frame))
        self.size += len(frame)

    def put_urgent(self, frame: bytes) -> None:
        self._urgent.append(frame)
        self.size += len(frame)

    def end(self) -> None:
        self.ended = True

    def drop_data(self) -> None:
        """Forget the data that waits; what is urgent stays."""
        self.size -= sum(len(frame) for _, frame in self._data)
        self._data.clear()

    def take(self, now: float, most: int = CHUNK) -> bytes:
        """What is to be written now, whole frames of `most` bytes about; empty where nothing is."""
        taken: list[bytes] = []
        length = 0
        while self._urgent and length < most:
            taken.append(self._urgent.popleft())
            length += len(taken[-1])
        while self._data and length < most and self._data[0][0] <= now:
            taken.append(self._data.popleft()[1])
            length += len(taken[-1])
        self.size -= length
        return b"".join(taken)

    @property
    def next_release(self) -> float:
        """When the data that waits may be written; `math.inf` where none waits."""
        return self._data[0][0] if self._data else math.inf
