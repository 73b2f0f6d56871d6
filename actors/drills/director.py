"""Director: does one fault to one client again and again, and measures what becomes of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
import msgspec
from attrs import define

from actors.drills.observation import Observation, Seen, Settings, stream_name
from actors.drills.plan import Client, Drill, Fault, Patience
from actors.drills.result import Outcome, Round
from actors.drills.tally import Back, back_at, duplicates, excess, longest_pauses, lost, told_at
from actors.drills.witness import Witness, running_client
from actors.errors import ActorsError, ConnectFailed
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.control import Control
from actors.simulator.process import running_simulator

__all__ = ["run_drill"]

LOOK_EVERY = 0.05
"""Seconds between two looks at what the client has said; nothing is measured by them."""
ASK_EVERY = 0.1
"""Seconds between two questions to the simulator whether somebody has connected."""
CLOSED_AFTER = 0.05
"""Seconds by which a timer of the simulator may be late."""
FLOWING_WITHIN = 30.0
"""Seconds within which a client must deliver each of its streams, before and between the rounds."""


class NoFlow(ActorsError):
    """A client does not deliver although nothing is done to it."""


class _Depth(msgspec.Struct):
    lastUpdateId: int  # noqa: N815 -- Binance's name


class _Trade(msgspec.Struct):
    id: int


async def run_drill(drill: Drill, *, backend: str, speed: float, seed: int, patience: Patience) -> Outcome:
    """One fault, done to one client, with an exchange of its own.

    Args:
        drill: what to do.
        backend: the loop of ours.
        speed: market seconds per second.
        seed: of the market.
        patience: how long is waited.

    Returns:
        What it came to. A client that fails is an outcome too: `failed` says why.

    Raises:
        SimulatorError: the exchange cannot start.

    Cancellation: client and exchange are ended.
    """
    outcome = Outcome(client=drill.client, fault=drill.fault, rounds=[], pauses={})
    async with running_simulator(SimulatorConfig(seed=seed, speed=speed)) as started:
        settings = Settings(
            stream_urls=started.stream_urls, rest_urls=started.rest_urls, symbols=started.symbols, backend=backend
        )
        try:
            async with running_client(drill.client, settings) as witness, _asking(started) as market:
                director = Director(Control(started.control_url), started, market, witness, patience)
                try:
                    await director.run(drill, outcome)
                except ActorsError as error:
                    outcome.failed = str(error)
                director.count(outcome)
        except ActorsError as error:
            outcome.failed = str(error)
    return outcome


@asynccontextmanager
async def _asking(started: Started) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the exchange how far its market is. Cancellation: closed."""
    async with httpx.AsyncClient(base_url=started.rest_urls[-1], trust_env=False, timeout=10.0) as client:
        yield client


