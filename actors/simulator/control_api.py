"""The control endpoint: faults are injected by GET requests, on a port of its own that is on loopback always.

    /control/status
    /control/abort            ?endpoint=1 &stream=btcusdt@trade &count=2      sockets are reset
    /control/close            the same, and &code=1001 &reason=...            a close frame
    /control/shutdown_notice  ?endpoint= &stream= &count=                     `serverShutdown` is announced
    /control/stall            ?stream= &seconds=5 &endpoint= &count= &new=true    data stops; new: of later connections too
    /control/resume                                                           every stall ends
    /control/refuse           ?endpoint=1 &abort=true                         an endpoint stops listening
    /control/accept           ?endpoint=1                                     it listens again; without: all do
    /control/corrupt          ?stream=btcusdt@trade &count=3                  the next frames are no valid JSON
    /control/gap              ?symbol=BTCUSDT &count=1                        the next depth events are lost for all
    /control/latency          ?delay=0.2 &jitter=0.1                          data comes later; delay=0 ends it

Endpoints are numbered from 1. Every parameter is optional except `endpoint` of refuse, `stream` of corrupt, `symbol` of
gap and `delay` of latency. A fault answers `{"affected": n}`: connections, endpoints or streams. A wrong request answers
status 400 and `{"error": "..."}`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import assert_never

import anyio
import msgspec
from attrs import define, field

from actors.simulator import faults
from actors.simulator.config import SimulatorError
from actors.simulator.door import Door
from actors.simulator.hub import Hub
from actors.simulator.player import Player
from actors.simulator.rest_api import HttpAnswer, split_target
from actors.simulator.status import EndpointStatus, Status
from actors.simulator.symbols import Symbol, parse_symbol

__all__ = ["COMMANDS", "Controller"]

COMMANDS: dict[str, type[faults.Command]] = {
    "abort": faults.Abort,
    "accept": faults.Accept,
    "close": faults.Close,
    "corrupt": faults.Corrupt,
    "gap": faults.Gap,
    "latency": faults.Latency,
    "refuse": faults.Refuse,
    "resume": faults.Resume,
    "shutdown_notice": faults.ShutdownNotice,
    "stall": faults.Stall,
}
_ROOT = "/control/"


class _Wrong(Exception):
    """A request that makes no sense, in one sentence."""


@define(eq=False)
class Controller:
    """Does what the control endpoint is asked.

    Args:
        hub: the connections.
        doors: the endpoints, in order.
        player: knows the market, its time and how far it is.
    """

    hub: Hub
    doors: Sequence[Door]
    player: Player
    _injected: Counter[str] = field(factory=Counter, init=False)

    async def get(self, target: str) -> HttpAnswer:
        """Answer a request to the control endpoint.

        Cancellation: may have happened.
        """
        path, query = split_target(target)
        if path == f"{_ROOT}status":
            return HttpAnswer(200, msgspec.json.encode(self.status()))
        name = path.removeprefix(_ROOT)
        kind = COMMANDS.get(name) if path.startswith(_ROOT) else None
        if kind is None:
            known = ", ".join(sorted([*COMMANDS, "status"]))
            return _error(404, f"there is no {path!r}; expected {_ROOT} and one of {known}")
        try:
            params = {key: values[-1] for key, values in query.items()}
            affected = await self.execute(msgspec.convert(params, type=kind, strict=False))
        except (_Wrong, SimulatorError, msgspec.ValidationError) as exc:
            return _error(400, f"{name}: {exc}")
        self._injected[name] += 1
        return HttpAnswer(200, msgspec.json.encode({"affected": affected}))

    async def execute(self, command: faults.Command) -> int:
        """Inject a fault; how many connections, endpoints or streams it affects.

        Cancellation: may have happened.
        """
        match command:
            case faults.Refuse():
                return await self._refuse(command)
            case faults.Accept(endpoint=endpoint):
                chosen = self.doors if endpoint is None else [self._door(endpoint)]
                doors = [door for door in chosen if not door.listening]
                for door in doors:
                    await door.open()
                return len(doors)
            case faults.Abort() | faults.Close() | faults.ShutdownNotice() | faults.Stall():
                return self._to_connections(command)
            case faults.Resume():
                return self.hub.resume()
            case faults.Corrupt(stream=stream, count=count):
                self.hub.damage.corrupt(stream, _positive(count))
            case faults.Gap(symbol=symbol, count=count):
                self.hub.damage.gap(f"{self._symbol(symbol).stream}@depth@100ms", _positive(count))
            case faults.Latency(delay=delay, jitter=jitter):
                if not (0 <= delay < math.inf and 0 <= jitter < math.inf):
                    raise _Wrong(f"delay is {delay!r} and jitter {jitter!r}, expected seconds from 0 up")
                self.hub.network.delay, self.hub.network.jitter = delay, jitter
            case _:
                assert_never(command)
        return 1

    def status(self) -> Status:
        return Status(
            time_ms=self.player.time_ms(),
            finished=self.player.finished,
            skipped=self.player.market.skipped,
            first_skipped=self.player.market.first_skipped,
            unreadable=self.player.unreadable,
            endpoints=[
                EndpointStatus(
                    number=number,
                    port=door.port,
                    listening=door.listening,
                    accepted=self.hub.accepted[number],
                )
                for number, door in enumerate(self.doors, start=1)
            ],
            connections=self.hub.status(),
            totals=self.hub.totals,
            faults=dict(self._injected),
        )

    async def _refuse(self, command: faults.Refuse) -> int:
        await self._door(command.endpoint).close()
        if command.abort:
            self._to_connections(faults.Abort(endpoint=command.endpoint))
        return 1

    def _to_connections(self, command: faults.Abort | faults.Close | faults.ShutdownNotice | faults.Stall) -> int:
        if command.endpoint is not None:
            self._door(command.endpoint)
        if command.count is not None:
            _positive(command.count)
        if isinstance(command, faults.Stall):
            return self._stall(command)
        connections = self.hub.select(command)
        match command:
            case faults.Abort():
                for connection in connections:
                    connection.abort()
            case faults.Close(code=code, reason=reason):
                if not (1000 <= code < 5000 and len(reason.encode()) <= 100):
                    raise _Wrong(f"code is {code} and reason {reason!r}, expected 1000 to 4999 and up to 100 bytes")
                for connection in connections:
                    connection.close(code, reason)
            case faults.ShutdownNotice():
                self.hub.announce_shutdown(connections, self.player.time_ms())
        return len(connections)

    def _stall(self, command: faults.Stall) -> int:
        if command.seconds is not None and not command.seconds > 0:
            raise _Wrong(f"seconds is {command.seconds!r}, expected more than 0")
        until = math.inf if command.seconds is None else anyio.current_time() + command.seconds
        connections = self.hub.select(command)
        self.hub.stall(connections, command.stream, until)
        if command.new:
            self.hub.silence.begin(command.stream, until)
        return len(connections)

    def _door(self, number: int) -> Door:
        if not 1 <= number <= len(self.doors):
            raise _Wrong(f"endpoint is {number}, expected 1 to {len(self.doors)}")
        return self.doors[number - 1]

    def _symbol(self, text: str) -> Symbol:
        symbol, known = parse_symbol(text), self.player.market.symbols
        if symbol is None or symbol not in known:
            raise _Wrong(f"symbol is {text!r}, expected one of {', '.join(s.native for s in known)}")
        return symbol


def _positive(count: int) -> int:
    if count < 1:
        raise _Wrong(f"count is {count}, expected 1 or more")
    return count


def _error(status: int, message: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode({"error": message}))
