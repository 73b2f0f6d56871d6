"""`BlockingRef`: talking to actors from any thread."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from supervisor import (
    ActorCrashed,
    AskedSelf,
    AskTimeout,
    ChildCount,
    Mailbox,
    NoSuchActor,
    Ref,
    Restart,
    RestartIntensityExceeded,
    Shutdown,
    TreeStopped,
)
from tests.semantics.actors import NAME, STRICT, Boom, BoomError, Do, Get, Journal, Sleep, actor
from tests.threads.support import TICKS, InThread, opened, tell, until

pytestmark = pytest.mark.real_time


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
