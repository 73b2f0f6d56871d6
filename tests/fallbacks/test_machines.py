"""The five machines: what puts each in force, and what lifts it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.fallbacks import (
    Cache,
    EndpointChoice,
    FallbackOptions,
    Polling,
    Rate,
    SocketEvidence,
    polling_interval,
)
from actors.fallbacks.endpoint_ranking import EndpointRanking
from supervisor import SpecError

OPTIONS = FallbackOptions()
GOOD = SocketEvidence(quiet=0.0, failed=False, weight=10, rest_answers=True)


def evidence(quiet: float = 0.0, *, failed: bool = False, weight: int = 10, rest: bool = True) -> SocketEvidence:
    return SocketEvidence(quiet, failed, weight, rest)


# Polling


@pytest.mark.parametrize(
    ("what", "polled"),
    [
        (evidence(9.9), False),
        (evidence(10.0), True),
        (evidence(failed=True), True),
        (evidence(100.0, weight=0), False),
        (evidence(100.0, rest=False), False),
        (evidence(100.0, failed=True, rest=False), False),
    ],
)
def test_what_puts_polling_in_force(what: SocketEvidence, polled: bool) -> None:
    polling = Polling(OPTIONS)
    polling.feed(what, 0.0)
    assert polling.in_force is polled


def polled() -> Polling:
    polling = Polling(OPTIONS)
    polling.feed(evidence(10.0), 0.0)
    return polling


@pytest.mark.parametrize(
    ("what", "lifted"),
    [
        (evidence(), True),
        (evidence(1.0), False),
        (evidence(failed=True), False),
        (evidence(20.0, rest=False), False),
        (evidence(20.0, weight=0), True),
    ],
)
def test_what_lifts_polling_when_it_lasts(what: SocketEvidence, lifted: bool) -> None:
    polling = polled()
    polling.feed(what, 1.0)
    polling.feed(what, 11.0)
    assert polling.in_force is not lifted


def test_a_socket_that_delivers_has_to_do_so_for_a_while() -> None:
    polling = polled()
    changes = [polling.feed(GOOD, now) for now in (1.0, 10.9, 11.0)]
    assert [change and (change.on, change.reason) for change in changes] == [None, None, (False, "the socket delivers again")]


@pytest.mark.parametrize(
    ("what", "words"),
    [(evidence(12.34), "no data from the socket for 12.3 s"), (evidence(failed=True), "the link has failed")],
)
def test_polling_says_why(what: SocketEvidence, words: str) -> None:
    change = Polling(OPTIONS).feed(what, 0.0)
    assert change is not None
    assert change.reason == words


def test_polling_keeps_within_its_share_of_the_weight() -> None:
    # 200 links of weight 30, half of 6000 per minute: 6000 per round at 50 per second
    assert polling_interval([30] * 200, 6000, 60.0, 0.5, 1.0) == pytest.approx(120.0)


@pytest.mark.parametrize("weights", [[], [1], [0, 0]])
def test_polling_is_no_faster_than_is_of_use(weights: list[int]) -> None:
    assert polling_interval(weights, 6000, 60.0, 0.5, 1.0) == 1.0


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 500), max_size=50),
    st.integers(1, 10_000),
    st.floats(1.0, 600.0),
    st.floats(0.05, 1.0),
    st.floats(0.1, 10),
)
def test_polling_spends_no_more_than_its_share_and_is_no_slower_than_that(
    weights: list[int], limit: int, within: float, share: float, at_least: float
) -> None:
    interval = polling_interval(weights, limit, within, share, at_least)
    spent, may = sum(weights) / interval, share * limit / within
    assert interval >= at_least
    assert spent <= may * 1.000001
    assert interval == at_least or spent >= may * 0.999999


# Rate


def test_what_is_short_merges_at_once_and_a_quiet_time_lifts_it() -> None:
    rate = Rate(OPTIONS)
    changes = [
        rate.feed(share, "attempts", now) for share, now in [(0.99, 0.0), (1.0, 1.0), (0.5, 2.0), (0.5, 301.9), (0.5, 302.0)]
    ]
    assert [change and (change.on, change.reason) for change in changes] == [
        None,
        (True, "attempts: 100% of what is allowed"),
        None,
        None,
        (False, "nothing has been short for a while"),
    ]


def test_merging_helps_as_long_as_it_was_not_short_for_too_long() -> None:
    rate = Rate(OPTIONS)
    rate.feed(1.0, "rate", 0.0)
    before = [rate.helps(59.9), rate.helps(60.0)]
    rate.feed(0.5, "rate", 61.0)
    assert (before, rate.helps(1000.0)) == ([True, False], True)


def test_what_is_not_in_force_is_no_help_that_failed() -> None:
    rate = Rate(OPTIONS)
    rate.force.say(False, 0.0)
    rate.feed(1.0, "rate", 0.0)
    assert rate.helps(1000.0)


# Cache


@pytest.mark.parametrize(
    ("quiet", "interval", "stale"),
    [(4.9, 0.0, False), (5.0, 0.0, True), (5.0, 10.0, False), (19.9, 10.0, False), (20.0, 10.0, True)],
)
def test_values_are_stale_when_neither_the_socket_nor_two_polls_brought_new_ones(
    quiet: float, interval: float, stale: bool
) -> None:
    cache = Cache(OPTIONS)
    cache.feed(quiet, interval, 0.0)
    assert cache.in_force is stale


def test_values_are_no_longer_stale_when_data_flows() -> None:
    cache = Cache(OPTIONS)
    changes = [cache.feed(quiet, 0.0, now) for quiet, now in [(5.0, 0.0), (0.0, 1.0), (0.0, 2.9), (0.0, 3.0)]]
    assert [change and change.on for change in changes] == [True, None, None, False]


# Endpoint


def choice(*names: str) -> EndpointChoice:
    return EndpointChoice(EndpointRanking(names or ("a", "b", "c", "d")))


def test_the_ranking_decides() -> None:
    chosen = choice()
    chosen.ranking.give_up("a", 0.0)
    assert [chosen.look(0.0), chosen.order, chosen.in_force] == [True, ("b", "c", "d"), True]
    assert [chosen.look(30.0), chosen.order, chosen.in_force] == [True, ("a", "b", "c", "d"), False]


def test_what_changes_nothing_is_no_change() -> None:
    assert not choice().look(0.0)


def test_what_an_operator_leaves_comes_last() -> None:
    chosen = choice()
    said = chosen.say("a", True)
    chosen.look(0.0)
    assert (said, chosen.order) == (True, ("b", "c", "d", "a"))


def test_what_an_operator_wants_comes_first_even_if_it_rests() -> None:
    chosen = choice()
    chosen.ranking.give_up("c", 0.0, broken=True)
    chosen.say("c", False)
    chosen.look(0.0)
    assert chosen.order == ("c", "a", "b", "d")


def test_a_word_taken_back_leaves_it_to_the_ranking() -> None:
    chosen = choice()
    chosen.say("a", True)
    chosen.look(0.0)
    chosen.say("a", None)
    chosen.look(0.0)
    assert chosen.order == ("a", "b", "c", "d")


@pytest.mark.parametrize(("names", "endpoint", "word"), [(("a", "b"), "x", True), (("a",), "a", True)])
def test_what_cannot_be_done_to_an_endpoint_is_said(names: tuple[str, ...], endpoint: str, word: bool) -> None:
    assert not choice(*names).say(endpoint, word)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["up", "down", "leave", "want", "free"]), st.floats(0, 100)))
)
def test_whatever_is_said_there_is_an_order_of_endpoints_that_exist(history: list[tuple[str, str, float]]) -> None:
    chosen, now = choice(), 0.0
    for endpoint, what, pause in history:
        now += pause
        if what in ("up", "down"):
            chosen.ranking.note(endpoint, what == "up", None, now)
        else:
            chosen.say(endpoint, {"leave": True, "want": False, "free": None}[what])
        chosen.look(now)
        assert len(set(chosen.order)) == len(chosen.order) > 0
        assert set(chosen.order) <= set("abcd")
        wanted = [name for name, word in chosen.words.items() if not word]
        assert list(chosen.order[: len(wanted)]) == wanted


# Options


SECONDS = [
    "poll_after",
    "poll_lift_after",
    "poll_at_least",
    "cache_after",
    "cache_lift_after",
    "rate_lift_after",
    "rate_helps_within",
    "pressure_fresh",
    "partial_after",
    "partial_lift_after",
    "longest",
    "trouble_after",
]


@pytest.mark.parametrize("name", SECONDS)
@pytest.mark.parametrize("value", [0, -1.0, float("inf"), "5", None])
def test_times_are_seconds_above_0(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        FallbackOptions(**{name: value})
    assert (caught.value.field, caught.value.value) == (f"FallbackOptions.{name}", value)
    assert "seconds above 0, for example" in str(caught.value)


@pytest.mark.parametrize("value", [0, -0.1, 1.1, "half"])
def test_the_share_of_polling_is_a_share(value: Any) -> None:
    with pytest.raises(SpecError, match=r"a share above 0 and up to 1, for example poll_share=0\.5"):
        FallbackOptions(poll_share=value)


def test_the_slowest_poll_is_no_faster_than_the_fastest() -> None:
    with pytest.raises(SpecError, match=r"no less than poll_at_least=2\.0, for example slowest_poll=30\.0"):
        FallbackOptions(poll_at_least=2.0, slowest_poll=1.0)


@pytest.mark.parametrize(
    "text",
    ["trades", "candles@1m", "BTC/USDT", "trades:BTC/USDT", "candles@1m:BTC/USDT", "binance:BTC/USDT", "book:binance:BTC/USDT"],
)
def test_what_a_priority_may_be(text: str) -> None:
    assert FallbackOptions(priorities=(text,)).priorities == (text,)


@pytest.mark.parametrize(
    "value", [["trades"], "trades", ("trade",), ("BTCUSDT",), ("btc/usdt",), ("trades:",), (":BTC/USDT",), (1,)]
)
def test_what_no_priority_can_be_is_refused(value: Any) -> None:
    with pytest.raises(SpecError, match="feeds and symbols, most important first"):
        FallbackOptions(priorities=value)
