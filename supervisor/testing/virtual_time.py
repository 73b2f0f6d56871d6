"""Virtual time on both loops: a wait costs nothing, and time stands still while anything can run. With a seed, the order in
which tasks go on is repeated exactly.

trio has virtual time (`trio.testing.MockClock`); asyncio gets it here, by a selector that answers a wait by moving the loop's
clock. A worker thread (`anyio.to_thread`, `asyncio.to_thread`, the loop's executor, `trio.to_thread`) can still go on, so time
waits for it, up to `THREAD_PATIENCE` real seconds; then it is taken for one that itself waits for time to pass. Bytes on their
way through a socket, subprocesses and threads started by hand are not seen: such tests need real time.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

import anyio.to_thread
import trio

from supervisor.testing.private import TrioScheduler, check_loop, order_steps, set_clock_resolution
from supervisor.testing.seeding import SeededRun, label_of

if TYPE_CHECKING:
    from trio.testing import MockClock

__all__ = ["BACKENDS", "THREAD_PATIENCE", "VirtualTimeLoop", "virtual_backend"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BACKENDS = ("trio", "asyncio")
THREAD_PATIENCE = 5.0
"""Real seconds for which virtual time waits for a worker thread."""


class _JumpingSelector(selectors.SelectSelector):
    """Waits by moving the clock. Sockets still work: what is ready is seen before time moves.

    Args:
        at_work: how many worker threads are at work.
    """

    def __init__(self, at_work: Callable[[], int]) -> None:
        super().__init__()
        self.now = 0.0
        self.before_round: Callable[[], None] | None = None
        """Called before each round of the loop."""
        self._at_work = at_work
        self._resigned = 0
        """Threads that are not waited for any more."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.before_round is not None:
            self.before_round()
        ready = super().select(0)
        if ready or timeout is None:
            # Nothing scheduled: only a socket or another thread can go on, so wait for it in real time.
            return ready or super().select(None)
        if timeout > 0:
            at_work = self._at_work()
            self._resigned = min(self._resigned, at_work)
            if at_work > self._resigned:
                ready = super().select(THREAD_PATIENCE)
                if not ready:
                    self._resigned = at_work
                return ready
        self.now += max(timeout, 0.0)
        return ready


class _NumberedTask(asyncio.Task[Any]):
    """A task with a number of its own, by which sets of tasks are in the same order in each run."""

    def __init__(self, coroutine: Any, *, number: int, **kwargs: Any) -> None:
        self.number = number  # first: the constructor puts the task into a set
        super().__init__(coroutine, **kwargs)
        self.label = ""

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock starts at 0 and jumps to the next timer when nothing can run.

    Args:
        run: the seeded run that it is; None: tasks go on in asyncio's own order.
    """

    virtual_time = True
    """Read by `parking.time_is_virtual`."""

    def __init__(self, run: SeededRun | None = None) -> None:
        self._jumping = _JumpingSelector(self._threads_at_work)
        self._executing = 0
        self._seeded = run
        self._numbers = itertools.count(1)
        super().__init__(self._jumping)
        # A timer must be due once the clock has jumped to it: without this the loop spins on rounding errors,
        # which grow with the clock: a microsecond is enough for three hundred years.
        set_clock_resolution(self, 1e-6)
        if run is not None:
            check_loop(self)
            run.begin()
            self._jumping.before_round = self._order_round
            self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self._jumping.now

    def run_forever(self) -> None:
        if self._seeded is None:
            super().run_forever()
            return
        self._seeded.enter()
        try:
            super().run_forever()
        finally:
            self._seeded.leave()

    def run_in_executor(self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._executing += 1
        future.add_done_callback(self._executed)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the executor's threads. Cancellation: as for asyncio's own."""
        self._executing += 1  # a thread of its own waits for them, for 300 s at most: these must not pass at once
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._executing -= 1

    def _executed(self, _: object) -> None:
        self._executing -= 1

    def _threads_at_work(self) -> int:
        try:
            borrowed = anyio.to_thread.current_default_thread_limiter().borrowed_tokens
        except Exception:  # noqa: BLE001  # outside of anyio's reach there are no threads of anyio's
            borrowed = 0
        return self._executing + int(borrowed)

    def _new_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **kwargs: Any) -> asyncio.Task[Any]:
        assert self._seeded is not None  # noqa: S101  # only a seeded loop has this factory
        context = kwargs.pop("context", None) or copy_context()
        self._seeded.adopt(context)
        return _NumberedTask(coroutine, number=next(self._numbers), loop=loop, context=context, **kwargs)

    def _order_round(self) -> None:
        order_steps(self, self._order)

    def _order(self, tasks: list[asyncio.Task[Any]]) -> list[int]:
        """First by number, because which came first may be an accident of memory; then by the seed."""
        run = self._seeded
        assert run is not None  # noqa: S101  # only a seeded loop orders its rounds
        order = sorted(range(len(tasks)), key=lambda index: getattr(tasks[index], "number", 0))
        if len(order) > 1:
            run.schedule.shuffle(order)
        if run.trace is not None:
            for index in order:
                run.trace.record(f"{self.time():.6f} {_label(tasks[index])}")
        return order


