"""One seeded run: the random numbers of its scheduler, its trees and its program, and the trace of what it did.

Seeded are: in which order tasks that can run go on; `Runtime.random` (jitter) and tree ids; the module `random`. Not seeded:
threads, sockets, the wall clock, `secrets`, `uuid` and the order of a set of texts, which differs from process to process
unless `PYTHONHASHSEED` is set. Two runs in one process have the same order, so no comparison finds it.
"""

from __future__ import annotations

import random
import re
import zlib
from contextvars import Context, ContextVar
from typing import Any

from supervisor.errors import SupervisorError
from supervisor.runtime import ENTROPY

__all__ = ["CURRENT_RUN", "NotDeterministic", "SeededRun", "Trace", "label_of", "note"]

STEPS_KEPT = 200_000
"""Steps of a run that are kept word for word. Of those after them only a checksum is."""

SHOWN = 500
"""Characters of a result in an error, at most."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class NotDeterministic(SupervisorError, AssertionError):
    """Two runs of one program with one seed were not the same.

    Args:
        backend: trio or asyncio.
        seed: of both runs.
        step: the first that differed, from 1.
        expected: what the first run did there; None: it had ended.
        got: what the second did; None: it had ended.
        before: what both did right before.
    """

    def __init__(
        self, backend: str, seed: int, step: int, expected: str | None, got: str | None, before: tuple[str, ...] = ()
    ) -> None:
        self.backend = backend
        self.seed = seed
        self.step = step
        self.expected = expected
        self.got = got
        self.before = before
        lines = [
            f"two runs with seed {seed} on {backend} differ, first at step {step}:",
            f"  the first run:  {expected or 'had ended'}",
            f"  the second run: {got or 'had ended'}",
            *(f"  before that, both: {line}" for line in before),
            "look for threads, sockets, the wall clock, secrets, uuid, id() and what an earlier run left behind",
        ]
        super().__init__("\n".join(lines))


class Trace:
    """What a run did, step by step; or, given what another did, a comparison with it.

    Args:
        expected: the trace of the first run; None: this is the first.
    """

    def __init__(self, expected: Trace | None = None) -> None:
        self.lines: list[str] = []
        self.count: int = 0
        self.difference: tuple[int, str | None, str | None] | None = None
        self._rest = 0
        self._expected = expected

    def record(self, line: str) -> None:
        """One more step."""
        self.count += 1
        if self.count > STEPS_KEPT:
            self._rest = zlib.crc32(line.encode(), self._rest)
            return
        self.lines.append(line)
        if self._expected is not None and self.difference is None:
            known = self._expected.lines
            expected = known[self.count - 1] if self.count <= len(known) else None
            if expected != line:
                self.difference = self.count, expected, line

    def end(self) -> None:
        """No more steps will come: the other run must have had no more either."""
        other = self._expected
        if other is None or self.difference is not None:
            return
        if self.count < other.count and self.count < STEPS_KEPT:
            self.difference = self.count + 1, other.lines[self.count], None
        elif (self.count, self._rest) != (other.count, other._rest):
            rest = f"{other.count} steps, of which only the first {STEPS_KEPT} are kept", f"{self.count} steps"
            self.difference = STEPS_KEPT + 1, *rest

    def results(self, first: object, second: object) -> None:
        """What the two runs returned is not equal. Where the runs themselves differed, that explains more."""
        if self.difference is None:
            self.difference = self.count + 1, _returned(first), _returned(second)

    def raise_difference(self, backend: str, seed: int) -> None:
        """Raises NotDeterministic if there was one."""
        if self.difference is not None:
            step, expected, got = self.difference
            before = tuple(self.lines[max(0, step - 6) : step - 1])
            raise NotDeterministic(backend, seed, step, expected, got, before)


def _returned(result: object) -> str:
    text = repr(result)
    return f"returned {text if len(text) <= SHOWN else text[:SHOWN] + '...'}"


class SeededRun:
    """One run with one seed.

    Args:
        seed: any whole number.
        trace: gets each step, or None.
    """

    def __init__(self, seed: int, trace: Trace | None = None) -> None:
        self.seed = seed
        self.trace = trace
        self._outside: Any = None
        self.begin()

    def begin(self) -> None:
        """All numbers from the beginning: one loop runs after another, where a test is run with many examples."""
        self.schedule: random.Random = random.Random(f"{self.seed} schedule")
        self.trees: random.Random = random.Random(f"{self.seed} trees")
        self._program = random.Random(f"{self.seed} program").getstate()

    def adopt(self, context: Context) -> None:
        """What runs in this context belongs to this run."""
        if context.get(CURRENT_RUN) is not self:
            context.run(CURRENT_RUN.set, self)
            context.run(ENTROPY.set, self.trees)

    def enter(self) -> None:
        """From now on the module `random` gives this run's numbers."""
        self._outside = random.getstate()
        random.setstate(self._program)

    def leave(self) -> None:
        """The module `random` goes on where it was."""
        if self._outside is not None:
            self._program = random.getstate()
            random.setstate(self._outside)
            self._outside = None


CURRENT_RUN: ContextVar[SeededRun | None] = ContextVar("CURRENT_RUN", default=None)
"""The seeded run that this task belongs to."""


def note(line: str) -> None:
    """Add a line of your own to what two runs of one seed are compared by; nothing happens outside of such a comparison.

    Args:
        line: what happened, without addresses and other things that differ from run to run.
    """
    run = CURRENT_RUN.get()
    if run is not None and run.trace is not None:
        run.trace.record(line)


def label_of(name: str, coroutine: Any, number: int) -> str:
    """A task's name, the same in each run."""
    if re.fullmatch(r"Task-\d+", name):  # asyncio counts them through the life of the process
        name = getattr(coroutine, "__qualname__", "task")
    return f"{_ADDRESS.sub('', name)} #{number}"
