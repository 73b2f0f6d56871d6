"""The ports: what the actors need from the world, as small protocols. Each has a real adapter and a shipped fake, and both
pass the same contract suite.

    Exchange    everything one exchange does differently; `exchanges/<name>/` implements it, without I/O
    Session     one stream connection's side of an exchange's protocol, without I/O
    Transport   opens Channels: `transport/websocket.py`, and `transport/memory.py` in tests
    Channel     one open stream connection
    Rest        one request, one answer: `transport/rest.py`, and `transport/memory.py` in tests
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from actors.errors import ExchangeRefused
from actors.market import BookSnapshot, Feed, InstrumentId, Level, MarketEvent, Subscription

__all__ = [
    "Ack",
    "Channel",
    "Delivery",
    "Endpoint",
    "Exchange",
    "FeedRule",
    "Frame",
    "FrameKind",
    "Heartbeat",
    "Inbound",
    "Limits",
    "Refusal",
    "Rest",
    "RestRequest",
    "RestResponse",
    "Role",
    "Session",
    "ShutdownNotice",
    "Transport",
]


class Role(StrEnum):
    """What an endpoint is for. Each role has endpoints, breakers and limits of its own."""

    STREAM = "stream"
    REST = "rest"


class Endpoint(Struct, frozen=True):
    """One address of an exchange."""

    name: str
    """Short and stable, for people, metrics and breakers: `stream-1`."""
    role: Role
    url: str
    """Base URL, `wss://host:9443` or `https://host`, without a trailing slash."""


class Limits(Struct, frozen=True, kw_only=True):
    """What an exchange allows. Times in seconds."""

    messages: int
    """Messages a client may send per connection within `messages_within`; pings and pongs count."""
    messages_within: float
    attempts: int
    """Connection attempts per egress address within `attempts_within`."""
    attempts_within: float
    subscriptions: int
    """Subscriptions per connection."""
    weight: int
    """REST weight per egress address within `weight_within`."""
    weight_within: float
    max_age: float
    """A connection is cut after this long."""
    server_ping: float = math.inf
    """The server pings at least this often; no ping for three times as long means a dead link. `math.inf`: it does not ping."""
    client_ping: float = math.inf
    """We ping this often (`Session.ping`), and no answer for as long again means a dead link. `math.inf`: we need not."""
    spares: bool = True
    """A connection without subscriptions is tolerated, so that one can be kept warm."""


class FeedRule(Struct, frozen=True, kw_only=True):
    """How an exchange serves one feed."""

    options: tuple[str, ...] = ()
    """What a subscription may say as its option, the usual one first; empty: it says nothing."""
    numbered: bool = False
    """Ids count up by one, so that a missing one is seen."""
    pause: float = 60.0
    """Seconds that it may be quiet, as long as its own pace is not known."""
    levels: int = 5000
    """Of a whole book: levels per side that the exchange keeps us told of. Worse ones fall out of it without a word."""


class FrameKind(StrEnum):
    TEXT = "text"
    BINARY = "binary"
    PING = "ping"
    PONG = "pong"


class Frame(Struct, frozen=True, gc=False):
    """One frame and when it was read, in seconds of the loop's clock."""

    payload: bytes
    arrived: float
    kind: FrameKind = FrameKind.TEXT


@runtime_checkable
class Channel(Protocol):
    """One open stream connection. One task receives, any task sends.

    After an end, clean or not, every method but `aclose` and `abort` raises `ConnectionLost`, and always the same one.
    """

    async def receive(self) -> Sequence[Frame]:
        """Wait for at least one frame and return all that have arrived, in order. Pings are among them: the caller answers.

        Raises:
            ConnectionLost: the connection ended; frames that came before the end have been returned.

        Cancellation: atomic; no frame is lost, and the next call goes on where this one would have.
        """
        ...

    async def send(self, text: str) -> None:
        """Send one text frame.

        Cancellation: may have happened. A frame that was cut off closes the connection, because what follows would be garbage.
        """
        ...

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping; the pong comes out of `receive`. Cancellation: as for `send`."""
        ...

    async def pong(self, payload: bytes) -> None:
        """Answer a ping. Cancellation: as for `send`."""
        ...

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and close. Closing twice is fine.

        Cancellation: the socket is closed in any case, then without goodbye.
        """
        ...

    def abort(self) -> None:
        """Close at once, without goodbye."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Opens channels."""

    async def connect(self, url: str) -> Channel:
        """Open a channel.

        Raises:
            ConnectFailed: with one plain sentence: refused, no such host, TLS, not a WebSocket.

        Cancellation: atomic; a half-open socket is closed.
        """
        ...


