from __future__ import annotations

from actors.analysis.announcing import KEPT, Announcements
from actors.analysis.patterns import Diagnosis, Pattern, Recommendation

NONE = Diagnosis(Pattern.NONE, Recommendation.NOTHING)
BAN = Diagnosis(Pattern.BAN, Recommendation.WAIT_OUT_BAN)


def one_of(subject: str) -> Diagnosis:
    return Diagnosis(Pattern.ONE_ENDPOINT, Recommendation.SWITCH_ENDPOINT, subject=subject)


def moves(*diagnoses: Diagnosis) -> list[bool]:
    announcements = Announcements()
    return [announcements.look(diagnosis, float(number)).moved for number, diagnosis in enumerate(diagnoses)]


def test_one_look_is_not_enough() -> None:
    assert moves(NONE, BAN, NONE, BAN, NONE) == [False] * 5


def test_the_second_that_agrees_is_announced_once() -> None:
    assert moves(BAN, BAN, BAN) == [False, True, False]


def test_the_return_to_nothing_is_announced_too() -> None:
    assert moves(BAN, BAN, NONE, NONE) == [False, True, False, True]


def test_another_subject_is_another_diagnosis() -> None:
    assert moves(one_of("a"), one_of("a"), one_of("b"), one_of("b")) == [False, True, False, True]


def test_other_words_are_not() -> None:
    later = Diagnosis(Pattern.BAN, Recommendation.WAIT_OUT_BAN, ("For 3 s more.",))
    assert moves(BAN, BAN, later, later) == [False, True, False, False]


def test_what_lasts_is_due_again_after_a_while() -> None:
    announcements = Announcements()
    due = [second for second in range(70) if announcements.look(BAN, float(second)).due]
    assert due == [1, 31, 61]


def test_the_history_is_bounded() -> None:
    announcements = Announcements()
    for number in range(4 * KEPT):
        announcements.look(BAN if number % 4 < 2 else NONE, float(number))
    assert len(announcements.history) == KEPT
