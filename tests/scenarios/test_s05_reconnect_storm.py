"""S5, the reconnect storm: after two days connections are replaced four or five times a second, and go on so.

From nautilus_trader#1989, #1339.
"""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from msgspec import structs

from actors.exchanges.binance import LIMITS
from actors.feeds import quotes, trades
from actors.streaming.link import SPREAD
from supervisor import Backoff
from tests.actors.exchange import FakeExchange, running
from tests.scenarios.support import (
    BTC,
    ETH,
    SOL,
    every_trade_once,
    quotes_never_go_back,
    scene,
    streaming,
    the,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.long]

LIFE = 0.8
"""Seconds that stand for the 24 hours of a connection."""
GENERATIONS = 2
FIRST, DROPS = 0.05, 4


@pytest.mark.real_time
async def test_connections_that_reach_their_age_are_replaced_one_generation_after_the_other_and_nobody_notices() -> None:
    topics = [the(make, symbol) for symbol in (BTC, ETH, SOL) for make in (trades, quotes)]
    async with scene(*topics, symbols=(BTC, ETH, SOL), limits={"max_age": LIFE}) as bot:
        began = anyio.current_time()
        status = await bot.becomes(lambda status: status.totals.connections >= 3 * (1 + GENERATIONS))
        took = anyio.current_time() - began
        await bot.delivers()

        for topic in topics:
            assert bot.script(topic) == ["data"]
        for symbol in (BTC, ETH, SOL):
            every_trade_once(bot.all(the(trades, symbol)))
            quotes_never_go_back(bot.all(the(quotes, symbol)))
        # None is replaced before its time, so there is never more than one generation in a life.
        least = LIFE * 23 / 24 * (1 - SPREAD)
        assert status.totals.connections <= 3 * (2 + took / least)
        assert len(status.connections) <= 2 * 3
        assert bot.restarts == {}


async def test_connections_that_were_opened_together_are_not_replaced_together() -> None:
    day, symbols = 600.0, [f"{name}USDT" for name in ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA")]
    exchange = FakeExchange(symbols, tick=5.0, limits=structs.replace(LIMITS, max_age=day), ping_every=19.0)
    topics = [the(trades, f"{symbol[:3]}/USDT") for symbol in symbols]
    async with running(exchange, feeds=topics, options=streaming(beat=5.0, settle_within=30.0)) as bot:
        bot.forget()
        await anyio.sleep(day)
        opened = [dial.at for dial in exchange.transport.dials]

        assert len(opened) == 2 * len(symbols)
        assert opened[5] - opened[0] < 0.5
        # Within the last fiftieth of a day, here 12 s; whoever replaces them all at once does so within half a second.
        assert opened[-1] - opened[6] > 0.5
        assert all(bot.words(topic) == ["data"] for topic in topics)


@pytest.mark.real_time
async def test_a_server_that_drops_each_connection_after_accepting_it_is_dialled_more_and_more_seldom() -> None:
    pauses = Backoff(initial=FIRST, maximum=30.0, jitter=0.1, reset_after=10.0)
    async with scene(symbols=(BTC,), options=streaming(reconnect=pauses), endpoints=1) as bot:
        await bot.control.stall(new=True)  # no data passes before the reset
        for drop in range(1, DROPS + 1):
            await bot.becomes(lambda status: status.connections)
            await bot.control.abort()
            await until(lambda many=1 + drop: len(bot.dialling.opened) >= many)
        dropped = [at for at, _ in bot.dialling.dials]
        await bot.control.resume()
        await bot.says("Resumed")
        await bot.delivers()

        waits = [after - before for before, after in pairwise(dropped)][1 - DROPS :]
        assert all(wait >= 0.9 * FIRST * 2**n for n, wait in enumerate(waits, start=1)), waits
        assert len(bot.dialling.dials) == 1 + DROPS
        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        every_trade_once(bot.all(the(trades, BTC)))
