"""What consumers are told."""

from __future__ import annotations

import pytest

from actors.delivery.cursors import Cursors
from actors.delivery.route import DOUBLINGS, MEMORY, POLLED
from actors.market import Disconnected, Feed, Filled, Gap, Resumed, Source, SourceChanged, Stale, Subscription
from tests.delivery.support import BTC, TRADES, Heard, quote, trade


def test_a_hole_is_told_of_once_and_ended_once() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.lost("again", 3.0)
    route.take([quote(2)], 2, 5.0)
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed", 2]
    assert isinstance(heard.said[3], Resumed)
    assert heard.said[3].outage == 3.0


def test_what_two_connections_deliver_is_delivered_once() -> None:
    heard = Heard()
    route = heard.route()
    for number, source in ((1, 1), (1, 2), (2, 2), (2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (5, 2)):
        route.take([quote(number)], source, float(number))
    assert heard.words == ["Resumed", 1, 2, 3, 4, 5]
    assert route.duplicates == 4


def test_one_connection_may_say_the_same_twice() -> None:
    heard = Heard()
    route = heard.route()
    for _ in range(2):
        route.take([quote(1)], 1, 1.0)
    assert heard.words == ["Resumed", 1, 1]


def test_ids_that_begin_anew_over_another_connection_are_delivered_after_a_while() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(900)], 1, 1.0)
    route.take([quote(2)], 2, 2.0)
    route.take([quote(3)], 2, 1.0 + MEMORY + 1.0)
    assert heard.words == ["Resumed", 900, 3]


def test_a_repetition_after_an_outage_says_that_data_flows() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([quote(1)], 2, 3.0)
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed"]


