"""ccxt, REST and pro, unpatched: what it says of the simulator is what the simulator says of itself.

Only its public settings are set: the addresses, and that it looks at the spot market alone.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from actors.simulator import Control, Started
from tests.simulator.clients.quotes import Quotes, quotes_of
from tests.simulator.support import PATIENCE, get, simulator

ccxt = pytest.importorskip("ccxt.pro", reason="ccxt is not installed: pip install 'oneforone[clients]'")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_time,
    pytest.mark.slow,
    pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True),  # it knows no other loop
]

BTC = "BTC/USDT"


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Started, Any]]:
    """A simulator, and ccxt's Binance beside it."""
    async with simulator(symbols=(BTC, "ETH/USDT"), endpoints=2, speed=5.0) as started:
        exchange = ccxt.binance({"options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}})
        exchange.urls["api"]["public"] = f"{started.rest_urls[0]}/api/v3"
        exchange.urls["api"]["ws"]["spot"] = f"{started.stream_urls[0]}/ws"
        try:
            with anyio.fail_after(PATIENCE):
                yield started, exchange
        finally:
            with anyio.CancelScope(shield=True):
                await exchange.close()


async def told(started: Started, path: str) -> Any:
    return (await get(f"{started.rest_urls[0]}/api/v3/{path}")).json()


async def again(watch: Any) -> Any:
    """What it watches, though its connection was lost: it says so once, and is called again, as its manual tells."""
    while True:
        try:
            return await watch(BTC)
        except ccxt.NetworkError:
            continue


async def test_it_loads_the_markets() -> None:
    async with opened() as (_, exchange):
        markets = await exchange.load_markets()

    assert list(markets) == [BTC, "ETH/USDT"]
    assert {key: markets[BTC][key] for key in ("id", "base", "quote", "type", "spot", "active")} == {
        "id": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "type": "spot",
        "spot": True,
        "active": True,
    }
    assert markets[BTC]["limits"]["cost"]["min"] == 5.0


async def test_its_order_book_lies_between_what_rest_said_before_and_after() -> None:
    async with opened() as (started, exchange):
        before = (await told(started, "depth?symbol=BTCUSDT&limit=5"))["lastUpdateId"]
        book = await exchange.fetch_order_book(BTC, 5)
        after = (await told(started, "depth?symbol=BTCUSDT&limit=5"))["lastUpdateId"]

    assert before <= book["nonce"] <= after
    assert (len(book["bids"]), len(book["asks"])) == (5, 5)
    assert book["bids"] == sorted(book["bids"], reverse=True)
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_its_trades_are_the_aggregates_in_order() -> None:
    async with opened() as (started, exchange):
        trades = await exchange.fetch_trades(BTC, limit=100)
        told_first = (await told(started, f"aggTrades?symbol=BTCUSDT&limit=1&fromId={trades[0]['id']}"))[0]

    ids = [int(trade["id"]) for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 100))
    assert (trades[0]["price"], trades[0]["amount"]) == (float(told_first["p"]), float(told_first["q"]))
    assert (trades[0]["timestamp"], trades[0]["side"]) == (told_first["T"], "sell" if told_first["m"] else "buy")


async def test_its_candles_its_ticker_and_its_time_are_those_of_the_simulator() -> None:
    async with opened() as (started, exchange):
        candles = await exchange.fetch_ohlcv(BTC, "1m", limit=5)
        rows = await told(started, "klines?symbol=BTCUSDT&interval=1m&limit=5")
        ticker = await exchange.fetch_ticker(BTC)
        last = float((await told(started, "ticker/price?symbol=BTCUSDT"))["price"])
        time = await exchange.fetch_time()
        later = (await told(started, "time"))["serverTime"]

    closed = [[row[0], *map(float, row[1:6])] for row in rows[:-1]]
    assert len(closed) == 4
    assert all(candle in candles for candle in closed[1:])
    assert ticker["last"] == pytest.approx(last, rel=1e-4)
    assert ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert 0 <= later - time < PATIENCE * 5000


async def test_its_watched_book_has_the_top_that_was_quoted_before_and_after_an_abort() -> None:
    async with opened() as (started, exchange), quotes_of(started, "BTCUSDT") as quotes:
        await compared(exchange, quotes)
        assert await Control(started.control_url).abort(endpoint=1) == 1
        await compared(exchange, quotes)


async def compared(exchange: Any, quotes: Quotes) -> None:
    """The tops of five of its books."""
    for _ in range(5):
        book = await again(exchange.watch_order_book)
        # It goes on changing while we wait.
        number, top = book["nonce"], (list(book["bids"][0]), list(book["asks"][0]))
        assert await quotes.top_at(number) == top


async def test_its_watched_trades_are_consecutive_but_for_those_during_an_abort() -> None:
    async with opened() as (started, exchange):
        # All that it keeps, not only what it takes for new: that leaves some out where its loop is slow.
        exchange.newUpdates = False
        before = await watched_trades(exchange, 20)
        assert await Control(started.control_url).abort() == 1
        after = await watched_trades(exchange, len(before) + 40)
        last = after[-1]
        told_trade = (await told(started, f"historicalTrades?symbol=BTCUSDT&limit=1&fromId={last['id']}"))[0]

    ids = [int(trade["id"]) for trade in after]
    steps = [later - earlier for earlier, later in itertools.pairwise(ids)]
    assert [int(trade["id"]) for trade in before] == list(range(ids[0], ids[0] + len(before)))
    assert min(steps) == 1
    assert sum(step > 1 for step in steps) <= 1
    assert (last["price"], last["timestamp"]) == (float(told_trade["price"]), told_trade["time"])


async def watched_trades(exchange: Any, count: int) -> list[Any]:
    trades: list[Any] = []
    while len(trades) < count:
        trades = list(await again(exchange.watch_trades))
    return trades


async def test_its_watched_ticker_goes_on_after_an_abort() -> None:
    async with opened() as (started, exchange):
        control = Control(started.control_url)
        before = await again(exchange.watch_ticker)
        assert await control.abort() == 1
        after = await again(exchange.watch_ticker)

    assert after["timestamp"] > before["timestamp"]
    assert before["low"] <= before["last"] <= before["high"]
