"""HealthMonitor: a silent stream is DEGRADED within its time, and what no longer reports is UNKNOWN."""

from __future__ import annotations

import anyio
import pytest

from actors.exchange_tree import subscription_to
from actors.feeds import quotes
from actors.market import Feed
from actors.protocol import HEALTH, HEALTH_CHANGES, STREAMS, HealthReport, Unwant, Vitals
from actors.vitals import HealthLevel, Reading, Vital
from tests.actors.exchange import STREAM, Bot, running, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"


def levels(bot: Bot, component: str) -> list[str]:
    return [change.after.value for change in bot.seen[HEALTH_CHANGES.key] if change.component == component]


async def report(bot: Bot, *shares: float, critical: bool = True) -> None:
    for share in shares:
        bot.venue.ref(HEALTH).tell(Vitals("part", (Reading(Vital.BAD_FRAMES, share),), critical))
        await anyio.sleep(0.5)


async def test_a_silent_stream_is_degraded_within_its_time() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        await bot.delivers()
        bot.exchange.stalled = True
        last = bot.data(quotes(BTC))[-1].received
        await until(lambda: "degraded" in levels(bot, "BTCUSDT"))
        assert bot.seen[HEALTH_CHANGES.key][-1].at - last <= STREAM.silence[Feed.QUOTES] + STREAM.beat


async def test_a_connection_that_delivers_nothing_cures_no_silence() -> None:
    async with running(feeds=[quotes(BTC)]) as bot:
        bot.follow(HEALTH_CHANGES)
        bot.exchange.stalled = True
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


async def test_a_component_that_no_longer_reports_is_unknown() -> None:
    async with running(feeds=[]) as bot:
        bot.follow(HEALTH_CHANGES)
        await report(bot, 0.0)
        reported = anyio.current_time() - 0.5
        await until(lambda: levels(bot, "part") == ["healthy", "unknown"])
        assert anyio.current_time() - reported <= 10.0 + 1.1


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
        assert await bot.venue.ref(HEALTH).ask(HealthReport()) == {"": HealthLevel.UNKNOWN}


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
