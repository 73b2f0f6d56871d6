"""FaultTolerance, over the whole tree: what an operator or a bot asks for, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from typing import Any

import anyio
import msgspec
import pytest
from attrs import evolve

from actors import FaultTolerance, HealthLevel, IncidentKind, NoSuchVenue, SystemHealth
from actors.alert_rules import AlertKind
from actors.analysis.patterns import Pattern
from actors.bot_tree import bot_tree
from actors.errors import UnknownInstrument
from actors.exchange_tree import exchange_tree
from actors.exchanges.okx import Okx
from actors.fallbacks.options import FallbackOptions
from actors.feeds import books, candles, quotes, trades
from actors.fleet.symbol_list import LIST_FRESH
from actors.market import Disconnected, Feed, InstrumentId, Quote, Resumed, Source, SourceChanged, Stale, Subscription, Trade
from actors.protocol import FALLBACKS, RECOVERIES, STREAMS, FallbackKind, Subscriptions, Want
from actors.transport import MemoryRest, MemoryTransport
from supervisor import (
    ActorSpec,
    AskTimeout,
    NoSuchActor,
    Skipped,
    SpecError,
    Supervisor,
    SupervisorSpec,
    Topic,
    open_supervisor,
)
from supervisor.testing import kill
from tests.actors.exchange import OPTIONS, Bot, FakeExchange, no_answer, running, until

pytestmark = pytest.mark.anyio

BTC, ETH = "binance:BTC/USDT", "binance:ETH/USDT"
POLLED = evolve(OPTIONS, fallbacks=FallbackOptions(cache_after=1e6))
RAPID = evolve(OPTIONS, fallbacks=FallbackOptions(poll=False))


def okx_beside() -> SupervisorSpec:
    """Another exchange, at which nobody answers."""
    transport = MemoryTransport()
    transport.refuse("nobody is there")
    rest = MemoryRest(lambda _, request: no_answer(request))
    return exchange_tree(Okx.production(), transport=transport, open_rest=lambda: nullcontext(rest), options=OPTIONS)


async def wanted(bot: Bot) -> list[str]:
    return sorted(str(one) for one in await bot.venue.ref(STREAMS).ask(Subscriptions()))


async def link_of(tolerance: FaultTolerance) -> str:
    """The only link's name."""
    (link,) = (await tolerance.metrics())["binance"]["links"]
    return str(link)


def asked_for(bot: Bot, stream: str) -> bool:
    return any(stream in connection.streams for connection in bot.exchange.open)


# ---- subscribe


async def test_a_feed_that_nobody_wanted_delivers_within_the_block_and_is_given_up_after_it() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        async with FaultTolerance(bot.root).subscribe(quotes(ETH)) as events:
            with anyio.fail_after(10.0):
                first, second = await anext(events), await anext(events)
            assert isinstance(first, Resumed)
            assert isinstance(second, Quote)
            assert (second.instrument.native, asked_for(bot, "ethusdt@bookTicker")) == ("ETHUSDT", True)
        await anyio.sleep(1.0)
        assert await wanted(bot) == ["trades:binance:BTC/USDT"]
        assert not asked_for(bot, "ethusdt@bookTicker")


async def test_what_the_tree_wants_from_the_start_outlives_a_block_that_wanted_it_too() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        async with FaultTolerance(bot.root).subscribe(trades(BTC)) as events:
            await anext(events)
        await bot.delivers()


async def test_of_two_subscribers_one_leaves_and_the_other_goes_on() -> None:
    async with running(feeds=[trades(BTC)]) as bot, AsyncExitStack() as stays:
        events = await stays.enter_async_context(FaultTolerance(bot.root).subscribe(quotes(ETH)))
        async with FaultTolerance(bot.root).subscribe(quotes(ETH)):
            await anyio.sleep(1.0)
        await anyio.sleep(5.0)
        assert "quotes:binance:ETH/USDT" in await wanted(bot)
        first, *others = [await anext(events) for _ in range(8)]
        assert isinstance(first, Resumed)
        assert all(isinstance(event, Quote) for event in others)


