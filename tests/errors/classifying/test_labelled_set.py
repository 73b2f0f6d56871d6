"""The labelled set: how many of its errors `classify` judges right, how varied it is, and that threads judge it alike."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from actors.errors import Action, Category, Classification, Classifier, classify
from tests.errors.accuracy import SHOWN
from tests.errors.classifying.ladder import LADDER
from tests.errors.labelled import BLOCKS, shapes
from tests.errors.labelled.shape import Shape


def confusion(one: Shape, found: Classification) -> str | None:
    if (found.category, found.action) == (one.category, one.action):
        if one.retry_after is None or one.retry_after == found.retry_after:
            return None
        return f"  {one.name[:90]}: to wait {one.retry_after} s, found {found.retry_after} [{found.rule}]"
    return f"  {one.name[:90]}: is {one.category}, {one.action}; judged {found.category}, {found.action} [{found.rule}]"


def test_more_than_95_of_100_labelled_errors_are_judged_right(record_property: Callable[[str, object], None]) -> None:
    labelled = list(shapes())
    wrong = [line for one in labelled if (line := confusion(one, classify(one.build()))) is not None]
    accuracy = 1 - len(wrong) / len(labelled)
    record_property(SHOWN, f"{len(labelled) - len(wrong)} of {len(labelled)} are judged right: {accuracy:.1%}")
    for line in wrong:
        record_property(SHOWN, line)
    assert accuracy > 0.95, "\n".join(wrong)


def test_the_labelled_set_is_large_varied_and_without_doubles() -> None:
    labelled = list(shapes())
    assert len(labelled) >= 300
    assert [name for name, count in Counter(one.name for one in labelled).items() if count > 1] == []
    assert {one.category for one in labelled} >= set(Category) - {Category.STRATEGY, Category.POSITION, Category.RECOVERY}
    assert {one.action for one in labelled} == set(Action)
    assert min(len(block.SHAPES) for block in BLOCKS) >= 30


# A label of "it may have been carried out" that is judged as something to be sent again is the worst mistake there is.
def test_no_unknown_outcome_is_taken_for_something_to_send_again() -> None:
    sent_again = [
        one.name
        for one in shapes()
        if one.category is Category.UNKNOWN_OUTCOME and classify(one.build()).retryable(idempotent=False)
    ]
    assert sent_again == []


@pytest.mark.real_time
def test_eight_threads_at_once_judge_as_one_does() -> None:
    judge = Classifier(LADDER)
    errors = [one.build() for one in shapes() if one.name != "nested group, cancelled"][::6]
    expected = [Classifier(LADDER).classify(one) for one in errors]
    found: list[list[Classification]] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        found.append([judge.classify(one) for _ in range(3) for one in errors])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 3] * 8
