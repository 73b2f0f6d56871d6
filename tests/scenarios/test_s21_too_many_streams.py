"""S21, more subscriptions than a connection may carry: they are spread over connections, and all of them deliver.

unicorn-binance-websocket-api#17: the exchange closes what is subscribed to too much (code 4), and all of it is gone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest
from attrs import evolve

from actors.fault_tolerance import FaultTolerance
from actors.feeds import aggregates, books, candles, mini_tickers, quotes, tickers, trades
from actors.market import Rejected
from supervisor import Topic
from tests.scenarios.support import BTC, ETH, OPTIONS, SOL, Bot, every_trade_once, feeds_of, scene, the, until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

LIMIT = 4
"""Streams per connection, at the exchange as in what the adapter knows of it."""
SETTINGS: dict[str, Any] = {"stream_limit": LIMIT, "limits": {"subscriptions": LIMIT}, "speed": 3.0}
TOGETHER = evolve(OPTIONS, instruments_per_stream=10)
"""As many instruments on a connection as fit."""


async def carried(bot: Bot) -> Counter[str]:
    """How often each stream is subscribed; no connection has more than it may."""
    open_now = (await bot.status()).connections
    assert max(len(one.subscriptions) for one in open_now) <= LIMIT
    return Counter(stream for one in open_now for stream in one.subscriptions)


async def test_nine_subscriptions_are_spread_over_connections_of_four() -> None:
    async with scene(*feeds_of(BTC, ETH, SOL), options=TOGETHER, symbols=(BTC, ETH, SOL), **SETTINGS) as bot:
        subscribed = await carried(bot)
        await bot.control.abort()
        await bot.says("Resumed", times=1)
        await bot.delivers()
        again = await carried(bot)
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}

    assert len(subscribed) == subscribed.total() == 9
    assert again == subscribed
    for key, script in scripts.items():
        assert script[:3] == ["data", "Disconnected", "Resumed"], key
        assert set(script[3:]) <= {"Filled", "Gap", "data"}, key
    for symbol in (BTC, ETH, SOL):
        every_trade_once(bot.all(the(trades, symbol)))
    assert bot.restarts.total() == 0


async def test_one_instrument_with_more_feeds_than_a_connection_may_carry_is_spread_too() -> None:
    makers = (trades, quotes, books, aggregates, tickers, mini_tickers, candles)
    async with scene(*(the(make, BTC) for make in makers), symbols=(BTC,), **SETTINGS) as bot:
        await bot.delivers()
        subscribed = await carried(bot)
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}

    assert len(subscribed) == subscribed.total() == len(makers)
    assert scripts == {key: ["data"] for key in scripts}


async def test_what_is_wanted_later_finds_room_and_nobody_is_disturbed() -> None:
    later: list[Topic[Any]] = [the(make, symbol) for symbol in (ETH, SOL) for make in (quotes, books, candles)]
    async with scene(*feeds_of(BTC), options=TOGETHER, symbols=(BTC, ETH, SOL), **SETTINGS) as bot:
        tolerance = FaultTolerance(bot.root)
        first: dict[str, Any] = {}

        async def subscriber(topic: Topic[Any]) -> None:
            async with tolerance.subscribe(topic) as events:
                async for event in events:
                    first.setdefault(topic.key, []).append(event)

        async with anyio.create_task_group() as group:
            for topic in later:
                group.start_soon(subscriber, topic)
            await until(lambda: all(len(first.get(topic.key, ())) > 2 for topic in later))
            subscribed = await carried(bot)
            scripts = {topic.key: bot.script(topic) for topic in bot.topics}
            group.cancel_scope.cancel()
        # Nobody wants them any more: they are taken off, and what was there before stays.
        await bot.becomes(lambda status: sum(len(one.subscriptions) for one in status.connections) == 3)
        await bot.delivers()
        after = {topic.key: bot.script(topic) for topic in bot.topics}

    assert len(subscribed) == subscribed.total() == 9
    assert scripts == after == {key: ["data"] for key in scripts}
    assert not [one for seen in first.values() for one in seen if isinstance(one, Rejected)]
