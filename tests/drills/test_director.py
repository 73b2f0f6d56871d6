"""One fault after the other, done to a client that behaves as the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from attrs import define, evolve, field, frozen

from actors.drills.director import Director, NoFlow
from actors.drills.observation import Observation, Seen, Trouble
from actors.drills.plan import Client, Drill, Fault, Patience
from actors.drills.result import Outcome
from actors.drills.witness import ClientEnded, Witness
from actors.simulator import faults
from actors.simulator.config import Started
from actors.simulator.control import Control
from actors.simulator.status import Status, Totals

pytestmark = pytest.mark.anyio

STREAMS = ("trades:BTC/USDT", "book:BTC/USDT")
STARTED = Started(stream_urls=("ws://a",), rest_urls=("http://a",), control_url="http://c", symbols=("BTC/USDT",))
PATIENCE = Patience(give_up=50.0, budget=60.0, lead=3.0, calm=2.0, settle=1.0, learn=45.0)
EVERY = 0.125
"""Seconds between two events of a stream: a fraction that floats hold exactly."""


@frozen(eq=False)
class Scripted(Control):
    """An exchange that does nothing but tell the test."""

    world: World = field(kw_only=True)

    async def inject(self, command: faults.Command) -> int:
        self.world.faults.append(command)
        self.world.happens(command)
        return 1

    async def status(self) -> Status:
        totals = Totals(connections=self.world.connections)
        return Status(
            time_ms=0, finished=False, skipped=0, first_skipped="", unreadable="", endpoints=[], connections=[], totals=totals,
            faults={},
        )  # fmt: skip


@define(eq=False)
class World:
    """A market that goes on, and a client that sees it as long as it is connected."""

    happens: Callable[[faults.Command], None] = field(default=lambda _: None)
    witness: Witness = field(factory=lambda: Witness(Client.CCXT))
    faults: list[faults.Command] = field(factory=list)
    connections: int = 1
    blind_until: float = 0.0
    """Until when the client sees nothing."""
    market_id: int = 0

    async def go_on(self) -> None:
        while True:
            await anyio.sleep(EVERY)
            self.market_id += 1
            if anyio.current_time() >= self.blind_until:
                self.say(*(Seen(anyio.current_time(), stream, self.market_id) for stream in STREAMS))

    def say(self, *said: Observation) -> None:
        for one in said:
            assert isinstance(one, Seen | Trouble)
            self.witness.observations.append(one)

    def blind(self, seconds: float) -> None:
        self.blind_until = anyio.current_time() + seconds

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("depth"):
            return httpx.Response(200, json={"lastUpdateId": self.market_id})
        return httpx.Response(200, json=[{"id": self.market_id}])

    @asynccontextmanager
    async def directed(self, patience: Patience = PATIENCE) -> AsyncIterator[Director]:
        self.witness.streams = STREAMS
        transport = httpx.MockTransport(self.answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as market, anyio.create_task_group() as group:
            group.start_soon(self.go_on)
            control = Scripted("http://c", world=self)
            yield Director(control, STARTED, market, self.witness, patience, anyio.current_time)
            group.cancel_scope.cancel()


async def drilled(world: World, fault: Fault, runs: int = 1, client: Client = Client.CCXT) -> Outcome:
    outcome = Outcome(client=client, fault=fault, rounds=[], pauses={})
    async with world.directed() as director:
        await director.run(Drill(client, fault, runs), outcome)
        director.count(outcome)
    return outcome


async def test_a_round_says_when_data_came_again_and_how_often_it_connected() -> None:
    world = World()

    def happens(_: faults.Command) -> None:
        world.blind(1.0)
        world.connections += 2

    world.happens = happens
    outcome = await drilled(world, Fault.ABORT, runs=3)
    assert [type(one) for one in world.faults] == [faults.Abort] * 3
    assert [one.back for one in outcome.rounds] == pytest.approx([1.0] * 3, abs=EVERY)
    assert [one.connections for one in outcome.rounds] == [2] * 3
    assert outcome.lost == pytest.approx(3 * 1.0 / EVERY, abs=3)
    assert outcome.duplicates == 0


async def test_a_close_is_a_close() -> None:
    world = World()
    await drilled(world, Fault.CLOSE)
    assert world.faults == [faults.Close()]


async def test_a_round_after_which_the_client_is_gone_is_the_last() -> None:
    world = World()
    world.happens = lambda _: world.blind(1e9)
    outcome = await drilled(world, Fault.ABORT, runs=10)
    assert [one.back for one in outcome.rounds] == [None]


async def test_a_silence_that_nobody_notices_is_ended_and_is_the_last() -> None:
    world = World()

    def happens(command: faults.Command) -> None:
        world.blind(0.0 if isinstance(command, faults.Resume) else 1e9)

    world.happens = happens
    outcome = await drilled(world, Fault.SILENCE, runs=10)
    assert [(one.noticed, one.back) for one in outcome.rounds] == [(None, None)]
    assert world.faults == [faults.Stall(), faults.Resume()]
    assert outcome.lost >= PATIENCE.give_up / EVERY  # it came again when the silence was ended, and so is counted


async def test_a_silence_is_noticed_by_a_marker() -> None:
    world = World()

    def happens(command: faults.Command) -> None:
        if isinstance(command, faults.Stall):
            world.blind(6.0)
            world.say(Trouble(anyio.current_time() + 5.0, STREAMS[0], "quiet"))

    world.happens = happens
    (one,) = (await drilled(world, Fault.SILENCE)).rounds
    assert one.noticed == 5.0
    assert one.back == pytest.approx(6.0, abs=EVERY)


async def test_a_silence_is_noticed_by_a_new_connection() -> None:
    world = World()

    async def dial() -> None:
        await anyio.sleep(10.0)
        world.connections += 1

    def happens(command: faults.Command) -> None:
        if isinstance(command, faults.Stall):
            world.blind(11.0)
            group.start_soon(dial)

    world.happens = happens
    async with anyio.create_task_group() as group:
        (one,) = (await drilled(world, Fault.SILENCE)).rounds
    assert one.noticed == pytest.approx(10.0, abs=0.2)


async def test_ours_may_learn_before_it_is_silenced() -> None:
    world = World(witness=Witness(Client.OURS))
    began = anyio.current_time()

    async def learn() -> None:
        await anyio.sleep(31.0)
        world.witness.pauses |= dict.fromkeys(STREAMS, 1.0)

    def happens(command: faults.Command) -> None:
        silenced.append(anyio.current_time() - began)
        world.blind(1.0)
        world.say(Trouble(anyio.current_time(), "", "quiet"))

    silenced: list[float] = []
    world.happens = happens
    async with anyio.create_task_group() as group:
        group.start_soon(learn)
        outcome = await drilled(world, Fault.SILENCE, client=Client.OURS)
    assert 31.0 + PATIENCE.calm <= silenced[0] <= 34.0
    assert outcome.pauses == dict.fromkeys(STREAMS, 1.0)


async def test_a_shutdown_without_a_pause_has_no_gap() -> None:
    world = World()
    (one,) = (await drilled(world, Fault.SHUTDOWN)).rounds
    assert world.faults == [faults.ShutdownNotice(then_close=PATIENCE.lead)]
    assert one.gap == 0.0


async def test_a_shutdown_is_charged_with_the_pause_that_it_made() -> None:
    world = World()
    world.happens = lambda _: world.blind(2.0)
    (one,) = (await drilled(world, Fault.SHUTDOWN)).rounds
    assert one.gap == pytest.approx(2.0 - EVERY, abs=EVERY)


async def test_no_round_begins_when_the_time_is_over() -> None:
    world = World()
    world.happens = lambda _: world.blind(20.0)
    outcome = await drilled(world, Fault.ABORT, runs=10)
    assert len(outcome.rounds) == 3  # each takes some 23 s of the 60


async def test_a_client_that_ends_is_said() -> None:
    world = World()

    def happens(_: faults.Command) -> None:
        world.blind(1e9)
        world.witness.ended = True

    world.happens = happens
    async with world.directed() as director:
        with pytest.raises(ClientEnded):
            await director.run(Drill(Client.CCXT, Fault.ABORT, 1), Outcome(client=Client.CCXT, fault=Fault.ABORT, rounds=[]))


async def test_a_client_that_never_delivers_is_not_hurt() -> None:
    world = World()
    world.blind(1e9)
    async with world.directed() as director:
        with pytest.raises(NoFlow, match=r"ccxt delivers nothing new .* of book:BTC/USDT, trades:BTC/USDT"):
            await director.run(Drill(Client.CCXT, Fault.ABORT, 1), Outcome(client=Client.CCXT, fault=Fault.ABORT, rounds=[]))
    assert world.faults == []


async def test_a_stream_that_the_client_does_not_have_is_not_waited_for() -> None:
    world = World()
    async with world.directed(evolve(PATIENCE, calm=0.0)) as director:
        outcome = Outcome(client=Client.CCXT, fault=Fault.ABORT, rounds=[], pauses={})
        await director.run(Drill(Client.CCXT, Fault.ABORT, 1), outcome)  # STREAMS has no quotes
    assert outcome.rounds[0].back is not None
