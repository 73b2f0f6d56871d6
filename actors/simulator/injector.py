"""Carries out the faults that were ordered."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import assert_never

import anyio
from attrs import frozen

from actors.simulator import faults
from actors.simulator.connection import Connection
from actors.simulator.dialect import Dialect, Refusal
from actors.simulator.door import Door
from actors.simulator.gatekeeper import Gatekeeper
from actors.simulator.hub import Hub
from actors.simulator.player import Player
from actors.simulator.symbols import Symbol, parse_symbol

__all__ = ["Injector", "Wrong"]

GOING_AWAY = (1001, "going away")

_Targeted = (
    faults.Abort | faults.Close | faults.HalfOpen | faults.ShutdownNotice | faults.SlowReader | faults.Stall | faults.Throttle
)


class Wrong(Exception):
    """A command that makes no sense, in one sentence."""


@frozen
class Injector:
    """Hurts what it was given.

    Args:
        hub: the connections.
        doors: the endpoints, in order.
        player: knows the market and its time.
        dialect: knows how things are said.
        gatekeeper: refuses requests and handshakes.
    """

    hub: Hub
    doors: Sequence[Door]
    player: Player
    dialect: Dialect
    gatekeeper: Gatekeeper

    async def execute(self, command: faults.Command) -> int:
        """Inject a fault; how many connections, endpoints or streams it affects.

        Raises:
            Wrong: it makes no sense; nothing happened.
            SimulatorError: an endpoint cannot listen again.

        Cancellation: may have happened.
        """
        match command:
            case faults.Refuse():
                return await self._refuse(command)
            case faults.Accept(endpoint=endpoint):
                return await self._accept(endpoint)
            case faults.Resume():
                self.gatekeeper.lift()
                return self.hub.resume()
            case (
                faults.Abort()
                | faults.Close()
                | faults.HalfOpen()
                | faults.ShutdownNotice()
                | faults.SlowReader()
                | faults.Stall()
                | faults.Throttle()
            ):
                return self._to_connections(command)
            case faults.Ban() | faults.HttpError() | faults.HandshakeError():
                self._at_the_door(command)
            case faults.Corrupt() | faults.Gap() | faults.Latency() | faults.RefuseSubscription() | faults.WrongChecksum():
                self._to_streams(command)
            case _:
                assert_never(command)
        return 1

    async def _refuse(self, command: faults.Refuse) -> int:
        await self._door(command.endpoint).close()
        if command.abort:
            self._to_connections(faults.Abort(endpoint=command.endpoint))
        return 1

    async def _accept(self, endpoint: int | None) -> int:
        chosen = self.doors if endpoint is None else [self._door(endpoint)]
        doors = [door for door in chosen if not door.listening]
        for door in doors:
            await door.open()
        return len(doors)

    def _at_the_door(self, command: faults.Ban | faults.HttpError | faults.HandshakeError) -> None:
        if isinstance(command, faults.Ban):
            if command.status not in (418, 429):
                raise Wrong(f"status is {command.status}, expected 418 or 429")
            self.gatekeeper.ban(_seconds("seconds", command.seconds), command.status, time.time())
            return
        if not 400 <= command.status <= 599:
            raise Wrong(f"status is {command.status}, expected 400 to 599")
        if command.count is not None:
            _positive(command.count)
        if isinstance(command, faults.HttpError):
            self.gatekeeper.plan_http(command)
            return
        if command.endpoint is not None:
            self._door(command.endpoint)
        self.gatekeeper.plan_handshakes(command)

    def _to_streams(
        self, command: faults.Corrupt | faults.Gap | faults.Latency | faults.RefuseSubscription | faults.WrongChecksum
    ) -> None:
        match command:
            case faults.Corrupt(stream=stream, count=count):
                self.hub.damage.corrupt(stream, _positive(count))
            case faults.Gap(symbol=symbol, count=count):
                self._gap(self._symbol(symbol), _positive(count))
            case faults.WrongChecksum(symbol=symbol, count=count):
                for stream in self.dialect.book_streams(self._symbol(symbol)):
                    self.hub.damage.miscount(stream, _positive(count))
            case faults.Latency(delay=delay, jitter=jitter):
                if not (0 <= delay < math.inf and 0 <= jitter < math.inf):
                    raise Wrong(f"delay is {delay!r} and jitter {jitter!r}, expected seconds from 0 up")
                self.hub.network.delay, self.hub.network.jitter = delay, jitter
            case faults.RefuseSubscription(stream=stream, code=code, msg=msg):
                self.hub.refused[stream] = Refusal(code, msg)

    def _gap(self, symbol: Symbol, count: int) -> None:
        """Of each way in which the book is told now; where nobody listens, of the usual one, for whoever comes."""
        streams = self.dialect.book_streams(symbol)
        for stream in [s for s in streams if s in self.hub.wanted.streams] or streams[:1]:
            self.hub.damage.gap(stream, count)

    def _to_connections(self, command: _Targeted) -> int:
        if command.endpoint is not None:
            self._door(command.endpoint)
        if command.count is not None:
            _positive(command.count)
        self._check(command)
        connections = self.hub.select(command)
        match command:
            case faults.ShutdownNotice(then_close=then_close):
                self.hub.announce(connections, *self.dialect.shutdown_event(self.player.time_ms()))
                for connection in connections if then_close is not None else ():
                    connection.close_in(then_close or 0.0, *GOING_AWAY)
            case faults.Stall(stream=stream, seconds=seconds, new=new):
                until = math.inf if seconds is None else anyio.current_time() + seconds
                self.hub.stall(connections, stream, until)
                if new:
                    self.hub.silence.begin(stream, until)
            case _:
                for connection in connections:
                    _hurt(connection, command)
                self.hub.half_open |= isinstance(command, faults.HalfOpen) and command.new
        return len(connections)

    def _check(self, command: _Targeted) -> None:
        match command:
            case faults.Close(code=code, reason=reason):
                if not (1000 <= code < 5000 and len(reason.encode()) <= 100):
                    raise Wrong(f"code is {code} and reason {reason!r}, expected 1000 to 4999 and up to 100 bytes")
            case faults.Stall(seconds=float() | int() as seconds):
                if not seconds > 0:
                    raise Wrong(f"seconds is {seconds!r}, expected more than 0")
            case faults.ShutdownNotice(then_close=float() | int() as then_close):
                # At once, it could overtake the notice.
                if not 0 < then_close < math.inf:
                    raise Wrong(f"then_close is {then_close!r}, expected seconds above 0")
            case faults.Throttle(bytes_per_second=rate) | faults.SlowReader(bytes_per_second=rate):
                if not 0 <= rate < math.inf:
                    raise Wrong(f"bytes_per_second is {rate!r}, expected a number from 0 up")
            case _:
                pass

    def _door(self, number: int) -> Door:
        if not 1 <= number <= len(self.doors):
            raise Wrong(f"endpoint is {number}, expected 1 to {len(self.doors)}")
        return self.doors[number - 1]

    def _symbol(self, text: str) -> Symbol:
        symbol, known = parse_symbol(text), self.player.market.symbols
        if symbol is None or symbol not in known:
            raise Wrong(f"symbol is {text!r}, expected one of {', '.join(s.native for s in known)}")
        return symbol


def _hurt(
    connection: Connection, command: faults.Abort | faults.Close | faults.HalfOpen | faults.SlowReader | faults.Throttle
) -> None:
    match command:
        case faults.Abort():
            connection.abort()
        case faults.Close(code=code, reason=reason):
            connection.close(code, reason)
        case faults.HalfOpen():
            connection.half_open()
        case faults.SlowReader(bytes_per_second=rate):
            connection.reading.set(rate)
        case faults.Throttle(bytes_per_second=rate):
            connection.writing.set(rate)
        case _:
            assert_never(command)


def _seconds(name: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise Wrong(f"{name} is {value!r}, expected seconds from 0 up")
    return value


def _positive(count: int) -> int:
    if count < 1:
        raise Wrong(f"count is {count}, expected 1 or more")
    return count
