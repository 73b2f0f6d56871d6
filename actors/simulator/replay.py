"""A recording as a market.

The books are kept from the recorded snapshots and deltas, so that REST depth is right at every moment. A recording may
begin before its snapshots were taken, and until then there is no book to give. So the beginning is played silently: the
replay starts at the first message after which every symbol that has a snapshot in the recording's first SURVEY entries
has its book. A symbol without one is streamed, and REST depth answers that it is not available.
"""

from __future__ import annotations

import heapq
import logging
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
from attrs import define, field
from msgspec import Struct

from actors.simulator.history import Aggregate, TradeHistory
from actors.simulator.market import BookChange, Content, Depth, MarketMessage, PriceLevel
from actors.simulator.recording import Recorded, RecordedBook, RecordedFrame, Recording, companion
from actors.simulator.symbols import Symbol, parse_symbol, symbol_of_stream
from actors.simulator.trades import RecentTrade

__all__ = ["SURVEY", "RecordedBookKeeper", "ReplayMarket"]

SURVEY = 200_000
"""Entries that are read ahead, once, to learn the symbols and where the snapshots are: about two seconds."""

WAITING = 2_000
"""Deltas kept per symbol until its first snapshot comes."""

FEW = 100
"""Up to so many levels are found without sorting the whole book."""

log = logging.getLogger("oneforone.simulator")


class _Delta(Struct, frozen=True):
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[PriceLevel] = msgspec.field(name="b")
    asks: list[PriceLevel] = msgspec.field(name="a")
    time_ms: int = msgspec.field(name="E", default=0)


class _Aggregate(Struct, frozen=True):
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 -- the exchange's name
    T: int
    m: bool


class _Trade(Struct, frozen=True):
    t: int
    p: str
    q: str
    T: int
    m: bool


_decode_delta = msgspec.json.Decoder(_Delta).decode
_decode_trade = msgspec.json.Decoder(_Trade).decode
_decode_aggregate = msgspec.json.Decoder(_Aggregate).decode


@define(eq=False)
class RecordedBookKeeper:
    """One symbol's book out of deltas and snapshots, by the exchange's rule for local books.

    It shares nothing with `actors.book`, by which the bot keeps its books: a mistake there would be made here too.
    """

    last_id: int | None = None
    """None: not known. After a gap in the recording it is not, until the next snapshot."""
    _bids: dict[str, str] = field(factory=dict, init=False)
    _asks: dict[str, str] = field(factory=dict, init=False)
    _waiting: deque[_Delta] = field(factory=lambda: deque(maxlen=WAITING), init=False)

    def apply(self, delta: _Delta) -> None:
        if self.last_id is None:
            self._waiting.append(delta)
        elif delta.last_id <= self.last_id:
            return
        elif delta.first_id > self.last_id + 1:
            self.last_id = None
            self._waiting.append(delta)
        else:
            _change(self._bids, delta.bids)
            _change(self._asks, delta.asks)
            self.last_id = delta.last_id

    def load(self, snapshot: RecordedBook) -> None:
        """Take a snapshot, where the book is not known."""
        if self.last_id is not None:
            return
        self._bids, self._asks = dict(snapshot.bids), dict(snapshot.asks)
        self.last_id = snapshot.last_id
        waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
        for delta in waiting:
            self.apply(delta)

    def depth(self, limit: int) -> Depth | None:
        if self.last_id is None:
            return None
        if limit <= FEW:
            bids, asks = self._bids.items(), self._asks.items()
            return Depth(self.last_id, heapq.nlargest(limit, bids, _price), heapq.nsmallest(limit, asks, _price))
        best = sorted(self._bids.items(), key=_price, reverse=True)[:limit]
        return Depth(self.last_id, best, sorted(self._asks.items(), key=_price)[:limit])


