"""A connection is replaced while it lives: nothing is lost, nothing comes twice, and nobody is told of a hole."""

from __future__ import annotations

import itertools
import math

import anyio
import pytest
from attrs import evolve
from msgspec import structs

from actors.feeds import books, quotes, trades
from actors.market import Disconnected, Filled, Gap, Resumed
from actors.ports import Limits
from actors.protocol import (
    CONNECTIONS,
    LEASES,
    EndpointStates,
    IsolateEndpoint,
    ManagerStarted,
    ReleaseEndpoint,
    Renew,
    StreamStatus,
)
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import OPTIONS, STREAM, Bot, FakeExchange, running, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
ALL = [trades(BTC), quotes(BTC), books(BTC)]


def every_trade_once(bot: Bot) -> bool:
    """Ids that count up by one, from the first to the last."""
    ids = [trade.id for trade in bot.data(trades(BTC))]
    return all(later == earlier + 1 for earlier, later in itertools.pairwise(ids))


def quotes_never_go_back(bot: Bot) -> bool:
    ids = [quote.update_id for quote in bot.data(quotes(BTC))]
    return all(later > earlier for earlier, later in itertools.pairwise(ids))


async def status(bot: Bot) -> dict[str, object]:
    return await bot.streams.child("BTCUSDT").ask(StreamStatus())


async def test_an_announced_shutdown_is_not_noticed_by_consumers() -> None:
    async with running(FakeExchange(tick=0.1), feeds=ALL) as bot:
        bot.forget()
        await bot.delivers()
        bot.exchange.announce_shutdown()
        await until(lambda: len(bot.exchange.connections) == 2 and len(bot.exchange.open) == 1)
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)
        assert every_trade_once(bot)
        assert quotes_never_go_back(bot)
        assert (await status(bot))["hand_overs"] == 1
        assert (await status(bot))["losses"] == 0


async def test_the_new_connection_is_seen_to_deliver_before_the_old_one_goes() -> None:
    async with running(FakeExchange(tick=0.1), feeds=ALL) as bot:
        (old,) = bot.exchange.open
        bot.exchange.announce_shutdown()
        await until(lambda: len(bot.exchange.open) == 2)
        new = bot.exchange.open[1]
        await until(lambda: not old.open)
        assert len(new.streams) == 3
        assert len(bot.exchange.open) == 1
        assert (await status(bot))["duplicates"] > 0, "both delivered for a while"


async def test_a_new_connection_that_does_not_deliver_is_left_and_the_old_one_stays() -> None:
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL) as bot:
        (old,) = exchange.open
        exchange.deaf = True
        exchange.announce_shutdown()
        await until(lambda: len(exchange.connections) >= 3)
        assert old.open, "nothing better has been seen yet"
        exchange.deaf = False
        await until(lambda: not old.open)
        await bot.delivers()
        assert not any(isinstance(marker, Disconnected) for topic in ALL for marker in bot.markers(topic))
        assert every_trade_once(bot)


async def test_a_hand_over_that_has_to_wait_for_leave_begins_as_soon_as_it_may() -> None:
    paced = structs.replace(FakeExchange().limits, attempts=1, attempts_within=20.0)
    async with running(FakeExchange(tick=0.1, limits=paced), feeds=ALL) as bot:
        (old,) = bot.exchange.open
        began = anyio.current_time()
        bot.exchange.announce_shutdown()
        await until(lambda: not old.open)
        assert anyio.current_time() - began < 19.0, "no failure was to be slept off"


async def test_an_old_connection_that_ends_before_the_new_one_delivers_loses_nothing_that_can_be_fetched() -> None:
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL) as bot:
        bot.forget()
        (old,) = exchange.open
        exchange.transport.latency = 0.5
        exchange.announce_shutdown()
        await anyio.sleep(0.2)
        exchange.abort(old)
        await bot.delivers()
        await anyio.sleep(3.0)
        assert [type(marker) for marker in bot.markers(trades(BTC))] == [Disconnected, Resumed, Filled]
        assert every_trade_once(bot)


