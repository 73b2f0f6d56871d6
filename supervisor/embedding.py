"""Where a tree meets the world: `open_supervisor` in a running loop, `run` with a loop of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

from supervisor.branch import Branch
from supervisor.context import read_exit
from supervisor.errors import SpecError, StrayCancellation
from supervisor.events import TreeStarted, TreeStopped
from supervisor.exits import ExitReason, Shutdown, classify, error_of, is_fatal
from supervisor.handle import Supervisor
from supervisor.names import Names
from supervisor.parking import Parker, uninterrupted
from supervisor.ref import Place
from supervisor.runtime import Runtime
from supervisor.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisor.telemetry import LogSink, Sink
from supervisor.tree import EventQueue, SupervisorLife

__all__ = ["open_supervisor", "run"]

T = TypeVar("T")
RootSpec = SupervisorSpec | DynamicSupervisorSpec

INTERRUPT, ERROR, CANCELLATION = range(3)
"""What may come out of a tree, the gravest first."""


class _Root:
    """The root's own supervisor: it starts one life, and tells those who wait how it went.

    Args:
        spec: the root's spec.
        nursery: where the tree lives.
        sinks: who gets the events.
    """

    def __init__(self, spec: RootSpec, nursery: TaskGroup, sinks: Sequence[Sink]) -> None:
        self.runtime = Runtime(nursery, sinks)
        names = Names()
        place = Place(self.runtime, spec.id, None, (), names)
        self.branch = Branch(spec, place, names, self.runtime.store, Supervisor)
        self.life = SupervisorLife(spec.id, self.branch, 1, self, EventQueue())
        self.runtime.on_fatal = self.life.crash
        self.started = False
        self.reason: ExitReason | None = None
        self.body = anyio.CancelScope()
        self._parkers: dict[Parker, None] = {}

    @property
    def failure(self) -> BaseException | None:
        return error_of(self.reason)

    def begun(self) -> bool:
        """Whether it is started, or never will be."""
        return self.started or self.reason is not None

    def ended(self) -> bool:
        """Whether no life is left."""
        return self.reason is not None

    def begin(self) -> None:
        self.runtime.spawn(self.runtime.keep_time, name=f"{self.branch.place.path} timekeeper")
        self.life.begin()

    def life_started(self, life: SupervisorLife) -> None:
        self.started = True
        self.runtime.emit(TreeStarted(path=life.place.path, at=self.runtime.now()))
        self._changed()

    def life_ended(self, life: SupervisorLife, reason: ExitReason) -> None:
        self.reason = reason
        life.place.life_ended(life.incarnation, reason)
        self.branch.place.close()
        for key in list(self.branch.slots):
            self.branch.drop(key)
        if self.failure is not None:
            self.body.cancel()
        self.runtime.emit(TreeStopped(path=life.place.path, at=self.runtime.now(), reason=str(reason)))
        self.runtime.end_streams()
        self._changed()

    def life_overdue(self, life: SupervisorLife, stack: str) -> None:
        """Each life that does not end has been reported already."""

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Return when the root has changed so that the condition holds. Cancellation: atomic."""
        parker = self.runtime.parker()
        self._parkers[parker] = None
        try:
            while not condition():
                await parker.park()
        finally:
            del self._parkers[parker]

    def kill(self) -> None:
        """End all lives, now and at once."""
        if self.reason is None:
            self.life.kill()

    async def end(self, deadline: float | None, *, interrupted: bool) -> list[BaseException]:
        """Stop the tree in order, if it still runs, and wait for its end.

        Args:
            deadline: seconds until what still runs is killed; None: no bound.
            interrupted: whether this stop is itself due to Ctrl-C, so that another one kills.

        Returns:
            What tried to cut the wait, one of a kind: to be raised when the tree has ended.

        Cancellation: shielded; the deadline bounds it, as far as lives can be ended at all.
        """
        cuts: dict[int, BaseException] = {}
        with anyio.CancelScope(shield=True):
            if self.reason is None:
                timer = None if deadline is None else self.runtime.timekeeper.after(deadline, self.kill)
                self.life.request_stop(Shutdown())
                while not self.ended():
                    try:
                        await self.wait(self.ended)
                    except BaseException as error:  # noqa: BLE001  # a native task.cancel(), or Ctrl-C
                        cuts.setdefault(_rank(error), error)
                        if _rank(error) == INTERRUPT:
                            if interrupted:
                                self.kill()  # again: somebody is in a hurry
                            interrupted = True
                if timer is not None:
                    self.runtime.timekeeper.cancel(timer)
        self.runtime.close()
        return list(cuts.values())

    def _changed(self) -> None:
        for parker in self._parkers:
            parker.unpark()


@asynccontextmanager
@uninterrupted
async def open_supervisor(
    spec: RootSpec, *, sinks: Sequence[Sink] = (), deadline: float | None = None
) -> AsyncIterator[Supervisor]:
    """Run a tree for as long as the block lasts: `async with open_supervisor(spec) as root: ...`.

    The block begins when every static child is started. Leaving it, by whatever way, stops the tree in order. If the tree
    fails, the block is cancelled and the failure is raised bare; an error of the block stops the tree and wins, unless the tree
    ended with a `KeyboardInterrupt`, a `SystemExit` or the like; a tree that ends cleanly by itself leaves the block running.

    Ctrl-C does not strike in the middle of the tree's work: it comes to the loop's main task, and the tree stops in order; a
    second one kills what is left. A handler that blocks the loop delays it until then.

    Args:
        spec: the root.
        sinks: who gets the events; by default warnings and errors go to structlog.
        deadline: seconds for an ordered stop; what runs then is killed. None: each child's own grace is all that bounds it.

    Raises:
        StartError: a child did not start; its error is the cause.
        RestartIntensityExceeded: the root gave up; the last child's error is the cause.

    Cancellation: entering and leaving stop the tree in order, shielded, before the cancellation goes on.
    """
    _check(spec, sinks, deadline)
    async with _opened(spec, sinks, deadline) as root:
        yield root.branch.handle


