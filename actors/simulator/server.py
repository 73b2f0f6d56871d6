"""The simulated exchange as a server: ports, handshakes, and who answers what.

One market, several endpoints. Each endpoint is a port that speaks REST and WebSocket; the control endpoint is another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream, TaskGroup
from attrs import define, evolve, field
from websockets.http11 import Request
from websockets.server import ServerProtocol

from actors.simulator.answers import HttpAnswer, split_target
from actors.simulator.binance import BinanceDialect
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.control_api import Controller
from actors.simulator.dialect import Dialect
from actors.simulator.door import Door, Handler
from actors.simulator.gatekeeper import Attempts, Gatekeeper
from actors.simulator.handshake import new_protocol, read_request, respond, upgrade, wants_upgrade
from actors.simulator.hub import Hub
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Market
from actors.simulator.okx import OkxDialect
from actors.simulator.player import Player
from actors.simulator.replay import ReplayMarket
from actors.simulator.symbols import parse_symbol
from actors.simulator.synthetic import SyntheticMarket

__all__ = ["open_market", "serve"]

CONTROL_HOST = "127.0.0.1"


async def serve(config: SimulatorConfig, *, started: Callable[[Started], object]) -> None:
    """Run a simulated exchange until cancelled.

    Args:
        config: what it is.
        started: called once, with the addresses, when all of them accept connections.

    Raises:
        SimulatorError: it cannot start, for example because a port is in use.
        RecordingError: the recording cannot be read, or nothing in it can be used.

    Cancellation: all sockets are closed.
    """
    market = open_market(config)
    hub = Hub(config)
    player = Player(market, hub, config.speed, waits=config.replay is not None or config.speed is None)
    dialect = _dialect(config, market, player)
    player.prepare(dialect)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        server = _Server(config, market, dialect, hub, player, tasks)
        try:
            running = await server.open()
        except Exception as exc:  # noqa: BLE001 -- raised below, outside the group, so that it arrives bare
            failure = exc
            tasks.cancel_scope.cancel()
        else:
            started(running)
            tasks.start_soon(player.run)
    if failure is not None:
        raise failure


def _dialect(config: SimulatorConfig, market: Market, player: Player) -> Dialect:
    if config.dialect == "okx":
        return OkxDialect(market, player.time_ms, config.stream_limit, config.checksums)
    return BinanceDialect(market, WeightMeter(config.weight_limit), player.time_ms, config.stream_limit)


def open_market(config: SimulatorConfig) -> Market:
    """The market that a configuration describes.

    Raises:
        RecordingError: the recording cannot be read, or nothing in it can be used.
    """
    if config.replay is not None:
        return ReplayMarket.open(Path(config.replay), Path(config.replay_http) if config.replay_http else None)
    symbols = [symbol for symbol in map(parse_symbol, config.symbols) if symbol is not None]
    epoch_ms = int(time.time() * 1000) if config.epoch_ms is None else config.epoch_ms
    return SyntheticMarket(symbols, config.seed, epoch_ms)


@define(eq=False)
class _Server:
    config: SimulatorConfig
    market: Market
    dialect: Dialect
    hub: Hub
    player: Player
    tasks: TaskGroup
    _gatekeeper: Gatekeeper = field(init=False)
    _controller: Controller = field(init=False)

    def __attrs_post_init__(self) -> None:
        attempts = Attempts(self.config.attempt_limit, self.config.attempt_window)
        ban = self.config.ban_after, self.config.ban_seconds
        self._gatekeeper = Gatekeeper(attempts, *ban, self.dialect.ban_answer, self.hub.totals)

    async def open(self) -> Started:
        host = self.config.host
        doors = [
            Door(host, port, self._endpoint(number), self.tasks)
            for number, port in enumerate(self.config.ports or (0,) * self.config.endpoints, start=1)
        ]
        self._controller = Controller(self.hub, doors, self.player, self.dialect, self._gatekeeper)
        control = Door(CONTROL_HOST, self.config.control_port, self._control, self.tasks)
        for door in (*doors, control):
            await door.open()
        name = f"[{host}]" if ":" in host else host
        return Started(
            stream_urls=tuple(f"ws://{name}:{door.port}" for door in doors),
            rest_urls=tuple(f"http://{name}:{door.port}" for door in doors),
            control_url=f"http://{CONTROL_HOST}:{control.port}",
            symbols=tuple(symbol.canonical for symbol in self.market.symbols),
        )

    def _endpoint(self, number: int) -> Handler:
        async def handle(stream: SocketStream) -> None:
            async with stream:
                protocol = new_protocol(compression=self.config.compression)
                request = await read_request(stream, protocol)
                if request is None:
                    return
                if wants_upgrade(request):
                    await self._stream(number, stream, protocol, request)
                else:
                    await respond(stream, protocol, self._rest(request.path))

        return handle

    def _rest(self, target: str) -> HttpAnswer:
        now = time.time()
        self.hub.totals.rest_requests += 1
        answer = self._gatekeeper.rest(split_target(target)[0], now)
        if answer is None:
            said = self.dialect.rest(target, now)
            answer = self._gatekeeper.answered(said.status, now) or said
        # The exchange's time, as every server says it: of a candle that is polled it is all that tells how old it is.
        return evolve(answer, headers={"Date": formatdate(self.player.time_ms() // 1000, usegmt=True), **answer.headers})

    async def _stream(self, number: int, stream: SocketStream, protocol: ServerProtocol, request: Request) -> None:
        address = str(stream.extra(SocketAttribute.remote_address)[0])  # noqa: S610 -- this is no Django
        refusal = self._gatekeeper.handshake(address, number, time.time())
        if refusal is not None:
            await respond(stream, protocol, refusal)
            return
        session = self.dialect.session(*split_target(request.path), self.hub.refused)
        if session is None:
            await respond(stream, protocol, HttpAnswer(404, b"", content_type="text/html"))
        elif await upgrade(stream, protocol, request):
            await self.hub.serve(number, stream, protocol, session)

    async def _control(self, stream: SocketStream) -> None:
        async with stream:
            protocol = new_protocol(compression=False)
            request = await read_request(stream, protocol)
            if request is not None:
                await respond(stream, protocol, await self._controller.get(request.path))
