"""What all libraries share: the cases, their floors, the rounds, and one line of JSON for each case and loop.

It runs in the others' environment too, so it imports nothing but the standard library, and trio and uvloop where they are used.

A guarded call and the same call without a guard alternate, a short piece each, in one run of one loop. A round is several such
pieces, of which the fastest of each side counts: what else the machine does can only make a piece slower. Time is CPU time of
this process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

__all__ = ["ASYNC", "CASES", "LOOPS", "Case", "Guard", "Reading", "Table", "main", "read"]

LOOPS = ("trio", "asyncio", "uvloop")
CALLS = 10_000
"""Guarded calls in a piece."""
PIECES = 5
"""Of each side in a round."""
PIECE = 0.02
"""Seconds that a piece of another library may take, with as few calls as that is: some are a hundred times as slow as one."""
FEWEST = 200
LONG = 60.0
"""Seconds of a timeout that never strikes."""

Guard = Callable[[Any], Any]
"""Given the function, sync or async, returns the function that is called in its place."""


@dataclass(frozen=True)
class Case:
    """What is guarded, and by what."""

    what: str
    floor: str
    """What the same costs without: `call`, `await`, or `timeout`, which is an await within the loop's own timeout."""


# Names are short, because they are typed; `what` goes into the table.
CASES: Mapping[str, Case] = {
    "breaker-sync": Case("circuit breaker, sync call", "call"),
    "breaker": Case("circuit breaker, async call", "await"),
    "retry-sync": Case("retry, sync call", "call"),
    "retry": Case("retry, async call", "await"),
    "timeout": Case("timeout, async call", "timeout"),
    "limiter": Case("rate limiter, async call", "await"),
    "bulkhead": Case("bulkhead, async call", "await"),
    "pipeline": Case("pipeline of timeout, breaker and retry, async call", "timeout"),
    "classify": Case("classify a known error", "call"),
}
ASYNC = tuple(name for name, case in CASES.items() if case.floor != "call")
"""The cases that are measured on each loop; the others need none."""
FLOORS = {"call": "the call alone", "await": "the await alone", "timeout": "the await within the loop's own timeout"}

Table = Mapping[str, tuple[Callable[[], Guard], Sequence[str]]]
"""{case: what makes the guard, where a loop runs if it needs one, and the loops on which it works}"""


class WorkNotDone(Exception):
    """The calls did not return what they should."""


@dataclass(frozen=True)
class Reading:
    """One case on one loop: seconds for one call, of each round."""

    who: str
    version: str
    case: str
    loop: str
    calls: int
    guarded: list[float]
    bare: list[float]


def call(number: int) -> int:
    return number


async def await_(number: int) -> int:
    return number


def own_timeout(loop: str) -> Guard:
    """The loop's own timeout around an await."""
    if loop == "trio":
        fail_after = importlib.import_module("trio").fail_after

        async def within_trio(number: int) -> int:
            with fail_after(LONG):
                return await await_(number)

        return lambda function: within_trio

    async def within_asyncio(number: int) -> int:
        async with asyncio.timeout(LONG):
            return await await_(number)

    return lambda function: within_asyncio


# ---- one piece


def calls(function: Callable[[int], int], count: int) -> float:
    gc.collect()
    total, began = 0, time.process_time()
    for _ in range(count):
        total += function(1)
    return _each(total, count, began)


async def awaits(function: Callable[[int], Awaitable[int]], count: int) -> float:
    gc.collect()
    total, began = 0, time.process_time()
    for _ in range(count):
        total += await function(1)
    return _each(total, count, began)


def _each(total: int, count: int, began: float) -> float:
    took = time.process_time() - began
    if total != count:
        raise WorkNotDone(f"{total:,} of {count:,} calls returned what they should")
    return took / count


# ---- rounds


def read(
    who: str, release: str, case: str, make: Callable[[], Guard], loop: str, rounds: int, count: int, warming: int = 1
) -> Reading:
    """Measure a case on a loop; none is needed where it is empty."""
    guarded: list[float] = []
    bare: list[float] = []
    if case not in ASYNC:
        function = make()(call)
        for number in range(-warming, rounds):
            pieces = [(calls(call, count), calls(function, count)) for _ in range(PIECES)]
            if number >= 0:
                bare.append(min(piece[0] for piece in pieces))
                guarded.append(min(piece[1] for piece in pieces))
        return Reading(who, release, case, loop, count, guarded, bare)

    async def alternate() -> None:
        function = make()(await_)
        floor = await_ if CASES[case].floor == "await" else own_timeout(loop)(await_)
        for number in range(-warming, rounds):
            pieces = [(await awaits(floor, count), await awaits(function, count)) for _ in range(PIECES)]
            if number >= 0:
                bare.append(min(piece[0] for piece in pieces))
                guarded.append(min(piece[1] for piece in pieces))

    run(loop, alternate)
    return Reading(who, release, case, loop, count, guarded, bare)


def run(loop: str, function: Callable[[], Any]) -> None:
    """Run an async function on this loop."""
    if loop == "trio":
        importlib.import_module("trio").run(function)
    elif loop == "uvloop":
        with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
            runner.run(function())
    else:
        asyncio.run(function())


def main(module: str, tables: Mapping[str, Table]) -> None:
    """The script of one environment: measure a case of a library on loops, and print a line for each.

    Args:
        module: how `python -m` finds it.
        tables: what each library does.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("who", choices=tables)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--loops", default=",".join(LOOPS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--brief", action="store_true", help="fewer calls where one takes long")
    chosen = parser.parse_args()
    if chosen.case not in tables[chosen.who]:
        return
    make, works = tables[chosen.who][chosen.case]
    gc.collect()
    gc.freeze()  # what was imported is not looked at in each of the many collections to come
    one = partial(read, chosen.who, version(chosen.who), chosen.case, make)
    for loop in [loop for loop in chosen.loops.split(",") if loop in works] if chosen.case in ASYNC else [""]:
        calls = chosen.calls
        if chosen.brief and calls > FEWEST:
            took = min(one(loop, 1, FEWEST, 0).guarded)
            calls = max(FEWEST, min(calls, round(PIECE / max(took, 1e-9))))
        print(json.dumps(asdict(one(loop, chosen.rounds, calls))), flush=True)
