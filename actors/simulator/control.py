"""Injects faults into a running simulator, from any process on this machine."""

from __future__ import annotations

import ssl

import httpx
import msgspec
from attrs import field, frozen

from actors.errors import ConnectFailed, ExchangeRefused
from actors.simulator import faults
from actors.simulator.control_api import COMMANDS
from actors.simulator.status import Status

__all__ = ["Control"]

TIMEOUT = 10.0
_NAMES = {kind: name for name, kind in COMMANDS.items()}


class _Affected(msgspec.Struct, frozen=True):
    affected: int


class _Error(msgspec.Struct, frozen=True):
    error: str


def _no_certificates() -> ssl.SSLContext:
    # The control endpoint has no TLS; loading the certificates of the world takes longer than the request.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@frozen
class Control:
    """The control endpoint of a simulator. Parameters are those of the commands in `actors.simulator.faults`.

    Every method returns how many connections, endpoints or streams were affected, and raises ConnectFailed where
    no simulator answers, and ExchangeRefused where it refuses.

    Args:
        url: `Started.control_url`.
    """

    url: str
    _ssl: ssl.SSLContext = field(factory=_no_certificates, init=False, repr=False, eq=False)

    async def inject(self, command: faults.Command) -> int:
        """Inject a fault that is at hand as a value.

        Cancellation: may have happened.
        """
        fields = msgspec.structs.asdict(command)
        params = {name: _text(value) for name, value in fields.items() if value is not None}
        return msgspec.json.decode(await self._get(_NAMES[type(command)], params), type=_Affected).affected

    async def abort(self, *, endpoint: int | None = None, stream: str | None = None, count: int | None = None) -> int:
        """Reset sockets.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Abort(endpoint=endpoint, stream=stream, count=count))

    async def close(
        self,
        *,
        endpoint: int | None = None,
        stream: str | None = None,
        count: int | None = None,
        code: int = 1001,
        reason: str = "going away",
    ) -> int:
        """Close connections with a close frame.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Close(endpoint=endpoint, stream=stream, count=count, code=code, reason=reason))

    async def stall(
        self,
        *,
        stream: str | None = None,
        seconds: float | None = None,
        endpoint: int | None = None,
        count: int | None = None,
        new: bool = False,
    ) -> int:
        """Stop data, of all streams or of one, until `seconds` are over or until `resume`.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Stall(stream=stream, seconds=seconds, endpoint=endpoint, count=count, new=new))

    async def resume(self) -> int:
        """End every stall.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Resume())

    async def refuse(self, endpoint: int, *, abort: bool = False) -> int:
        """Make an endpoint refuse connections; with `abort`, reset those it has.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Refuse(endpoint=endpoint, abort=abort))

    async def accept(self, endpoint: int | None = None) -> int:
        """Make an endpoint, or all, listen again.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Accept(endpoint=endpoint))

    async def corrupt(self, stream: str, *, count: int = 1) -> int:
        """Make the next frames of a stream invalid JSON.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Corrupt(stream=stream, count=count))

    async def gap(self, symbol: str, *, count: int = 1) -> int:
        """Lose the next depth events of a symbol.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Gap(symbol=symbol, count=count))

    async def latency(self, delay: float, *, jitter: float = 0.0) -> int:
        """Delay data by so many seconds, and up to `jitter` more; 0 ends it.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Latency(delay=delay, jitter=jitter))

    async def shutdown_notice(self, *, endpoint: int | None = None, stream: str | None = None, count: int | None = None) -> int:
        """Announce `serverShutdown`.

        Cancellation: may have happened.
        """
        return await self.inject(faults.ShutdownNotice(endpoint=endpoint, stream=stream, count=count))

    async def status(self) -> Status:
        """What the simulator says of itself.

        Cancellation: atomic.
        """
        return msgspec.json.decode(await self._get("status", {}), type=Status)

    async def _get(self, name: str, params: dict[str, str]) -> bytes:
        # No proxies of the environment: the endpoint is on this machine.
        try:
            async with httpx.AsyncClient(verify=self._ssl, trust_env=False, timeout=TIMEOUT) as client:
                response = await client.get(f"{self.url}/control/{name}", params=params)
        except httpx.HTTPError as exc:
            raise ConnectFailed(self.url, str(exc) or type(exc).__name__) from exc
        if response.status_code != httpx.codes.OK:
            message = msgspec.json.decode(response.content, type=_Error).error
            raise ExchangeRefused(response.status_code, 0, message)
        return response.content


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
