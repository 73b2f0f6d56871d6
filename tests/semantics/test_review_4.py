"""What the fourth review found, of the core as it was made fast: each test is red without its fix."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
from attrs import define, field

from supervisor import (
    Actor,
    ActorSpec,
    Diagnostics,
    Mailbox,
    Overflow,
    Request,
    Restart,
    StartError,
    Strategy,
    open_supervisor,
)
from supervisor.child import path_in
from supervisor.exits import Shutdown
from tests.semantics.actors import Do, Get, Journal, abcs, block, many, opened, settle, tree

pytestmark = pytest.mark.anyio


class Count(Request[int], frozen=True):
    """How many messages were handled before."""


@define(eq=False)
class Plain(Actor[Count | int | str]):
    """Has no hooks, so it has no task until there is something to do."""

    got: list[object]
    act: Callable[[Plain, object], Any] = field(default=lambda me, message: None)

    def receive(self, message: Count | int | str) -> Any:
        if isinstance(message, Count):
            return len(self.got)
        self.got.append(message)
        return self.act(self, message)


def plain(id: str, got: list[object], act: Callable[[Plain, object], Any] | None = None, **kwargs: Any) -> ActorSpec[Any]:
    return ActorSpec(id, lambda: Plain(got) if act is None else Plain(got, act), **kwargs)


async def test_a_life_that_has_had_nothing_to_do_yet_can_be_drained() -> None:
    async with opened(tree(plain("a", []))) as root:
        with anyio.fail_after(60):
            assert await root.child("a").drain() == Shutdown()
        await settle()
        assert await root.child("a").ask(Count()) == 0


@pytest.mark.real_time
@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")
async def test_who_is_woken_into_an_eager_task_is_woken_again() -> None:
    if trio.lowlevel.in_trio_run():
        pytest.skip("trio has no eager tasks")
    loop, got = asyncio.get_running_loop(), list[object]()
    before = loop.get_task_factory()
    loop.set_task_factory(asyncio.eager_task_factory)
    try:
        async with opened(tree(plain("a", got))) as root:
            for number in range(3):
                root.child("a").tell(number)
                await settle()
            assert got == [0, 1, 2]
    finally:
        loop.set_task_factory(before)


async def _turns_while_busy(first: Callable[[Any], object], act: Callable[[Plain, object], Any]) -> list[int]:
    """What a slow actor had handled, each time that another task had its turn."""
    got: list[object] = []
    turns: list[int] = []
    async with opened(tree(plain("a", got, act))) as root, anyio.create_task_group() as group:

        async def look() -> None:
            while len(got) < 60:
                turns.append(len(got))
                await anyio.lowlevel.checkpoint()

        first(root.child("a"))
        group.start_soon(look)
    return [after - before for before, after in pairwise(turns)]


async def test_what_has_expired_does_not_give_those_behind_it_the_loop_for_as_long_as_they_like() -> None:
    def flood(ref: Any) -> None:
        ref.tell("late", expires=0.001)
        for number in range(60):
            ref.tell(number)
        block(1.0)

    assert max(await _turns_while_busy(flood, lambda me, message: block(0.1))) <= 2


async def test_signals_alone_do_not_hold_the_loop_for_as_long_as_they_like() -> None:
    def act(me: Plain, message: object) -> None:
        if message == "go":
            for number in range(60):
                me.after(0.001, number)
        block(0.1)

    assert max(await _turns_while_busy(lambda ref: ref.tell("go"), act)) <= 2


@pytest.mark.parametrize("hooks", [False, True])
async def test_what_a_failed_life_goes_on_to_await_is_cut_as_in_an_async_handler(hooks: bool) -> None:
    slept: list[float] = []

    async def rest() -> None:
        await anyio.sleep(2)
        slept.append(anyio.current_time())

    def act(me: Plain, message: object) -> Any:
        if message != "go":
            return None
        for number in range(3):
            me.context.ref.tell(number)  # one too many: the life fails
        return rest()

    class Hooked(Plain):
        async def on_start(self) -> None: ...

    spec = ActorSpec("a", lambda: (Hooked if hooks else Plain)([], act), mailbox=Mailbox(2, Overflow.FAIL))
    async with opened(tree(spec)) as root:
        root.child("a").tell("go")
        await anyio.sleep(1)
        assert root.which_children()[0].incarnation == 2
    assert not slept


_VALUE: ContextVar[Any] = ContextVar("_VALUE")


class _Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of this is ambiguous")

    __hash__ = None  # as an array has it


@pytest.mark.parametrize("make", [list, _Incomparable])
async def test_a_context_variable_that_a_constructor_sets_is_its_own_however_it_compares(make: Callable[[], Any]) -> None:
    class Setting(Actor[Count]):
        def __init__(self) -> None:
            self.own = make()
            _VALUE.set(self.own)

        def receive(self, message: Count) -> int:
            return int(_VALUE.get() is self.own)

    _VALUE.set(make())
    async with opened(tree(ActorSpec("a", Setting))) as root:
        assert await root.child("a").ask(Count()) == 1


async def test_a_life_whose_new_task_is_cancelled_before_its_first_step_goes_on() -> None:
    if trio.lowlevel.in_trio_run():
        pytest.skip("on trio nobody cancels a task from outside")
    got: list[object] = []
    async with opened(tree(plain("a", got))) as root:
        before = asyncio.all_tasks()
        root.child("a").tell(1)
        for task in asyncio.all_tasks() - before:
            task.cancel()
        await settle()
        assert got == [1]


async def test_who_starts_and_stops_many_children_lets_others_run() -> None:
    turns: list[int] = []
    async with opened(many()) as root, anyio.create_task_group() as group:

        async def look() -> None:
            while True:
                turns.append(root.count_children().specs)
                await anyio.lowlevel.checkpoint()

        group.start_soon(look)
        await settle()
        for number in range(500):
            await root.start_child(plain(str(number), []))
        await settle()
        for number in range(500):
            await root.terminate_child(str(number))
        await settle()
        group.cancel_scope.cancel()
    assert max(abs(after - before) for before, after in pairwise(turns)) <= 200


async def test_who_starts_children_for_ever_can_be_cancelled() -> None:
    async with opened(many()) as root:
        with anyio.CancelScope() as scope:
            for number in range(1000):
                scope.cancel()
                await root.start_child(plain(str(number), []))
        assert scope.cancelled_caught
        assert all(child.phase.value == "running" for child in root.which_children())


@pytest.mark.parametrize("before", [0, 63])
async def test_a_life_that_fails_while_it_is_made_does_not_wait_in_on_start(before: int) -> None:
    """However many were started before it in one go."""
    slept: list[float] = []
    refs: list[Any] = []

    class Flooding(Actor[int]):
        def __init__(self) -> None:
            if refs:
                for number in range(3):
                    refs[0].tell(number)

        async def on_start(self) -> None:
            await anyio.sleep(1)
            slept.append(anyio.current_time())

    spec = ActorSpec("z", Flooding, mailbox=Mailbox(2, Overflow.FAIL), restart=Restart.TEMPORARY)
    quiet = [plain(str(number), []) for number in range(before)]
    inner = tree(*quiet, spec, id="inner", strategy=Strategy.ONE_FOR_ALL)
    async with opened(tree(inner), None) as root:
        slept.clear()
        refs.append(root.supervisor("inner").child("z"))
        await root.terminate_child("inner")
        with pytest.raises(StartError):
            await root.restart_child("inner")
    assert not slept


async def test_who_holds_the_loop_in_its_constructor_is_known() -> None:
    found: list[str | None] = []

    def start() -> Plain:
        frame = inspect.currentframe()
        while frame is not None:
            found.append(path_in(frame))
            frame = frame.f_back
        return Plain([])

    async with opened(tree(ActorSpec("a", start))):
        assert next(path for path in found if path is not None) == "root/a"


async def test_an_ask_that_was_refused_for_its_timeout_is_no_part_of_a_cycle() -> None:
    journal = Journal()

    async def ask_wrongly(me: Any) -> None:
        with pytest.raises(ValueError, match="timeout"):
            await me.context.supervisor.child("b").ask(Get(), timeout=-1)

    async with open_supervisor(tree(*abcs(journal)), diagnostics=Diagnostics(ask_cycles=True)) as root:
        a, b = root.child("a"), root.child("b")
        await a.ask(Do(ask_wrongly))
        assert await b.ask(Do(lambda me: a.ask(Get()))) == 1


async def test_a_task_factory_from_before_contexts_were_given_serves() -> None:
    if trio.lowlevel.in_trio_run():
        pytest.skip("trio has no task factories")
    loop, got = asyncio.get_running_loop(), list[object]()
    before = loop.get_task_factory()
    loop.set_task_factory(lambda loop, coroutine, name=None: asyncio.Task(coroutine, loop=loop, name=name))  # an old one
    try:
        async with opened(tree(plain("a", got))) as root:
            root.child("a").tell(1)
            await settle()
    finally:
        loop.set_task_factory(before)
    assert got == [1]
