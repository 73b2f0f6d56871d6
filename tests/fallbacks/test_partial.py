from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.fallbacks import FallbackOptions, Partial, shed
from actors.market import Feed, InstrumentId, Subscription

OPTIONS = FallbackOptions()


def subscription(text: str) -> Subscription:
    """`trades:BTC`, `candles@1m:ETH`"""
    feed, _, base = text.partition(":")
    name, _, option = feed.partition("@")
    return Subscription(InstrumentId("binance", f"{base}USDT", f"{base}/USDT"), Feed(name), option)


ALL = [f"{feed}:{base}" for base in ("BTC", "ETH", "SOL") for feed in ("trades", "book", "candles@1m", "candles@1h")]


def given_up(priorities: list[str], share: float, wanted: list[str] = ALL) -> list[str]:
    found = shed([subscription(one) for one in wanted], priorities, share)
    return [f"{str(one).partition(':')[0]}:{one.instrument.canonical.partition('/')[0]}" for one in found]


# What is given up


def test_without_priorities_what_was_wanted_last_goes_first() -> None:
    assert given_up([], 0.25) == ["candles@1h:SOL", "candles@1m:SOL", "book:SOL"]


@pytest.mark.parametrize(
    ("priorities", "kept"),
    [
        (["BTC/USDT"], {"trades:BTC", "book:BTC", "candles@1m:BTC", "candles@1h:BTC"}),
        (["binance:SOL/USDT"], {"trades:SOL", "book:SOL", "candles@1m:SOL", "candles@1h:SOL"}),
        (["book"], {"book:BTC", "book:ETH", "book:SOL", "trades:BTC"}),
        (["candles"], {"candles@1m:BTC", "candles@1h:BTC", "candles@1m:ETH", "candles@1h:ETH"}),
        (["candles@1h", "trades:SOL/USDT"], {"candles@1h:BTC", "candles@1h:ETH", "candles@1h:SOL", "trades:SOL"}),
        (["candles@1m:ETH/USDT", "book:binance:SOL/USDT"], {"candles@1m:ETH", "book:SOL", "trades:BTC", "book:BTC"}),
        (["SOL/USDT", "SOL/USDT", "book"], {"trades:SOL", "book:SOL", "candles@1m:SOL", "candles@1h:SOL"}),
    ],
)
def test_what_matters_most_is_kept(priorities: list[str], kept: set[str]) -> None:
    assert set(ALL).difference(given_up(priorities, 8 / 12)) == kept


@pytest.mark.parametrize(
    ("share", "number"), [(-1.0, 0), (0.0, 0), (0.01, 1), (1 - 0.7, 4), (0.5, 6), (0.999, 11), (1.0, 11), (7.0, 11)]
)
def test_as_many_are_given_up_as_the_share_says_and_one_is_kept(share: float, number: int) -> None:
    assert len(given_up([], share)) == number


def test_a_share_that_a_subtraction_made_a_little_too_large_gives_up_no_more() -> None:
    assert 1 - 0.7 > 0.3
    assert len(given_up([], 1 - 0.7, ALL[:10])) == 3


def test_of_nothing_nothing_is_given_up() -> None:
    assert given_up([], 1.0, []) == []


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(ALL), unique=True),
    st.lists(st.sampled_from(["trades", "book", "candles", "candles@1m", "ETH/USDT", "book:SOL/USDT"]), max_size=4),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_what_a_smaller_share_gives_up_a_greater_one_gives_up_too(
    wanted: list[str], priorities: list[str], one: float, other: float
) -> None:
    less, more = sorted((given_up(priorities, share, wanted) for share in (one, other)), key=len)
    assert more[: len(less)] == less


# When


def fed(partial: Partial, *burdens: tuple[float, float]) -> list[float]:
    """The share that is given up after each look."""
    found = []
    for now, burden in burdens:
        partial.feed(burden, "work", now)
        found.append(round(partial.given_up, 3))
    return found


def test_too_much_to_do_has_to_last() -> None:
    assert fed(Partial(OPTIONS), (0.0, 1.25), (9.9, 1.25), (10.0, 1.25)) == [0.0, 0.0, 0.2]


def test_a_little_too_much_still_gives_up_what_is_noticed() -> None:
    assert fed(Partial(OPTIONS), (0.0, 1.0), (10.0, 1.0)) == [0.0, 0.1]


def test_a_tenth_is_kept_whatever_the_burden() -> None:
    assert fed(Partial(OPTIONS), (0.0, 1e9), (10.0, 1e9)) == [0.0, 0.9]


def test_what_is_not_enough_is_followed_by_more() -> None:
    partial = Partial(OPTIONS)
    assert fed(partial, (0.0, 1.25), (10.0, 1.25), (11.0, 1.1), (20.9, 1.1), (21.0, 1.1)) == [0.0, 0.2, 0.2, 0.2, 0.28]


def test_relief_by_what_was_given_up_is_no_reason_to_bring_it_back() -> None:
    partial = Partial(OPTIONS)
    fed(partial, (0.0, 2.0), (10.0, 2.0))
    # Half is kept, and the burden is 0.9: with all of it, it would be 1.8.
    assert fed(partial, (11.0, 0.9), (80.0, 0.9), (4000.0, 0.9)) == [0.5] * 3


def test_what_would_be_bearable_with_everything_brings_it_back_after_a_while() -> None:
    partial = Partial(OPTIONS)
    fed(partial, (0.0, 2.0), (10.0, 2.0))
    assert fed(partial, (11.0, 0.4), (70.9, 0.4), (71.0, 0.4)) == [0.5, 0.5, 0.0]


def test_what_need_not_be_given_up_any_more_comes_back_in_part() -> None:
    partial = Partial(OPTIONS)
    fed(partial, (0.0, 5.0), (10.0, 5.0))
    # A fifth is kept, and the burden is 0.3: with all of it, it would be 1.5, with twice as much 0.6.
    assert fed(partial, (11.0, 0.3), (70.9, 0.3), (71.0, 0.3)) == [0.8, 0.8, 0.6]


def test_an_operator_gives_up_half() -> None:
    partial = Partial(OPTIONS)
    partial.force.say(True, 0.0)
    assert fed(partial, (1.0, 0.0)) == [0.5]


def test_an_operators_word_against_it_brings_everything_back() -> None:
    partial = Partial(OPTIONS)
    fed(partial, (0.0, 2.0), (10.0, 2.0))
    partial.force.say(False, 11.0)
    assert fed(partial, (12.0, 2.0)) == [0.0]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.3, 0.9, 1.0, 2.5, 1e9]), st.sampled_from([0.0, 1.0, 15.0, 100.0])), max_size=60)
)
def test_after_any_history_room_for_a_while_brings_everything_back(history: list[tuple[float, float]]) -> None:
    partial, now = Partial(OPTIONS), 0.0
    for burden, pause in history:
        now += pause
        partial.feed(burden, "work", now)
        assert 0.0 <= partial.given_up <= 0.9 + 1e-9
        assert (partial.given_up > 0) is partial.in_force
    partial.feed(0.0, "work", now)
    partial.feed(0.0, "work", now + OPTIONS.longest)
    assert partial.given_up == 0.0
