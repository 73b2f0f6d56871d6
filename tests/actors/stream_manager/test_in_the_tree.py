"""In the whole tree: kill the StreamManager, a stream or the dynamic supervisor, and every subscription comes back; and
nothing else restarts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from actors.exchange_tree import TreeOptions
from actors.feeds import books, quotes, trades
from actors.fleet.subscribing import subscription_to
from actors.market import Disconnected, Feed, Rejected
from actors.ports import RestResponse
from actors.protocol import STREAMS, Subscriptions, Unwant, Want
from actors.stream_options import StreamOptions
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import Bot, FakeExchange, all_feeds, no_answer, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BTC, ETH = "binance:BTC/USDT", "binance:ETH/USDT"
NOBODY = "binance:NOBODY/USDT"


async def want(bot: Bot, *topics: Any) -> tuple[Rejected, ...]:
    wanted = tuple(subscription_to(bot.exchange.binance(), topic) for topic in topics)
    bot.follow(*topics)
    return await bot.venue.ref(STREAMS).ask(Want(wanted))


def unwant(bot: Bot, *topics: Any) -> None:
    bot.venue.ref(STREAMS).tell(Unwant(tuple(subscription_to(bot.exchange.binance(), topic) for topic in topics)))


def streams(bot: Bot) -> set[str]:
    return {child.id for child in bot.streams.which_children()}


@pytest.mark.parametrize("end", [crash, kill])
async def test_without_its_manager_the_data_flows_on(end: Callable[[Any], None]) -> None:
    async with running() as bot:
        bot.forget()
        manager = bot.venue.supervisor("streams").child("stream manager")
        end(manager)
        await await_restart(manager)
        await bot.delivers()
        assert [bot.words(topic) for topic in bot.topics] == [["data"]] * 6
        assert bot.restarts == {"bot/binance/streams/stream manager": 1}


@pytest.mark.parametrize("end", [crash, kill])
async def test_every_subscription_comes_back_when_the_dynamic_supervisor_dies(end: Callable[[Any], None]) -> None:
    async with running() as bot:
        end(bot.venue.supervisor("streams").child("streams"))
        await anyio.sleep(0.2)
        await bot.delivers()
        assert list(bot.restarts) == ["bot/binance/streams/streams"]


@pytest.mark.parametrize("end", [crash, kill])
async def test_the_death_of_the_dynamic_supervisor_is_a_hole_that_is_told_once(end: Callable[[Any], None]) -> None:
    async with running(feeds=all_feeds("BTC/USDT")) as bot:
        bot.forget()
        await bot.delivers()
        end(bot.venue.supervisor("streams").child("streams"))
        await anyio.sleep(0.2)
        await bot.delivers()
        assert [bot.words(topic) for topic in bot.topics] == [["data", "Disconnected", "Resumed", "data"]] * 3


async def test_what_is_wanted_at_run_time_is_delivered() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        assert await want(bot, quotes(BTC), books(ETH)) == ()
        await bot.delivers(quotes(BTC), books(ETH))


async def test_what_is_wanted_twice_is_subscribed_once() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await want(bot, trades(BTC))
        await anyio.sleep(10.0)
        assert [connection.asked("SUBSCRIBE") for connection in bot.exchange.connections] == [[["btcusdt@trade"]]]


async def test_another_feed_of_a_stream_that_runs_is_asked_for_on_its_connection() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await want(bot, quotes(BTC))
        await bot.delivers(quotes(BTC))
        assert bot.words(trades(BTC)) == ["Resumed", "data"]
        assert len(bot.exchange.connections) == 1


async def test_what_was_wanted_at_run_time_survives_the_manager() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await want(bot, books(ETH))
        unwant(bot, trades(BTC))
        await anyio.sleep(0.5)
        kill(bot.venue.supervisor("streams").child("streams"))
        await anyio.sleep(1.0)
        await bot.delivers(books(ETH))
        assert await bot.venue.ref(STREAMS).ask(Subscriptions()) == (subscription_to(bot.exchange.binance(), books(ETH)),)
        assert streams(bot) == {"ETHUSDT"}


async def test_the_stream_of_an_instrument_that_nobody_wants_any_more_is_stopped() -> None:
    async with running() as bot:
        unwant(bot, *all_feeds("ETH/USDT"))
        await until(lambda: streams(bot) == {"BTCUSDT"})
        await anyio.sleep(0.1)
        assert len(bot.exchange.open) == 1
        assert isinstance(bot.markers(trades(ETH))[-1], Disconnected)
        assert not bot.restarts


async def test_what_is_wanted_again_is_delivered_again() -> None:
    async with running() as bot:
        unwant(bot, *all_feeds("ETH/USDT"))
        await until(lambda: streams(bot) == {"BTCUSDT"})
        wanted = tuple(subscription_to(bot.exchange.binance(), topic) for topic in all_feeds("ETH/USDT"))
        await bot.venue.ref(STREAMS).ask(Want(wanted))
        await bot.delivers()


async def test_an_unknown_symbol_is_an_error_to_who_asked_and_the_others_are_served() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await anyio.sleep(3.0)
        rejected = await want(bot, trades(NOBODY), books(ETH))
        assert [str(no.subscription) for no in rejected] == ["trades:binance:NOBODY/USDT"]
        assert "NOBODY/USDT" in rejected[0].reason
        await bot.delivers(books(ETH), trades(BTC))
        assert streams(bot) == {"BTCUSDT", "ETHUSDT"}


async def test_an_unknown_symbol_in_the_spec_is_rejected_on_its_topic() -> None:
    async with running(feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await until(lambda: bot.markers(quotes(NOBODY)))
        assert bot.words(quotes(NOBODY)) == ["Rejected"]
        await bot.delivers(trades(BTC))
        await anyio.sleep(10.0)
        assert streams(bot) == {"BTCUSDT"}
        assert bot.words(quotes(NOBODY)) == ["Rejected"]


async def first_on(bot: Bot, topic: Any) -> Any:
    """What a consumer hears first that subscribes now."""
    with anyio.fail_after(10.01):
        return await anext(aiter(bot.root.subscription(topic)))


async def test_who_subscribes_later_hears_of_an_unknown_symbol_within_ten_seconds_in_the_words_of_the_first() -> None:
    async with running(feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await until(lambda: bot.markers(quotes(NOBODY)))
        for _ in range(3):
            await anyio.sleep(100.0)
            assert await first_on(bot, quotes(NOBODY)) == bot.markers(quotes(NOBODY))[0]


async def test_what_was_refused_to_who_asked_is_said_on_its_topic_too() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (rejected,) = await want(bot, trades(NOBODY))
        await anyio.sleep(0.1)
        assert bot.seen[trades(NOBODY).key] == [rejected]
        assert await first_on(bot, trades(NOBODY)) == rejected


async def test_a_rejection_is_repeated_every_ten_seconds_and_not_more_often() -> None:
    async with running(feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await until(lambda: bot.markers(quotes(NOBODY)))
        bot.forget()
        await anyio.sleep(100.0)
        assert len(bot.markers(quotes(NOBODY))) == 10


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_rejection_is_repeated_after_the_managers_death(end: Callable[[Any], None]) -> None:
    async with running(feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await until(lambda: bot.markers(quotes(NOBODY)))
        manager = bot.venue.supervisor("streams").child("stream manager")
        bot.exchange.answer = broken
        end(manager)
        await await_restart(manager)
        assert isinstance(await first_on(bot, quotes(NOBODY)), Rejected)
        assert streams(bot) == {"BTCUSDT"}


async def test_a_rejection_that_nobody_wants_any_more_is_forgotten() -> None:
    async with running(feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await until(lambda: bot.markers(quotes(NOBODY)))
        unwant(bot, quotes(NOBODY))
        await anyio.sleep(0.1)
        bot.forget()
        await anyio.sleep(30.0)
        assert not bot.seen[quotes(NOBODY).key]


async def test_of_too_many_rejections_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.stream_manager.MOST_REJECTED", 2)
    topics = [trades(f"binance:NOBODY{n}/USDT") for n in range(4)]
    async with running(feeds=[trades(BTC)]) as bot:
        assert len(await want(bot, *topics)) == 4
        await anyio.sleep(0.1)
        bot.forget()
        await anyio.sleep(10.0)
        assert [topic for topic in topics if bot.seen[topic.key]] == topics[2:]


def lists(bot: Bot) -> int:
    """How often the list of symbols was asked for."""
    return sum("exchangeInfo" in call.request.path for call in bot.exchange.rest.calls)


SLOW = TreeOptions(stream=StreamOptions(beat=60.0, silence=dict.fromkeys(Feed, 300.0)), health_ttl=120.0)
"""For hours: few beats, and a market in which something happens twice a minute."""


async def test_what_was_halted_at_the_start_is_subscribed_within_an_hour_of_its_return() -> None:
    exchange, feeds = FakeExchange(tick=30.0, halted={"ETHUSDT"}), [trades(BTC), trades(ETH)]
    async with running(exchange, feeds=feeds, options=SLOW, wait=False) as bot:
        await anyio.sleep(60.0)
        assert (bot.words(trades(ETH)), streams(bot)) == (["Rejected"], {"BTCUSDT"})
        exchange.halted.clear()
        await anyio.sleep(3600.0)
        assert bot.words(trades(ETH)) == ["Rejected", "Resumed", "data"]
        wanted = tuple(subscription_to(exchange.binance(), topic) for topic in feeds)
        assert (await bot.venue.ref(STREAMS).ask(Subscriptions()), lists(bot)) == (wanted, 2)


async def test_what_is_halted_while_it_is_subscribed_stays_subscribed() -> None:
    exchange = FakeExchange(tick=30.0)
    async with running(exchange, feeds=[trades(BTC), trades(ETH)], options=SLOW) as bot:
        bot.forget()
        exchange.halted.add("ETHUSDT")
        await anyio.sleep(3700.0)
        assert lists(bot) == 2
        assert [bot.words(topic) for topic in bot.topics] == [["data"]] * 2


async def test_before_a_symbol_is_refused_the_list_is_fetched_again() -> None:
    async with running(FakeExchange(halted={"ETHUSDT"}), feeds=[trades(BTC)]) as bot:
        await anyio.sleep(60.0)
        bot.exchange.halted.clear()
        assert await want(bot, trades(ETH)) == ()
        await bot.delivers(trades(ETH))
        assert bot.words(trades(ETH)) == ["Resumed", "data"]


async def test_what_was_rejected_is_subscribed_as_soon_as_a_fresh_list_has_it() -> None:
    async with running(FakeExchange(halted={"ETHUSDT"}), feeds=[trades(BTC), trades(ETH)], wait=False) as bot:
        await until(lambda: bot.markers(trades(ETH)))
        await anyio.sleep(60.0)
        bot.exchange.halted.clear()
        assert len(await want(bot, trades(NOBODY))) == 1
        await bot.delivers(trades(ETH), within=1.0)


async def test_however_often_the_unknown_is_asked_for_the_list_is_fetched_once_a_minute() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        before = lists(bot)
        for _ in range(300):
            assert len(await want(bot, trades(NOBODY))) == 1
            await anyio.sleep(1.0)
        assert lists(bot) - before in (4, 5)


@pytest.mark.parametrize("latency", [0.0, 1e6])
async def test_while_the_list_cannot_be_fetched_again_the_old_one_decides(latency: float) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await anyio.sleep(100.0)
        bot.exchange.rest.latency, bot.exchange.answer = latency, broken
        times = [anyio.current_time()]
        for _ in range(2):
            assert len(await want(bot, trades(NOBODY))) == 1
            times.append(anyio.current_time())
        assert [after - before for before, after in itertools.pairwise(times)] == pytest.approx([2.0, 0.0])
        assert await want(bot, trades(ETH)) == ()
        await bot.delivers(trades(ETH))
        bot.exchange.rest.latency, bot.exchange.answer = 0.0, None


def refusing(status: int, body: bytes = b"") -> Any:
    return lambda request: RestResponse(status, body) if "exchangeInfo" in request.path else None


def refusing_nobody(answer: Any) -> Any:
    """A symbol that does not exist is refused when it is polled, and else the answer is this one."""

    def refuse(request: Any) -> RestResponse | None:
        if request.params.get("symbol") == "NOBODYUSDT":
            return RestResponse(400, b'{"code":-1121,"msg":"Invalid symbol."}')
        return None if answer is None else answer(request)

    return refuse


def broken(request: Any) -> Any:
    return no_answer(request) if "exchangeInfo" in request.path else None


@pytest.mark.parametrize(
    "answer",
    [
        broken,
        refusing(503),
        refusing(403, b"<html>"),
        refusing(200, b"{}"),
        refusing(200, b'{"symbols":[]}'),
        refusing(200, b"["),
    ],
    ids=["no answer", "busy", "firewall", "not the list", "nothing is traded", "cut off"],
)
async def test_while_the_list_of_symbols_is_not_known_what_is_known_is_served(answer: Any) -> None:
    async with running(FakeExchange(answer=refusing_nobody(answer)), feeds=[trades(BTC), quotes(NOBODY)], wait=False) as bot:
        await bot.delivers(trades(BTC))
        await anyio.sleep(120.0)
        assert not bot.seen[quotes(NOBODY).key]
        bot.exchange.answer = refusing_nobody(None)
        await until(lambda: "Rejected" in bot.words(quotes(NOBODY)))
        await bot.delivers(trades(BTC))
        assert not bot.restarts


async def test_a_stream_that_crashes_too_often_is_parked_and_recovered_and_its_siblings_stream_on() -> None:
    async with running() as bot:
        for _ in range(6):
            await until(lambda: bot.streams.child("BTCUSDT").alive)
            crash(bot.streams.child("BTCUSDT"))
            await anyio.sleep(0.01)
        parked = {child.id: child.phase.value for child in bot.streams.which_children()}
        await bot.delivers(*all_feeds("ETH/USDT"))
        await bot.delivers()
        assert parked == {"BTCUSDT": "gave up", "ETHUSDT": "running"}
        assert set(bot.restarts) == {"bot/binance/streams/streams/BTCUSDT"}
