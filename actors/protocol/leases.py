"""What the ConnectionManager is asked and told."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from actors.ports import Endpoint, Role
from actors.resilience import BreakerState
from supervisor import Message, Request

__all__ = [
    "BreakerMoved",
    "CircuitIsOpen",
    "Denial",
    "Denied",
    "EndpointInForce",
    "EndpointStates",
    "IsolateEndpoint",
    "Lease",
    "LeaseEnded",
    "LeaseHeld",
    "LeaseOutcome",
    "ManagerStarted",
    "Probe",
    "Purpose",
    "ReleaseEndpoint",
    "RequestLease",
    "RequestWeight",
    "ResetBreakers",
    "UseEndpoints",
]


class Purpose(StrEnum):
    """What a connection is wanted for."""

    SERVE = "serve"
    """There is none: data waits for it."""
    HAND_OVER = "hand_over"
    """The present one is to be replaced, and lives until then."""
    SPARE = "spare"
    """To be kept warm; the least urgent."""


class Lease(Message, frozen=True):
    """Leave to open one connection to one endpoint. Say how it went with `LeaseOutcome`, and its end with `LeaseEnded`."""

    id: int
    endpoint: Endpoint
    permit: int = 0
    """The breaker's epoch in which it was granted: an outcome that comes later than that says nothing."""
    expiry: float = math.inf
    """When the connection has to be replaced: its maximum age is near."""


class Denial(StrEnum):
    """Why there is no lease."""

    CIRCUIT_OPEN = "circuit_open"
    PACED = "paced"
    """The exchange's rate of attempts, or of weight, is used up."""
    BANNED = "banned"
    """The exchange has banned our address, or asked it to wait."""
    ISOLATED = "isolated"
    """An operator has taken every endpoint of the role out of use."""
    POSTPONED = "postponed"
    """A hand-over or a spare waits, so that who has no connection is not kept waiting."""


class Denied(Message, frozen=True):
    """No lease before this time."""

    until: float
    reason: str
    kind: Denial = Denial.PACED


class CircuitIsOpen(Denied, frozen=True):
    """Every endpoint's breaker refuses until then."""

    kind: Denial = Denial.CIRCUIT_OPEN


class RequestLease(Request[Lease | Denied | CircuitIsOpen], frozen=True):
    """May I connect, and where? Answered at once. The holder is monitored: what it leaves behind is given back."""

    role: Role
    holder: Any  # Ref[Any]: a ref is no message, and is not encoded
    purpose: Purpose = Purpose.SERVE
    avoid: str = ""
    """An endpoint that another one is preferred to, if there is one."""


class RequestWeight(Request[Lease | Denied | CircuitIsOpen], frozen=True):
    """May I make a REST request of this weight, and where? Answered at once; report as for a lease."""

    weight: int
    holder: Any


class LeaseOutcome(Message, frozen=True):
    """The connection was opened, or was not."""

    lease: int
    error: str | None = None
    """Why not; None: it was opened."""
    blameless: bool = False
    """The attempt was given up on our side: no verdict on the endpoint."""
    open_until: float | None = None
    """When the exchange itself said to come back."""
    banned: bool = False
    """It said so to our address: that time holds for every endpoint of every role."""
    paced: bool = False
    """It said that we ask too much (429): that time holds for every endpoint of this role, and for requests in any case."""
    seconds: float | None = None
    """How long the attempt or the request took."""
    used_weight: int | None = None
    """What the exchange says that our address has spent."""


class LeaseEnded(Message, frozen=True):
    """The connection is over."""

    lease: int
    reason: str = ""
    blameless: bool = True
    """False: it was lost, and its endpoint may be to blame."""
    asked_too_much: bool = False
    """The exchange closed it because we send too much."""


class LeaseHeld(Message, frozen=True):
    """After a restart of the ConnectionManager: this connection is open, under a lease of its predecessor."""

    lease: int
    role: Role
    endpoint: str
    holder: Any
    expiry: float


class ManagerStarted(Message, frozen=True):
    """Published on LEASES: a ConnectionManager begins, and asks who holds what."""

    venue: str


class UseEndpoints(Message, frozen=True):
    """From now on, grant leases of this role to these endpoints, best first; those that rest are left out."""

    role: Role
    order: tuple[str, ...]


class Probe(Message, frozen=True):
    """See whether an endpoint that is out of use can be reached again."""

    endpoint: str


class IsolateEndpoint(Request[bool], frozen=True):
    """Take an endpoint out of use until it is released; False: there is none of that name."""

    endpoint: str


class ReleaseEndpoint(Request[bool], frozen=True):
    """Bring an isolated endpoint back."""

    endpoint: str


class ResetBreakers(Request[int], frozen=True):
    """Close every breaker; how many were not closed. Bans stay: they are the exchange's."""


class EndpointStates(Request[dict[str, dict[str, Any]]], frozen=True):
    """What is known of each endpoint and of what is spent, for people and programs."""


class EndpointInForce(Message, frozen=True):
    """Published on ENDPOINTS: leases of this role now go to this endpoint first."""

    role: Role
    endpoint: Endpoint
    venue: str


class BreakerMoved(Message, frozen=True):
    """Published on BREAKERS: an endpoint's breaker changed its state."""

    endpoint: str
    before: BreakerState
    after: BreakerState
    at: float
    venue: str
