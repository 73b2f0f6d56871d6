"""The faults that can be injected, as values. What becomes of them is decided in `effects` and `gatekeeper`."""

from __future__ import annotations

from msgspec import Struct

__all__ = [
    "Abort",
    "Accept",
    "Ban",
    "Close",
    "Command",
    "Corrupt",
    "Gap",
    "HalfOpen",
    "HandshakeError",
    "HttpError",
    "Latency",
    "Refuse",
    "RefuseSubscription",
    "Resume",
    "ShutdownNotice",
    "SlowReader",
    "Stall",
    "Target",
    "Throttle",
    "WrongChecksum",
]


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connections: all, unless narrowed down."""

    endpoint: int | None = None
    """Only those to this endpoint; the first one is 1."""
    stream: str | None = None
    """Only those subscribed to this stream, `btcusdt@trade`."""
    count: int | None = None
    """Only so many of these, chosen at random."""


class Abort(Target, frozen=True, kw_only=True):
    """Connections vanish: their sockets are reset, without a goodbye."""


class Close(Target, frozen=True, kw_only=True):
    """Connections are closed with a close frame."""

    code: int = 1001
    reason: str = "going away"


class Stall(Target, frozen=True, kw_only=True):
    """Data stops, the connection stays: pings and requests are answered. What would have come is lost.

    With `stream`, only that stream goes silent.
    """

    seconds: float | None = None
    """None: until resumed."""
    new: bool = False
    """True: connections that are made later are silent too."""


class HalfOpen(Target, frozen=True, kw_only=True):
    """Sockets stay open, but nothing is read from them or written to them any more, as after a power cut on the way:
    no data, no pong, no ping, no goodbye. `resume` drops them.
    """

    new: bool = False
    """True: connections that are made later are half-open too, from the end of their handshake on."""


class Throttle(Target, frozen=True, kw_only=True):
    """The server writes only so fast to connections. What is too much waits, up to the limit of a slow client."""

    bytes_per_second: float
    """0: not at all."""


class SlowReader(Target, frozen=True, kw_only=True):
    """The server reads only so fast from connections, so that what a client sends piles up on its side."""

    bytes_per_second: float = 0.0
    """0: not at all. Then it sees no pong either, and drops the connection when `pong_timeout` is over."""


class Resume(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every stall, throttle and slow reading ends; half-open connections are dropped; bans, HTTP and handshake errors and
    refused subscriptions end. What refuses, and latency, stay as they are.
    """


class RefuseSubscription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that name this stream are refused, until resumed. Who is subscribed to it stays so."""

    stream: str
    code: int = 2
    msg: str = "Invalid request: invalid stream"


class Ban(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every REST request is refused, as the exchange does to an address that asked too much. 418 refuses handshakes too."""

    seconds: float
    """0 ends a ban."""
    status: int = 418
    """418 or 429."""


class HttpError(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next REST requests are answered with an error."""

    status: int
    body: str = ""
    """Sent as JSON where it begins like it, else as a web page; empty: a plain page that names the status."""
    count: int | None = 1
    """How many; None: all, until resumed."""
    retry_after: int | None = None
    """Seconds for a Retry-After header."""
    path: str = ""
    """Only requests whose path begins so, `/api/v3/depth`."""


class HandshakeError(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next WebSocket handshakes are refused with an HTTP status."""

    status: int
    count: int | None = 1
    """How many; None: all, until resumed."""
    retry_after: int | None = None
    """Seconds for a Retry-After header."""
    endpoint: int | None = None
    """Only at this endpoint."""


class Refuse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint stops listening, so that connecting to it is refused; streams and REST alike."""

    endpoint: int
    abort: bool = False
    """True: its connections are reset as well."""


class Accept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint listens again; None: all do."""

    endpoint: int | None = None


class Corrupt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next frames of a stream are no valid JSON, for all its subscribers."""

    stream: str
    count: int = 1


class Gap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next depth events of a symbol reach none of its subscribers."""

    symbol: str
    """`BTCUSDT` or `BTC/USDT`."""
    count: int = 1


class WrongChecksum(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next updates of a symbol's book carry another checksum than its own. For dialects that have any."""

    symbol: str
    """`BTCUSDT` or `BTC/USDT`."""
    count: int = 1


class Latency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data arrives later, in order; 0 ends it."""

    delay: float
    """Seconds."""
    jitter: float = 0.0
    """Up to so many seconds more, another for each frame."""


class ShutdownNotice(Target, frozen=True, kw_only=True):
    """`serverShutdown` is announced."""

    then_close: float | None = None
    """Seconds after which the connections that were told are closed, with 1001; None: nothing else happens."""


Command = (
    Abort
    | Accept
    | Ban
    | Close
    | Corrupt
    | Gap
    | HalfOpen
    | HandshakeError
    | HttpError
    | Latency
    | Refuse
    | RefuseSubscription
    | Resume
    | ShutdownNotice
    | SlowReader
    | Stall
    | Throttle
    | WrongChecksum
)
