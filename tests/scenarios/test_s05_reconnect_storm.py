"""S5, the reconnect storm: after two days connections are replaced four or five times a second, and go on so.

From nautilus_trader#1989, #1339.
"""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest

from actors.feeds import quotes, trades
from actors.streaming.link import SPREAD
from supervisor import Backoff
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

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

LIFE = 0.8
"""Seconds that stand for the 24 hours of a connection."""
GENERATIONS = 2
FIRST, DROPS = 0.05, 4


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
        # What was opened together is not replaced together.
        renewed = sorted(bot.dialling.opened)[3:6]
        assert renewed[-1] - renewed[0] > 0.0005
        assert bot.restarts == {}


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
