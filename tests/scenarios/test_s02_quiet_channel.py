"""S2, the watchdog that cries wolf: a channel on which nothing happens is reconnected again and again the exchange
limits the address.

From cryptofeed#223, #536, #563.
"""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

from actors.feeds import books, quotes, trades
from actors.market import Feed
from actors.protocol import FALLBACKS
from tests.scenarios.support import BTC, ETH, every_trade_once, quotes_never_go_back, scene, streaming, the

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

PATIENT = 0.25
"""Seconds without trades that are put up with at first."""
ENOUGH = 1.8
"""Seconds without trades. Who does not grow more patient does something about it seven times."""
LOOKS = 3
"""Who does, after 0.25, 0.5 and 1 seconds; the slower the machine, the fewer."""
OPTIONS = streaming(silence={Feed.TRADES: PATIENT})


async def test_a_market_in_which_nothing_happens_is_no_silence_as_long_as_the_exchange_pings() -> None:
    async with scene(symbols=(BTC,), options=OPTIONS, speed=5.0, ping_interval=0.05, message_limit=1_000) as bot:
        bot.follow(FALLBACKS)
        await bot.control.stall(new=True)
        await bot.says("Disconnected")
        await anyio.sleep(ENOUGH)
        status = await bot.status()
        quiet = [bot.script(topic) for topic in bot.topics]
        await bot.control.resume()
        await bot.says("Resumed")
        await bot.delivers()

        assert quiet == [["data", "Disconnected"]] * 3
        assert 1 < status.totals.connections <= 1 + LOOKS
        assert status.endpoints[1].accepted == 0, "the endpoint was left, though it pings"
        assert bot.seen[FALLBACKS.key] == []
        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        every_trade_once(bot.all(the(trades, BTC)))


async def test_a_quiet_feed_among_lively_ones_costs_some_messages_and_no_connection() -> None:
    topics = [the(trades, BTC), the(quotes, BTC), the(quotes, ETH), the(books, ETH)]
    async with scene(*topics, symbols=(BTC, ETH), options=evolve(OPTIONS, instruments_per_stream=2), speed=5.0) as bot:
        before = (await bot.connection_of("btcusdt@trade")).messages_received
        await bot.control.stall(stream="btcusdt@trade", new=True)
        await bot.says("Disconnected", the(trades, BTC))
        await anyio.sleep(ENOUGH)
        status = await bot.status()

        assert bot.script(the(trades, BTC)) == ["data", "Disconnected"]
        assert [bot.script(topic) for topic in topics[1:]] == [["data"]] * 3
        assert status.totals.connections == 1
        assert 0 < status.connections[0].messages_received - before <= 2 * LOOKS
        for topic in topics[1:3]:
            quotes_never_go_back(bot.all(topic))
