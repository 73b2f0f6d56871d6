"""What the StateManager is told, and what it puts in force."""

from __future__ import annotations

from enum import StrEnum

from actors.link_state import LinkEvent, LinkPhase
from actors.ports import Role
from supervisor import Message, Request

__all__ = [
    "EndpointDown",
    "EndpointReport",
    "EndpointUp",
    "FallbackKind",
    "FallbackMoved",
    "FallbacksInForce",
    "ForceFallback",
    "LinkEnded",
    "LinkMoved",
    "LinkReport",
    "LinkStates",
    "Pressure",
    "PressureKind",
]


class LinkReport(Message, frozen=True):
    """What happened to a link."""

    link: str
    event: LinkEvent
    endpoint: str
    poll_weight: int = 0
    """REST weight of asking once for all that the link is subscribed to; 0: it cannot be asked."""


class LinkEnded(Message, frozen=True):
    """A link is no more: its stream was stopped, and nobody wants it back."""

    link: str


class EndpointReport(Message, frozen=True):
    """How one use of an endpoint went: an attempt to connect, a request, a connection's end. Published too, with its venue."""

    role: Role
    endpoint: str
    ok: bool
    seconds: float | None = None
    reason: str = ""
    venue: str = ""
    """Whose, where it is published on ENDPOINT_REPORTS: topics are the whole tree's."""
    banned_until: float | None = None
    """Until when the exchange said that it refuses our address."""


class EndpointDown(Message, frozen=True):
    """An endpoint's breaker has opened."""

    role: Role
    endpoint: str


class EndpointUp(Message, frozen=True):
    """An endpoint's breaker has closed again."""

    role: Role
    endpoint: str


class PressureKind(StrEnum):
    """What is getting short."""

    ATTEMPTS = "attempts"
    """Connection attempts, as a share of what is allowed."""
    WEIGHT = "weight"
    """REST weight, likewise."""
    RATE = "rate"
    """The exchange said that we ask too much: 429, 418, close 1008. Always 1."""
    LOAD = "load"
    """Our own event loop or mailboxes are behind, as a share of what is bearable."""


class Pressure(Message, frozen=True):
    """Something is getting short, or is no longer."""

    kind: PressureKind
    share: float
    """From 1 on it is short."""


class FallbackKind(StrEnum):
    ENDPOINT = "endpoint"
    """Another endpoint than the preferred one."""
    PROTOCOL = "protocol"
    """REST polling instead of the stream."""
    RATE = "rate"
    """Fewer, merged connections and requests."""
    PARTIAL = "partial"
    """Some subscriptions are given up for the others."""
    CACHE = "cache"
    """The last known values, marked as stale."""


class FallbackMoved(Message, frozen=True):
    """Published on FALLBACKS when one is put in force or lifted, and again every few seconds while in force: who was born since
    has not heard it.
    """

    kind: FallbackKind
    scope: str
    """The link it is about; empty: the whole venue."""
    on: bool
    reason: str
    """The evidence, in plain words."""
    since: float
    venue: str
    detail: tuple[str, ...] = ()
    """Of ENDPOINT the endpoints that rest, of PARTIAL the subscriptions that are given up, of RATE the links that are down."""
    interval: float = 0.0
    """Of PROTOCOL: seconds between two polls."""


class FallbacksInForce(Request[tuple[FallbackMoved, ...]], frozen=True):
    """All that are in force."""


class ForceFallback(Request[bool], frozen=True):
    """An operator's word: put one in force or lift it, whatever the evidence says; False: there is nothing to do it to."""

    kind: FallbackKind
    scope: str = ""
    """A link for PROTOCOL and CACHE, empty: all of them. An endpoint for ENDPOINT: on, it is left for the others, off, it comes
    first; `rest`, `stream` or empty: that role's preferred one."""
    on: bool | None = None
    """None: leave it to the evidence again."""


class LinkStates(Request[dict[str, LinkPhase]], frozen=True):
    """The state of every link."""


class LinkMoved(Message, frozen=True):
    """Published on LINK_CHANGES: a link went from one state to another."""

    link: str
    before: LinkPhase
    after: LinkPhase
    at: float
    venue: str
