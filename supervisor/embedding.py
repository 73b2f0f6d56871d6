"""Where a tree meets the world: `open_supervisor` in a running loop, `run` with a loop of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

from supervisor.branch import Branch
from supervisor.child import path_in
from supervisor.control import ControlSocket, control_socket
from supervisor.diagnostics import QUIET, Diagnostics
from supervisor.errors import SpecError, StoreError, StrayCancellation
from supervisor.events import SlowHandler, StoreFailing, TreeStarted, TreeStopped
from supervisor.exits import ExitReason, Shutdown, classify, error_of, is_fatal
from supervisor.handle import Supervisor
from supervisor.loop_watch import LoopWatch
from supervisor.names import Names
from supervisor.parking import Parker, uninterrupted
from supervisor.place import Place
from supervisor.runtime import Runtime
from supervisor.socket_file import check_control_path
from supervisor.spawned import read_exit
from supervisor.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisor.store import DurableStore
from supervisor.stores import Stores
from supervisor.telemetry import LogSink, Sink
from supervisor.tree import EventQueue, SupervisorLife

__all__ = ["open_supervisor", "run"]

T = TypeVar("T")
RootSpec = SupervisorSpec | DynamicSupervisorSpec

OWN_LOOP = Diagnostics(slow_handler=1.0)
"""What a tree with a loop of its own looks for."""
INTERRUPT, ERROR, CANCELLATION = range(3)
"""What may come out of a tree, the gravest first."""


class _Root:
    """The root's own supervisor: it starts one life, and tells those who wait how it went.

    Args:
        spec: the root's spec.
        nursery: where the tree lives.
        sinks: who gets the events.
        diagnostics: what to look for.
        stores: the durable stores that are open.
    """

    def __init__(
        self, spec: RootSpec, nursery: TaskGroup, sinks: Sequence[Sink], diagnostics: Diagnostics, stores: Stores
    ) -> None:
        self.runtime = Runtime(nursery, sinks, stores)
        stores.report = self._store_changed
        names = Names()
        place = Place(self.runtime, spec.id, None, (), names)
        self.branch = Branch(spec, place, names, self.runtime.store, Supervisor)
        self.life = SupervisorLife(spec.id, self.branch, 1, self, EventQueue())
        self.runtime.on_fatal = self.life.crash
        self._watch: LoopWatch | None = None
        self._diagnose(diagnostics)
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
        if self._watch is not None:
            self._watch.start()
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

    def _diagnose(self, diagnostics: Diagnostics) -> None:
        self.runtime.asks = {} if diagnostics.ask_cycles else None
        self.runtime.disclose = diagnostics.disclose
        if diagnostics.slow_handler is not None:
            self._watch = LoopWatch(diagnostics.slow_handler, path_in, self._loop_was_held)

    def _loop_was_held(self, seconds: float, path: str | None, stack: str) -> None:
        held = SlowHandler(path=path or self.branch.place.path, at=self.runtime.now(), seconds=seconds, stack=stack)
        self.runtime.emit(held)

    def _store_changed(self, store: DurableStore, error: StoreError | None) -> None:
        at, path = self.runtime.now(), self.branch.place.path
        words = None if error is None else str(error)
        self.runtime.emit(StoreFailing(path=path, at=at, store=str(getattr(store, "path", store)), error=words))

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
        if self._watch is not None:
            self._watch.close()
        self.runtime.close()
        return list(cuts.values())

    def _changed(self) -> None:
        for parker in self._parkers:
            parker.unpark()


@asynccontextmanager
@uninterrupted
async def open_supervisor(
    spec: RootSpec,
    *,
    sinks: Sequence[Sink] = (),
    deadline: float | None = None,
    diagnostics: Diagnostics = QUIET,
    control: str | PathLike[str] | None = None,
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
        diagnostics: what to look for; `DEBUG` while developing.
        control: where to make a socket for `oneforone tree`; only the owner of the process may connect. None: no socket.

    Raises:
        SpecError: a wrong argument, or there is something else where the socket should be; nothing was started.
        StartError: a child did not start; its error is the cause.
        RestartIntensityExceeded: the root gave up; the last child's error is the cause.
        StoreError: a store that the spec names cannot be used, and nothing was started; or, at the end, something that was
            remembered could not be written.

    Cancellation: entering and leaving stop the tree in order, shielded, before the cancellation goes on.
    """
    _check(spec, sinks, deadline, diagnostics)
    path = check_control_path(control)
    async with control_socket(path) as door, _opened(spec, sinks, deadline, diagnostics, _attended(door)) as root:
        yield root.branch.handle


