"""A local order book, and how it is kept in step with the exchange's.

    LocalBook    the levels of one instrument; applies what it is given
    BookSync     decides what may be given: which delta fits, which is old, where one is missing

The procedure is Binance's, as corrected in November 2025, for any exchange that numbers its updates. A delta says which ids
it covers, `first_id` to `last_id`; a book has the id of the last update in it.

1. WAITING: deltas are buffered, and somebody fetches a snapshot. The buffer holds no gap: deltas before one are useless.
2. A snapshot whose id + 1 is before the first id in the buffer misses updates that no one has: Stale, fetch again. Otherwise
   the deltas that it has already are dropped and the others applied; the first of those contains the snapshot's id + 1.
3. SYNCED: a delta whose last id the book has already is ignored. One that begins beyond the book's id + 1 shows a gap: the
   book is WAITING again, and that delta is the first in the buffer.
4. A book whose best bid is not below its best ask is no book. It is as desynchronised as one with a gap.
5. Ids that stay behind for a long run have begun anew (a test exchange that was wiped). Otherwise every delta would be
   ignored for ever as one that the book has.

A gap is found by the ids alone, so neither a reconnection nor a hand-over between two connections needs to be told.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from decimal import Decimal
from enum import StrEnum

from attrs import define, field, frozen

from actors.market import Book, BookDelta, BookSnapshot, InstrumentId, Level

__all__ = [
    "Applied",
    "BookStatistics",
    "BookSync",
    "Buffered",
    "DeltaOutcome",
    "Desynchronised",
    "Ignored",
    "LocalBook",
    "SnapshotOutcome",
    "Stale",
    "SyncState",
    "Synced",
]


@define
class _Side:
    """One side's levels: the quantities by price, and the prices in ascending order."""

    quantities: dict[Decimal, Decimal] = field(factory=dict)
    prices: list[Decimal] = field(factory=list)

    def load(self, levels: list[Level]) -> None:
        self.quantities = {price: quantity for price, quantity in levels if quantity}
        self.prices = sorted(self.quantities)

    def apply(self, levels: list[Level]) -> None:
        quantities, prices = self.quantities, self.prices
        known = len(quantities)
        for price, quantity in levels:
            if quantity:
                quantities[price] = quantity
                # A longer dict tells that the price is new: hashing a Decimal once more to ask would cost more.
                if len(quantities) != known:
                    known += 1
                    insort(prices, price)
            elif quantities.pop(price, None) is not None:
                known -= 1
                del prices[bisect_left(prices, price)]

    def trim_lowest(self, depth: int) -> None:
        excess = len(self.prices) - depth
        if excess > 0:
            self._forget(self.prices[:excess])
            del self.prices[:excess]

    def trim_highest(self, depth: int) -> None:
        if len(self.prices) > depth:
            self._forget(self.prices[depth:])
            del self.prices[depth:]

    def level(self, place: int) -> Level | None:
        if not self.prices:
            return None
        price = self.prices[place]
        return price, self.quantities[price]

    def _forget(self, prices: list[Decimal]) -> None:
        for price in prices:
            del self.quantities[price]


