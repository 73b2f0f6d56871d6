"""Books, deltas and snapshots, as tests write them."""

from __future__ import annotations

from decimal import Decimal

from actors.book import BookSync, LocalBook, SyncState
from actors.market import BookDelta, BookSnapshot, InstrumentId, Level

BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
WAITING, SYNCED = SyncState
Prices = dict[int, int]
"""{price: quantity}, as tests write levels; quantity 0 removes."""


def level(price: int, quantity: int) -> Level:
    return Decimal(price), Decimal(quantity)


def levels(prices: Prices) -> list[Level]:
    return [level(price, quantity) for price, quantity in prices.items()]


def delta(first_id: int, last_id: int, bids: Prices | None = None, asks: Prices | None = None) -> BookDelta:
    return BookDelta(first_id=first_id, last_id=last_id, bids=levels(bids or {}), asks=levels(asks or {}))


def snapshot(last_id: int, bids: Prices | None = None, asks: Prices | None = None) -> BookSnapshot:
    return BookSnapshot(last_id=last_id, bids=levels(bids or {99: 1}), asks=levels(asks or {101: 1}))


def sync(*, buffer: int = 1000, patience: int = 1000) -> BookSync:
    return BookSync(LocalBook(BTC), buffer=buffer, patience=patience)


def synced(last_id: int = 10, *, buffer: int = 1000, patience: int = 1000) -> BookSync:
    machine = sync(buffer=buffer, patience=patience)
    machine.snapshot(snapshot(last_id))
    return machine
