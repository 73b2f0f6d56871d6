"""ConnectionManager: a refused endpoint is not dialled again before its breaker allows it, and every limit holds."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest
from msgspec import structs

from actors.exchanges.binance import LIMITS
from actors.feeds import books, trades
from actors.ports import RestRequest, RestResponse, Role
from actors.protocol import (
    BREAKERS,
    CONNECTIONS,
    ENDPOINTS,
    Denied,
    Lease,
    LeaseEnded,
    LeaseOutcome,
    RequestLease,
    RequestWeight,
    UseEndpoints,
)
from supervisor import Actor, ActorSpec, MemoryStore, Name
from supervisor.testing import await_restart, crash, kill
from tests.actors.exchange import Bot, FakeExchange, running, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
ONE_URL = ("wss://one",)


class Holder(Actor[object]):
    """Holds leases, and can die."""

    def receive(self, message: object) -> None: ...


HOLDERS: list[Name[object]] = [Name("holder"), Name("other")]
BESIDE = [ActorSpec(name.key, Holder, name=name) for name in HOLDERS]


async def lease(bot: Bot, holder: int = 0) -> Lease | Denied:
    return await bot.venue.ref(CONNECTIONS).ask(RequestLease(Role.STREAM, bot.root.ref(HOLDERS[holder])))


async def weight(bot: Bot, weight: int) -> Lease | Denied:
    return await bot.venue.ref(CONNECTIONS).ask(RequestWeight(weight, bot.root.ref(HOLDERS[0])))


async def break_it(bot: Bot, failures: int = 5) -> None:
    """Fail until the breaker of the endpoint in force opens."""
    for _ in range(failures):
        granted = await lease(bot)
        assert isinstance(granted, Lease)
        bot.venue.ref(CONNECTIONS).tell(LeaseOutcome(granted.id, error="refused"))


def assert_paced(times: list[float], limit: int, within: float) -> None:
    assert len(times) > limit
    assert all(later >= first + within for first, later in zip(times, times[limit:], strict=False))


async def test_a_refused_endpoint_is_not_dialled_while_its_breaker_is_open() -> None:
    async with running() as bot:
        bot.follow(BREAKERS)
        bot.exchange.transport.refuse()
        bot.exchange.abort()
        await anyio.sleep(300.0)
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


async def test_attempts_are_paced_across_a_crash_of_the_manager() -> None:
    exchange = FakeExchange(limits=structs.replace(LIMITS, attempts=5, attempts_within=20.0), drops="wss")
    async with running(exchange, wait=False) as bot:
        for _ in range(4):
            await anyio.sleep(15.0)
            crash(bot.venue.child("connection manager"))
        await anyio.sleep(30.0)
        assert_paced([dial.at for dial in exchange.transport.dials], 5, 20.0)


async def test_the_weight_of_requests_stays_within_its_window() -> None:
    exchange = FakeExchange(limits=structs.replace(LIMITS, weight=600))
    async with running(exchange, feeds=[], beside=BESIDE) as bot:
        await anyio.sleep(100.0)
        began = anyio.current_time()
        assert isinstance(await weight(bot, 400), Lease)
        denied = await weight(bot, 201)
        assert isinstance(denied, Denied)
        assert denied.until == pytest.approx(began + 60.0)
        await anyio.sleep(60.0)
        assert isinstance(await weight(bot, 201), Lease)


@pytest.mark.parametrize("end", [crash, kill])
async def test_spent_weight_is_remembered_across_a_crash(end: Any) -> None:
    exchange = FakeExchange(limits=structs.replace(LIMITS, weight=600))
    async with running(exchange, feeds=[], beside=BESIDE) as bot:
        await anyio.sleep(100.0)
        await weight(bot, 600)
        manager = bot.venue.child("connection manager")
        end(manager)
        await await_restart(manager)
        assert isinstance(await weight(bot, 1), Denied)


async def test_an_open_breaker_refuses_until_its_time() -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[], beside=BESIDE) as bot:
        await break_it(bot)
        denied = await lease(bot)
        assert isinstance(denied, Denied)
        assert denied.until == pytest.approx(anyio.current_time() + 5.0)
        await anyio.sleep(5.0)
        assert isinstance(await lease(bot), Lease)


@pytest.mark.parametrize("end", [crash, kill])
async def test_an_open_breaker_is_remembered_across_a_crash(end: Any) -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[], beside=BESIDE) as bot:
        await break_it(bot)
        denied = await lease(bot)
        manager = bot.venue.child("connection manager")
        end(manager)
        await await_restart(manager)
        again = await lease(bot)
        assert isinstance(denied, Denied)
        assert isinstance(again, Denied)
        assert again.until == pytest.approx(denied.until, abs=1e-5)  # by way of the wall clock


async def test_an_opening_that_ran_out_while_the_manager_was_down_is_ended_by_a_probe() -> None:
    async with running(feeds=[], beside=BESIDE) as bot:
        bot.exchange.transport.refuse(url="wss://one")
        await break_it(bot)
        await anyio.sleep(4.95)
        crash(bot.venue.child("connection manager"))
        bot.exchange.transport.admit(url="wss://one")
        await anyio.sleep(5.0)
        granted = await lease(bot)
        assert isinstance(granted, Lease)
        assert granted.endpoint.name == "stream-1"


@pytest.mark.parametrize("end", [crash, kill])
async def test_the_permit_of_a_holder_that_died_is_given_back(end: Any) -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[], beside=BESIDE) as bot:
        await break_it(bot)
        await anyio.sleep(5.0)
        assert isinstance(await lease(bot, 0), Lease)
        assert isinstance(await lease(bot, 1), Denied)
        end(bot.root.ref(HOLDERS[0]))
        await anyio.sleep(0.01)
        assert isinstance(await lease(bot, 1), Lease)


async def test_a_blameless_outcome_gives_the_permit_back_without_a_verdict() -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[], beside=BESIDE) as bot:
        await break_it(bot)
        await anyio.sleep(5.0)
        granted = await lease(bot, 0)
        assert isinstance(granted, Lease)
        bot.venue.ref(CONNECTIONS).tell(LeaseOutcome(granted.id, error="given up", blameless=True))
        assert isinstance(await lease(bot, 1), Lease)


async def test_a_lease_of_an_earlier_life_settles_nothing_of_this_one() -> None:
    async with running(FakeExchange(stream_urls=ONE_URL), feeds=[], beside=BESIDE) as bot:
        old = [await lease(bot) for _ in range(10)]
        manager = bot.venue.child("connection manager")
        crash(manager)
        await await_restart(manager)
        await break_it(bot)
        await anyio.sleep(5.0)
        probe = await lease(bot)
        assert isinstance(probe, Lease)
        for granted in old:
            assert isinstance(granted, Lease)
            manager.tell(LeaseOutcome(granted.id))
            manager.tell(LeaseEnded(granted.id))
        assert isinstance(await lease(bot, 1), Denied)


async def test_an_endpoint_out_of_use_is_probed_and_no_more_often_than_its_breaker_allows() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.follow(ENDPOINTS)
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        await until(lambda: bot.seen[ENDPOINTS.key])
        began = anyio.current_time()
        await anyio.sleep(100.0)
        probes = [dial for dial in bot.exchange.transport.dials if dial.at > began and dial.url.startswith("wss://one")]
        assert 3 <= len(probes) <= 5
        bot.exchange.transport.admit(url="wss://one")
        await until(lambda: bot.seen[ENDPOINTS.key][-1].endpoint.name == "stream-1")


async def test_a_probe_leaves_no_connection_open() -> None:
    async with running(feeds=[trades(BTC)]) as bot:
        bot.exchange.transport.refuse(url="wss://one")
        bot.exchange.abort()
        await bot.delivers()
        bot.exchange.transport.admit(url="wss://one")
        await anyio.sleep(60.0)
        assert len(bot.exchange.open) == 1


async def test_an_endpoint_that_is_put_out_of_use_while_its_breaker_is_open_is_probed_too() -> None:
    async with running(feeds=[], beside=BESIDE) as bot:
        manager = bot.venue.ref(CONNECTIONS)
        manager.tell(UseEndpoints(Role.STREAM, ("stream-2",)))
        await break_it(bot)
        await anyio.sleep(6.0)
        manager.tell(UseEndpoints(Role.STREAM, ("stream-2",)))
        manager.tell(UseEndpoints(Role.STREAM, ("stream-1",)))
        await anyio.sleep(1.0)
        assert [dial.url for dial in bot.exchange.transport.dials] == ["wss://two/stream"]


@pytest.fixture
def down(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds for which no process ran, of which the loop's clock knows nothing."""
    seconds = [0.0]
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: 1_700_000_000.0 + anyio.current_time() + seconds[0])
    return seconds


