"""S18, a shutdown that is announced, on all connections at once: each is replaced while it lives, one after the other.

bbgo#2552, binance-connector-python PR#506: who takes `serverShutdown` for data, or for nothing, is cut off with all streams.
"""

from __future__ import annotations

import pytest

from actors.feeds import books, quotes, trades
from tests.scenarios.support import (
    BTC,
    ETH,
    SOL,
    book_top_equals_quote,
    every_trade_once,
    quotes_never_go_back,
    scene,
    the,
    until,
)

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

SYMBOLS = (BTC, ETH, SOL, "BNB/USDT", "XRP/USDT")
ATTEMPTS, WITHIN = 3, 0.5
"""Connections that an address may open, and in how many seconds. The exchange refuses what is more."""
ON_THEIR_WAY = 0.3
"""Seconds by which two attempts can come closer together than they left."""
CLOSES = 4.0
"""Seconds from the announcement to the end of the connections."""


async def test_five_connections_are_handed_over_at_the_allowed_pace_and_nobody_sees_it() -> None:
    async with scene(
        symbols=SYMBOLS,
        speed=3.0,
        attempt_limit=ATTEMPTS,
        attempt_window=WITHIN,
        limits={"attempts": ATTEMPTS, "attempts_within": WITHIN + ON_THEIR_WAY},
    ) as bot:
        before = await bot.status()
        opened = len(bot.dialling.opened)
        assert await bot.control.shutdown_notice(then_close=CLOSES) == len(SYMBOLS)
        after = await bot.becomes(
            lambda status: (
                len(status.connections) == len(SYMBOLS)
                and min(one.number for one in status.connections) > max(one.number for one in before.connections)
            )
        )
        replaced_after = bot.dialling.opened[-1] - bot.dialling.opened[opened]
        # None of those that were told is open: what happens when the time is over concerns nobody.
        await bot.delivers()
        scripts = {topic.key: bot.script(topic) for topic in bot.topics}
        dials = [when for when, _ in bot.dialling.dials]
        await until(lambda: all(len(bot.data(topic)) > 50 for topic in bot.topics))
        later = await bot.status()

    assert scripts == {key: ["data"] for key in scripts}
    for symbol in SYMBOLS:
        every_trade_once(bot.all(the(trades, symbol)))
        quotes_never_go_back(bot.all(the(quotes, symbol)))
        books_seen = bot.data(the(books, symbol))
        numbers = [book.update_id for book in books_seen]
        assert numbers == sorted(set(numbers)), symbol
        assert book_top_equals_quote(bot.all(the(quotes, symbol)), books_seen)
    # As many as there were, not one more, and never more within the window than are allowed.
    assert len(dials) == 2 * len(SYMBOLS)
    assert min(last - first for first, last in zip(dials, dials[ATTEMPTS:], strict=False)) >= WITHIN
    assert replaced_after < CLOSES
    assert (after.totals.attempts_refused, after.totals.violations) == (0, 0)
    assert {one.number for one in later.connections} == {one.number for one in after.connections}
    assert sorted(len(one.subscriptions) for one in after.connections) == [3] * len(SYMBOLS)
    assert bot.restarts.total() == 0
