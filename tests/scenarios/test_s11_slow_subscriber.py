"""S11, queues that overflow and memory that grows: a subscriber that does not read is its own trouble and nobody else's.

python-binance#1016, #1295, #1647, #1559 (the queue overflows and the loop ends), unicorn-binance-websocket-api#205, #273, #45
and ccxt#29331, #27746, #21369 (what waits grows without end), freqtrade#13082, #10933 (sockets that nobody uses any more stay
open after a fallback to REST).
"""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from attrs import evolve

from actors.fallbacks.options import FallbackOptions
from actors.fault_tolerance import FaultTolerance
from actors.feeds import books, quotes, trades
from actors.market import Feed
from supervisor import Skipped
from tests.scenarios.support import (
    BTC,
    ETH,
    book_top_equals_quote,
    every_trade_once,
    feeds_of,
    quotes_never_go_back,
    scene,
    streaming,
    the,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

TRADES, QUOTES, BOOKS = (the(make, BTC) for make in (trades, quotes, books))
CAPACITY = 50


async def test_who_does_not_read_is_told_what_it_missed_and_nobody_else_notices() -> None:
    async with scene(symbols=(BTC, ETH), speed=20.0) as bot:
        tolerance = FaultTolerance(bot.root)
        last_before = bot.data(TRADES)[-1].id
        async with (
            tolerance.subscribe(TRADES, capacity=CAPACITY) as slow_trades,
            tolerance.subscribe(QUOTES, capacity=CAPACITY) as slow_quotes,
            tolerance.subscribe(BOOKS, capacity=CAPACITY) as slow_books,
        ):
            last_at_entry = bot.data(TRADES)[-1].id
            await until(lambda: bot.data(TRADES)[-1].id > last_at_entry + 4 * CAPACITY)
            waiting = [len(one) for one in (slow_trades, slow_quotes, slow_books)]
            # From here to the end of the block nothing runs but this.
            told, *rest = [await anext(slow_trades) for _ in range(CAPACITY + 1)]
            newest = await anext(slow_quotes), await anext(slow_books)
            others = [bot.data(topic)[-1] for topic in (TRADES, QUOTES, BOOKS)]
            left = [len(one) for one in (slow_quotes, slow_books)]
        await bot.delivers()
        status = await bot.status()
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}

    assert waiting == [CAPACITY, 1, 1]
    assert left == [0, 0]
    # The trades: how many are missing, then the newest, each once.
    assert isinstance(told, Skipped)
    every_trade_once(rest)
    assert last_before < rest[0].id - told.count <= last_at_entry + 1
    assert rest[-1].id >= others[0].id
    # Of quotes and books the newest alone.
    assert newest[0].update_id >= others[1].update_id
    assert newest[1].update_id >= others[2].update_id
    # The stream and the others heard nothing of it.
    assert scripts == {key: ["data"] for key in scripts}
    for symbol in (BTC, ETH):
        every_trade_once(bot.all(the(trades, symbol)))
        assert book_top_equals_quote(bot.all(the(quotes, symbol)), bot.all(the(books, symbol)))
    assert [one.number for one in status.connections] == [1, 2]
    assert (status.totals.slow_consumers, bot.restarts.total()) == (0, 0)


async def test_the_memory_of_a_hundred_who_do_not_read_ceases_to_grow() -> None:
    async with scene(TRADES, QUOTES, symbols=(BTC,), speed=50.0) as bot:
        readers = [bot.root.subscription(topic, capacity=CAPACITY) for topic in (TRADES, QUOTES) for _ in range(50)]
        await until(lambda: all(len(one) == CAPACITY for one in readers))
        for seen in bot.seen.values():
            seen.clear()
        gc.collect()
        tracemalloc.start()
        try:
            full = tracemalloc.get_traced_memory()[0]
            await until(lambda: len(bot.data(TRADES)) > 3 * CAPACITY)
            for seen in bot.seen.values():
                seen.clear()
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - full
        finally:
            tracemalloc.stop()
        assert {len(one) for one in readers} == {CAPACITY}
        for one in readers:
            one.close()
    # What waits is exchanged for as much: 50 trades and 50 quotes of about a kilobyte, all readers share them.
    assert grown < 500_000


async def test_after_a_fallback_to_polling_no_socket_is_left_over() -> None:
    options = evolve(
        streaming(silence=dict.fromkeys(Feed, 0.4), learn=False),
        fallbacks=FallbackOptions(poll_after=0.5, poll_lift_after=0.2, poll_at_least=0.1, cache_after=1e6),
    )
    async with scene(*feeds_of(BTC, ETH), symbols=(BTC, ETH), speed=5.0, options=options) as bot:
        await bot.control.stall(new=True)
        await bot.says("SourceChanged")
        await bot.control.resume()
        await bot.says("SourceChanged", times=2)
        await bot.becomes(lambda status: len(status.connections) == 2)
        dialled = len(bot.dialling.opened)
        await bot.delivers()
        await bot.delivers()
        status = await bot.status()
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}

    assert [len(one.subscriptions) for one in status.connections] == [3, 3]
    assert status.totals.connections == len(bot.dialling.opened) == dialled
    went_and_came = ["data", "Disconnected", "Resumed", "SourceChanged", "data", "SourceChanged", "data"]
    for key, script in scripts.items():
        # What the polls brought began after a hole: of trades it was filled, of a book it cannot be.
        told = [one for one in script if one not in ("Filled", "Gap")]
        assert [
            one for one, before in zip(told, [None, *told], strict=False) if (one, before) != ("data", "data")
        ] == went_and_came, key
    for symbol in (BTC, ETH):
        every_trade_once(bot.all(the(trades, symbol)))
        quotes_never_go_back(bot.all(the(quotes, symbol)))