def fresh() -> FakeExchange:
    return FakeExchange(stream_urls=ONE_URL, limits=structs.replace(LIMITS, weight=600))


async def test_an_open_breaker_is_remembered_by_the_next_process_for_the_time_that_is_left(down: list[float]) -> None:
    store = MemoryStore()
    async with running(fresh(), feeds=[], beside=BESIDE, store=store) as bot:
        await break_it(bot)
        first = await lease(bot)
    down[0] = 2.0
    async with running(fresh(), feeds=[], beside=BESIDE, store=store, wait=False) as bot:
        denied = await lease(bot)
    assert isinstance(first, Denied)
    assert isinstance(denied, Denied)
    assert denied.until == pytest.approx(first.until - 2.0, abs=1e-5)


async def test_a_ban_is_remembered_by_the_next_process_for_the_time_that_is_left(down: list[float]) -> None:
    store = MemoryStore()
    exchange = FakeExchange(answer=banned({"Retry-After": "90"}))
    async with running(exchange, feeds=[], beside=BESIDE, store=store) as bot:
        await until(lambda: bot.exchange.rest.calls)
        await anyio.sleep(1.0)
        first = await weight(bot, 1)
    down[0] = 50.0
    async with running(FakeExchange(), feeds=[], beside=BESIDE, store=store, wait=False) as bot:
        denied = await weight(bot, 1)
    assert isinstance(first, Denied)
    assert isinstance(denied, Denied)
    assert denied.until == pytest.approx(first.until - 50.0, abs=1e-5)


