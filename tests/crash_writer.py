"""A process that is killed while it remembers: `python -m tests.crash_writer FILE SEED ROUNDS`.

Each round is a process of its own, forked from this one because starting Python takes longer than all the rest: a tree with one
actor on a SqliteStore, which recalls the number it is at and then counts on, remembers, flushes and says each number that was
flushed. At a random moment it gets SIGKILL. The next round's process recalls what is there. One line of JSON for each round.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

import anyio
import msgspec

from supervisor import Actor, ActorSpec, SqliteStore, SupervisorSpec, open_supervisor

LATEST = 0.03
"""Seconds within which a process is killed: starting a tree takes it about 20 ms, a flush 1 ms."""


class Count(msgspec.Struct):
    """How far it has come."""

    number: int
    padding: bytes = b""


class Counter(Actor[None]):
    """Counts, remembers, flushes, says so.

    Args:
        out: the descriptor on which it speaks.
    """

    def __init__(self, out: int) -> None:
        self.out = out

    async def on_start(self) -> None:
        kept = [self.recall(Count, key) for key in ("first", "second", "third")]
        numbers = [0 if one is None else one.number for one in kept]
        self.say({"recalled": numbers, "whole": all(one is None or one.padding == padding(one.number) for one in kept)})
        self.spawn(self.count, numbers[0])

    async def count(self, number: int) -> None:
        while True:
            number += 1
            # Three values in one go: they belong together, so no process may ever find them apart.
            for key in ("first", "second", "third"):
                self.remember(Count(number, padding(number)), key)
            if number % 3:
                await self.flush()
                self.say({"flushed": number})
            else:
                await anyio.sleep(0.001)  # written behind, at some moment or other

    def say(self, words: object) -> None:
        os.write(self.out, json.dumps(words).encode() + b"\n")


def padding(number: int) -> bytes:
    """Of many sizes, so that some numbers need several pages."""
    return b"%d," % number * (number * 37 % 2000)


async def live(path: str, out: int) -> None:
    store = SqliteStore(path, write_after=0.002)
    async with open_supervisor(SupervisorSpec("top", [ActorSpec("counter", lambda: Counter(out))], store=store)):
        await anyio.sleep_forever()


def one_round(path: str, backend: str, delay: float, word: bytes) -> dict[str, object]:
    """Have a process live until it has said a word, and for so long after that, and kill it; all that it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            anyio.run(live, path, writing, backend=backend)
        finally:
            os._exit(1)  # not killed: something went wrong, and is on stderr
    os.close(writing)
    said = b""
    while word not in said:
        said += os.read(reading, 1 << 16) or word  # no more to come: it ended by itself, which is said below
    time.sleep(delay)  # real time: a real process is killed at a moment that it does not choose
    os.kill(child, signal.SIGKILL)
    while more := os.read(reading, 1 << 16):
        said += more
    os.close(reading)
    _, status = os.waitpid(child, 0)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith(b"{")]
    recalled = next((line for line in lines if "recalled" in line), {"recalled": None, "whole": True})
    flushed = [line["flushed"] for line in lines if "flushed" in line]
    return {**recalled, "flushed": flushed[-1] if flushed else None, "killed": os.WTERMSIG(status) == signal.SIGKILL}


async def nothing() -> None:
    """What loads a loop's modules, once for all processes."""


def main(path: str, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    for backend in ("trio", "asyncio"):
        anyio.run(nothing, backend=backend)
    for number in range(rounds):
        # Some in the middle of their start, some with their first batch, most once they are at work.
        word = (b"", b"recalled", b"flushed", b"flushed", b"flushed")[number % 5]
        print(json.dumps(one_round(path, ("trio", "asyncio")[number % 2], chance.uniform(0.0, LATEST), word)), flush=True)
    # What the last of them left.
    print(json.dumps(one_round(path, "trio", 0.0, b"recalled")), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
