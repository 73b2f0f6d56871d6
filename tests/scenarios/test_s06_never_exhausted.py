"""S6, retries that run out: after so many attempts, or after a goodbye that looks friendly, nobody tries any more. The process
is alive, and idle.

From cryptofeed#124, python-binance#1589 (ConnectionClosedOK after some four days).
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actors.feeds import quotes, trades
from actors.market import Disconnected
from actors.resilience import BreakerConfig
from supervisor import Backoff
from tests.scenarios.support import BTC, every_trade_once, quotes_never_go_back, scene, streaming, the, until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

TOPICS = [the(trades, BTC), the(quotes, BTC)]
OFTEN = 15
"""More than anybody's counts: python-binance gives up after 5, cryptofeed after 10, the schedule's exponent is far beyond."""


async def test_a_friendly_goodbye_is_no_reason_to_stay_away_however_often_it_is_said() -> None:
    options = streaming(reconnect=Backoff(0.01, 0.02, reset_after=0.015))
    async with scene(*TOPICS, symbols=(BTC,), options=options, speed=5.0) as bot:
        for number in range(1, OFTEN + 1):
            await bot.control.close(code=1000, reason="")
            await bot.says("Resumed", times=number)
            await bot.delivers()

        assert bot.script(the(quotes, BTC)) == ["data", *["Disconnected", "Resumed", "data"] * OFTEN]
        # What was traded meanwhile, if anything was, is Filled besides.
        told = [word for word in bot.script(the(trades, BTC)) if word not in {"Filled", "data"}]
        assert told == ["Disconnected", "Resumed"] * OFTEN
        every_trade_once(bot.all(the(trades, BTC)))
        quotes_never_go_back(bot.all(the(quotes, BTC)))
        assert all("1000" in reason for topic in TOPICS for reason in bot.reasons(topic))
        assert bot.restarts == {}


async def test_an_exchange_that_refuses_for_ages_is_tried_on_and_found_when_it_is_back() -> None:
    breaker = BreakerConfig(open_for=0.05, open_maximum=0.1, successes=1)
    options = evolve(streaming(reconnect=Backoff(0.02, 0.05)), breaker=breaker)
    async with scene(*TOPICS, symbols=(BTC,), options=options) as bot:
        async with bot.outage():
            await until(lambda: len(bot.dialling.dials) > OFTEN)
        await bot.says("Resumed")
        await bot.delivers()

        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        every_trade_once(bot.all(the(trades, BTC)))
        assert bot.restarts == {}
        assert isinstance(bot.markers(the(quotes, BTC))[0], Disconnected)
