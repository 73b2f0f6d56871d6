"""Ledger: what a consumer must never see is counted, and what he may see is not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.market import (
    AnyMarker,
    Disconnected,
    Feed,
    Filled,
    Gap,
    InstrumentId,
    Quote,
    Rejected,
    Resumed,
    Stale,
    Subscription,
    Trade,
)
from tests.soak.ledger import Ledger

BTC = InstrumentId("binance", "BTCUSDT", "BTC/USDT")
TRADES, QUOTES = Subscription(BTC, Feed.TRADES), Subscription(BTC, Feed.QUOTES)
ONE = Decimal(1)


def trade(number: int) -> Trade:
    return Trade(instrument=BTC, id=number, price=ONE, quantity=ONE, buyer_is_maker=True, time_ms=0)


def quote(number: int) -> Quote:
    return Quote(instrument=BTC, update_id=number, bid=ONE, bid_quantity=ONE, ask=ONE, ask_quantity=ONE)


def entered(*events: int | Trade | Quote | AnyMarker, feed: Feed = Feed.TRADES) -> Ledger:
    """A ledger into which these were entered, one per second; a number is a trade."""
    ledger = Ledger(feed)
    for now, event in enumerate(events):
        if isinstance(event, int):
            ledger.data(trade(event), float(now))
        elif isinstance(event, Trade | Quote):
            ledger.data(event, float(now))
        else:
            ledger.marker(event, float(now))
    return ledger


DOWN, UP = Disconnected(subscription=TRADES, reason="reset"), Resumed(subscription=TRADES, outage=1.0)


def test_trades_in_a_row_are_all_well() -> None:
    ledger = entered(1, 2, 3)
    assert (ledger.events, ledger.missing, ledger.duplicates, ledger.out_of_place) == (3, 0, 0, 0)


def test_a_hole_without_a_word_is_missing_also_across_an_outage() -> None:
    assert entered(1, 5).missing == 3
    assert entered(1, DOWN, UP, 5).missing == 3


def test_a_hole_that_a_gap_tells_of_is_lost_and_not_missing() -> None:
    ledger = entered(1, DOWN, UP, Gap(subscription=TRADES, after_id=1, before_id=5), 5)
    assert (ledger.missing, ledger.lost, ledger.gaps) == (0, 3, 1)


@pytest.mark.parametrize(("after", "before"), [(2, 5), (1, 4)])
def test_a_gap_that_tells_of_less_than_is_missing_does_not_count(after: int, before: int) -> None:
    assert entered(1, Gap(subscription=TRADES, after_id=after, before_id=before), 5).missing == 3


def test_a_gap_counts_for_one_hole() -> None:
    assert entered(1, Gap(subscription=TRADES, after_id=1, before_id=5), 5, 9).missing == 3


def test_what_is_filled_is_neither() -> None:
    ledger = entered(1, DOWN, UP, Filled(subscription=TRADES, after_id=1, before_id=4), 2, 3, 4)
    assert (ledger.missing, ledger.lost, ledger.fills) == (0, 0, 1)


def test_what_comes_twice_or_late_is_a_duplicate() -> None:
    assert entered(1, 2, 2, 1, 3).duplicates == 2
    assert entered(quote(5), quote(9), quote(9), feed=Feed.QUOTES).duplicates == 1


def test_quotes_may_leave_ids_out() -> None:
    assert entered(quote(5), quote(9), feed=Feed.QUOTES).missing == 0


def test_data_in_a_hole_and_a_hole_that_is_told_twice_are_out_of_place() -> None:
    assert entered(1, DOWN, 2).out_of_place == 1
    assert entered(1, DOWN, DOWN).out_of_place == 1
    assert entered(1, UP).out_of_place == 1


def test_the_end_of_an_outage_before_the_first_data_is_in_its_place() -> None:
    assert entered(UP, 1).out_of_place == 0


def test_stale_values_and_rejections_may_stand_in_a_hole() -> None:
    stale = Stale(subscription=TRADES, event=trade(1), age=3.0)
    ledger = entered(1, DOWN, stale, Rejected(subscription=TRADES, reason="no"), UP, 2)
    assert (ledger.out_of_place, ledger.stale, ledger.rejections) == (0, 1, 1)


def test_an_outage_lasts_from_its_beginning_to_its_end() -> None:
    assert entered(1, DOWN, UP, 2, DOWN, UP).outages == [1.0, 1.0]


def test_alive_is_what_delivered_since_and_is_not_interrupted() -> None:
    assert entered(1, 2).alive(0.5)
    assert not entered(1, 2).alive(1.5)
    assert not entered(1, 2, DOWN).alive(0.5)


def test_the_first_things_that_are_wrong_are_kept_with_what_came_before() -> None:
    (example,) = entered(1, DOWN, UP, 5).examples
    assert "5 after 1" in example
    assert "Disconnected(reset) | 2.00 Resumed" in example
