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
        # What is as by default is left out: the rest may be None where that is not the default.
        params = {
            one.name: _text(value)
            for one in msgspec.structs.fields(command)
            if (value := getattr(command, one.name)) != one.default
        }
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
        """End every stall, throttle, slow reading, ban, HTTP and handshake error and refused subscription; drop what is
        half-open.

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

    async def wrong_checksum(self, symbol: str, *, count: int = 1) -> int:
        """Falsify the checksums of the next updates of a symbol's book, where the dialect has any.

        Cancellation: may have happened.
        """
        return await self.inject(faults.WrongChecksum(symbol=symbol, count=count))

    async def latency(self, delay: float, *, jitter: float = 0.0) -> int:
        """Delay data by so many seconds, and up to `jitter` more; 0 ends it.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Latency(delay=delay, jitter=jitter))

    async def shutdown_notice(
        self,
        *,
        endpoint: int | None = None,
        stream: str | None = None,
        count: int | None = None,
        then_close: float | None = None,
    ) -> int:
        """Announce `serverShutdown`; with `then_close`, close those connections (1001) so many seconds later.

        Cancellation: may have happened.
        """
        notice = faults.ShutdownNotice(endpoint=endpoint, stream=stream, count=count, then_close=then_close)
        return await self.inject(notice)

    async def half_open(
        self, *, endpoint: int | None = None, stream: str | None = None, count: int | None = None, new: bool = False
    ) -> int:
        """Keep sockets open, and neither read nor write any more, until `resume` drops them.

        Cancellation: may have happened.
        """
        return await self.inject(faults.HalfOpen(endpoint=endpoint, stream=stream, count=count, new=new))

    async def throttle(
        self,
        bytes_per_second: float,
        *,
        endpoint: int | None = None,
        stream: str | None = None,
        count: int | None = None,
    ) -> int:
        """Write only so fast, until `resume`; 0: not at all.

        Cancellation: may have happened.
        """
        chosen = faults.Throttle(endpoint=endpoint, stream=stream, count=count, bytes_per_second=bytes_per_second)
        return await self.inject(chosen)

    async def slow_reader(
        self,
        bytes_per_second: float = 0.0,
        *,
        endpoint: int | None = None,
        stream: str | None = None,
        count: int | None = None,
    ) -> int:
        """Read only so fast what clients send, until `resume`; 0: not at all.

        Cancellation: may have happened.
        """
        chosen = faults.SlowReader(endpoint=endpoint, stream=stream, count=count, bytes_per_second=bytes_per_second)
        return await self.inject(chosen)

    async def ban(self, seconds: float, *, status: int = 418) -> int:
        """Answer every REST request with this status; 418 refuses handshakes too. 0 seconds end a ban.

        Cancellation: may have happened.
        """
        return await self.inject(faults.Ban(seconds=seconds, status=status))

    async def http_error(
        self, status: int, body: str = "", *, count: int | None = 1, retry_after: int | None = None, path: str = ""
    ) -> int:
        """Answer the next REST requests with an error; with `count=None` all of them, until `resume`.

        Cancellation: may have happened.
        """
        error = faults.HttpError(status=status, body=body, count=count, retry_after=retry_after, path=path)
        return await self.inject(error)

    async def handshake_error(
        self, status: int, *, count: int | None = 1, retry_after: int | None = None, endpoint: int | None = None
    ) -> int:
        """Refuse the next WebSocket handshakes; with `count=None` all of them, until `resume`.

        Cancellation: may have happened.
        """
        error = faults.HandshakeError(status=status, count=count, retry_after=retry_after, endpoint=endpoint)
        return await self.inject(error)

    async def refuse_subscription(self, stream: str, *, code: int = 2, msg: str = "Invalid request: invalid stream") -> int:
        """Refuse requests that name this stream, until `resume`.

        Cancellation: may have happened.
        """
        return await self.inject(faults.RefuseSubscription(stream=stream, code=code, msg=msg))

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
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
