"""What a piece of code costs, counted: the same on every machine, and the same twice.

Two counts, as neither sees all:

* **Instructions** of bytecode that this thread executes, in whatever frame: ours, anyio's, trio's, asyncio's. A tracing
  function sees them in the same way on each version of Python that we support; `sys.monitoring` is not there in 3.11. How
  many there are differs between versions, so only counts of one run are compared.
* **Memory** that is held beyond what was held at the start, at its highest, in bytes. A loop that C runs is one instruction,
  however long it is; but `tuple(subscribers)`, `list(timers)` and `sorted(children)` make a copy, and a copy of a thousand has
  8 kB. A container that is grown counts with its whole new size.

A search that C makes and that copies nothing, `list.remove` or `in` on a deque, is seen where what it meets compares in Python:
so what is measured has ids and messages with an `__eq__` in Python (`framework/growth.py`).

Not seen: such a search over what compares by identity (places, timers, lives), a `sum` or `max` over such things, other C code
that computes, a heap's logarithm, and what uvloop does, which is C.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from attrs import frozen

__all__ = ["Cost", "Operations"]

_SMALL = 256
"""Numbers up to it are made once and for all: a counter that stays below takes no memory, and memory is counted, too."""


@frozen
class Cost:
    """What so much work cost."""

    done: int
    """Units of work."""
    instructions: int
    memory: int
    """Bytes: the most that was held at once, beyond what was held before."""

    @property
    def each(self) -> float:
        """Instructions for one unit of work."""
        return self.instructions / self.done


class Operations:
    """Counts between `start` and `stop`, which may lie in different functions and tasks of one thread; or a block, by `with`.

    The frames that run at the start are counted, too. The garbage collector is off meanwhile: it would come at any time, and
    what it finds may run Python.
    """

    def __init__(self) -> None:
        self.instructions: int = 0
        self.memory: int = 0
        self._read: Callable[[], int] | None = None
        self._watched: list[FrameType] = []
        self._before: Any = None
        self._collects = False

    def start(self) -> None:
        """Begin, once.

        Raises:
            RuntimeError: someone else traces memory, of which there can be one.
        """
        if tracemalloc.is_tracing():
            raise RuntimeError("tracemalloc is on already, and two cannot count at once; stop the other one first")
        gc.collect()
        self._collects = gc.isenabled()
        gc.disable()
        enter, count, self._read = _counting()
        self._before = sys.gettrace()
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            # One that is traced belongs to a debugger, or to who measures coverage.
            if frame.f_trace is None and frame.f_code.co_filename != __file__:
                _watch(frame, count)
                self._watched.append(frame)
            frame = frame.f_back
        tracemalloc.start()
        sys.settrace(enter)

    def stop(self) -> None:
        """End; a second time does nothing."""
        if self._read is None:
            return
        sys.settrace(self._before)
        self.memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.instructions, self._read = self._read(), None
        for frame in self._watched:
            frame.f_trace, frame.f_trace_lines, frame.f_trace_opcodes = None, True, False
        self._watched.clear()
        if self._collects:
            gc.enable()

    def cost(self, done: int) -> Cost:
        """What was counted, for so many units of work."""
        return Cost(done, self.instructions, self.memory)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


_Trace = Callable[[FrameType, str, Any], Any]


def _counting() -> tuple[_Trace, _Trace, Callable[[], int]]:
    """What is called for new frames, what is called in them, and what says how much that was."""
    low = middle = high = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal low, middle, high
        if event == "opcode":
            low += 1
            if low == _SMALL:
                low = 0
                middle += 1
                if middle == _SMALL:
                    middle = 0
                    high += 1
        return count

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename == __file__:
            return None
        _watch(frame, count)
        return count

    return enter, count, lambda: (high * _SMALL + middle) * _SMALL + low


def _watch(frame: FrameType, trace: _Trace) -> None:
    frame.f_trace_lines, frame.f_trace_opcodes = False, True
    frame.f_trace = trace
