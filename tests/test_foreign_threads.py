"""A tree that is used from another thread than its own: that is refused, and nothing has happened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from supervisor import Actor, ActorSpec, Reply, Request, Supervisor, Topic, open_supervisor
from tests.semantics.actors import Get, Journal, actor, opened, settle, tree

pytestmark = pytest.mark.anyio

TICKS: Topic[Any] = Topic("ticks")


def in_a_thread(act: Callable[[], object]) -> object:
    """What it returned there, or the words of the RuntimeError that it raised."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(act())
        except RuntimeError as error:
            found.append(str(error))

    thread = threading.Thread(target=run, name="another")
    thread.start()
    thread.join()
    return found[0]


def refused(outcome: object) -> bool:
    return "used from the thread 'another'" in str(outcome) and "background()" in str(outcome)


async def test_a_tell_that_would_have_to_wake_the_actor_is_refused_and_the_actor_still_hears() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        await settle()
        ref = root.child("a")
        assert refused(in_a_thread(lambda: ref.tell("from a thread")))
        assert await ref.ask(Get(), timeout=1.0) == 0  # nothing was queued
        assert ref.tell("from the loop")
        assert await ref.ask(Get(), timeout=1.0) == 2


async def test_what_is_published_is_refused_before_any_subscriber_has_it() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        first, second = root.subscription(TICKS), root.subscription(TICKS)
        assert refused(in_a_thread(lambda: root.publish(TICKS, 1)))
        assert (len(first), len(second)) == (0, 0)
        assert root.publish(TICKS, 2) == 2
        assert (await anext(first), await anext(second)) == (2, 2)


async def test_a_topic_that_nobody_reads_may_be_published_from_anywhere() -> None:
    async with opened(tree()) as root:
        assert in_a_thread(lambda: root.publish(TICKS, 1)) == 0


class Question(Request[str], frozen=True):
    pass


class Later(Actor[Question]):
    def __init__(self, replies: list[Reply[Any]]) -> None:
        self.replies = replies

    def receive(self, message: Question) -> str:
        self.replies.append(self.reply_later())
        return ""


async def test_an_answer_from_another_thread_is_refused_and_can_still_be_given() -> None:
    replies: list[Reply[Any]] = []
    answers: list[str] = []
    async with open_supervisor(tree(ActorSpec("later", lambda: Later(replies)))) as root, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await root.child("later").ask(Question(), timeout=1.0))

        group.start_soon(ask)
        await settle()
        assert refused(in_a_thread(lambda: replies[0].give("from a thread")))
        assert replies[0].give("from the loop")
    assert answers == ["from the loop"]


@pytest.mark.parametrize("timeout", [5.0, None])
@pytest.mark.parametrize("verb", ["ask", "stop", "drain"])
async def test_another_loop_that_waits_for_an_answer_is_refused(anyio_backend: Any, verb: str, timeout: float | None) -> None:
    async def elsewhere(root: Supervisor) -> object:
        ref = root.child("a")
        return await (ref.ask(Get(), timeout=timeout) if verb == "ask" else getattr(ref, verb)())

    async with opened(tree(actor(Journal(), "a"))) as root:
        assert refused(in_a_thread(lambda: anyio.run(elsewhere, root, backend=anyio_backend[0])))
        assert await root.child("a").ask(Get(), timeout=1.0) == 0


async def test_another_loop_that_reads_is_refused_and_hurts_no_publisher(anyio_backend: Any) -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        reader = root.subscription(TICKS)
        assert refused(in_a_thread(lambda: anyio.run(reader.__anext__, backend=anyio_backend[0])))
        assert root.publish(TICKS, 1) == 1


async def test_a_timer_is_refused() -> None:
    async with opened(tree()) as root:
        keeper = root._runtime.timekeeper
        before = len(keeper)
        assert refused(in_a_thread(lambda: keeper.after(1.0, lambda: None)))
        assert len(keeper) == before


async def test_a_worker_thread_tells_through_the_loop() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        await settle()
        ref = root.child("a")
        assert await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(ref.tell, "from a worker"))
        assert await ref.ask(Get(), timeout=1.0) == 1
