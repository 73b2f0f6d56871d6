"""What an answer with an error says about the way it came."""

from __future__ import annotations

import pytest

from actors.errors import ConnectFailed, ExchangeRefused
from actors.transport.refusals import LONGEST_WAIT, Scope, judge_answer, judge_handshake, named_wait

WALL = 1_700_000_000.0


@pytest.mark.parametrize(
    ("status", "code", "message", "retry_after", "scope", "wait"),
    [
        (429, -1003, "Too many requests", None, Scope.ROLE, 60.0),
        (429, -1015, "Too many new orders", 5.0, Scope.ROLE, 5.0),
        (200, "50011", "Too Many Requests", None, Scope.ROLE, 60.0),
        (418, -1003, "banned", 30.0, Scope.ADDRESS, 30.0),
        (418, 0, "", None, Scope.ADDRESS, 120.0),
        (418, -1003, "IP banned until 1700000010000", None, Scope.ADDRESS, 10.0),
        (418, -1003, "IP banned until 1600000000000", None, Scope.ADDRESS, 120.0),
        (403, 0, "Request blocked. CloudFront", None, Scope.ENDPOINT, 120.0),
        (451, 0, "from a restricted location", None, Scope.ENDPOINT, None),
        (410, 0, "gone", None, Scope.ENDPOINT, None),
        (502, 0, "", None, Scope.ENDPOINT, None),
        (503, 0, "", 9.0, Scope.ENDPOINT, 9.0),
        (400, -1121, "Invalid symbol.", None, Scope.REQUEST, None),
        (404, 0, "", None, Scope.REQUEST, None),
        (401, -2015, "Invalid API-key", None, Scope.REQUEST, None),
    ],
)
def test_whom_an_answer_is_about(
    status: int, code: int | str, message: str, retry_after: float | None, scope: Scope, wait: float | None
) -> None:
    verdict = judge_answer(ExchangeRefused(status, code, message, retry_after), WALL)
    assert (verdict.scope, verdict.wait) == (scope, wait)


@pytest.mark.parametrize(
    ("status", "retry_after", "scope", "wait"),
    [
        (None, None, Scope.ENDPOINT, None),
        (429, None, Scope.ROLE, 60.0),
        (429, 7.0, Scope.ROLE, 7.0),
        (418, None, Scope.ADDRESS, 120.0),
        (418, 900.0, Scope.ADDRESS, 900.0),
        (403, None, Scope.ENDPOINT, 120.0),
        (503, 9.0, Scope.ENDPOINT, 9.0),
        (404, None, Scope.ENDPOINT, None),
    ],
)
def test_whom_a_refused_handshake_is_about(
    status: int | None, retry_after: float | None, scope: Scope, wait: float | None
) -> None:
    verdict = judge_handshake(ConnectFailed("wss://one", "no", status=status, retry_after=retry_after))
    assert (verdict.scope, verdict.wait) == (scope, wait)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), LONGEST_WAIT, 1e30])
def test_a_wait_that_can_be_none_is_the_usual_one(seconds: float) -> None:
    assert judge_answer(ExchangeRefused(429, 0, "", seconds), WALL).wait == 60.0
    assert judge_handshake(ConnectFailed("u", "r", status=418, retry_after=seconds)).wait == 120.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        (" 1.5 ", 1.5),
        *((text, None) for text in ("0", "-5", "nan", "inf", "1e9", "", "999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "٣٠")),
    ],
)
def test_what_a_retry_after_names(text: str, seconds: float | None) -> None:
    assert named_wait(text) == seconds


def test_a_failed_connection_says_its_status_as_plain_data() -> None:
    shown = ConnectFailed("wss://one", "no", status=429, retry_after=7.0).to_dict()
    assert (shown["status"], shown["retry_after"]) == (429, 7.0)
