from __future__ import annotations

import sys
import threading

import pytest

from actors.resilience.tally import Tally


def test_a_new_tally_is_zero() -> None:
    assert Tally().value() == 0


def test_a_tally_counts_what_is_added() -> None:
    tally = Tally()
    for _ in range(3):
        tally.add()
    assert tally.value() == 3


def test_looking_adds_nothing() -> None:
    tally = Tally()
    tally.add()
    assert [tally.value() for _ in range(3)] == [1, 1, 1]


def test_two_tallies_do_not_mix() -> None:
    one, other = Tally(), Tally()
    one.add()
    assert other.value() == 0


@pytest.mark.real_time
def test_eight_threads_that_count_and_look_lose_none() -> None:
    tally, before = Tally(), sys.getswitchinterval()
    together = threading.Barrier(8)

    def count() -> None:
        together.wait(10.0)
        for number in range(2_000):
            tally.add()
            if number % 50 == 0:
                tally.value()

    threads = [threading.Thread(target=count) for _ in range(8)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert tally.value() == 16_000
