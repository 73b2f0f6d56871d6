"""BookRoute: a book that is kept in step with the exchange's, by the rules of `book`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from actors.book import Applied, BookSync, Desynchronised, Ignored, Stale, Synced, SyncState
from actors.delivery.route import POLLED, Route
from actors.market import Book, BookDelta, BookSnapshot, InstrumentId, MarketEvent

__all__ = ["BookRoute"]


@define(eq=False)
class BookRoute(Route):
    """A route of one book.

    Args:
        need_snapshot: says that the book is out of step; called again and again while it is.
        sync: keeps the book.
        levels: per side of what is delivered.
        in_band: the stream itself brings snapshots.
    """

    need_snapshot: Callable[[InstrumentId], object]
    sync: BookSync
    levels: int = 20
    in_band: bool = False
    ready: bool = field(default=False, init=False)
    """A delta came over the present connection. A snapshot from before would prove nothing."""

    @property
    def out_of_step(self) -> bool:
        """It has to be asked for a snapshot."""
        return self.ready and self.sync.state is SyncState.WAITING

    def take(self, events: Sequence[MarketEvent], source: int, now: float) -> None:
        """Deltas, and snapshots where the stream or polling brings them."""
        self.heard(source, now)
        for event in events:
            if isinstance(event, BookDelta):
                self._delta(event, source, now)
            elif isinstance(event, BookSnapshot):
                self._snapshot(event, source, now)
            else:
                self.deliver(event, source, now)

    def apply_snapshot(self, snapshot: BookSnapshot, now: float) -> bool:
        """A snapshot was fetched; False: it is older than what has been seen, fetch another."""
        if not self.ready:
            return True  # nobody wants it now: when data flows again, it is asked for anew
        match self.sync.snapshot(snapshot):
            case Synced(book):
                self.deliver(book.view(self.levels), self.source, now)
                return True
            case Stale() | Desynchronised():
                return False
            case _:
                return True

    def begin_anew(self, now: float) -> None:
        """The deltas of an earlier subscription end there."""
        super().begin_anew(now)
        self.ready = False
        if self.in_band:
            self.sync.reset()

    def connected(self, number: int, now: float, *, alone: bool) -> None:
        """The deltas of another connection begin anew, unless one delivers already."""
        super().connected(number, now, alone=alone)
        if alone:
            self.ready = False
            if self.in_band:
                self.sync.reset()  # its snapshot is on the way, and may be numbered anew

    def lost(self, reason: str, now: float) -> None:
        """Nothing flows that a snapshot could be continued by: until it does, none is asked for."""
        super().lost(reason, now)
        self.ready = False

    def look(self, now: float) -> None:
        """Say again that a snapshot is needed."""
        if self.out_of_step:
            self.need_snapshot(self.subscription.instrument)

    def _delta(self, delta: BookDelta, source: int, now: float) -> None:
        outcome = self.sync.delta(delta)
        if isinstance(outcome, Applied):
            self.ready = True
            self.source = source
            self.deliver(outcome.book.view(self.levels), source, now)
            return
        first, self.ready = not self.ready, True
        if isinstance(outcome, Ignored) and self.sync.state is SyncState.SYNCED:
            self.resume(now)  # a sign that the book is as it was
        elif isinstance(outcome, Desynchronised):
            self._lose(outcome)
        elif first and self.sync.state is SyncState.WAITING and not self.in_band:
            self.need_snapshot(self.subscription.instrument)  # data flows, but there is no book yet

    def _snapshot(self, snapshot: BookSnapshot, source: int, now: float) -> None:
        if source == POLLED:
            self._polled(snapshot, now)
            return
        outcome = self.sync.replace(snapshot)
        if isinstance(outcome, Synced):
            self.ready = True
            if self.since is None and self.last is not None and self.last.sequence == outcome.book.update_id:
                self.duplicates += 1  # during a hand-over the new connection begins with what the old one said last
                return
            self.deliver(outcome.book.view(self.levels), source, now)
        elif isinstance(outcome, Desynchronised):
            self.ready = True
            self._lose(outcome)

    def _polled(self, snapshot: BookSnapshot, now: float) -> None:
        """Its best levels, and nothing else of it: it is not as deep as the book that deltas are to be applied to."""
        if self.since is not None or self.source == POLLED:
            book = Book(
                instrument=snapshot.instrument,
                received=snapshot.received,
                update_id=snapshot.last_id,
                bids=tuple(snapshot.bids[: self.levels]),
                asks=tuple(snapshot.asks[: self.levels]),
            )
            self.deliver(book, POLLED, now)

    def _lose(self, lost: Desynchronised) -> None:
        self.say_gap(lost.after_id, lost.before_id)
        self.need_snapshot(self.subscription.instrument)