@define(eq=False)
class Director:
    """One client and its exchange.

    Args:
        control: injects the faults.
        started: the exchange.
        market: asks it how far it is.
        witness: what the client says.
        patience: how long is waited.
        now: the clock of what the witness says.
    """

    control: Control
    started: Started
    market: httpx.AsyncClient
    witness: Witness
    patience: Patience
    now: Callable[[], float] = time.monotonic

    async def run(self, drill: Drill, outcome: Outcome) -> None:
        """Rounds, as many as there is time for. One in which the client is not back, or has not noticed, is the last.

        Raises:
            ClientEnded: its process is over.
            NoFlow: it does not deliver, though nothing was done to it.

        Cancellation: may have happened.
        """
        await self._flow()
        if drill.fault is Fault.SILENCE and drill.client is Client.OURS:
            await self._until(lambda: self.witness.pauses.keys() >= set(self.witness.streams), self.patience.learn)
        began = anyio.current_time()
        while len(outcome.rounds) < drill.runs:
            await anyio.sleep(self.patience.calm)
            done = await self._round(drill.fault)
            outcome.rounds.append(done)
            if done.back is None or (drill.fault is Fault.SILENCE and done.noticed is None):
                return
            if anyio.current_time() - began > self.patience.budget:
                return
            await self._flow()

    def count(self, outcome: Outcome) -> None:
        """Everything that the client has said, from its first event to its last."""
        said = self.witness.observations
        outcome.version, outcome.pauses = self.witness.version, dict(self.witness.pauses)
        outcome.events = sum(isinstance(one, Seen) for one in said)
        outcome.lost, outcome.duplicates = lost(said), duplicates(said)

    async def _flow(self) -> None:
        """Wait until every stream delivers. Cancellation: atomic."""
        marks = await self._marks()
        start = len(self.witness.observations)
        if not await self._until(lambda: back_at(self._since(start), marks) is not None, FLOWING_WITHIN):
            came = {one.stream for one in self._since(start) if isinstance(one, Seen) and one.id > marks.get(one.stream, -1)}
            dead = ", ".join(sorted(marks.keys() - came))
            raise NoFlow(f"{self.witness.client} delivers nothing new within {FLOWING_WITHIN:g} s, with no fault, of {dead}")

    async def _round(self, fault: Fault) -> Round:
        """One fault, and what becomes of it. Cancellation: may have happened."""
        connections = (await self.control.status()).totals.connections
        start, began = len(self.witness.observations), self.now()
        hit = await self._inject(fault)
        marks = await self._marks()

        def back() -> Back | None:
            return back_at(self._since(start), marks)

        if fault is Fault.SILENCE:
            noticed = await self._notice(start, connections)
            left = self.patience.give_up - (self.now() - hit)
            await self._until(lambda: back() is not None, max(left, 0.0))
            found = back()
            await self.control.resume()
        else:
            noticed = None
            await self._until(lambda: back() is not None, self.patience.give_up)
            found = back()
        await anyio.sleep(self.patience.settle)
        gap = self._gap(began) if fault is Fault.SHUTDOWN else None
        opened = (await self.control.status()).totals.connections - connections
        return Round(
            back=None if found is None else max(found.first - hit, 0.0),
            whole=None if found is None else max(found.whole - hit, 0.0),
            noticed=None if noticed is None else max(noticed - hit, 0.0),
            gap=gap,
            connections=opened,
        )

    async def _inject(self, fault: Fault) -> float:
        """Do it; of a shutdown, all of it. When it hit. Cancellation: may have happened."""
        hit = self.now()
        match fault:
            case Fault.ABORT:
                await self.control.abort()
            case Fault.CLOSE:
                await self.control.close()
            case Fault.SILENCE:
                await self.control.stall()
            case Fault.SHUTDOWN:
                await self.control.shutdown_notice(then_close=self.patience.lead)
                hit = self.now() + self.patience.lead
                # What comes before the close is no news: a client must be seen to deliver without the old connection.
                await anyio.sleep(self.patience.lead + CLOSED_AFTER)
        return hit

    async def _notice(self, start: int, connections: int) -> float | None:
        """When the client noticed the silence: it said so, connected anew, or delivers again. Cancellation: atomic."""
        with anyio.move_on_after(self.patience.give_up):
            while True:
                self.witness.check()
                told = told_at(self._since(start))
                opened = (await self.control.status()).totals.connections > connections
                if told is not None or opened:
                    return self.now() if told is None else told
                await anyio.sleep(ASK_EVERY)
        return None

    def _gap(self, began: float) -> float:
        now = self.now()
        said = self.witness.observations
        usual = longest_pauses(_between(said, began - self.patience.calm, began), began - self.patience.calm, began)
        return excess(usual, longest_pauses(_between(said, began, now), began, now))

    async def _marks(self) -> dict[str, int]:
        """{stream: the id that the market has come to}. Cancellation: atomic."""
        marks: dict[str, int] = {}
        for symbol in self.started.symbols:
            native = symbol.replace("/", "")
            try:
                depth = await self.market.get("/api/v3/depth", params={"symbol": native, "limit": 1})
                trades = await self.market.get("/api/v3/trades", params={"symbol": native, "limit": 1})
            except httpx.HTTPError as error:
                raise ConnectFailed(self.started.rest_urls[-1], str(error) or type(error).__name__) from error
            update = msgspec.json.decode(depth.content, type=_Depth).lastUpdateId
            latest = msgspec.json.decode(trades.content, type=list[_Trade])
            marks[stream_name("quotes", symbol)] = marks[stream_name("book", symbol)] = update
            marks[stream_name("trades", symbol)] = latest[-1].id if latest else 0
        return {stream: mark for stream, mark in marks.items() if stream in self.witness.streams}

    def _since(self, start: int) -> list[Observation]:
        return self.witness.observations[start:]

    async def _until(self, condition: Callable[[], bool], within: float) -> bool:
        """Look again and again; whether it came true. Cancellation: atomic."""
        with anyio.move_on_after(within):
            while not condition():
                self.witness.check()
                await anyio.sleep(LOOK_EVERY)
            return True
        return False


def _between(said: list[Observation], start: float, end: float) -> list[Observation]:
    return [one for one in said if isinstance(one, Seen) and start <= one.at <= end]
