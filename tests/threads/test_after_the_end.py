"""What a call comes to when the tree, or its loop, has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest

from supervisor import (
    BlockingSupervisor,
    NoSuchActor,
    TreeStopped,
)
from supervisor.threads.bridge import Bridge
from tests.semantics.actors import NAME, Get, Journal, actor
from tests.threads.support import TICKS, InThread, opened, until

pytestmark = pytest.mark.real_time


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
