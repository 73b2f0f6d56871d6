"""The synthetic market: seeded, endless, and consistent to the last id. Pure: it knows no clock.

The rules that a client may rely on, and that the demo checks:

* Each update id changes exactly one level of one side. Ids count up by one; so do trade ids, and ids of aggregates.
* A bookTicker is sent for every id that changes the best price or its quantity, on either side, and `u` is that id.
* A depth event covers every id since the one before it (`U` is the last `u` plus one), with the final quantity of each
  level that changed; it comes after the bookTickers of the ids that it covers.
* Hence: the top of a book after a depth event `u` is what the last bookTicker with an id up to `u` said.

A symbol has a random generator of its own, which it draws from once per step in a fixed order. So a market is the same
for the same seed, whichever other symbols run beside it and however fast it is played.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from random import Random

from attrs import define, field

from actors.simulator import wire
from actors.simulator.history import TradeHistory
from actors.simulator.ladder import Ladder, Side
from actors.simulator.market import BestPrices, BookChange, Depth, MarketMessage, PriceLevel
from actors.simulator.symbols import Symbol
from actors.simulator.trades import RecentTrade

__all__ = ["SymbolMarket", "SyntheticMarket"]

# Per symbol and market second. Every trade and every step at the touch is a bookTicker: 60 a second in all.
TRADES = 20.0
TOUCHES = 40.0
DEEP = 30.0
DEPTH_INTERVAL = 0.1

LEVELS = 1000
"""Levels per side that the book keeps near."""
FEWEST = 10
"""A side never gets smaller than this."""
WIDEST = 12
"""Ticks between bid and ask from which the next step at the touch narrows them."""
PAST = 240
"""Trades from before the market's start, so that there are prices and candles when the first client asks."""
PAST_EVERY = 2.5
"""Seconds between them."""
TWICE = 8
"""Every so-maniest order of a taker is filled by two makers: two trades at one price, one aggregate."""
REACH = 300
"""Mean distance from the touch, in ticks, of what happens deep in the book."""

# Where well-known symbols start, in ticks; others start somewhere. (price in ticks, decimals of a tick, of a lot)
_LISTINGS = {"BTCUSDT": (6_000_000, 2, 5), "ETHUSDT": (250_000, 2, 4), "SOLUSDT": (15_000, 2, 3)}
_DECIMALS = 8
_PLAYED = frozenset({"trade", "bookTicker", "depth@100ms"})


