"""The contract of an exchange's adapter: Binance keeps it, and each rule finds the adapter that breaks it."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest
from attrs import evolve

from actors.errors import RecordingError
from actors.exchanges.binance import Binance
from actors.ports import RestResponse
from actors.testing import (
    Answered,
    Conversation,
    Heard,
    Meaning,
    Question,
    Recording,
    Rule,
    contract_rules,
    exchange_contract,
    load_recording,
    parse_recording,
)
from tests.contracts.broken_adapters import BROKEN, HasAClockOfSeconds

RULES = contract_rules()
BINANCE = load_recording(Path(__file__).parent / "recordings" / "binance.txt")
FEEDS = {"depth@100ms": "book", "bookTicker": "quotes", "kline_1m": "candles@1m", "aggTrade": "aggregates", "trade": "trades"}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_binance_keeps_the_rule(rule: Rule) -> None:
    rule.check(Binance.production(), BINANCE)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_adapter_that_breaks_one_rule_fails_that_one_alone(rule: Rule) -> None:
    adapter, recording = BROKEN[rule.name](BINANCE)

    report = exchange_contract(adapter, recording)

    assert report.failed == (rule.name,), "\n".join(map(str, report.failures))
    assert all(failure.given and failure.expected and failure.advice for failure in report.failures)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_says_in_a_sentence_what_is_promised(rule: Rule) -> None:
    assert rule.about.endswith(".")


def test_all_that_is_broken_is_said_in_one_error() -> None:
    class BrokenTwice(HasAClockOfSeconds):
        def used_weight(self, response: RestResponse) -> int | None:
            return None

    with pytest.raises(AssertionError) as error:
        exchange_contract(BrokenTwice.testnet(), BINANCE).check()
    said = str(error.value)
    assert said.startswith("the adapter of 'binance' breaks its contract in 2 points:")
    assert "clock: parse_time gives 1499827319\n    expected 1499827319559" in said
    assert "weights: " in said


def test_an_adapter_that_keeps_all_is_let_pass() -> None:
    report = exchange_contract(Binance.testnet(), BINANCE)

    report.check()
    assert report.failures == ()
    assert set(report.rules) == set(BROKEN)


def test_what_an_adapter_raises_is_a_finding_with_its_place() -> None:
    class Raising(Binance):
        def parse_time(self, response: RestResponse) -> int:
            raise KeyError("serverTime")

    (failure, *_) = exchange_contract(Raising.testnet(), BINANCE).failures

    assert (failure.rule, failure.given) == ("clock", "KeyError: 'serverTime'")
    assert "test_exchange_contract.py, line" in failure.advice


def recorded_conversation(folder: Path) -> Conversation:
    """Four symbols for half a minute, with the four snapshots where they came."""
    lines: list[tuple[float, Heard | Answered]] = []
    names = {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"}
    wanted = [f"{feed}:binance:{name}" for name in names.values() for feed in ("book", "quotes", "candles@1m", "aggregates")]
    for line in (folder / "BINANCE.ws.1.0").read_bytes().splitlines():
        if line[:1].isdigit():
            at, payload = line.split(b": ", 1)
            symbol, _, stream = msgspec.json.decode(payload)["stream"].partition("@")
            subscription = f"{FEEDS[stream]}:binance:{names[symbol.upper()]}"
            lines.append((float(at), Heard(payload=payload, meaning=Meaning.DELIVERY, subscription=subscription)))
    with gzip.open(folder / "BINANCE.http.0.0.gz", "rt") as answers:
        for answer in answers:
            head, _, body = answer.partition(": ")
            if "/depth?" in head:
                url, at_text = head.split(" -> ")
                symbol = url.partition("symbol=")[2].partition("&")[0]
                response = RestResponse(200, body.encode())
                asked = f"book:binance:{names[symbol]}"
                lines.append((float(at_text), Answered(question=Question.SNAPSHOT, response=response, subscription=asked)))
    return Conversation(wanted=tuple(wanted), steps=tuple(step for _, step in sorted(lines, key=lambda item: item[0])))


def test_binance_keeps_the_contract_on_recorded_traffic_too(recorded: Path) -> None:
    conversation = recorded_conversation(recorded / "binance-multi")
    captured = Recording(instruments={"NKN/USDT": "NKNUSDT"}, conversations=(conversation,))

    exchange_contract(Binance.production(), BINANCE.also(captured)).check()


def test_a_frame_that_was_lost_breaks_the_recorded_book(recorded: Path) -> None:
    conversation = recorded_conversation(recorded / "binance-multi")
    books = [step for step in conversation.steps if getattr(step, "subscription", "") == "book:binance:NKN/USDT"]
    lost = evolve(conversation, steps=(*books[:8], *books[9:]))
    captured = Recording(instruments={"NKN/USDT": "NKNUSDT"}, conversations=(lost,))

    assert exchange_contract(Binance.production(), BINANCE.also(captured)).failed == ("book",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "line 1: a line begins with instrument, unknown"),
        ("instrument BTC/USDT", "line 1: expected 'instrument BTC/USDT BTCUSDT'"),
        ("# fine\n<< {}", "line 2: expected 'wanted trades:venue:BTC/USDT ...'"),
        ("wanted", "line 1: expected 'wanted trades:venue:BTC/USDT ...'"),
        ("wanted a\n<< {}\n<< {}", "line 3: expected '== meaning' of the line before"),
        ("wanted a\n<< {}\n== fine", "line 3: expected '==' and one of delivery, ack"),
        ("wanted a\n<< {}\n== delivery", "line 3: a delivery says whose data it is"),
        ("wanted a\n<< {}\n== delivery a id", "line 3: expected 'field=value', got 'id'"),
        ("wanted a\n<< {}", "it ends before the meaning"),
        ("get", "line 1: expected 'get' and one of symbols"),
        ("get time\n== 5", "line 2: '==' says what the line before means"),
        ("get time\nget time", "line 2: expected '200 body'"),
        ("200 {}", "line 1: an answer without a question"),
        ("get error\n400 {}\n== 5", "line 3: expected '== refused CODE'"),
        ("batch many", "line 1: invalid literal"),
        ("never mind", "line 1: 'mind' is nothing that an exchange could lack"),
    ],
)
def test_a_line_that_cannot_be_read_says_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(RecordingError) as error:
        parse_recording(text, name="kraken.txt")
    assert said in str(error.value)


def test_an_answer_has_status_headers_and_body() -> None:
    (answered,) = parse_recording('get weight\n429 retry-after=30 x-used=5 {"a": 1}\n== 5').answers

    assert answered.response == RestResponse(429, b'{"a": 1}', {"retry-after": "30", "x-used": "5"})
