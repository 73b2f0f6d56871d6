"""A spare: one more connection that is kept open without subscriptions, and takes over at once."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve
from msgspec import structs

from actors.exchange_tree import TreeOptions
from actors.exchanges.binance import LIMITS
from actors.feeds import books, quotes, trades
from actors.ports import Limits
from actors.protocol import StreamStatus
from supervisor import Backoff
from tests.actors.exchange import OPTIONS, STREAM, Connection, FakeExchange, running, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
ALL = [trades(BTC), quotes(BTC), books(BTC)]
SPARE = evolve(OPTIONS, stream=evolve(STREAM, spare=True))
SLOW: TreeOptions = evolve(OPTIONS, stream=evolve(STREAM, spare=True, reconnect=Backoff(initial=20.0, maximum=60.0)))
"""Who has no spare at hand waits long."""


async def spare_of(exchange: FakeExchange) -> Connection:
    """Wait until there is one."""
    await until(lambda: len(exchange.open) == 2 and any(not one.streams for one in exchange.open))
    (spare,) = [one for one in exchange.open if not one.streams]
    return spare


async def test_a_spare_goes_to_another_endpoint_than_the_connection_that_serves() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=0.1)
    async with running(exchange, feeds=ALL, options=SPARE):
        spare = await spare_of(exchange)
        assert {one.server.url[:9] for one in exchange.open} == {"wss://one", "wss://two"}
        assert spare.server.url.startswith("wss://two")


async def test_a_spare_that_dies_is_replaced_and_nobody_notices() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=0.1)
    async with running(exchange, feeds=ALL, options=SPARE) as bot:
        spare = await spare_of(exchange)
        bot.forget()
        exchange.abort(spare)
        assert await spare_of(exchange) is not spare
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)
        assert (await bot.streams.child("BTCUSDT").ask(StreamStatus()))["losses"] == 0


async def test_a_spare_and_the_connection_that_die_together_are_made_anew() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=0.1)
    async with running(exchange, feeds=ALL, options=SPARE) as bot:
        await spare_of(exchange)
        exchange.abort()
        await bot.delivers(within=10.0)
        await spare_of(exchange)
        assert not bot.restarts


async def test_a_spare_near_its_maximum_age_is_replaced_by_a_young_one() -> None:
    limits: Limits = structs.replace(LIMITS, max_age=100.0)
    exchange = FakeExchange(["BTCUSDT"], tick=1.0, limits=limits)
    async with running(exchange, feeds=ALL, options=SPARE) as bot:
        bot.forget()
        for _ in range(5):
            await anyio.sleep(50.0)
            await spare_of(exchange)
        assert 5 <= len(exchange.connections) <= 8, "two at a time, each for 96 seconds at most"
        assert all(bot.words(topic) == ["data"] for topic in ALL)


async def test_a_spare_that_is_made_while_the_next_connection_is_waited_for_serves_at_once() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=0.1)
    async with running(exchange, feeds=ALL, options=SLOW) as bot:
        spare = await spare_of(exchange)
        exchange.transport.latency = 3.0
        exchange.abort(spare)
        await anyio.sleep(2.5)  # the next one is being dialled now
        exchange.abort()
        await bot.delivers(within=4.0)


async def test_a_spare_that_an_exchange_no_longer_pings_is_replaced() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=1.0)
    async with running(exchange, feeds=ALL, options=SPARE) as bot:
        spare = await spare_of(exchange)
        spare.half_open = True
        await until(lambda: len(exchange.connections) == 3, within=5 * LIMITS.server_ping)
        assert not spare.open
        bot.forget()
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)


async def test_a_spare_whose_end_is_announced_is_replaced_as_the_connection_that_serves_is() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=0.1)
    async with running(exchange, feeds=ALL, options=SPARE) as bot:
        await spare_of(exchange)
        announced = list(exchange.open)
        bot.forget()
        exchange.announce_shutdown()
        await until(lambda: not any(one.open for one in announced), within=10.0)
        await spare_of(exchange)
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)


async def test_where_no_spare_is_tolerated_none_is_made() -> None:
    exchange = FakeExchange(["BTCUSDT"], tick=1.0, limits=structs.replace(LIMITS, spares=False))
    async with running(exchange, feeds=ALL, options=SPARE):
        await anyio.sleep(30.0)
        assert len(exchange.connections) == 1


async def test_attempts_that_are_short_are_not_spent_on_spares() -> None:
    limits = structs.replace(LIMITS, attempts=4, attempts_within=300.0)
    exchange = FakeExchange(["BTCUSDT"], tick=1.0, limits=limits)
    async with running(exchange, feeds=ALL, options=SPARE):
        await anyio.sleep(20.0)
        assert len(exchange.connections) == 2
        for _ in range(2):
            exchange.abort()
            await anyio.sleep(20.0)
        spares = [one for one in exchange.connections if not one.streams]
        assert len(exchange.connections) == 3, "who has none gets it"
        assert len(spares) == 1
