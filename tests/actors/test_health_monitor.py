"""HealthMonitor: a silent stream is DEGRADED within its time, and what no longer reports is UNKNOWN."""

from __future__ import annotations

import anyio
import pytest

from actors.feeds import books, quotes
from actors.fleet.subscribing import subscription_to
from actors.health_monitor import CLOCK, EVENT_LOOP
from actors.market import Feed
from actors.protocol import HEALTH, HEALTH_CHANGES, STREAMS, HealthReport, Unwant, Vitals
from actors.vitals import HealthLevel, Reading, Vital
from tests.actors.exchange import STREAM, Bot, FakeExchange, no_answer, running, send, stream_of, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
QUOTES = stream_of("BTCUSDT", Feed.QUOTES)


def levels(bot: Bot, component: str) -> list[str]:
    return [change.after.value for change in bot.seen[HEALTH_CHANGES.key] if change.component == component]


async def report(bot: Bot, *shares: float, critical: bool = True) -> None:
    for share in shares:
        bot.venue.ref(HEALTH).tell(Vitals("part", (Reading(Vital.BAD_FRAMES, share),), critical))
        await anyio.sleep(0.5)


async def others(bot: Bot) -> dict[str, HealthLevel]:
    """The levels, but for those of the monitor's own components."""
    levels = await bot.venue.ref(HEALTH).ask(HealthReport())
    return {name: level for name, level in levels.items() if name not in (EVENT_LOOP, CLOCK)}


async def test_a_silent_stream_is_degraded_within_its_time() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        await bot.delivers()
        bot.exchange.stalled = True
        # Between two beats: a level that came only with the second report after the limit would be too late.
        await anyio.sleep(STREAM.beat / 2)
        send(bot.exchange.open[0], {"stream": QUOTES, "data": bot.exchange.markets["BTCUSDT"].step()[Feed.QUOTES]})
        await bot.delivers()
        last = bot.data(quotes(BTC))[-1].received
        await until(lambda: "degraded" in levels(bot, "BTCUSDT"))
        assert bot.seen[HEALTH_CHANGES.key][-1].at - last <= STREAM.silence[Feed.QUOTES] + STREAM.beat


async def test_a_connection_that_delivers_nothing_cures_no_silence() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        bot.exchange.stalled, bot.exchange.answer = True, no_answer  # or it would be asked over REST
        await anyio.sleep(60.0)
        assert len(bot.exchange.connections) > 2
        assert levels(bot, "BTCUSDT") == ["warning", "degraded", "unhealthy", "critical"]


async def test_a_stream_that_delivers_again_is_healthy_again() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        bot.exchange.stalled = True
        await until(lambda: "degraded" in levels(bot, "BTCUSDT"))
        bot.exchange.stalled = False
        await until(lambda: levels(bot, "BTCUSDT")[-1] == "healthy")


async def test_a_stream_that_never_connected_is_unknown_and_degraded_within_its_time() -> None:
    exchange = FakeExchange()
    exchange.transport.refuse()
    async with running(exchange, feeds=[quotes(BTC)], wait=False) as bot:
        bot.follow(HEALTH_CHANGES)
        began = anyio.current_time()
        await anyio.sleep(STREAM.silence[Feed.QUOTES] - STREAM.beat)
        assert await others(bot) == {"": HealthLevel.UNKNOWN, "BTCUSDT": HealthLevel.UNKNOWN}
        await until(lambda: levels(bot, "BTCUSDT") == ["degraded"])
        assert anyio.current_time() - began <= STREAM.silence[Feed.QUOTES] + 2 * STREAM.beat


async def test_a_stream_that_connected_and_has_delivered_nothing_yet_is_unknown() -> None:
    async with running(FakeExchange(stalled=True), feeds=[quotes(BTC)], wait=False) as bot:
        await anyio.sleep(STREAM.silence[Feed.QUOTES] - STREAM.beat)
        assert bot.exchange.open
        assert (await bot.venue.ref(HEALTH).ask(HealthReport()))["BTCUSDT"] is HealthLevel.UNKNOWN


async def test_a_stream_is_healthy_with_its_first_data() -> None:
    async with running(FakeExchange(tick=2.0), feeds=[quotes(BTC)], wait=False) as bot:
        bot.follow(HEALTH_CHANGES)
        await bot.delivers()
        await anyio.sleep(STREAM.beat + 0.1)
        assert levels(bot, "BTCUSDT") == ["healthy"]


async def test_a_component_that_no_longer_reports_is_unknown() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(HEALTH_CHANGES)
        await report(bot, 0.0)
        reported = anyio.current_time() - 0.5
        await until(lambda: levels(bot, "part") == ["healthy", "unknown"])
        assert anyio.current_time() - reported <= 10.0 + 1.1


async def test_no_step_is_missed_when_a_report_comes_before_the_look_that_would_have_noticed_its_absence() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(HEALTH_CHANGES)
        await report(bot, 0.0)
        for _ in range(40):
            await anyio.sleep(10.01 - 0.5)
            await report(bot, 0.0)
        assert levels(bot, "part") == ["healthy", *["unknown", "healthy"] * 40]


async def test_a_single_bad_report_moves_nothing() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(HEALTH_CHANGES)
        await report(bot, 0.0, 0.02, 0.0, 0.02, 0.0)
        assert levels(bot, "part") == ["healthy"]


async def test_two_bad_reports_lower_it_and_three_good_ones_raise_it() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(HEALTH_CHANGES)
        await report(bot, 0.0, 0.02, 0.02, 0.0, 0.0)
        assert levels(bot, "part") == ["healthy", "degraded"]
        await report(bot, 0.0)
        assert levels(bot, "part") == ["healthy", "degraded", "healthy"]


async def test_what_has_not_reported_for_long_is_forgotten() -> None:
    async with running(feeds=[]) as bot:
        await report(bot, 0.0)
        await anyio.sleep(598.0)
        assert "part" in await bot.venue.ref(HEALTH).ask(HealthReport())
        await anyio.sleep(4.0)
        assert await others(bot) == {"": HealthLevel.UNKNOWN}


async def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        await report(bot, 0.5, 0.5)
        assert (await bot.venue.ref(HEALTH).ask(HealthReport()))[""] is HealthLevel.CRITICAL


async def test_a_part_that_is_not_critical_lowers_the_whole_to_degraded_at_most() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        await report(bot, 0.5, 0.5, critical=False)
        assert (await bot.venue.ref(HEALTH).ask(HealthReport()))[""] is HealthLevel.DEGRADED


async def test_a_stream_that_is_not_wanted_any_more_is_unknown() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        bot.venue.ref(STREAMS).tell(Unwant((subscription_to(bot.exchange.binance(), quotes(BTC)),)))
        await until(lambda: levels(bot, "BTCUSDT")[-1:] == ["unknown"])


async def test_a_book_that_stays_out_of_step_is_not_healthy_though_its_feed_is_lively() -> None:
    async with running(feeds=[books(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        bot.exchange.answer = no_answer
        bot.exchange.skip[stream_of("BTCUSDT", Feed.BOOK)] = 1
        await until(lambda: "degraded" in levels(bot, "BTCUSDT"), within=10.0)
        bot.exchange.answer = None
        await until(lambda: levels(bot, "BTCUSDT")[-1] == "healthy")
        assert len(bot.exchange.connections) == 1
