"""What every policy is: an object to call through, a decorator and a context manager, for sync and async code alike.

    @policy                                     policy.call(function, 1, key=2)             with policy: ...
    async def fetch(symbol: str) -> Price: ...  await policy.acall(function, 1, key=2)      async with policy: ...

Theory of operation:

* A policy holds what its uses share: options, counts, a breaker's state. What belongs to one use lives in that use: in the
  local variables of a wrapper, or in a `Passage`, of which each `with` block gets its own. So two uses at once cannot mix.
* A wrapper is made once, when a function is decorated; `Pipeline` puts wrappers into each other. Whoever writes a policy writes
  `_wrapped` and `_awrapped`, and `_passage` for blocks.
* Only an `Exception` is an outcome. Cancellation, `KeyboardInterrupt` and the like pass through untouched and give back what
  was taken: no verdict, no retry, no other exception in their place.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, cast

from actors.resilience.naming import bear_name

__all__ = ["AnsweringPolicy", "Passage", "Policy", "is_async", "refuse_coroutine"]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

Async = Callable[P, Coroutine[Any, Any, R]]


class Passage(ABC, Generic[V_co]):
    """One use of a policy by one `with` block."""

    over = False
    """Whether it was left, be it in a context that is a copy of the one in which it was entered."""

    @abstractmethod
    def enter(self) -> V_co:
        """Begin. What it returns is what `as` names. May wait in this thread, where the policy waits."""

    @abstractmethod
    def leave(self, error: BaseException | None) -> bool:
        """End; True if the error ends here. An `error` that is no Exception only gives back what was taken."""

    async def aenter(self) -> V_co:
        """As `enter`, for a task.

        Cancellation: atomic; nothing is taken.
        """
        return self.enter()

    async def aleave(self, error: BaseException | None) -> bool:
        """As `leave`, for a task.

        Cancellation: never waits.
        """
        return self.leave(error)


# The passages that are open here, innermost last. One variable for all policies: blocks nest, whatever their policies are.
_open: ContextVar[tuple[tuple[object, Passage[Any]], ...]] = ContextVar("oneforone_passages", default=())


class Policy(ABC, Generic[V]):
    """Something that stands between a caller and a call. `V` is what its `with` block binds with `as`."""

    name: str
    """For errors, for statistics and for people."""

    @abstractmethod
    def statistics(self) -> Any:
        """All that can be known of it, at this moment."""

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function, sync or async. Its signature stays.

        Raises:
            TypeError: a generator, or something that cannot be called.
        """
        if isinstance(function, staticmethod | classmethod):
            _refuse(function, f"a function; write @{type(function).__name__} above the policy, not below it")
        if not callable(function):
            _refuse(function, "a function")
        if _is_generator(function):
            _refuse(
                function, "a function that returns or awaits its result; a generator ends after the policy has let go of it"
            )
        wrapper = self._awrapped(cast("Async[P, Any]", function)) if is_async(function) else self._wrapped(function)
        bear_name(wrapper, function)  # for what has no name of its own, a partial or an object
        return cast("Callable[P, R]", functools.wraps(function)(wrapper))

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a sync function through the policy, in this thread.

        Args:
            function: no `async def`.
            args: its arguments.
            kwargs: its named ones.

        Raises:
            TypeError: what it returned is a coroutine.
        """
        return self._wrapped(function)(*args, **kwargs)

    async def acall(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an async function through the policy.

        Args:
            function: an `async def`, or whatever returns something to await.
            args: its arguments.
            kwargs: its named ones.

        Cancellation: as the function's; the policy adds none of its own but where it waits, and takes no part in it.
        """
        return await self._awrapped(function)(*args, **kwargs)

    @abstractmethod
    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function behind this policy. Made once per decoration: what does not change is looked up here, not per call."""

    @abstractmethod
    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        """As `_wrapped`, for an async function."""

    @abstractmethod
    def _passage(self) -> Passage[V]:
        """A new use, for one `with` block.

        Raises:
            TypeError: this policy has to call what it guards, and a block cannot be called.
        """

    def __enter__(self) -> V:
        passage = self._passage()
        value = passage.enter()
        _open.set((*_still_open(), (self, passage)))
        return value

    # Not `bool`: to type checkers that means that a block may end an error, and what stands after it is reached.
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool | None:
        return self._take_passage().leave(error)

    async def __aenter__(self) -> V:
        passage = self._passage()
        value = await passage.aenter()
        _open.set((*_still_open(), (self, passage)))
        return value

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool | None:
        return await self._take_passage().aleave(error)

    def _take_passage(self) -> Passage[V]:
        passages = _open.get()
        for at in range(len(passages) - 1, -1, -1):
            policy, passage = passages[at]
            if policy is self and not passage.over:
                passage.over = True
                _open.set(passages[:at] + passages[at + 1 :])
                return cast("Passage[V]", passage)
        raise RuntimeError(
            f"the {type(self).__name__} {self.name!r} is left in another task or thread than it was entered in; "
            "expected both in the same one"
        )


def _still_open() -> tuple[tuple[object, Passage[Any]], ...]:
    passages = _open.get()
    # An async generator that is given up is closed in a copy of the context. Of what it had open, nothing must pile up here.
    if passages and passages[-1][1].over:
        return tuple(one for one in passages if not one[1].over)
    return passages


class AnsweringPolicy(Policy[V]):
    """A policy whose `with` blocks may end with an error and go on after it, because something stands in for what failed."""

    if TYPE_CHECKING:  # only for those who read types

        def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool: ...

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
        ) -> bool: ...


def refuse_coroutine(result: object) -> object:
    """The result of a sync function, unless it is a coroutine: its outcome would pass by the policy unseen.

    Raises:
        TypeError: it is one.
    """
    if type(result) is CoroutineType:
        result.close()
        raise TypeError(
            f"a function that is no `async def` returned the coroutine {result.__qualname__}, whose outcome no policy "
            "would see; expected an `async def`, or `await policy.acall(...)`"
        )
    return result


def _is_generator(function: Callable[..., object]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    # Unwrapped, because a `contextmanager` is a generator in disguise; the `__call__` of an object is one in plain sight.
    bodies = (inspect.unwrap(function), getattr(function, "__call__", None))  # noqa: B004  # see above
    return any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in bodies)


def is_async(function: object) -> bool:
    """Whether what it returns is to be awaited: an `async def`, a partial of one, or an object whose `__call__` is one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # an object with an async __call__


def _refuse(function: object, expected: str) -> NoReturn:
    raise TypeError(f"a policy cannot guard {function!r}; expected {expected}")
