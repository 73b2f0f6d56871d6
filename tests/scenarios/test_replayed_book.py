"""The real recording over real sockets and through a fault plan: at every id the book has the top that the recorded quote says.

The oracle is the recording itself. The exchange sends a quote with each change of the top, so at any id the last quote up to it
is what the top is; and nothing of the bot has a part in reading it.
"""

from __future__ import annotations

import bisect
import functools
import gzip
import random
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from attrs import define, evolve, field

from actors.feeds import books, quotes
from actors.incidents import BookLimits
from actors.market import Book, Disconnected, Gap, Level, Marker, Quote, Resumed
from actors.simulator import Control, SimulatorConfig
from actors.simulator.process import running_simulator
from supervisor import Supervisor, Topic
from tests.scenarios.support import BTC, OPTIONS, PATIENCE, bot_at, the

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

SPEED = 60.0
"""Market seconds per second."""
ENOUGH = 200
"""Books that are compared before the first fault, and after each."""
DEPTH = "btcusdt@depth@100ms"
FEEDS = [the(books, BTC), the(quotes, BTC)]
EACH_ALONE = evolve(OPTIONS, incidents=BookLimits(returns_within=0.01))
"""A book that is lost again is not the same trouble again: at this speed minutes are between two faults."""

Top = tuple[Level | None, Level | None]
Markers = tuple[type[Marker], ...]


