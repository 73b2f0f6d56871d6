"""Nothing that is not idempotent is sent again after an unknown outcome, whatever error it comes as."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from actors.errors import (
    ActorsError,
    Banned,
    CallTimeout,
    ConnectFailed,
    NetworkError,
    RecoveryRunning,
    UnknownOutcome,
    classify,
)
from actors.resilience import Delays, Fallback, Incident, Pipeline, RateLimiter, Recovery, RecoveryAction, RecoveryKind, Retry
from actors.resilience.breaking.verdict import asked_for
from actors.resilience.doubt import in_doubt
from actors.resilience.limiting.limit import Limit
from actors.resilience.retrying.verdict import judge

pytestmark = pytest.mark.anyio

AT_ONCE = Delays(initial=0.0)


class PlaceFailed(ValueError):
    """What a bot makes of any failure."""


class VenueFailed(ActorsError):
    """The same, as one of ours."""


class VenueBusy(NetworkError):
    """Says less than it seems to."""


async def no_answer() -> None:
    raise httpx.ReadTimeout("no answer")


async def refused() -> None:
    raise ConnectFailed("rest", "refused")


def raised_from(made: Exception) -> Callable[[], Awaitable[None]]:
    async def place() -> None:
        try:
            await no_answer()
        except httpx.ReadTimeout as error:
            raise made from error

    return place


async def reconnects() -> None:
    try:
        await no_answer()
    except httpx.ReadTimeout:
        await refused()


async def reconnects_and_says_so() -> None:
    try:
        await no_answer()
    except httpx.ReadTimeout:
        try:
            raise OSError("no route")
        except OSError as error:
            raise ConnectFailed("rest", "no route") from error


async def groups_what_it_got() -> None:
    try:
        raise ExceptionGroup("two", [httpx.ReadTimeout("no answer"), ConnectFailed("rest", "refused")])
    except ExceptionGroup as error:
        raise VenueBusy("busy") from error


async def cleans_up_badly() -> None:
    try:
        await anyio.sleep(100.0)
    finally:
        await refused()


async def calls(place: Callable[[], Awaitable[None]], **options: Any) -> int:
    made = 0

    async def counted() -> None:
        nonlocal made
        made += 1
        await place()

    with pytest.raises(Exception):  # noqa: B017, PT011  # which one does not matter here
        await Retry(delays=AT_ONCE, **options).acall(counted)
    return made


@pytest.mark.parametrize(
    ("place", "options"),
    [
        pytest.param(raised_from(NetworkError("could not place")), {}, id="our network error from a timeout"),
        pytest.param(raised_from(VenueBusy("busy")), {}, id="an error below it from a timeout"),
        pytest.param(raised_from(RecoveryRunning("orders", 1.0)), {}, id="a recovery that runs already"),
        pytest.param(raised_from(PlaceFailed("x")), {"on": PlaceFailed}, id="a foreign error that on names"),
        pytest.param(raised_from(VenueFailed("x")), {"on": VenueFailed}, id="an error of ours that on names"),
        pytest.param(reconnects, {}, id="a reconnect that failed"),
        pytest.param(reconnects_and_says_so, {}, id="a reconnect whose failure has a cause of its own"),
        pytest.param(groups_what_it_got, {}, id="a group as the cause"),
        pytest.param(cleans_up_badly, {"attempt_timeout": 1.0}, id="a clean-up after our own timeout that failed"),
    ],
)
async def test_what_may_have_been_carried_out_is_not_sent_again_whatever_error_tells_of_it(
    place: Callable[[], Awaitable[None]], options: dict[str, Any]
) -> None:
    assert await calls(place, **options) == 1
    assert await calls(place, **options, idempotent=True) == 3


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(refused, id="a refused connection"),
        pytest.param(raised_from(ConnectFailed("rest", "no handshake")), id="a connect that took too long"),
    ],
)
async def test_what_was_certainly_not_sent_is_sent_again(place: Callable[[], Awaitable[None]]) -> None:
    assert await calls(place) == 3


async def test_who_says_from_none_says_that_what_came_before_is_of_no_importance() -> None:
    async def place() -> None:
        try:
            await no_answer()
        except httpx.ReadTimeout:
            raise ConnectFailed("rest", "refused") from None

    assert await calls(place) == 3


async def test_what_the_caller_deals_with_is_no_doubt_about_the_call() -> None:
    try:
        await no_answer()
    except httpx.ReadTimeout:
        assert await calls(refused) == 3


async def test_a_block_that_reconnects_is_not_run_again() -> None:
    made = 0
    with pytest.raises(ConnectFailed):
        async for attempt in Retry(delays=AT_ONCE):
            async with attempt:
                made += 1
                try:
                    await no_answer()
                except httpx.ReadTimeout:
                    await refused()
    assert made == 1


async def test_a_fallback_that_fails_does_not_hide_an_unknown_outcome_from_a_retry_around_it() -> None:
    made = 0

    async def place() -> None:
        nonlocal made
        made += 1
        raise CallTimeout("place", 1.0)

    async def other(_: Exception) -> None:
        await refused()

    with pytest.raises(ConnectFailed):
        await Pipeline(Retry(delays=AT_ONCE), Fallback[Any](function=other, on=Exception)).acall(place)
    assert made == 1


async def test_a_retry_around_a_guard_does_not_repeat_what_an_attempt_to_recover_may_have_sent() -> None:
    made = 0

    async def place() -> None:
        nonlocal made
        made += 1
        await refused()

    async def again(_: Incident) -> None:
        await no_answer()

    recovery = Recovery(actions=(RecoveryAction(RecoveryKind.RETRY, again),))
    with pytest.raises(UnknownOutcome) as caught:
        await Pipeline(Retry(delays=AT_ONCE), recovery.guard("orders")).acall(place)
    assert made == 1
    assert isinstance(caught.value.__cause__, ConnectFailed)


async def test_a_recovery_does_not_repeat_what_was_in_doubt_when_it_was_reported() -> None:
    ran: list[Incident] = []
    recovery = Recovery(actions=(RecoveryAction(RecoveryKind.RETRY, ran.append),))
    try:
        await reconnects()
    except ConnectFailed as error:
        result = await recovery.recover(error)
    assert (ran, result.outcome_unknown) == ([], True)


def test_a_chain_without_an_end_leaves_doubt() -> None:
    error: Exception = ConnectFailed("rest", "refused")
    for _ in range(100):
        further = ConnectFailed("rest", "refused")
        further.__context__, error = error, further
    assert in_doubt(error)


# Until when the other side wants to be left alone


def answer(status: int, **options: Any) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "https://api.binance.com/api/v3/depth")
    return httpx.HTTPStatusError("refused", request=request, response=httpx.Response(status, request=request, **options))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lambda until: Banned("banned", until), id="our own"),
        pytest.param(
            lambda until: answer(418, json={"code": -1003, "msg": f"IP banned until {int(until * 1000)}."}), id="in the words"
        ),
        pytest.param(
            lambda until: answer(429, headers={"Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(until))}),
            id="a date in Retry-After",
        ),
    ],
)
async def test_a_ban_until_an_instant_is_heeded_by_retry_breaker_and_limiter(error: Callable[[float], Exception]) -> None:
    banned = error(time.time() + 1000.0)
    assert classify(banned).until is not None
    hint = judge(banned, None, "retry").verdict.hint
    assert hint is not None
    assert 990.0 < hint <= 1000.0
    assert 990.0 < (asked_for(banned, 259_200.0) or 0.0) <= 1000.0
    limiter = RateLimiter(windows=(Limit(10, within=1.0),))
    limiter.heed_error(banned)
    assert 990.0 < limiter.statistics().banned_for <= 1000.0


async def test_no_slip_of_a_server_bans_for_longer_than_three_days() -> None:
    limiter = RateLimiter(windows=(Limit(10, within=1.0),))
    limiter.heed_error(answer(429, headers={"Retry-After": "9999999"}))
    assert limiter.statistics().banned_for == pytest.approx(259_200.0)
