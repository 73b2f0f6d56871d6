"""A tree on a thread of its own: what other threads may count on. Every test is bounded by an alarm."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import inspect
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import anyio
import pytest

from supervisor import (
    ActorCrashed,
    AskedSelf,
    AskTimeout,
    AutoShutdown,
    BlockingRef,
    BlockingSupervisor,
    ChildAlreadyStarted,
    ChildCount,
    ChildNotFound,
    ChildRunning,
    ChildStarted,
    Mailbox,
    NoSuchActor,
    Ref,
    Restart,
    RestartIntensityExceeded,
    Shutdown,
    Skipped,
    SpecError,
    StartError,
    TaskSpec,
    Topic,
    TreeStopped,
    background,
)
from supervisor.testing.virtual_time import virtual_backend
from supervisor.threads.bridge import Bridge
from supervisor.threads.host import Host
from tests.semantics.actors import NAME, STRICT, Boom, BoomError, Do, Get, Journal, Note, Quit, Sleep, actor, many, tree

pytestmark = pytest.mark.real_time

TICKS: Topic[int] = Topic("ticks")
SOON = 10.0
"""Seconds within which whatever must happen has happened, however busy the machine."""


@pytest.fixture(params=["trio", "asyncio"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """What hangs, fails; and again, so that what then hangs on leaving is killed."""

    def stop(*_: object) -> None:
        raise TimeoutError("this test hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 60.0, 10.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def opened(backend: str, journal: Journal, *children: Any, **kwargs: Any) -> AbstractContextManager[BlockingSupervisor]:
    options = {key: kwargs.pop(key) for key in ("deadline", "backend_options") if key in kwargs}
    return background(tree(*children, **kwargs), backend=backend, sinks=[journal.events.append], **options)


class InThread:
    """A function at work in another thread, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(SOON)
        assert self.done, "the thread still waits"
        if self._error is not None:
            raise self._error
        return self._value

    def error(self) -> BaseException:
        self._thread.join(SOON)
        assert self.done, "the thread still waits"
        assert self._error is not None
        return self._error


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)  # the other thread needs the interpreter; whether it is done is asked, not guessed


def fail(root: BlockingSupervisor, journal: Journal) -> None:
    """Have a tree without a budget fail, and wait until it has."""
    root.child("a").tell(Boom())
    until(lambda: bool(journal.of(TreeStopped)))


def tell(ref: BlockingRef[Any], action: Callable[[Any], Any]) -> None:
    assert ref.tell(Do(action))


# ---- entering and leaving


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


# ---- talking


