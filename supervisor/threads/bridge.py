"""Bridge: calls from any thread into the loop of a tree.

Rules
    1. Who calls queues the call, then reads `closed`; who closes sets it, then fails what is queued. So each call is answered
       by one of the two, whichever comes first, and none waits for ever.
    2. No lock is held anywhere: a garbage collection in the middle of a call may post one of its own, in the same thread.
    3. A thread that is interrupted while it waits abandons its call: what was queued is not begun, what was begun is cancelled.
    4. A call is carried out in a task of the loop, never in a bare callback: that is what all code of a tree counts on. It gets
       nothing of its caller's context but the place it calls from, so that an actor that waits for itself is told so.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

import anyio
from anyio.abc import TaskGroup

from supervisor.errors import NoSuchActor
from supervisor.parking import Parker, give_way, parker_type, threadsafe_caller
from supervisor.place import CURRENT_PLACE

__all__ = ["Bridge"]

T = TypeVar("T")

BATCH = 100
"""Calls that are begun before the other tasks of the loop get their turn."""


class Leftover(Protocol):
    """A reader that keeps what is left when the loop ends."""

    async def gather(self) -> None: ...


class Bridge:
    """The way into one loop. Threads `call`, `wait_for` and `post`; a task of the loop runs `serve`.

    Args:
        failure: what the tree failed with, if it did: the cause of every refusal from then on.
    """

    def __init__(self, failure: Callable[[], BaseException | None]) -> None:
        self.closed: bool = False
        self.readers: WeakSet[Leftover] = WeakSet()
        """Whose owners may go on reading when the loop has ended."""
        self._failure = failure
        self._queue: deque[_Call] = deque()
        self._thread: int | None = None
        self._wake_soon: Callable[[Callable[[], None]], bool] | None = None
        self._parker: Parker | None = None

    # ---- in any thread

    def call(self, path: str, function: Callable[[], T]) -> T:
        """Run a function in the loop and return what it returns, or raise what it raises.

        Args:
            path: whom it concerns, for the errors.
            function: takes no time.

        Raises:
            NoSuchActor: the loop has ended; the tree's failure is the cause.
            RuntimeError: this is the loop's own thread.
        """
        result: T = self._answer(_Call(path, function, waits=False))
        return result

    def wait_for(self, path: str, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function in the loop, in a task of its own. Arguments and errors as for `call`."""
        result: T = self._answer(_Call(path, function, waits=True))
        return result

    def post(self, function: Callable[[], object]) -> None:
        """Run a function in the loop some time soon, or not at all if the loop ends. Never waits, never raises."""
        self._send(_Call("", function, waits=False))

    def _answer(self, call: _Call) -> Any:
        if threading.get_ident() == self._thread:
            raise RuntimeError(
                f"a blocking call to {call.path} in the thread of its own loop would wait for itself; "
                "in a handler use the async one: self.lookup(NAME), self.context.supervisor, or the `ref` of a BlockingRef"
            )
        self._send(call)
        try:
            call.answered.wait()
        except BaseException:  # Ctrl-C, in the main thread
            call.abandoned = True
            self.post(call.cut)
            raise
        return call.result()

    def _send(self, call: _Call) -> None:
        self._queue.append(call)
        # The loop can go in this very moment, and the bridge with it: then nobody is woken.
        if self.closed or (self._wake_soon is not None and not self._wake_soon(self._wake)):
            self._refuse_queued()

    def _refuse_queued(self) -> None:
        while self._queue:
            try:
                call = self._queue.popleft()
            except IndexError:  # another thread refuses too
                return
            call.fail(self._refusal(call.path))

    def _refusal(self, path: str) -> NoSuchActor:
        refusal = NoSuchActor(path)
        refusal.__cause__ = self._failure()
        refusal.add_note("the block of background() was left, and its tree has ended")
        return refusal

    # ---- in the loop

    async def serve(self) -> None:
        """Carry out the calls. Runs once.

        Cancellation: what is under way is cancelled and fails with `NoSuchActor`, and so does whatever comes later.
        """
        self._parker = parker_type()()
        self._thread = threading.get_ident()
        self._wake_soon = threadsafe_caller()
        try:
            async with anyio.create_task_group() as calls:
                while True:
                    for _ in range(BATCH):
                        if not self._queue:
                            break
                        self._begin(self._queue.popleft(), calls)
                    if self._queue:
                        await give_way()
                    else:
                        await self._parker.park()
        finally:
            self.close()

    async def gather(self) -> None:
        """The tree has ended, and its loop is about to. Cancellation: does not come; nothing waits here."""
        for reader in list(self.readers):
            await reader.gather()

    def close(self) -> None:
        """Refuse all calls from now on."""
        self.closed = True
        self._thread = None
        self._refuse_queued()

    def _wake(self) -> None:
        if self._parker is not None:
            self._parker.unpark()

    def _begin(self, call: _Call, calls: TaskGroup) -> None:
        if call.abandoned:
            return
        if call.waits:
            calls.start_soon(self._carry_out, call, name=f"call to {call.path}")
            return
        try:
            call.give(call.function())
        except BaseException as error:  # noqa: BLE001  # it is the caller's: it is raised in the thread that asked
            call.fail(self._explained(error))

    async def _carry_out(self, call: _Call) -> None:
        """Do what takes time. Cancellation: the call fails with `NoSuchActor`."""
        CURRENT_PLACE.set(call.place)
        try:
            with anyio.CancelScope() as call.scope:
                if call.abandoned:
                    return
                call.give(await call.function())
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001  # as above
            call.fail(self._explained(error))
        finally:
            if not call.answered.is_set():
                call.fail(self._refusal(call.path))

    def _explained(self, error: BaseException) -> BaseException:
        if isinstance(error, NoSuchActor) and error.__cause__ is None:
            error.__cause__ = self._failure()
        return error


class _Call:
    """One call on its way, and what came of it. It is answered once: the first answer counts."""

    __slots__ = ("_error", "_value", "abandoned", "answered", "function", "path", "place", "scope", "waits")

    def __init__(self, path: str, function: Callable[[], Any], *, waits: bool) -> None:
        self.path = path
        self.function = function
        self.waits = waits
        self.place = CURRENT_PLACE.get()
        self.abandoned = False
        self.answered = threading.Event()
        self.scope: anyio.CancelScope | None = None
        self._value: Any = None
        self._error: BaseException | None = None

    def give(self, value: Any) -> None:
        """Answer. In the loop."""
        if not self.answered.is_set():
            self._value = value
            self.answered.set()

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self.answered.is_set():
            self._error = error
            self.answered.set()

    def cut(self) -> None:
        """Nobody waits any more. In the loop."""
        if self.scope is not None:
            self.scope.cancel()

    def result(self) -> Any:
        """The answer, once it is there."""
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._value
        finally:
            del error  # its traceback holds this frame: a cycle, with all that the caller's frames hold
