"""In the whole tree: a dead endpoint is left for a live one, and returned to when it can be trusted again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.feeds import trades
from actors.link_state import LinkPhase
from actors.ports import Role
from actors.protocol import ENDPOINTS, LINK_CHANGES
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import Bot, FakeExchange, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BTC = "binance:BTC/USDT"


def in_force(bot: Bot) -> list[str]:
    return [change.endpoint.name for change in bot.seen[ENDPOINTS.key] if change.role is Role.STREAM]


async def test_a_dead_endpoint_is_left_for_a_live_one() -> None:
    async with running() as bot:
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        assert {connection.server.url for connection in bot.exchange.open} == {"wss://two/stream"}
        assert not bot.restarts


async def test_a_better_endpoint_is_returned_to_and_links_that_flow_are_not_torn_down_for_it() -> None:
    async with running() as bot:
        bot.follow(ENDPOINTS)
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        bot.exchange.transport.admit(url="wss://one")
        await until(lambda: in_force(bot)[-1:] == ["stream-1"])
        await anyio.sleep(30.0)
        assert {connection.server.url for connection in bot.exchange.open} == {"wss://two/stream"}
        bot.exchange.abort()
        await bot.delivers()
        assert {connection.server.url for connection in bot.exchange.open} == {"wss://one/stream"}


async def test_an_endpoint_that_accepts_and_drops_is_left_too() -> None:
    async with running(FakeExchange(drops="wss://one")) as bot:
        assert {connection.server.url for connection in bot.exchange.open} == {"wss://two/stream"}


async def test_an_endpoint_that_links_gave_up_is_tried_again_after_a_while() -> None:
    async with running(FakeExchange(drops="wss://one"), feeds=[trades(BTC)]) as bot:
        bot.follow(ENDPOINTS)
        bot.exchange.drops = None
        await until(lambda: in_force(bot)[-1:] == ["stream-1"], within=400.0)
        bot.exchange.abort()
        await bot.delivers()
        assert bot.exchange.open[0].server.url == "wss://one/stream"


async def test_a_stream_becomes_healthy_degraded_and_healthy_again() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(LINK_CHANGES)
        await anyio.sleep(10.0)
        bot.exchange.abort()
        await anyio.sleep(20.0)
        assert [moved.after.value for moved in bot.seen[LINK_CHANGES.key]] == ["healthy", "degraded", "healthy"]


async def test_a_stream_over_a_fallback_is_in_fallback() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(LINK_CHANGES)
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        await anyio.sleep(5.0)
        assert bot.seen[LINK_CHANGES.key][-1].after is LinkPhase.FALLBACK


@pytest.mark.parametrize("end", [crash, kill])
async def test_what_is_in_force_survives_a_crash(end: Callable[[Any], None]) -> None:
    async with running() as bot:
        bot.follow(ENDPOINTS)
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        for id_ in ("state manager", "connection manager"):
            end(bot.venue.child(id_))
            await await_restart(bot.venue.child(id_))
        bot.exchange.abort()
        await anyio.sleep(0.1)
        await bot.delivers()
        assert set(in_force(bot)) == {"stream-2"}


async def test_an_endpoint_that_came_back_is_returned_to_after_a_crash() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(ENDPOINTS)
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        for id_ in ("state manager", "connection manager"):
            crash(bot.venue.child(id_))
        bot.exchange.transport.admit(url="wss://one")
        await until(lambda: in_force(bot)[-1:] == ["stream-1"])