def _label(task: asyncio.Task[Any]) -> str:
    if not isinstance(task, _NumberedTask):
        return "a task of another factory"
    if not task.label:
        task.label = label_of(task.get_name(), task.get_coro(), task.number)
    return task.label


class _WaitForThreads(trio.abc.Instrument):
    """Keeps a clock from jumping while a worker thread is at work."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._resigned = 0
        self._waiting_since = 0.0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        at_work = int(trio.to_thread.current_default_thread_limiter().borrowed_tokens)
        self._resigned = min(self._resigned, at_work)
        patience = THREAD_PATIENCE if at_work > self._resigned else 0.0
        if self._clock.autojump_threshold != patience:
            self._clock.autojump_threshold = patience

    def before_io_wait(self, timeout: float) -> None:
        self._waiting_since = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        if timeout > 0 and time.perf_counter() - self._waiting_since >= THREAD_PATIENCE:
            self._resigned = int(trio.to_thread.current_default_thread_limiter().borrowed_tokens)
            self._clock.autojump_threshold = 0.0


class SeededTrio(trio.abc.Instrument):
    """Has trio go on with its tasks in the order that a seed says: `trio.run(main, instruments=[SeededTrio(SeededRun(17))])`.

    Args:
        run: the seeded run that it is.
    """

    def __init__(self, run: SeededRun) -> None:
        self._run = run
        self._scheduler = TrioScheduler()
        self._labels: dict[trio.lowlevel.Task, str] = {}
        self._numbers = itertools.count(1)

    def before_run(self) -> None:
        self._run.begin()
        self._scheduler.seize(self._run.schedule)
        self._run.enter()

    def after_run(self) -> None:
        self._run.leave()
        self._scheduler.give_back()

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self._run.adopt(task.context)
        if self._run.trace is not None:
            self._labels[task] = label_of(task.name, task.coro, next(self._numbers))

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self._labels.pop(task, None)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._run.trace is not None:
            self._run.trace.record(f"{trio.current_time():.6f} {self._labels.get(task, task.name)}")


def virtual_backend(name: str, seed: int | None = None, run: SeededRun | None = None) -> tuple[str, dict[str, Any]]:
    """Backend name and options for `anyio.run` and for anyio's pytest fixture `anyio_backend`: virtual time, for one run.

    Args:
        name: `"trio"` or `"asyncio"`.
        seed: repeats the order in which tasks go on; None: the loop's own order, which on trio differs each time.
        run: the seeded run, where its trace is wanted; then `seed` is not looked at.

    Raises:
        ValueError: there is no such backend.
    """
    if name not in BACKENDS:
        raise ValueError(f"virtual_backend(name) got {name!r}; expected one of {', '.join(map(repr, BACKENDS))}")
    if run is None and seed is not None:
        run = SeededRun(seed)
    if name == "asyncio":
        return name, {"loop_factory": partial(VirtualTimeLoop, run)}
    from trio.testing import MockClock  # here, because trio.testing imports pytest where that is installed

    clock = MockClock(autojump_threshold=0)
    instruments: list[trio.abc.Instrument] = [_WaitForThreads(clock)]
    if run is not None:
        instruments.append(SeededTrio(run))
    return name, {"clock": clock, "instruments": instruments}
