"""Aside: what is refused is asked for again, less and less often, and not when nobody wants it."""

from __future__ import annotations

from actors.delivery.aside import FIRST_PAUSE, LONGEST_PAUSE, Aside
from actors.delivery.pace import Pace
from actors.delivery.route import Route
from actors.feeds import feed_topic
from actors.market import Feed, InstrumentId, Subscription

WANTED = Subscription(InstrumentId("binance", "BTCUSDT", "BTC/USDT"), Feed.QUOTES)


def refused() -> tuple[Aside, Route]:
    aside, route = Aside(), Route(WANTED, feed_topic(WANTED), lambda *_: None, Pace(15.0), 0.0)
    aside.put(route, 0.0)
    return aside, route


def test_it_is_asked_for_when_its_pause_is_over_and_once() -> None:
    aside, route = refused()
    assert aside.due(FIRST_PAUSE - 0.1) == []
    assert aside.due(FIRST_PAUSE) == [route]
    assert aside.due(FIRST_PAUSE) == []


def test_each_refusal_doubles_the_pause_up_to_the_longest() -> None:
    aside, route = refused()
    now, pauses = 0.0, []
    for _ in range(8):
        began = now
        while not aside.due(now):
            now += 1.0
        pauses.append(now - began)
        aside.put(route, now)
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_what_was_allowed_meanwhile_begins_with_the_first_pause_again() -> None:
    aside, route = refused()
    aside.due(FIRST_PAUSE)
    aside.delivers(WANTED)
    aside.put(route, 100.0)
    assert aside.due(100.0 + FIRST_PAUSE) == [route]


def test_who_wants_it_anew_need_not_wait() -> None:
    aside, route = refused()
    assert aside.back([WANTED]) == [route]
    assert list(aside) == []


def test_what_nobody_wants_is_forgotten() -> None:
    aside, route = refused()
    assert aside.drop([WANTED]) == []
    assert aside.drop([]) == [route]
    assert aside.due(1e9) == []
