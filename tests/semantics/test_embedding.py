"""Where a tree meets the world."""

from __future__ import annotations

import contextlib
import inspect
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import anyio
import pytest

from supervisor import (
    AutoShutdown,
    ChildEnded,
    Conflate,
    DeadLetter,
    Mailbox,
    Restart,
    RestartIntensityExceeded,
    Shutdown,
    SpecError,
    StartError,
    Supervisor,
    TaskSpec,
    TreeStarted,
    TreeStopped,
    open_supervisor,
    run,
)
from supervisor.root import opened as opened_root
from supervisor.testing import crash, virtual_backend
from tests.semantics.actors import STRICT, BoomError, Do, Get, Journal, Quit, actor, opened, settle, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(109)
async def test_a_failure_cancels_the_block_and_is_raised_bare() -> None:
    journal, lines = Journal(), []
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
            crash(root.child("a"))
            try:
                await anyio.sleep_forever()
            finally:
                lines.append("cancelled")
    assert lines == ["cancelled"]


async def test_an_error_of_the_block_stops_the_tree_in_order_and_wins() -> None:
    journal, error = Journal(slow_stop={"a": 1.0}, fail_stop={"b": BoomError()}), ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with opened(tree(actor(journal, "a"), actor(journal, "b"))):
            raise error
    assert caught.value is error
    assert journal.lines == ["+a", "+b", "-b", "-a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration, StopAsyncIteration, GeneratorExit])
async def test_any_error_of_the_block_comes_out_as_it_is(error: type[BaseException]) -> None:
    journal, thrown = Journal(), error()
    caught: BaseException | None = None
    try:
        async with opened(tree(actor(journal, "a"))):
            raise thrown
    except BaseException as found:
        caught = found
    assert caught is thrown
    assert journal.lines == ["+a", "-a"]


async def test_an_error_of_the_block_wins_over_a_failure_of_the_tree() -> None:
    journal = Journal()
    with pytest.raises(ValueError, match="tidy"):
        async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
            crash(root.child("a"))
            try:
                await anyio.sleep_forever()
            finally:
                raise ValueError("tidy")


async def test_a_failure_is_not_lost_in_an_outer_cancellation() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded), anyio.CancelScope() as scope:
        async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
            crash(root.child("a"))
            while root._branch.life is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
            scope.cancel()
            await anyio.sleep_forever()


@pytest.mark.item(98)
async def test_a_clean_end_leaves_the_block_running() -> None:
    journal = Journal()
    child = actor(journal, "a", restart=Restart.TRANSIENT, significant=True)
    async with opened(tree(child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), journal) as root:
        root.child("a").tell(Quit())
        assert await root.wait() == Shutdown()
        await anyio.sleep(10)
        assert anyio.current_time() >= 10
    assert [event.reason for event in journal.of(TreeStopped)] == ["shutdown"]
    assert len(journal.of(TreeStarted)) == 1


async def test_an_end_before_the_block_began_does_not_hang() -> None:
    async def done() -> None:
        return

    child = TaskSpec("a", done, restart=Restart.TRANSIENT, significant=True)
    async with opened(tree(child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)) as root:
        await settle()
        assert root.which_children() == [] or root._branch.life is None


async def test_what_is_no_root_is_refused() -> None:
    with pytest.raises(SpecError):
        async with open_supervisor(actor(Journal(), "a")):
            pass


async def test_trees_side_by_side_and_inside_one_another() -> None:
    journal = Journal()

    async def inner() -> None:
        async with opened(tree(actor(journal, "inner"), id="inner")) as root:
            assert await root.child("inner").ask(Get()) == 0
            await anyio.sleep_forever()

    async with opened(tree(TaskSpec("t", inner), actor(journal, "a"))), opened(tree(actor(journal, "b"), id="second")):
        await settle()
    assert sorted(journal.lines[3:]) == ["-a", "-b", "-inner"]


# -------------------------------------------------------------------------------------------------------------- run


