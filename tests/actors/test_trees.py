"""exchange_tree and bot_tree: kill any one of it, and what the tree says restarts and nothing else; everything delivers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import anyio
import pytest
import sniffio
import trio

from actors.bot_tree import bot_tree
from actors.errors import UnknownInstrument
from actors.exchange_tree import exchange_tree
from actors.feeds import books, feed_of, feed_topic, quotes, trades
from actors.fleet.subscribing import subscription_to
from actors.market import Feed
from actors.protocol import HEALTH_CHANGES
from actors.transport.failures import explain
from supervisor import (
    ActorSpec,
    DynamicSupervisorSpec,
    Ref,
    RestartIntensityExceeded,
    SpecError,
    Strategy,
    Supervisor,
    SupervisorSpec,
    Topic,
    open_supervisor,
)
from supervisor.testing import crash, kill
from tests.actors.exchange import Bot, FakeExchange, Market, all_feeds, running, stream_of, until

EXCHANGE = FakeExchange()
BINANCE = EXCHANGE.binance()
NATIVES = ("BTCUSDT", "ETHUSDT")
SPEC = bot_tree(exchange_tree(BINANCE, transport=EXCHANGE.transport, open_rest=lambda: nullcontext(EXCHANGE.rest)))

Tree = dict[str, tuple[Strategy, list[str]]]


def tree_of(spec: Any, path: str, found: Tree) -> Tree:
    """{path of a supervisor: (its strategy, the paths of its children)}"""
    if isinstance(spec, SupervisorSpec):
        found[path] = (spec.strategy, [f"{path}/{child.id}" for child in spec.children])
        for child in spec.children:
            tree_of(child, f"{path}/{child.id}", found)
    elif isinstance(spec, DynamicSupervisorSpec):
        natives = NATIVES if spec.id == "streams" else ()
        found[path] = (Strategy.ONE_FOR_ONE, [f"{path}/{native}" for native in natives])
    return found


TREE = tree_of(SPEC, "bot", {})
PLACES = [child for _, children in TREE.values() for child in children]
WORKERS = [f"bot/binance/recovery/workers/book binance:{native[:-4]}-USDT" for native in NATIVES]
"""They live while a book is out of step."""


def with_all_below(paths: list[str]) -> set[str]:
    return {place for place in PLACES for path in paths if place == path or place.startswith(path + "/")}


def what_the_tree_says(victim: str) -> set[str]:
    """Who gets a new life when this one dies."""
    if victim in WORKERS:
        return {victim}
    strategy, siblings = TREE[victim.rpartition("/")[0]]
    hit = siblings[siblings.index(victim) :] if strategy is Strategy.REST_FOR_ONE else [victim]
    return with_all_below(hit)


def lives(bot: Bot) -> dict[str, float]:
    """{path: when its present life began}"""
    tree = bot.root.snapshot()
    return {child.path: round(tree.at - child.uptime, 6) for _, child in tree.flat() if child.uptime is not None}


def incarnations(bot: Bot) -> dict[str, int]:
    """{path: the number of its life}"""
    return {child.path: child.incarnation for _, child in bot.root.snapshot().flat()}


def place(root: Supervisor, path: str) -> Ref[Any]:
    *above, last = path.split("/")[1:]
    for name in above:
        root = root.supervisor(name)
    return root.child(last)


async def keep_workers_busy(bot: Bot) -> None:
    """Put every book out of step, and let no snapshot help."""
    bot.exchange.behind = 5
    bot.exchange.skip.update(stream_of(native, Feed.BOOK) for native in NATIVES)
    await until(lambda: len(bot.workers.which_children()) == len(WORKERS))


def tasks() -> int:
    if sniffio.current_async_library() == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def burden(bot: Bot) -> tuple[int, int, int]:
    """Tasks, timers and open connections."""
    return tasks(), len(bot.root._runtime.timekeeper), len(bot.exchange.open)


def test_the_tree_is_the_one_of_the_design() -> None:
    assert PLACES == [
        "bot/binance",
        "bot/binance/connection manager",
        "bot/binance/health monitor",
        "bot/binance/state manager",
        "bot/binance/streams",
        "bot/binance/recovery",
        "bot/binance/streams/streams",
        "bot/binance/streams/stream manager",
        "bot/binance/streams/streams/BTCUSDT",
        "bot/binance/streams/streams/ETHUSDT",
        "bot/binance/recovery/workers",
        "bot/binance/recovery/recovery manager",
    ]


def test_the_groups_are_rest_for_one_and_the_rest_is_one_for_one() -> None:
    rest_for_one = {path for path, (strategy, _) in TREE.items() if strategy is Strategy.REST_FOR_ONE}
    assert rest_for_one == {"bot/binance/streams", "bot/binance/recovery"}


@pytest.mark.anyio
@pytest.mark.parametrize("end", [crash, kill])
@pytest.mark.parametrize("victim", [*PLACES, *WORKERS])
async def test_what_the_tree_says_restarts_and_nothing_else(victim: str, end: Callable[[Ref[Any]], None]) -> None:
    there = {"bot", *PLACES}
    async with running(FakeExchange(ping_every=2.0)) as bot:
        if victim in WORKERS:
            await keep_workers_busy(bot)
            there.update(WORKERS)
        before = lives(bot)
        assert set(before) == there
        await anyio.sleep(0.01)
        end(place(bot.root, victim))
        await anyio.sleep(1.0)
        after = lives(bot)
        assert {path for path in there if after.get(path) != before[path]} == what_the_tree_says(victim)
        assert set(after) == there
        bot.exchange.behind = 0
        await bot.delivers()
        assert all(lives(bot)[path] == after[path] for path in ("bot", *PLACES))


@pytest.mark.anyio
@pytest.mark.parametrize("native", ["BTCUSDT", "ETHUSDT", "BNBUSDT"])
async def test_a_socket_that_dies_restarts_nobody_and_only_its_own_consumers_hear_of_it(native: str) -> None:
    exchange = FakeExchange(symbols=("BTCUSDT", "ETHUSDT", "BNBUSDT"))
    symbols = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT", "BNBUSDT": "BNB/USDT"}
    async with running(exchange, feeds=all_feeds(*symbols.values())) as bot:
        before, own = incarnations(bot), all_feeds(symbols[native])
        bot.forget()
        await bot.delivers()
        exchange.abort(exchange.of(native))
        await anyio.sleep(0.1)
        await bot.delivers()
        await anyio.sleep(5.0)
        told = ["data", "Disconnected", "Resumed", "data"]
        assert {topic: bot.words(topic) for topic in bot.topics} == {
            topic: told if topic in own else ["data"] for topic in bot.topics
        }
        assert (incarnations(bot), len(exchange.open), len(exchange.connections)) == (before, 3, 4)


@pytest.mark.anyio
@pytest.mark.parametrize("victim", PLACES)
async def test_a_death_leaves_nothing_behind(victim: str) -> None:
    async with running(FakeExchange(ping_every=2.0)) as bot:
        await anyio.sleep(10.25)
        before = burden(bot)
        for end in (kill, crash, kill):
            end(place(bot.root, victim))
            await anyio.sleep(10.0)
        await bot.delivers()
        await anyio.sleep(5.25)
        assert all(now <= then for now, then in zip(burden(bot), before, strict=True))


@pytest.mark.anyio
async def test_nothing_grows_while_connections_come_and_go() -> None:
    async with running(FakeExchange(ping_every=2.0)) as bot:
        await anyio.sleep(10.25)
        before = burden(bot)
        for _ in range(20):
            bot.exchange.abort()
            await anyio.sleep(5.0)
        await anyio.sleep(5.25)
        assert burden(bot) == before


@pytest.mark.anyio
async def test_a_tree_that_was_stopped_leaves_no_task_and_no_connection() -> None:
    before = tasks()
    async with running() as bot:
        await anyio.sleep(5.0)
    await anyio.sleep(0.1)
    assert (tasks(), bot.exchange.open) == (before, [])


@pytest.mark.anyio
@pytest.mark.parametrize("hurt", ["nothing", "refused", "stalled", "frozen", "no answer"])
async def test_a_tree_stops_whatever_the_exchange_does(hurt: str) -> None:
    async with running() as bot:
        exchange = bot.exchange
        match hurt:
            case "refused":
                exchange.transport.refuse()
                exchange.abort()
            case "stalled":
                exchange.stalled = True
            case "frozen":
                for connection in exchange.open:
                    connection.server.freeze()
            case "no answer":
                exchange.rest.latency = 1e6
                exchange.skip["btcusdt@depth@100ms"] = 1
        await anyio.sleep(2.0)
        began = anyio.current_time()
    assert anyio.current_time() - began < 6.0
    assert not bot.restarts


NO_NETWORK = {
    "dns": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "tls": ssl.SSLCertVerificationError("verify failed"),
}
NO_NETWORK["tls"].verify_message = "self-signed certificate"


@pytest.mark.anyio
@pytest.mark.parametrize("trouble", NO_NETWORK)
async def test_a_bot_without_a_network_says_so_once_and_plainly_and_delivers_when_there_is_one(
    trouble: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = explain(NO_NETWORK[trouble])
    exchange = FakeExchange()
    exchange.transport.refuse(reason)
    exchange.transport.latency = 0.1
    async with running(exchange, wait=False) as bot:
        await anyio.sleep(300.0)
        assert not bot.restarts
        assert [[marker.reason for marker in bot.markers(topic)] for topic in bot.topics] == [[f"cannot connect: {reason}"]] * 6
        dials = list(exchange.transport.dials)
        exchange.transport.admit()
        await bot.delivers()
        exchange.transport.refuse(reason)
        exchange.abort()
        await anyio.sleep(10.0)
        exchange.transport.admit()
        await bot.delivers()
    said = capsys.readouterr().out.splitlines()
    warnings = [line for line in said if "warning" in line and reason in line]
    assert ["cannot connect" in line and "wss://" in line for line in warnings] == [True, True]  # two outages
    assert not any("Traceback" in line for line in said)
    # It keeps trying, both endpoints, and with the breakers' pauses.
    assert {dial.url for dial in dials} == {"wss://one/stream", "wss://two/stream"}
    assert 10 <= len(dials) <= 60


@pytest.mark.anyio
async def test_what_ended_is_told_when_the_tree_stops() -> None:
    async with running() as bot:
        bot.forget()
        await bot.delivers()
    assert [bot.words(topic) for topic in bot.topics] == [["data", "Disconnected"]] * 6


def test_the_same_exchange_twice_is_an_error_in_the_spec() -> None:
    one, two = FakeExchange(), FakeExchange(symbols=("BTCUSDT",))
    specs = [exchange_tree(fake.binance(), [], transport=fake.transport, open_rest=nullcontext_of(fake)) for fake in (one, two)]
    with pytest.raises(SpecError, match="binance"):
        bot_tree(*specs)


def nullcontext_of(fake: FakeExchange) -> Any:
    return lambda: nullcontext(fake.rest)


@pytest.mark.anyio
async def test_a_venue_that_fails_too_often_ends_the_bot() -> None:
    fake = FakeExchange()
    spec = bot_tree(exchange_tree(fake.binance(), transport=fake.transport, open_rest=nullcontext_of(fake)))
    with pytest.raises(RestartIntensityExceeded):
        async with open_supervisor(spec, sinks=[lambda event: None]) as root:
            while True:
                ref = root.child("binance")
                if ref.alive:
                    crash(ref)
                await anyio.sleep(0.1)


@pytest.mark.anyio
async def test_a_spec_can_be_opened_again() -> None:
    for _ in range(2):
        async with running(feeds=[trades("binance:BTC/USDT")]) as bot:
            await bot.delivers()


@pytest.mark.parametrize(
    "topic", [HEALTH_CHANGES, Topic("trades"), Topic("candles:binance:BTC/USDT"), Topic(""), trades("kraken:BTC/USDT")], ids=str
)
def test_what_is_no_feed_of_this_venue_is_an_error_in_the_spec(topic: Topic[Any]) -> None:
    with pytest.raises((SpecError, UnknownInstrument)) as caught:
        exchange_tree(BINANCE, [topic], transport=EXCHANGE.transport)
    assert isinstance(caught.value, SpecError) or topic.key == "trades"


@pytest.mark.parametrize("canonical", ["btc/usdt", "BTC-A/USDT", "BT C/USDT"])
def test_an_instrument_that_cannot_be_one_is_an_error_in_the_spec(canonical: str) -> None:
    with pytest.raises(UnknownInstrument, match=canonical):
        exchange_tree(BINANCE, [trades(f"binance:{canonical}")], transport=EXCHANGE.transport)


@pytest.mark.parametrize("text", ["BTC/USDT", "binance:", "binance:BTC", "binance:/USDT", "", ":BTC/USDT"])
def test_a_feed_of_what_is_not_written_as_an_instrument_is_refused_at_once(text: str) -> None:
    for make in (trades, quotes, books):
        with pytest.raises(UnknownInstrument, match="expected"):
            make(text)


@pytest.mark.parametrize("make", [trades, quotes, books])
def test_a_topic_says_what_it_is_a_feed_of(make: Callable[[str], Topic[Any]]) -> None:
    feed, _, venue, canonical = feed_of(make("binance:BTC/USDT"))
    assert (feed, venue, canonical) == (Feed(make.__name__.replace("books", "book")), "binance", "BTC/USDT")


@pytest.mark.parametrize("make", [trades, quotes, books])
def test_a_subscription_leads_back_to_its_topic(make: Callable[[str], Topic[Any]]) -> None:
    topic = make("binance:BTC/USDT")
    assert feed_topic(subscription_to(BINANCE, topic)) == topic


def test_actors_of_the_bot_start_after_its_exchanges() -> None:
    beside = ActorSpec("strategy", lambda: None)
    assert [child.id for child in bot_tree(exchange_tree(BINANCE, transport=EXCHANGE.transport), beside=[beside]).children] == [
        "binance",
        "strategy",
    ]


def test_the_fake_market_is_consistent() -> None:
    market = Market("BTCUSDT")
    before = market.update_id
    events = market.step()
    assert events[Feed.QUOTES]["u"] == events[Feed.BOOK]["u"] == before + 1
