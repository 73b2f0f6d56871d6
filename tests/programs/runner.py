"""Runs a program on one loop, in virtual time, and says what was wrong."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import anyio
import trio

from supervisor import open_supervisor
from supervisor.testing import CannotSeed, run_seeded, virtual_backend
from tests.programs.children import spec_of
from tests.programs.generator import generate
from tests.programs.journal import Journal
from tests.programs.mistakes import ProgramError
from tests.programs.people import drive
from tests.programs.post import Post
from tests.programs.program import Driver, Program
from tests.programs.verdict import at_rest, check_end, check_outcome, check_quiet

__all__ = ["ProgramFailed", "run_program", "run_seed"]

QUIET_AFTER = 60.0
"""Seconds without anybody's interference after which every script has come to its end."""
LONGEST_SHIELD = 4.0
HANGS_AFTER = 1000.0
REAL_SECONDS = 10


class ProgramFailed(AssertionError):
    """What was wrong with a program, and how to run it again."""

    def __init__(self, program: Program, backend: str, problems: list[str]) -> None:
        found = "\n  ".join(problems[:10])
        again = f"python -m tests.programs {program.seed} --backend {backend}"
        super().__init__(f"seed {program.seed} on {backend}:\n  {found}\n\n{program}\n\nAgain: {again}")
        self.seed = program.seed
        self.backend = backend
        self.problems = problems


class StuckError(BaseException):
    """The program takes real time: it hangs, or runs in a circle."""


def run_seed(seed: int, backend: str) -> set[str]:
    """Run the program of a seed.

    Returns:
        What has occurred in it.

    Raises:
        ProgramFailed: something was wrong.
    """
    program = generate(seed)
    seen: set[str] = set()
    problems = run_program(program, backend, seen)
    if problems:
        raise ProgramFailed(program, backend, problems)
    return seen


def run_program(program: Program, backend: str, seen: set[str] | None = None) -> list[str]:
    """Run it, and say what was wrong; and what has occurred, into `seen`."""
    problems: list[str] = []
    run = _Run(program, problems)
    run.journal.seen = set() if seen is None else seen
    try:
        with _real_time_bounded():
            _run_in_loop(run.main, backend, program.seed)
    except BaseException as error:  # whatever it is, it is to be printed with the program
        if isinstance(error, KeyboardInterrupt):
            raise
        problems.append(f"the program ended with {error!r}")
    return problems


def _run_in_loop(main: Callable[[], Awaitable[None]], backend: str, seed: int) -> None:
    """In virtual time, the tasks in an order that the seed repeats; where this loop cannot be seeded, in its own."""
    try:
        run_seeded(main, backend=backend, seed=seed)
    except CannotSeed:
        name, options = virtual_backend(backend)
        anyio.run(main, backend=name, backend_options=options)


@contextmanager
def _real_time_bounded() -> Iterator[None]:
    """A program that waits for ever would stop all tests."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stuck(_: int, frame: FrameType | None) -> None:
        raise StuckError(f"it runs for more than {REAL_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(REAL_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class _Run:
    """One run of one program."""

    def __init__(self, program: Program, problems: list[str]) -> None:
        self.program = program
        self.problems = problems
        self.journal = Journal(program.tree, anyio.current_time)
        self.journal.problems = problems
        self.post = Post(self.journal)
        self.driving = 0
        self.idle: Any = None
        self.scope: Any = None
        self.stop_at = 0.0

    async def main(self) -> None:
        """The whole program."""
        self.idle = anyio.Event()
        self.scope = anyio.CancelScope()
        error: BaseException | None = None
        with anyio.move_on_after(HANGS_AFTER) as patience:
            async with anyio.create_task_group() as outside:
                self.post.outside = outside
                try:
                    with self.scope:
                        await self.tree()
                except Exception as caught:
                    error = caught
                self.check_deadline()
        if patience.cancelled_caught:
            self.journal.problem("somebody waits for ever")
        check_outcome(self.journal, self.program.end, error, cancelled=self.scope.cancelled_caught)
        check_end(self.post)
        self.check_tasks()

    async def tree(self) -> None:
        """Open the tree, and do what the program says until it is to end."""
        if self.program.end == "cancel":
            self.post.outside.start_soon(self.cancel_later)
        spec: Any = spec_of(self.program.tree, self.post)
        async with open_supervisor(spec, sinks=[self.journal.event], deadline=self.program.deadline) as root:
            self.post.root = root
            for driver in self.program.drivers:
                self.driving += 1
                self.post.outside.start_soon(self.drive, driver)
            try:
                await self.body()
            finally:
                self.stop_begins()

    async def body(self) -> None:
        match self.program.end:
            case "quiet":
                await self.idle.wait()
                await anyio.sleep(QUIET_AFTER)
                await check_quiet(self.post)
            case "cancel":
                await anyio.sleep_forever()
            case _:
                await anyio.sleep(self.program.end_at)
                if self.program.end == "error":
                    raise ProgramError("of the body")

    async def cancel_later(self) -> None:
        await anyio.sleep(self.program.end_at)
        self.deadline_begins()
        self.scope.cancel()

    async def drive(self, driver: Driver) -> None:
        try:
            await drive(driver, self.post)
        finally:
            self.driving -= 1
            if not self.driving:
                self.idle.set()

    def stop_begins(self) -> None:
        assert self.post.root is not None
        self.stop_at = anyio.current_time()
        self.deadline_begins()
        self.journal.stop_begins(at_rest(self.post.root))

    def deadline_begins(self) -> None:
        """From now on anybody may be killed before its own grace is over."""
        if self.program.deadline is not None:
            self.journal.killed.add("root")

    def check_deadline(self) -> None:
        deadline, now = self.program.deadline, anyio.current_time()
        if self.stop_at and deadline is not None and now > self.stop_at + deadline + LONGEST_SHIELD:
            self.journal.problem(f"the stop took {now - self.stop_at} s, with a deadline of {deadline}")

    def check_tasks(self) -> None:
        if trio.lowlevel.in_trio_run():
            return  # no nursery could be left with a task in it
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            self.journal.problem(f"tasks are left: {left}")
