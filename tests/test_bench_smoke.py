"""`make bench-smoke` counts the same twice and sees what grows: the framework is broken here on purpose, and found out.

Whether the framework itself keeps its shape is for `make bench-smoke` to say.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from benchmarks import smoke
from benchmarks.framework import growing
from benchmarks.framework.growing import CHECKS
from benchmarks.framework.growth import COPY, Check, Limit, Noted, grown, noted
from benchmarks.loops import LOOPS, installed
from benchmarks.operations import Cost, Operations
from benchmarks.rounds import CaseFailed, Figure, Options, Spread
from benchmarks.smoke import check_growth, counted, run_cases
from supervisor.agenda import Agenda
from supervisor.place import Place
from supervisor.ref import Ref
from supervisor.topics import Topics

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without collections of a heap as big as the tests'."""
    monkeypatch.setattr("benchmarks.operations.gc.collect", lambda: 0)


def check_of(run: Callable[..., Any], *sizes: int) -> Check:
    """The check that does this, at sizes that take no time."""
    (found,) = [check for check in CHECKS if check.run is run]
    return evolve(found, sizes=sizes)


# ---- counting


def add_up(turns: int) -> int:
    total = 0
    for number in range(turns):
        total += number
    return total


def count_of(function: Callable[[], object]) -> Cost:
    function()  # the first time, an object may be made that stays
    with Operations() as operations:
        function()
    return operations.cost(1)


def test_the_same_work_is_counted_the_same_twice() -> None:
    assert count_of(lambda: add_up(300)).instructions == count_of(lambda: add_up(300)).instructions > 300


def test_each_turn_of_a_loop_is_counted() -> None:
    none, ten, many = (count_of(partial(add_up, turns)).instructions for turns in (0, 10, 70_000))
    each, rest = divmod(ten - none, 10)
    assert rest == 0
    assert many - none == 70_000 * each


def test_frames_that_run_when_counting_begins_and_tasks_that_go_on_are_counted() -> None:
    def task(operations: Operations) -> Iterator[None]:
        yield
        operations.start()
        for _ in range(100):
            pass
        yield
        for _ in range(100):
            pass
        operations.stop()
        yield

    def count() -> int:
        operations = Operations()
        for _ in task(operations):
            pass
        return operations.instructions

    assert count() == count() > 400


def test_a_copy_that_c_makes_is_seen_by_the_memory_that_it_takes() -> None:
    things = list(range(5000))
    copied, looked_at = count_of(lambda: tuple(things)), count_of(lambda: len(things))
    assert copied.instructions < looked_at.instructions + 10
    assert copied.memory > 5000 * 8 > looked_at.memory + COPY


def test_a_search_that_c_makes_is_seen_where_messages_compare_in_python() -> None:
    few, many = noted(10), noted(1000)
    absent = Noted(0)
    assert count_of(lambda: absent in many).instructions > 50 * count_of(lambda: absent in few).instructions


def test_what_traced_before_traces_again_and_what_failed_is_traced_no_more() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError), Operations():
        _ = 1 / 0
    assert sys.gettrace() is before
    assert not tracemalloc.is_tracing()


def test_who_traces_memory_already_is_not_disturbed() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RuntimeError, match="tracemalloc is on already"):
            Operations().start()
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


# ---- what is too much


def test_growth_up_to_the_bound_is_allowed_and_beyond_it_told_with_counts_and_bound() -> None:
    costs = {1: Cost(10, 1000, 500), 100: Cost(10, 1100, 500), 5000: Cost(10, 1111, 500)}
    assert grown("tell", {size: costs[size] for size in (1, 100)}, Limit()) == []
    assert grown("tell", costs, Limit()) == [
        "tell: 100 instructions at 1 became 111 at 5,000, 1.11 times as many; at most 1.1 times is allowed"
    ]


def test_each_size_is_compared_with_every_smaller_one() -> None:
    """The smallest may bear alone what many share: what grows afterwards is growth all the same."""
    costs = {1: Cost(1, 400, 0), 100: Cost(100, 20_000, 0), 1000: Cost(1000, 300_000, 0)}
    (said,) = grown("publish", costs, Limit())
    assert said.startswith("publish: 200 instructions at 100 became 300 at 1,000")