async def test_an_error_in_the_block_gives_the_feed_up_and_passes() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        with pytest.raises(ZeroDivisionError):
            async with FaultTolerance(bot.root).subscribe(quotes(ETH)):
                raise ZeroDivisionError
        assert await wanted(bot) == ["trades:binance:BTC/USDT"]


async def test_a_symbol_that_the_exchange_does_not_have_is_refused_and_not_wanted() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(trades("binance:DOGE/USDT"))
        with pytest.raises(UnknownInstrument, match="binance does not trade DOGE/USDT"):
            async with FaultTolerance(bot.root).subscribe(trades("binance:DOGE/USDT")):
                pass
        await anyio.sleep(1.0)
        bot.forget()
        await anyio.sleep(30.0)
        assert bot.seen["trades:binance:DOGE/USDT"] == []  # a rejection of what is wanted is said every 10 s


async def test_another_exchanges_feed_is_refused_with_what_there_is() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        with pytest.raises(NoSuchVenue, match=r"no exchange 'kraken'; in the tree: binance\. Type venue='binance'"):
            async with FaultTolerance(bot.root).subscribe(trades("kraken:BTC/USDT")):
                pass


async def test_a_feed_that_the_exchange_does_not_offer_is_refused_with_those_that_it_does() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        with pytest.raises(SpecError, match=r"candles@7m:binance:BTC/USDT'; expected candles with one of 1m, 1s"):
            async with FaultTolerance(bot.root).subscribe(candles(BTC, "7m")):
                pass


@pytest.mark.parametrize(("topic", "error"), [(Topic[Any]("alerts"), ValueError), ("trades:binance:BTC/USDT", TypeError)])
async def test_what_is_no_feed_is_refused(topic: Any, error: type[Exception]) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        with pytest.raises(error, match=r"trades\(.binance:BTC/USDT.\)"):
            async with FaultTolerance(bot.root).subscribe(topic):
                pass


async def test_a_subscriber_that_is_cancelled_before_the_answer_leaves_nothing_wanted() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        await a_slow_list(bot)
        bot.exchange.symbols = (*bot.exchange.symbols, "DOGEUSDT")
        entered = False
        with anyio.move_on_after(1.0):
            async with FaultTolerance(bot.root).subscribe(trades("binance:DOGE/USDT")):
                entered = True
        await anyio.sleep(10.0)
        assert (entered, await wanted(bot)) == (False, ["trades:binance:BTC/USDT"])


async def test_a_subscriber_whose_question_was_never_heard_takes_nobody_elses_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(feeds=[trades(BTC)]) as bot, FaultTolerance(bot.root).subscribe(quotes(ETH)):
        await a_slow_list(bot)
        streams, subscription = bot.venue.ref(STREAMS), Supervisor.subscription

        def held_up(*args: Any, **options: Any) -> Any:
            """Between the two questions somebody else asks for what the StreamManager has to look up."""
            streams.tell(Want((Subscription(InstrumentId("binance", "XRPUSDT", "XRP/USDT"), Feed.TRADES),)))
            return subscription(*args, **options)

        monkeypatch.setattr(Supervisor, "subscription", held_up)
        with pytest.raises(AskTimeout):
            async with FaultTolerance(bot.root, timeout=1.0).subscribe(quotes(ETH)):
                pass
        await anyio.sleep(10.0)
        assert "quotes:binance:ETH/USDT" in await wanted(bot)


async def a_slow_list(bot: Bot) -> None:
    """Who asks for a symbol that is not known waits for a fresh list of them, and the StreamManager with him."""
    await anyio.sleep(LIST_FRESH)
    bot.exchange.rest.latency = 10.0


async def refused(bot: Bot) -> None:
    """Ask for one that is not known."""
    with pytest.raises(UnknownInstrument):
        async with FaultTolerance(bot.root).subscribe(trades("binance:XRP/USDT")):
            pass


