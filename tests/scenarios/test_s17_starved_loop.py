"""S17, a loop that is starved of CPU: nobody could read, so nobody was silent, and no connection is given up for it.

unicorn-binance-websocket-api#284, #211 (a loop that computes answers no ping, and is closed with 1011), go-binance#693 (a
client that gives up too soon). The exchange is another process: its data and its pings queue up while our loop is held.
"""

from __future__ import annotations

import time

import pytest

from actors.analysis.patterns import Pattern, Recommendation
from actors.feeds import books, quotes, trades
from actors.market import Feed
from actors.protocol import ALERTS, HEALTH, Diagnose
from actors.simulator import SimulatorConfig
from actors.simulator.process import running_simulator
from tests.scenarios.support import (
    BTC,
    ETH,
    binance_at,
    book_top_equals_quote,
    bot_at,
    every_trade_once,
    quotes_never_go_back,
    streaming,
    the,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

PING = 0.3
"""Seconds between the exchange's pings. Three intervals without one mean a dead connection."""
SILENCE = 0.6
"""Seconds."""
HELD = 1.3
"""Seconds that the loop is held: longer than all of these."""


async def test_a_held_loop_cuts_nothing_tells_no_one_of_silence_and_is_diagnosed(anyio_backend_name: str) -> None:
    config = SimulatorConfig(symbols=(BTC, ETH), speed=5.0, ping_interval=PING, pong_timeout=20.0)
    options = streaming(silence=dict.fromkeys(Feed, SILENCE), learn=False)
    async with (
        running_simulator(config, backend=anyio_backend_name) as started,
        bot_at(started, options=options, exchange=binance_at(started, server_ping=PING)) as bot,
    ):
        bot.follow(ALERTS)
        health = bot.venue.ref(HEALTH)
        time.sleep(HELD)  # noqa: ASYNC251  # it is what this is about: a strategy that computes in the loop
        await bot.delivers()
        await until(lambda: any(moved.alert.key == "event loop" for moved in bot.all(ALERTS)))
        found = await health.ask(Diagnose())
        await bot.delivers()
        status = await bot.status()
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}

    assert scripts == {key: ["data"] for key in scripts}
    for symbol in (BTC, ETH):
        every_trade_once(bot.all(the(trades, symbol)))
        quotes_never_go_back(bot.all(the(quotes, symbol)))
        assert book_top_equals_quote(bot.all(the(quotes, symbol)), bot.all(the(books, symbol)))
    assert [one.number for one in status.connections] == [1, 2]
    assert (status.totals.unanswered_pings, status.totals.violations, len(bot.dialling.dials)) == (0, 0, 2)
    assert bot.restarts.total() == 0
    assert (found.pattern, found.action) == (Pattern.LOOP_BLOCKED, Recommendation.FIND_BLOCKER)
    assert "Our event loop was held for" in found.evidence[0]
