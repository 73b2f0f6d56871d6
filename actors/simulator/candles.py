"""Candles out of trades: seconds for an hour, minutes for a day and a bit, and every longer interval out of minutes. Pure.

Times are the exchange's, in milliseconds since 1970. An interval in which nobody traded has a flat candle at the price
before it, as on the real exchange; before the first trade there are none.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal

from attrs import define, field

from actors.simulator.trades import RecentTrade

__all__ = ["DAY", "INTERVALS", "MINUTE", "SECOND", "Candle", "Candles", "close_of", "open_of"]

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_MONTH = "1M"

INTERVALS: dict[str, int] = {
    "1s": SECOND,
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    _MONTH: 31 * DAY,
}
"""{name: milliseconds}; a month is as long as it is."""

SECONDS_KEPT = 3_600
MINUTES_KEPT = 25 * 60
# 1970 began on a Thursday, a week begins on Monday.
_MONDAY = 4 * DAY


@define
class Candle:
    """What was traded within an interval, or so far in it."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)
    quote_volume: Decimal = Decimal(0)
    taker_volume: Decimal = Decimal(0)
    """Of it, what takers bought."""
    taker_quote_volume: Decimal = Decimal(0)
    count: int = 0
    first_id: int = -1
    last_id: int = -1

    @classmethod
    def flat(cls, open_ms: int, price: Decimal) -> Candle:
        """One without a trade."""
        return cls(open_ms, price, price, price, price)

    def add(self, other: Candle) -> None:
        """Join one that comes after it."""
        if not other.count:
            return
        if not self.count:
            self.open, self.high, self.low, self.first_id = other.open, other.high, other.low, other.first_id
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.volume += other.volume
        self.quote_volume += other.quote_volume
        self.taker_volume += other.taker_volume
        self.taker_quote_volume += other.taker_quote_volume
        self.count += other.count
        self.last_id = other.last_id


@define(eq=False)
class Candles:
    """Those of one symbol."""

    _seconds: deque[Candle] = field(factory=lambda: deque(maxlen=SECONDS_KEPT), init=False)
    _minutes: deque[Candle] = field(factory=lambda: deque(maxlen=MINUTES_KEPT), init=False)

    def add(self, trade: RecentTrade) -> None:
        price, quantity = Decimal(trade.price), Decimal(trade.quantity)
        quote = price * quantity
        bought = (Decimal(0), Decimal(0)) if trade.buyer_is_maker else (quantity, quote)
        for kept, length in ((self._seconds, SECOND), (self._minutes, MINUTE)):
            one = Candle(0, price, price, price, price, quantity, quote, *bought, 1, trade.id, trade.id)
            one.open_ms = trade.time_ms // length * length
            # A trade that is late by its own time counts into the newest candle: the older ones are told already.
            if kept and kept[-1].open_ms >= one.open_ms:
                kept[-1].add(one)
            else:
                kept.append(one)

    def klines(self, interval: str, now_ms: int) -> list[Candle]:
        """All that are known, oldest first; the last one is the one that `now_ms` is in.

        Raises:
            KeyError: there is no such interval; see INTERVALS.
        """
        length = INTERVALS[interval]
        return list(_joined(self._seconds if length == SECOND else self._minutes, interval, now_ms))

    def since(self, start_ms: int) -> Candle | None:
        """All trades since then as one candle; None where there were none. To the second within the last hour."""
        fine = len(self._seconds) < SECONDS_KEPT or self._seconds[0].open_ms <= start_ms
        joined: Candle | None = None
        for candle in self._seconds if fine else self._minutes:
            if candle.open_ms >= start_ms:
                joined = joined or Candle.flat(start_ms, candle.open)
                joined.add(candle)
        return joined


def open_of(interval: str, time_ms: int) -> int:
    """When the candle begins that this moment is in."""
    if interval == _MONTH:
        moment = dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC)
        return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    offset = _MONDAY if interval == "1w" else 0
    length = INTERVALS[interval]
    return (time_ms - offset) // length * length + offset


def close_of(interval: str, open_ms: int) -> int:
    """The last millisecond of the candle that begins then."""
    if interval == _MONTH:
        return open_of(interval, open_ms + INTERVALS[interval]) - 1
    return open_ms + INTERVALS[interval] - 1


def _joined(candles: Iterable[Candle], interval: str, now_ms: int) -> Iterator[Candle]:
    current: Candle | None = None
    for candle in candles:
        begin = open_of(interval, candle.open_ms)
        if current is not None and begin > current.open_ms:
            yield current
            yield from _flat(current, interval, begin - 1)
        if current is None or begin > current.open_ms:
            current = Candle.flat(begin, candle.open)
        current.add(candle)
    if current is not None:
        yield current
        yield from _flat(current, interval, now_ms)


def _flat(before: Candle, interval: str, until_ms: int) -> Iterator[Candle]:
    """The candles after this one that nobody traded in."""
    begin = close_of(interval, before.open_ms) + 1
    while begin <= until_ms:
        yield Candle.flat(begin, before.close)
        begin = close_of(interval, begin) + 1
