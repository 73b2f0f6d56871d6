"""`explain`, and the command `oneforone explain`: whatever a person pastes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.cli import app
from actors.errors import (
    Action,
    Category,
    CircuitOpen,
    ExchangeRefused,
    InsufficientFunds,
    Severity,
    ValidationError,
    classify,
    explain,
)
from actors.errors.explanations import _ADVICE, _MEANINGS
from actors.errors.pasted import read_pasted
from tests.errors.test_taxonomy import MAKERS

BALANCE = "Account has insufficient balance for requested action."
BODY = json.dumps({"code": -2010, "msg": BALANCE}, separators=(",", ":"))
FRAME = json.dumps({"id": "a1", "status": 400, "error": {"code": -2010, "msg": BALANCE}, "rateLimits": [{"count": 3}]})
CLOUDFRONT = (
    "HTTP/2 403 \r\nserver: CloudFront\r\n\r\n<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD>"
    "<BODY><H1>403 ERROR</H1>Request blocked.</BODY></HTML>"
)
NGINX = "<html>\r\n<head><title>410 Gone</title></head>\r\n<body>\r\n<center><h1>410 Gone</h1></center></body></html>"
CURL = (
    "* Connected to api.binance.com\n> POST /api/v3/order HTTP/1.1\n> X-MBX-APIKEY: vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv\n"
    "< HTTP/1.1 418 I'm a teapot\r\n< Retry-After: 120\r\n\r\n"
    '{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE."}'
)


@pytest.mark.parametrize(
    ("pasted", "title"),
    [
        (BODY, f"Binance -2010: {BALANCE}"),
        (f"  {BODY}\n", f"Binance -2010: {BALANCE}"),
        (json.dumps(json.loads(BODY), indent=4), f"Binance -2010: {BALANCE}"),
        (FRAME, f"Binance -2010: {BALANCE}"),
        (f"binance {BODY}", f"Binance -2010: {BALANCE}"),
        (f"ccxt.base.errors.InsufficientFunds: binance {BODY}", f"Binance -2010: {BALANCE}"),
        (str(json.loads(BODY)), f"Binance -2010: {BALANCE}"),
        (str({"error": json.loads(BODY)}), f"Binance -2010: {BALANCE}"),
        (repr(BODY.encode()), f"Binance -2010: {BALANCE}"),
        (json.dumps({"level": "error", "event": f"refused: {BODY}"}), f"Binance -2010: {BALANCE}"),
        (f"APIError(code=-2010): {BALANCE}", f"Binance -2010: {BALANCE}"),
        (f"(400, -2010, '{BALANCE}', {{'Date': 'Sun'}}, None)", f"Binance -2010: {BALANCE}"),
        ("{code:-2010,msg:" + BALANCE + "}", f"Binance -2010: {BALANCE}"),
        (BODY[:-20], "Binance -2010 NEW_ORDER_REJECTED"),
        (BALANCE.upper(), f"Binance -2010: {BALANCE}"),
        (f"HTTP/1.1 400 Bad Request\r\nserver: nginx\r\n\r\n{BODY}", f"Binance -2010: {BALANCE}"),
        (CURL, "Binance HTTP 418 IP_BANNED"),
        (CLOUDFRONT, "Binance HTTP 403 WAF"),
        (CLOUDFRONT.partition("\r\n\r\n")[2], "Binance HTTP 403 WAF"),
        (NGINX, "Binance HTTP 410 GONE"),
        ("<html><body><h1>418 I'm a teapot</h1></body></html>", "Binance HTTP 418 IP_BANNED"),
        ("HTTP 418", "Binance HTTP 418 IP_BANNED"),
        ("http status 502", "Binance HTTP 502 SERVER"),
        ("Server error '503 Service Unavailable' for url 'https://api.binance.com/api/v3/order'", "Binance HTTP 503 SERVER"),
        ("HTTP/1.1 200 Connection established\n\nHTTP/1.1 429 Too Many Requests", "Binance HTTP 429 RATE_LIMIT"),
        ('HTTP/1.1 451\n\n{"code":0,"msg":"Service unavailable from a restricted location"}', "Binance HTTP 451 GEO"),
        ('{"code":0,"msg":"Service unavailable from a restricted location"}', "Binance HTTP 451 GEO"),
        ('{"code":2,"msg":"Invalid request: unknown variant"}', "Binance WS 2 INVALID_REQUEST"),
        ('{"error":{"code":3,"msg":"Invalid JSON: expected value"}}', "Binance WS 3 INVALID_JSON"),
        ("received 1008 (policy violation) Too many requests; then sent 1008", "Binance WS close 1008 POLICY_VIOLATION"),
        ("no close frame received or sent", "Binance WS close 1006 ABNORMAL_CLOSURE"),
        ("-2010", "Binance -2010 NEW_ORDER_REJECTED"),
        ("2010", "Binance -2010 NEW_ORDER_REJECTED"),
        ("0", "Binance WS 0 UNKNOWN_PROPERTY"),
        ("BAD_SYMBOL", "Binance -1121 BAD_SYMBOL"),
        ("lot_size", "Binance -1013: Filter failure: LOT_SIZE"),
        ("Unknown order sent", "Binance -2010: Unknown order sent."),
    ],
)
def test_whatever_is_pasted_is_understood(pasted: str, title: str) -> None:
    found = explain(pasted)
    assert found.known
    assert found.title == title


@pytest.mark.parametrize("code", [-2010, "-2010"])
def test_a_code_may_come_with_its_message(code: int | str) -> None:
    assert explain(code, BALANCE).title == f"Binance -2010: {BALANCE}"


def test_the_words_of_the_exchange_are_shown_where_they_say_more() -> None:
    assert explain(-1102, "Mandatory parameter 'timestamp' was not sent.").notes == (
        "It said: Mandatory parameter 'timestamp' was not sent.",
    )
    assert explain(-2010, BALANCE).notes == ()


def test_a_time_in_milliseconds_is_shown_as_people_read_it() -> None:
    banned = "Way too much request weight used; IP banned until 1659146400000. Please use WebSocket Streams."
    for given_as in (
        (-1003, banned),
        (json.dumps({"code": -1003, "msg": banned}), ""),
        (ExchangeRefused(418, -1003, banned), ""),
    ):
        assert "Wait until 2022-07-30 02:00:00 UTC." in explain(*given_as).notes
    assert "Wait 120 seconds." in explain(CURL).notes


def test_an_unknown_code_is_said_to_be_and_its_neighbours_are_named() -> None:
    found = explain(-1123, "what is this")
    assert not found.known
    assert found.category is Category.UNKNOWN
    assert found.notes[0] == "It said: what is this"
    assert found.notes[1].startswith("Near it: -1122 INVALID_SYMBOLSTATUS, ")


def test_an_unknown_message_gets_a_did_you_mean() -> None:
    found = explain("Acount has insufficent balance for the action")
    assert not found.known
    assert found.notes == (f'Did you mean -2010 "{BALANCE}"?',)


def test_a_venue_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="venue is 'okx'; expected one of these, whose codes are known here: binance"):
        explain(-2010, venue="okx")
    assert explain(-2010, venue=" Binance ").known


# ----------------------------------------------------------------------------------------------------------- exceptions


def test_an_error_of_ours_is_explained_by_what_it_says_itself() -> None:
    found = explain(InsufficientFunds("0.1 BTC are free, and 0.2 are needed"))
    assert found.title == "InsufficientFunds [insufficient_funds]"
    assert found.sentences() == (
        "0.1 BTC are free, and 0.2 are needed.",
        "The order or cancel did nothing.",
        "Refresh the balances; lower the quantity or cancel resting orders.",
    )
    assert (found.category, found.severity, found.action) == (Category.ORDER, Severity.ERROR, Action.FIX)


def test_the_notes_of_an_error_are_shown() -> None:
    error = CircuitOpen("orders", 5.0)
    error.add_note("attempt 3 of 3")
    assert explain(error).notes == ("attempt 3 of 3",)


def test_every_error_of_ours_is_explained_as_it_is_classified() -> None:
    for kind, make in MAKERS.items():
        error = make("BTC/USDT at 5")
        found, judged = explain(error), classify(error)
        assert all((found.happened, found.means, found.advice)), kind
        assert (found.category, found.action) == (judged.category, judged.action), kind


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (ExchangeRefused(400, -2010, BALANCE), f"Binance -2010: {BALANCE}"),
        (ExchangeRefused(400, -2010, BALANCE, venue="binance"), f"Binance -2010: {BALANCE}"),
        (ExchangeRefused(418, 0, ""), "Binance HTTP 418 IP_BANNED"),
        (ExchangeRefused(0, 2, "Invalid request: x"), "Binance WS 2 INVALID_REQUEST"),
        (ExchangeRefused(400, -2010, BALANCE, venue="okx"), "ExchangeRefused [exchange_refused]"),
        (RuntimeError(f"binance {BODY}"), f"Binance -2010: {BALANCE}"),
    ],
    ids=["code", "venue", "status", "stream", "elsewhere", "foreign"],
)
def test_a_refusal_is_explained_by_its_code_where_the_venue_is_known(error: Exception, title: str) -> None:
    assert explain(error).title == title


def test_a_refusal_without_a_code_is_not_taken_for_code_0_of_the_stream_sockets() -> None:
    assert "WS 0" not in explain(ExchangeRefused(0, 0, "something else")).title


def test_an_exception_that_cannot_show_itself_is_explained_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert explain(Broken()).title == "Broken"


def test_every_category_and_every_action_has_words() -> None:
    assert set(_MEANINGS) == set(Category)
    assert set(_ADVICE) == set(Action)


@pytest.mark.parametrize("pasted", ["my key %s does not work", "binance -9999 %s", "%s"])
@pytest.mark.parametrize(
    "key", ["vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "cLJ4qNPVr9wqXoVYMkT0fEKIXDCHZ2sGd"]
)
def test_a_key_is_not_shown_though_nothing_says_that_it_is_one(pasted: str, key: str) -> None:
    assert key[:12] not in str(explain(pasted % key))
    assert key[:12] not in str(explain("-9999", pasted % key))


def test_of_several_errors_the_first_is_explained_and_the_others_are_named() -> None:
    found = explain(
        "APIError(code=-1003): Too many requests\nAPIError(code=-2010): Account has insufficient balance ...\n"
        "APIError(code=-1007): Timeout waiting for response from backend server."
    )
    assert found.title == "Binance -1003 TOO_MANY_REQUESTS"
    assert found.notes == ("It names -2010, -1007, too, which may mean something else: give each by itself.",)


def test_a_code_of_the_futures_is_judged_though_no_text_is_known() -> None:
    found = explain(-4061, "Order's position side does not match user's setting.")
    assert found.known
    assert (found.title, found.category, found.action) == ("Binance -4061", Category.ORDER, Action.FIX)
    assert found.happened == "It said: Order's position side does not match user's setting."


@pytest.mark.parametrize("code", [-2021, "-2021"])
def test_a_code_that_spot_and_futures_share_is_told_by_its_words(code: int | str) -> None:
    assert explain(code, "Order would immediately trigger.").action is Action.FIX
    assert explain(code, "Order cancel-replace partially failed.").action is Action.RECONCILE


# -------------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "pasted",
    [
        '{"code":-1102,"msg":"bad signature=%s"}',
        "nobody knows apiKey=%s",
        "POST https://me:%s@api.binance.com HTTP/1.1 500",
        '{"code":-7777,"msg":"token: %s"}',
    ],
)
def test_a_pasted_secret_is_not_shown(pasted: str) -> None:
    assert "c8db56825ae71d6d79" not in str(explain(pasted % "c8db56825ae71d6d79447849e617115f4a920fa2acdc"))


@settings(max_examples=settings().max_examples * 40 // 100)
@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    str(explain(text))


@settings(max_examples=settings().max_examples * 40 // 100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["code", "msg", "error", "status", "x"]), one),
    )
)
def test_no_json_is_too_strange(value: Any) -> None:
    str(explain(json.dumps(value)))
    str(explain(repr(value)))


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"a":' * 50_000, "{" * 4_000 + "}" * 4_000, "<h1>" * 30_000, "-" * 100_000, "HTTP/1.1 " * 20_000]
)
def test_a_text_that_nests_without_end_is_read_in_bounded_time(text: str) -> None:
    assert read_pasted(text).code == ""


# ---------------------------------------------------------------------------------------------------------- the command


def command(*arguments: str) -> object:
    return app(["explain", *arguments], exit_on_error=False, result_action="return_value")


@pytest.mark.parametrize(
    "arguments",
    [
        ("binance", "-2010", BALANCE),
        ("binance", "-2010", *BALANCE.split()),
        ("Binance", BODY),
        ("-2010", BALANCE),
        (BODY,),
        ("binance", BALANCE),
        ("binance", *BALANCE.split()),
        ("binance", "--plain", "-2010", BALANCE),
    ],
)
def test_the_command_explains(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Binance -2010: {BALANCE}"
    assert lines[1].startswith("The free balance does not cover the order")
    assert lines[-1] == "category order · severity error · action fix"


def test_the_command_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe log: " + BODY.encode())))
    assert command("binance", "-") == 0
    assert capsys.readouterr().out.startswith(f"Binance -2010: {BALANCE}")


def test_the_command_reads_what_powershell_writes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BODY.encode("utf-16"))))
    assert command("binance", "-") == 0
    assert capsys.readouterr().out.startswith(f"Binance -2010: {BALANCE}")


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("HTTP", "418"), "Binance HTTP 418 IP_BANNED"),
        (("binance", "http", "503"), "Binance HTTP 503 SERVER"),
        (("binance", "503"), "Binance HTTP 503 SERVER"),
        (("WS", "close", "1008"), "Binance WS close 1008 POLICY_VIOLATION"),
        (("ws", "2"), "Binance WS 2 INVALID_REQUEST"),
    ],
)
def test_a_status_is_a_code_of_two_words(arguments: tuple[str, ...], title: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*arguments) == 0
    assert capsys.readouterr().out.splitlines()[0] == title


def test_the_command_ends_with_1_where_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("binance", "-9999") == 1
    assert "This code is not known here." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("okx", "51000"), "oneforone explain: venue is 'okx'; expected one of these, whose codes are known here: binance"),
        (("kraken",), "oneforone explain: venue is 'kraken'; expected one of these, whose codes are known here: binance"),
        ((), "oneforone explain: give what the exchange said, such as: oneforone explain binance -2010"),
        (("binance",), "oneforone explain: give what the exchange said, such as: oneforone explain binance -2010"),
        (("binance", "--jsn", "-2010"), "oneforone explain: there is no option --jsn; try --help"),
    ],
)
def test_wrong_usage_is_one_plain_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(sentence)
    assert len(captured.err.splitlines()) == 1


def test_what_is_pasted_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    command("binance", "-1102", "Mandatory \x1b[2J parameter")
    assert "\x1b" not in capsys.readouterr().out
