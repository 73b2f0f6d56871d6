"""Everything at once, in an order that a seed chooses: what must hold of the data holds, and in the end everything delivers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.feeds import books, quotes, trades
from actors.market import Book, Disconnected, Feed, Gap, Quote, Resumed, Trade
from supervisor.testing import crash, kill
from tests.actors.exchange import SUFFIXES, Bot, FakeExchange, no_answer, running, stream_of

pytestmark = pytest.mark.anyio

SYMBOLS = ("BTC/USDT", "ETH/USDT")


def end_someone(bot: Bot, choose: random.Random) -> None:
    """End a life: of a stream, of a manager, of a group."""
    streams, recovery = bot.venue.supervisor("streams"), bot.venue.supervisor("recovery")
    refs = [bot.venue.child(name) for name in ("connection manager", "health monitor", "state manager")]
    refs += [streams.child("stream manager"), streams.child("streams"), recovery.child("recovery manager")]
    refs += [child.ref for child in (*bot.streams.which_children(), *bot.workers.which_children())]
    victim = choose.choice(refs)
    if victim.alive:
        choose.choice([crash, kill])(victim)


def lose_frames(bot: Bot, choose: random.Random) -> None:
    feed = choose.choice([Feed.TRADES, Feed.BOOK])
    bot.exchange.skip[stream_of(choose.choice(bot.exchange.symbols), feed)] += choose.randint(1, 3)


def refuse(bot: Bot, choose: random.Random) -> None:
    bot.exchange.transport.refuse(url=choose.choice(bot.exchange.stream_urls))


def corrupt(bot: Bot, choose: random.Random) -> None:
    for connection in bot.exchange.open:
        connection.server.send("{bad")


def heal(bot: Bot) -> None:
    exchange = bot.exchange
    exchange.stalled, exchange.drops, exchange.answer, exchange.behind = False, None, None, 0
    exchange.muted.clear()
    for url in exchange.stream_urls:
        exchange.transport.admit(url=url)


FAULTS: list[Callable[[Bot, random.Random], object]] = [
    lambda bot, choose: bot.exchange.abort(),
    lambda bot, choose: bot.exchange.close(),
    lambda bot, choose: bot.exchange.announce_shutdown(),
    lambda bot, choose: setattr(bot.exchange, "stalled", True),
    lambda bot, choose: setattr(bot.exchange, "drops", choose.choice(bot.exchange.stream_urls)),
    lambda bot, choose: setattr(bot.exchange, "answer", no_answer),
    lambda bot, choose: setattr(bot.exchange, "behind", 5),
    lambda bot, choose: bot.exchange.muted.add(stream_of(choose.choice(bot.exchange.symbols), choose.choice(list(SUFFIXES)))),
    lambda bot, choose: heal(bot),
    lambda bot, choose: heal(bot),
    end_someone,
    lose_frames,
    lose_frames,
    refuse,
    corrupt,
]


def check_markers(seen: list[Any]) -> None:
    """Disconnected and Resumed alternate, and between the two comes nothing."""
    down = False
    for event in seen:
        if isinstance(event, Disconnected):
            assert not down, "a hole was told twice"
            down = True
        elif isinstance(event, Resumed):
            assert down, "Resumed without a hole"
            down = False
        else:
            assert not down, f"{type(event).__name__} in a hole"


def check_trades(seen: list[Any]) -> None:
    """Ids count up by one, but where a marker says so."""
    last, told = None, True
    for event in seen:
        if isinstance(event, Trade):
            assert told or last is None or event.id == last + 1, "a trade is missing without a word"
            last, told = event.id, False
        elif isinstance(event, Gap | Disconnected):
            told = True


def check_books(bot: Bot, symbol: str) -> None:
    """Every quote that can be compared with a book agrees with it."""
    tops = {event.update_id: event for event in bot.seen[quotes(f"binance:{symbol}").key] if isinstance(event, Quote)}
    compared = 0
    for book in bot.seen[books(f"binance:{symbol}").key]:
        if isinstance(book, Book) and book.update_id in tops:
            top = tops[book.update_id]
            compared += 1
            assert (book.bids[0], book.asks[0]) == ((top.bid, top.bid_quantity), (top.ask, top.ask_quantity))
    assert compared > 20


def check_rate(exchange: FakeExchange) -> None:
    for connection in exchange.connections:
        times = [at for at, _, _ in connection.received]
        assert all(sixth >= first + 1.0 for first, sixth in zip(times, times[5:], strict=False))


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_no_hole_is_silent_and_everything_comes_back(seed: int) -> None:
    choose = random.Random(seed)
    async with running() as bot:
        bot.forget()
        for _ in range(20):
            choose.choice(FAULTS)(bot, choose)
            await anyio.sleep(choose.uniform(0.1, 8.0))
        heal(bot)
        await anyio.sleep(1.0)
        given_up = [child.id for child in bot.streams.which_children() if child.phase.value == "gave up"]
        await bot.delivers(*[topic for topic in bot.topics if not any(native[:3] in topic.key for native in given_up)])
        await anyio.sleep(5.0)
        for topic in bot.topics:
            check_markers(bot.seen[topic.key])
        for symbol in SYMBOLS:
            check_trades(bot.seen[trades(f"binance:{symbol}").key])
            check_books(bot, symbol)
        check_rate(bot.exchange)
        outside = {path for path in bot.restarts if path.count("/") < 2}
        assert not outside, "a fault of the world or of one actor restarted a whole exchange"
