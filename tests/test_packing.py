from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.fleet.packing import Packing
from actors.market import Feed, InstrumentId, Subscription
from supervisor import SpecError

FEEDS = (Feed.TRADES, Feed.QUOTES, Feed.BOOK)


def of(base: str, feed: Feed = Feed.TRADES) -> Subscription:
    return Subscription(InstrumentId("binance", f"{base}USDT", f"{base}/USDT"), feed)


def all_of(*bases: str) -> list[Subscription]:
    return [of(base, feed) for base in bases for feed in FEEDS]


def placed(wanted: list[Subscription], at_most: int = 1024, instruments: int = 1) -> Packing:
    packing = Packing(at_most, instruments)
    packing.place(wanted)
    return packing


def sizes(packing: Packing) -> dict[str, int]:
    return {name: len(share) for name, share in packing.streams.items()}


def test_each_instrument_has_a_stream_of_its_own_of_its_name() -> None:
    assert placed(all_of("BTC", "ETH")).streams == {"BTCUSDT": tuple(all_of("BTC")), "ETHUSDT": tuple(all_of("ETH"))}


def test_several_instruments_share_a_stream_where_that_is_wanted() -> None:
    assert sizes(placed(all_of("A", "B", "C", "D", "E"), instruments=2)) == {"streams-1": 6, "streams-2": 6, "streams-3": 3}


def test_no_stream_has_more_than_its_limit_not_even_of_one_instrument() -> None:
    assert sizes(placed(all_of("BTC"), at_most=2)) == {"BTCUSDT": 2, "BTCUSDT-2": 1}


def test_three_thousand_subscriptions_spread_over_as_few_connections_as_can_be() -> None:
    packing = placed([of(f"X{number}") for number in range(3000)], instruments=10_000)
    assert sizes(packing) == {"streams-1": 1024, "streams-2": 1024, "streams-3": 952}


def test_subscriptions_of_one_instrument_share_a_stream() -> None:
    packing = placed([of("A"), of("B"), of("C"), of("A", Feed.BOOK)], instruments=2)
    assert packing.of(of("A", Feed.BOOK)) == packing.of(of("A")) == "streams-1"


def test_what_is_placed_stays_when_others_go() -> None:
    packing = placed(all_of("A", "B", "C", "D"), instruments=2)
    packing.place(all_of("B", "C", "D"))
    assert packing.streams == {"streams-1": tuple(all_of("B")), "streams-2": tuple(all_of("C", "D"))}


def test_room_that_was_left_is_used_again() -> None:
    packing = placed(all_of("A", "B", "C", "D"), instruments=2)
    packing.place(all_of("B", "C", "D"))
    packing.place(all_of("B", "C", "D", "E"))
    assert packing.of(of("E")) == "streams-1"


def test_the_name_of_a_stream_that_is_no_more_is_used_again() -> None:
    packing = placed(all_of("A", "B", "C"), instruments=1)
    packing.place(all_of("A", "C"))
    packing.place(all_of("A", "C", "B"))
    assert set(packing.streams) == {"AUSDT", "BUSDT", "CUSDT"}


def test_what_is_not_wanted_is_on_no_stream() -> None:
    packing = placed(all_of("A"))
    packing.place([])
    assert (packing.streams, packing.of(of("A"))) == ({}, "")


def test_streams_that_exist_already_stay_as_they_are() -> None:
    packing = Packing(1024)
    packing.recall({"AUSDT": all_of("A", "B")})
    packing.place(all_of("A", "B", "C"))
    assert sizes(packing) == {"AUSDT": 6, "CUSDT": 3}


# Merging


def test_while_merging_what_is_new_goes_onto_the_emptiest_stream_that_lives() -> None:
    packing = placed([*all_of("A"), of("B")])
    packing.merge([*all_of("A"), of("B"), of("C"), of("D")], down=[])
    assert packing.streams["BUSDT"] == (of("B"), of("C"), of("D"))


def test_while_merging_what_is_down_goes_onto_streams_that_live() -> None:
    packing = placed(all_of("A", "B", "C"))
    packing.merge(all_of("A", "B", "C"), down=["BUSDT", "CUSDT"])
    assert sizes(packing) == {"AUSDT": 9}


