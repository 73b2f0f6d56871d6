"""Stream: after an abort every subscription delivers again, and no hole passes in silence."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import anyio
import pytest
from attrs import evolve
from msgspec import structs

from actors.exchange_tree import subscription_to
from actors.exchanges.binance import LIMITS
from actors.feeds import books, quotes, trades
from actors.market import Book, Disconnected, Feed, Gap, Rejected, Resumed, Subscription, Trade
from actors.ports import FrameKind
from actors.protocol import LINK_CHANGES, ApplySnapshot, SetSubscriptions, StreamStatus
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import OPTIONS, STREAM, FakeExchange, all_feeds, no_answer, running, send, stream_of, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
BTC_FEEDS = all_feeds("BTC/USDT")


def steady(bot_ids: list[int]) -> bool:
    return all(after == before + 1 for before, after in itertools.pairwise(bot_ids))


@pytest.mark.parametrize("hurt", [FakeExchange.abort, FakeExchange.close, FakeExchange.announce_shutdown])
async def test_after_a_lost_connection_every_subscription_delivers_again_without_a_restart(
    hurt: Callable[[FakeExchange], None],
) -> None:
    async with running() as bot:
        hurt(bot.exchange)
        await anyio.sleep(0.1)
        await bot.delivers()
        assert len(bot.exchange.connections) == 4
        assert not bot.restarts


async def test_a_connection_on_which_nothing_arrives_is_replaced() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.exchange.stalled = True
        await until(lambda: len(bot.exchange.connections) > 1, within=10.0)
        bot.exchange.stalled = False
        await bot.delivers()
        assert not bot.restarts


async def test_a_frozen_exchange_does_not_delay_the_word_that_data_stopped() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        connection.server.freeze()
        bot.exchange.stalled = True
        await until(lambda: bot.words(trades(BTC))[-1] == "Disconnected", within=7.0)
        bot.exchange.stalled = False
        await bot.delivers()


async def test_an_outage_of_an_hour_costs_no_restart() -> None:
    calm = evolve(OPTIONS, stream=evolve(STREAM, beat=10.0), health_ttl=60.0)
    async with running(FakeExchange(tick=5.0), feeds=[trades(BTC)], options=calm) as bot:
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(3600.0)
        bot.exchange.transport.admit()
        await bot.delivers()
        assert not bot.restarts


@pytest.mark.parametrize("topic", BTC_FEEDS, ids=str)
async def test_a_hole_is_told_once_and_in_order(topic: object) -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.forget()
        await bot.delivers()
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(3.0)
        bot.exchange.transport.admit()
        await bot.delivers()
        gap = [] if topic == quotes(BTC) else ["Gap"]
        assert bot.words(topic) == ["data", "Disconnected", "Resumed", *gap, "data"]


async def test_each_of_many_holes_is_told_once() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.forget()
        for _ in range(3):
            await bot.delivers()
            bot.exchange.abort()
        await bot.delivers()
        for topic in BTC_FEEDS:
            told = [type(marker) for marker in bot.markers(topic) if not isinstance(marker, Gap)]
            assert told == [Disconnected, Resumed] * 3


async def test_no_marker_is_told_while_nothing_is_wrong() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.forget()
        await anyio.sleep(60.0)
        assert [bot.words(topic) for topic in BTC_FEEDS] == [["data"]] * 3


async def test_resumed_says_how_long_the_outage_was() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(20.0)
        bot.exchange.transport.admit()
        await bot.delivers()
        (resumed,) = [marker for marker in bot.markers(trades(BTC)) if isinstance(marker, Resumed)]
        assert 20.0 <= resumed.outage < 40.0


async def test_a_missing_trade_is_a_gap_with_the_ids_around_it() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        bot.exchange.skip[stream_of("BTCUSDT", Feed.TRADES)] = 3
        await until(lambda: bot.markers(trades(BTC)))
        (gap,) = bot.markers(trades(BTC))
        assert (gap.before_id - gap.after_id, bot.seen[trades(BTC).key][-1].id) == (4, gap.before_id)


async def test_a_repeated_trade_is_no_gap() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        market = bot.exchange.markets["BTCUSDT"]
        market.trade_id -= 2
        await anyio.sleep(2.6)
        assert bot.words(trades(BTC)) == ["data"]


async def test_ids_that_begin_anew_are_no_gap() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.exchange.markets["BTCUSDT"].trade_id = 1_000_000
        await bot.delivers()
        bot.forget()
        bot.exchange.markets["BTCUSDT"].trade_id = 0
        await bot.delivers()
        bot.exchange.markets["BTCUSDT"].trade_id += 1
        await until(lambda: bot.markers(trades(BTC)))
        assert [gap.after_id < 10 for gap in bot.markers(trades(BTC))] == [True]


async def test_one_quiet_subscription_among_lively_ones_is_asked_for_again_alone() -> None:
    name = stream_of("BTCUSDT", Feed.QUOTES)
    async with running(feeds=BTC_FEEDS) as bot:
        (connection,) = bot.exchange.open
        bot.exchange.muted.add(name)
        await anyio.sleep(3.0 * 5 + 1.0)
        assert connection.open
        again = connection.asked("SUBSCRIBE")[1:]
        assert all(params == [name] for params in again)
        assert 4 <= len(again) <= 5


async def test_a_quiet_subscription_is_one_hole_however_often_it_is_asked_for() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.forget()
        bot.exchange.muted.add(stream_of("BTCUSDT", Feed.QUOTES))
        await anyio.sleep(20.0)
        bot.exchange.muted.clear()
        await bot.delivers()
        assert bot.words(quotes(BTC))[-3:] == ["Disconnected", "Resumed", "data"]
        assert len(bot.markers(quotes(BTC))) == 2
        assert bot.words(trades(BTC)) == ["data"]


async def test_answers_are_no_data() -> None:
    curious = evolve(OPTIONS, stream=evolve(STREAM, beat=0.1))
    async with running(FakeExchange(stalled=True), feeds=BTC_FEEDS, options=curious, wait=False) as bot:
        bot.follow(LINK_CHANGES)
        await until(lambda: any(moved.after == "failed" for moved in bot.seen[LINK_CHANGES.key]), within=30.0)


@pytest.mark.parametrize("symbols", [1, 6])
async def test_the_rate_of_messages_holds_in_every_rolling_second(symbols: int) -> None:
    natives = [f"C{number}USDT" for number in range(symbols)]
    exchange = FakeExchange(natives, ping_every=0.1)
    async with running(exchange, feeds=all_feeds(*(f"{native[:-4]}/USDT" for native in natives))) as bot:
        exchange.muted.add(stream_of(natives[0], Feed.QUOTES))
        for _ in range(2):
            exchange.abort()
            await bot.delivers(*bot.topics[3:], *bot.topics[:1])
        await anyio.sleep(4.0)
        for connection in exchange.connections:
            times = [at for at, _, _ in connection.received]
            assert all(sixth >= first + 1.0 for first, sixth in zip(times, times[5:], strict=False))


async def test_a_ping_is_answered_with_its_payload() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        connection.server.ping(b"are you there")
        await anyio.sleep(0.1)
        assert [what for _, kind, what in connection.received if kind is FrameKind.PONG] == [b"are you there"]


async def test_a_pong_does_not_wait_behind_what_is_to_be_said() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        stream = bot.streams.child("BTCUSDT")
        exchange = bot.exchange.binance()
        some = [Subscription(exchange.instrument(f"A{number}/USDT"), Feed.TRADES) for number in range(60)]
        wanted = [SetSubscriptions(tuple(some[:count])) for count in range(1, 60)]
        for message in wanted:
            stream.tell(message)
        await anyio.sleep(0.1)
        asked = anyio.current_time()
        connection.server.ping(b"now")
        await until(lambda: any(kind is FrameKind.PONG for _, kind, _ in connection.received))
        assert anyio.current_time() - asked < 1.5


async def test_the_age_limit_replaces_a_connection_before_the_exchange_does() -> None:
    exchange = FakeExchange(limits=structs.replace(LIMITS, max_age=100.0))
    async with running(exchange, feeds=[trades(BTC)]) as bot:
        await anyio.sleep(100.0)
        assert len(exchange.connections) == 2
        assert exchange.connections[0].server.lost is not None
        await bot.delivers()


@pytest.mark.parametrize(
    "payload", ["{", "[]", '{"stream":"btcusdt@trade","data":{"t":"many"}}', '{"stream":5}', "\x00", b"\xff\xfe", "1" * 5000]
)
async def test_a_bad_frame_is_counted_and_the_connection_lives(payload: str | bytes) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        connection.server.send(payload)
        await bot.delivers()
        status = await bot.streams.child("BTCUSDT").ask(StreamStatus())
        assert (status["bad_frames"], connection.open, bool(bot.restarts)) == (1, True, False)


async def test_bad_frames_are_sampled_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        connection.server.send(*["{bad"] * 15)
        await anyio.sleep(0.1)
        assert capsys.readouterr().out.count("bad frame") == 1


async def test_a_flood_of_bad_frames_is_a_crash_of_that_stream_alone() -> None:
    async with running() as bot:
        bot.exchange.of("BTCUSDT").server.send(*["{bad"] * 25)
        await await_restart(bot.streams.child("BTCUSDT"))
        await bot.delivers()
        assert list(bot.restarts) == ["bot/binance/streams/streams/BTCUSDT"]


async def test_bad_frames_over_a_long_time_are_no_flood() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        for _ in range(30):
            connection.server.send("{bad")
            await anyio.sleep(1.0)
        assert not bot.restarts


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_new_life_after_a_crash_recalls_its_subscriptions(end: Callable[[object], None]) -> None:
    async with running() as bot:
        end(bot.streams.child("BTCUSDT"))
        await anyio.sleep(0.1)
        await bot.delivers()
        assert bot.restarts == {"bot/binance/streams/streams/BTCUSDT": 1}


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_crash_is_a_hole_that_is_told_once(end: Callable[[object], None]) -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.forget()
        await bot.delivers()
        end(bot.streams.child("BTCUSDT"))
        await anyio.sleep(0.1)
        await bot.delivers()
        for topic in BTC_FEEDS:
            assert bot.words(topic) == ["data", "Disconnected", "Resumed", "data"]


async def test_a_new_life_recalls_what_was_changed_since_the_first() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        stream, exchange = bot.streams.child("BTCUSDT"), bot.exchange.binance()
        stream.tell(SetSubscriptions((subscription_to(exchange, quotes(BTC)),)))
        await anyio.sleep(1.0)
        crash(stream)
        await await_restart(stream)
        await until(lambda: bot.exchange.open and bot.exchange.open[-1].streams)
        assert bot.exchange.open[-1].streams == {stream_of("BTCUSDT", Feed.QUOTES)}


async def test_what_is_no_longer_wanted_is_told_and_not_delivered() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.streams.child("BTCUSDT").tell(SetSubscriptions((subscription_to(bot.exchange.binance(), quotes(BTC)),)))
        await anyio.sleep(1.0)
        bot.forget()
        await bot.delivers(quotes(BTC))
        assert not bot.seen[trades(BTC).key]
        assert bot.exchange.open[-1].asked("UNSUBSCRIBE")


async def test_a_refused_subscription_is_rejected_and_its_neighbours_deliver() -> None:
    exchange = FakeExchange(refused={stream_of("BTCUSDT", Feed.QUOTES): "no such stream"})
    async with running(exchange, feeds=BTC_FEEDS, wait=False) as bot:
        await bot.delivers(trades(BTC), books(BTC))
        await anyio.sleep(30.0)
        assert bot.words(quotes(BTC)) == ["Rejected"]
        assert "no such stream" in bot.markers(quotes(BTC))[0].reason
        assert len(exchange.connections) == 1


async def test_a_request_that_is_refused_once_is_made_again() -> None:
    name = stream_of("BTCUSDT", Feed.TRADES)
    exchange = FakeExchange(refused_once={name})
    async with running(exchange, feeds=BTC_FEEDS, wait=False) as bot:
        await bot.delivers()
        assert not any(isinstance(marker, Rejected) for marker in bot.markers(trades(BTC)))


async def test_a_refused_unsubscription_takes_nothing_away() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        name = stream_of("BTCUSDT", Feed.QUOTES)
        bot.exchange.muted.add(name)
        bot.exchange.refused_once.add(name)
        await until(lambda: bot.exchange.open[0].asked("UNSUBSCRIBE"))
        bot.exchange.muted.clear()
        await bot.delivers()
        assert not any(isinstance(marker, Rejected) for marker in bot.markers(quotes(BTC)))


async def test_a_snapshot_that_comes_while_the_link_is_down_resumes_nothing() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        stream, exchange = bot.streams.child("BTCUSDT"), bot.exchange.binance()
        bot.exchange.answer = no_answer
        bot.exchange.skip[stream_of("BTCUSDT", Feed.BOOK)] = 1
        await anyio.sleep(1.6)
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(0.1)
        bot.forget()
        bot.exchange.answer = None
        instrument = exchange.instrument("BTC/USDT")
        response = await bot.exchange.rest.get("https://one", exchange.snapshot_request(instrument))
        await stream.ask(ApplySnapshot(exchange.parse_snapshot(instrument, response)))
        await anyio.sleep(20.0)
        assert not bot.seen[books(BTC).key]
        bot.exchange.transport.admit()
        await bot.delivers()


async def test_a_book_after_a_snapshot_says_when_it_came() -> None:
    async with running(FakeExchange(tick=2.0), feeds=[books(BTC)]) as bot:
        assert all(isinstance(book, Book) and book.received > 0 for book in bot.data(books(BTC)))


async def test_trades_come_complete_and_in_order() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await anyio.sleep(30.0)
        ids = [trade.id for trade in bot.data(trades(BTC)) if isinstance(trade, Trade)]
        assert len(ids) > 50
        assert steady(ids)


async def test_a_frame_of_a_stream_that_nobody_asked_for_changes_nothing() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        (connection,) = bot.exchange.open
        send(connection, {"stream": "xrpusdt@trade", "data": {"t": 1}})
        await bot.delivers()
        assert (await bot.streams.child("BTCUSDT").ask(StreamStatus()))["bad_frames"] == 0


async def test_feeds_without_a_patience_of_their_own_have_one() -> None:
    patient = evolve(OPTIONS, stream=evolve(STREAM, silence={}))
    async with running(feeds=BTC_FEEDS, options=patient) as bot:
        bot.exchange.stalled = True
        await until(lambda: len(bot.exchange.connections) == 2, within=20.0)
        bot.exchange.stalled = False
        await bot.delivers()
