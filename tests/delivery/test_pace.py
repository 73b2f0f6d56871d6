"""How long a channel is normally quiet, learned."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.delivery.pace import ENOUGH, LEAST_TIME, MEMORY, PROMPTLY, SLACK, Pace


def lively(pace: Pace, pause: float = 0.5, events: int = 200, begin: float = 0.0) -> float:
    """Let events come at this pause; when the last one came."""
    now = begin
    for number in range(events):
        now = begin + number * pause
        pace.arrived(now)
    return now


def test_as_long_as_nothing_is_known_the_configured_patience_holds() -> None:
    pace = Pace(60.0)
    assert (pace.learned, pace.limit) == (None, 60.0)
    lively(pace, 0.5, ENOUGH - 1)
    assert pace.limit == 60.0


def test_many_events_in_too_short_a_time_are_not_a_pace() -> None:
    pace = Pace(60.0)
    lively(pace, LEAST_TIME / 1000, 500)
    assert pace.learned is None


def test_the_longest_pause_is_learned() -> None:
    pace = Pace(60.0)
    at = lively(pace, 0.5)
    pace.arrived(at + 4.0)
    assert pace.learned == 4.0
    assert pace.limit == 4.0 * SLACK


def test_no_shorter_pause_than_the_least_is_taken_for_a_measure() -> None:
    pace = Pace(60.0, least=1.0)
    lively(pace, 0.5)
    assert pace.learned == 1.0


def test_a_long_pause_is_forgotten_after_one_to_two_memories() -> None:
    pace = Pace(60.0)
    at = lively(pace, 0.5)
    pace.arrived(at + 20.0)
    at = lively(pace, 0.5, int(MEMORY / 0.5), at + 20.5)
    assert pace.learned == 20.0, "still remembered"
    lively(pace, 0.5, int(2 * MEMORY / 0.5), at + 0.5)
    assert pace.learned == 1.0, "and forgotten"


def test_an_interruption_is_no_pause() -> None:
    pace = Pace(60.0)
    at = lively(pace, 0.5)
    pace.interrupted()
    pace.arrived(at + 600.0)
    pace.arrived(at + 600.5)
    assert pace.learned == 1.0


def test_a_pause_that_asking_ended_is_not_learned() -> None:
    pace = Pace(60.0)
    at = lively(pace, 0.5)
    pace.asked_anew(at + 30.0)
    pace.arrived(at + 30.0 + PROMPTLY / 2)
    assert pace.learned == 1.0


def test_a_pause_that_outlasts_asking_was_one_of_the_channel() -> None:
    pace = Pace(60.0)
    at = lively(pace, 0.5)
    pace.asked_anew(at + 30.0)
    pace.arrived(at + 30.0 + 2 * PROMPTLY)
    assert pace.learned == 30.0 + 2 * PROMPTLY


def test_what_is_not_to_learn_keeps_to_what_it_was_told() -> None:
    pace = Pace(60.0, learns=False)
    lively(pace, 0.5)
    assert pace.limit == 60.0


@given(st.lists(st.floats(0.001, 50.0), min_size=ENOUGH + 1, max_size=ENOUGH + 60))
def test_no_pause_that_has_been_seen_of_late_is_ever_called_silence(pauses: list[float]) -> None:
    pace, now = Pace(1_000.0), 0.0
    seen: list[tuple[float, float]] = []
    pace.arrived(now)
    for pause in pauses:
        now += pause
        pace.arrived(now)
        seen.append((now, pause))
    assert all(pause < pace.limit for at, pause in seen if now - at < MEMORY)
