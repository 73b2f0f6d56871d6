"""S3, the subscription that does not come back: after a reconnect the socket is there, and some of what was subscribed is not.

From pybit#76, python-bittrex-websocket#34, python-kucoin#102, nktkas/hyperliquid#23, cuongitl/python-bitget#24,
hyperliquid-python-sdk#191; JKorf/Binance.Net#948: the confirmation that never comes.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from actors.delivery import aside
from actors.feeds import aggregates, books, candles, mini_tickers, partial_books, quotes, tickers, trades
from actors.market import Feed
from tests.scenarios.support import (
    BTC,
    ETH,
    OPTIONS,
    every_trade_once,
    feeds_of,
    quotes_never_go_back,
    scene,
    streaming,
    the,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

WATCHFUL = streaming(silence=dict.fromkeys(Feed, 0.8))


async def test_every_subscription_of_every_kind_comes_back() -> None:
    kinds = (trades, quotes, books, aggregates, partial_books, candles, tickers, mini_tickers)
    topics = [the(make, symbol) for symbol in (BTC, ETH) for make in kinds]
    options = evolve(OPTIONS, instruments_per_stream=2)
    async with scene(*topics, symbols=(BTC, ETH), options=options, speed=5.0) as bot:
        before = (await bot.connection_of("btcusdt@trade")).subscriptions
        assert len(before) == len(topics)
        async with bot.outage():
            await bot.says("Disconnected")
        await bot.says("Resumed")
        await bot.delivers()
        after = await bot.connection_of("btcusdt@trade")

        assert sorted(after.subscriptions) == sorted(before)
        for symbol in (BTC, ETH):
            for make in (trades, aggregates):
                assert bot.script(the(make, symbol)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
                every_trade_once(bot.all(the(make, symbol)))
            assert bot.script(the(books, symbol)) == ["data", "Disconnected", "Resumed", "Gap", "data"]
            for make in (quotes, partial_books, candles, tickers, mini_tickers):
                assert bot.script(the(make, symbol)) == ["data", "Disconnected", "Resumed", "data"]
            quotes_never_go_back(bot.all(the(quotes, symbol)))


async def test_a_confirmation_that_never_comes_is_noticed() -> None:
    async with scene(symbols=(BTC,), options=WATCHFUL) as bot:
        # Whoever connects now is let in, and that is all: no request is read, none is answered.
        assert await bot.control.half_open(endpoint=2, new=True) == 0
        assert await bot.control.abort() == 1
        await bot.says("Disconnected")
        status = await bot.becomes(lambda status: status.totals.connections >= 3)
        await bot.control.resume()
        await bot.says("Resumed")
        await bot.delivers()

        assert [one.subscriptions for one in status.connections if one.half_open][-1:] == [()]
        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        assert bot.script(the(books, BTC)) == ["data", "Disconnected", "Resumed", "Gap", "data"]
        every_trade_once(bot.all(the(trades, BTC)))


async def test_what_is_confirmed_after_a_reconnect_and_not_delivered_is_asked_for_anew() -> None:
    options = evolve(WATCHFUL, instruments_per_stream=2)
    async with scene(symbols=(BTC, ETH), options=options, speed=5.0) as bot:
        victim = the(trades, BTC)
        await bot.control.stall(stream="btcusdt@trade", new=True)
        async with bot.outage():
            await bot.says("Disconnected")
        await bot.says("Resumed", *(topic for topic in bot.topics if topic != victim))
        # One message for all of them, then two for the one that does not come.
        await bot.becomes(lambda status: [one.messages_received for one in status.connections] == [3])
        assert bot.script(victim) == ["data", "Disconnected"]
        await bot.control.resume()
        await bot.says("Resumed", victim)
        await bot.delivers()

        assert bot.script(victim) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(trades, ETH)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        every_trade_once(bot.all(victim))
        every_trade_once(bot.all(the(trades, ETH)))


async def test_one_refused_subscription_does_not_take_the_others_with_it_and_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aside, "FIRST_PAUSE", 1.0)  # else 10 s
    options = evolve(OPTIONS, instruments_per_stream=2)
    async with scene(symbols=(BTC, ETH), options=options, speed=5.0) as bot:
        victim = the(trades, BTC)
        others = [topic for topic in feeds_of(BTC, ETH) if topic != victim]
        await bot.control.refuse_subscription("btcusdt@trade")
        async with bot.outage():
            await bot.says("Disconnected")
        await bot.says("Rejected", victim)
        assert bot.script(victim) == ["data", "Disconnected", "Rejected"]
        await bot.control.resume()
        await bot.says("Resumed", *others)
        await bot.delivers(*others)
        await bot.says("Resumed", victim)
        await bot.delivers()

        assert bot.script(victim) == ["data", "Disconnected", "Rejected", "Resumed", "Filled", "data"]
        assert bot.script(the(trades, ETH)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        for symbol in (BTC, ETH):
            assert bot.script(the(quotes, symbol)) == ["data", "Disconnected", "Resumed", "data"]
            every_trade_once(bot.all(the(trades, symbol)))
