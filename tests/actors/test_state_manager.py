"""StateManager: a dead endpoint is left for a live one, and returned to when it can be trusted again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.feeds import trades
from actors.link_state import LinkEvent, LinkPhase
from actors.ports import Role
from actors.protocol import ENDPOINTS, LINK_CHANGES, STATES, EndpointDown, EndpointUp, LinkReport, LinkStates
from supervisor import MemoryStore
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import Bot, FakeExchange, running, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"


def report(bot: Bot, event: LinkEvent, endpoint: str, link: str = "link") -> None:
    bot.venue.ref(STATES).tell(LinkReport(link, event, endpoint))


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


async def test_when_all_endpoints_are_dead_the_one_given_up_longest_ago_is_tried() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        states = bot.venue.ref(STATES)
        for name in ("stream-1", "stream-2", "stream-1"):
            states.tell(EndpointDown(Role.STREAM, name))
            await anyio.sleep(1.0)
        assert in_force(bot) == ["stream-2", "stream-1", "stream-2"]


async def test_an_endpoint_that_came_back_is_in_force_at_once() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        bot.venue.ref(STATES).tell(EndpointDown(Role.STREAM, "stream-1"))
        bot.venue.ref(STATES).tell(EndpointUp(Role.STREAM, "stream-1"))
        await anyio.sleep(0.1)
        assert in_force(bot) == ["stream-2", "stream-1"]


async def test_an_endpoint_whose_breaker_is_open_is_not_forgiven() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        bot.venue.ref(STATES).tell(EndpointDown(Role.STREAM, "stream-1"))
        await anyio.sleep(1000.0)
        assert in_force(bot) == ["stream-2"]


async def test_the_first_refusal_at_a_fallback_does_not_leave_it() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        for _ in range(5):
            report(bot, LinkEvent.REFUSED, "stream-1")
        await anyio.sleep(0.1)
        report(bot, LinkEvent.REFUSED, "stream-2")
        await anyio.sleep(0.1)
        assert in_force(bot) == ["stream-2"]


async def test_a_fallback_that_refuses_again_and_again_is_left_as_well() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        for endpoint in ("stream-1", "stream-2"):
            for _ in range(5):
                report(bot, LinkEvent.REFUSED, endpoint)
            await anyio.sleep(0.1)
        assert in_force(bot) == ["stream-2", "stream-1"]


async def test_a_late_report_about_an_endpoint_that_was_left_changes_nothing() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(ENDPOINTS)
        for link in ("a", "b"):
            for _ in range(5):
                report(bot, LinkEvent.REFUSED, "stream-1", link)
        await anyio.sleep(0.1)
        assert in_force(bot) == ["stream-2"]


async def test_the_states_of_links_are_published_and_can_be_asked_for() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(LINK_CHANGES)
        report(bot, LinkEvent.CONNECTED, "stream-1")
        for _ in range(2):
            report(bot, LinkEvent.DATA, "stream-1")
            await anyio.sleep(5.0)
        report(bot, LinkEvent.SILENT, "stream-1")
        await anyio.sleep(0.1)
        moves = [(moved.link, moved.before, moved.after) for moved in bot.seen[LINK_CHANGES.key]]
        assert moves == [
            ("link", LinkPhase.RECOVERING, LinkPhase.HEALTHY),
            ("link", LinkPhase.HEALTHY, LinkPhase.DEGRADED),
        ]
        assert await bot.venue.ref(STATES).ask(LinkStates()) == {"link": LinkPhase.DEGRADED}


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


async def test_a_link_that_has_not_been_reported_on_for_long_is_forgotten() -> None:
    async with running(feeds=[]) as bot:
        states = bot.venue.ref(STATES)
        report(bot, LinkEvent.DATA, "stream-1", "gone")
        report(bot, LinkEvent.DATA, "stream-1", "here")
        await anyio.sleep(300.0)
        report(bot, LinkEvent.DATA, "stream-1", "here")
        await anyio.sleep(299.0)
        assert set(await states.ask(LinkStates())) == {"gone", "here"}
        await anyio.sleep(10.0)
        assert set(await states.ask(LinkStates())) == {"here"}


async def test_a_link_that_was_forgotten_begins_anew_when_it_is_reported_on_again() -> None:
    async with running(feeds=[]) as bot:
        states = bot.venue.ref(STATES)
        report(bot, LinkEvent.REFUSED, "stream-1")
        await anyio.sleep(700.0)
        assert await states.ask(LinkStates()) == {}
        report(bot, LinkEvent.SILENT, "stream-1")
        assert await states.ask(LinkStates()) == {"link": LinkPhase.DEGRADED}


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


@pytest.mark.parametrize(("down", "expected"), [(10.0, []), (280.0, ["stream-1"])], ids=["10 s", "280 s"])
async def test_what_was_given_up_is_forgiven_for_the_time_in_which_no_process_ran_too(
    monkeypatch: pytest.MonkeyPatch, down: float, expected: list[str]
) -> None:
    began, store = [1_700_000_000.0], MemoryStore()
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: began[0] + anyio.current_time())
    async with running(feeds=[], store=store) as bot:
        for _ in range(5):
            report(bot, LinkEvent.REFUSED, "stream-1")
        await anyio.sleep(0.1)
    began[0] += down
    async with running(feeds=[], store=store) as bot:
        bot.follow(ENDPOINTS)
        await anyio.sleep(30.0)
        assert in_force(bot) == expected
