"""Who is quiet for too long, and what to do about it."""

from __future__ import annotations

import math

import pytest

from actors.delivery.route import Route
from actors.delivery.watch import SOONEST, AskAnew, Cut, Fine, Pulse, judge, next_look
from tests.delivery.support import QUOTES, Heard


def two(quotes_at: float, trades_at: float) -> list[Route]:
    """A route of quotes (patience 15 s) and one of trades (patience 60 s), each heard last at its time."""
    heard = Heard()
    quotes, trades = heard.route(QUOTES), heard.numbered()
    quotes.watched, trades.watched = quotes_at, trades_at
    return [quotes, trades]


@pytest.mark.parametrize(
    ("quotes_at", "trades_at", "pinged", "now", "finding"),
    [
        (100.0, 100.0, 95.0, 110.0, Fine),  # nobody is quiet for too long
        (90.0, 109.0, 105.0, 110.0, AskAnew),  # quotes are, while trades flow
        (95.0, 95.0, 105.0, 110.0, Cut),  # nothing at all for the patience with quotes
        (30.0, 100.0, -math.inf, 110.0, AskAnew),  # it does not ping, but delivers
        (100.0, 100.0, 20.0, 101.0, Fine),
    ],
)
def test_what_is_done_about_silence(quotes_at: float, trades_at: float, pinged: float, now: float, finding: type) -> None:
    pulse = Pulse(flowed=max(quotes_at, trades_at), pinged=pinged, ping_every=20.0)
    assert isinstance(judge(two(quotes_at, trades_at), pulse, now), finding)


@pytest.mark.parametrize(("pinged", "blameless"), [(100.0, True), (40.0, False), (-math.inf, False)])
def test_who_pings_is_not_to_blame(pinged: float, blameless: bool) -> None:
    cut = judge(two(95.0, 95.0), Pulse(95.0, pinged, 20.0), 110.0)
    assert isinstance(cut, Cut)
    assert cut.blameless is blameless


def test_a_connection_that_has_not_pinged_for_three_intervals_is_dead_however_quiet_the_market() -> None:
    routes = two(100.0, 100.0)
    for route in routes:
        route.fruitless = 3  # 120 and 480 s
    assert isinstance(judge(routes, Pulse(100.0, 95.0, 20.0), 154.0), Fine)
    assert isinstance(judge(routes, Pulse(100.0, 95.0, 20.0), 160.0), Cut)


def test_one_that_never_pings_is_judged_by_its_data_alone() -> None:
    routes = two(100.0, 100.0)
    for route in routes:
        route.fruitless = 3
    assert isinstance(judge(routes, Pulse(100.0, -math.inf, math.inf), 200.0), Fine)


def test_the_next_look_is_when_somebody_may_have_been_quiet_for_too_long() -> None:
    routes = two(100.0, 100.0)
    assert next_look(routes, 114.5, 1.0) == 0.5
    assert next_look(routes, 100.0, 1.0) == 1.0
    assert next_look(routes, 120.0, 1.0) == SOONEST
    assert next_look([], 120.0, 1.0) == 1.0
