"""A call gets so many seconds, and no more.

    @Timeout(within=5.0)                    async with Timeout(within=5.0, name="login") as deadline:
    async def fetch(symbol): ...                await socket.send(..., timeout=deadline.remaining())

Theory of operation:

* A task is stopped by a cancel scope of the loop's own kind: trio's on trio, anyio's on asyncio. Whether *this* timeout ended
  the call is told from its scope (`cancelled_caught`), never from the exception: somebody else's cancellation passes
  untouched, also when both strike at once, and a `TimeoutError` or `CallTimeout` that the call raised itself is its own.
* Not `asyncio.timeout`: it cancels once, and through anyio's shields. Code written for both loops shields its goodbyes
  (`CancelScope(shield=True)`), and would be cut off in the middle of them on one loop only; and what swallows one
  cancellation would run on for ever.
* A thread cannot be stopped. A sync call runs in a worker thread with a copy of the context. When time is up the caller gets
  its `CallTimeout`, and the call is *abandoned*: it runs on until it ends by itself, what it returns goes nowhere, and what it
  raises is told to `on_late` or logged. A sync `with` block cannot be left alone, so it is only measured: see `Timeout`.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

import anyio
from attrs import Factory, define, field, frozen

from actors.errors import CallTimeout
from actors.errors.checks import count, seconds
from actors.resilience.hooks import complain, plain_function, tell
from actors.resilience.naming import bear_name, name_of
from actors.resilience.policy import Async, Passage, Policy, refuse_coroutine
from actors.resilience.tally import Tally
from actors.resilience.thread_calls import Abandoned, ThreadCall
from actors.resilience.waiting import in_a_loop, refuse_to_block
from supervisor.parking import clock_here, scope_within

__all__ = ["Deadline", "LateResult", "Timeout", "TimeoutStatistics"]

P = ParamSpec("P")
R = TypeVar("R")

NAME = "timeout"


@frozen
class TimeoutStatistics:
    """What a timeout has seen so far."""

    calls: int
    """Calls and blocks that began."""
    timeouts: int
    """Those that it ended."""
    abandoned: int
    """Sync calls that it gave up and that still run."""
    late: int
    """Sync calls that ended after they were given up."""
    late_errors: int
    """Those of them that failed."""


@frozen
class LateResult:
    """A sync call ended after it was given up."""

    name: str
    """The timeout's name."""
    what: str
    """Which function."""
    error: BaseException | None
    """What it raised; None if it returned: what was to be done *is* done."""


class Deadline:
    """When the time of a block is up."""

    __slots__ = ("_at", "_clock", "_scope")

    def __init__(self, at: float, clock: Callable[[], float], scope: anyio.CancelScope | None = None) -> None:
        self._at = at
        self._clock = clock
        self._scope = scope

    @property
    def at(self) -> float:
        """On the clock of the loop, or `time.monotonic` outside of one."""
        return self._at

    def remaining(self) -> float:
        """Seconds that are left to this block, for the timeouts of sockets and the like; 0 when its time is up."""
        return max(0.0, self._at - self._clock())

    def extend(self, seconds: float) -> None:
        """Give the block more time, because it gets on. Too late once its time was up.

        Args:
            seconds: how much more.
        """
        self._at += seconds
        if self._scope is not None:
            self._scope.deadline = self._at


