"""The ConnectionManager in the tree: streams and workers that ask it, an exchange that refuses."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest
from msgspec import structs

from actors.exchanges.binance import LIMITS
from actors.feeds import books, trades
from actors.ports import RestRequest, RestResponse
from actors.protocol import BREAKERS
from tests.actors.exchange import FakeExchange, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

BTC = "binance:BTC/USDT"
ONE_URL = ("wss://one",)


def assert_paced(times: list[float], limit: int, within: float) -> None:
    assert len(times) > limit
    assert all(later >= first + within for first, later in zip(times, times[limit:], strict=False))


async def test_a_refused_endpoint_is_not_dialled_while_its_breaker_is_open() -> None:
    async with running() as bot:
        bot.follow(BREAKERS)
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(150.0)
        moves: list[Any] = bot.seen[BREAKERS.key]
        for name, url in (("stream-1", "wss://one"), ("stream-2", "wss://two")):
            of_it = [moved for moved in moves if moved.endpoint == name]
            dials = [dial.at for dial in bot.exchange.transport.dials if dial.url.startswith(url)]
            closed = [(a.at, b.at) for a, b in itertools.pairwise(of_it) if a.after == "open"]
            assert len(closed) >= 2
            assert not [at for at in dials for start, end in closed if start < at < end]


async def test_each_further_opening_lasts_longer() -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[trades(BTC)]) as bot:
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(120.0)
        dials = [dial.at for dial in bot.exchange.transport.dials if dial.refused]
        waits = [later - earlier for earlier, later in itertools.pairwise(dials[4:])]
        # Sums of seconds round: what is wrong is wrong by seconds.
        assert [wait > least - 0.001 for wait, least in zip(waits, (5.0, 10.0, 20.0, 40.0), strict=False)] == [True] * 4


async def test_attempts_are_paced_by_a_strict_window() -> None:
    exchange = FakeExchange(limits=structs.replace(LIMITS, attempts=5, attempts_within=20.0), drops="wss")
    async with running(exchange, wait=False):
        await anyio.sleep(120.0)
        assert_paced([dial.at for dial in exchange.transport.dials], 5, 20.0)


def banned(headers: dict[str, str]) -> Any:
    return lambda request: RestResponse(429, b'{"code":-1003,"msg":"Too many requests"}', headers)


async def test_a_retry_after_is_respected_at_every_endpoint() -> None:
    async with running(FakeExchange(answer=banned({"Retry-After": "90"})), feeds=[books(BTC)], wait=False) as bot:
        await until(lambda: bot.exchange.rest.calls)
        began, before = bot.exchange.rest.calls[0].at, len(bot.exchange.rest.calls)
        bot.exchange.answer = None
        await bot.delivers(books(BTC))
        later = [call.at for call in list(bot.exchange.rest.calls)[before:]]
        assert before <= 2  # the list of symbols and the book may have been asked for at the same moment
        assert min(later) >= began + 90.0


@pytest.mark.parametrize(("status", "seconds"), [(429, 60.0), (418, 120.0)])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}], ids=str)
async def test_a_ban_of_unknown_length_holds_at_every_endpoint_too(
    status: int, seconds: float, headers: dict[str, str]
) -> None:
    exchange = FakeExchange(answer=lambda request: RestResponse(status, b"{}", headers))
    async with running(exchange, feeds=[books(BTC)], wait=False) as bot:
        await anyio.sleep(seconds - 1.0)
        assert len(exchange.rest.calls) <= 2  # the list of symbols and the book may have been asked for at the same moment
        exchange.answer = None
        await bot.delivers(books(BTC), within=120.0)


@pytest.mark.parametrize("text", ["soon", "nan"])
async def test_a_retry_after_that_names_no_seconds_is_no_crash(text: str) -> None:
    async with running(FakeExchange(answer=banned({"Retry-After": text})), feeds=[books(BTC)], wait=False) as bot:
        await anyio.sleep(20.0)
        bot.exchange.answer = None
        await bot.delivers(books(BTC))
        assert not bot.restarts


async def test_a_request_goes_to_another_endpoint_when_the_best_one_has_just_failed() -> None:
    def first_is_down(request: RestRequest) -> RestResponse | None:
        return RestResponse(502, b"") if exchange.rest.calls[-1].base_url == "https://one" else None

    exchange = FakeExchange(answer=first_is_down)
    async with running(exchange, feeds=[books(BTC)]) as bot:
        assert not bot.restarts
        assert {call.base_url for call in exchange.rest.calls} == {"https://one", "https://two"}


async def test_a_better_rest_endpoint_is_returned_to() -> None:
    def first_is_down(request: RestRequest) -> RestResponse | None:
        return RestResponse(502, b"") if exchange.rest.calls[-1].base_url == "https://one" else None

    exchange = FakeExchange(answer=first_is_down)
    async with running(exchange, feeds=[books(BTC)]) as bot:
        exchange.answer = None
        await anyio.sleep(30.0)
        exchange.transport.refuse()
        exchange.abort()
        await anyio.sleep(3.0)
        exchange.transport.admit()
        await bot.delivers()
        assert exchange.rest.calls[-1].base_url == "https://one"


async def test_a_busy_endpoint_that_says_when_to_come_back_bans_no_other() -> None:
    def first_is_busy(request: RestRequest) -> RestResponse | None:
        return RestResponse(503, b"", {"retry-after": "3600"}) if exchange.rest.calls[-1].base_url == "https://one" else None

    exchange = FakeExchange(answer=first_is_busy)
    async with running(exchange, feeds=[books(BTC)], wait=False) as bot:
        await bot.delivers(books(BTC), within=20.0)
        assert {call.base_url for call in exchange.rest.calls} == {"https://one", "https://two"}
