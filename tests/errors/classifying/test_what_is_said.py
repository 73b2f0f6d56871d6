"""What an error or an answer says: by its type, its code, its status or its errno, and for how long to wait."""

from __future__ import annotations

import asyncio
import errno
import http
import json
from collections.abc import Callable

import httpx
import pytest
from attrs import evolve

from actors.errors import Action, Banned, Category, Classification, ExchangeRefused, Severity, SystemFault, classify

# Who says what


def test_an_error_of_ours_says_it_itself() -> None:
    error = SystemFault("no descriptors left")
    error.severity, error.action = Severity.WARNING, Action.WAIT
    error.retry_after = 3.0
    assert classify(error) == Classification(Category.SYSTEM, Severity.WARNING, Action.WAIT, 3.0, "SystemFault")


def test_cancellation_wakes_nobody() -> None:
    assert classify(asyncio.CancelledError()).severity is Severity.DEBUG
    assert classify(KeyboardInterrupt()).severity is Severity.INFO
    assert not classify(asyncio.CancelledError()).retryable(idempotent=True)


NOTHING = [None, True, 0, 200, 3.5, object(), [], (), {}, "", b"", "all is well", {"a": 1}]


@pytest.mark.parametrize("error", NOTHING, ids=range(len(NOTHING)))  # a repr with an address differs in each worker
def test_what_says_nothing_is_unknown_and_never_sent_again(error: object) -> None:
    assert (classify(error).category, classify(error).action) == (Category.UNKNOWN, Action.NEVER)


def test_a_negative_number_is_a_code_of_binance_and_an_enum_a_status() -> None:
    assert classify(-2015).category is Category.AUTHENTICATION
    assert classify(http.HTTPStatus.TOO_MANY_REQUESTS) == classify(429)


def test_the_same_code_means_something_else_at_another_venue() -> None:
    assert classify(ExchangeRefused(200, "10006", "", venue="bybit")).category is Category.RATE_LIMIT
    assert classify(ExchangeRefused(200, "10006", "", venue="acme")).category is Category.UNKNOWN


@pytest.mark.parametrize("kind", [json.dumps, lambda body: json.dumps(body).encode(), dict], ids=["text", "bytes", "mapping"])
def test_an_answer_is_judged_alike_however_it_comes(kind: Callable[[dict[str, object]], object]) -> None:
    assert classify(kind({"retCode": 10006, "retMsg": "Too many visits."})).rule == "bybit 10006"


def test_an_answer_to_several_orders_of_which_some_were_carried_out_is_reconciled() -> None:
    refused = {"sCode": "51008", "sMsg": "Insufficient balance"}
    both = {"code": "2", "msg": "", "data": [{"sCode": "0", "sMsg": ""}, refused]}
    none = {"code": "1", "msg": "", "data": [refused, refused]}
    assert classify(both).category is Category.UNKNOWN_OUTCOME
    assert classify(none).action is Action.FIX


def test_the_code_of_an_answer_counts_more_than_its_status() -> None:
    assert (
        classify(ExchangeRefused(500, -2010, "Account has insufficient balance for requested action.", venue="binance")).action
        is Action.FIX
    )


@pytest.mark.parametrize(
    ("action", "category", "blindly", "idempotent"),
    [
        (Action.RETRY, Category.NETWORK, True, True),
        (Action.WAIT, Category.RATE_LIMIT, True, True),
        (Action.RECONCILE, Category.UNKNOWN_OUTCOME, False, True),
        (Action.RECONCILE, Category.ORDER, False, False),
        (Action.RESYNC, Category.SYSTEM, False, False),
        (Action.FIX, Category.ORDER, False, False),
        (Action.NEVER, Category.BUG, False, False),
    ],
)
def test_only_what_is_certain_is_sent_again_blindly(
    action: Action, category: Category, blindly: bool, idempotent: bool
) -> None:
    found = Classification(category, Severity.ERROR, action)
    assert (found.retryable(idempotent=False), found.retryable(idempotent=True)) == (blindly, idempotent)


@pytest.mark.parametrize(
    ("number", "category"),
    [
        (errno.ECONNRESET, "unknown_outcome"),
        (errno.ENETUNREACH, "network"),
        (errno.ENOSPC, "storage"),
        (errno.EMFILE, "system"),
    ],
)
def test_an_errno_says_what_its_type_does_not(number: int, category: str) -> None:
    assert classify(OSError(number, "whatever")).category == category


# Times


def answered(status: int, **headers: str) -> Exception:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(status, headers=names, request=httpx.Request("GET", "https://example.com/"))
    return httpx.HTTPStatusError("refused", request=response.request, response=response)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("17", 17.0), ("0", 0.0), ("1.5", 1.5), ("-3", None), ("soon", None), ("9" * 40, None), ("9999999", 2_592_000.0)],
)
def test_retry_after_is_read_as_seconds(value: str, seconds: float | None) -> None:
    assert classify(answered(429, Retry_After=value)).retry_after == seconds


def test_an_instant_becomes_a_delay_for_whoever_gives_the_time() -> None:
    error = answered(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    assert (classify(error).retry_after, classify(error).until) == (None, 1445412480.0)
    assert classify(error, wall=1445412450.0).retry_after == 30.0
    assert classify(error, wall=1445412490.0).retry_after == 0.0


def test_the_end_of_a_ban_is_read_out_of_the_words_of_binance() -> None:
    error = ExchangeRefused(418, -1003, "Way too much request weight used; IP banned until 1784548800000.", venue="binance")
    assert (classify(error).action, classify(error).until) == (Action.WAIT, 1784548800.0)
    assert classify(error, wall=1784548000.0).retry_after == 800.0
    assert classify(evolve(classify(error), until=None)).until is None


def test_an_answer_of_the_websocket_api_names_the_instant() -> None:
    answer = {"id": 1, "status": 429, "error": {"code": -1003, "msg": "Too many.", "data": {"retryAfter": 1784548800000}}}
    assert classify(answer, wall=1784548799.0).retry_after == 1.0


def test_our_own_ban_keeps_its_end() -> None:
    assert classify(Banned("x", until=50.0), wall=20.0).retry_after == 30.0


def test_a_ban_without_a_word_on_its_end_waits_two_minutes() -> None:
    assert classify(418).retry_after == 120.0


@pytest.mark.parametrize(("status", "words"), [(418, "Too many requests."), (418, "IP banned."), (400, "IP banned.")])
def test_a_ban_that_names_no_end_is_waited_for_as_long_as_the_shortest(status: int, words: str) -> None:
    found = classify(ExchangeRefused(status, -1003, words, venue="binance"))
    assert (found.action, found.severity, found.retry_after) == (Action.WAIT, Severity.CRITICAL, 120.0)


@pytest.mark.parametrize("status", [403, 418])
def test_a_firewall_is_not_asked_again_after_the_usual_pause(status: int) -> None:
    assert classify(ExchangeRefused(status, 0, "<html>", venue="binance")).retry_after == 120.0


def test_a_ban_that_names_its_end_is_over_then() -> None:
    found = classify(ExchangeRefused(418, -1003, "IP banned until 1720000000000.", venue="binance"), wall=1719999000.0)
    assert (found.until, found.retry_after) == (1720000000.0, 1000.0)
