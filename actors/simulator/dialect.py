"""What an exchange's protocol is to the rest of the simulator: texts in, texts out.

Ports, connections, faults and the market's course know no protocol. A dialect answers REST, opens the session of a
connection, and says which frames of which streams an event of the market becomes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Protocol

from attrs import define, field, frozen

from actors.simulator.answers import HttpAnswer, Query
from actors.simulator.market import MarketMessage
from actors.simulator.symbols import Symbol

__all__ = ["Answer", "Dialect", "Refusal", "Session", "Wanted"]


@frozen
class Answer:
    """What goes back, and which subscriptions it changed."""

    reply: bytes
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    more: tuple[bytes, ...] = ()
    """What goes back after it."""
    first: tuple[tuple[str, bytes], ...] = ()
    """Streams and what they begin with, for this connection alone. It is data: it can be stalled, lost and late."""


@frozen
class Refusal:
    """How requests that name a stream are refused."""

    code: int
    message: str


@define
class Wanted:
    """The streams that somebody is subscribed to."""

    streams: Collection[str] = field(factory=frozenset)
    changes: int = 0
    """Another number after each change, so that nobody has to compare streams."""


class Session(Protocol):
    """The requests of one connection."""

    @property
    def streams(self) -> Sequence[str]:
        """What it is subscribed to, in the order of subscription."""
        ...

    @property
    def form(self) -> Hashable:
        """Sessions of one form are sent the same bytes."""
        ...

    def payload(self, stream: str, data: bytes) -> bytes:
        """The text of an event's frame."""
        ...

    def answer(self, text: bytes) -> Answer:
        """Do what is asked, and say so."""
        ...


class Dialect(Protocol):
    def rest(self, target: str, now: float) -> HttpAnswer:
        """Answer a GET request; `now` is the wall clock, seconds."""
        ...

    def session(self, path: str, query: Query, refused: Mapping[str, Refusal]) -> Session | None:
        """The session of a connection to this address; None where nothing is served there.

        Args:
            path: percent-decoded.
            query: percent-decoded.
            refused: streams that may not be subscribed; it may change at any time.
        """
        ...

    def frames(self, message: MarketMessage, wanted: Wanted) -> Iterable[tuple[str, bytes]]:
        """The events of streams that this event of the market leads to. What is not wanted need not be made."""
        ...

    def book_streams(self, symbol: Symbol) -> Sequence[str]:
        """The streams by which a book is kept in step; the usual one first."""
        ...

    def shutdown_event(self, time_ms: int) -> tuple[str, bytes]:
        """The announcement that the server goes away: its stream, and the event."""
        ...

    def ban_answer(self, status: int, until_ms: int, retry_after: int) -> HttpAnswer:
        """What a banned client is told."""
        ...