class _RecordedQuote(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str


class _Line(msgspec.Struct):
    data: _RecordedQuote


@functools.cache
def recorded_tops(path: Path) -> Mapping[int, Top]:
    """{update id: best bid and ask}, in the order of the ids."""
    decode = msgspec.json.Decoder(_Line).decode
    tops: dict[int, Top] = {}
    with gzip.open(path) as lines:
        for line in lines:
            _, _, frame = line.partition(b" ")
            if b"@bookTicker" in frame:
                one = decode(frame).data
                tops[one.u] = (_level(one.b, one.B), _level(one.a, one.A))
    assert list(tops) == sorted(tops)
    return tops


def _level(price: str, quantity: str) -> Level:
    return Decimal(price), Decimal(quantity)


# ---- what is done to the bot, and what its subscribers are to see of it


async def abort(control: Control) -> None:
    assert await control.abort() == 1


async def close(control: Control) -> None:
    assert await control.close(code=1001) == 1


async def gap(control: Control) -> None:
    await control.gap("BTCUSDT", count=3)


async def corrupt(control: Control) -> None:
    await control.corrupt(DEPTH, count=2)


async def stall(control: Control) -> None:
    assert await control.stall(stream=DEPTH, seconds=0.2) == 1


async def announced_shutdown(control: Control) -> None:
    old = [one.number for one in (await control.status()).connections]
    assert await control.shutdown_notice() == 1
    with anyio.fail_after(PATIENCE):
        while len(now := [one.number for one in (await control.status()).connections]) != 1 or now == old:
            await anyio.sleep(0.02)


async def latency(control: Control) -> None:
    await control.latency(0.05, jitter=0.02)
    await anyio.sleep(0.2)
    await control.latency(0.0)


LOST: Markers = (Disconnected, Resumed)
FAULTS: Mapping[Callable[[Control], Awaitable[None]], tuple[set[Markers], set[Markers]]] = {
    # {fault: what the book's subscriber may be told, what the quotes' subscriber may be told}
    abort: ({LOST, (*LOST, Gap)}, {LOST}),
    close: ({LOST, (*LOST, Gap)}, {LOST}),
    gap: ({(Gap,)}, {()}),
    corrupt: ({(Gap,)}, {()}),
    stall: ({(Gap,)}, {()}),
    announced_shutdown: ({()}, {()}),
    latency: ({()}, {()}),
}


@define(eq=False)
class Phase:
    """What was heard from one fault to the next."""

    name: str
    told: list[type] = field(factory=list)
    told_of_quotes: list[type] = field(factory=list)
    since: int = 0
    """Books since the last marker."""
    compared: int = 0
    exact: int = 0
    """Of those, how often the recording has a quote with the very id of the book."""


@define(eq=False)
class Subscriber:
    """Hears books and quotes, and holds each against the recording."""

    tops: Mapping[int, Top]
    phases: list[Phase] = field(factory=lambda: [Phase("before")])
    wrong: list[str] = field(factory=list)
    last_id: int = 0
    _ids: list[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ids = list(self.tops)

    async def hear(self, root: Supervisor, topic: Topic[Any]) -> None:
        async for event in root.subscription(topic, capacity=100_000):
            phase = self.phases[-1]
            match event:
                case Book():
                    self._compare(event, phase)
                case Quote():
                    if self.tops[event.update_id] != ((event.bid, event.bid_quantity), (event.ask, event.ask_quantity)):
                        self.wrong.append(f"{phase.name}: {event} is not what was recorded")
                case Marker():
                    of_books = event.subscription.feed == "book"
                    (phase.told if of_books else phase.told_of_quotes).append(type(event))
                    phase.since = 0
                case _:
                    self.wrong.append(f"{phase.name}: {event}")

    def _compare(self, book: Book, phase: Phase) -> None:
        if book.update_id <= self.last_id:
            self.wrong.append(f"{phase.name}: book {book.update_id} after {self.last_id}")
        self.last_id = book.update_id
        at = bisect.bisect_right(self._ids, book.update_id)
        if not at:
            return  # from before the first recorded quote
        said = self.tops[self._ids[at - 1]]
        if (book.bids[0], book.asks[0]) != said:
            self.wrong.append(f"{phase.name}: book {book.update_id} has {(book.bids[0], book.asks[0])}, recorded is {said}")
        phase.compared += 1
        phase.since += 1
        phase.exact += self._ids[at - 1] == book.update_id

    async def enough(self, least: int) -> None:
        """So many markers were told in this phase, and after them enough books were compared."""
        phase = self.phases[-1]
        with anyio.fail_after(PATIENCE):
            while len(phase.told) < least or phase.since < ENOUGH:
                await anyio.sleep(0.005)


@pytest.mark.parametrize("seed", [6])
async def test_at_every_id_the_book_has_the_recorded_top_before_and_after_every_fault(
    recorded: Path, seed: int, anyio_backend_name: str
) -> None:
    path = recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"
    if not path.exists():
        pytest.skip(f"the recording is not here: {path} does not exist")
    plan = list(FAULTS)
    random.Random(seed).shuffle(plan)
    subscriber = Subscriber(recorded_tops(path))
    # A machine that is behind must not be dropped as a slow client: that would be a fault that nobody ordered.
    config = SimulatorConfig(replay=str(path), speed=SPEED, seed=seed, outgoing_limit=2**26)
    async with (
        running_simulator(config, backend=anyio_backend_name) as started,
        bot_at(started, *FEEDS, options=EACH_ALONE, wait=False) as bot,
        anyio.create_task_group() as tasks,
    ):
        for topic in FEEDS:
            tasks.start_soon(subscriber.hear, bot.root, topic)
        await subscriber.enough(0)
        for fault in plan:
            subscriber.phases.append(Phase(fault.__name__))
            await fault(bot.control)
            await subscriber.enough(min(map(len, FAULTS[fault][0])))
        assert not (await bot.status()).finished  # or the last phases would have compared nothing
        tasks.cancel_scope.cancel()

    assert subscriber.wrong == []
    for phase, fault in zip(subscriber.phases[1:], plan, strict=True):
        of_book, of_quotes = FAULTS[fault]
        assert tuple(phase.told) in of_book, phase
        assert tuple(phase.told_of_quotes) in of_quotes, phase
    assert {phase.name: phase.compared for phase in subscriber.phases if phase.compared < ENOUGH} == {}
    assert sum(phase.exact for phase in subscriber.phases) >= ENOUGH // 2
