"""The root of a tree: it has no supervisor above it, so what comes out of it is settled here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from inspect import isasyncgenfunction, iscoroutinefunction
from os import PathLike
from typing import Any

import anyio
import attrs
from attrs import field, frozen

from supervisor.asking import Asking
from supervisor.branch import Branch
from supervisor.child import path_in
from supervisor.control.socket_file import check_control_path
from supervisor.diagnostics import QUIET, Diagnostics
from supervisor.errors import SpecError, StoreError, StrayCancellation
from supervisor.events import SlowHandler, StoreFailing, TreeStarted, TreeStopped
from supervisor.exits import ExitReason, Shutdown, classify, error_of, is_fatal
from supervisor.handle import Supervisor
from supervisor.loop_watch import LoopWatch
from supervisor.names import Names
from supervisor.nursery import Nursery, open_nursery
from supervisor.parking import Parker, uninterrupted
from supervisor.place import Place
from supervisor.runtime import Runtime
from supervisor.spawned import read_exit
from supervisor.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisor.store import DurableStore
from supervisor.stores import Stores
from supervisor.telemetry import LogSink, Sink
from supervisor.tree import EventQueue, SupervisorLife

__all__ = ["Root", "RootSpec", "Terms", "check_root", "opened"]

RootSpec = SupervisorSpec | DynamicSupervisorSpec

INTERRUPT, ERROR, CANCELLATION = range(3)
"""What may come out of a tree, the gravest first."""


def check_root(spec: object) -> None:
    """Refuse what is no root before anything runs: inside, it would surface as a group."""
    if not isinstance(spec, RootSpec):
        raise SpecError(
            "the root's spec", spec, "a SupervisorSpec or DynamicSupervisorSpec, such as SupervisorSpec('root', [...])"
        )


def _sinks(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Sequence) or not all(callable(sink) for sink in value):
        raise SpecError("sinks", value, "a list of functions of an event, such as [LogSink()]")
    for sink in value:
        if any(iscoroutinefunction(one) or isasyncgenfunction(one) for one in (sink, getattr(sink, "__call__", None))):  # noqa: B004  # the method
            raise SpecError("sinks", sink, "functions that are not async: nobody would await them; read root.events() instead")


def _deadline(_: object, __: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
        raise SpecError("deadline", value, "seconds from 0, such as 9.0, or None")


def _diagnostics(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Diagnostics):
        raise SpecError("diagnostics", value, "Diagnostics(...), such as DEBUG")


@frozen
class Terms:
    """On which terms a tree runs: what `open_supervisor`, `run` and `background` have in common. Checked when it is built."""

    sinks: Sequence[Sink] = field(default=(), validator=_sinks)
    deadline: float | None = field(default=None, validator=_deadline)
    diagnostics: Diagnostics = field(default=QUIET, validator=_diagnostics)
    control: str | PathLike[str] | None = None

    @property
    def socket(self) -> str | None:
        """Where the control socket is to be."""
        return check_control_path(self.control)

    def __attrs_post_init__(self) -> None:
        check_control_path(self.control)


class Root:
    """The root's own supervisor: it starts one life, and tells those who wait how it went.

    Args:
        spec: the root's spec.
        terms: on which terms it runs.
        nursery: where the tree lives.
        stores: the durable stores that are open.
    """

    def __init__(self, spec: RootSpec, terms: Terms, nursery: Nursery, stores: Stores) -> None:
        self.runtime: Runtime = Runtime(nursery, terms.sinks or (LogSink(),), stores)
        stores.report = self._store_changed
        names = Names()
        place = Place(self.runtime, spec.id, None, (), names)
        self.branch: Branch = Branch(spec, place, names, self.runtime.store, Supervisor)
        self.life: SupervisorLife = SupervisorLife(spec.id, self.branch, 1, self, EventQueue())
        self.runtime.telemetry.on_fatal = self.life.crash
        self._watch: LoopWatch | None = None
        self._diagnose(terms.diagnostics)
        self.started: bool = False
        self.reason: ExitReason | None = None
        """How it ended."""
        self.body: anyio.CancelScope = anyio.CancelScope()
        self._parkers: dict[Parker, None] = {}

    @property
    def failure(self) -> BaseException | None:
        """What it failed with, if it did."""
        return error_of(self.reason)

    def begun(self) -> bool:
        """Whether it is started, or never will be."""
        return self.started or self.reason is not None

    def ended(self) -> bool:
        """Whether no life is left."""
        return self.reason is not None

    def begin(self) -> None:
        """Start the tree."""
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
        self.runtime.asking = Asking() if diagnostics.ask_cycles else None
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
async def opened(spec: RootSpec, terms: Terms, announce: Callable[[Root], None] = lambda root: None) -> AsyncIterator[Root]:
    """The whole of `open_supervisor` but its socket. `announce` gets the root before it starts. Cancellation: as there."""
    errors: list[BaseException] = []
    stores = Stores()
    try:
        stores.open_all(spec)
        async with open_nursery() as nursery:
            root = Root(spec, terms, nursery, stores)
            try:
                announce(root)
                root.begin()
                with root.body:
                    await root.wait(root.begun)
                    if root.failure is None:
                        yield root
            except BaseException as error:  # noqa: BLE001  # raised again below: in here it would be wrapped in a group
                errors.append(error)
            errors += await root.end(terms.deadline, interrupted=any(_rank(error) == INTERRUPT for error in errors))
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
