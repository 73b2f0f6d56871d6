"""Stream: after an abort every subscription delivers again, and no hole passes in silence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import anyio
import pytest
from attrs import evolve
from msgspec import structs

from actors.exchange_tree import TreeOptions, subscription_to
from actors.exchanges.binance import LIMITS
from actors.feeds import books, quotes, trades
from actors.market import Book, Disconnected, Feed, Filled, Gap, Rejected, Resumed, Subscription, Trade
from actors.ports import FrameKind, Role
from actors.protocol import (
    CONNECTIONS,
    ENDPOINTS,
    FALLBACKS,
    LINK_CHANGES,
    STREAMS,
    ApplySnapshot,
    FallbackKind,
    SetSubscriptions,
    StreamStatus,
    Unwant,
    UseEndpoints,
    Want,
)
from supervisor import Backoff
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import (
    OPTIONS,
    STREAM,
    Connection,
    FakeExchange,
    all_feeds,
    no_answer,
    running,
    send,
    stream_of,
    until,
)

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
BTC_FEEDS = all_feeds("BTC/USDT")


def times_asked(connection: Connection, name: str) -> list[float]:
    """When the stream was asked for again."""
    asked = [at for at, kind, what in connection.received if kind is FrameKind.TEXT and what["method"] == "SUBSCRIBE"]
    assert all(params == [name] for params in connection.asked("SUBSCRIBE")[1:])
    return asked[1:]


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


@pytest.mark.long
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
        missed = {trades(BTC): ["Filled"], quotes(BTC): [], books(BTC): ["Gap"]}
        assert bot.words(topic) == ["data", "Disconnected", "Resumed", *missed[topic], "data"]


async def test_a_first_attempt_that_fails_is_told_once_and_with_its_reason() -> None:
    exchange = FakeExchange()
    exchange.transport.refuse("no such host")
    exchange.transport.latency = 0.1
    async with running(exchange, feeds=BTC_FEEDS, wait=False) as bot:
        await anyio.sleep(120.0)
        for topic in BTC_FEEDS:
            assert [marker.reason for marker in bot.markers(topic)] == ["cannot connect: no such host"]
        exchange.transport.admit()
        await bot.delivers()
        assert [bot.words(topic) for topic in BTC_FEEDS] == [["Disconnected", "Resumed", "data"]] * 3


async def test_silence_before_the_first_data_is_no_hole() -> None:
    async with running(FakeExchange(stalled=True), feeds=[trades(BTC)], wait=False) as bot:
        await anyio.sleep(60.0)
        assert not bot.seen[trades(BTC).key]
        bot.exchange.stalled = False
        await bot.delivers()
        assert bot.words(trades(BTC)) == ["Resumed", "data"]


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_crash_in_an_outage_is_still_one_hole(end: Callable[[object], None]) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        await bot.delivers()
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(1.0)
        end(bot.streams.child("BTCUSDT"))
        await anyio.sleep(10.0)
        bot.exchange.transport.admit()
        await bot.delivers()
        assert [type(marker) for marker in bot.markers(trades(BTC))] == [Disconnected, Resumed, Filled]


async def test_a_first_attempt_that_fails_is_told_of_what_a_later_life_was_asked_for_too() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        stream, exchange = bot.streams.child("BTCUSDT"), bot.exchange.binance()
        bot.follow(quotes(BTC))
        crash(stream)
        await await_restart(stream)
        await bot.delivers()
        bot.exchange.transport.refuse("no such host")
        bot.exchange.abort()
        stream.tell(SetSubscriptions(tuple(subscription_to(exchange, topic) for topic in (trades(BTC), quotes(BTC)))))
        await anyio.sleep(10.0)
        assert [marker.reason for marker in bot.markers(quotes(BTC))] == ["cannot connect: no such host"]


@pytest.mark.parametrize("end", [crash, kill])
async def test_consumers_are_told_that_a_life_ended(end: Callable[[object], None]) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        end(bot.streams.child("BTCUSDT"))
        await until(lambda: bot.markers(trades(BTC)))
        assert bot.markers(trades(BTC))[0].reason.startswith("the stream ended")


async def test_consumers_are_told_what_a_flood_of_bad_frames_ended() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        bot.exchange.open[0].server.send(*["{bad"] * 25)
        await until(lambda: bot.markers(trades(BTC)))
        assert bot.markers(trades(BTC))[0].reason.startswith("the stream crashed: 20 unusable frames")


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


async def test_a_missing_trade_is_fetched() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        bot.exchange.skip[stream_of("BTCUSDT", Feed.TRADES)] = 3
        await until(lambda: bot.markers(trades(BTC)))
        (filled,) = bot.markers(trades(BTC))
        assert isinstance(filled, Filled)
        await bot.delivers()
        ids = [trade.id for trade in bot.data(trades(BTC))]
        assert ids == list(range(ids[0], ids[-1] + 1))


async def test_a_missing_trade_that_cannot_be_fetched_is_a_gap_with_the_ids_around_it() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.forget()
        bot.exchange.answer = no_answer
        bot.exchange.skip[stream_of("BTCUSDT", Feed.TRADES)] = 3
        await until(lambda: bot.markers(trades(BTC)))
        (gap,) = bot.markers(trades(BTC))
        seen = bot.seen[trades(BTC).key]
        assert isinstance(gap, Gap)
        assert (gap.before_id - gap.after_id, seen[seen.index(gap) + 1].id) == (4, gap.before_id)


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
        await anyio.sleep(3.0 + 1.0)
        assert connection.open
        assert connection.asked("SUBSCRIBE")[1:] == [[name]]


async def test_each_time_that_a_subscription_is_asked_for_in_vain_doubles_the_patience_with_it_up_to_eightfold() -> None:
    name = stream_of("BTCUSDT", Feed.QUOTES)
    async with running(feeds=BTC_FEEDS) as bot:
        (connection,) = bot.exchange.open
        bot.exchange.muted.add(name)
        await anyio.sleep(3.0 * (1 + 2 + 4 + 8 + 8 + 8) + 5.0)
        again = times_asked(connection, name)
        waits = [later - earlier for earlier, later in itertools.pairwise(again)]
        assert [round(wait / 3.0) for wait in waits] == [2, 4, 8, 8, 8]
        bot.exchange.muted.clear()
        await bot.delivers()
        bot.exchange.muted.add(name)
        await anyio.sleep(3.0 + 1.0)
        assert len(times_asked(connection, name)) == len(again) + 1


async def test_each_connection_that_stays_silent_doubles_the_patience_with_the_next_up_to_eightfold() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.exchange.stalled = True
        await anyio.sleep(3.0 * (1 + 2 + 4 + 8 + 8 + 8) + 10.0)
        opened = [connection.received[0][0] for connection in bot.exchange.connections[1:]]
        waits = [later - earlier for earlier, later in itertools.pairwise(opened)]
        assert [round(wait / 3.0) for wait in waits] == [2, 4, 8, 8, 8]
        bot.exchange.stalled = False
        await bot.delivers()
        stalled = anyio.current_time()
        bot.exchange.stalled = True
        before = len(bot.exchange.connections)
        await until(lambda: len(bot.exchange.connections) > before)
        assert anyio.current_time() - stalled < 5.0


@pytest.mark.long
async def test_a_pair_that_does_not_trade_costs_few_connections_and_no_endpoint() -> None:
    exchange = FakeExchange(tick=5.0, muted={stream_of("BTCUSDT", Feed.TRADES)})
    feeds = [trades(BTC), *all_feeds("ETH/USDT")]
    async with running(exchange, feeds=feeds, options=TreeOptions(), wait=False) as bot:
        await bot.delivers(*feeds[1:])
        bot.forget()
        bot.follow(ENDPOINTS)
        before = len(exchange.connections)
        await anyio.sleep(3600.0)
        assert len(exchange.connections) - before <= 10
        assert not bot.seen[ENDPOINTS.key]
        assert [bot.words(topic) for topic in feeds[1:]] == [["data"]] * 3


@pytest.mark.long
async def test_disconnections_now_and_then_are_no_refusals_of_a_pair_that_does_not_trade() -> None:
    exchange = FakeExchange(muted={stream_of("BTCUSDT", Feed.TRADES)}, tick=60.0)
    async with running(exchange, feeds=[trades(BTC)], options=TreeOptions(), wait=False) as bot:
        bot.follow(ENDPOINTS)
        for _ in range(6):
            await anyio.sleep(500.0)
            exchange.abort()
        await anyio.sleep(10.0)
        assert not bot.seen[ENDPOINTS.key]


async def test_an_exchange_that_pings_is_not_blamed_for_silence_however_impatient_we_are() -> None:
    async with running(FakeExchange(ping_every=1.0), feeds=[quotes(BTC)]) as bot:
        bot.follow(ENDPOINTS, LINK_CHANGES)
        bot.exchange.stalled = True
        await anyio.sleep(600.0)
        assert len(bot.exchange.connections) > 15
        assert not bot.seen[ENDPOINTS.key]
        assert {moved.after.value for moved in bot.seen[LINK_CHANGES.key]} <= {"healthy", "degraded"}


async def test_a_ping_over_an_earlier_connection_is_no_sign_of_life_of_this_one() -> None:
    strict = evolve(OPTIONS, links=evolve(OPTIONS.links, refusals=3))
    async with running(FakeExchange(ping_every=1.0), feeds=BTC_FEEDS, options=strict) as bot:
        bot.follow(LINK_CHANGES, ENDPOINTS)
        bot.exchange.stalled, bot.exchange.ping_every = True, math.inf
        bot.exchange.abort()

        # Either judges: the link by its own record, or the ranking of endpoints by those of all.
        def judged() -> bool:
            return bool(bot.seen[ENDPOINTS.key]) or any(moved.after == "failed" for moved in bot.seen[LINK_CHANGES.key])

        await until(judged, within=30.0)


async def test_updates_of_a_book_that_is_out_of_step_restore_the_patience_with_it() -> None:
    name = stream_of("BTCUSDT", Feed.BOOK)
    async with running(feeds=[trades(BTC), books(BTC)]) as bot:
        (connection,) = bot.exchange.open
        bot.exchange.answer = no_answer
        bot.exchange.muted.add(name)
        await until(lambda: len(times_asked(connection, name)) == 3)
        bot.exchange.muted.clear()
        await anyio.sleep(2.0)
        bot.exchange.muted.add(name)
        await until(lambda: len(times_asked(connection, name)) == 4, within=4.5)


async def test_an_endpoint_that_neither_delivers_nor_pings_is_left() -> None:
    exchange = FakeExchange(stalled=True, ping_every=math.inf)
    async with running(exchange, feeds=[trades(BTC)], options=TreeOptions(), wait=False) as bot:
        bot.follow(ENDPOINTS)
        began = anyio.current_time()
        await until(lambda: bot.seen[ENDPOINTS.key], within=3600.0)
        assert anyio.current_time() - began < 5 * 3 * LIMITS.server_ping + 60.0


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
    curious = evolve(OPTIONS, stream=evolve(STREAM, beat=0.1), links=evolve(OPTIONS.links, refusals=3))
    async with running(FakeExchange(stalled=True), feeds=BTC_FEEDS, options=curious, wait=False) as bot:
        bot.follow(LINK_CHANGES)
        await until(lambda: any(moved.after == "failed" for moved in bot.seen[LINK_CHANGES.key]), within=30.0)


@pytest.mark.parametrize("symbols", [1, 6])
async def test_the_rate_of_messages_holds_in_every_rolling_second_with_a_margin(symbols: int) -> None:
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
            assert all(sixth >= first + 1.1 for first, sixth in zip(times, times[5:], strict=False))


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


async def test_what_the_exchange_refuses_for_a_while_comes_back_and_what_was_missed_is_filled() -> None:
    async with running(feeds=BTC_FEEDS) as bot:
        bot.exchange.refused = {stream_of("BTCUSDT", feed): "not now" for feed in (Feed.TRADES, Feed.BOOK)}
        bot.exchange.abort()
        await until(lambda: "Rejected" in bot.words(trades(BTC)) and "Rejected" in bot.words(books(BTC)))
        bot.exchange.refused.clear()
        await bot.delivers(within=15.0)
        words = bot.words(trades(BTC))
        assert words[words.index("Rejected") :] == ["Rejected", "Resumed", "Filled", "data"]
        assert steady([trade.id for trade in bot.data(trades(BTC))])
        assert len(bot.exchange.connections) == 2


@pytest.mark.long
async def test_what_stays_refused_is_asked_for_more_and_more_seldom() -> None:
    name = stream_of("BTCUSDT", Feed.QUOTES)
    exchange = FakeExchange(refused={name: "no such stream"})
    async with running(exchange, feeds=BTC_FEEDS, wait=False) as bot:
        await bot.delivers(trades(BTC), books(BTC))
        (connection,) = exchange.connections
        alone = [at for at, kind, what in connection.received if kind is FrameKind.TEXT and what["params"] == [name]]
        assert len(alone) == 1
        await anyio.sleep(1_000.0)
        asked = [at for at, kind, what in connection.received if kind is FrameKind.TEXT and what["params"] == [name]]
        pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
        assert pauses == pytest.approx([10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0], abs=2.0)
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


async def test_a_subscription_that_was_rejected_can_be_wanted_again_on_the_same_connection() -> None:
    name = stream_of("BTCUSDT", Feed.QUOTES)
    patient = evolve(OPTIONS, stream=evolve(STREAM, silence=dict.fromkeys(Feed, 60.0)))
    exchange = FakeExchange(refused={name: "not now"})
    async with running(exchange, feeds=[trades(BTC), quotes(BTC)], options=patient, wait=False) as bot:
        await until(lambda: bot.markers(quotes(BTC)))
        bot.exchange.refused.clear()
        wanted = (subscription_to(bot.exchange.binance(), quotes(BTC)),)
        manager = bot.venue.ref(STREAMS)
        manager.tell(Unwant(wanted))
        await manager.ask(Want(wanted))
        await bot.delivers(quotes(BTC), within=5.0)
        assert len(bot.exchange.connections) == 1


async def test_an_endpoint_that_comes_into_force_during_a_dial_is_tried_as_soon_as_the_dial_has_failed() -> None:
    slow = evolve(OPTIONS, stream=evolve(STREAM, reconnect=Backoff(initial=30.0, maximum=30.0)))
    exchange = FakeExchange()
    exchange.transport.latency = 10.0
    exchange.transport.refuse(url="wss://one")
    async with running(exchange, feeds=[trades(BTC)], options=slow, wait=False) as bot:
        await anyio.sleep(5.0)
        bot.venue.ref(CONNECTIONS).tell(UseEndpoints(Role.STREAM, ("stream-2",)))
        await until(lambda: len(exchange.transport.dials) == 2, within=15.5)  # and not after the 30 s of the schedule


async def test_a_stream_that_gives_up_says_where_without_what_is_secret() -> None:
    secret = "0123456789abcdef0123456789abcdef"
    hopeless = evolve(OPTIONS, stream=evolve(STREAM, reconnect=Backoff(give_up_after=1)))
    exchange = FakeExchange(stream_urls=[f"wss://me:{secret}@one/{secret}"])
    exchange.transport.refuse()
    async with running(exchange, feeds=[trades(BTC)], options=hopeless, wait=False) as bot:
        await until(lambda: bot.restarts)
        said = [str(event) for event in bot.events]
        assert any("cannot connect to wss://one/" in line for line in said)
        assert not any(secret in line for line in said)


async def test_a_close_for_too_many_messages_is_not_answered_at_once_and_all_are_told_of_it_once() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(FALLBACKS)
        await anyio.sleep(20.0)  # it counts as stable: after another loss it would come back at once
        (old,) = bot.exchange.open
        old.server.close(1008, "Too many requests")
        closed = anyio.current_time()
        await until(lambda: bot.exchange.open and bot.exchange.open != [old])
        assert bot.exchange.transport.dials[-1].at - closed >= 0.9 * STREAM.reconnect.initial
        begun = [one for one in bot.seen[FALLBACKS.key] if one.kind is FallbackKind.RATE and one.on]
        assert begun
