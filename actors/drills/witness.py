"""Witness: a client in a process of its own, and all that it has said so far."""

from __future__ import annotations

import contextlib
import importlib.metadata
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process
from attrs import define, field

from actors.drills.observation import Observation, Pauses, Ready, Settings, decode
from actors.drills.plan import Client
from actors.errors import ActorsError

__all__ = ["ClientEnded", "Witness", "installed", "running_client"]

GRACE = 3.0
"""Seconds that the process gets to end by itself."""
READY_WITHIN = 40.0
"""Seconds until it must have begun: some packages take ten to be imported on a busy machine."""
MOST = 2_000_000
"""Observations that are kept: far more than the drill that lasts longest makes at the highest speed."""
LAST_WORDS = 10
"""Lines of its standard error that are kept."""


class ClientEnded(ActorsError):
    """A client's process is over before its drill is."""


def installed(client: Client) -> bool:
    """Whether the package that brings the client is here."""
    if client is Client.OURS:
        return True
    try:
        importlib.metadata.version(client.distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@define(eq=False)
class Witness:
    """What a client says, in order.

    Args:
        client: which.
    """

    client: Client
    observations: list[Observation] = field(init=False, factory=list)
    version: str = field(init=False, default="")
    streams: tuple[str, ...] = field(init=False, default=())
    pauses: dict[str, float] = field(init=False, factory=dict)
    """What it has learned of its streams; empty: it does not say."""
    ended: bool = field(init=False, default=False)
    last_words: deque[str] = field(init=False, factory=lambda: deque(maxlen=LAST_WORDS))

    def check(self) -> None:
        """Raises ClientEnded where no more will come."""
        if self.ended:
            raise ClientEnded(f"{self.client} ended: {' | '.join(self.last_words) or 'it did not say why'}")

    async def listen(self, lines: ByteReceiveStream) -> None:
        """Take down what it writes, until it ends. Cancellation: atomic."""
        rest = b""
        with contextlib.suppress(anyio.BrokenResourceError):
            async for chunk in lines:
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._take(line)
        self.ended = True

    async def overhear(self, errors: ByteReceiveStream) -> None:
        """Remember its last words, until it ends. Cancellation: atomic."""
        with contextlib.suppress(anyio.BrokenResourceError):
            async for chunk in errors:
                self.last_words.extend(chunk.decode(errors="replace").splitlines())

    def _take(self, line: bytes) -> None:
        try:
            said = decode(line)
        except msgspec.MsgspecError:
            self.last_words.append(line[:200].decode(errors="replace"))  # a package that prints
            return
        match said:
            case Ready(version=version, streams=streams):
                self.version, self.streams = version, streams
            case Pauses(seconds=seconds):
                self.pauses |= seconds  # a stream that was just interrupted says nothing for a while
            case _ if len(self.observations) < MOST:
                self.observations.append(said)
            case _:
                self.ended = True  # what is not kept cannot be counted
                self.last_words.append(f"it has said more than {MOST} things; take a lower --speed")


@asynccontextmanager
async def running_client(client: Client, settings: Settings) -> AsyncIterator[Witness]:
    """Run a client in another process; it ends with the block, and also when this process vanishes.

    Args:
        client: which.
        settings: what it is told.

    Yields:
        What it says; it has begun.

    Raises:
        ClientEnded: it has not begun, for the reason that it gave.

    Cancellation: the process is ended, shielded for 3 s, then killed.
    """
    command = [sys.executable, "-m", client.module, msgspec.json.encode(settings).decode()]
    # A session of its own: Ctrl-C in the terminal is for us, who end it. Its stdin is a pipe from us that ends when we do.
    process = await anyio.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("the process was opened with pipes")
        witness = Witness(client)
        failure: ClientEnded | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(witness.listen, process.stdout)
            group.start_soon(witness.overhear, process.stderr)
            failure = await _begun(witness)
            if failure is None:
                yield witness
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure  # outside of the group, so that it arrives bare
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _begun(witness: Witness) -> ClientEnded | None:
    """Wait until it has; why it has not. Cancellation: atomic."""
    with anyio.move_on_after(READY_WITHIN):
        while not witness.version:
            await anyio.sleep(0.05)
            try:
                witness.check()
            except ClientEnded as ended:
                return ended
        return None
    return ClientEnded(f"{witness.client} did not begin within {READY_WITHIN:g} s")


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with anyio.move_on_after(GRACE):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    await process.aclose()