@define(eq=False)
class Timeout(Policy[Deadline]):
    """Ends calls that take too long, with a `CallTimeout`.

    An async call is cancelled. A sync call runs in a worker thread and is abandoned there: it cannot be stopped, so give what
    it calls a timeout of its own as well. Inside an event loop a sync call is refused, as the wait would stop the loop. A sync
    `with` block is not interrupted either: it raises `CallTimeout` at its end if it took too long and did not fail by itself;
    `deadline.remaining()` says what to give to a socket.

    Of nested timeouts the nearest strikes, and is the one that the error names. There is no timeout that never strikes: leave
    it out.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
        TypeError: `on_late` is an `async def`.
        CallTimeout: from a call or block, when its time was up.
        BulkheadFull: from a sync call, before it begins: too many abandoned ones still run.
    """

    within: float = field(validator=seconds(5.0))
    """Seconds."""
    name: str = field(default=NAME, kw_only=True)
    """For errors and for people."""
    abandoned: int = field(kw_only=True, default=8, validator=count(8))
    """Sync calls that may run after they were given up. While as many do, no new one begins. Calls that had begun by then may
    come on top."""
    on_late: Callable[[LateResult], object] | None = field(kw_only=True, default=None, validator=plain_function)
    """Called in the worker thread when an abandoned call ends; what it raises is logged. Without it, late errors are logged."""
    _calls: Tally = field(factory=Tally, init=False, repr=False)
    _timeouts: Tally = field(factory=Tally, init=False, repr=False)
    _left: Abandoned = field(
        default=Factory(lambda self: Abandoned(self.name, self.abandoned), takes_self=True), init=False, repr=False
    )

    def statistics(self) -> TimeoutStatistics:
        """All that can be known of it, at this moment."""
        left = self._left
        return TimeoutStatistics(self._calls.value(), self._timeouts.value(), left.running, left.late, left.late_errors)

    def __str__(self) -> str:
        return f"{self.name}: within {self.within:g} s"

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        what, within, counted, struck = name_of(function), self.within, self._calls.add, self._struck

        async def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            counted()
            scope = scope_within(within)
            with scope:
                return await function(*args, **kwargs)
            if scope.cancelled_caught:
                raise struck(what)
            raise AssertionError("a cancel scope swallowed what was not its own")

        bear_name(timed, function)
        return timed

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        what = name_of(function)
        patience = min(self.within, threading.TIMEOUT_MAX)

        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            if in_a_loop():
                refuse_to_block(f"{what}, which a timeout waits for,", "an `async def`, or a worker thread (anyio.to_thread)")
            self._left.check()
            self._calls.add()
            over = threading.Lock()
            over.acquire()  # the worker thread releases it: the cheapest way to sleep until it does
            call = ThreadCall(
                lambda: cast("R", refuse_coroutine(function(*args, **kwargs))),
                lambda _: over.release(),
                lambda late: self._late(what, late),
            )
            call.start(what)
            try:
                over.acquire(timeout=patience)
            except BaseException:  # Ctrl-C: the call runs on, as after a timeout
                self._abandon(call)
                raise
            if self._abandon(call):
                raise self._struck(what)
            return call.result()

        bear_name(timed, function)
        return timed

    def _passage(self) -> Passage[Deadline]:
        self._calls.add()
        return _Timed(self)

    def _struck(self, what: str) -> CallTimeout:
        self._timeouts.add()
        return CallTimeout(what, self.within, name=None if self.name == NAME else self.name)

    def _struck_block(self) -> CallTimeout:
        return self._struck("a block" if self.name == NAME else self.name)

    def _abandon(self, call: ThreadCall[Any]) -> bool:
        abandoned = call.abandon()
        if abandoned:
            self._left.left()
        return abandoned

    def _late(self, what: str, call: ThreadCall[Any]) -> None:
        error = call.error
        self._left.over(failed=error is not None)
        if self.on_late is not None:
            tell(self.on_late, LateResult(self.name, what, error), self.name)
        elif error is not None:
            complain(f"{what} was given up, and failed later", cast("Exception", error), self.name)


class _Timed(Passage[Deadline]):
    __slots__ = ("_deadline", "_scope", "_timeout")

    def __init__(self, timeout: Timeout) -> None:
        self._timeout = timeout
        self._scope: anyio.CancelScope | None = None

    def enter(self) -> Deadline:
        clock = clock_here()
        self._deadline = Deadline(clock() + self._timeout.within, clock)
        return self._deadline

    def leave(self, error: BaseException | None) -> bool:
        if error is None and not self._deadline.remaining():
            raise self._timeout._struck_block()
        return False

    async def aenter(self) -> Deadline:
        """Cancellation: atomic; never waits."""
        scope = self._scope = scope_within(self._timeout.within)
        scope.__enter__()
        self._deadline = Deadline(scope.deadline, clock_here(), scope)
        return self._deadline

    async def aleave(self, error: BaseException | None) -> bool:
        """Cancellation: never waits; one that is not this timeout's own passes."""
        scope = self._scope
        if scope is None:
            raise AssertionError("left without having been entered")
        traceback = None if error is None else error.__traceback__
        ends_here = scope.__exit__(None if error is None else type(error), error, traceback)
        if scope.cancelled_caught:
            raise self._timeout._struck_block() from None
        return bool(ends_here)
