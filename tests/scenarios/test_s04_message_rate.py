"""S4, the burst of resubscriptions: after a reconnect everything is asked for at once, the exchange finds that too much (1008),
and the next connection does the same.

From nautilus_trader#5012 (a token bucket of 5 lets 9 messages through in the first second: the rule is a rolling window),
binance-connector-go#90, binance-connector-js#530, QuantConnect/Lean#5583, pybotters#96.
"""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from actors.exchanges.binance import Binance
from actors.exchanges.binance.session import BinanceSession
from actors.feeds import books, quotes, trades
from actors.simulator import Started
from tests.scenarios.support import (
    BTC,
    ETH,
    OPTIONS,
    SOL,
    binance_at,
    bot_at,
    every_trade_once,
    the,
)
from tests.simulator.support import simulator

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

WINDOW, BELIEVED = 0.3, 0.45
"""Seconds: in which the exchange takes 5 messages, and what the bot is told. The rest is for a loop that stands still while
messages are on their way: they arrive closer together than they left."""


@frozen(kw_only=True)
class OneByOne(Binance):
    """Asks for each stream with a message of its own, where our adapter asks for 200 at once."""

    def session(self) -> BinanceSession:
        return BinanceSession(batch=1)


def one_by_one(started: Started) -> OneByOne:
    usual = binance_at(started, messages_within=BELIEVED)
    return OneByOne(endpoints=usual.endpoints, depth_limit=usual.depth_limit, limits=usual.limits)


async def test_nine_messages_and_the_pongs_between_them_keep_to_five_in_any_second() -> None:
    topics = [the(make, symbol) for symbol in (BTC, ETH, SOL) for make in (trades, quotes, books)]
    options = evolve(OPTIONS, instruments_per_stream=3)
    settings = {"symbols": (BTC, ETH, SOL), "message_window": WINDOW, "ping_interval": 0.25, "pong_timeout": 30.0}
    async with (
        simulator(**settings) as started,
        bot_at(started, *topics, options=options, exchange=one_by_one(started)) as bot,
    ):
        async with bot.outage():
            await bot.says("Disconnected")
        await bot.says("Resumed")
        await bot.delivers()
        status = await bot.status()

        assert status.totals.violations == 0
        connection = await bot.connection_of("btcusdt@trade")
        assert len(connection.subscriptions) == len(topics)
        assert connection.messages_received > len(topics)  # there were pongs, and they counted
        for symbol in (BTC, ETH, SOL):
            assert bot.script(the(trades, symbol)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
            every_trade_once(bot.all(the(trades, symbol)))
            assert bot.script(the(books, symbol)) == ["data", "Disconnected", "Resumed", "Gap", "data"]
            assert bot.script(the(quotes, symbol)) == ["data", "Disconnected", "Resumed", "data"]
