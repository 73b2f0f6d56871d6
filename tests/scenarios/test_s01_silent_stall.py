"""S1, the silent stall: a socket is alive, pongs and all, and brings no data.

From ccxt#22662 (for 12 hours), ccxt#17081, ccxt#23214, ccxt#21731, websocket-client#674, binance-connector-java#139 (one of
several sockets), python-binance#1057 and #1090, node-binance-api#86 (some symbols of a multiplex).
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actors.feeds import books, quotes, trades
from actors.market import Feed
from tests.scenarios.support import (
    BTC,
    ETH,
    book_top_equals_quote,
    every_trade_once,
    feeds_of,
    quotes_never_go_back,
    scene,
    streaming,
    the,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

SILENCE = 0.8
"""Seconds. The market brings something every 17 ms: it takes a loop that stands still to have it quiet for so long, and who
wakes up from that judges nobody."""
WATCHFUL = streaming(silence=dict.fromkeys(Feed, SILENCE))


async def test_a_socket_that_pongs_and_brings_nothing_is_replaced_and_nothing_is_lost() -> None:
    async with scene(symbols=(BTC,), options=WATCHFUL, ping_interval=0.2) as bot:
        assert await bot.control.stall() == 1
        await bot.says("Resumed")
        await bot.delivers()

        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        assert bot.script(the(books, BTC)) == ["data", "Disconnected", "Resumed", "Gap", "data"]
        reasons = [reason for topic in bot.topics for reason in bot.reasons(topic)]
        assert len(reasons) == 3
        # Whose last event was the very last one. Another may have been found quiet just before.
        assert any(reason.startswith("nothing came for ") for reason in reasons), reasons
        every_trade_once(bot.all(the(trades, BTC)))
        quotes_never_go_back(bot.all(the(quotes, BTC)))
        await until(lambda: book_top_equals_quote(bot.all(the(quotes, BTC)), bot.all(the(books, BTC))) > 5)
        assert len(bot.dialling.dials) == 2


async def test_of_several_sockets_only_the_silent_one_is_replaced() -> None:
    async with scene(symbols=(BTC, ETH), options=WATCHFUL) as bot:
        for stream in ("btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"):
            assert await bot.control.stall(stream=stream) == 1
        await bot.says("Resumed", *feeds_of(BTC))
        await bot.delivers()

        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        for topic in feeds_of(ETH):
            assert bot.script(topic) == ["data"]
        every_trade_once(bot.all(the(trades, BTC)))
        every_trade_once(bot.all(the(trades, ETH)))
        assert len(bot.dialling.dials) == 3


async def test_a_quiet_subscription_of_a_multiplex_is_asked_for_anew_and_the_others_never_notice() -> None:
    options = evolve(WATCHFUL, instruments_per_stream=2)
    async with scene(symbols=(BTC, ETH), options=options) as bot:
        victim = the(trades, BTC)
        before = (await bot.connection_of("btcusdt@trade")).messages_received
        assert await bot.control.stall(stream="btcusdt@trade") == 1
        # It is unsubscribed and subscribed again: only then does the exchange go on, as the real one does.
        await bot.becomes(lambda status: status.connections[0].messages_received >= before + 2)
        await bot.control.resume()
        await bot.says("Resumed", victim)
        await bot.delivers()
        status = await bot.status()

        assert bot.script(victim) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.reasons(victim)[0].startswith("quiet for "), bot.reasons(victim)
        every_trade_once(bot.all(victim))
        for topic in bot.topics:
            if topic != victim:
                assert bot.script(topic) == ["data"]
        assert status.totals.connections == 1
        assert set(status.connections[0].subscriptions) == {
            f"{native}@{kind}" for native in ("btcusdt", "ethusdt") for kind in ("trade", "bookTicker", "depth@100ms")
        }
        assert status.connections[0].messages_received == before + 2