def _attended(door: ControlSocket | None, also: Callable[[_Root], None] | None = None) -> Callable[[_Root], None]:
    """What is done with a root before it starts: whoever looks sees it start, too."""

    def announce(root: _Root) -> None:
        if also is not None:
            also(root)
        if door is not None:
            door.attend(root.runtime, root.branch.handle)

    return announce


def _check(spec: object, sinks: object, deadline: object, diagnostics: object) -> None:
    """Refuse wrong arguments before anything runs: inside, they would surface as a group, or as a stop that never comes."""
    if not isinstance(spec, RootSpec):
        raise SpecError(
            "the root's spec", spec, "a SupervisorSpec or DynamicSupervisorSpec, such as SupervisorSpec('root', [...])"
        )
    if not isinstance(sinks, Sequence) or not all(callable(sink) for sink in sinks):
        raise SpecError("sinks", sinks, "a list of functions of an event, such as [LogSink()]")
    if deadline is not None and (isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline >= 0):
        raise SpecError("deadline", deadline, "seconds from 0, such as 9.0, or None")
    if not isinstance(diagnostics, Diagnostics):
        raise SpecError("diagnostics", diagnostics, "Diagnostics(...), such as DEBUG")


def _check_loop(backend: object, options: object) -> None:
    """Refuse what is no loop, before anything runs."""
    if backend not in anyio.get_all_backends():
        raise SpecError("backend", backend, "'trio' or 'asyncio'; uvloop is asyncio with backend_options={'use_uvloop': True}")
    if options is not None and not isinstance(options, Mapping):
        raise SpecError("backend_options", options, "a dict for anyio.run, such as {'use_uvloop': True}, or None")


@asynccontextmanager
@uninterrupted
async def _opened(
    spec: RootSpec,
    sinks: Sequence[Sink],
    deadline: float | None,
    diagnostics: Diagnostics,
    announce: Callable[[_Root], None] | None = None,
) -> AsyncIterator[_Root]:
    """The whole of `open_supervisor`. `announce` gets the root before it starts. Cancellation: as there."""
    errors: list[BaseException] = []
    stores = Stores()
    try:
        stores.open_all(spec)
        async with anyio.create_task_group() as nursery:
            root = _Root(spec, nursery, sinks or (LogSink(),), diagnostics, stores)
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
    errors += await stores.close()
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
    diagnostics: Diagnostics = OWN_LOOP,
    backend_options: Mapping[str, Any] | None = None,
    control: str | PathLike[str] | None = None,
) -> T | None:
    """Run a tree in a loop of its own, until `main` returns, a signal comes, or the tree ends.

    SIGINT and SIGTERM stop the tree in order; a second one kills what is left. They come to the main thread only: in another
    one, `run` heeds none, and ends with `main` or the tree.

    `run` never exits the process. A program that ends with it has the exit code 0 when `main` returned, a signal came or the
    tree ended cleanly; 1, with a traceback, when `main` or the tree failed; what `SystemExit` says when `main` or a child
    raised that; and it dies of SIGINT, 130 to a shell, when one raised `KeyboardInterrupt`.

    Args:
        spec: the root.
        main: called with the root when it is started; None: run until the tree ends.
        backend: trio or asyncio.
        deadline: seconds for an ordered stop. Nine, because whoever sends a SIGKILL usually waits ten.
        sinks: as for `open_supervisor`.
        diagnostics: what to look for; by default, handlers that hold the loop for more than a second.
        backend_options: for `anyio.run`, such as `{"use_uvloop": True}` with asyncio.
        control: as for `open_supervisor`.

    Returns:
        What `main` returned; None after a signal, or without `main`.

    Raises:
        BaseException: what `main` raised, or the tree's failure.
    """
    _check(spec, sinks, deadline, diagnostics)
    _check_loop(backend, backend_options)
    if main is not None and not callable(main):
        raise SpecError("main", main, "an async function that takes the root, or None")
    path = check_control_path(control)
    options = dict(backend_options or {})
    result: T | None = anyio.run(_run, spec, main, deadline, sinks, diagnostics, path, backend=backend, backend_options=options)
    return result


async def _run(
    spec: RootSpec,
    main: Callable[[Supervisor], Awaitable[T]] | None,
    deadline: float | None,
    sinks: Sequence[Sink],
    diagnostics: Diagnostics,
    control: str | None = None,
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
                async with (
                    control_socket(control) as door,
                    _opened(spec, sinks, deadline, diagnostics, _attended(door, stopper.announce)) as root,
                ):
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
