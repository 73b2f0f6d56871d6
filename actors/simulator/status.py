"""What a simulator says of itself: the answer to `status`."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["ConnectionStatus", "EndpointStatus", "Status", "Totals"]


class EndpointStatus(Struct, frozen=True, kw_only=True):
    number: int
    """The first one is 1."""
    port: int
    listening: bool
    accepted: int
    """Stream connections accepted so far."""


class ConnectionStatus(Struct, frozen=True, kw_only=True):
    number: int
    """Counts up from 1 over all endpoints."""
    endpoint: int
    subscriptions: tuple[str, ...]
    frames_sent: int
    """Frames of data."""
    messages_received: int
    """Frames of any kind but close."""
    waiting_bytes: int
    half_open: bool = False


class Totals(Struct, kw_only=True):
    """Since the start."""

    connections: int = 0
    frames_sent: int = 0
    frames_silenced: int = 0
    """Frames that a stall swallowed."""
    messages_received: int = 0
    rest_requests: int = 0
    violations: int = 0
    """Connections closed with 1008 for too many messages."""
    slow_consumers: int = 0
    """Connections closed with 1008 because they did not read."""
    unanswered_pings: int = 0
    """Connections dropped because no pong came."""
    banned: int = 0
    """REST requests and handshakes refused because of a ban."""
    bans: int = 0
    """Bans that began because 429 answers were ignored."""
    http_errors: int = 0
    """REST requests that got an ordered error."""
    handshakes_refused: int = 0
    """Handshakes refused by an ordered error."""
    attempts_refused: int = 0
    """Handshakes refused because an address connected too often."""


class Status(Struct, frozen=True, kw_only=True):
    time_ms: int
    """The exchange's time, milliseconds since 1970."""
    finished: bool
    """The recording has been played to its end, or as far as it can be read."""
    skipped: int
    """Lines of the recording that could not be used."""
    first_skipped: str
    """The first of them, and why; empty: there is none."""
    unreadable: str
    """Why the rest of the recording cannot be read; empty: it can."""
    endpoints: list[EndpointStatus]
    connections: list[ConnectionStatus]
    """The open ones, in order of their numbers."""
    totals: Totals
    faults: dict[str, int]
    """How often each fault was injected, by the name of its command."""
