"""The demo's bot, without its picture, for as long as is wanted: the fault plan again and again. `memory` watches it.

It writes two lines of JSON to standard output: `Imported` before it does anything, `Finished` at the end. The tree, the
consumers, the simulated exchange and the faults are the demo's own.
"""

from __future__ import annotations

import sys

import anyio
import msgspec
from msgspec import Struct

from actors.demo.plan import make_plan
from actors.demo.stage import open_stage
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.process import running_simulator
from benchmarks.logs import log_to_stderr

__all__ = ["Finished", "Imported"]


class Imported(Struct, frozen=True, tag="imported"):
    """All modules are loaded."""


class Finished(Struct, frozen=True, tag="finished"):
    """What the bot did."""

    events: int
    phases: int
    restarts: int


async def live(started: Started, seconds: float) -> Finished:
    """Run the bot and hurt it until the time is up. Cancellation: the tree is stopped in order."""
    phases = 0
    async with open_stage(started) as director:
        with anyio.move_on_after(seconds):
            while True:
                for phase in make_plan(started.symbols, seed=phases):
                    await director.run(phase)
                    phases += 1
        await director.observer.look()
    observer = director.observer
    events = sum(feed.events for tally in observer.tallies.values() for feed in tally.feeds.values())
    return Finished(events, phases, observer.restarts.total())


async def main(seconds: float) -> None:
    """The simulated exchange beside it, in its own process. Cancellation: both end."""
    async with running_simulator(SimulatorConfig(speed=3.0)) as started:
        say(await live(started, seconds))


def say(line: Struct) -> None:
    """One line for who watches."""
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    log_to_stderr(least="error")
    say(Imported())
    sys.stdin.readline()  # wait until our memory has been read
    anyio.run(main, float(sys.argv[1]), backend=sys.argv[2])
