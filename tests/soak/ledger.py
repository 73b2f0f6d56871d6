"""What the consumer of one subscription is given, counted. Pure: times are arguments."""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

from actors.market import AnyMarker, Disconnected, Feed, Filled, Gap, MarketEvent, Rejected, Resumed, SourceChanged, Stale

__all__ = ["Ledger"]

NUMBERED = frozenset({Feed.TRADES, Feed.AGGREGATES})
GROWING = NUMBERED | {Feed.QUOTES}
"""Feeds in which no id comes twice."""
EXAMPLES = 3


@define(eq=False)
class Ledger:
    """One subscription's.

    Args:
        feed: which.
    """

    feed: Feed
    events: int = field(default=0, init=False)
    last_data: float = field(default=-math.inf, init=False)
    """When data came last."""
    missing: int = field(default=0, init=False)
    """Numbered events that are missing although no Gap says so."""
    duplicates: int = field(default=0, init=False)
    out_of_place: int = field(default=0, init=False)
    """Events between Disconnected and Resumed, and one of these two where it cannot be."""
    gaps: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)
    """Numbered events of which a Gap says that they are missing."""
    fills: int = field(default=0, init=False)
    stale: int = field(default=0, init=False)
    rejections: int = field(default=0, init=False)
    polled: int = field(default=0, init=False)
    """How often it changed to polling or back."""
    outages: list[float] = field(factory=list, init=False)
    """Seconds from each Disconnected to its Resumed. Some ten per minute at most: a fault hits few."""
    down_since: float | None = field(default=None, init=False)
    reason: str = field(default="", init=False)
    """Why it was interrupted last."""
    trail: deque[str] = field(factory=lambda: deque(maxlen=8), init=False)
    """The last markers."""
    examples: list[str] = field(factory=list, init=False)
    """The first few things that are wrong, with what came before."""
    _last_id: int = field(default=0, init=False)
    _gap: Gap | None = field(default=None, init=False)

    def data(self, event: MarketEvent, now: float) -> None:
        """An event came."""
        self.events += 1
        self.last_data = now
        if self.down_since is not None:
            self._out_of_place("an event", now)
        number, last = event.sequence, self._last_id
        if number == 0 or self.feed not in GROWING:
            return
        if last and number <= last:
            self.duplicates += 1
            self._wrong(f"{number} after {last}", now)
            return
        if last and number > last + 1 and self.feed in NUMBERED:
            gap = self._gap
            told = gap is not None and gap.after_id <= last and gap.before_id >= number
            between = number - last - 1
            self.lost += between if told else 0
            if not told:
                self.missing += between
                self._wrong(f"{number} after {last}", now)
        self._last_id, self._gap = number, None

    def marker(self, marker: AnyMarker, now: float) -> None:
        """A hole, or the end of one."""
        self.trail.append(f"{now:.2f} {_words(marker)}")
        match marker:
            case Disconnected(reason=reason):
                if self.down_since is not None:
                    self._out_of_place("Disconnected", now)
                self.down_since, self.reason = now, reason
            case Resumed():
                if self.down_since is None and self.events > 0:
                    self._out_of_place("Resumed", now)
                if self.down_since is not None:
                    self.outages.append(now - self.down_since)
                self.down_since = None
            case Gap():
                self.gaps += 1
                self._gap = marker
            case Filled():
                self.fills += 1
            case Stale():
                self.stale += 1
            case Rejected(reason=reason):
                self.rejections += 1
                self.reason = reason
            case SourceChanged():
                self.polled += 1

    def alive(self, since: float) -> bool:
        """Whether data came after this time, and it is not interrupted."""
        return self.last_data > since and self.down_since is None

    def _out_of_place(self, what: str, now: float) -> None:
        self.out_of_place += 1
        self._wrong(f"{what} where it cannot be", now)

    def _wrong(self, what: str, now: float) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{now:.2f} {what}, after {' | '.join(self.trail)}")


def _words(marker: AnyMarker) -> str:
    match marker:
        case Stale(age=age):
            return f"Stale({age:.1f} s)"
        case Gap(after_id=after, before_id=before) | Filled(after_id=after, before_id=before):
            return f"{type(marker).__name__}({after} to {before})"
        case Disconnected(reason=reason) | Rejected(reason=reason):
            return f"{type(marker).__name__}({reason})"
        case SourceChanged(source=source):
            return f"SourceChanged({source.value})"
    return type(marker).__name__