class RestRequest(Struct, frozen=True):
    """A GET request, relative to a REST endpoint."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    weight: int = 1


class RestResponse(Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""


@runtime_checkable
class Rest(Protocol):
    """One request, one answer."""

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """Fetch, whatever the status of the answer is.

        Raises:
            ConnectFailed: there was no answer.

        Cancellation: may have happened.
        """
        ...


class Delivery(Struct, frozen=True, gc=False):
    """Market data of one subscription, oldest first."""

    subscription: Subscription
    events: Sequence[MarketEvent]


class Heartbeat(Struct, frozen=True):
    """The exchange lives. It is no data."""


class Ack(Struct, frozen=True):
    """The exchange confirmed a request of ours."""

    request_id: int | None
    subscriptions: tuple[Subscription, ...]
    """What is subscribed by it; none, where it was an unsubscription."""


class Refusal(Struct, frozen=True):
    """The exchange refused a request of ours."""

    request_id: int | None
    subscriptions: tuple[Subscription, ...]
    code: int
    message: str


class ShutdownNotice(Struct, frozen=True):
    """The exchange announced that it will close this connection soon."""


Inbound = Delivery | Heartbeat | Ack | Refusal | ShutdownNotice | None
"""What a frame can mean. None: nothing that concerns us (an answer nobody waits for)."""


@runtime_checkable
class Session(Protocol):
    """One stream connection's side of the exchange's protocol, without I/O: what to send, and what a frame means.

    A session is made afresh for each connection; what it knows of subscriptions ends with it.
    """

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that ask for these, in batches as large as the exchange takes."""
        ...

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that give these up. What still arrives of them is ignored."""
        ...

    def ping(self) -> str | None:
        """The frame that asks for a sign of life; None: a ping of the WebSocket protocol does."""
        ...

    def receive(self, frame: Frame) -> Inbound:
        """Decode one text frame.

        Raises:
            BadFrame: it is no valid JSON, or not of the type its stream announces. The session goes on.
        """
        ...


@runtime_checkable
class Exchange(Protocol):
    """Everything one exchange does differently."""

    @property
    def venue(self) -> str:
        """`binance`: the first part of every instrument's name."""
        ...

    @property
    def limits(self) -> Limits: ...

    @property
    def feeds(self) -> Mapping[Feed, FeedRule]:
        """What it offers, and how."""
        ...

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """All of them, each role's in order of preference."""
        ...

    def instrument(self, canonical: str) -> InstrumentId:
        """The instrument `BTC/USDT` at this venue.

        Raises:
            UnknownInstrument: it cannot be one here.
        """
        ...

    def stream_url(self, endpoint: Endpoint) -> str:
        """Where a stream connection to this endpoint is opened."""
        ...

    def session(self) -> Session:
        """A fresh session for a fresh connection."""
        ...

    def symbols_request(self) -> RestRequest:
        """Asks which instruments there are."""
        ...

    def parse_symbols(self, response: RestResponse) -> frozenset[str]:
        """Native symbols that can be subscribed. Raises ExchangeRefused or BadFrame."""
        ...

    def snapshot_request(self, instrument: InstrumentId) -> RestRequest | None:
        """Asks for a whole book; None: the stream itself sends one after each subscription."""
        ...

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        """Raises ExchangeRefused or BadFrame."""
        ...

    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> int | None:
        """The exchange's checksum of a book with these levels, best first; None: it has none."""
        ...

    def fill_request(self, subscription: Subscription, after_id: int, before_id: int) -> RestRequest | None:
        """Asks for events of a numbered feed from `after_id + 1` on, as many as come in one answer; None: it cannot be asked.

        `before_id` is the first that we have again.
        """
        ...

    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Oldest first. Raises ExchangeRefused or BadFrame."""
        ...

    def poll_request(self, subscription: Subscription, after_id: int | None) -> RestRequest | None:
        """Asks for what this subscription would deliver; None: it cannot be asked.

        `after_id` is the last id that we have, None without one.
        """
        ...

    def parse_poll(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Oldest first; of a whole book one BookSnapshot. Raises ExchangeRefused or BadFrame."""
        ...

    def time_request(self) -> RestRequest | None:
        """Asks for the exchange's clock; None: it cannot be asked."""
        ...

    def parse_time(self, response: RestResponse) -> int:
        """Milliseconds since 1970. Raises ExchangeRefused or BadFrame."""
        ...

    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        """The error that an answer is, whatever its status; None: it is none."""
        ...

    def used_weight(self, response: RestResponse) -> int | None:
        """What our address has spent within the exchange's window; None where the answer does not say."""
        ...
