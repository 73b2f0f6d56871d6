"""Who is refused at the door, and how. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.simulator.answers import HttpAnswer
from actors.simulator.binance import BinanceDialect
from actors.simulator.faults import HandshakeError, HttpError
from actors.simulator.gatekeeper import Attempts, Gatekeeper
from actors.simulator.limits import WeightMeter
from actors.simulator.status import Totals
from actors.simulator.synthetic import SyntheticMarket

NOON = 1_700_000_000.0
DEPTH = "/api/v3/depth"


def a_gatekeeper(*, attempts: int = 300, ban_after: int | None = None) -> Gatekeeper:
    dialect = BinanceDialect(SyntheticMarket([], 1, 0), WeightMeter(6000), lambda: 0, 1024)
    return Gatekeeper(Attempts(attempts, 300.0), ban_after, 120.0, dialect.ban_answer, Totals())


def status(answer: HttpAnswer | None) -> int:
    return answer.status if answer else 200


def test_nobody_is_refused_without_a_reason() -> None:
    keeper = a_gatekeeper()

    assert keeper.rest(DEPTH, NOON) is keeper.handshake("127.0.0.1", 1, NOON) is keeper.answered(200, NOON) is None


def test_a_ban_refuses_everything_and_says_until_when() -> None:
    keeper = a_gatekeeper()
    keeper.ban(90.0, 418, NOON)
    answer = keeper.rest(DEPTH, NOON + 0.5)
    assert answer is not None
    said: Any = msgspec.json.decode(answer.body)

    assert (answer.status, answer.headers["Retry-After"], said["code"]) == (418, "90", -1003)
    assert f"IP banned until {int((NOON + 90) * 1000)}. " in said["msg"]
    assert status(keeper.handshake("127.0.0.1", 1, NOON + 89.9)) == 418
    assert status(keeper.rest(DEPTH, NOON + 90)) == status(keeper.handshake("127.0.0.1", 1, NOON + 90)) == 200
    assert keeper.totals.banned == 2


def test_a_ban_with_429_lets_handshakes_through() -> None:
    keeper = a_gatekeeper()
    keeper.ban(90.0, 429, NOON)

    assert (status(keeper.rest(DEPTH, NOON)), status(keeper.handshake("127.0.0.1", 1, NOON))) == (429, 200)


def test_a_ban_ends_with_one_of_no_seconds() -> None:
    keeper = a_gatekeeper()
    keeper.ban(90.0, 418, NOON)
    keeper.ban(0.0, 418, NOON)

    assert keeper.rest(DEPTH, NOON) is None


def test_who_ignores_429_so_often_in_a_row_is_banned() -> None:
    keeper = a_gatekeeper(ban_after=3)
    answers = [status(keeper.answered(code, NOON)) for code in (429, 429, 200, 429, 429, 429, 429)]

    assert answers == [200, 200, 200, 200, 200, 200, 418]
    assert status(keeper.rest(DEPTH, NOON + 119)) == 418
    assert status(keeper.rest(DEPTH, NOON + 120)) == 200
    assert (keeper.totals.bans, keeper.totals.banned) == (1, 2)


def test_without_a_number_nobody_is_banned_for_ignoring() -> None:
    keeper = a_gatekeeper()

    assert {keeper.answered(429, NOON) for _ in range(1000)} == {None}


def test_an_error_is_given_out_so_many_times_and_where_it_was_ordered() -> None:
    keeper = a_gatekeeper()
    keeper.plan_http(HttpError(status=451, count=2, path=DEPTH))
    paths = (DEPTH, "/api/v3/trades", DEPTH, DEPTH)

    assert [status(keeper.rest(path, NOON)) for path in paths] == [451, 200, 451, 200]
    assert keeper.totals.http_errors == 2


@pytest.mark.parametrize(
    ("fault", "content_type", "body"),
    [
        (HttpError(status=403), "text/html", b"<h1>403 Forbidden</h1>"),
        (HttpError(status=520), "text/html", b"<h1>520 Unknown</h1>"),
        (HttpError(status=502, body="<html>oops"), "text/html", b"<html>oops"),
        (HttpError(status=503, body='{"code":-1001}'), "application/json;charset=UTF-8", b'{"code":-1001}'),
    ],
)
def test_an_error_is_a_page_or_json(fault: HttpError, content_type: str, body: bytes) -> None:
    keeper = a_gatekeeper()
    keeper.plan_http(fault)
    answer = keeper.rest(DEPTH, NOON)
    assert answer is not None

    assert (answer.status, answer.content_type, answer.headers) == (fault.status, content_type, {})
    assert body in answer.body


def test_handshakes_are_refused_at_one_endpoint_with_the_seconds_to_wait() -> None:
    keeper = a_gatekeeper()
    keeper.plan_handshakes(HandshakeError(status=429, retry_after=7, endpoint=2))
    assert keeper.handshake("127.0.0.1", 1, NOON) is None
    answer = keeper.handshake("127.0.0.1", 2, NOON)
    assert answer is not None

    assert (answer.status, answer.headers) == (429, {"Retry-After": "7"})
    assert keeper.handshake("127.0.0.1", 2, NOON) is None
    assert keeper.totals.handshakes_refused == 1


def test_without_a_count_it_lasts_until_it_is_lifted() -> None:
    keeper = a_gatekeeper()
    keeper.plan_http(HttpError(status=502, count=None))
    keeper.plan_handshakes(HandshakeError(status=502, count=None))
    keeper.ban(1e9, 418, NOON + 1)
    for _ in range(100):
        assert status(keeper.rest(DEPTH, NOON)) == 418
    keeper.ban(0.0, 418, NOON)
    for _ in range(100):
        assert status(keeper.rest(DEPTH, NOON)) == status(keeper.handshake("127.0.0.1", 1, NOON)) == 502
    keeper.lift()

    assert status(keeper.rest(DEPTH, NOON)) == status(keeper.handshake("127.0.0.1", 1, NOON)) == 200


def test_an_address_may_connect_so_often_in_any_window() -> None:
    keeper = a_gatekeeper(attempts=2)
    found = [status(keeper.handshake("127.0.0.1", 1, NOON + after)) for after in (0, 100, 299, 299.9, 300, 301, 400)]

    assert found == [200, 200, 429, 429, 200, 429, 200]
    assert keeper.totals.attempts_refused == 3


def test_each_address_has_a_pace_of_its_own_and_is_told_when_to_come_back() -> None:
    keeper = a_gatekeeper(attempts=1)
    assert keeper.handshake("127.0.0.1", 1, NOON) is keeper.handshake("127.0.0.2", 1, NOON) is None
    answer = keeper.handshake("127.0.0.1", 1, NOON + 100)
    assert answer is not None

    assert answer.headers["Retry-After"] == "200"
