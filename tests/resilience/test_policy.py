from __future__ import annotations

import contextlib
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock

import anyio
import pytest

from actors.resilience import policy as module
from actors.resilience.policy import Passage, Policy, refuse_coroutine


class Watched(Passage[str]):
    """Writes down what happens to it."""

    def __init__(self, log: list[Any], name: str) -> None:
        self.log, self.name = log, name

    def enter(self) -> str:
        self.log.append(f"enter {self.name}")
        return self.name

    def leave(self, error: BaseException | None) -> bool:
        self.log.append(f"leave {self.name}" if error is None else f"{type(error).__name__} leaves {self.name}")
        return isinstance(error, KeyError)


class Watching(Policy[str]):
    """Writes down what passes; swallows a KeyError that leaves a block."""

    name = "watching"

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.blocks = 0

    def statistics(self) -> int:
        return self.blocks

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.log.append("call")
            return function(*args, **kwargs)

        return guarded

    def _awrapped(self, function: Callable[..., Awaitable[Any]]) -> Any:
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            self.log.append("acall")
            return await function(*args, **kwargs)

        return guarded

    def _passage(self) -> Watched:
        self.blocks += 1
        return Watched(self.log, str(self.blocks))


@pytest.fixture
def policy() -> Watching:
    return Watching()


def double(number: int, *, extra: int = 0) -> int:
    """Two times."""
    return 2 * number + extra


async def adouble(number: int, *, extra: int = 0) -> int:
    return 2 * number + extra


class Doubler:
    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    def __call__(self, number: int) -> int:
        return self.factor * number


class AsyncDoubler:
    async def __call__(self, number: int) -> int:
        return 2 * number


class Generating:
    def __call__(self) -> Iterator[int]:
        yield 1


class AsyncGenerating:
    async def __call__(self) -> AsyncIterator[int]:
        yield 1


def generating() -> Iterator[int]:
    yield 1


async def agenerating() -> AsyncIterator[int]:
    yield 1


# Functions


def test_a_call_goes_through_the_policy_with_its_arguments(policy: Watching) -> None:
    assert policy.call(double, 3, extra=1) == 7
    assert policy.log == ["call"]


@pytest.mark.anyio
async def test_an_async_call_goes_through_the_policy_with_its_arguments() -> None:
    policy = Watching()
    assert await policy.acall(adouble, 3, extra=1) == 7
    assert policy.log == ["acall"]


def test_a_decorated_function_keeps_its_name_words_and_signature(policy: Watching) -> None:
    guarded = policy(double)
    assert (guarded.__name__, guarded.__doc__) == ("double", "Two times.")
    assert inspect.signature(guarded) == inspect.signature(double)


@pytest.mark.parametrize("function", [double, functools.partial(double, extra=0), Doubler(), Doubler().__call__, int])
def test_whatever_is_called_and_returns_is_guarded_as_sync(policy: Watching, function: Callable[..., int]) -> None:
    policy(function)(3)
    assert policy.log == ["call"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "function",
    [
        adouble,
        functools.partial(adouble, extra=0),
        functools.partial(functools.partial(adouble), extra=0),
        AsyncDoubler(),
        functools.partial(AsyncDoubler()),
        AsyncDoubler().__call__,
        AsyncMock(return_value=6),
    ],
    ids=["function", "partial", "partial of a partial", "object", "partial of an object", "method", "mock"],
)
async def test_whatever_is_awaited_is_guarded_as_async(function: Callable[..., Awaitable[int]]) -> None:
    policy = Watching()
    guarded = policy(function)
    assert inspect.iscoroutinefunction(guarded)
    assert await guarded(3) == 6
    assert policy.log == ["acall"]


@pytest.mark.anyio
async def test_methods_of_all_kinds_can_be_decorated() -> None:
    policy = Watching()

    class Guarded:
        @policy
        def plain(self, number: int) -> int:
            return number

        @policy
        async def waiting(self, number: int) -> int:
            return number

        @classmethod
        @policy
        def of_class(cls) -> type:
            return cls

        @staticmethod
        @policy
        def static(number: int) -> int:
            return number

        @property
        @policy
        def shown(self) -> int:
            return 4

    one = Guarded()
    assert (one.plain(1), await one.waiting(2), one.of_class(), one.static(3), one.shown) == (1, 2, Guarded, 3, 4)
    assert policy.log == ["call", "acall", "call", "call", "call"]


