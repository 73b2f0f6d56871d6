"""S10, bans: an exchange that limits an address is asked on, by this connection or by that one, and the ban grows.

From ccxt#14639, OctoBot#2108 (100 symbols and more), BTCT#427 (429 is ignored), chrisleekr/binance-trading-bot#251,
XChange#4011.

The simulator counts whatever comes while it bans (`totals.banned`): the request that was told of the ban is the only one.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors.feeds import books, quotes, trades
from supervisor import SqliteStore
from supervisor.testing import await_restart, kill
from tests.scenarios.support import (
    BTC,
    ETH,
    Bot,
    bot_at,
    every_trade_once,
    feeds_of,
    scene,
    status_when,
    the,
)
from tests.simulator.support import simulator

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

BAN = 0.9
"""Seconds; Retry-After is in whole ones, and says 1."""


async def all_fetched(bot: Bot) -> None:
    """What a bot asks for as it starts, it has: nothing is on its way when the ban begins."""
    asked = -1
    while asked != (asked := (await bot.status()).totals.rest_requests):
        await anyio.sleep(0.1)


async def test_after_a_429_no_request_is_made_until_it_is_time_and_streams_stay_open() -> None:
    async with scene(symbols=(BTC, ETH)) as bot:
        await all_fetched(bot)
        await bot.control.ban(BAN, status=429)
        for symbol in ("BTCUSDT", "ETHUSDT"):  # their books have to be fetched anew
            await bot.control.gap(symbol)
            await bot.says("Gap", the(books, BTC if symbol == "BTCUSDT" else ETH))
        during = await bot.status()
        await bot.delivers()
        after = await bot.status()

        assert during.totals.banned == after.totals.banned == 1
        for symbol in (BTC, ETH):
            assert bot.script(the(books, symbol)) == ["data", "Gap", "data"]
            assert bot.script(the(quotes, symbol)) == ["data"]
            assert bot.script(the(trades, symbol)) == ["data"]
            every_trade_once(bot.all(the(trades, symbol)))
        assert after.totals.connections == 2


async def test_after_a_418_nobody_connects_or_asks_anywhere_until_it_is_time_not_even_a_manager_that_was_born_since() -> None:
    async with scene(symbols=(BTC, ETH)) as bot:
        await all_fetched(bot)
        kept = await bot.connection_of("ethusdt@trade")
        await bot.control.ban(BAN, status=418)
        await bot.control.abort(stream="btcusdt@trade")
        await bot.becomes(lambda status: status.totals.banned)  # BTC has tried to connect
        await bot.control.gap("ETHUSDT")
        await bot.says("Gap", the(books, ETH))
        manager = bot.venue.child("connection manager")
        await await_restart(manager, kill(manager))
        await bot.says("Resumed", *feeds_of(BTC))
        await bot.delivers()
        status = await bot.status()

        assert status.totals.banned == 1
        assert len(bot.dialling.dials) == 4  # two at the start, the one that was refused, and the one after the ban
        assert bot.script(the(trades, BTC)) == ["data", "Disconnected", "Resumed", "Filled", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        assert bot.script(the(books, ETH)) == ["data", "Gap", "data"]
        assert bot.script(the(trades, ETH)) == bot.script(the(quotes, ETH)) == ["data"]
        assert (await bot.connection_of("ethusdt@trade")).number == kept.number
        for symbol in (BTC, ETH):
            every_trade_once(bot.all(the(trades, symbol)))


async def test_a_bot_that_is_started_again_waits_for_the_end_of_the_ban_that_the_one_before_ran_into(tmp_path: Path) -> None:
    file, topics = tmp_path / "bot.db", [the(trades, BTC), the(quotes, BTC)]
    async with simulator(symbols=(BTC,)) as started:
        async with bot_at(started, *topics, store=SqliteStore(file)) as bot:
            await all_fetched(bot)
            await bot.control.ban(BAN, status=418)
            await bot.control.abort()
            before = await bot.becomes(lambda status: status.totals.banned)
            last = bot.data(topics[0])[-1].id
        async with bot_at(started, *topics, store=SqliteStore(file), wait=False) as bot:
            await bot.delivers()
            after = await status_when(bot.control, lambda status: status.connections)

            assert before.totals.banned == after.totals.banned == 1
            assert after.totals.connections == before.totals.connections + 1
            # It knows where the one before was, and what was traded in between is there.
            assert bot.script(topics[0]) == ["Resumed", "Filled", "data"]
            assert bot.script(topics[1]) == ["Resumed", "data"]
            every_trade_once(bot.all(topics[0]))
            assert bot.data(topics[0])[0].id >= last + 1