@define
class LocalBook:
    """The levels of one instrument. It takes what it is given; whether that fits is for `BookSync` to say.

    Args:
        instrument: whose book.
        depth: levels kept per side; of more, the worst are forgotten and stay unknown until the exchange names them again.
    """

    instrument: InstrumentId
    depth: int = 5000
    update_id: int = field(default=0, init=False)
    """The id of the last update in it."""
    received: float = field(default=0.0, init=False)
    """When that update was read from the socket."""
    _bids: _Side = field(factory=_Side, init=False)
    _asks: _Side = field(factory=_Side, init=False)

    def load(self, snapshot: BookSnapshot) -> None:
        """Become this snapshot."""
        self._bids.load(snapshot.bids)
        self._asks.load(snapshot.asks)
        self._done(snapshot.last_id, snapshot.received)

    def apply(self, delta: BookDelta) -> None:
        """Change the levels that the delta names. A level that is taken away and was not known changes nothing."""
        self._bids.apply(delta.bids)
        self._asks.apply(delta.asks)
        self._done(delta.last_id, delta.received)

    @property
    def best_bid(self) -> Level | None:
        """The highest bid, or None without bids."""
        return self._bids.level(-1)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask, or None without asks."""
        return self._asks.level(0)

    @property
    def top(self) -> tuple[Level | None, Level | None]:
        """The best bid and the best ask."""
        return self.best_bid, self.best_ask

    @property
    def levels(self) -> tuple[int, int]:
        """How many bids and asks there are."""
        return len(self._bids.prices), len(self._asks.prices)

    @property
    def crossed(self) -> bool:
        """The best bid is not below the best ask. No exchange has such a book, so an update was missed."""
        bids, asks = self._bids.prices, self._asks.prices
        return bool(bids and asks) and bids[-1] >= asks[0]

    def view(self, depth: int = 20) -> Book:
        """The best levels as an event, up to `depth` per side, best first."""
        bids, asks = self._bids, self._asks
        return Book(
            instrument=self.instrument,
            received=self.received,
            update_id=self.update_id,
            bids=tuple((price, bids.quantities[price]) for price in bids.prices[: -depth - 1 : -1]),
            asks=tuple((price, asks.quantities[price]) for price in asks.prices[:depth]),
        )

    def _done(self, update_id: int, received: float) -> None:
        self._bids.trim_lowest(self.depth)
        self._asks.trim_highest(self.depth)
        self.update_id = update_id
        self.received = received


class SyncState(StrEnum):
    WAITING = "waiting"
    """For a snapshot. The book, if there is one, is out of date."""
    SYNCED = "synced"


@frozen
class Applied:
    """The delta is in the book."""

    book: LocalBook


@frozen
class Buffered:
    """The delta is kept for when a snapshot comes."""


@frozen
class Ignored:
    """The book, or the buffer, has it already."""


@frozen
class Desynchronised:
    """The book cannot be trusted from here on. Fetch a snapshot."""

    after_id: int
    """The last id that was in the book."""
    before_id: int
    """The first id that was seen after the hole; not above `after_id + 1` where the reason is no gap."""
    reason: str
    """In plain words: a gap, a crossed book, or ids that began anew."""


@frozen
class Synced:
    """The snapshot, and what came since, is in the book."""

    book: LocalBook


@frozen
class Stale:
    """The snapshot is older than what is in the buffer. Fetch another."""

    snapshot_id: int
    first_id: int
    """The first id in the buffer: a snapshot needs at least the id before it."""


DeltaOutcome = Applied | Buffered | Ignored | Desynchronised
SnapshotOutcome = Synced | Stale | Ignored | Desynchronised


@frozen(kw_only=True)
class BookStatistics:
    """A book's synchronisation at one moment; the counts are totals."""

    state: SyncState
    update_id: int
    buffered: int
    applied: int
    ignored: int
    dropped: int
    """Deltas that left the buffer unused: it was full, or a gap made them useless."""
    desynchronised: int
    stale: int


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
    """

    book: LocalBook
    buffer: int = field(default=1000, kw_only=True)
    patience: int = field(default=1000, kw_only=True)
    state: SyncState = field(default=SyncState.WAITING, init=False)
    _buffer: deque[BookDelta] = field(factory=deque, init=False)
    """Deltas without a gap between them, oldest first. Empty while SYNCED."""
    _behind: int = field(default=0, init=False)
    _totals: _Totals = field(factory=_Totals, init=False)

    def delta(self, delta: BookDelta) -> DeltaOutcome:
        """Take in one delta."""
        if self._is_behind(delta):
            self._totals.ignored += 1
            self._behind += 1
            return self._begin_anew(delta) if self._behind >= self.patience else Ignored()
        self._behind = 0
        if self.state is SyncState.WAITING:
            self._keep(delta)
            return Buffered()
        before = self.book.update_id
        if delta.first_id > before + 1:
            return self._lose(delta, before, "a gap")
        self.book.apply(delta)
        if self.book.crossed:
            return self._lose(delta, before, "a crossed book")
        self._totals.applied += 1
        return Applied(self.book)

    def snapshot(self, snapshot: BookSnapshot) -> SnapshotOutcome:
        """Take in a snapshot. A synced book takes a newer one too, which brings levels that it did not know."""
        before = self.book.update_id
        if self.state is SyncState.SYNCED and snapshot.last_id <= before:
            self._totals.ignored += 1
            return Ignored()
        if self._buffer and self._buffer[0].first_id > snapshot.last_id + 1:
            self._totals.stale += 1
            return Stale(snapshot.last_id, self._buffer[0].first_id)
        self.book.load(snapshot)
        if self.book.crossed:
            self.state = SyncState.WAITING
            self._totals.desynchronised += 1
            return Desynchronised(before, snapshot.last_id + 1, "a crossed snapshot")
        return self._replay(snapshot)

    def reset(self) -> None:
        """Wait for a snapshot, with an empty buffer. For an operator: no gap and no reconnection needs it."""
        self.state = SyncState.WAITING
        self._drop_buffer()
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

    def _replay(self, snapshot: BookSnapshot) -> Synced | Desynchronised:
        """Apply what was buffered on top of the snapshot. If that fails on the way, the rest is buffered again."""
        self.state = SyncState.SYNCED
        waiting, self._buffer = self._buffer, deque()
        lost: Desynchronised | None = None
        for delta in waiting:
            if delta.last_id <= snapshot.last_id:
                self._totals.ignored += 1
                continue
            outcome = self.delta(delta)
            if isinstance(outcome, Desynchronised):
                lost = outcome
        return lost or Synced(self.book)

    def _is_behind(self, delta: BookDelta) -> bool:
        if self.state is SyncState.SYNCED:
            return delta.last_id <= self.book.update_id
        return bool(self._buffer) and delta.last_id <= self._buffer[-1].last_id

    def _begin_anew(self, delta: BookDelta) -> Buffered | Desynchronised:
        """Believe the new ids. Whoever waits for a snapshot knows already that the book is lost."""
        self._behind = 0
        if self.state is SyncState.SYNCED:
            return self._lose(delta, self.book.update_id, "ids that began anew")
        self._drop_buffer()
        self._buffer.append(delta)
        return Buffered()

    def _lose(self, delta: BookDelta, after_id: int, reason: str) -> Desynchronised:
        self.state = SyncState.WAITING
        self._totals.desynchronised += 1
        self._buffer.append(delta)
        return Desynchronised(after_id, delta.first_id, reason)

    def _keep(self, delta: BookDelta) -> None:
        if self._buffer and delta.first_id > self._buffer[-1].last_id + 1:
            self._drop_buffer()
        self._buffer.append(delta)
        if len(self._buffer) > self.buffer:
            self._buffer.popleft()
            self._totals.dropped += 1

    def _drop_buffer(self) -> None:
        self._totals.dropped += len(self._buffer)
        self._buffer.clear()
