"""What the soak found of large trees: they start for seconds, and data flows before the last actor is there."""

from __future__ import annotations

from contextlib import nullcontext

import anyio
import pytest
from attrs import evolve

from actors.bot_tree import bot_tree
from actors.exchange_tree import exchange_tree
from actors.feeds import books, trades
from actors.market import Feed
from supervisor import Event, RestartScheduled, open_supervisor
from tests.actors.exchange import OPTIONS, FakeExchange, stream_of

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"


async def test_a_stream_outlives_that_nobody_recovers_yet_what_it_misses() -> None:
    # With 200 streams the recovery manager starts seconds after the first of them delivers.
    exchange, events = FakeExchange(), list[Event]()
    tree = exchange_tree(
        exchange.binance(),
        [books(BTC), trades(BTC)],
        transport=exchange.transport,
        open_rest=lambda: nullcontext(exchange.rest),
        options=OPTIONS,
    )
    started_so_far = evolve(tree, children=[child for child in tree.children if child.id != "recovery"])
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        async with open_supervisor(bot_tree(started_so_far), sinks=[events.append]) as root:
            with root.subscription(trades(BTC)) as delivered:
                await anext(aiter(delivered))
                exchange.skip[stream_of("BTCUSDT", Feed.TRADES)] = 3
                await anyio.sleep(20.0)
        group.cancel_scope.cancel()
    assert not [event for event in events if isinstance(event, RestartScheduled)]