async def test_a_subscription_lives_through_the_death_of_the_stream_manager() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        async with FaultTolerance(bot.root).subscribe(quotes(ETH)) as events:
            await anext(events)
            kill(bot.venue.ref(STREAMS))
            await anyio.sleep(5.0)
            assert "quotes:binance:ETH/USDT" in await wanted(bot)
        await anyio.sleep(1.0)
        assert await wanted(bot) == ["trades:binance:BTC/USDT"]


async def test_a_reader_that_is_too_slow_loses_old_trades_and_is_told_but_of_quotes_only_the_newest_waits() -> None:
    async with running(feeds=[trades(BTC), quotes(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        async with tolerance.subscribe(trades(BTC), capacity=5) as trade_events, tolerance.subscribe(quotes(BTC)) as prices:
            await anyio.sleep(20.0)
            assert isinstance(await anext(trade_events), Skipped)
            assert isinstance(await anext(trade_events), Trade)
            newest = await anext(prices)
            assert isinstance(newest, Quote)
            assert newest.update_id == bot.exchange.markets["BTCUSDT"].update_id


# ---- how things are


async def test_a_bot_that_is_well_is_said_to_be() -> None:
    async with running() as bot:
        await anyio.sleep(10.0)
        health = await FaultTolerance(bot.root).system_health()
        venue = health.venues["binance"]
        assert (health.level, venue.level, venue.fallbacks, venue.unanswered) == (
            HealthLevel.HEALTHY,
            HealthLevel.HEALTHY,
            (),
            {},
        )
        assert venue.diagnosis is not None
        assert venue.diagnosis.pattern is Pattern.NONE
        assert "event loop" in venue.components
        assert str(health) == "binance: healthy; diagnosis: none"


@pytest.mark.slow
async def test_an_outage_shows_in_level_diagnosis_alerts_and_fallbacks_and_ends() -> None:
    async with running(feeds=[trades(BTC)], options=RAPID) as bot:
        tolerance = FaultTolerance(bot.root)
        await anyio.sleep(10.0)
        assert await tolerance.active_alerts() == ()
        bot.exchange.transport.refuse("refused")
        bot.exchange.answer = no_answer
        bot.exchange.abort()
        await anyio.sleep(40.0)

        health = await tolerance.system_health()
        venue, alerts = health.venues["binance"], await tolerance.active_alerts()
        assert health.level.rank >= HealthLevel.DEGRADED.rank
        assert venue.diagnosis is not None
        assert venue.diagnosis.pattern is Pattern.EXCHANGE_OUTAGE, str(health)
        assert {one.kind for one in venue.fallbacks} >= {FallbackKind.CACHE}
        assert "in force: cache" in str(health)
        assert AlertKind.SYSTEM in {alert.kind for alert in alerts}
        assert AlertKind.CONNECTION in {alert.kind for alert in alerts}
        assert [alert.severity for alert in alerts] == sorted((alert.severity for alert in alerts), reverse=True)

        bot.exchange.transport.admit()
        bot.exchange.answer = None
        await bot.delivers()
        while (await tolerance.system_health()).level is not HealthLevel.HEALTHY or await tolerance.active_alerts():
            assert anyio.current_time() < 400.0, str(await tolerance.system_health())
            await anyio.sleep(5.0)


async def test_the_metrics_are_plain_and_can_be_sent_as_they_are() -> None:
    async with running(feeds=[trades(BTC), books(ETH)]) as bot:
        tolerance = FaultTolerance(bot.root)
        await tolerance.trigger_recovery(IncidentKind.CLOCK, "binance")
        await anyio.sleep(10.0)
        metrics = await tolerance.metrics()
        told = metrics["binance"]
        assert set(told) == {"health", "endpoints", "links", "incidents", "subscriptions"}
        assert msgspec.json.decode(msgspec.json.encode(metrics))["binance"]["subscriptions"] == 2
        assert plain(metrics)
        assert set(told["endpoints"]) >= {"stream-1", "stream-2", "rest-1", "rest-2"}
        assert set(told["links"].values()) == {"healthy"}
        assert [one["kind"] for one in told["incidents"]] == ["clock", "book"]  # the newest first


def plain(value: object) -> bool:
    """Whether it is made of what JSON has alone: no enumeration, no struct."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return type(value) in (str, int, float, bool, type(None))


# ---- who does not answer


async def test_when_all_answer_it_is_said_how_fast() -> None:
    async with running() as bot:
        check = await FaultTolerance(bot.root).health_check()
        assert check.ok
        assert list(check.answers) == [
            f"binance/{actor}"
            for actor in ("connection manager", "health monitor", "state manager", "stream manager", "recovery manager")
        ]
        assert all(isinstance(seconds, float) for seconds in check.answers.values())


async def test_who_is_stopped_is_told_of_and_hides_nobody_else() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        await anyio.sleep(10.0)
        await bot.venue.terminate_child("state manager")
        check = await tolerance.health_check()
        silent = {name: why for name, why in check.answers.items() if isinstance(why, str)}
        assert (check.ok, list(silent)) == (False, ["binance/state manager"])
        assert silent["binance/state manager"] == "there is no actor at the name 'states'"

        health = await tolerance.system_health()
        venue = health.venues["binance"]
        assert list(venue.unanswered) == ["state manager"]
        assert venue.level.rank >= HealthLevel.UNKNOWN.rank
        assert "BTCUSDT" in " ".join(venue.components)
        assert "state manager does not answer" in str(health)
        metrics = (await tolerance.metrics())["binance"]
        assert list(metrics["links"]) == ["unanswered"]
        assert metrics["subscriptions"] == 1
        with pytest.raises(NoSuchActor):
            await tolerance.trigger_fallback(FallbackKind.CACHE)


async def test_who_is_killed_is_back_before_anybody_notices() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        kill(bot.venue.child("state manager"))
        assert (await FaultTolerance(bot.root).health_check()).ok


async def test_who_is_busy_for_too_long_costs_one_timeout() -> None:
    async with running(feeds=[trades(BTC)]) as bot, anyio.create_task_group() as group:
        await a_slow_list(bot)
        group.start_soon(refused, bot)
        await anyio.sleep(0.5)
        before = anyio.current_time()
        check = await FaultTolerance(bot.root, timeout=1.0).health_check()
        assert anyio.current_time() - before == pytest.approx(1.0, abs=0.1)
        assert [name for name, why in check.answers.items() if isinstance(why, str)] == ["binance/stream manager"]


# ---- recovery


async def test_the_same_recovery_asked_for_twice_is_one_and_its_outcome_is_published() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.follow(RECOVERIES)
        link = await link_of(tolerance)
        first = await tolerance.trigger_recovery(IncidentKind.LINK, link)
        assert first == await tolerance.trigger_recovery(IncidentKind.LINK, link, venue="binance")
        assert first != await tolerance.trigger_recovery(IncidentKind.CLOCK, "binance")
        await until(lambda: len(bot.seen[RECOVERIES.key]) == 2)
        (told,) = [one for one in bot.seen[RECOVERIES.key] if one.kind is IncidentKind.LINK]
        assert (told.kind, told.subject, told.ok, told.venue) == (IncidentKind.LINK, link, True, "binance")


async def test_what_cannot_be_recovered_is_told_as_such() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.follow(RECOVERIES)
        await tolerance.trigger_recovery(IncidentKind.BOOK, "no such thing")
        await until(lambda: bot.seen[RECOVERIES.key])
        (told,) = bot.seen[RECOVERIES.key]
        assert not told.ok
        assert "no such thing" in told.reason


# ---- fallbacks


async def test_polling_that_is_forced_serves_a_feed_that_its_stream_does_not_and_its_source_is_said() -> None:
    async with running(feeds=[trades(BTC)], options=POLLED) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.exchange.transport.refuse("refused")
        bot.forget()
        assert await tolerance.trigger_fallback(FallbackKind.PROTOCOL)
        bot.exchange.abort()
        await until(lambda: bot.data(trades(BTC)), within=9.0)  # by the evidence alone it is 10 s later
        sources = [one.source for one in bot.markers(trades(BTC)) if isinstance(one, SourceChanged)]
        assert sources == [Source.POLLING]

        bot.exchange.transport.admit()
        assert await tolerance.trigger_fallback(FallbackKind.PROTOCOL, on=False)
        await until(lambda: [one.source for one in bot.markers(trades(BTC)) if isinstance(one, SourceChanged)][-1] == "stream")
        ids = [trade.id for trade in bot.data(trades(BTC))]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_polling_that_is_forced_off_stays_off_until_it_is_left_to_the_evidence() -> None:
    async with running(feeds=[trades(BTC)], options=POLLED) as bot:
        tolerance = FaultTolerance(bot.root)
        assert await tolerance.trigger_fallback(FallbackKind.PROTOCOL, on=False, scope=await link_of(tolerance))
        bot.exchange.transport.refuse("refused")
        bot.exchange.abort()
        bot.forget()
        await anyio.sleep(40.0)
        assert not bot.data(trades(BTC))
        assert await tolerance.trigger_fallback(FallbackKind.PROTOCOL, on=None)
        await bot.delivers(within=10.0)


async def test_stale_values_are_said_once_forced_and_no_longer_once_lifted() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.exchange.transport.refuse("refused")
        bot.exchange.abort()
        bot.forget()
        await anyio.sleep(1.0)
        assert not stale(bot)
        assert await tolerance.trigger_fallback(FallbackKind.CACHE)
        await anyio.sleep(11.0)
        first, *later = stale(bot)
        assert first.event.instrument.native == "BTCUSDT"
        assert [round(one.age - first.age) for one in later] == [5, 10]
        assert await tolerance.trigger_fallback(FallbackKind.CACHE, on=None)
        bot.forget()
        await anyio.sleep(20.0)
        assert not stale(bot)


def stale(bot: Bot) -> list[Stale]:
    return [one for one in bot.markers(trades(BTC)) if isinstance(one, Stale)]


async def test_stale_values_are_never_said_of_what_flows() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        assert await FaultTolerance(bot.root).trigger_fallback(FallbackKind.CACHE)
        bot.forget()
        await anyio.sleep(20.0)
        assert bot.words(trades(BTC)) == ["data"]


async def test_of_partial_service_those_given_up_are_told_why_and_resumed_afterwards() -> None:
    options = evolve(OPTIONS, fallbacks=evolve(OPTIONS.fallbacks, priorities=("trades", "quotes")))
    async with running(feeds=[trades(BTC), books(BTC)], options=options) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.forget()
        assert await tolerance.trigger_fallback(FallbackKind.PARTIAL)
        await until(lambda: bot.markers(books(BTC)))
        (said,) = bot.markers(books(BTC))
        assert isinstance(said, Disconnected)
        assert "given up for what matters more: an operator has put it in force" in said.reason
        (in_force,) = (await tolerance.system_health()).venues["binance"].fallbacks
        assert in_force.detail == ("book:binance:BTC/USDT",)
        await bot.delivers(trades(BTC))
        assert not bot.markers(trades(BTC))

        assert await tolerance.trigger_fallback(FallbackKind.PARTIAL, on=None)
        await bot.delivers(books(BTC))
        assert bot.words(books(BTC))[-3:] == ["Disconnected", "Resumed", "data"]


async def test_merging_that_is_forced_puts_new_feeds_onto_streams_that_live() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        assert await tolerance.trigger_fallback(FallbackKind.RATE)
        async with tolerance.subscribe(trades(ETH)) as events:
            await anext(events)
            assert len(bot.exchange.open) == 1
        assert await tolerance.trigger_fallback(FallbackKind.RATE, on=False)
        async with tolerance.subscribe(quotes(ETH)) as prices:
            await anext(prices)
            assert len(bot.exchange.open) == 2


async def test_an_endpoint_that_is_left_on_an_operators_word_is_not_gone_to() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.follow(FALLBACKS)
        assert await tolerance.trigger_fallback(FallbackKind.ENDPOINT)
        bot.exchange.abort()
        await bot.delivers()
        assert [one.server.url for one in bot.exchange.open] == ["wss://two/stream"]
        assert await tolerance.trigger_fallback(FallbackKind.ENDPOINT, on=None)
        bot.exchange.abort()
        await bot.delivers()
        assert [one.server.url for one in bot.exchange.open] == ["wss://one/stream"]
        said = [one.on for one in bot.seen[FALLBACKS.key] if one.kind is FallbackKind.ENDPOINT]
        assert (said[0], said[-1]) == (True, False)


@pytest.mark.parametrize("kind", list(FallbackKind))
async def test_a_fallback_of_what_there_is_not_is_refused(kind: FallbackKind) -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        assert not await FaultTolerance(bot.root).trigger_fallback(kind, scope="no such thing")
        assert (await FaultTolerance(bot.root).system_health()).venues["binance"].fallbacks == ()


# ---- what an operator does to endpoints


async def test_an_isolated_endpoint_keeps_what_is_open_and_gets_nothing_new_until_it_is_released() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        assert await tolerance.isolate("stream-1")
        await anyio.sleep(10.0)
        assert [one.server.url for one in bot.exchange.open] == ["wss://one/stream"]
        bot.exchange.abort()
        await bot.delivers()
        assert [one.server.url for one in bot.exchange.open] == ["wss://two/stream"]
        assert (await tolerance.metrics())["binance"]["endpoints"]["stream-1"]["breaker"] == "isolated"
        assert await tolerance.reset_circuit_breakers() == 0  # who isolated it has to release it
        assert await tolerance.release("stream-1")
        assert not await tolerance.release("stream-1")
        bot.exchange.abort()
        await bot.delivers()
        assert [one.server.url for one in bot.exchange.open] == ["wss://one/stream"]


async def test_where_the_last_endpoint_is_isolated_nobody_connects_and_a_release_brings_all_back() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        assert await tolerance.isolate("stream-1")
        assert await tolerance.isolate("stream-2")
        bot.exchange.abort()
        before = len(bot.exchange.transport.dials)
        await anyio.sleep(40.0)
        assert len(bot.exchange.transport.dials) == before
        assert not bot.restarts
        assert await tolerance.release("stream-2")
        await bot.delivers(within=2.0)


async def test_an_endpoint_that_there_is_not_can_be_neither_isolated_nor_released() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        tolerance = FaultTolerance(bot.root)
        assert (await tolerance.isolate("stream-9"), await tolerance.release("stream-9")) == (False, False)


async def test_breakers_that_are_reset_are_closed_and_tried_at_once() -> None:
    slow = evolve(OPTIONS, breaker=evolve(OPTIONS.breaker, open_for=600.0, open_maximum=600.0))
    async with running(feeds=[trades(BTC)], options=slow) as bot:
        tolerance = FaultTolerance(bot.root)
        bot.exchange.transport.refuse("refused")
        bot.exchange.abort()
        await anyio.sleep(20.0)
        bot.exchange.transport.admit()
        bot.forget()
        await anyio.sleep(20.0)
        assert not bot.data(trades(BTC))
        assert await tolerance.reset_circuit_breakers() == 2
        await bot.delivers(within=3.0)
        assert await tolerance.reset_circuit_breakers() == 0


# ---- several exchanges


async def test_with_several_exchanges_one_has_to_be_named_and_each_is_told_of() -> None:
    async with running(feeds=[trades(BTC)], beside=[okx_beside()]) as bot:
        tolerance = FaultTolerance(bot.root)
        assert tolerance.venues == ("binance", "okx")
        with pytest.raises(NoSuchVenue, match=r"no exchange was named; in the tree: binance, okx\. Type venue='binance'"):
            await tolerance.isolate("stream-1")
        assert await tolerance.isolate("stream-1", venue="okx")
        metrics = await tolerance.metrics()
        isolated = {name: part["endpoints"]["stream-1"]["breaker"] for name, part in metrics.items()}
        assert isolated == {"binance": "closed", "okx": "isolated"}
        assert set((await tolerance.system_health()).venues) == {"binance", "okx"}
        assert {name.partition("/")[0] for name in (await tolerance.health_check()).answers} == {"binance", "okx"}
        assert await tolerance.active_alerts(venue="binance") == ()
        with pytest.raises(NoSuchVenue, match="no exchange 'kraken'"):
            await tolerance.active_alerts(venue="kraken")


async def test_it_may_be_given_one_exchange_alone() -> None:
    async with running(feeds=[trades(BTC)], beside=[okx_beside()]) as bot:
        tolerance = FaultTolerance(bot.venue)
        assert tolerance.venues == ("binance",)
        assert await tolerance.isolate("stream-1")
        async with tolerance.subscribe(quotes(ETH)) as events:
            await anext(events)


async def test_exchanges_are_found_below_supervisors_of_the_users_own() -> None:
    tree = SupervisorSpec("app", [SupervisorSpec("markets", [bot_tree(okx_beside())])])
    async with open_supervisor(tree) as root:
        assert FaultTolerance(root).venues == ("okx",)


async def test_a_tree_without_an_exchange_is_said_to_have_none() -> None:
    async with open_supervisor(SupervisorSpec("bot", [])) as root:
        tolerance = FaultTolerance(root)
        assert await tolerance.system_health() == SystemHealth(HealthLevel.UNKNOWN, {})
        assert not (await tolerance.health_check()).ok
        with pytest.raises(NoSuchVenue, match="no exchange was named, and there is none in the tree"):
            await tolerance.reset_circuit_breakers()


# ---- wrong arguments


@pytest.mark.parametrize("root", [FaultTolerance, Supervisor, ActorSpec, "bot", None, SupervisorSpec("bot", [])])
async def test_what_is_no_running_tree_is_refused(root: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a running tree, such as `async with open_supervisor\(bot_tree"):
        FaultTolerance(root)


@pytest.mark.parametrize("timeout", [0, -1.0, math.nan, "5", True])
async def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    async with open_supervisor(SupervisorSpec("bot", [])) as root:
        with pytest.raises(SpecError, match=r"timeout=5\.0"):
            FaultTolerance(root, timeout=timeout)


WRONG: dict[str, tuple[Callable[[FaultTolerance, Any], Any], Any, str]] = {
    "a text for a fallback": (lambda one, what: one.trigger_fallback(what), "cache", "FallbackKind.PROTOCOL"),
    "a word that is none": (lambda one, what: one.trigger_fallback(FallbackKind.CACHE, on=what), "on", "True: in force"),
    "a scope that is no name": (lambda one, what: one.trigger_fallback(FallbackKind.CACHE, scope=what), Feed, "name of a link"),
    "a text for a recovery": (lambda one, what: one.trigger_recovery(what, "binance"), "link", "IncidentKind.LINK"),
    "a subject that is no name": (lambda one, what: one.trigger_recovery(IncidentKind.LINK, what), 7, "name of a link"),
    "an endpoint that is no name": (lambda one, what: one.isolate(what), 1, "'stream-1'"),
    "a release of what is no name": (lambda one, what: one.release(what), None, "'stream-1'"),
    "a venue that is no name": (lambda one, what: one.reset_circuit_breakers(venue=what), Okx, "'binance'"),
}


@pytest.mark.parametrize("case", list(WRONG))
async def test_an_argument_of_the_wrong_kind_is_refused(case: str) -> None:
    call, what, expected = WRONG[case]
    async with open_supervisor(SupervisorSpec("bot", [])) as root:
        with pytest.raises(TypeError, match=expected):
            await call(FaultTolerance(root), what)


async def test_at_the_end_of_the_tree_what_is_subscribed_ends_too() -> None:
    exchange = FakeExchange()
    async with AsyncExitStack() as stack:
        async with running(exchange, feeds=[trades(BTC)]) as bot:
            events = await stack.enter_async_context(FaultTolerance(bot.root).subscribe(trades(BTC)))
        with anyio.fail_after(1.0):
            assert isinstance([event async for event in events][-1], Disconnected)
