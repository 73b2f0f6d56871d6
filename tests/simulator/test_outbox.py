"""What is written, and when."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from actors.simulator.outbox import CHUNK, Outbox


def test_what_is_put_is_taken_in_order() -> None:
    outbox = Outbox(100)
    outbox.put(b"a")
    outbox.put(b"b")

    assert outbox.size == 2
    assert outbox.take(0.0) == b"ab"
    assert (outbox.size, outbox.take(0.0)) == (0, b"")


def test_data_is_held_until_its_release_and_urgent_frames_overtake_it() -> None:
    outbox = Outbox(100)
    outbox.put(b"late", release=5.0)
    outbox.put_urgent(b"now")

    assert outbox.next_release == 5.0
    assert outbox.take(4.9) == b"now"
    assert outbox.take(5.0) == b"late"
    assert outbox.next_release == math.inf


@given(st.lists(st.floats(0, 100)))
def test_jitter_never_changes_the_order_of_data(releases: list[float]) -> None:
    outbox = Outbox(10**6)
    for number, release in enumerate(releases):
        outbox.put(b"%d," % number, release)
    taken = b"".join(outbox.take(now) for now in range(102))

    assert taken == b"".join(b"%d," % n for n in range(len(releases)))


def test_one_take_is_bounded() -> None:
    outbox = Outbox(10**6)
    for _ in range(3):
        outbox.put(b"x" * CHUNK)

    assert len(outbox.take(0.0)) == CHUNK


def test_one_take_can_be_smaller_and_is_whole_frames() -> None:
    outbox = Outbox(10**6)
    for text in (b"abc", b"def", b"ghi"):
        outbox.put(text)

    assert [outbox.take(0.0, 4) for _ in range(2)] == [b"abcdef", b"ghi"]


def test_it_overflows_past_its_limit() -> None:
    outbox = Outbox(3)
    outbox.put(b"abc")
    assert not outbox.overflows
    outbox.put_urgent(b"d")
    assert outbox.overflows


def test_dropping_data_keeps_what_is_urgent() -> None:
    outbox = Outbox(100)
    outbox.put(b"data")
    outbox.put_urgent(b"bye")
    outbox.drop_data()

    assert outbox.size == 3
    assert outbox.take(0.0) == b"bye"
