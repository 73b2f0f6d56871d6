"""S15, a book out of sync: lost deltas, snapshots from the past, a crossed book, a wrong checksum. It is said, and mended.

ccxt#17827, #6658, #19717, gocryptotrader PR#506: books that went on from a wrong state, crossed, or were asked for in a loop.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, evolve, field
from msgspec import structs

from actors.exchanges.binance import Binance
from actors.exchanges.binance.session import BinanceSession
from actors.exchanges.okx import Okx
from actors.feeds import books, quotes
from actors.incidents import BookLimits
from actors.market import Book, BookDelta, BookSnapshot, Gap, InstrumentId, Quote
from actors.ports import Delivery, Frame, RestResponse
from actors.simulator import Started
from tests.scenarios.support import BTC, OPTIONS, Bot, binance_at, book_top_equals_quote, bot_at, the
from tests.simulator.support import simulator

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

QUOTES, BOOKS = the(quotes, BTC), the(books, BTC)
EACH_ALONE = evolve(OPTIONS, incidents=BookLimits(returns_within=0.01))
"""Minutes are between two faults, so the book is recovered at once each time."""
ONE_SOCKET = {"symbols": (BTC,), "speed": 5.0}


async def compared_anew(bot: Bot, books_seen: Any = BOOKS, quotes_seen: Any = QUOTES) -> int:
    """Data flows; how many of the books seen so far could be compared with a quote, and were right."""
    await bot.delivers(books_seen, quotes_seen)
    return book_top_equals_quote(bot.all(quotes_seen), bot.all(books_seen))


def only_quotes_flowed(bot: Bot) -> bool:
    return bot.script(QUOTES) == ["data"]


async def test_after_lost_deltas_the_book_has_a_gap_one_snapshot_and_the_right_top_again() -> None:
    async with simulator(**ONE_SOCKET) as started, bot_at(started, QUOTES, BOOKS, options=EACH_ALONE) as bot:
        before = await compared_anew(bot)
        requests = (await bot.status()).totals.rest_requests
        for times in (1, 2, 3):
            await bot.control.gap("BTCUSDT", count=times)
            await bot.says("Gap", BOOKS, times=times)
            await bot.delivers(BOOKS)
        after = await compared_anew(bot)
        asked = (await bot.status()).totals.rest_requests - requests
        assert bot.script(BOOKS) == ["data", "Gap"] * 3 + ["data"]
        assert only_quotes_flowed(bot)
        numbers = [book.update_id for book in bot.data(BOOKS)]
        connections = (await bot.status()).totals.connections

    assert after > before > 0
    assert numbers == sorted(set(numbers))
    # A snapshot that is older than the first delta after the gap is fetched again; one more request asks for the time.
    assert 3 <= asked <= 3 * 3 + 1
    assert connections == 1


# ---- exchanges that make mistakes


@define(eq=False)
class Mistakes:
    """What is still to go wrong."""

    behind: int = 0
    """Snapshots that come out of a cache: the first one again."""
    crossed_snapshots: int = 0
    crossed_deltas: int = 0
    snapshots: list[BookSnapshot] = field(factory=list)
    """As they were given to the bot."""


class Mistaken(Binance):
    """Binance, with mistakes in what it says."""

    mistakes: Mistakes

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        found, mistakes = super().parse_snapshot(instrument, response), self.mistakes
        if mistakes.behind:
            mistakes.behind -= 1
            found = mistakes.snapshots[0]
        elif mistakes.crossed_snapshots:
            mistakes.crossed_snapshots -= 1
            found = structs.replace(found, bids=[(found.asks[5][0], found.bids[0][1]), *found.bids])
        mistakes.snapshots.append(found)
        return found

    def session(self) -> BinanceSession:
        return _MistakenSession(self.mistakes)


class _MistakenSession(BinanceSession):
    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__()
        self.mistakes = mistakes

    def receive(self, frame: Frame) -> Any:
        inbound = super().receive(frame)
        if self.mistakes.crossed_deltas and isinstance(inbound, Delivery) and isinstance(inbound.events[0], BookDelta):
            self.mistakes.crossed_deltas -= 1
            (delta,) = inbound.events
            assert isinstance(delta, BookDelta)
            high = delta.bids[0][0] * 2 if delta.bids else delta.asks[0][0] * 2
            crossing = structs.replace(delta, bids=[*delta.bids, (high, high)])
            return structs.replace(inbound, events=[crossing])
        return inbound


def mistaken(started: Started, mistakes: Mistakes) -> Mistaken:
    right = binance_at(started)
    exchange = Mistaken(endpoints=right.endpoints, depth_limit=right.depth_limit, limits=right.limits)
    object.__setattr__(exchange, "mistakes", mistakes)  # the adapter is frozen, and takes no more arguments
    return exchange


@pytest.mark.parametrize("kind", ["behind", "crossed_snapshots"])
async def test_of_no_use_are_snapshots_from_a_cache_and_crossed_ones_and_others_are_fetched(kind: str) -> None:
    mistakes = Mistakes()
    async with (
        simulator(**ONE_SOCKET) as started,
        bot_at(started, QUOTES, BOOKS, options=EACH_ALONE, exchange=mistaken(started, mistakes)) as bot,
    ):
        before = await compared_anew(bot)
        good = len(mistakes.snapshots)
        setattr(mistakes, kind, 2)
        await bot.control.gap("BTCUSDT")
        await bot.says("Gap", BOOKS)
        await bot.delivers(BOOKS)
        after = await compared_anew(bot)
        fetched = len(mistakes.snapshots) - good
        script = bot.script(BOOKS)
        assert only_quotes_flowed(bot)
        markers = bot.markers(BOOKS)

    assert after > before > 0
    assert getattr(mistakes, kind) == 0
    assert 3 <= fetched <= 5
    assert script[:2] == ["data", "Gap"]
    assert script[-1] == "data"
    # While it is out of step nothing but gaps is said, and no book that cannot be one.
    assert {type(one) for one in markers} == {Gap}
    assert all(book.bids[0][0] < book.asks[0][0] for book in bot.data(BOOKS))


async def test_a_delta_that_crosses_the_book_is_not_shown_and_the_book_is_fetched_anew() -> None:
    mistakes = Mistakes()
    async with (
        simulator(**ONE_SOCKET) as started,
        bot_at(started, QUOTES, BOOKS, options=EACH_ALONE, exchange=mistaken(started, mistakes)) as bot,
    ):
        before = await compared_anew(bot)
        mistakes.crossed_deltas = 1
        await bot.says("Gap", BOOKS)
        await bot.delivers(BOOKS)
        after = await compared_anew(bot)
        assert bot.script(BOOKS) == ["data", "Gap", "data"]
        assert only_quotes_flowed(bot)

    assert after > before > 0
    assert all(book.bids[0][0] < book.asks[0][0] for book in bot.data(BOOKS))


async def test_a_wrong_checksum_has_the_book_subscribed_anew_and_the_quotes_flow_on() -> None:
    topics = quotes("okx:BTC/USDT"), books("okx:BTC/USDT")
    async with simulator(dialect="okx", checksums=True, **ONE_SOCKET) as started:
        exchange = Okx.at(stream_urls=started.stream_urls, rest_urls=started.rest_urls)
        async with bot_at(started, *topics, options=EACH_ALONE, exchange=exchange) as bot:
            before = await compared_anew(bot, topics[1], topics[0])
            await bot.control.wrong_checksum("BTC/USDT")
            await bot.says("Gap", topics[1])
            await bot.delivers(topics[1])
            after = await compared_anew(bot, topics[1], topics[0])
            assert bot.script(topics[1]) == ["data", "Gap", "data"]
            assert bot.script(topics[0]) == ["data"]
            connections = (await bot.status()).totals.connections
            seen = bot.data(topics[0]), bot.data(topics[1])

    assert (isinstance(seen[0][0], Quote), isinstance(seen[1][0], Book)) == (True, True)
    assert after > before > 0
    assert connections == 1
