"""BookSync: how a local book is kept in step with the exchange's. It decides what may be given to a `LocalBook`.

A delta leads from one state of the book to another, and exchanges say in two ways from which. Binance says which ids it covers,
`first_id` to `last_id`, and ids count up by one. OKX names the state before, `previous_id`; its ids go up by any number.

1. WAITING: deltas are buffered until a snapshot comes. The buffer holds no gap: deltas before one are useless.
2. A *fetched* snapshot (`snapshot`) can be late. One that is older than what the buffer begins with misses updates that no one
   has: Stale, fetch again. Otherwise the deltas that it has already are dropped and the others applied; the first of those
   contains the snapshot's id + 1, or begins with the snapshot's id.
3. A snapshot *in the stream* (`replace`) has its place among the deltas: it replaces whatever there is, at once. Of those
   buffered, only the ones that continue it count.
4. SYNCED: a delta that the book has already is ignored. One that begins beyond the book's id + 1, or follows another state than
   the book's, shows a gap: the book is WAITING again, and that delta is the first in the buffer.
5. A book whose best bid is not below its best ask is no book. Neither is one whose checksum is not the exchange's, where the
   exchange sends one. Both are as desynchronised as one with a gap.
6. Ids that stay behind for a long run have begun anew (a test exchange that was wiped). Otherwise every delta would be
   ignored for ever as one that the book has. A delta that follows the book's state and leads to a lower id says itself that
   ids begin anew (OKX, after maintenance); one that leads nowhere and changes nothing says that the exchange lives.

A gap is found by the ids alone, so neither a reconnection nor a hand-over between two connections needs to be told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from attrs import define, field

from actors.book.local import LocalBook
from actors.book.outcomes import (
    Applied,
    BookStatistics,
    Buffered,
    DeltaOutcome,
    Desynchronised,
    Ignored,
    SnapshotOutcome,
    Stale,
    Synced,
    SyncState,
)
from actors.market import BookDelta, BookSnapshot, Level

__all__ = [
    "Applied",
    "BookStatistics",
    "BookSync",
    "Buffered",
    "Checksum",
    "DeltaOutcome",
    "Desynchronised",
    "Ignored",
    "LocalBook",
    "SnapshotOutcome",
    "Stale",
    "SyncState",
    "Synced",
]

Checksum = Callable[[Sequence[Level], Sequence[Level]], int | None]
"""The exchange's checksum of the best bids and asks, best first; None: it has none."""

RECENT = 256
"""Ids without order that are remembered, so that a second connection's deltas are known to be repetitions."""

_WIDTH = 2**32
"""Exchanges write the same 32 bits with a sign or without."""


@define
class _Totals:
    applied: int = 0
    ignored: int = 0
    dropped: int = 0
    desynchronised: int = 0
    stale: int = 0


