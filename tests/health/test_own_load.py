from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.health.own_load import Backlog, LoadGauge, LoopLag, load_of
from supervisor import ChildSnapshot, TreeSnapshot


def tree(*mailboxes: int | None, dropped: int = 0) -> TreeSnapshot:
    def child(name: str, mailbox: int | None, *children: ChildSnapshot) -> ChildSnapshot:
        return ChildSnapshot(
            id=name, path=name, kind="actor", phase="running", incarnation=1, restart="permanent", uptime=1.0, failures=0,
            restarts_in_window=0, restarts_allowed=5, backoff_left=None, last_exit=None, mailbox=mailbox,
            dropped=dropped if mailbox is not None else 0, children=children,
        )  # fmt: skip

    return TreeSnapshot(
        tree_id="t", at=0.0, root=child("root", None, *(child(f"c{n}", one) for n, one in enumerate(mailboxes)))
    )


def test_a_sleep_that_took_longer_is_a_lag() -> None:
    lag = LoopLag()
    assert lag.slept(10.0, 11.5, 0.25) == pytest.approx(1.25)


def test_a_sleep_that_was_shorter_is_none() -> None:
    assert LoopLag().slept(10.0, 10.2, 0.25) == 0.0


def test_the_worst_of_late_counts_and_is_forgotten() -> None:
    lag = LoopLag(within=5.0)
    lag.slept(0.0, 2.0, 0.0)
    lag.slept(2.0, 2.5, 0.0)
    assert [lag.worst(at) for at in (3.0, 7.0, 7.4, 7.6)] == [2.0, 2.0, 0.5, 0.0]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=60))
def test_it_is_the_maximum_of_the_window(sleeps: list[tuple[float, float]]) -> None:
    lag, now, known = LoopLag(within=5.0), 0.0, []
    for wanted, late in sleeps:
        before, now = now, now + wanted + late
        known.append((now, lag.slept(before, now, wanted)))
        assert lag.worst(now) == max(value for at, value in known if now - at <= 5.0)


def test_the_fullest_mailbox_is_the_backlog() -> None:
    assert Backlog(full=100).look(tree(5, None, 40)) == 0.4


def test_a_tree_without_mailboxes_has_none() -> None:
    assert Backlog().look(tree()) == 0.0


def test_a_mailbox_that_lost_messages_is_full_once() -> None:
    backlog = Backlog()
    assert [backlog.look(tree(0, dropped=dropped)) for dropped in (0, 3, 3)] == [0.0, 1.0, 0.0]


def test_load_is_the_larger_of_lag_and_backlog() -> None:
    assert (load_of(2.0, 0.0), load_of(0.0, 0.4)) == (2.0, pytest.approx(0.5))


def told(*shares: float, gauge: LoadGauge | None = None) -> list[float | None]:
    gauge = gauge or LoadGauge()
    return [gauge.look(share, float(number)) for number, share in enumerate(shares)]


def test_one_look_is_not_enough() -> None:
    assert told(3.0, 0.0, 3.0, 0.0) == [None] * 4


def test_the_second_in_a_row_is() -> None:
    assert told(3.0, 2.0) == [None, 3.0]


def test_what_is_short_is_said_again() -> None:
    assert told(*[2.0] * 8) == [None, 2.0, None, None, None, None, 2.0, None]


def test_it_is_bearable_after_some_good_looks_in_a_row() -> None:
    assert told(2.0, 2.0, 0.4, 0.4, 0.4, 0.4, 0.3)[-1] == 0.3


def test_what_is_between_the_thresholds_is_still_short() -> None:
    assert told(2.0, 2.0, *[0.7] * 20)[6] == 1.0


@settings(max_examples=60)
@given(st.lists(st.floats(0, 3), max_size=80))
def test_what_is_told_alternates_between_short_and_bearable(shares: list[float]) -> None:
    gauge, short = LoadGauge(), False
    for number, share in enumerate(shares):
        said = gauge.look(share, float(number))
        if said is not None:
            assert said >= 1.0 or (short and said < 0.5)
            short = said >= 1.0
        assert gauge.short is short
