"""Recovery in the whole bot: a gap in a book is resynchronised, once, however often it is reported, whoever dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.feeds import books
from actors.market import Feed, Gap
from actors.ports import RestResponse
from actors.protocol import RECOVERIES, RECOVERY, BookIncident
from supervisor.testing import crash, kill
from tests.actors.exchange import Bot, FakeExchange, no_answer, running, stream_of, until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BTC = "binance:BTC/USDT"
DEPTH = stream_of("BTCUSDT", Feed.BOOK)


def snapshots(bot: Bot) -> int:
    """Whole books that were fetched. While its link is down a book is polled too, for fewer levels."""
    whole = bot.exchange.binance().snapshot_request(bot.exchange.binance().instrument("BTC/USDT"))
    return sum(call.request == whole for call in bot.exchange.rest.calls)


def recovered(bot: Bot) -> list[bool]:
    return [over.ok for over in bot.seen[RECOVERIES.key]]


def is_right(bot: Bot) -> bool:
    """The last book is what the exchange's own is."""
    book, market = bot.data(books(BTC))[-1], bot.exchange.markets["BTCUSDT"]
    bids = tuple((price, market.bids[price]) for price in sorted(market.bids, reverse=True))
    return bool((book.update_id, book.bids) == (market.update_id, bids))


def gap(bot: Bot) -> None:
    bot.follow(RECOVERIES)
    bot.exchange.skip[DEPTH] = 1


async def in_step(bot: Bot, within: float = 120.0) -> None:
    await bot.delivers(books(BTC), within=within)
    await anyio.sleep(0.01)
    assert is_right(bot)


async def test_a_gap_in_a_book_is_resynchronised_with_one_snapshot() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        before = snapshots(bot)
        bot.forget()
        gap(bot)
        await until(lambda: bot.words(books(BTC))[-2:] == ["Gap", "data"])
        await anyio.sleep(10.0)
        await in_step(bot)
        assert (snapshots(bot) - before, recovered(bot)) == (1, [True])


async def test_a_gap_says_which_updates_are_missing() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.forget()
        gap(bot)
        await until(lambda: bot.markers(books(BTC)))
        (told,) = bot.markers(books(BTC))
        assert isinstance(told, Gap)
        assert told.before_id - told.after_id == 2


async def test_an_incident_is_treated_once_however_often_it_is_reported() -> None:
    exchange = FakeExchange()
    exchange.rest.latency = 2.0
    async with running(exchange, feeds=[books(BTC)]) as bot:
        before = snapshots(bot)
        gap(bot)
        await until(bot.workers.which_children)
        incident = BookIncident(exchange.binance().instrument("BTC/USDT"), bot.streams.child("BTCUSDT"))
        for _ in range(50):
            bot.venue.ref(RECOVERY).tell(incident)
        await anyio.sleep(0.1)
        assert len(bot.workers.which_children()) == 1
        await in_step(bot)
        assert snapshots(bot) - before == 1
        (over,) = bot.seen[RECOVERIES.key]
        assert over.reports > 50


async def test_an_outage_of_a_connection_is_resynchronised_with_one_snapshot_at_most() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        before = snapshots(bot)
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(10.0)
        bot.exchange.transport.admit()
        await bot.delivers()
        await anyio.sleep(5.0)
        await in_step(bot)
        assert snapshots(bot) - before <= 1  # none, where what was polled meanwhile fits


async def test_a_gap_just_before_the_connection_is_lost_is_resynchronised_with_one_snapshot() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.exchange.answer = no_answer
        gap(bot)
        await until(lambda: bot.markers(books(BTC))[1:])
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(90.0)
        bot.exchange.answer = None
        before = snapshots(bot)
        await anyio.sleep(30.0)
        bot.exchange.transport.admit()
        await in_step(bot)
        assert snapshots(bot) - before <= 2  # one for nobody, by the worker of before, and one


def unavailable(request: Any) -> RestResponse:
    return RestResponse(503, b"<html>busy</html>")


def nonsense(request: Any) -> RestResponse:
    return RestResponse(200, b'{"lastUpdateId":')


@pytest.mark.parametrize("answer", [no_answer, unavailable, nonsense])
async def test_a_book_is_in_step_again_when_requests_are_answered_again(answer: Any) -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.exchange.answer = answer
        gap(bot)
        await anyio.sleep(20.0)
        bot.exchange.answer = None
        await in_step(bot)
        assert not bot.restarts


async def test_a_snapshot_older_than_the_stream_is_fetched_again() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.exchange.behind = 10
        gap(bot)
        await until(lambda: bot.markers(books(BTC))[1:])
        bot.forget()
        await anyio.sleep(4.0)
        assert not bot.data(books(BTC))
        bot.exchange.behind = 0
        await in_step(bot)


async def test_attempts_are_bounded_and_a_later_report_starts_again() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.exchange.answer = nonsense
        gap(bot)
        await until(lambda: recovered(bot) == [False])
        assert "attempts" in bot.seen[RECOVERIES.key][0].reason
        bot.exchange.answer = None
        await in_step(bot)
        assert recovered(bot) == [False, True]


@pytest.mark.parametrize("end", [crash, kill])
@pytest.mark.parametrize("victim", ["recovery manager", "workers", "worker"])
async def test_a_recovery_survives_whoever_dies_in_the_middle_of_it(victim: str, end: Callable[[Any], None]) -> None:
    exchange = FakeExchange()
    exchange.rest.latency = 1.0
    async with running(exchange, feeds=[books(BTC)]) as bot:
        gap(bot)
        await until(bot.workers.which_children)
        await anyio.sleep(0.5)
        group = bot.venue.supervisor("recovery")
        end(bot.workers.which_children()[0].ref if victim == "worker" else group.child(victim))
        await in_step(bot)
        assert all(path.startswith("bot/binance/recovery/") for path in bot.restarts)
        await anyio.sleep(5.0)
        assert not bot.workers.which_children()


async def test_a_stream_that_dies_in_the_middle_of_its_recovery_is_in_step_again_soon() -> None:
    exchange = FakeExchange()
    exchange.rest.latency = 1.0
    async with running(exchange, feeds=[books(BTC)]) as bot:
        gap(bot)
        await until(bot.workers.which_children)
        kill(bot.venue.supervisor("streams").child("streams"))
        await anyio.sleep(0.2)
        await in_step(bot, within=6.0)