@define
class BookSync:
    """Keeps one book in step. It is total: any delta or snapshot at any time has an outcome.

    Args:
        book: the book to keep; it belongs to this machine from now on. While WAITING it holds what it last was.
        buffer: deltas kept while waiting; of more, the oldest are dropped, and the snapshot has to be newer.
        patience: deltas in a row with ids behind ours before they are taken to have begun anew.
        checksum: computes the exchange's checksum of a book; a delta or snapshot that carries one is held against it.
        checked_levels: levels per side that `checksum` is given.
    """

    book: LocalBook
    buffer: int = field(default=1000, kw_only=True)
    patience: int = field(default=1000, kw_only=True)
    checksum: Checksum | None = field(default=None, kw_only=True)
    checked_levels: int = field(default=25, kw_only=True)
    state: SyncState = field(default=SyncState.WAITING, init=False)
    _buffer: deque[BookDelta] = field(factory=deque, init=False)
    """Deltas without a gap between them, oldest first. Empty while SYNCED."""
    _recent: deque[int] = field(factory=lambda: deque(maxlen=RECENT), init=False)
    """Ids of the states that the book was in, where deltas name the state before. Only there: they have no order."""
    _joins: bool = field(default=False, init=False)
    """The book is a fetched snapshot, which may lie between two of the states that deltas name."""
    _behind: int = field(default=0, init=False)
    _totals: _Totals = field(factory=_Totals, init=False)

    def delta(self, delta: BookDelta) -> DeltaOutcome:
        """Take in one delta."""
        before = self.book.update_id
        if delta.previous_id is not None:
            if (outcome := self._unless_it_follows(delta, delta.previous_id, before)) is not None:
                return outcome
        elif self.state is SyncState.WAITING:
            return self._wait(delta)
        elif delta.last_id <= before:
            return self._repeated(delta)
        elif delta.first_id > before + 1:
            return self._lose(delta, before, "a gap")
        self._behind = 0
        self.book.apply(delta)
        if self.book.crossed:
            return self._lose(delta, before, "a crossed book")
        if delta.checksum is not None and not self._agrees(delta.checksum):
            return self._lose(delta, before, "a wrong checksum")
        self._totals.applied += 1
        return Applied(self.book)

    def snapshot(self, snapshot: BookSnapshot) -> SnapshotOutcome:
        """Take in a snapshot that was fetched. A synced book takes a newer one, too: it brings levels that were not known."""
        before = self.book.update_id
        if self.state is SyncState.SYNCED and snapshot.last_id <= before:
            self._totals.ignored += 1
            return Ignored()
        if self._buffer and (first := _first(self._buffer[0])) > snapshot.last_id + 1:
            self._totals.stale += 1
            return Stale(snapshot.last_id, first)
        if (reason := self._load(snapshot)) is not None:
            return self._refuse(before, snapshot, reason)
        self._joins = True
        waiting, self._buffer = self._buffer, deque()
        newer = [delta for delta in waiting if delta.last_id > snapshot.last_id]
        self._totals.ignored += len(waiting) - len(newer)
        return self._replay(newer)

    def replace(self, snapshot: BookSnapshot) -> SnapshotOutcome:
        """Take in a snapshot that came in the stream. It is never Stale; it is Ignored only where it shows a state that a
        synced book has left behind already: two connections deliver, and the other one was faster."""
        before = self.book.update_id
        if self.state is SyncState.SYNCED and snapshot.last_id != before and snapshot.last_id in self._recent:
            self._totals.ignored += 1
            return Ignored()
        if (reason := self._load(snapshot)) is not None:
            return self._refuse(before, snapshot, reason)
        self._joins = False
        self._recent.clear()
        self._recent.append(snapshot.last_id)
        waiting, self._buffer = list(self._buffer), deque()
        first = next((n for n, delta in enumerate(waiting) if _continues(delta, snapshot.last_id)), len(waiting))
        self._totals.dropped += first
        return self._replay(waiting[first:])

    def reset(self) -> None:
        """Wait for a snapshot, with an empty buffer. For an operator: no gap and no reconnection needs it."""
        self.state = SyncState.WAITING
        self._drop_buffer()
        self._recent.clear()
        self._behind = 0

    def statistics(self) -> BookStatistics:
        """What happened so far."""
        return BookStatistics(
            state=self.state,
            update_id=self.book.update_id,
            buffered=len(self._buffer),
            applied=self._totals.applied,
            ignored=self._totals.ignored,
            dropped=self._totals.dropped,
            desynchronised=self._totals.desynchronised,
            stale=self._totals.stale,
        )

    # ---- deltas that name the state before

    def _unless_it_follows(self, delta: BookDelta, previous_id: int, before: int) -> DeltaOutcome | None:
        """What becomes of it without being applied; None: it follows the book's state."""
        empty = delta.last_id == previous_id and not (delta.bids or delta.asks)
        if self.state is SyncState.WAITING:
            return self._ignore() if empty else self._wait_chained(delta, previous_id)
        if previous_id == before or (self._joins and previous_id < before < delta.last_id):
            self._joins = False
            if empty and self._agrees(delta.checksum):
                self._behind = 0
                return self._ignore()
            self._recent.append(delta.last_id)
            return None
        if delta.last_id in self._recent or max(previous_id, delta.last_id) <= before:
            return self._repeated(delta)
        return self._lose(delta, before, "a gap")

    def _wait_chained(self, delta: BookDelta, previous_id: int) -> DeltaOutcome:
        if not self._buffer:
            return self._keep(delta, gap=False)
        last_id = self._buffer[-1].last_id
        if previous_id == last_id and delta.last_id >= last_id:
            return self._keep(delta, gap=False)
        if previous_id == last_id:
            # Ids begin anew: no snapshot that is still to come has the old ones.
            self._drop_buffer()
            return self._ignore()
        return self._repeated(delta) if max(previous_id, delta.last_id) <= last_id else self._keep(delta, gap=True)

    # ---- what they have in common

    def _agrees(self, sent: int | None) -> bool:
        """Whether the book's checksum is the one that was sent, where there is one."""
        if sent is None or self.checksum is None:
            return True
        ours = self.checksum(*self.book.best(self.checked_levels))
        return ours is None or (ours - sent) % _WIDTH == 0

    def _load(self, snapshot: BookSnapshot) -> str | None:
        """Become the snapshot; why that is no book, if it is none."""
        self.book.load(snapshot)
        if self.book.crossed:
            return "a crossed snapshot"
        return None if self._agrees(snapshot.checksum) else "a wrong checksum"

    def _refuse(self, before: int, snapshot: BookSnapshot, reason: str) -> Desynchronised:
        self.state = SyncState.WAITING
        self._totals.desynchronised += 1
        return Desynchronised(before, snapshot.last_id + 1, reason)

    def _replay(self, deltas: Iterable[BookDelta]) -> Synced | Desynchronised:
        """Apply what was buffered on top of the snapshot. If that fails on the way, the rest is buffered again."""
        self.state = SyncState.SYNCED
        lost: Desynchronised | None = None
        for delta in deltas:
            outcome = self.delta(delta)
            if isinstance(outcome, Desynchronised):
                lost = outcome
        return lost or Synced(self.book)

    def _wait(self, delta: BookDelta) -> DeltaOutcome:
        if self._buffer and delta.last_id <= self._buffer[-1].last_id:
            return self._repeated(delta)
        return self._keep(delta, gap=bool(self._buffer) and delta.first_id > self._buffer[-1].last_id + 1)

    def _ignore(self) -> Ignored:
        self._totals.ignored += 1
        return Ignored()

    def _repeated(self, delta: BookDelta) -> DeltaOutcome:
        """One that we have, unless too many of them in a row say that ids have begun anew."""
        self._totals.ignored += 1
        self._behind += 1
        return self._begin_anew(delta) if self._behind >= self.patience else Ignored()

    def _begin_anew(self, delta: BookDelta) -> Buffered | Desynchronised:
        """Believe the new ids. Whoever waits for a snapshot knows already that the book is lost."""
        if self.state is SyncState.SYNCED:
            return self._lose(delta, self.book.update_id, "ids that began anew")
        return self._keep(delta, gap=True)

    def _lose(self, delta: BookDelta, after_id: int, reason: str) -> Desynchronised:
        self.state = SyncState.WAITING
        self._totals.desynchronised += 1
        self._behind = 0
        self._buffer.append(delta)
        return Desynchronised(after_id, delta.first_id, reason)

    def _keep(self, delta: BookDelta, *, gap: bool) -> Buffered:
        self._behind = 0
        if gap:
            self._drop_buffer()
        self._buffer.append(delta)
        if len(self._buffer) > self.buffer:
            self._buffer.popleft()
            self._totals.dropped += 1
        return Buffered()

    def _drop_buffer(self) -> None:
        self._totals.dropped += len(self._buffer)
        self._buffer.clear()


def _first(delta: BookDelta) -> int:
    """The first id of what it covers."""
    return delta.first_id if delta.previous_id is None else delta.previous_id + 1


def _continues(delta: BookDelta, update_id: int) -> bool:
    """Whether it fits a book with this id."""
    if delta.previous_id is not None:
        return delta.previous_id == update_id
    return delta.first_id <= update_id + 1 <= delta.last_id