def _fixed(value: int, decimals: int) -> str:
    whole, part = divmod(value, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".ljust(len(f"{whole}.") + _DECIMALS, "0")


@define(eq=False)
class SymbolMarket:
    """One symbol's course.

    Args:
        symbol: which.
        random: its source of chance.
        epoch_ms: exchange time at market second 0, milliseconds since 1970.
    """

    symbol: Symbol
    random: Random
    epoch_ms: int
    update_id: int = field(init=False)
    trade_id: int = field(init=False)
    aggregate_id: int = field(init=False)
    history: TradeHistory = field(factory=TradeHistory, init=False)
    _price_decimals: int = field(init=False)
    _lot_decimals: int = field(init=False)
    _ladders: dict[Side, Ladder] = field(factory=lambda: {side: Ladder(side) for side in Side}, init=False)
    # {side: {price: lots}}: what changed since the last depth event, which covers the ids from _first_id on.
    _changed: dict[Side, dict[int, int]] = field(factory=lambda: {side: {} for side in Side}, init=False)
    _first_id: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        chance = self.random
        somewhere = (chance.randint(20_000, 900_000), 4, 2)
        price, self._price_decimals, self._lot_decimals = _LISTINGS.get(self.symbol.native, somewhere)
        self.update_id = chance.randint(10**9, 5 * 10**10)
        self.trade_id = chance.randint(10**6, 4 * 10**9)
        self.aggregate_id = self.trade_id // 2
        self._first_id = self.update_id + 1
        for ladder in self._ladders.values():
            level = price
            while len(ladder) < LEVELS and level > 1:
                level += ladder.side * chance.randint(1, 3)
                ladder.set(max(level, 1), self._some_lots())

        self._remember(price, Random(f"{self.symbol.native}:past"))

    def messages(self) -> Iterator[MarketMessage]:
        """The course of this symbol, in order of time, without end."""
        steps = TRADES + TOUCHES + DEEP
        step_at, batches = self.random.expovariate(steps), 1
        while True:
            batch_at = batches * DEPTH_INTERVAL
            if step_at <= batch_at:
                yield from self._step(step_at, self.random.random() * steps)
                step_at += self.random.expovariate(steps)
            else:
                yield from self._batch(batch_at)
                batches += 1

    def _remember(self, price: int, chance: Random) -> None:
        """Fill the history up to the start. With a generator of its own: the market is the same without it."""
        for number in range(PAST, 0, -1):
            price_text, quantity = self._text(max(price + chance.randint(-20, 20), 1), 1 + chance.randrange(20_000))
            ids = self.trade_id - number + 1, self.aggregate_id - number + 1
            time_ms = self._ms(-number * PAST_EVERY)
            self.history.add(RecentTrade(ids[0], price_text, quantity, time_ms, chance.random() < 0.5, ids[1]))

    def depth(self, limit: int) -> Depth:
        bids, asks = ([self._text(*level) for level in self._ladders[side].levels(limit)] for side in Side)
        return Depth(self.update_id, bids, asks)

    def _step(self, time: float, choice: float) -> Iterator[MarketMessage]:
        ladder = self._ladders[self.random.choice((Side.BID, Side.ASK))]
        if choice < TRADES:
            yield from self._trade(time, ladder)
        elif choice < TRADES + TOUCHES:
            yield from self._set(time, ladder, *self._touch(ladder))
        else:
            yield from self._set(time, ladder, *self._deep(ladder))

    def _trade(self, time: float, ladder: Ladder) -> Iterator[MarketMessage]:
        price, lots = ladder.best
        taken = lots if self.random.random() < 0.15 else self.random.randint(1, lots)
        if taken == lots and len(ladder) <= FEWEST:
            # The last levels are refilled rather than taken away.
            yield from self._set(time, ladder, price, lots + 1)
            return
        self.aggregate_id += 1
        # Not drawn by chance: the market is the same as if every order met one other.
        fills = [taken // 3, taken - taken // 3] if self.aggregate_id % TWICE == 0 and taken > TWICE else [taken]
        for number, fill in enumerate(fills, start=1):
            yield self._fill(time, ladder.side, price, fill, ends=number == len(fills))
        yield from self._set(time, ladder, price, lots - taken)

    def _fill(self, time: float, side: Side, price: int, lots: int, *, ends: bool) -> MarketMessage:
        self.trade_id += 1
        trade = RecentTrade(self.trade_id, *self._text(price, lots), self._ms(time), side is Side.BID, self.aggregate_id, ends)
        self.history.add(trade)
        data = wire.trade_event(self.symbol, trade)
        return MarketMessage(time, f"{self.symbol.stream}@trade", data, self.symbol.native, trade)

    def _touch(self, ladder: Ladder) -> tuple[int, int]:
        """A step that changes the best level: a better price, one less, or another quantity."""
        price, lots = ladder.best
        spread = self._ladders[Side.ASK].best[0] - self._ladders[Side.BID].best[0]
        chance = self.random.random()
        if spread > 1 and (spread > WIDEST or chance < 0.2):
            return price - ladder.side * self.random.randint(1, min(spread - 1, 4)), self._some_lots()
        if chance > 0.85 and len(ladder) > FEWEST:
            return price, 0
        other = self._some_lots()
        return price, other if other != lots else lots + 1

    def _deep(self, ladder: Ladder) -> tuple[int, int]:
        """A step behind the touch, which keeps the number of levels near LEVELS."""
        if len(ladder) > LEVELS:
            return ladder.price_at(self.random.randrange(1, len(ladder))), 0
        distance = 1 + int(self.random.expovariate(1 / REACH))
        price = ladder.best[0] + ladder.side * distance
        return (price, self._some_lots()) if price > 0 else (ladder.price_at(len(ladder) - 1), self._some_lots())

    def _set(self, time: float, ladder: Ladder, price: int, lots: int) -> Iterator[MarketMessage]:
        """The one place that changes the book: one id, one level, and a bookTicker where the top changed."""
        before = ladder.best
        self.update_id += 1
        ladder.set(price, lots)
        self._changed[ladder.side][price] = lots
        if ladder.best != before:
            bid, ask = (self._text(*self._ladders[side].best) for side in Side)
            data = wire.quote_event(self.symbol, self.update_id, bid, ask)
            content = BestPrices(self.update_id, bid, ask)
            yield MarketMessage(time, f"{self.symbol.stream}@bookTicker", data, self.symbol.native, content)

    def _batch(self, time: float) -> Iterator[MarketMessage]:
        if self._first_id > self.update_id:
            return
        bids, asks = ([self._text(*level) for level in self._changed[side].items()] for side in Side)
        change = BookChange(self._ms(time), self._first_id, self.update_id, bids, asks)
        data = wire.depth_event(self.symbol, change)
        self._first_id = self.update_id + 1
        for changed in self._changed.values():
            changed.clear()
        yield MarketMessage(time, f"{self.symbol.stream}@depth@100ms", data, self.symbol.native, change)

    def _some_lots(self) -> int:
        return 1 + int(self.random.expovariate(1 / 20_000))

    def _text(self, price: int, lots: int) -> PriceLevel:
        return _fixed(price, self._price_decimals), _fixed(lots, self._lot_decimals)

    def _ms(self, time: float) -> int:
        return self.epoch_ms + int(time * 1000)


@define(eq=False)
class SyntheticMarket:
    """Several symbols side by side. Implements `Market`.

    Args:
        symbols: which, in order.
        seed: the same seed, the same market.
        epoch_ms: exchange time at market second 0, milliseconds since 1970.
    """

    symbols: Sequence[Symbol]
    seed: int
    epoch_ms: int
    skipped: int = field(default=0, init=False)
    first_skipped: str = field(default="", init=False)
    _markets: dict[str, SymbolMarket] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._markets = {
            symbol.native: SymbolMarket(symbol, Random(f"{self.seed}:{symbol.native}"), self.epoch_ms)
            for symbol in self.symbols
        }

    def messages(self) -> Iterator[MarketMessage]:
        """See `Market`. Never ends."""
        return heapq.merge(*(m.messages() for m in self._markets.values()), key=lambda message: message.time)

    def depth(self, native: str, limit: int) -> Depth | None:
        """See `Market`. Always known."""
        market = self._markets.get(native)
        return market.depth(limit) if market else None

    def history(self, native: str) -> TradeHistory:
        """See `Market`."""
        market = self._markets.get(native)
        return market.history if market else TradeHistory()

    def plays(self, stream: str) -> bool:
        """See `Market`."""
        name, _, kind = stream.partition("@")
        return kind in _PLAYED and name.upper() in self._markets
