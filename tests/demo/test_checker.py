"""Checker: one instrument's feeds as a consumer sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest
from attrs import frozen

from actors.demo.checker import Checked, Checker, FeedTally, Tally, TallyOf
from actors.feeds import feed_topic
from actors.market import Disconnected, Feed, Gap, InstrumentId, Rejected, Resumed, Subscription, Trade
from supervisor import ActorSpec, Name, SupervisorSpec, open_supervisor
from tests.demo.test_oracle import book, quote

pytestmark = pytest.mark.anyio

CHECKER: Name[Checked] = Name("checker")
BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
TRADES, QUOTES, BOOK = (Subscription(BTC, feed) for feed in (Feed.TRADES, Feed.QUOTES, Feed.BOOK))


GAP = Gap(subscription=TRADES, after_id=1, before_id=3)


@frozen
class Running:
    publish: Callable[[Subscription, object], object]
    tally: Callable[[], Awaitable[Tally]]


@asynccontextmanager
async def running() -> AsyncIterator[Running]:
    spec = SupervisorSpec("bot", [ActorSpec("checker", partial(Checker, (TRADES, QUOTES, BOOK)), name=CHECKER)])
    async with open_supervisor(spec) as root:
        await anyio.sleep(1.0)
        yield Running(
            lambda subscription, event: root.publish(feed_topic(subscription), event), lambda: root.ref(CHECKER).ask(TallyOf())
        )


def trade(received: float) -> Trade:
    one = quote(1).bid
    return Trade(id=1, price=one, quantity=one, buyer_is_maker=True, time_ms=0, received=received)


async def test_data_is_counted_by_feed() -> None:
    async with running() as checker:
        for _ in range(3):
            checker.publish(TRADES, trade(1.0))
        checker.publish(QUOTES, quote(1))
        tally = await checker.tally()
        assert [tally.feeds[feed].events for feed in (TRADES, QUOTES, BOOK)] == [3, 1, 0]


@pytest.mark.parametrize(
    ("marker", "gaps"),
    [
        (Disconnected(subscription=TRADES, reason="x"), 0),
        (Rejected(subscription=TRADES, reason="x"), 0),
        (GAP, 1),
    ],
)
async def test_a_marker_is_a_hole(marker: Checked, gaps: int) -> None:
    async with running() as checker:
        checker.publish(TRADES, trade(0.5))
        checker.publish(TRADES, marker)
        assert (await checker.tally()).feeds[TRADES] == FeedTally(
            events=1, last_data=0.5, last_hole=1.0, holes=1, gaps=gaps, repaired=0
        )


async def test_gaps_are_repaired_when_data_comes_again() -> None:
    counts = []
    async with running() as checker:
        for event in (trade(1.0), GAP, GAP, trade(2.0), GAP):
            checker.publish(TRADES, event)
            feed = (await checker.tally()).feeds[TRADES]
            counts.append((feed.gaps, feed.repaired))
    assert counts == [(0, 0), (1, 0), (2, 0), (2, 2), (3, 2)]


async def test_a_feed_flows_when_data_came_after_its_last_hole() -> None:
    async with running() as checker:
        flows = [(await checker.tally()).feeds[TRADES].flows]
        checker.publish(TRADES, trade(1.0))
        flows.append((await checker.tally()).feeds[TRADES].flows)
        checker.publish(TRADES, Disconnected(subscription=TRADES, reason="x"))
        checker.publish(TRADES, Resumed(subscription=TRADES, outage=1.0))
        flows.append((await checker.tally()).feeds[TRADES].flows)
        await anyio.sleep(1.0)
        checker.publish(TRADES, trade(2.0))
        flows.append((await checker.tally()).feeds[TRADES].flows)
        assert flows == [False, True, False, True]


async def test_books_are_compared_with_quotes() -> None:
    async with running() as checker:
        checker.publish(QUOTES, quote(1))
        checker.publish(BOOK, book(2))
        checker.publish(BOOK, book(3, bid=50))
        checker.publish(QUOTES, quote(4))
        tally = await checker.tally()
        assert (tally.compared, tally.agreed, len(tally.disagreed)) == (2, 1, 1)


async def test_what_was_known_before_a_hole_is_not_compared() -> None:
    async with running() as checker:
        checker.publish(QUOTES, quote(1))
        checker.publish(BOOK, book(2, bid=50))
        checker.publish(QUOTES, Disconnected(subscription=QUOTES, reason="x"))
        checker.publish(QUOTES, Resumed(subscription=QUOTES, outage=1.0))
        checker.publish(QUOTES, quote(9))
        assert (await checker.tally()).compared == 0