def test_trades_whose_ids_do_not_count_have_a_gap_after_every_outage() -> None:
    heard = Heard()
    route = heard.route(Subscription(BTC, Feed.TRADES))
    route.take([trade(10)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([trade(40)], 2, 3.0)
    assert heard.words == ["Resumed", 10, "Disconnected", "Resumed", "Gap", 40]


def test_who_is_polled_is_told_so_and_told_when_the_stream_is_back() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([quote(5)], POLLED, 4.0)
    route.take([quote(9)], 2, 6.0)
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed", "SourceChanged", 5, "SourceChanged", 9]
    changes = [one.source for one in heard.said if isinstance(one, SourceChanged)]
    assert changes == [Source.POLLING, Source.STREAM]


def test_a_poll_that_begins_with_what_is_known_says_that_it_polls_and_delivers_the_rest() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(5)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([quote(4), quote(6)], POLLED, 3.0)
    route.take([quote(4), quote(7)], POLLED, 4.0)
    assert heard.words == ["Resumed", 5, "Disconnected", "Resumed", "SourceChanged", 6, 7]


def test_a_poll_that_brings_nothing_new_says_that_all_is_as_it_was() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(5)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([quote(5)], POLLED, 3.0)
    route.take([quote(6)], POLLED, 4.0)
    route.take([quote(7)], 2, 5.0)
    assert heard.words == ["Resumed", 5, "Disconnected", "Resumed", "SourceChanged", 6, "SourceChanged", 7]


def test_who_is_polled_is_not_told_of_every_attempt_to_connect() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([quote(5)], POLLED, 4.0)
    route.tell("cannot connect")
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed", "SourceChanged", 5]


def test_a_poll_says_nothing_while_the_stream_delivers() -> None:
    heard = Heard()
    route = heard.route()
    route.take([quote(1)], 1, 1.0)
    route.take([quote(7)], POLLED, 2.0)
    assert heard.words == ["Resumed", 1]


def test_a_stale_value_is_said_with_its_age_and_only_without_data() -> None:
    heard = Heard()
    route = heard.route()
    route.say_stale(0.5)
    route.take([quote(1)], 1, 1.0)
    route.say_stale(2.0)
    route.lost("gone", 2.0)
    route.say_stale(8.0)
    stale = [one for one in heard.said if isinstance(one, Stale)]
    assert [(one.event.sequence, one.age) for one in stale] == [(1, 7.0)]


def test_patience_doubles_each_time_that_asking_was_of_no_use_and_not_for_ever() -> None:
    route = Heard().route()
    seen = []
    for _ in range(DOUBLINGS + 2):
        seen.append(route.patience)
        route.fruitless += 1
    assert seen == [15.0, 30.0, 60.0, 120.0, 120.0]
    route.take([quote(1)], 1, 1.0)
    assert route.patience == 15.0


def test_a_filled_hole_is_told_of_before_what_filled_it() -> None:
    heard = Heard()
    route = heard.numbered()
    for number in (1, 2, 5):
        route.take([trade(number)], 1, 1.0)
    assert heard.words == ["Resumed", 1, 2]
    assert [(hole.after_id, hole.before_id) for hole in heard.asked] == [(2, 5)]
    assert route.fill([trade(3), trade(4)], 2.0, last=False)
    assert heard.words == ["Resumed", 1, 2, "Filled", 3, 4, 5]
    assert isinstance(heard.said[3], Filled)
    assert (heard.said[3].after_id, heard.said[3].before_id) == (2, 5)


def test_what_is_fetched_in_pages_closes_the_hole_with_the_last_one() -> None:
    heard = Heard()
    route = heard.numbered()
    for number in (1, 5):
        route.take([trade(number)], 1, 1.0)
    assert not route.fill([trade(2)], 2.0, last=False)
    assert route.fill([trade(3), trade(4)], 3.0, last=False)
    assert heard.words == ["Resumed", 1, "Filled", 2, "Filled", 3, 4, 5]


def test_what_cannot_be_fetched_is_a_gap_at_once() -> None:
    heard = Heard()
    route = heard.numbered(fillable=False)
    for number in (1, 2, 5):
        route.take([trade(number)], 1, 1.0)
    assert heard.words == ["Resumed", 1, 2, "Gap", 5]
    assert heard.asked == []


def test_a_hole_that_nobody_fills_in_time_is_a_gap() -> None:
    heard = Heard()
    route = heard.numbered(hold_for=10.0)
    for number in (1, 4, 5):
        route.take([trade(number)], 1, 1.0)
    route.look(10.9)
    assert heard.words == ["Resumed", 1]
    route.look(11.0)
    assert heard.words == ["Resumed", 1, "Gap", 4, 5]
    assert isinstance(heard.said[2], Gap)
    assert (heard.said[2].after_id, heard.said[2].before_id) == (1, 4)


def test_there_is_no_more_to_come_means_a_gap_for_the_rest() -> None:
    heard = Heard()
    route = heard.numbered()
    for number in (1, 5):
        route.take([trade(number)], 1, 1.0)
    assert route.fill([trade(2)], 2.0, last=True)
    assert heard.words == ["Resumed", 1, "Filled", 2, "Gap", 5]


def test_after_an_outage_what_was_missed_is_fetched_before_anything_is_delivered() -> None:
    heard = Heard()
    route = heard.numbered()
    route.take([trade(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([trade(4)], 2, 5.0)
    assert heard.words == ["Resumed", 1, "Disconnected"]
    route.fill([trade(2), trade(3)], 5.5, last=False)
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed", "Filled", 2, 3, 4]


def test_during_a_hand_over_the_other_connection_is_waited_for_first() -> None:
    heard = Heard()
    route = heard.numbered()
    route.take([trade(1)], 1, 1.0)
    route.hand_over(begins=True)
    route.take([trade(3)], 2, 1.1)
    assert heard.asked == []
    route.take([trade(2)], 1, 1.2)
    assert heard.words == ["Resumed", 1, 2, 3]


def test_a_hole_as_large_as_a_night_is_not_fetched() -> None:
    heard = Heard()
    route = heard.numbered()
    route.take([trade(1)], 1, 1.0)
    route.take([trade(1_000_000)], 1, 2.0)
    assert heard.words == ["Resumed", 1, "Gap", 1_000_000]


def test_the_first_failure_to_connect_is_told_though_nothing_was_delivered_yet() -> None:
    heard = Heard()
    route = heard.route()
    route.tell("cannot connect")
    route.tell("cannot connect")
    assert [type(one) for one in heard.said] == [Disconnected]


@pytest.mark.parametrize("fillable", [True, False])
def test_a_gap_found_while_interrupted_is_said_after_resumed(fillable: bool) -> None:
    heard = Heard()
    route = heard.numbered(fillable=fillable)
    route.take([trade(1)], 1, 1.0)
    route.lost("gone", 2.0)
    route.take([trade(9)], 2, 3.0)
    route.look(20.0)
    assert heard.words == ["Resumed", 1, "Disconnected", "Resumed", "Gap", 9]


def test_who_moves_to_another_stream_goes_on_there_where_it_was() -> None:
    old, new, cursors = Heard(), Heard(), Cursors()
    before, after = old.numbered(), new.numbered()
    after.cursors = cursors
    before.take([trade(1), trade(2)], 1, 1.0)
    cursors.leave(TRADES, before.cursor(), 2.0)
    after.take([trade(5)], 1, 3.0)
    assert [(hole.after_id, hole.before_id) for hole in new.asked] == [(2, 5)]
    after.fill([trade(3), trade(4)], 3.5, last=False)
    assert new.words == ["Resumed", "Filled", 3, 4, 5]


def test_where_it_was_an_hour_ago_is_of_no_use() -> None:
    heard, cursors = Heard(), Cursors()
    route = heard.numbered()
    route.cursors = cursors
    cursors.leave(TRADES, 2, 0.0)
    route.take([trade(5)], 1, 3600.0)
    assert heard.words == ["Resumed", 5]
