from __future__ import annotations

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.health.connection_record import ConnectionFigures, ConnectionRecord, Window


@frozen
class Counted:
    endpoint: str = "stream-1"
    connected_since: float | None = 0.0
    frames: int = 0
    bad_frames: int = 0
    gaps: int = 0
    losses: int = 0
    duplicates: int = 0
    latency: float | None = None


def after(record: ConnectionRecord, totals: Counted, now: float) -> ConnectionFigures:
    record.take(totals, now)
    figures = record.figures()
    assert figures is not None
    return figures


def lively(record: ConnectionRecord, *, begin: int = 0, end: int = 60, rate: int = 10) -> ConnectionFigures:
    """Reports every second, with so many frames in each."""
    for second in range(begin, end):
        record.take(Counted(frames=rate * second), float(second))
    return after(record, Counted(frames=rate * end), float(end))


def test_nothing_is_known_before_the_first_report() -> None:
    assert ConnectionRecord().figures() is None


def test_frames_are_counted_per_second() -> None:
    assert lively(ConnectionRecord()).frames_per_second == pytest.approx(10.0)


def test_a_rate_is_that_of_the_last_minute() -> None:
    record = ConnectionRecord()
    lively(record, end=200, rate=10)
    for second in range(200, 280):
        figures = after(record, Counted(frames=2000), float(second))
    assert figures.frames_per_second == 0.0


def test_a_lively_connection_is_flawless() -> None:
    assert lively(ConnectionRecord()).quality == 1.0


def test_the_first_report_of_one_that_is_not_connected_is_no_verdict() -> None:
    assert after(ConnectionRecord(), Counted(connected_since=None), 5.0).quality == 1.0


def test_uptime_is_the_share_of_the_time_that_it_was_connected() -> None:
    record = ConnectionRecord()
    for second in range(301):
        figures = after(record, Counted(connected_since=None if second <= 150 else 150.0), float(second))
    assert figures.measures.uptime == pytest.approx((150 + 30) / (300 + 30), abs=0.01)


def test_what_was_connected_before_the_first_report_is_not_counted() -> None:
    figures = after(ConnectionRecord(), Counted(connected_since=-1000.0), 0.0)
    assert (figures.measures.uptime, figures.connected_for) == (1.0, 1000.0)


def test_a_connection_that_came_between_two_reports_counts_from_when_it_came() -> None:
    record = ConnectionRecord()
    record.take(Counted(connected_since=None), 0.0)
    assert after(record, Counted(connected_since=60.0), 70.0).measures.uptime == pytest.approx((10 + 30) / (70 + 30))


def test_a_loss_in_the_first_second_is_no_storm() -> None:
    record = ConnectionRecord()
    record.take(Counted(), 0.0)
    assert after(record, Counted(losses=1), 1.0).measures.losses == pytest.approx(0.2)


def test_losses_are_forgotten_when_the_window_has_passed() -> None:
    record = ConnectionRecord()
    record.take(Counted(), 0.0)
    record.take(Counted(losses=3), 1.0)
    for second in range(2, 320):
        figures = after(record, Counted(losses=3), float(second))
    assert figures.measures.losses == 0.0


def test_what_the_last_minute_saw_of_losses_and_gaps_is_known_alone() -> None:
    record, lately = ConnectionRecord(), []
    for second in range(120):
        figures = after(record, Counted(losses=4 if second else 0, gaps=5 if second else 0), float(second))
        lately.append((figures.losses_lately, figures.gaps_lately))
    assert (lately[30], lately[70]) == ((4.0, 5.0), (0.0, 0.0))
    assert figures.measures.losses == pytest.approx(4 / 5)


def test_a_new_life_of_the_stream_counts_from_0() -> None:
    record = ConnectionRecord()
    record.take(Counted(frames=100, losses=7), 0.0)
    assert record.take(Counted(frames=4, losses=1), 1.0)
    figures = record.figures()
    assert figures is not None
    assert (figures.lives, figures.measures.losses) == (2, pytest.approx(8 / 5))


def test_the_same_life_is_none_of_its_own() -> None:
    record = ConnectionRecord()
    assert [record.take(Counted(frames=frames), float(frames)) for frames in (1, 2, 2)] == [True, False, False]


def test_bad_frames_are_a_share_of_frames() -> None:
    record = ConnectionRecord()
    record.take(Counted(), 0.0)
    assert after(record, Counted(frames=200, bad_frames=4), 1.0).measures.bad_share == pytest.approx(0.02)


def late(*latencies: float | None, every: float = 10.0) -> ConnectionFigures:
    record = ConnectionRecord()
    for number, latency in enumerate(latencies):
        figures = after(record, Counted(latency=latency), number * every)
    return figures


def test_latency_is_judged_by_what_is_usual_for_this_connection() -> None:
    assert late(*[0.3] * 10).measures.lateness == 0.0
    assert late(*[0.3] * 10, 1.3).measures.lateness == pytest.approx(1.0)


@pytest.mark.parametrize("offset", [-5.0, 0.0, 120.0])
def test_the_offset_of_the_clocks_does_not_matter(offset: float) -> None:
    assert late(*[0.1 + offset] * 10, 0.4 + offset).measures.lateness == pytest.approx(0.3)


@pytest.mark.parametrize("begin", [-1e9, 1e9, float("nan"), float("inf")])
def test_a_recording_that_is_played_has_no_latency(begin: float) -> None:
    figures = late(*[begin + 10.0 * number for number in range(20)])
    assert (figures.usual_latency, figures.measures.lateness) == (None, 0.0)


def test_there_is_no_usual_latency_at_first() -> None:
    assert late(0.1, 0.1, 0.1, 5.0).usual_latency is None


def test_a_latency_that_is_not_known_is_not_late() -> None:
    assert late(*[0.1] * 10, None).measures.lateness == 0.0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 50)), min_size=1, max_size=200))
def test_a_window_is_bounded_and_grows_by_no_more_than_there_was(steps: list[tuple[float, int]]) -> None:
    window, now, total = Window(60.0, samples=10), 0.0, 0.0
    for pause, more in steps:
        now, total = now + pause, total + more
        window.add(now, (total,))
        assert len(window) <= 13
        assert 0 <= window.growth()[0] <= total


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0.1, 30.0), st.integers(0, 100), st.integers(0, 3), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=80,
    )
)
def test_figures_are_never_negative_and_a_quality_is_one(steps: list[tuple[float, int, int, int, bool]]) -> None:
    record, now, totals = ConnectionRecord(), 0.0, Counted()
    for pause, frames, gaps, losses, connected in steps:
        now += pause
        # Totals may fall: a new life.
        totals = evolve(totals, frames=frames, gaps=gaps, losses=losses, connected_since=now - 0.05 if connected else None)
        figures = after(record, totals, now)
        measures = figures.measures
        assert min(measures.losses, measures.gaps, measures.bad_share, figures.frames_per_second) >= 0
        assert 0 <= measures.uptime <= 1
        assert 0 <= figures.quality <= 1
