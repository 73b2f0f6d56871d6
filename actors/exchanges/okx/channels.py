"""OKX's public channels: which serves which feed, and what its data means.

    TRADES    "trades"     One message per taker's order, price and source; its id is that of the last match in it. So ids
                           do not count by one, and a missing one cannot be told: not numbered. In May 2022 they still
                           did. Single matches ("trades-all") are on the business endpoint: another connection.
    QUOTES    "bbo-tbt"    Best level of each side, every 10 ms if it changed. Not "tickers": those come ten times more rarely,
                           and do not say of which state of the book they are. seqId counts as in "books".
    BOOK      "books"      400 levels in the stream, then what changed every 100 ms, each with the id of the state before; after
                           about 60 s without a change a message without levels.
    TICKER    "tickers"    Statistics of 24 hours.

Candles are on the business endpoint as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from attrs import define, field
from msgspec import Raw

from actors.exchanges.okx.wire import WireBook, WireTicker, WireTrade, decimal, levels
from actors.market import (
    BookDelta,
    BookSnapshot,
    Feed,
    InstrumentId,
    MarketEvent,
    Quote,
    Subscription,
    Ticker24h,
    Trade,
)
from actors.ports import FeedRule

__all__ = ["FEEDS", "Channel", "Reader", "channel_of", "quote_of", "reader_of", "snapshot_of", "ticker_of", "trade_of"]

# "books" and "bbo-tbt" say something at least every 60 s; the others only when something happens.
FEEDS: Mapping[Feed, FeedRule] = {
    Feed.TRADES: FeedRule(pause=60.0),
    Feed.QUOTES: FeedRule(pause=75.0),
    Feed.BOOK: FeedRule(pause=75.0, levels=400),
    Feed.TICKER: FeedRule(pause=60.0),
}

_CHANNELS = {Feed.TRADES: "trades", Feed.QUOTES: "bbo-tbt", Feed.BOOK: "books", Feed.TICKER: "tickers"}

Channel = tuple[str, str]
"""Channel and instId: what a frame is known by."""

Reader = Callable[[str, Raw, float], Sequence[MarketEvent]]
"""Decodes action and data of a frame that was read at that time. Raises what msgspec raises."""

# Not strict: numbers come as text.
_decode_trades = msgspec.json.Decoder(list[WireTrade], strict=False).decode
_decode_books = msgspec.json.Decoder(list[WireBook], strict=False).decode
_decode_tickers = msgspec.json.Decoder(list[WireTicker], strict=False).decode


def channel_of(subscription: Subscription) -> Channel:
    """`("books", "BTC-USDT")`."""
    return _CHANNELS[subscription.feed], subscription.instrument.native


def reader_of(subscription: Subscription) -> Reader:
    """Reads one subscription's frames, for as long as their connection lives."""
    return _READERS[subscription.feed](subscription.instrument)


def trade_of(instrument: InstrumentId, trade: WireTrade, received: float = 0.0) -> Trade:
    return Trade(
        instrument=instrument,
        received=received,
        id=trade.trade_id,
        price=trade.px,
        quantity=trade.sz,
        buyer_is_maker=trade.side == "sell",
        time_ms=trade.ts,
    )


def quote_of(instrument: InstrumentId, book: WireBook, received: float = 0.0) -> Quote | None:
    """None: a side without orders has no best one."""
    if not (book.bids and book.asks):
        return None
    bid, ask = book.bids[0], book.asks[0]
    return Quote(
        instrument=instrument,
        received=received,
        update_id=book.ts if book.seq_id is None else book.seq_id,
        bid=bid.price,
        bid_quantity=bid.quantity,
        ask=ask.price,
        ask_quantity=ask.quantity,
    )


def snapshot_of(instrument: InstrumentId, book: WireBook, last_id: int, received: float = 0.0) -> BookSnapshot:
    return BookSnapshot(
        instrument=instrument,
        received=received,
        last_id=last_id,
        bids=levels(book.bids),
        asks=levels(book.asks),
        checksum=book.checksum or None,
    )


def ticker_of(instrument: InstrumentId, ticker: WireTicker, received: float = 0.0) -> Ticker24h:
    return Ticker24h(
        instrument=instrument,
        received=received,
        open=decimal(ticker.open24h),
        high=decimal(ticker.high24h),
        low=decimal(ticker.low24h),
        last=decimal(ticker.last),
        volume=decimal(ticker.vol24h),
        quote_volume=decimal(ticker.vol_ccy24h),
        bid=decimal(ticker.bid_px),
        bid_quantity=decimal(ticker.bid_sz),
        ask=decimal(ticker.ask_px),
        ask_quantity=decimal(ticker.ask_sz),
        time_ms=ticker.ts,
    )


def _quotes(instrument: InstrumentId) -> Reader:
    def read(_action: str, data: Raw, received: float) -> Sequence[MarketEvent]:
        quotes = [quote_of(instrument, book, received) for book in _decode_books(data)]
        return [quote for quote in quotes if quote is not None]

    return read


def _tickers(instrument: InstrumentId) -> Reader:
    def read(_action: str, data: Raw, received: float) -> Sequence[MarketEvent]:
        return [ticker_of(instrument, ticker, received) for ticker in _decode_tickers(data)]

    return read


@define(eq=False)
class _TradeReader:
    """Reads a channel's trades. A channel begins with the latest one, which is not told twice over one connection."""

    instrument: InstrumentId
    _last_id: int = field(default=-1, init=False)

    def __call__(self, _action: str, data: Raw, received: float) -> Sequence[MarketEvent]:
        events = []
        for trade in _decode_trades(data):
            if trade.trade_id != self._last_id:
                self._last_id = trade.trade_id
                events.append(trade_of(self.instrument, trade, received))
        return events


@define(eq=False)
class _BookReader:
    """Reads a book's frames. Where OKX does not number them, they are numbered here, as they arrive.

    Numbered by time rather than from 1, so that those of a later connection are higher; and checksums tell what was lost.
    """

    instrument: InstrumentId
    _last_id: int | None = field(default=None, init=False)

    def __call__(self, action: str, data: Raw, received: float) -> Sequence[MarketEvent]:
        return [self._event(action, book, received) for book in _decode_books(data)]

    def _event(self, action: str, book: WireBook, received: float) -> MarketEvent:
        last_id, previous_id = book.seq_id, book.prev_seq_id
        if last_id is None:
            last_id = book.ts if self._last_id is None else max(book.ts, self._last_id + 1)
            previous_id = last_id - 1 if self._last_id is None else self._last_id
        if action == "snapshot":
            self._last_id = last_id
            return snapshot_of(self.instrument, book, last_id, received)
        if action != "update" or previous_id is None:
            raise msgspec.ValidationError(f"a book with action {action!r} and prevSeqId {previous_id}")
        self._last_id = last_id
        return BookDelta(
            instrument=self.instrument,
            received=received,
            first_id=last_id,
            last_id=last_id,
            previous_id=previous_id,
            bids=levels(book.bids),
            asks=levels(book.asks),
            checksum=book.checksum or None,
        )


_READERS: Mapping[Feed, Callable[[InstrumentId], Reader]] = {
    Feed.TRADES: _TradeReader,
    Feed.QUOTES: _quotes,
    Feed.BOOK: _BookReader,
    Feed.TICKER: _tickers,
}
