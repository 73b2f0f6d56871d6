"""A simulator in a process of its own, for as long as a block runs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
from anyio.abc import Process

from actors.simulator.config import SimulatorConfig, SimulatorError, Started

__all__ = ["Failure", "running_simulator"]

GRACE = 3.0
"""Seconds that the process gets to end by itself."""
LONGEST_LINE = 64 * 1024


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """What the process writes instead of `Started` when it cannot start."""

    error: str


@asynccontextmanager
async def running_simulator(
    config: SimulatorConfig, *, backend: str = "asyncio", start_timeout: float = 30.0
) -> AsyncIterator[Started]:
    """Start a simulator in another process; it ends with the block, and also when this process vanishes.

    Args:
        config: what it is.
        backend: the loop that it runs on, `asyncio` or `trio`.
        start_timeout: seconds until it must be ready; a long recording takes a few.

    Yields:
        Where it is reached.

    Raises:
        SimulatorError: it cannot start; the message is its own sentence.

    Cancellation: the process is ended, shielded for 3 s, then killed.
    """
    command = [sys.executable, "-m", "actors.simulator", "--json", msgspec.json.encode(config).decode()]
    # A session of its own: Ctrl-C in the terminal is for the bot, which ends us in its order. Its stdin is a pipe from
    # us that ends when we do, whatever way that is.
    process = await anyio.open_process(
        [*command, backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, start_new_session=True
    )
    try:
        yield await _ready(process, start_timeout)
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _ready(process: Process, timeout: float) -> Started:
    if process.stdout is None:
        raise AssertionError("the process was opened with a pipe")
    line = b""
    with anyio.move_on_after(timeout) as scope:
        while not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            try:
                line += await process.stdout.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
    if scope.cancelled_caught:
        raise SimulatorError(f"the simulator was not ready within {timeout:g} s")
    try:
        said = msgspec.json.decode(line, type=Started | Failure)
    except msgspec.MsgspecError as exc:
        raise SimulatorError("the simulator ended before it was ready; its standard error says why") from exc
    if isinstance(said, Failure):
        raise SimulatorError(said.error)
    return said


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(GRACE):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    await process.aclose()
