"""Programs that are run under seeds."""

from __future__ import annotations

import random
from contextlib import suppress

import anyio
import anyio.lowlevel

from supervisor import Actor, ActorSpec, Backoff, Intensity, Name, Request, Strategy, SupervisorError, SupervisorSpec, TaskSpec
from supervisor.testing import await_restart, crash, kill, note, open_tree


async def racers() -> tuple[int, ...]:
    """Who comes through a few checkpoints first."""
    order: list[int] = []

    async def racer(number: int) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        order.append(number)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(racer, number)
    return tuple(order)


class Work(Request[int], frozen=True):
    """Takes a moment, and sometimes fails."""

    number: int


class Tick(Request[None], frozen=True):
    """Comes from a timer."""


WORKER: Name[Work | Tick] = Name("worker")


class Worker(Actor[Work | Tick]):
    """Works, ticks, and spawns."""

    async def on_start(self) -> None:
        self.ticks = 0
        self.every(0.3, Tick())
        self.spawn(anyio.sleep, 2.0)

    async def receive(self, message: Work | Tick) -> int | None:
        match message:
            case Tick():
                self.ticks += 1
                return None
            case Work(number):
                await anyio.sleep(random.choice([0.0, 0.1, 0.4]))
                if number % 5 == 4:
                    raise ValueError(number)
                return number


async def idle() -> None:
    await anyio.sleep_forever()


SPEC = SupervisorSpec(
    "root",
    [
        ActorSpec("a", Worker, name=WORKER, backoff=Backoff(initial=0.2)),
        ActorSpec("b", Worker),
        SupervisorSpec(
            "group",
            [ActorSpec("c", Worker), ActorSpec("d", Worker), TaskSpec("t", idle)],
            strategy=Strategy.ONE_FOR_ALL,
        ),
    ],
    intensity=Intensity(1_000, 10.0),
)


async def busy() -> list[str]:
    """A tree with crashes, backoff, asks and timers; what the clients saw, in order."""
    seen: list[str] = []
    async with open_tree(SPEC) as tree:

        async def client(number: int) -> None:
            for turn in range(4):
                ref = tree.root.child("ab"[(number + turn) % 2])
                try:
                    seen.append(f"{number} {await ref.ask(Work(number + turn), timeout=1.0)}")
                except SupervisorError as error:
                    seen.append(f"{number} {type(error).__name__}")

        async def monkey() -> None:
            for _ in range(4):
                await anyio.sleep(random.choice([0.0, 0.3]))
                with suppress(SupervisorError):
                    ended = crash(tree.root.child("a"))
                    kill(tree.root.supervisor("group").child("c"))
                    await await_restart(tree.root.child("a"), ended)

        async with anyio.create_task_group() as group:
            group.start_soon(monkey)
            for number in range(6):
                group.start_soon(client, number)
    note(repr(tree.root._runtime.tree_id))
    return seen
