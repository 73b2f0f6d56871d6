"""What is known of Binance's codes and words: complete, specific, short, and found however they are written."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import Action, Category, Severity
from actors.errors.binance import Known, all_known, lookup, normalised, reference_of

REFERENCE = Path(__file__).parent.parent.parent.parent / "shared" / "reference"
ALL = all_known()
MESSAGES = [one for one in ALL if re.search(r"[a-z ]", one.name)]
CODES = [one for one in ALL if one not in MESSAGES]
MOST_ALIKE = 4
MARKETING = re.compile(
    r"\b(robust|powerful|seamless|effortless|simply|best[- ]in|cutting|easy|easily|please|sorry)\b", re.IGNORECASE
)


def rows(name: str) -> list[list[str]]:
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"the facts are not here: {path} does not exist")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def text_of(one: Known) -> str:
    return " ".join(part for part in (one.happened, one.means, one.advice) if part)


def test_every_code_of_the_facts_is_explained() -> None:
    assert [code for code, *_ in rows("binance-errors.tsv") if (found := lookup(code)) is None or found.code != code] == []


def test_every_message_of_the_facts_is_explained_with_each_of_its_codes() -> None:
    for codes, message, *_ in rows("binance-reject-messages.tsv"):
        for code in codes.split("/"):
            found = lookup(code, message)
            assert found is not None, message
            assert (found.code, found.name) == (code, message)


def test_there_are_so_many() -> None:
    assert len(CODES) == 134
    assert len({one.name for one in MESSAGES}) == 65


def test_an_explanation_is_one_to_three_short_sentences() -> None:
    for one in ALL:
        for sentence in filter(None, (one.happened, one.means, one.advice)):
            # It begins with a capital, or with the name of a parameter.
            assert re.fullmatch(r"(?:[A-Z]|[a-z]+[A-Z]\w* ).{10,139}\.", sentence), (one.code, sentence)
            assert not re.search(r"[.!?]\s+[A-Z]", sentence), (one.code, sentence)
        assert one.happened, one.code
        assert one.advice, one.code
        assert 60 <= len(text_of(one)) <= 330, one.code


def test_no_explanation_sells_anything() -> None:
    assert [one.code for one in ALL if MARKETING.search(text_of(one))] == []


def test_no_two_explanations_are_the_same() -> None:
    texts = Counter(text_of(one) for one in {one.name: one for one in ALL}.values())
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("part", ["happened", "advice"])
def test_hardly_a_sentence_is_said_of_several(part: str) -> None:
    sentences = Counter(getattr(one, part) for one in {one.name: one for one in ALL}.values())
    assert [sentence for sentence, times in sentences.items() if times > MOST_ALIKE] == []


def test_no_explanation_copies_a_sentence_of_the_facts() -> None:
    facts = {
        fact.strip(" .").casefold()
        for name in ("binance-errors.tsv", "binance-reject-messages.tsv")
        for row in rows(name)
        for fact in row[2:]
    }
    sentences = {part.strip(" .").casefold() for one in ALL for part in (one.happened, one.means, one.advice)}
    assert sentences & {fact for fact in facts if len(fact) > 20} == set()


# ------------------------------------------------------------------------------------------------------- the judgements


@pytest.mark.parametrize("code", [-1000, -1006, -1007, -2021, "HTTP 409", "HTTP 500", "HTTP 503", "HTTP 504"])
def test_what_may_have_been_carried_out_is_to_be_asked_for(code: int | str) -> None:
    found = lookup(code)
    assert found is not None
    assert (found.category, found.action) == (Category.UNKNOWN_OUTCOME, Action.RECONCILE)


@pytest.mark.parametrize("code", [-2008, -2014, -2015, -1022, -1002, "HTTP 401"])
def test_a_bad_key_is_never_tried_again(code: int | str) -> None:
    found = lookup(code)
    assert found is not None
    assert (found.category, found.severity, found.action) == (Category.AUTHENTICATION, Severity.CRITICAL, Action.NEVER)


@pytest.mark.parametrize(("code", "message"), [(-2035, ""), (-2038, "The requested action would change no state; rejecting.")])
def test_what_is_no_trouble_is_none(code: int, message: str) -> None:
    found = lookup(code, message)
    assert found is not None
    assert found.severity <= Severity.INFO


@pytest.mark.parametrize("code", [-1003, -1015, "HTTP 429", "HTTP 418"])
def test_a_limit_is_waited_for(code: int | str) -> None:
    found = lookup(code)
    assert found is not None
    assert (found.category, found.action) == (Category.RATE_LIMIT, Action.WAIT)


def test_a_duplicate_says_that_the_first_attempt_arrived() -> None:
    found = lookup(-2010, "Duplicate order sent.")
    assert found is not None
    assert "DID arrive" in found.means
    assert "client order id" in found.advice
    assert found.action is Action.RECONCILE


# ---------------------------------------------------------------------------------------------------------- the look-up


@pytest.mark.parametrize(
    ("code", "reference"),
    [
        (-2010, "-2010"),
        (" -2010 ", "-2010"),
        (418, "HTTP 418"),
        ("http 418", "HTTP 418"),
        ("HTTP/1.1 418", "HTTP 418"),
        (503, "HTTP 5XX"),
        ("HTTP 5xx", "HTTP 5XX"),
        (3, "WS 3"),
        ("WS 0", "WS 0"),
        (1008, "WS close 1008"),
        ("close 1006", "WS close 1006"),
        (0, ""),
        ("", ""),
        ("Unknown order sent.", ""),
        (10**5000, ""),
    ],
    ids=lambda one: str(one)[:20] if isinstance(one, str) or one < 10**9 else "huge",
)
def test_a_code_may_be_written_in_several_ways(code: int | str, reference: str) -> None:
    assert reference_of(code) == reference


def test_a_message_is_found_in_any_case_without_its_dot_and_amid_other_text() -> None:
    for one in MESSAGES:
        bare = one.name.rstrip(".").replace("`", "")
        for written in (one.name, bare, bare.upper(), f"  {one.name}\n", f"order 17 failed: {bare} (try 3)"):
            assert lookup(one.code, written) == one
            assert (found := lookup("", written)) is not None
            assert found.name == one.name


@pytest.mark.parametrize("code", ["-1010", "-2021", "-2022", ""])
def test_a_known_message_says_more_than_the_code_around_it(code: str) -> None:
    found = lookup(code, "Account has insufficient balance for requested action.")
    assert found is not None
    assert found.happened.startswith("The free balance")


def test_a_longer_message_is_not_taken_for_one_that_is_a_part_of_it() -> None:
    found = lookup(-1013, "x Filter failure: PERCENT_PRICE_BY_SIDE y")
    assert found is not None
    assert found.name == "Filter failure: PERCENT_PRICE_BY_SIDE"


def test_a_ban_is_told_from_a_limit_with_the_same_code() -> None:
    limit = lookup(-1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.")
    ban = lookup(-1003, "Way too much request weight used; IP banned until 1659146400000. Please use the websocket.")
    assert limit is not None
    assert ban is not None
    assert (limit.severity, ban.severity) == (Severity.WARNING, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Timestamp for this request was 1730ms ahead of the server's time.", "ahead of Binance's"),
        ("Timestamp for this request is outside of the recvWindow.", "too old"),
    ],
)
def test_a_clock_that_is_fast_is_told_from_one_that_is_slow(message: str, words: str) -> None:
    found = lookup(-1021, message)
    assert found is not None
    assert words in found.happened


@pytest.mark.parametrize("code", [0, "", -9999, "abc"])
def test_what_is_not_known_is_none(code: int | str) -> None:
    assert lookup(code) is None
    assert lookup(code, "no such words") is None


def test_a_code_without_a_message_of_its_own_keeps_its_meaning() -> None:
    # A symbol may be called like anything, and -1121 is about the symbol whatever else is said.
    assert lookup(-1121, "Market is closed.") == lookup(-1121)


@settings(max_examples=settings().max_examples * 50 // 100)
@given(st.one_of(st.integers(), st.text()), st.text(max_size=3_000))
def test_the_look_up_never_raises(code: int | str, message: str) -> None:
    lookup(code, message)


@settings(max_examples=settings().max_examples * 50 // 100)
@given(st.text())
def test_a_message_is_the_same_once_it_is_normalised(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
