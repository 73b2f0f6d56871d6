"""Scripted children, and a journal of what they did: what the tests of the semantics are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import trio
import trio.testing
from attrs import define, field, frozen

from supervisor import (
    Actor,
    ActorSpec,
    ChildInfo,
    Down,
    DynamicSupervisorSpec,
    Event,
    Exit,
    Gone,
    Intensity,
    Name,
    Request,
    Stop,
    Supervisor,
    SupervisorSpec,
    TaskSpec,
    Up,
    open_supervisor,
)
from supervisor.exits import ExitReason
from supervisor.testing.virtual_time import VirtualTimeLoop

NAME: Name[Any] = Name("somebody")


class BoomError(Exception):
    """What scripted children fail with."""


class Boom(Request[None], frozen=True):
    """Fail."""

    text: str = "boom"


class Quit(Request[None], frozen=True):
    """End, with Normal."""


class Get(Request[int], frozen=True):
    """How many messages this life has handled before."""


class Who(Request[int], frozen=True):
    """The incarnation."""


class Sleep(Request[str], frozen=True):
    """Take this long."""

    seconds: float


class Note(Request[None], frozen=True):
    """Write it into the journal."""

    text: str


class Wrong(Request[int], frozen=True):
    """Is answered with a text."""


@frozen
class Do:
    """Have the actor do something, from inside."""

    action: Callable[[Any], Any]

    def __asks__(self) -> Any:
        raise AssertionError


@define(eq=False)
class Journal:
    """What happened, in order, and by knobs what shall happen."""

    lines: list[str] = field(factory=list)
    starts: dict[str, int] = field(factory=dict)
    fail_start: dict[str, Any] = field(factory=dict)
    """By id: an exception or a list of one thing per start, None for a good one."""
    slow_start: dict[str, float] = field(factory=dict)
    slow_stop: dict[str, float] = field(factory=dict)
    fail_stop: dict[str, BaseException] = field(factory=dict)
    reasons: dict[str, list[ExitReason]] = field(factory=dict)
    events: list[Event] = field(factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def started(self, id: str) -> int:
        self.starts[id] = self.starts.get(id, 0) + 1
        return self.starts[id]

    def failure(self, id: str, number: int) -> BaseException | None:
        script = self.fail_start.get(id)
        if isinstance(script, list):
            return script[number - 1] if number <= len(script) else None
        return script


Messages = Boom | Quit | Get | Who | Sleep | Note | Wrong | Do | Down | Up | Gone | Exit | str | int


@define(eq=False)
class Recorder(Actor[Messages]):
    """Does as its messages say, and writes what happens to it into the journal."""

    id: str
    journal: Journal
    handled: int = 0
    got: list[object] = field(factory=list)

    async def on_start(self) -> None:
        number = self.journal.started(self.id)
        if self.id in self.journal.slow_start:
            await anyio.sleep(self.journal.slow_start[self.id])
        error = self.journal.failure(self.id, number)
        if error is not None:
            raise error
        self.journal(f"+{self.id}")

    async def receive(self, message: Messages) -> Any:
        self.handled += 1
        self.got.append(message)
        match message:
            case Boom(text):
                raise BoomError(text)
            case Quit():
                raise Stop
            case Get():
                return self.handled - 1
            case Who():
                return self.context.incarnation
            case Sleep(seconds):
                self.journal(f"{self.id} sleeps")
                await anyio.sleep(seconds)
                self.journal(f"{self.id} slept")
                return "slept"
            case Note(text):
                self.journal(f"{self.id}: {text}")
                return None
            case Wrong():
                return "a text"
            case Do(action):
                result = action(self)
                return await result if isinstance(result, Awaitable) else result
            case str() | int():
                self.journal(f"{self.id}: {message}")
                return None
            case Exit(ref, reason):
                self.journal(f"{self.id}: Exit {ref.path.rpartition('/')[2]} {reason}")
                return None
            case Down() | Up() | Gone():
                reason = f" {message.reason}" if isinstance(message, Down) else ""
                number = "" if isinstance(message, Gone) else f" {message.incarnation}"
                self.journal(f"{self.id}: {type(message).__name__} {message.ref.path.rpartition('/')[2]}{number}{reason}")
                return None

    async def on_stop(self, reason: ExitReason) -> None:
        self.journal.reasons.setdefault(self.id, []).append(reason)
        if self.id in self.journal.slow_stop:
            await anyio.sleep(self.journal.slow_stop[self.id])
        self.journal(f"-{self.id}")
        if self.id in self.journal.fail_stop:
            raise self.journal.fail_stop[self.id]


def actor(journal: Journal, id: str, **kwargs: Any) -> ActorSpec[Messages]:
    """A Recorder's spec."""
    return ActorSpec(id, lambda: Recorder(id, journal), **kwargs)


def abcs(journal: Journal) -> list[ActorSpec[Messages]]:
    """Three of them."""
    return [actor(journal, id) for id in "abc"]


async def sleep() -> None:
    """What a task does that does nothing."""
    await anyio.sleep_forever()


def task(id: str, function: Callable[..., Awaitable[object]], **kwargs: Any) -> TaskSpec:
    return TaskSpec(id, function, **kwargs)


def tree(*children: Any, id: str = "root", **kwargs: Any) -> SupervisorSpec:
    return SupervisorSpec(id, children, **kwargs)


def many(id: str = "many", **kwargs: Any) -> DynamicSupervisorSpec:
    return DynamicSupervisorSpec(id, **kwargs)


@asynccontextmanager
async def opened(spec: Any, journal: Journal | None = None, deadline: float | None = None) -> AsyncIterator[Supervisor]:
    """The tree, with its events in the journal."""
    sinks = [journal.events.append if journal is not None else _ignore]
    # In virtual time a body that hangs jumps to this deadline, and fails.
    with anyio.fail_after(5e6):
        async with open_supervisor(spec, sinks=sinks, deadline=deadline) as root:
            yield root


def _ignore(_: Event) -> None: ...


def phases(supervisor: Supervisor) -> dict[str, str]:
    return {child.id: child.phase.value for child in supervisor.which_children()}


def incarnations(supervisor: Supervisor) -> dict[str, int]:
    return {child.id: child.incarnation for child in supervisor.which_children()}


def info(supervisor: Supervisor, id: str) -> ChildInfo:
    return next(child for child in supervisor.which_children() if child.id == id)


class Outcome:
    """What an ask in another task came to."""

    def __init__(self, group: Any, ref: Any, request: Any, timeout: float | None = 1000.0) -> None:
        self.value: Any = None
        self.scope = anyio.CancelScope()
        group.start_soon(self._ask, ref, request, timeout)

    async def _ask(self, ref: Any, request: Any, timeout: float | None) -> None:
        try:
            with self.scope:
                self.value = await ref.ask(request, timeout=timeout)
        except Exception as error:
            self.value = error


async def settle() -> None:
    """Let everything happen that takes no time."""
    for _ in range(60):
        await anyio.lowlevel.checkpoint()


def block(seconds: float) -> None:
    """Have the loop find out that it was held that long: its virtual clock jumps, past whatever was due."""
    if trio.lowlevel.in_trio_run():
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        clock.jump(seconds)
    else:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop._jumping.now += seconds


STRICT = Intensity(0, 10.0)
LOOSE = Intensity(1_000_000, 1000.0)