def test_while_merging_no_stream_gets_more_than_its_limit() -> None:
    packing = placed(all_of("A", "B"), at_most=4)
    packing.merge(all_of("A", "B"), down=["BUSDT"])
    assert sizes(packing) == {"AUSDT": 4, "BUSDT": 2}


def test_where_no_stream_lives_nothing_moves() -> None:
    packing = placed(all_of("A", "B"))
    packing.merge(all_of("A", "B", "C"), down=["AUSDT", "BUSDT"])
    assert sizes(packing) == {"AUSDT": 3, "BUSDT": 3, "CUSDT": 3}


def test_what_was_merged_stays_so() -> None:
    packing = placed(all_of("A", "B"))
    packing.merge(all_of("A", "B"), down=["BUSDT"])
    packing.place(all_of("A", "B"))
    assert sizes(packing) == {"AUSDT": 6}


def test_a_stream_that_is_down_and_unknown_changes_nothing() -> None:
    packing = placed(all_of("A"))
    packing.merge(all_of("A"), down=["long gone"])
    assert sizes(packing) == {"AUSDT": 3}


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5"])
@pytest.mark.parametrize("name", ["at_most", "instruments"])
def test_what_is_no_count_is_refused(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        Packing(**{"at_most": 1024, name: value})
    assert caught.value.field == f"Packing.{name}"


# Whatever happens

EVERYTHING = all_of("A", "B", "C", "D", "E", "F")
SOME = st.lists(st.sampled_from(EVERYTHING), max_size=18, unique=True)


class PackingLife(RuleBasedStateMachine):
    at_most = 4
    instruments = 2

    def __init__(self) -> None:
        super().__init__()
        self.packing = Packing(self.at_most, self.instruments)
        self.wanted: list[Subscription] = []
        self.merged = False

    @rule(wanted=SOME)
    def place(self, wanted: list[Subscription]) -> None:
        before = {one: self.packing.of(one) for one in self.wanted if one in wanted}
        self.packing.place(wanted)
        self.wanted = wanted
        assert {one: self.packing.of(one) for one in before} == before

    @rule(wanted=SOME, picks=st.sets(st.integers(0, 5)))
    def merge(self, wanted: list[Subscription], picks: set[int]) -> None:
        names = list(self.packing.streams)
        down = [name for number, name in enumerate(names) if number in picks]
        before = {one: self.packing.of(one) for one in self.wanted if one in wanted}
        self.packing.merge(wanted, down)
        self.wanted, self.merged = wanted, True
        moved = [one for one, name in before.items() if self.packing.of(one) != name]
        assert all(before[one] in down for one in moved)
        assert all(self.packing.of(one) not in down for one in moved)
        left = [one for one, name in before.items() if self.packing.of(one) in down]
        living = set(before.values()).difference(down)
        if left:
            assert all(len(self.packing.streams[name]) == self.at_most for name in living)

    @invariant()
    def what_is_wanted_is_placed_once_and_nothing_else(self) -> None:
        everything = [one for share in self.packing.streams.values() for one in share]
        assert sorted(everything) == sorted(self.wanted)
        assert all(one in self.packing.streams[self.packing.of(one)] for one in everything)

    @invariant()
    def no_stream_is_empty_or_has_too_many(self) -> None:
        for share in self.packing.streams.values():
            assert 0 < len(share) <= self.at_most
            assert self.merged or len({one.instrument for one in share}) <= self.instruments


class OfOneInstrument(PackingLife):
    at_most = 3
    instruments = 1


TestPackingLife = PackingLife.TestCase
TestPackingLife.settings = settings(max_examples=30, stateful_step_count=12)
TestOfOneInstrument = OfOneInstrument.TestCase
TestOfOneInstrument.settings = settings(max_examples=20, stateful_step_count=12)


@settings(max_examples=40)
@given(SOME, st.integers(1, 5), st.integers(1, 4))
def test_the_same_wants_in_the_same_order_are_placed_the_same_way(
    wanted: list[Subscription], at_most: int, instruments: int
) -> None:
    assert placed(wanted, at_most, instruments).streams == placed(wanted, at_most, instruments).streams
