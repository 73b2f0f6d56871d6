"""`background()`: entering and leaving its block."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable

import pytest

from supervisor import (
    AutoShutdown,
    NoSuchActor,
    Restart,
    RestartIntensityExceeded,
    SpecError,
    StartError,
    TaskSpec,
    TreeStopped,
    background,
)
from supervisor.testing.virtual_time import virtual_backend
from tests.semantics.actors import NAME, STRICT, BoomError, Get, Journal, Quit, Sleep, actor, tree
from tests.threads.support import InThread, fail, opened, until

pytestmark = pytest.mark.real_time


def test_the_block_begins_when_all_children_are_started_and_leaving_stops_them_in_order(backend: str) -> None:
    journal = Journal(slow_start={"b": 0.02}, slow_stop={"a": 0.02})
    with opened(backend, journal, actor(journal, "a"), actor(journal, "b")) as root:
        assert journal.take() == ["+a", "+b"]
        assert root.path == "root"
        assert repr(root) == "<BlockingSupervisor root>"
    assert journal.lines == ["-b", "-a"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "tree root"] == []


def test_a_child_that_does_not_start_is_raised_bare_and_those_before_it_are_stopped(backend: str) -> None:
    journal = Journal(fail_start={"b": BoomError("no")})
    with pytest.raises(StartError) as caught, opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
        pytest.fail("the block has begun")
    assert isinstance(caught.value.__cause__, BoomError)
    assert journal.lines == ["+a", "-a"]


@pytest.mark.parametrize("error", [BoomError, KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit])
def test_an_error_of_the_block_stops_the_tree_in_order_and_comes_out_as_it_is(backend: str, error: type[BaseException]) -> None:
    journal, thrown = Journal(), error()
    caught: BaseException | None = None
    try:
        with opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
            raise thrown
    except BaseException as found:
        caught = found
    assert caught is thrown
    assert journal.lines == ["+a", "+b", "-b", "-a"]


def test_a_failure_of_the_tree_is_raised_bare_when_the_block_is_left(backend: str) -> None:
    journal, reached = Journal(), False
    with (
        pytest.raises(RestartIntensityExceeded) as caught,
        opened(backend, journal, actor(journal, "a"), intensity=STRICT) as root,
    ):
        fail(root, journal)
        reached = True
    assert isinstance(caught.value.__cause__, BoomError)
    assert reached


def test_an_error_of_the_block_wins_and_says_what_the_tree_failed_with(backend: str) -> None:
    journal = Journal()
    with (
        pytest.raises(ValueError, match="mine") as caught,
        opened(backend, journal, actor(journal, "a"), intensity=STRICT) as root,
    ):
        fail(root, journal)
        raise ValueError("mine")
    assert "another error came with it: RestartIntensityExceeded" in caught.value.__notes__[0]


def test_a_block_that_hears_of_the_failure_from_a_call_raises_the_failure_itself(backend: str) -> None:
    journal = Journal()
    with (
        pytest.raises(RestartIntensityExceeded),
        opened(backend, journal, actor(journal, "a", name=NAME), intensity=STRICT) as root,
    ):
        account = root.ref(NAME)
        fail(root, journal)
        account.ask(Get())
        pytest.fail("somebody answered")


def test_every_call_after_a_failure_says_what_the_tree_failed_with(backend: str) -> None:
    journal = Journal()
    with (
        pytest.raises(RestartIntensityExceeded) as failure,
        opened(backend, journal, actor(journal, "a", name=NAME), intensity=STRICT) as root,
    ):
        account = root.ref(NAME)
        fail(root, journal)
        calls: list[Callable[[], object]] = [
            lambda: account.ask(Get()),
            lambda: account.send(Get()),
            account.stop,
            account.drain,
            lambda: root.ref(NAME),
            lambda: root.start_child(actor(journal, "b")),
            lambda: root.terminate_child("a"),
            root.wait,
            root.stop,
        ]
        found = []
        for call in calls:
            with pytest.raises(NoSuchActor) as caught:
                call()
            found.append(caught.value.__cause__)
        assert not account.tell(Get())
        assert not account.alive
    assert found == [failure.value] * len(calls)


def test_a_fatal_error_of_a_child_comes_out_even_if_the_block_fails(backend: str) -> None:
    async def leave() -> None:
        raise SystemExit(7)

    journal = Journal()
    with pytest.raises(SystemExit) as caught, opened(backend, journal, actor(journal, "a")) as root:
        with contextlib.suppress(StartError, NoSuchActor):
            root.start_child(TaskSpec("t", leave))
        until(lambda: bool(journal.of(TreeStopped)))
        raise ValueError("mine")
    assert caught.value.code == 7
    assert "another error came with it: ValueError" in caught.value.__notes__[0]
    assert journal.lines == ["+a", "-a"]


def test_a_tree_that_ends_by_itself_leaves_the_block_running(backend: str) -> None:
    journal = Journal()
    child = actor(journal, "a", restart=Restart.TRANSIENT, significant=True)
    with opened(backend, journal, child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT) as root:
        root.child("a").tell(Quit())
        until(lambda: bool(journal.of(TreeStopped)))
        assert root.which_children() == []
        with pytest.raises(NoSuchActor):
            root.wait()
    assert journal.lines == ["+a", "-a"]


def test_the_deadline_bounds_the_stop(backend: str) -> None:
    journal = Journal(slow_stop={"a": 3600.0})
    with opened(backend, journal, actor(journal, "a", shutdown=3600.0), deadline=0.02):
        pass
    assert journal.lines == ["+a"]


def test_the_options_of_the_loop_are_passed_on(backend: str) -> None:
    name, options = virtual_backend(backend)
    journal = Journal()
    with opened(name, journal, actor(journal, "a"), backend_options=options) as root:
        assert root.child("a").ask(Sleep(1_000_000.0), timeout=None) == "slept"


@pytest.mark.parametrize(
    ("field", "value"),
    [("backend", "curio"), ("backend_options", 3), ("deadline", "9"), ("sinks", print), ("diagnostics", True)],
)
def test_a_wrong_argument_is_refused_before_anything_runs(field: str, value: object) -> None:
    with pytest.raises(SpecError) as caught, background(tree(), **{field: value}):
        pytest.fail("the block has begun")
    assert caught.value.field == field


@pytest.mark.parametrize(("backend", "option"), [("trio", "nonsense"), ("asyncio", "loop_factory")])
def test_a_loop_that_cannot_be_had_is_said_at_once(backend: str, option: str) -> None:
    with pytest.raises(TypeError), background(tree(), backend=backend, backend_options={option: 1}):
        pytest.fail("the block has begun")


def test_trees_side_by_side_inside_one_another_and_from_any_thread(backend: str) -> None:
    journal = Journal()

    def another() -> int:
        with opened(backend, journal, actor(journal, "b"), id="second") as second:
            return second.child("b").ask(Get())

    with opened(backend, journal, actor(journal, "a")) as root:
        assert another() == 0
        assert InThread(another).result() == 0
        assert root.child("a").ask(Get()) == 0
    assert journal.lines == ["+a", "+b", "-b", "+b", "-b", "-a"]


def test_a_block_that_nobody_left_stops_its_tree_when_it_is_collected(backend: str) -> None:
    journal = Journal()
    block = opened(backend, journal, actor(journal, "a"))
    block.__enter__()
    del block
    gc.collect()
    until(lambda: journal.lines == ["+a", "-a"])
