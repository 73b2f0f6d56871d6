"""S16, candles that stand still after 24 hours, and a fallback to REST for good.

freqtrade#11821, #12596, #11725, #10597: after a day the exchange ends the connection, its candles are not subscribed again or
stand still, and from then on everything is asked for by REST. Here a day takes a second.
"""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest
from attrs import evolve

from actors.fallbacks.options import FallbackOptions
from actors.feeds import candles, trades
from actors.market import Candle, Disconnected, Resumed, Source, SourceChanged
from actors.protocol import FALLBACKS, FallbackKind, FallbackMoved
from supervisor import Topic
from tests.scenarios.support import BTC, OPTIONS, Bot, every_trade_once, scene, the, until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

CANDLES: Topic[Any] = candles(f"binance:{BTC}", "1m")
TRADES = the(trades, BTC)
DAY = 0.8
"""Seconds. What is an hour between our 23 and the exchange's 24 would be too short for any hand-over: here it is half a day."""


def of_polling(bot: Bot) -> list[bool]:
    """When the fallback to polling was put in force and lifted."""
    said = [moved.on for moved in bot.all(FALLBACKS) if moved.kind is FallbackKind.PROTOCOL]
    return [on for number, on in enumerate(said) if number == 0 or said[number - 1] is not on]


def candles_go_on(seen: list[Candle]) -> None:
    """Neither the candles nor what is said of each go back, and each minute follows the one before."""
    opens = sorted({one.open_ms for one in seen})
    assert [later - earlier for earlier, later in itertools.pairwise(opens)] == [60_000] * (len(opens) - 1)
    assert [(one.open_ms, one.trades) for one in seen] == sorted((one.open_ms, one.trades) for one in seen)
    assert {one.open_ms for one in seen if one.closed} >= set(opens[1:-1])


async def test_over_three_days_candles_come_on_over_the_stream_and_no_minute_is_missing() -> None:
    # A second of ours is three of its minutes.
    async with scene(
        CANDLES, TRADES, symbols=(BTC,), speed=180.0, max_age=1.5 * DAY, limits={"max_age": DAY}, options=OPTIONS
    ) as bot:
        bot.follow(FALLBACKS)
        await bot.becomes(lambda status: status.totals.connections >= 4)
        await until(lambda: len({one.open_ms for one in bot.data(CANDLES)}) >= 5)
        await bot.delivers()
        scripts = bot.script(CANDLES), bot.script(TRADES)
        open_now = await bot.becomes(lambda status: len(status.connections) == 1)

    assert scripts == (["data"], ["data"])
    candles_go_on(bot.data(CANDLES))
    every_trade_once(bot.all(TRADES))
    assert of_polling(bot) == []
    assert open_now.connections[0].number >= 4


async def test_polling_is_in_force_only_as_long_as_no_stream_can_be_opened() -> None:
    options = evolve(
        OPTIONS, fallbacks=FallbackOptions(poll_after=0.3, poll_lift_after=0.3, poll_at_least=0.1, cache_after=1e6)
    )
    async with scene(CANDLES, TRADES, symbols=(BTC,), speed=20.0, options=options) as bot:
        bot.follow(FALLBACKS)
        await bot.control.handshake_error(503, count=None)
        await bot.control.abort()
        await bot.says("SourceChanged")
        await bot.delivers()
        await bot.delivers()
        polled = {topic.key: bot.markers(topic) for topic in bot.topics}
        in_force = of_polling(bot)
        await bot.control.resume()
        await bot.says("SourceChanged", times=2)
        await until(lambda: of_polling(bot) == [True, False])
        before = (await bot.status()).totals.rest_requests
        await anyio.sleep(0.6)  # six polls of each
        after = await bot.status()
        back = {topic.key: bot.markers(topic)[len(polled[topic.key]) :] for topic in bot.topics}

    assert in_force == [True]
    for told in polled.values():
        lost, resumed, source, *rest = told
        assert (type(lost), type(resumed)) == (Disconnected, Resumed)
        assert (type(source), source.source, source.reason) == (SourceChanged, Source.POLLING, "the stream does not deliver")
        assert {type(one).__name__ for one in rest} <= {"Filled"}
    for told in back.values():
        sources = [one.source for one in told if isinstance(one, SourceChanged)]
        assert sources == [Source.STREAM]
        assert {type(one).__name__ for one in told} <= {"SourceChanged", "Filled"}
    candles_go_on(bot.data(CANDLES))
    every_trade_once(bot.all(TRADES))
    moved: list[FallbackMoved] = bot.all(FALLBACKS)
    assert {one.scope for one in moved if one.kind is FallbackKind.PROTOCOL} == {"BTCUSDT"}
    assert after.totals.rest_requests - before <= 3  # for the time
    assert len(after.connections) == 1