@pytest.mark.parametrize(
    "function",
    [
        generating,
        agenerating,
        contextlib.contextmanager(generating),
        contextlib.asynccontextmanager(agenerating),
        functools.partial(generating),
        functools.partial(functools.partial(agenerating)),
        Generating(),
        AsyncGenerating(),
        functools.partial(Generating()),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_a_generator_is_refused(policy: Watching, function: Any) -> None:
    with pytest.raises(TypeError, match="a generator ends after the policy has let go of it"):
        policy(function)


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_what_is_no_function_yet_is_refused_with_what_to_write(policy: Watching, kind: type) -> None:
    with pytest.raises(TypeError, match=f"write @{kind.__name__} above the policy, not below it"):
        policy(kind(double))


@pytest.mark.parametrize("thing", [7, None, "double", property(double)])
def test_what_cannot_be_called_is_refused(policy: Watching, thing: Any) -> None:
    with pytest.raises(TypeError, match=r"a policy cannot guard .*; expected a function"):
        policy(thing)


def test_a_coroutine_of_a_sync_function_is_refused_and_closed() -> None:
    coroutine = adouble(1)
    with pytest.raises(TypeError, match="returned the coroutine adouble"):
        refuse_coroutine(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_any_other_result_is_let_through() -> None:
    assert refuse_coroutine(7) == 7


# Blocks


def test_a_block_is_entered_and_left(policy: Watching) -> None:
    with policy as name:
        assert name == "1"
    assert policy.log == ["enter 1", "leave 1"]


@pytest.mark.anyio
async def test_an_async_block_is_entered_and_left() -> None:
    policy = Watching()
    async with policy as name:
        assert name == "1"
    assert policy.log == ["enter 1", "leave 1"]


def test_an_error_leaves_a_block_as_it_is(policy: Watching) -> None:
    error = ValueError("x")
    with pytest.raises(ValueError, match="x") as caught, policy:
        raise error
    assert caught.value is error
    assert policy.log == ["enter 1", "ValueError leaves 1"]


def test_the_passage_says_whether_an_error_ends_there(policy: Watching) -> None:
    with policy:
        raise KeyError
    assert policy.log == ["enter 1", "KeyError leaves 1"]


def test_blocks_of_one_policy_in_each_other_are_two_uses(policy: Watching) -> None:
    with policy, policy:
        pass
    assert policy.log == ["enter 1", "enter 2", "leave 2", "leave 1"]


def test_blocks_of_several_policies_nest_in_any_order() -> None:
    one, other = Watching(), Watching()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert (one.log, other.log) == (["enter 1", "leave 1"], ["enter 1"])
    other.__exit__(None, None, None)
    assert (one.log, other.log) == (["enter 1", "leave 1"], ["enter 1", "leave 1"])


def test_a_block_that_cannot_be_entered_is_not_left(policy: Watching) -> None:
    class Closed(Watched):
        def enter(self) -> str:
            raise ValueError("closed")

    policy._passage = lambda: Closed([], "closed")  # one that does not let in
    with policy_open(Watching()) as outer, pytest.raises(ValueError, match="closed"), policy:
        pass
    assert outer.log == ["enter 1", "leave 1"]


@contextlib.contextmanager
def policy_open(policy: Watching) -> Iterator[Watching]:
    with policy:
        yield policy


@pytest.mark.anyio
async def test_tasks_that_use_a_block_at_once_have_each_their_own() -> None:
    policy, left = Watching(), []

    async def use(seconds: float) -> None:
        async with policy as name:
            await anyio.sleep(seconds)
        left.append((seconds, name))

    async with policy, anyio.create_task_group() as group:
        for seconds in (3.0, 1.0, 2.0):
            group.start_soon(use, seconds)
    assert sorted(policy.log[:4]) == ["enter 1", "enter 2", "enter 3", "enter 4"]
    assert policy.log[4:] == [f"leave {name}" for _, name in sorted(left)] + ["leave 1"]


@pytest.mark.anyio
async def test_a_block_is_left_in_the_task_that_entered_it() -> None:
    policy = Watching()

    async def enter() -> None:
        await policy.__aenter__()

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
    with pytest.raises(RuntimeError, match="is left in another task or thread than it was entered in"):
        await policy.__aexit__(None, None, None)


@pytest.mark.real_time
def test_a_block_is_left_in_the_thread_that_entered_it(policy: Watching) -> None:
    thread = threading.Thread(target=policy.__enter__)
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="is left in another task or thread than it was entered in"):
        policy.__exit__(None, None, None)


@pytest.mark.anyio
async def test_a_cancelled_block_is_left_and_the_cancellation_goes_on() -> None:
    policy = Watching()
    with anyio.move_on_after(1.0) as scope:
        async with policy:
            await anyio.sleep(100.0)
    assert scope.cancelled_caught
    assert (policy.log[0], policy.log[1].split(" ", 1)[1]) == ("enter 1", "leaves 1")


def test_a_block_that_was_left_is_kept_by_nobody(policy: Watching) -> None:
    with policy:
        pass
    assert all(one is not policy for one, _ in module._open.get())


@pytest.mark.parametrize("missing", ["statistics", "_wrapped", "_awrapped", "_passage"])
def test_a_policy_without_one_of_its_parts_cannot_be_made(missing: str) -> None:
    parts = {"statistics", "_wrapped", "_awrapped", "_passage"} - {missing}
    incomplete = type("Incomplete", (Policy,), {part: lambda self: None for part in parts})
    with pytest.raises(TypeError, match=missing):
        incomplete()


def test_what_has_no_name_of_its_own_is_called_as_what_it_calls(policy: Watching) -> None:
    assert policy(functools.partial(double, 4)).__name__ == "double"
    assert policy(functools.partial(adouble, 4)).__name__ == "adouble"


def test_a_block_that_is_left_in_another_thread_says_whose(policy: Watching) -> None:
    policy.__enter__()
    raised: list[BaseException] = []

    def leave() -> None:
        try:
            policy.__exit__(None, None, None)
        except RuntimeError as error:
            raised.append(error)

    other = threading.Thread(target=leave)
    other.start()
    other.join()
    assert str(raised[0]).startswith("the Watching 'watching' is left in another task or thread")
