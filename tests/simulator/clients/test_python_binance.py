"""python-binance, unpatched: what it says of the simulator is what the simulator says of itself.

Only its documented attributes are set: the addresses.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from actors.simulator import Control, Started
from tests.simulator.clients.quotes import quotes_of
from tests.simulator.support import PATIENCE, get, simulator

with warnings.catch_warnings():
    # It imports names of websockets for its annotations that are deprecated since 14.0; it works with later ones all the same.
    warnings.filterwarnings("ignore", r"websockets\.(legacy|WebSocketClientProtocol) is deprecated", DeprecationWarning)
    binance = pytest.importorskip("binance", reason="python-binance is not installed: pip install 'oneforone[clients]'")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_time,
    pytest.mark.slow,
    pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True),  # it knows no other loop
]

BTC = "BTCUSDT"


@asynccontextmanager
async def opened(speed: float = 1.0) -> AsyncIterator[tuple[Started, Any]]:
    """A simulator, and a client beside it."""
    async with simulator(symbols=("BTC/USDT", "ETH/USDT"), endpoints=2, speed=speed) as started:
        client = binance.AsyncClient()
        client.API_URL = f"{started.rest_urls[0]}/api"
        try:
            with anyio.fail_after(PATIENCE):
                yield started, client
        finally:
            with anyio.CancelScope(shield=True):
                await client.close_connection()


def sockets(started: Started, client: Any) -> Any:
    manager = binance.BinanceSocketManager(client)
    manager.STREAM_URL = f"{started.stream_urls[0]}/"
    return manager


async def told(started: Started, path: str) -> Any:
    return (await get(f"{started.rest_urls[0]}/api/v3/{path}")).json()


async def events(socket: Any, count: int) -> list[Any]:
    """The next events of the market; that it lost its connection is among what it says."""
    found: list[Any] = []
    while len(found) < count:
        event = await socket.recv()
        if event["e"] != "error":
            found.append(event)
    return found


async def test_its_answers_are_those_of_the_simulator() -> None:
    async with opened() as (started, client):
        assert await client.ping() == {}
        info = await client.get_exchange_info()
        book = await client.get_order_book(symbol=BTC, limit=5)
        later = await told(started, "depth?symbol=BTCUSDT&limit=5")
        trades = await client.get_recent_trades(symbol=BTC, limit=50)
        same_trades = await told(started, f"historicalTrades?symbol=BTCUSDT&fromId={trades[0]['id']}&limit=50")
        klines = await client.get_klines(symbol=BTC, interval="1m", limit=3)
        same_klines = await told(started, "klines?symbol=BTCUSDT&interval=1m&limit=4")

    assert [symbol["symbol"] for symbol in info["symbols"]] == [BTC, "ETHUSDT"]
    assert (len(book["bids"]), len(book["asks"])) == (5, 5)
    assert book["lastUpdateId"] <= later["lastUpdateId"]
    assert trades == same_trades
    assert [trade["id"] for trade in trades] == list(range(trades[0]["id"], trades[0]["id"] + 50))
    assert klines[1] in same_klines


async def test_its_trade_and_depth_sockets_are_complete_and_come_back_after_an_abort() -> None:
    async with opened() as (started, client):
        manager, control = sockets(started, client), Control(started.control_url)
        async with manager.trade_socket(BTC) as trades, manager.depth_socket(BTC, interval=100) as depth:
            ids = [event["t"] for event in await events(trades, 10)]
            changes = [(event["U"], event["u"]) for event in await events(depth, 5)]
            status = await control.status()
            assert await control.abort() == 2
            later = [event["t"] for event in (await events(trades, 60))[-10:]]
            back = [(event["U"], event["u"]) for event in (await events(depth, 30))[-5:]]
            accepted = (await control.status()).endpoints[0].accepted

    assert {one for c in status.connections for one in c.subscriptions} == {"btcusdt@trade", "btcusdt@depth@100ms"}
    for run in (ids, later):
        assert run == list(range(run[0], run[0] + 10))
    for steps in (changes, back):
        assert [first for first, _ in steps[1:]] == [last + 1 for _, last in steps[:-1]]
    assert later[0] > ids[-1]
    assert back[0][0] > changes[-1][1]
    assert accepted == 4


@pytest.mark.parametrize(("interval", "speed"), [(100, 1.0), (None, 8.0)])
async def test_its_depth_cache_has_the_top_that_was_quoted(interval: int | None, speed: float) -> None:
    async with opened(speed=speed) as (started, client), quotes_of(started, BTC) as quotes:
        settings = {"bm": sockets(started, client), "limit": 1000, "ws_interval": interval}
        async with binance.DepthCacheManager(client, BTC, **settings) as cache:
            # Where its snapshot lies within an event, it takes another one and then this event, whose number it keeps although
            # the book is newer; some events later they agree.
            for _ in range(5):
                await cache.recv()
            for _ in range(5):
                book = await cache.recv()
                assert await quotes.top_at(cache._last_update_id) == (book.get_bids()[0], book.get_asks()[0])
