"""S14, what happens between a disconnect and a reconnect is lost, and nobody says so.

From unicorn-binance-websocket-api#42, #15, #119 (what was held is gone after a restart), ccxt#26945 and its pull request 29739
(trades filled by REST).
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve

from actors.feeds import aggregates, quotes, trades
from actors.market import Filled, Gap
from supervisor.testing import kill
from tests.scenarios.support import (
    BTC,
    OPTIONS,
    every_trade_once,
    every_trade_once_but_for_gaps,
    quotes_never_go_back,
    scene,
    streaming,
    the,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

TRADES = the(trades, BTC)
BAD_SYMBOL = '{"code":-1121,"msg":"Invalid symbol."}'


async def test_trades_of_a_long_outage_are_filled_page_by_page_without_a_gap_in_order_once() -> None:
    async with scene(TRADES, symbols=(BTC,), speed=40.0) as bot:
        async with bot.outage(1.6):  # some 1300 trades, of which one answer has 1000
            await bot.says("Disconnected")
        await bot.says("Filled", times=2)
        await bot.delivers()

        events = bot.all(TRADES)
        pages = [event for event in events if isinstance(event, Filled)]
        assert bot.script(TRADES) == ["data", "Disconnected", "Resumed", *["Filled", "data"] * len(pages)]
        every_trade_once(events)
        assert pages[0].after_id == events[events.index(pages[0]) - 3].id
        for page, following in pairwise(pages):
            assert page.before_id == page.after_id + 1001
            assert following.after_id == page.before_id - 1


@pytest.mark.parametrize(
    ("status", "body", "patience"),
    [
        pytest.param(503, "", 1.0, id="until_it_takes_too_long"),
        pytest.param(400, BAD_SYMBOL, 60.0, id="for_good"),
    ],
)
async def test_where_rest_refuses_one_gap_says_which_ids_are_missing(status: int, body: str, patience: float) -> None:
    topics = [TRADES, the(quotes, BTC)]
    async with scene(*topics, symbols=(BTC,), options=streaming(fill_within=patience), speed=5.0) as bot:
        await bot.control.http_error(status, body, count=None)
        async with bot.outage():
            await bot.says("Disconnected")
        await bot.says("Gap", TRADES)
        await bot.delivers()

        assert bot.script(TRADES) == ["data", "Disconnected", "Resumed", "Gap", "data"]
        assert bot.script(the(quotes, BTC)) == ["data", "Disconnected", "Resumed", "data"]
        every_trade_once_but_for_gaps(bot.all(TRADES))
        quotes_never_go_back(bot.all(the(quotes, BTC)))
        events = bot.all(TRADES)
        (place,) = [place for place, event in enumerate(events) if isinstance(event, Gap)]
        assert (events[place].after_id, events[place].before_id) == (events[place - 3].id, events[place + 1].id)


async def test_a_stream_that_is_killed_goes_on_where_it_was() -> None:
    topics = [TRADES, the(aggregates, BTC)]
    options = evolve(OPTIONS, stream=evolve(OPTIONS.stream, beat=0.05))
    async with scene(*topics, symbols=(BTC,), options=options, speed=10.0) as bot:
        (stream,) = bot.streams.which_children()
        kill(stream.ref)
        await bot.says("Resumed")
        await bot.delivers()

        for topic in topics:
            assert bot.script(topic) == ["data", "Disconnected", "Resumed", "Filled", "data"]
            every_trade_once(bot.all(topic))
        assert bot.restarts == {stream.ref.path: 1}
