"""S20, 403 and 451 with a page of HTML where JSON or a stream was to be: who says it, and who can do something about it.

JKorf/Binance.Net#115 (a page of CloudFront taken for an answer), binance-api-node#610, ccxt#15872 (451, asked again and again).
A 403 of a firewall is about one endpoint: another one is taken. A 451 is about where we are: only a person can help.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import anyio
import pytest

from actors.fault_tolerance import FaultTolerance
from actors.feeds import books, quotes, trades
from actors.incidents import IncidentKind
from actors.market import Disconnected, Filled, Resumed
from actors.protocol import ALERTS, RECOVERIES
from tests.scenarios.support import BTC, Bot, book_top_equals_quote, every_trade_once, quotes_never_go_back, scene, the, until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

TRADES, QUOTES, BOOKS = (the(make, BTC) for make in (trades, quotes, books))
CLOUDFRONT = "<!DOCTYPE HTML><HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>403</BODY></HTML>"
RESTRICTED = "<html><body>Service unavailable from a restricted location</body></html>"
DEPTH = "/api/v3/depth"
BOOK = f"recovery book binance:{BTC}"
A_WHILE = 1.0
"""Seconds: ten beats, at each of which the book is reported, and several steps of the schedule of reconnecting."""


def endpoint_of(url: str, bot: Bot) -> int:
    """Which endpoint was dialled; the first one is 1."""
    ports = [urlsplit(one).port for one in bot.started.stream_urls]
    return ports.index(urlsplit(url).port) + 1


def alerts(bot: Bot) -> dict[str, str]:
    """{key: text} of the alerts that are on."""
    found: dict[str, str] = {}
    for moved in bot.all(ALERTS):
        if moved.alert.ended is None:
            found[moved.alert.key] = moved.alert.text
        else:
            found.pop(moved.alert.key, None)
    return found


async def test_after_a_403_at_the_handshake_the_other_endpoint_serves_and_this_one_is_left_alone() -> None:
    async with scene(symbols=(BTC,), speed=3.0) as bot:
        await bot.control.handshake_error(403, count=None, endpoint=1)
        before = len(bot.dialling.dials)
        await bot.control.abort()
        await bot.says("Resumed")
        await bot.delivers()
        await anyio.sleep(A_WHILE)
        status = await bot.status()
        dialled = [endpoint_of(url, bot) for _, url in bot.dialling.dials[before:]]
        told = {topic.key: [type(one) for one in bot.markers(topic)] for topic in bot.topics}

    assert dialled == [1, 2]
    assert (status.totals.handshakes_refused, [one.endpoint for one in status.connections]) == (1, [2])
    assert told[TRADES.key] == [Disconnected, Resumed, Filled]
    assert told[QUOTES.key] == [Disconnected, Resumed]
    assert told[BOOKS.key][:2] == [Disconnected, Resumed]
    every_trade_once(bot.all(TRADES))


async def test_after_a_403_the_snapshot_comes_from_the_other_endpoint() -> None:
    async with scene(symbols=(BTC,), speed=3.0) as bot:
        await bot.control.http_error(403, CLOUDFRONT, path=DEPTH)
        await bot.control.gap("BTCUSDT")
        await bot.says("Gap", BOOKS)
        await bot.delivers(BOOKS)
        status = await bot.status()
        scripts = [bot.script(topic) for topic in (TRADES, QUOTES, BOOKS)]
        await bot.delivers()

    assert scripts == [["data"], ["data"], ["data", "Gap", "data"]]
    assert status.totals.http_errors == 1
    assert book_top_equals_quote(bot.all(QUOTES), bot.all(BOOKS))


async def test_a_451_for_a_book_is_a_persons_it_is_alarmed_and_not_asked_again_until_somebody_says_so() -> None:
    async with scene(symbols=(BTC,), speed=3.0) as bot:
        bot.follow(ALERTS, RECOVERIES)
        await bot.control.http_error(451, RESTRICTED, path=DEPTH, count=None)
        await bot.control.gap("BTCUSDT")
        await until(lambda: BOOK in alerts(bot))
        await anyio.sleep(A_WHILE)
        refused = (await bot.status()).totals.http_errors
        alarmed = [moved.alert for moved in bot.all(ALERTS) if moved.alert.key == BOOK]
        out_of_step = [bot.script(topic) for topic in (TRADES, QUOTES, BOOKS)]

        await bot.control.resume()
        await FaultTolerance(bot.root).trigger_recovery(IncidentKind.BOOK, f"binance:{BTC}")
        await bot.delivers()
        await until(lambda: BOOK not in alerts(bot))
        script = bot.script(BOOKS)

    assert refused == 1
    # The manager gives up, the monitor hears of it: the same alert, and nothing of it later.
    assert len(alarmed) <= 2
    assert len({one.since for one in alarmed}) == 1
    assert out_of_step == [["data"], ["data"], ["data", "Gap"]]
    assert [one.ok for one in bot.all(RECOVERIES)][-2:] == [False, True]
    assert script == ["data", "Gap", "data"]
    assert book_top_equals_quote(bot.all(QUOTES), bot.all(BOOKS))


async def test_a_451_at_every_handshake_is_alarmed_and_the_pace_of_attempts_stays_that_of_any_outage() -> None:
    async with scene(symbols=(BTC,), speed=3.0) as bot:
        bot.follow(ALERTS)
        await bot.control.handshake_error(451, count=None)
        before = len(bot.dialling.dials)
        await bot.control.abort()
        await until(lambda: "recovery endpoint stream-1" in alerts(bot))
        await anyio.sleep(A_WHILE)
        dialled = bot.dialling.dials[before:]
        said = alerts(bot)
        down = {topic.key: [type(one) for one in bot.markers(topic)] for topic in bot.topics}
        await bot.control.resume()
        await bot.delivers()
        back = {topic.key: [type(one) for one in bot.markers(topic)][:2] for topic in bot.topics}

    assert "only a person can help" in said["recovery endpoint stream-1"]
    assert "451" in said["recovery endpoint stream-1"]
    # From 0.1 s the schedule doubles to 0.4 s, and a breaker that is open for as long asks once: no burst.
    assert len([when for when, _ in dialled if when <= dialled[0][0] + A_WHILE]) <= 12
    assert down == {key: [Disconnected] for key in down}
    assert back == {key: [Disconnected, Resumed] for key in back}
    every_trade_once(bot.all(TRADES))
    quotes_never_go_back(bot.all(QUOTES))
    assert bot.restarts.total() == 0