def _check(spec: object, sinks: object, deadline: object) -> None:
    """Refuse wrong arguments before anything runs: inside, they would surface as a group, or as a stop that never comes."""
    if not isinstance(spec, RootSpec):
        raise SpecError(
            "the root's spec", spec, "a SupervisorSpec or DynamicSupervisorSpec, such as SupervisorSpec('root', [...])"
        )
    if not isinstance(sinks, Sequence) or not all(callable(sink) for sink in sinks):
        raise SpecError("sinks", sinks, "a list of functions of an event, such as [LogSink()]")
    if deadline is not None and (isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline >= 0):
        raise SpecError("deadline", deadline, "seconds from 0, such as 9.0, or None")


@asynccontextmanager
@uninterrupted
async def _opened(
    spec: RootSpec, sinks: Sequence[Sink], deadline: float | None, announce: Callable[[_Root], None] | None = None
) -> AsyncIterator[_Root]:
    """The whole of `open_supervisor`. `announce` gets the root before it starts. Cancellation: as there."""
    errors: list[BaseException] = []
    try:
        async with anyio.create_task_group() as nursery:
            root = _Root(spec, nursery, sinks or (LogSink(),))
            try:
                if announce is not None:
                    announce(root)
                root.begin()
                with root.body:
                    await root.wait(root.begun)
                    if root.failure is None:
                        yield root
            except BaseException as error:  # noqa: BLE001  # raised again below: in here it would be wrapped in a group
                errors.append(error)
            errors += await root.end(deadline, interrupted=any(_rank(error) == INTERRUPT for error in errors))
            if root.failure is not None:
                errors.append(root.failure)
    except BaseException as error:  # noqa: BLE001  # leaving a nursery: asyncio cancels there, on trio Ctrl-C comes, in a group
        errors.append(error_of(classify(error)) or error)
    if errors:
        first = min(errors, key=_rank)
        for other in errors:
            if other is not first and _rank(other) < CANCELLATION:
                first.add_note(f"another error came with it: {other!r}")
        raise first


def _rank(error: BaseException) -> int:
    """Which of several errors comes out of a tree: Ctrl-C is never hidden by an error, nor an error by a cancellation."""
    reason = read_exit(error, "")
    if is_fatal(reason):
        return INTERRUPT
    return CANCELLATION if isinstance(error_of(reason), StrayCancellation) else ERROR


def run(
    spec: RootSpec,
    main: Callable[[Supervisor], Awaitable[T]] | None = None,
    *,
    backend: str = "trio",
    deadline: float | None = 9.0,
    sinks: Sequence[Sink] = (),
) -> T | None:
    """Run a tree in a loop of its own, until `main` returns, a signal comes, or the tree ends.

    SIGINT and SIGTERM stop the tree in order; a second one kills what is left.

    Args:
        spec: the root.
        main: called with the root when it is started; None: run until the tree ends.
        backend: trio or asyncio.
        deadline: seconds for an ordered stop. Nine, because whoever sends a SIGKILL usually waits ten.
        sinks: as for `open_supervisor`.

    Returns:
        What `main` returned; None after a signal, or without `main`.

    Raises:
        BaseException: what `main` raised, or the tree's failure.
    """
    _check(spec, sinks, deadline)
    if main is not None and not callable(main):
        raise SpecError("main", main, "an async function that takes the root, or None")
    result: T | None = anyio.run(_run, spec, main, deadline, sinks, backend=backend)
    return result


async def _run(
    spec: RootSpec,
    main: Callable[[Supervisor], Awaitable[T]] | None,
    deadline: float | None,
    sinks: Sequence[Sink],
) -> T | None:
    """The whole of `run`, in its loop. Cancellation: stops the tree in order."""
    result: T | None = None
    outcome: BaseException | None = None
    stopper = _Stopper()
    async with anyio.create_task_group() as group:
        if threading.current_thread() is threading.main_thread():  # signals come to the main thread, or not at all
            await group.start(stopper.heed_signals)
        try:
            with stopper.scope:
                async with _opened(spec, sinks, deadline, stopper.announce) as root:
                    if main is not None:
                        result = await main(root.branch.handle)
                    else:
                        await root.wait(root.ended)
        except BaseException as error:  # noqa: BLE001  # raised again below, outside the group
            outcome = error
        group.cancel_scope.cancel()
    if outcome is not None:
        raise outcome
    return result


class _Stopper:
    """Heeds signals: the first stops in order, the second hurries."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self._root: _Root | None = None

    def announce(self, root: _Root) -> None:
        """This is the tree that a second signal kills."""
        self._root = root

    async def heed_signals(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Heed signals for ever. Cancellation: atomic."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                if self.scope.cancel_called and self._root is not None:
                    self._root.kill()
                self.scope.cancel()
