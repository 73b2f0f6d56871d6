"""Over real sockets, on both loops: the simulator speaks OKX, and our bot is its client."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from actors.bot_tree import bot_tree
from actors.exchange_tree import exchange_tree
from actors.exchanges.okx import Okx
from actors.feeds import books, quotes, tickers, trades
from actors.market import Book, Disconnected, Gap, MarketEvent, Quote, Resumed, Ticker24h, Trade
from actors.simulator import Control
from supervisor import Supervisor, Topic, open_supervisor
from tests.simulator.support import PATIENCE, connected, simulator

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

BTC = "okx:BTC/USDT"
TOPICS: dict[type, Topic[Any]] = {Trade: trades(BTC), Quote: quotes(BTC), Book: books(BTC), Ticker24h: tickers(BTC)}


async def heard_from(root: Supervisor, seen: dict[type, list[Any]], kind: type) -> None:
    async for event in root.subscription(TOPICS[kind]):
        seen[kind].append(event)


async def until_each(seen: dict[type, list[Any]], count: int) -> None:
    """Each feed has delivered so many events more."""
    wanted = {kind: delivered(seen, kind) + count for kind in seen}
    with anyio.fail_after(PATIENCE):
        while any(delivered(seen, kind) < least for kind, least in wanted.items()):
            await anyio.sleep(0.02)


def holes(heard: list[Any]) -> list[type]:
    """The markers from the first interruption on."""
    markers = [type(one) for one in heard if not isinstance(one, MarketEvent)]
    return markers[markers.index(Disconnected) :] if Disconnected in markers else []


def delivered(seen: dict[type, list[Any]], kind: type) -> int:
    return sum(isinstance(event, kind) for event in seen[kind])


async def test_a_bot_hears_every_feed_before_and_after_an_abort() -> None:
    seen: dict[type, list[Any]] = {kind: [] for kind in TOPICS}
    async with simulator(dialect="okx", symbols=("BTC/USDT",), checksums=True) as running:
        exchange = Okx.at(stream_urls=running.stream_urls, rest_urls=running.rest_urls)
        tree = bot_tree(exchange_tree(exchange, list(TOPICS.values())))
        async with open_supervisor(tree) as root, anyio.create_task_group() as tasks:
            for kind in TOPICS:
                tasks.start_soon(heard_from, root, seen, kind)
            await until_each(seen, 5)
            assert await Control(running.control_url).abort() == 1
            with anyio.fail_after(PATIENCE):
                while not all(holes(heard)[:2] == [Disconnected, Resumed] for heard in seen.values()):
                    await anyio.sleep(0.02)
            await until_each(seen, 5)
            tasks.cancel_scope.cancel()

    for kind, heard in seen.items():
        assert holes(heard)[:2] == [Disconnected, Resumed], kind
        numbers = [one.sequence for one in heard if isinstance(one, kind) and isinstance(one, MarketEvent)]
        assert numbers == sorted(numbers)
        if kind is not Ticker24h:
            assert len(set(numbers)) == len(numbers), kind


@pytest.mark.parametrize("fault", [Control.gap, Control.wrong_checksum], ids=["an update lost", "a wrong checksum"])
async def test_a_book_out_of_step_is_asked_for_anew(fault: Callable[[Control, str], Awaitable[int]]) -> None:
    seen: dict[type, list[Any]] = {Book: []}
    async with simulator(dialect="okx", symbols=("BTC/USDT",), checksums=True) as running:
        exchange = Okx.at(stream_urls=running.stream_urls, rest_urls=running.rest_urls)
        async with (
            open_supervisor(bot_tree(exchange_tree(exchange, [TOPICS[Book]]))) as root,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(heard_from, root, seen, Book)
            await until_each(seen, 3)
            await fault(Control(running.control_url), "BTC/USDT")
            with anyio.fail_after(PATIENCE):
                while not any(isinstance(one, Gap) for one in seen[Book]):
                    await anyio.sleep(0.02)
            await until_each(seen, 3)
            tasks.cancel_scope.cancel()

    numbers = [one.sequence for one in seen[Book] if isinstance(one, Book)]
    assert numbers == sorted(set(numbers))


async def test_an_announced_upgrade_leaves_no_hole_and_nothing_is_told_twice() -> None:
    seen: dict[type, list[Any]] = {kind: [] for kind in (Trade, Quote, Book)}
    async with simulator(dialect="okx", symbols=("BTC/USDT",), checksums=True) as running:
        exchange, control = Okx.at(stream_urls=running.stream_urls, rest_urls=running.rest_urls), Control(running.control_url)
        tree = bot_tree(exchange_tree(exchange, [TOPICS[kind] for kind in seen]))
        async with open_supervisor(tree) as root, anyio.create_task_group() as tasks:
            for kind in seen:
                tasks.start_soon(heard_from, root, seen, kind)
            await until_each(seen, 5)
            before = {kind: len(heard) for kind, heard in seen.items()}
            await control.shutdown_notice()
            with anyio.fail_after(PATIENCE):
                while [one.number for one in (await control.status()).connections] != [2]:
                    await anyio.sleep(0.02)
            await until_each(seen, 5)
            tasks.cancel_scope.cancel()

    for kind, heard in seen.items():
        after = heard[before[kind] :]
        assert [one for one in after if not isinstance(one, MarketEvent)] == []
        numbers = [one.sequence for one in heard if isinstance(one, MarketEvent)]
        # The new connection begins with a whole book, which may be the state that the old one told last.
        assert numbers == sorted(numbers if kind is Book else set(numbers)), kind
    trades_seen = [one.sequence for one in seen[Trade] if isinstance(one, Trade)]
    # An order meets one or two others: what is further away was missed.
    assert {after - before for before, after in itertools.pairwise(trades_seen)} <= {1, 2}


async def test_who_is_silent_is_closed_and_a_text_ping_keeps_a_connection() -> None:
    async with simulator(dialect="okx", silence_limit=0.4) as running:
        url = f"{running.stream_urls[0]}/ws/v5/public"
        async with connected(url) as silent, connected(url) as pinging:
            for _ in range(4):
                await anyio.sleep(0.2)
                await pinging.send_text(b"ping")
                assert await pinging.next_text() == b"pong"
            ended = await silent.end()

    assert (ended.code, ended.reason) == (4004, "No data received in 30s.")