async def test_a_hand_over_whose_old_connection_dies_in_the_middle_goes_on_with_the_new_one() -> None:
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL) as bot:
        bot.forget()
        (old,) = exchange.open
        exchange.deaf = True
        exchange.announce_shutdown()
        await until(lambda: len(exchange.open) == 2 and len(exchange.open[1].streams) == 3)
        exchange.abort(old)
        exchange.deaf = False
        await bot.delivers()
        await anyio.sleep(3.0)
        assert len(exchange.connections) == 2, "the new one serves"
        assert not any(isinstance(marker, Gap) for marker in bot.markers(trades(BTC)))
        assert every_trade_once(bot)


@pytest.mark.long
async def test_a_connection_is_replaced_before_it_reaches_its_maximum_age_again_and_again() -> None:
    limits: Limits = structs.replace(FakeExchange().limits, max_age=240.0)
    exchange = FakeExchange(tick=0.5, limits=limits)
    async with running(exchange, feeds=ALL) as bot:
        bot.forget()
        await anyio.sleep(1_000.0)
        assert len(exchange.connections) == 5
        assert all(bot.words(topic) == ["data"] for topic in ALL)
        assert every_trade_once(bot)
        assert bot.restarts == {}


async def test_whoever_asks_for_a_renewal_gets_one_without_a_hole() -> None:
    async with running(FakeExchange(tick=0.1), feeds=ALL) as bot:
        bot.forget()
        bot.streams.child("BTCUSDT").tell(Renew("an operator wants it"))
        await until(lambda: len(bot.exchange.connections) == 2 and len(bot.exchange.open) == 1)
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)


async def test_a_hand_over_that_waits_for_leave_does_not_keep_the_next_connection_from_being_handed_over() -> None:
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL) as bot:
        manager, names = bot.venue.ref(CONNECTIONS), ("stream-1", "stream-2")
        for name in names:
            await manager.ask(IsolateEndpoint(name))
        exchange.announce_shutdown()
        await anyio.sleep(0.5)  # no leave for 10 s
        for name in names:
            await manager.ask(ReleaseEndpoint(name))
        exchange.abort()
        await bot.delivers(within=2.0)
        bot.forget()
        exchange.announce_shutdown()
        await until(lambda: len(exchange.connections) == 3 and len(exchange.open) == 1, within=5.0)
        await bot.delivers()
        assert all(bot.words(topic) == ["data"] for topic in ALL)


async def test_a_quiet_market_does_not_keep_a_hand_over_from_ending() -> None:
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL):
        exchange.tick = 1_000.0  # nothing is traded from the next tick on
        await anyio.sleep(0.5)
        exchange.announce_shutdown()
        began = anyio.current_time()
        await until(lambda: len(exchange.connections) == 2 and len(exchange.open) == 1)
        assert anyio.current_time() - began < 5.0


async def test_a_spare_takes_over_at_once_and_another_is_made() -> None:
    options = evolve(OPTIONS, stream=evolve(STREAM, spare=True))
    exchange = FakeExchange(tick=0.1)
    async with running(exchange, feeds=ALL, options=options) as bot:
        await until(lambda: len(exchange.open) == 2)
        spare = exchange.open[1]
        assert not spare.streams
        exchange.transport.refuse()  # a dial would fail
        exchange.abort(exchange.open[0])
        await bot.delivers(within=1.0)
        assert len(spare.streams) == 3
        exchange.transport.admit()
        await until(lambda: len(exchange.open) == 2)


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_connection_manager_that_begins_anew_knows_the_leases_that_are_open(end: object) -> None:
    assert callable(end)
    async with running(feeds=ALL) as bot:
        bot.follow(LEASES)
        manager = bot.venue.child("connection manager")
        end(manager)
        await await_restart(manager)
        await until(lambda: any(isinstance(one, ManagerStarted) for one in bot.seen[LEASES.key]))
        await anyio.sleep(0.5)
        states = await bot.venue.ref(CONNECTIONS).ask(EndpointStates())
        assert sum(one.get("leases", 0) for one in states.values() if isinstance(one, dict)) == 1
        assert len(bot.exchange.connections) == 1, "nobody had to connect again"
        assert math.isfinite(anyio.current_time())