@define(eq=False)
class ReplayMarket:
    """Implements `Market`.

    Args:
        recording: what is played.
        symbols: those in it.
        start: how many entries are played silently.
        epoch_ms: when the recording begins, in milliseconds since 1970 by the recorder's clock.
        streams: those in it, as far as it was surveyed.
    """

    recording: Recording
    symbols: tuple[Symbol, ...]
    start: int
    epoch_ms: int
    streams: frozenset[str] = frozenset()
    _books: dict[str, RecordedBookKeeper] = field(factory=dict, init=False)
    _histories: dict[str, TradeHistory] = field(factory=dict, init=False)

    @classmethod
    def open(cls, path: Path, http: Path | None = None) -> ReplayMarket:
        """Survey a recording.

        Args:
            path: the file.
            http: its REST answers; None: looked for beside it.

        Raises:
            RecordingError: it cannot be read, or nothing in it can be used.
        """
        recording = Recording(path, http or companion(path))
        symbols: dict[str, Symbol] = {}
        snapshots: dict[str, int] = {}
        streams: set[str] = set()
        begin = 0.0
        for count, recorded in enumerate(recording.read()):
            if count == SURVEY:
                break
            begin = begin or recorded.time
            symbol = _symbol_of(recorded)
            if symbol is not None:
                symbols.setdefault(symbol.native, symbol)
            if isinstance(recorded, RecordedBook):
                snapshots.setdefault(recorded.native, count + 1)
            else:
                streams.add(recorded.stream)
        start = max(snapshots.values(), default=0)
        return cls(recording, tuple(symbols.values()), start, int(begin * 1000), frozenset(streams))

    @property
    def skipped(self) -> int:
        return self.recording.skipped

    @property
    def first_skipped(self) -> str:
        return "line {}: {}".format(*self.recording.first_skipped) if self.recording.first_skipped else ""

    def messages(self) -> Iterator[MarketMessage]:
        """See `Market`. Lines that were skipped are logged once, at the end."""
        begin: float | None = None
        latest = 0.0
        for count, recorded in enumerate(self.recording.read()):
            if isinstance(recorded, RecordedBook):
                self._book(recorded.native).load(recorded)
                continue
            native, content = self._keep(recorded)
            if count >= self.start:
                begin = recorded.time if begin is None else begin
                # A recorder's clock may be set back; the market's time never is.
                latest = max(latest, recorded.time - begin)
                yield MarketMessage(latest, recorded.stream, recorded.data, native, content)
        if self.skipped:
            log.warning("%s: %d lines were skipped, the first was %s", self.recording.path, self.skipped, self.first_skipped)

    def depth(self, native: str, limit: int) -> Depth | None:
        """See `Market`."""
        book = self._books.get(native)
        return book.depth(limit) if book else None

    def history(self, native: str) -> TradeHistory:
        """See `Market`."""
        return self._histories.get(native) or TradeHistory()

    def plays(self, stream: str) -> bool:
        """See `Market`."""
        return stream in self.streams

    def _keep(self, frame: RecordedFrame) -> tuple[str, Content | None]:
        """Keep what REST tells of this frame later; its symbol, and what it says."""
        name, _, kind = frame.stream.partition("@")
        native = name.upper()
        # A payload that is not what its stream announces is played as it is: a client must cope with it too.
        try:
            if kind.startswith("depth"):
                delta = _decode_delta(frame.data)
                self._book(native).apply(delta)
                return native, BookChange(delta.time_ms, delta.first_id, delta.last_id, delta.bids, delta.asks)
            if kind == "trade":
                one = _decode_trade(frame.data)
                # Which fills belong to one order is not in a trade: each counts as an order of its own.
                trade = RecentTrade(one.t, one.p, one.q, one.T, one.m, one.t)
                self._history(native).add(trade)
                return native, trade
            if kind == "aggTrade" and f"{name}@trade" not in self.streams:
                made = _decode_aggregate(frame.data)
                self._history(native).add_aggregate(Aggregate(made.a, made.p, made.q, made.f, made.l, made.T, made.m))
        except msgspec.MsgspecError:
            log.debug("not what %s announces: %r", frame.stream, frame.data[:120])
        return native, None

    def _history(self, native: str) -> TradeHistory:
        return self._histories.setdefault(native, TradeHistory())

    def _book(self, native: str) -> RecordedBookKeeper:
        return self._books.setdefault(native, RecordedBookKeeper())


def _symbol_of(recorded: Recorded) -> Symbol | None:
    if isinstance(recorded, RecordedBook):
        return parse_symbol(recorded.native)
    return symbol_of_stream(recorded.stream)


def _change(side: dict[str, str], levels: list[PriceLevel]) -> None:
    for price, quantity in levels:
        if quantity.strip("0."):
            side[price] = quantity
        else:
            side.pop(price, None)


def _price(level: tuple[str, str]) -> Decimal:
    return Decimal(level[0])
