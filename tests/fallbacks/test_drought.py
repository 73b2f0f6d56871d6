from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.fallbacks import Drought, Pressures
from actors.link_state import LinkEvent

CONNECTED, DATA, PINGED, SILENT, LOST, REFUSED = (
    LinkEvent.CONNECTED,
    LinkEvent.DATA,
    LinkEvent.PINGED,
    LinkEvent.SILENT,
    LinkEvent.LOST,
    LinkEvent.REFUSED,
)
GAVE_UP, WAITS, POLLED = LinkEvent.GAVE_UP, LinkEvent.WAITS, LinkEvent.POLLED


def after(*history: tuple[float, LinkEvent]) -> Drought:
    drought = Drought()
    for at, event in history:
        drought.feed(event, at)
    return drought


#   what happened, and for how long the socket has delivered nothing at 100
TABLE = [
    ("a new link is no drought", [], 0.0),
    ("nor is a quiet market", [(0.0, CONNECTED), (10.0, DATA)], 0.0),
    ("nor is one that was quiet and then lost, and is connected again", [(10.0, DATA), (99.0, LOST), (99.5, CONNECTED)], 0.0),
    ("a loss counts from itself", [(10.0, DATA), (90.0, LOST)], 10.0),
    ("so does a refusal", [(90.0, REFUSED)], 10.0),
    ("so does a wait for leave", [(90.0, WAITS)], 10.0),
    ("the first trouble counts", [(10.0, DATA), (80.0, LOST), (85.0, REFUSED), (95.0, REFUSED)], 20.0),
    ("silence counts from the last data", [(60.0, DATA), (90.0, SILENT)], 40.0),
    ("giving up likewise", [(60.0, DATA), (90.0, GAVE_UP)], 40.0),
    ("silence of what never delivered counts from itself", [(0.0, CONNECTED), (70.0, SILENT)], 30.0),
    ("another connection does not end the doubt", [(60.0, DATA), (80.0, SILENT), (80.0, LOST), (81.0, CONNECTED)], 40.0),
    ("nor does a ping", [(60.0, DATA), (80.0, SILENT), (85.0, PINGED)], 40.0),
    ("data does", [(60.0, DATA), (80.0, SILENT), (85.0, DATA)], 0.0),
    ("one that gave no sign of life is a doubt", [(10.0, DATA), (20.0, CONNECTED), (30.0, LOST), (31.0, CONNECTED)], 90.0),
    ("one that was pinged is none", [(10.0, DATA), (20.0, CONNECTED), (25.0, PINGED), (30.0, LOST), (31.0, CONNECTED)], 0.0),
    ("polls are not the socket's", [(90.0, LOST), (95.0, POLLED)], 10.0),
]  # fmt: skip


@pytest.mark.parametrize(("history", "seconds"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_how_long_the_socket_has_delivered_nothing(history: list[tuple[float, LinkEvent]], seconds: float) -> None:
    assert after(*history).of_socket(100.0) == seconds


def test_a_poll_is_data_of_any_source() -> None:
    drought = after((60.0, DATA), (90.0, LOST), (95.0, POLLED))
    assert [drought.of_all(now) for now in (95.0, 100.0)] == [0.0, 5.0]


def test_an_old_poll_does_not_count_against_a_later_trouble() -> None:
    assert after((10.0, POLLED), (50.0, DATA), (90.0, LOST)).of_all(100.0) == 10.0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(list(LinkEvent)), st.sampled_from([0.0, 1.0, 30.0])), max_size=40))
def test_after_any_history_data_ends_it_and_no_source_is_drier_than_the_socket(history: list[tuple[LinkEvent, float]]) -> None:
    drought, now = Drought(), 0.0
    for event, pause in history:
        now += pause
        drought.feed(event, now)
        assert 0.0 <= drought.of_all(now) <= drought.of_socket(now) <= now
    drought.feed(DATA, now)
    assert (drought.of_socket(now + 99.0), drought.flows) == (0.0, True)


# Pressures


def test_the_worst_pressure_of_the_kinds_asked_for_counts() -> None:
    pressures = Pressures(60.0)
    for kind, share in (("attempts", 0.5), ("weight", 1.2), ("load", 3.0)):
        pressures.feed(kind, share, 0.0)
    assert pressures.worst(("attempts", "weight", "rate"), 1.0) == (1.2, "weight")


def test_the_last_report_of_a_kind_replaces_the_one_before() -> None:
    pressures = Pressures(60.0)
    pressures.feed("weight", 1.2, 0.0)
    pressures.feed("weight", 0.1, 1.0)
    assert pressures.worst(("weight",), 1.0) == (0.1, "weight")


def test_a_report_counts_no_longer_than_it_is_fresh() -> None:
    pressures = Pressures(60.0)
    pressures.feed("rate", 1.0, 0.0)
    assert [pressures.worst(("rate",), now) for now in (59.9, 60.0)] == [(1.0, "rate"), (0.0, "")]


@pytest.mark.parametrize("share", [-1.0, float("nan")])
def test_what_is_no_share_is_none(share: float) -> None:
    pressures = Pressures(60.0)
    pressures.feed("rate", share, 0.0)
    assert pressures.worst(("rate",), 0.0) == (0.0, "")
