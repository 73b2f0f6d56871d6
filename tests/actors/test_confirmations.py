"""A subscription is confirmed, or it delivers, or it is asked for anew."""

from __future__ import annotations

import itertools

import anyio
import pytest
from attrs import evolve

from actors.feeds import books, quotes, trades
from actors.fleet.subscribing import subscription_to
from actors.market import Feed
from actors.protocol import STREAMS, Want
from tests.actors.exchange import OPTIONS, STREAM, Bot, Connection, FakeExchange, running, stream_of, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
QUOTES = stream_of("BTCUSDT", Feed.QUOTES)
PATIENT = evolve(OPTIONS, stream=evolve(STREAM, silence=dict.fromkeys(Feed, 600.0)))
"""Silence is noticed much later than a missing confirmation."""


async def want_quotes(bot: Bot) -> None:
    wanted = (subscription_to(bot.exchange.binance(), quotes(BTC)),)
    bot.follow(quotes(BTC))
    await bot.venue.ref(STREAMS).ask(Want(wanted))


def asked_for_quotes(connection: Connection) -> list[float]:
    """When."""
    asked = ((at, what) for at, _, what in connection.received if isinstance(what, dict))
    return [at for at, what in asked if what["method"] == "SUBSCRIBE" and QUOTES in what["params"]]


async def test_a_request_that_got_lost_is_made_again_though_the_channel_may_be_quiet_for_long() -> None:
    async with running(FakeExchange(["BTCUSDT"]), feeds=[trades(BTC)], options=PATIENT) as bot:
        bot.forget()
        bot.exchange.unheard = 1
        await want_quotes(bot)
        await bot.delivers(quotes(BTC), within=12.0)
        assert len(bot.exchange.connections) == 1
        assert bot.words(trades(BTC)) == ["data"]


async def test_a_request_for_everything_that_got_lost_is_made_again() -> None:
    exchange = FakeExchange(["BTCUSDT"], unheard=1)
    async with running(exchange, feeds=[trades(BTC), quotes(BTC), books(BTC)], options=PATIENT, wait=False) as bot:
        await bot.delivers(within=14.0)
        assert len(exchange.connections) == 1


async def test_what_is_confirmed_and_quiet_is_not_asked_for_again() -> None:
    async with running(FakeExchange(["BTCUSDT"]), feeds=[trades(BTC)], options=PATIENT) as bot:
        bot.exchange.muted.add(QUOTES)
        await want_quotes(bot)
        await anyio.sleep(60.0)
        assert len(asked_for_quotes(bot.exchange.open[0])) == 1


async def test_what_delivers_needs_no_confirmation() -> None:
    async with running(FakeExchange(["BTCUSDT"]), feeds=[trades(BTC)], options=PATIENT) as bot:
        bot.exchange.unheard = 1
        bot.exchange.open[0].streams.add(QUOTES)  # it was heard, and the answer got lost
        await want_quotes(bot)
        await anyio.sleep(60.0)
        assert len(asked_for_quotes(bot.exchange.open[0])) == 1


async def test_what_is_never_confirmed_is_asked_for_more_and_more_seldom() -> None:
    async with running(FakeExchange(["BTCUSDT"], tick=2.0), feeds=[trades(BTC)], options=PATIENT) as bot:
        bot.exchange.unheard = 1_000
        await want_quotes(bot)
        await anyio.sleep(200.0)
        times = asked_for_quotes(bot.exchange.open[0])
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses == pytest.approx([10.0, 20.0, 40.0, 80.0], abs=1.0)


async def test_a_request_that_gets_lost_on_the_way_back_is_made_again() -> None:
    async with running(FakeExchange(["BTCUSDT"]), feeds=[trades(BTC)], options=PATIENT) as bot:
        bot.exchange.unheard = 1
        bot.exchange.abort()
        await until(lambda: len(bot.exchange.connections) == 2)
        await bot.delivers(within=12.0)
        assert len(bot.exchange.connections) == 2