@pytest.mark.parametrize(("seconds", "kind"), [(30.0, Denied), (70.0, Lease)], ids=["30 s", "70 s"])
async def test_spent_weight_counts_for_the_next_process_while_its_window_lasts(
    down: list[float], seconds: float, kind: type[Lease | Denied]
) -> None:
    store = MemoryStore()
    async with running(fresh(), feeds=[], beside=BESIDE, store=store) as bot:
        await anyio.sleep(100.0)
        assert isinstance(await weight(bot, 500), Lease)
    down[0] = seconds
    async with running(fresh(), feeds=[], beside=BESIDE, store=store, wait=False) as bot:
        assert isinstance(await weight(bot, 300), kind)


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
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {"Retry-After": "0"}], ids=str)
async def test_a_ban_of_unknown_length_holds_at_every_endpoint_too(
    status: int, seconds: float, headers: dict[str, str]
) -> None:
    exchange = FakeExchange(answer=lambda request: RestResponse(status, b"{}", headers))
    async with running(exchange, feeds=[books(BTC)], wait=False) as bot:
        await anyio.sleep(seconds - 1.0)
        assert len(exchange.rest.calls) <= 2  # the list of symbols and the book may have been asked for at the same moment
        exchange.answer = None
        await bot.delivers(books(BTC), within=120.0)


async def test_a_ban_is_remembered_across_a_crash() -> None:
    async with running(FakeExchange(answer=banned({"Retry-After": "90"})), feeds=[], beside=BESIDE) as bot:
        await until(lambda: bot.exchange.rest.calls)
        await anyio.sleep(1.0)
        manager = bot.venue.child("connection manager")
        crash(manager)
        await await_restart(manager)
        assert isinstance(await weight(bot, 1), Denied)


@pytest.mark.parametrize("text", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "", "-5", "nan", "inf", "1e30"])
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
