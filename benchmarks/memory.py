"""Memory of the demo's bot process: how much at most, and whether it grows.

The floor is the same process when it has imported everything and done nothing yet. The slope is a straight line through the
samples that were taken after warming up, by least squares.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import msgspec
from attrs import frozen

from actors.demo.resident import resident
from benchmarks.bot import Finished, Imported
from benchmarks.feeder import ROOT
from benchmarks.rounds import CaseFailed, Figure, Options, Spread

__all__ = ["run"]

T = TypeVar("T")

MOST = 120.0
"""MiB."""
STEEPEST = 1.0
"""MiB per minute: what a line through a minute of samples shows where nothing grows."""
LONG_ENOUGH = 180.0
"""Seconds from which on a slope is told: for two minutes each fault is the first of its kind, and that looks like growth."""
WARM_UP = 2 / 3
"""Share of the run that is not looked at for growth: for two minutes of faults the allocator's pools still fill."""
SAMPLE_EVERY = 0.25
BACKENDS = ("trio", "asyncio")


@frozen
class Watched:
    """One run of the bot."""

    floor: float
    samples: list[tuple[float, float]]
    """(seconds since the start, MiB)"""
    finished: Finished


def size_of(bot: subprocess.Popen[str]) -> float:
    """MiB of memory that the bot has now.

    Raises:
        CaseFailed: this machine does not say.
    """
    size = resident(bot.pid)
    if size is None:
        raise CaseFailed("memory: /proc tells nothing about the bot's process; this case needs Linux")
    return size


def watch(backend: str, seconds: float) -> Watched:
    """Run the bot for so many seconds and look at it from outside.

    Raises:
        CaseFailed: it ended early, or received nothing.
    """
    command = [sys.executable, "-m", "benchmarks.bot", str(seconds), backend]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as bot:
        try:
            if bot.stdin is None or bot.stdout is None:
                raise AssertionError("the process was opened with pipes")
            _expect(Imported, bot.stdout.readline())
            floor, samples = size_of(bot), []
            bot.stdin.write("\n")
            bot.stdin.flush()
            began = time.monotonic()
            # Not to its very end: it is taking its tree down then.
            while (elapsed := time.monotonic() - began) < seconds and bot.poll() is None:
                samples.append((elapsed, size_of(bot)))
                with suppress(subprocess.TimeoutExpired):
                    bot.wait(SAMPLE_EVERY)
            finished = _expect(Finished, bot.stdout.readline())
        finally:
            bot.kill()
    if not finished.events:
        raise CaseFailed("memory: the bot received nothing")
    return Watched(floor, samples, finished)


def run(options: Options) -> list[Figure]:
    """Watch the bot on both loops at the same time: memory does not mind, and it takes minutes.

    Raises:
        CaseFailed: it did not run to its end.
    """
    options.progress(f"{options.seconds:g} s")
    with ThreadPoolExecutor() as pool:
        watched = pool.map(watch, BACKENDS, [options.seconds] * len(BACKENDS))
        bots = dict(zip(BACKENDS, watched, strict=True))
    return [figure for backend, bot in bots.items() for figure in _figures(backend, bot, options.seconds)]


def _figures(backend: str, watched: Watched, seconds: float) -> list[Figure]:
    sizes = [size for _, size in watched.samples]
    finished = watched.finished
    done = f"{finished.events:,} events, {finished.phases} phases, {finished.restarts} restarts"
    floor, most = Spread.of([watched.floor]), Spread.of([max(sizes)])
    figures = [
        Figure(
            case=f"{backend}, maximum",
            done=done if seconds >= LONG_ENOUGH else f"{done}; whether it grows takes --seconds {LONG_ENOUGH:g}",
            unit="MiB",
            value=most,
            floor=floor,
            ratio=Spread.of([most.median / floor.median]),
            floor_is="the same process, idle",
            target=MOST,
            decimals=1,
        )
    ]
    if seconds >= LONG_ENOUGH:
        warm = [(at / 60, size) for at, size in watched.samples if at >= seconds * WARM_UP]
        figures.append(
            Figure(
                case=f"{backend}, slope",
                done=f"the last {seconds * (1 - WARM_UP):.0f} s of it",
                unit="MiB/min",
                value=Spread.of([statistics.linear_regression(*zip(*warm, strict=True)).slope]),
                target=STEEPEST,
            )
        )
    return figures


def _expect(kind: type[T], line: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        raise CaseFailed("memory: the bot ended early; its standard error says why") from None