def test_memory_that_grows_is_told_where_it_is_looked_at() -> None:
    costs = {10: Cost(1, 100, 500), 10_000: Cost(1, 100, 80_500)}
    (said,) = grown("timer", costs, Limit())
    assert said.startswith("timer: 500 bytes held at 10 became 80,500 at 10,000; at most 16,384 more is allowed")
    assert grown("timer", costs, Limit(memory=None)) == []


# ---- a broken framework


def publish_through_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Topics.publish

    def publish(topics: Topics, topic: Any, message: Any) -> int:
        for key in topics._subscribers:
            if key == topic.key:
                break
        return whole(topics, topic, message)

    monkeypatch.setattr(Topics, "publish", publish)


def offer_after_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Ref.tell

    def tell(ref: Ref[Any], message: Any) -> bool:
        place: Place = ref._place
        return message not in place.items and whole(ref, message)

    monkeypatch.setattr(Ref, "tell", tell)


def cancel_after_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Agenda.cancel

    def cancel(agenda: Agenda, timer: Any) -> bool:
        return len(list(timer._queue.timers)) > 0 and whole(agenda, timer)

    monkeypatch.setattr(Agenda, "cancel", cancel)


@pytest.mark.parametrize(
    ("break_it", "run", "sizes", "said"),
    [
        (publish_through_all, growing.beside_topics, (1, 30), "publish, other topics, on asyncio: "),
        (offer_after_a_search, growing.behind_backlog, (1, 60), "tell, backlog, on asyncio: "),
        (cancel_after_a_copy, growing.beside_timers, (10, 4000), "timer, one delay, on asyncio: "),
    ],
    ids=["publish", "tell", "cancel"],
)
def test_a_search_or_a_copy_is_found_out(
    break_it: Callable[[pytest.MonkeyPatch], None],
    run: Callable[..., Any],
    sizes: tuple[int, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = check_of(run, *sizes)
    assert check_growth([check], ["asyncio"], lambda _: None) == []
    break_it(monkeypatch)
    failures = check_growth([check], ["asyncio"], lambda _: None)
    assert failures
    assert all(failure.startswith(said) for failure in failures)


def test_every_check_counts_what_it_has_limits_for() -> None:
    for check in CHECKS:
        costs = counted(evolve(check, sizes=(5,)), "asyncio")
        assert {name: tuple(sizes) for name, sizes in costs.items()} == dict.fromkeys(check.limits, (5,))


# ---- the program

HERE = [loop for loop in LOOPS if installed(loop)]


def figures(*loops: str, done: str = "1 message") -> list[Figure]:
    return [Figure(case="one", loop=loop, done=done, unit="s", value=Spread(1, 1, 1)) for loop in loops]


def test_a_case_is_told_with_what_it_did_and_where() -> None:
    said: list[str] = []
    assert run_cases({"tell": lambda options: figures(*HERE), "import": lambda options: figures("")}, said.append) == []
    assert said == [f"tell: one: 1 message on {', '.join(HERE)}", "import: one: 1 message"]


@pytest.mark.parametrize(
    ("loops", "said"), [(["trio"], "1 message on trio; expected the same"), ([], "no figure")], ids=["some", "none"]
)
def test_a_case_that_skips_a_loop_fails(loops: list[str], said: str) -> None:
    (failure,) = run_cases({"tell": lambda options: figures(*loops)}, lambda _: None)
    assert said in failure


def test_a_failure_costs_the_exit_code_and_not_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(options: Options) -> list[Figure]:
        raise CaseFailed("it did nothing")

    monkeypatch.setattr(smoke, "log_to_stderr", lambda least: None)
    monkeypatch.setattr(smoke.gc, "collect", lambda: 0)
    monkeypatch.setattr(smoke.gc, "freeze", lambda: None)
    monkeypatch.setattr(smoke, "CHECKS", [])
    monkeypatch.setattr(smoke, "CASES", {"ask": broken, "tell": lambda options: figures(*HERE)})
    assert smoke.main() == 1
    told = capsys.readouterr()
    assert told.err == "FAILED ask: it did nothing\n"
    assert "tell: one: 1 message" in told.out
    monkeypatch.setattr(smoke, "CASES", {"tell": lambda options: figures(*HERE)})
    assert smoke.main() == 0