def test_an_ask_is_answered_and_what_it_raises_is_raised_here(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", shutdown=0.02, name=NAME)) as root:
        account = root.ref(NAME)
        assert account.ask(Get()) == 0
        with pytest.raises(ActorCrashed) as crashed:
            account.ask(Boom())
        with pytest.raises(AskTimeout) as late:
            account.ask(Sleep(3600.0), timeout=0.01)
        with pytest.raises(TypeError, match="does not accept float"):
            account.tell(1.5)
    assert isinstance(crashed.value.__cause__, BoomError)
    assert late.value.started


def test_tell_says_whether_the_message_was_accepted(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", shutdown=0.02, mailbox=Mailbox(1))) as root:
        child = root.child("a")
        tell(child, lambda _: anyio.sleep(3600.0))
        until(lambda: root.snapshot().root.children[0].mailbox == 0)
        assert child.tell("fits")
        assert not child.tell("does not")
        root.terminate_child("a")
        assert not child.tell("nobody")


def test_no_answer_is_lost_or_given_twice_when_eight_threads_ask(backend: str) -> None:
    journal, each = Journal(), 250
    with opened(backend, journal, actor(journal, "a")) as root:
        child = root.child("a")
        threads = [InThread(lambda: [child.ask(Get(), timeout=None) for _ in range(each)]) for _ in range(8)]
        answers = [thread.result() for thread in threads]
    assert sorted(number for one in answers for number in one) == list(range(8 * each))
    assert all(one == sorted(one) for one in answers)


def test_no_message_is_lost_when_eight_threads_tell(backend: str) -> None:
    journal, each = Journal(), 250
    with opened(backend, journal, actor(journal, "a")) as root:
        child = root.child("a")
        threads = [InThread(lambda: [child.tell(number) for number in range(each)]) for _ in range(8)]
        assert all(all(thread.result()) for thread in threads)
        assert child.ask(Get()) == 8 * each


def test_a_slow_handler_holds_up_nobody_but_who_asked(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", shutdown=0.02), actor(journal, "b")) as root:
        slow, quick = root.child("a"), root.child("b")
        waiting = InThread(lambda: slow.ask(Do(lambda _: anyio.sleep(3600.0)), timeout=None))
        assert [quick.ask(Get()) for _ in range(3)] == [0, 1, 2]
        assert root.count_children() == ChildCount(2, 2, 0, 2)
        assert not waiting.done
    assert isinstance(waiting.error(), ActorCrashed | NoSuchActor)


def test_a_thread_that_waits_is_released_when_the_tree_fails(backend: str) -> None:
    journal = Journal()
    with (
        pytest.raises(RestartIntensityExceeded) as failure,
        opened(backend, journal, actor(journal, "a", shutdown=0.02), actor(journal, "b"), intensity=STRICT) as root,
    ):
        slow = root.child("a")
        tell(slow, lambda _: anyio.sleep(3600.0))
        queued = InThread(lambda: slow.ask(Get(), timeout=None))
        until(lambda: root.snapshot().root.children[0].mailbox == 1)
        root.child("b").tell(Boom())
        error = queued.error()
    assert isinstance(error, NoSuchActor)
    assert error.__cause__ is failure.value


def test_threads_that_wait_are_released_when_the_block_is_left(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", shutdown=0.02, mailbox=Mailbox(1))) as root:
        child, events, ticks = root.child("a"), root.events(), root.subscription(TICKS)
        tell(child, lambda _: anyio.sleep(3600.0))
        until(lambda: root.snapshot().root.children[0].mailbox == 0)
        child.tell("fills it")
        waiting = [
            InThread(lambda: child.send("has no room")),
            InThread(lambda: list(events)),
            InThread(lambda: list(ticks)),
            InThread(root.wait),
        ]
        time.sleep(0.02)
        assert not any(thread.done for thread in waiting)
    assert isinstance(waiting[0].error(), NoSuchActor)
    assert isinstance(waiting[1].result()[-1], TreeStopped)
    assert waiting[2].result() == []
    assert waiting[3].result() == Shutdown()


def test_send_waits_for_room(backend: str) -> None:
    journal, door = Journal(), threading.Event()

    async def wait_for_door(_: object) -> None:
        while not door.is_set():
            await anyio.sleep(0.001)

    with opened(backend, journal, actor(journal, "a", mailbox=Mailbox(1))) as root:
        child = root.child("a")
        tell(child, wait_for_door)
        until(lambda: root.snapshot().root.children[0].mailbox == 0)
        child.send("first")
        sending = InThread(lambda: child.send("second"))
        time.sleep(0.02)
        assert not sending.done
        door.set()
        sending.result()
        child.ask(Get())
    assert journal.lines[1:3] == ["a: first", "a: second"]


def test_stop_and_drain_wait_for_the_end_of_a_life(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", restart=Restart.TEMPORARY), actor(journal, "b")) as root:
        child = root.child("a")
        for text in "xyz":
            child.tell(text)
        assert child.drain() == Shutdown()
        assert root.child("b").stop(Shutdown("update")) == Shutdown("update")
        with pytest.raises(NoSuchActor):
            child.stop()
        assert root.stop() == Shutdown()
    assert journal.lines[2:6] == ["a: x", "a: y", "a: z", "-a"]


def test_a_blocking_call_in_a_handler_says_what_to_use_instead(backend: str) -> None:
    journal, found = Journal(), []

    def call(_: object) -> None:
        for blocking_call in (lambda: child.ask(Get()), lambda: child.tell("self"), root.snapshot, root.events):
            try:
                blocking_call()
            except RuntimeError as error:
                found.append(str(error))
        assert child.alive
        assert child.path == "root/a"

    with opened(backend, journal, actor(journal, "a")) as root:
        child = root.child("a")
        child.ask(Do(call))
    assert len(found) == 4
    assert all("root" in text and "self.lookup(NAME)" in text for text in found)


def test_a_thread_of_a_handler_that_asks_its_own_actor_is_told_so(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        child = root.child("a")
        with pytest.raises(ActorCrashed) as caught:
            child.ask(Do(lambda _: anyio.to_thread.run_sync(lambda: child.ask(Get(), timeout=None))))
    assert isinstance(caught.value.__cause__, AskedSelf)


def test_the_ref_inside_can_travel_in_a_message(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a"), actor(journal, "b")) as root:
        target = root.child("b")
        assert isinstance(target.ref, Ref)
        tell(root.child("a"), lambda _: target.ref.tell("hello"))
        until(lambda: "b: hello" in journal.lines)


def test_refs_of_one_place_are_equal(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a", name=NAME), actor(journal, "b")) as root:
        assert len({root.ref(NAME), root.child("a"), root.child("b")}) == 2
        assert root.child("a") != root.child("a").ref
        assert repr(root.child("a")) == "<BlockingRef root/a>"


# ---- the supervisor


def test_children_are_added_listed_restarted_and_taken_away(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        added = root.start_child(actor(journal, "b"))
        assert isinstance(added, BlockingRef)
        assert root.get_childspec("b").id == "b"
        assert [(info.id, info.kind, info.phase.value, info.incarnation, info.ref) for info in root.which_children()] == [
            ("a", "actor", "running", 1, root.child("a")),
            ("b", "actor", "running", 1, added),
        ]
        with pytest.raises(ChildRunning):
            root.delete_child(added)
        root.terminate_child(added)
        assert root.restart_child("b") == added
        root.terminate_child("b")
        root.delete_child(added)
        with pytest.raises(ChildNotFound):
            root.child("b")
    assert journal.lines == ["+a", "+b", "-b", "+b", "-b", "-a"]


def test_an_id_that_is_taken_names_who_has_it(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        with pytest.raises(ChildAlreadyStarted) as caught:
            root.start_child(actor(journal, "a"))
        assert caught.value.ref.ask(Get()) == 0


def test_a_nested_supervisor_has_a_handle_of_its_own(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, many("pool"), actor(journal, "a")) as root:
        pool = root.supervisor("pool")
        assert isinstance(pool, BlockingSupervisor)
        assert pool.path == "root/pool"
        for id in "xy":
            pool.start_child(actor(journal, id))
        assert pool.count_children() == ChildCount(2, 2, 0, 2)
        with pytest.raises(ChildNotFound):
            root.supervisor("a")
        pool.stop()
        until(lambda: pool.which_children() == [] and root.child("pool").alive)
    assert journal.lines[:3] == ["+a", "+x", "+y"]
    assert sorted(journal.lines[3:5]) == ["-x", "-y"]


def test_a_child_started_from_a_thread_inherits_nothing_of_it(backend: str) -> None:
    journal, seen = Journal(), []
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("of the caller")
    with opened(backend, journal) as root:
        root.start_child(actor(journal, "a")).ask(Do(lambda _: seen.append(variable.get())))
    assert seen == ["nothing"]


# ---- streams


def test_events_come_to_a_thread_and_end_with_the_tree(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal) as root:
        events = root.events()
        reading = InThread(lambda: list(events))
        root.start_child(actor(journal, "a"))
    kinds = [type(event) for event in reading.result()]
    assert kinds[0] is ChildStarted
    assert kinds[-1] is TreeStopped
    assert next(events, None) is None


def test_what_is_published_comes_to_a_thread_and_it_is_told_what_it_missed(backend: str) -> None:
    with opened(backend, Journal()) as root, root.subscription(TICKS, capacity=2) as ticks:
        assert [root.publish(TICKS, number) for number in range(5)] == [1] * 5
        assert len(ticks) == 2
        assert [next(ticks) for _ in range(3)] == [Skipped(3), 3, 4]
        with pytest.raises(SpecError):
            root.subscription(TICKS, capacity=0)


def test_closing_a_reader_releases_the_thread_that_waits_for_it(backend: str) -> None:
    with opened(backend, Journal()) as root:
        with root.subscription(TICKS) as ticks:
            root.publish(TICKS, 1)
            reading = InThread(lambda: list(ticks))
            until(lambda: len(ticks) == 0)
        assert reading.result() == [1]
        assert root.publish(TICKS, 2) == 0


def test_two_threads_cannot_read_one_reader(backend: str) -> None:
    with opened(backend, Journal()) as root:
        ticks = root.subscription(TICKS)
        readers = [InThread(lambda: next(ticks)) for _ in range(2)]
        until(lambda: any(reader.done for reader in readers))
        root.publish(TICKS, 1)
        done = [reader.error() if reader._error else reader.result() for reader in readers]
    got, refused = sorted(done, key=str)
    assert got == 1
    assert "open one reader for each" in str(refused)


def test_a_reader_that_is_dropped_is_closed_in_its_loop(backend: str) -> None:
    threads: list[int | None] = []
    with opened(backend, Journal()) as root:
        ticks = root.subscription(TICKS)
        before = ticks._reader._buffer.on_close
        ticks._reader._buffer.on_close = lambda: (threads.append(threading.current_thread().name), before())
        gone = weakref.ref(ticks)
        del ticks
        gc.collect()
        assert gone() is None
        assert root.publish(TICKS, 1) == 0
    assert threads == ["tree root"]


# ---- after the end


def test_no_call_hangs_when_the_block_was_left(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        child, events, ticks = root.child("a"), root.events(), root.subscription(TICKS)
    calls: list[Callable[[], object]] = [
        lambda: child.ask(Get(), timeout=None),
        lambda: child.send("x"),
        child.stop,
        child.drain,
        lambda: root.ref(NAME),
        lambda: root.child("a"),
        lambda: root.supervisor("a"),
        lambda: root.get_childspec("a"),
        lambda: root.start_child(actor(journal, "b")),
        lambda: root.terminate_child("a"),
        lambda: root.restart_child("a"),
        lambda: root.delete_child("a"),
        root.stop,
        root.wait,
        root.which_children,
        root.count_children,
        root.snapshot,
        root.events,
        lambda: root.subscription(TICKS),
        lambda: root.publish(TICKS, 1),
    ]
    for call in calls:
        with pytest.raises(NoSuchActor) as caught:
            call()
        assert "the block of background() was left" in caught.value.__notes__[0]
    assert not child.tell("x")
    assert not child.alive
    assert child.path == "root/a"
    assert list(ticks) == []
    assert isinstance(list(events)[-1], TreeStopped)
    assert list(events) == []
    ticks.close()


def hammer(root: BlockingSupervisor, started: threading.Event) -> str:
    try:
        while True:
            root.count_children()
            started.set()
    except NoSuchActor:
        return "told"


def test_a_bridge_answers_each_call_whether_it_came_before_or_after_the_end(backend: str) -> None:
    """Hammered around the very moment of the end: nobody may be forgotten in between."""
    for _ in range(20):
        with opened(backend, Journal()) as root:
            started = threading.Event()
            threads = [InThread(lambda root=root, started=started: hammer(root, started)) for _ in range(4)]
            started.wait()
        assert [thread.result() for thread in threads] == ["told"] * 4


def test_a_call_that_was_queued_when_the_bridge_closed_is_refused() -> None:
    bridge = Bridge(lambda: None)
    waiting = InThread(lambda: bridge.call("root", lambda: 1))
    until(lambda: len(bridge._queue) == 1)
    bridge.close()
    assert isinstance(waiting.error(), NoSuchActor)


def test_a_bridge_whose_loop_is_gone_refuses() -> None:
    bridge = Bridge(lambda: None)

    bridge._wake_soon = lambda _: False
    with pytest.raises(NoSuchActor):
        bridge.call("root", lambda: 1)


def test_a_closed_bridge_refuses_though_its_loop_still_runs() -> None:
    bridge = Bridge(lambda: None)
    bridge._wake_soon = lambda _: True
    bridge.close()
    assert isinstance(InThread(lambda: bridge.call("root", lambda: 1)).error(), NoSuchActor)


def test_what_is_under_way_when_a_bridge_ends_is_refused(backend: str) -> None:
    bridge = Bridge(lambda: None)
    waiting = InThread(lambda: bridge.wait_for("root", anyio.sleep_forever))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(bridge.serve)
            await anyio.sleep(0.02)
            assert not waiting.done
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    assert isinstance(waiting.error(), NoSuchActor)


# ---- Ctrl-C


def interrupt_soon(condition: Callable[[], bool]) -> InThread:
    """Ctrl-C in the main thread, once that holds."""

    def interrupt() -> None:
        until(condition)
        time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return InThread(interrupt)


def test_an_interrupted_ask_is_abandoned_and_the_tree_stops_in_order(backend: str) -> None:
    journal, door = Journal(), threading.Event()

    async def wait_for_door(_: object) -> None:
        while not door.is_set():
            await anyio.sleep(0.001)

    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")) as root:
        child = root.child("a")
        tell(child, wait_for_door)
        asking = interrupt_soon(lambda: root.snapshot().root.children[0].mailbox == 1)
        try:
            child.ask(Note("was handled"), timeout=None)
        finally:
            asking.result()
            for _ in range(3):
                root.count_children()  # comes after the news that nobody waits
            door.set()
            assert InThread(lambda: child.ask(Get())).result() == 1
    assert journal.lines == ["+a", "+b", "-b", "-a"]


def test_a_start_that_is_interrupted_is_undone(backend: str) -> None:
    journal = Journal(slow_start={"b": 3600.0})
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a")) as root:
        starting = interrupt_soon(lambda: "b" in journal.starts)
        try:
            root.start_child(actor(journal, "b"))
        finally:
            starting.result()
            until(lambda: len(root.which_children()) == 1)
    assert journal.lines == ["+a", "-a"]


def test_ctrl_c_while_the_tree_starts_stops_what_is_started(backend: str) -> None:
    journal = Journal(slow_start={"b": 3600.0})
    interrupt_soon(lambda: "b" in journal.starts)
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
        pytest.fail("the block has begun")
    assert journal.lines == ["+a", "-a"]


def test_ctrl_c_while_the_tree_stops_lets_it_stop_in_order(backend: str) -> None:
    journal = Journal(slow_stop={"b": 0.2})
    with pytest.raises(KeyboardInterrupt), opened(backend, journal, actor(journal, "a"), actor(journal, "b")):
        interrupt_soon(lambda: "b" in journal.reasons)
    assert journal.lines == ["+a", "+b", "-b", "-a"]


def test_a_second_ctrl_c_kills_what_is_left(backend: str) -> None:
    journal = Journal(slow_stop={"a": 3600.0})
    with (
        pytest.raises(KeyboardInterrupt),
        opened(backend, journal, actor(journal, "a", shutdown=3600.0), actor(journal, "b"), deadline=None),
    ):
        interrupt_soon(lambda: "a" in journal.reasons)
        raise KeyboardInterrupt
    assert journal.lines == ["+a", "+b", "-b"]


def interrupted_at(backend: str, line: int | None) -> tuple[list[str], set[int]]:
    """Enter and leave a block, with Ctrl-C at a line of `background` or of what it calls in this thread."""
    journal, lines = Journal(), set[int]()
    codes = {
        inspect.unwrap(background).__code__,
        Host.enter.__code__,
        Host.leave.__code__,
    }

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code not in codes:
            return None
        if event == "line":
            if frame.f_lineno == line and line not in lines:
                lines.add(frame.f_lineno)
                signal.raise_signal(signal.SIGINT)
            lines.add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        with (
            contextlib.suppress(BoomError, KeyboardInterrupt),
            opened(backend, journal, actor(journal, "a"), actor(journal, "b")),
        ):
            raise BoomError
    finally:
        sys.settrace(None)
    return journal.lines, lines


@pytest.mark.slow
def test_ctrl_c_at_any_line_of_entering_and_leaving_stops_the_tree_in_order(backend: str) -> None:
    whole, lines = interrupted_at(backend, None)
    assert whole == ["+a", "+b", "-b", "-a"]
    assert len(lines) > 30
    for line in lines:
        done, _ = interrupted_at(backend, line)
        assert done in ([], ["+a", "-a"], whole), f"Ctrl-C at line {line} of blocking.py"
        until(lambda: not any(thread.name == "tree root" for thread in threading.enumerate()))
