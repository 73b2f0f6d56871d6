"""The control endpoint: faults are injected by GET requests, on a port of its own that is on loopback always.

    /control/status
    /control/abort            ?endpoint=1 &stream=btcusdt@trade &count=2      sockets are reset
    /control/close            the same, and &code=1001 &reason=...            a close frame
    /control/shutdown_notice  the same, and &then_close=2                     `serverShutdown` is announced; then 1001
    /control/stall            ?stream= &seconds=5 &endpoint= &count= &new=true    data stops; new: of later connections too
    /control/half_open        ?endpoint= &stream= &count= &new=true           nothing is read or written any more
    /control/throttle         ?bytes_per_second=1000 &endpoint= &stream= &count=  the server writes only so fast
    /control/slow_reader      ?bytes_per_second=0 &endpoint= &stream= &count=     it reads only so fast; 0: not at all
    /control/resume                                                           all of these, and those marked * end
    /control/refuse           ?endpoint=1 &abort=true                         an endpoint stops listening
    /control/accept           ?endpoint=1                                     it listens again; without: all do
    /control/ban              ?seconds=120 &status=418                        * REST is refused; 418: handshakes too
    /control/http_error       ?status=403 &body= &count=1 &retry_after= &path=/api/v3/depth   * the next REST answers
    /control/handshake_error  ?status=502 &count=1 &retry_after= &endpoint=   * the next handshakes are refused
    /control/refuse_subscription  ?stream=btcusdt@trade &code=2 &msg=...      * requests that name it are refused
    /control/corrupt          ?stream=btcusdt@trade &count=3                  the next frames are no valid JSON
    /control/gap              ?symbol=BTCUSDT &count=1                        the next depth events are lost for all
    /control/wrong_checksum   ?symbol=BTCUSDT &count=1                        the next updates of its book are miscounted
    /control/latency          ?delay=0.2 &jitter=0.1                          data comes later; delay=0 ends it

Endpoints are numbered from 1. Every parameter is optional except `endpoint` of refuse, `stream` of corrupt and of
refuse_subscription, `symbol` of gap and wrong_checksum, `delay` of latency, `bytes_per_second` of throttle, `seconds` of ban (0
ends it) and `status` of the errors. A half-open connection is dropped by resume. A fault answers `{"affected": n}`:
connections, endpoints or streams. A wrong request answers status 400 and `{"error": "..."}`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from attrs import define, field

from actors.simulator import faults
from actors.simulator.answers import HttpAnswer, split_target
from actors.simulator.config import SimulatorError
from actors.simulator.dialect import Dialect
from actors.simulator.door import Door
from actors.simulator.gatekeeper import Gatekeeper
from actors.simulator.hub import Hub
from actors.simulator.injector import Injector, Wrong
from actors.simulator.player import Player
from actors.simulator.status import EndpointStatus, Status

__all__ = ["COMMANDS", "Controller"]

COMMANDS: dict[str, type[faults.Command]] = {
    "abort": faults.Abort,
    "accept": faults.Accept,
    "ban": faults.Ban,
    "close": faults.Close,
    "corrupt": faults.Corrupt,
    "gap": faults.Gap,
    "half_open": faults.HalfOpen,
    "handshake_error": faults.HandshakeError,
    "http_error": faults.HttpError,
    "latency": faults.Latency,
    "refuse": faults.Refuse,
    "refuse_subscription": faults.RefuseSubscription,
    "resume": faults.Resume,
    "shutdown_notice": faults.ShutdownNotice,
    "slow_reader": faults.SlowReader,
    "stall": faults.Stall,
    "throttle": faults.Throttle,
    "wrong_checksum": faults.WrongChecksum,
}
_ROOT = "/control/"


@define(eq=False)
class Controller:
    """Does what the control endpoint is asked.

    Args:
        hub: the connections.
        doors: the endpoints, in order.
        player: knows the market, its time and how far it is.
        dialect: knows how things are said.
        gatekeeper: refuses requests and handshakes.
    """

    hub: Hub
    doors: Sequence[Door]
    player: Player
    dialect: Dialect
    gatekeeper: Gatekeeper
    _injector: Injector = field(init=False)
    _injected: Counter[str] = field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        self._injector = Injector(self.hub, self.doors, self.player, self.dialect, self.gatekeeper)

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
            affected = await self._injector.execute(msgspec.convert(params, type=kind, strict=False))
        except (Wrong, SimulatorError, msgspec.ValidationError) as exc:
            return _error(400, f"{name}: {exc}")
        self._injected[name] += 1
        return HttpAnswer(200, msgspec.json.encode({"affected": affected}))

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


def _error(status: int, message: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode({"error": message}))