@pytest.fixture(params=["trio", "asyncio"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


def test_run_returns_what_main_returned(backend: str) -> None:
    journal = Journal()

    async def main(root: Supervisor) -> int:
        return await root.child("a").ask(Get()) + 41

    assert run(tree(actor(journal, "a")), main, backend=backend) == 41
    assert journal.lines == ["+a", "-a"]


def test_run_raises_what_main_raised_and_what_the_tree_failed_with(backend: str) -> None:
    journal = Journal()

    async def fail(root: Supervisor) -> None:
        raise BoomError("mine")

    async def crash_it(root: Supervisor) -> None:
        crash(root.child("a"))
        await anyio.sleep_forever()

    with pytest.raises(BoomError, match="mine"):
        run(tree(actor(journal, "a")), fail, backend=backend)
    with pytest.raises(RestartIntensityExceeded):
        run(tree(actor(journal, "a"), intensity=STRICT), crash_it, backend=backend, sinks=[journal.events.append])
    with pytest.raises(StartError):
        run(tree(actor(Journal(fail_start={"a": BoomError()}), "a")), backend=backend, sinks=[journal.events.append])


@pytest.mark.item(166)
def test_run_raises_a_fatal_error_of_a_child(backend: str) -> None:
    async def leave() -> None:
        raise SystemExit(7)

    with pytest.raises(SystemExit) as caught:
        run(tree(TaskSpec("a", leave)), backend=backend, sinks=[lambda _: None])
    assert caught.value.code == 7


def test_run_without_main_ends_with_the_tree(backend: str) -> None:
    async def done() -> None:
        return

    child = TaskSpec("a", done, restart=Restart.TRANSIENT, significant=True)
    assert run(tree(child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), backend=backend) is None


def test_run_works_in_another_thread(backend: str) -> None:
    results: list[Any] = []

    async def main(root: Supervisor) -> str:
        return root.path

    thread = threading.Thread(target=lambda: results.append(run(tree(), main, backend=backend)))
    thread.start()
    thread.join(10)
    assert results == ["root"]


PROGRAM = """
import sys, anyio
from supervisor import *

class Slow(Actor[str]):
    def receive(self, message): ...
    async def on_stop(self, reason):
        print("stopping", flush=True)
        await anyio.sleep(float(sys.argv[2]))
        print("stopped", flush=True)

async def main(root):
    print("ready", flush=True)
    await anyio.sleep_forever()

spec = SupervisorSpec("root", [ActorSpec("a", Slow, shutdown=60.0), ActorSpec("b", Slow, shutdown=60.0)])
print("result", run(spec, main, backend=sys.argv[1], deadline=float(sys.argv[3]), sinks=[lambda _: None]), flush=True)
"""


def signalled(backend: str, sent: list[int], seconds: float, deadline: float = 60.0) -> tuple[list[str], int, float]:
    """Run the program, send it a signal, each further one when it has said that it heeds the last, and see what it says."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), backend, str(seconds), str(deadline)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began, said = time.monotonic(), ""
        for place, number in enumerate(sent):
            if place:
                said += process.stdout.readline()
            process.send_signal(number)
        out, _ = process.communicate(timeout=20)
        return (said + out).split("\n")[:-1], process.returncode, time.monotonic() - began


@pytest.mark.real_time
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_tree_in_order(backend: str, number: int) -> None:
    lines, code, _ = signalled(backend, [number], 0.05)
    assert lines == ["stopping", "stopped", "stopping", "stopped", "result None"]
    assert code == 0


@pytest.mark.real_time
@pytest.mark.slow
def test_a_second_signal_hurries(backend: str) -> None:
    lines, code, took = signalled(backend, [signal.SIGTERM, signal.SIGINT], 30.0)
    assert lines == ["stopping", "result None"]
    assert code == 0
    assert took < 10


@pytest.mark.real_time
@pytest.mark.slow
def test_the_deadline_hurries(backend: str) -> None:
    lines, code, took = signalled(backend, [signal.SIGTERM], 30.0, deadline=0.2)
    assert lines == ["stopping", "result None"]
    assert code == 0
    assert took < 10


@pytest.mark.parametrize(("before", "lines"), [(False, ["+a", "-a"]), (True, ["+a"])])
def test_an_interrupt_lets_the_stop_go_on_in_order_and_a_second_kills_what_is_left(
    backend: str, before: bool, lines: list[str]
) -> None:
    """Without `run`'s signal handling, Ctrl-C comes as an exception into the block's task: simulated here."""
    journal = Journal(slow_stop={"a": 1000.0})

    async def main() -> None:
        async with opened(tree(actor(journal, "a", shutdown=2000.0))) as root:
            parkers: list[Any] = []
            original = root._runtime.parker

            class Interrupted:
                """The first sleep of `end` is interrupted."""

                def __init__(self) -> None:
                    self.inner = original()
                    parkers.append(self)

                parked = False

                async def park(self) -> None:
                    if len(parkers) == 1:
                        raise KeyboardInterrupt
                    await self.inner.park()

                def unpark(self) -> None:
                    self.inner.unpark()

            root._runtime.parker = Interrupted
            if before:
                raise KeyboardInterrupt

    name, options = virtual_backend(backend)
    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=name, backend_options=options)
    assert journal.lines == lines


@pytest.mark.item(109, 166)
async def test_an_interrupt_during_the_stop_is_not_hidden_by_an_error_of_the_block() -> None:
    journal = Journal()
    with pytest.raises(KeyboardInterrupt) as caught:
        async with opened(tree(actor(journal, "a", shutdown=9.0), actor(journal, "b"))):
            journal.fail_stop["b"] = KeyboardInterrupt()
            raise BoomError
    assert journal.lines == ["+a", "+b", "-b", "-a"]
    assert "another error came with it: BoomError" in caught.value.__notes__[0]


@pytest.mark.item(109, 166)
def test_ctrl_c_while_a_child_works_stops_the_tree_in_order(backend: str) -> None:
    """trio raises it wherever the program is, so without care in the middle of a handler, or of the tree's own lists."""
    journal = Journal()

    async def main() -> None:
        async with opened(tree(actor(journal, "a"), actor(journal, "b")), journal) as root:
            root.child("b").tell(Do(lambda _: signal.raise_signal(signal.SIGINT)))
            await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)
    assert journal.lines == ["+a", "+b", "-b", "-a"]
    assert [event.reason for event in journal.of(ChildEnded)] == ["shutdown", "shutdown"]


def test_ctrl_c_in_the_middle_of_a_call_from_the_block_leaves_the_tree_whole(backend: str) -> None:
    journal = Journal()

    def key(message: object) -> object:
        """Where a mailbox is being changed."""
        signal.raise_signal(signal.SIGINT)
        return message

    async def main() -> None:
        async with opened(tree(actor(journal, "a", mailbox=Mailbox(8, Conflate(key)))), journal) as root:
            root.child("a").tell("was sent")
            await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)
    assert journal.lines[-1] == "-a"
    assert "a: was sent" in journal.lines or journal.of(DeadLetter)


def interrupted_at(backend: str, line: int | None) -> tuple[list[str], set[int]]:
    """Open and leave a tree, with Ctrl-C at a line of `root.opened`; what the tree did, and the lines that were run."""
    journal, lines, code = Journal(), set[int](), inspect.unwrap(opened_root).__code__

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            if frame.f_lineno == line and line not in lines:
                signal.raise_signal(signal.SIGINT)
            lines.add(frame.f_lineno)
        return trace

    async def main() -> None:
        async with opened(tree(actor(journal, "a"), actor(journal, "b"))):
            sys.settrace(trace)
            raise BoomError

    async def traced() -> None:
        sys.settrace(trace)
        await main()

    try:
        with contextlib.suppress(BoomError, KeyboardInterrupt):
            anyio.run(traced, backend=backend)
    finally:
        sys.settrace(None)
    return journal.lines, lines


def test_ctrl_c_at_any_line_of_entering_and_leaving_stops_the_tree_in_order(backend: str) -> None:
    whole, lines = interrupted_at(backend, None)
    assert whole == ["+a", "+b", "-b", "-a"]
    assert len(lines) > 15
    for line in lines:
        done, _ = interrupted_at(backend, line)
        assert done in ([], ["+a", "-a"], whole), f"Ctrl-C at line {line} of root.py"


async def test_an_error_of_the_block_does_not_hide_an_interrupt_in_the_tree() -> None:
    journal = Journal()
    with pytest.raises(KeyboardInterrupt) as caught:
        async with opened(tree(actor(journal, "a"), actor(journal, "b", shutdown=9.0))) as root:
            crash(root.child("b"), KeyboardInterrupt())
            with anyio.CancelScope(shield=True):
                await settle()
                await root.child("b").ask(Get())
    assert "another error came with it: ChildNotFound" in caught.value.__notes__[0]


async def test_an_error_of_the_block_says_which_failure_of_the_tree_came_with_it() -> None:
    journal = Journal()
    with pytest.raises(ValueError, match="mine") as caught:
        async with opened(tree(actor(journal, "a"), intensity=STRICT)) as root:
            crash(root.child("a"))
            try:
                await anyio.sleep_forever()
            finally:
                raise ValueError("mine")
    assert "another error came with it: RestartIntensityExceeded" in caught.value.__notes__[0]
