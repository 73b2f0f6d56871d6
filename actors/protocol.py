"""What the actors of one exchange say to each other, and the names under which they find each other.

Names are scoped to the exchange's supervisor: two exchanges in one tree do not see each other's. Topics are the whole tree's,
so what is published on them says its venue. Times are seconds of the loop's clock: none of these messages leaves the process.
"""

from __future__ import annotations

from typing import Any

from actors.link_state import LinkEvent, LinkPhase
from actors.market import BookSnapshot, InstrumentId, Rejected, Subscription
from actors.ports import Endpoint, Role
from actors.resilience import BreakerState
from actors.vitals import HealthLevel, Reading
from supervisor import Down, Gone, Message, Name, Request, Topic, Up

__all__ = [
    "BREAKERS",
    "CONNECTIONS",
    "ENDPOINTS",
    "HEALTH",
    "HEALTH_CHANGES",
    "LINK_CHANGES",
    "RECOVERIES",
    "RECOVERY",
    "STATES",
    "STREAMS",
    "ApplySnapshot",
    "BookIncident",
    "BreakerMoved",
    "ConnectionMessage",
    "Denied",
    "EndpointDown",
    "EndpointInForce",
    "EndpointUp",
    "HealthChanged",
    "HealthMessage",
    "HealthReport",
    "Lease",
    "LeaseEnded",
    "LeaseOutcome",
    "LinkMoved",
    "LinkReport",
    "LinkStates",
    "Probe",
    "Recovered",
    "RecoveryMessage",
    "Repeat",
    "RequestLease",
    "RequestWeight",
    "SetSubscriptions",
    "StateMessage",
    "StreamManagerMessage",
    "StreamMessage",
    "StreamStatus",
    "Subscriptions",
    "Tick",
    "Unwant",
    "UseEndpoint",
    "Vitals",
    "Want",
]


class Tick(Message, frozen=True):
    """Time to look after things."""


# ---- ConnectionManager


class Lease(Message, frozen=True):
    """Leave to open one connection to one endpoint. Say how it went with `LeaseOutcome`, and its end with `LeaseEnded`."""

    id: int
    endpoint: Endpoint


class Denied(Message, frozen=True):
    """No lease before this time."""

    until: float
    reason: str


class RequestLease(Request[Lease | Denied], frozen=True):
    """May I connect, and where? Answered at once. The holder is monitored: what it leaves behind is given back."""

    role: Role
    holder: Any  # Ref[Any]: a ref is no message, and is not encoded


class RequestWeight(Request[Lease | Denied], frozen=True):
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
    """It said so to our address: that time holds for every endpoint of the role."""


class LeaseEnded(Message, frozen=True):
    """The connection is over."""

    lease: int


class UseEndpoint(Message, frozen=True):
    """From now on, grant leases of this role to this endpoint."""

    role: Role
    endpoint: str


class Probe(Message, frozen=True):
    """See whether an endpoint that is out of use can be reached again."""

    endpoint: str


class EndpointInForce(Message, frozen=True):
    """Published on ENDPOINTS: leases of this role now go to this endpoint."""

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


# ---- StateManager


class LinkReport(Message, frozen=True):
    """What happened to a link."""

    link: str
    event: LinkEvent
    endpoint: str


class EndpointDown(Message, frozen=True):
    """An endpoint's breaker has opened."""

    role: Role
    endpoint: str


class EndpointUp(Message, frozen=True):
    """An endpoint's breaker has closed again."""

    role: Role
    endpoint: str


class LinkStates(Request[dict[str, LinkPhase]], frozen=True):
    """The state of every link."""


class LinkMoved(Message, frozen=True):
    """Published on LINK_CHANGES: a link went from one state to another."""

    link: str
    before: LinkPhase
    after: LinkPhase
    at: float
    venue: str


# ---- HealthMonitor


class Vitals(Message, frozen=True):
    """One report of measurements of one component."""

    component: str
    readings: tuple[Reading, ...]
    critical: bool = True


class HealthReport(Request[dict[str, HealthLevel]], frozen=True):
    """The level of every component, and of the whole under the key `""`."""


class HealthChanged(Message, frozen=True):
    """Published on HEALTH_CHANGES: a component went from one level to another."""

    component: str
    before: HealthLevel
    after: HealthLevel
    at: float
    venue: str


# ---- RecoveryManager


class BookIncident(Message, frozen=True):
    """A book is out of step and needs a snapshot. Said as often as one likes; treated once."""

    instrument: InstrumentId
    stream: Any  # Ref[StreamMessage]


class Recovered(Message, frozen=True):
    """Published on RECOVERIES: an incident is over."""

    instrument: InstrumentId
    seconds: float
    reports: int
    """How often it was reported."""
    ok: bool
    reason: str = ""


# ---- Stream


class SetSubscriptions(Message, frozen=True):
    """Subscribe to these, and to nothing else."""

    subscriptions: tuple[Subscription, ...]


class ApplySnapshot(Request[bool], frozen=True):
    """Here is a snapshot; True: the book is in step, False: it is older than what has been seen, fetch another."""

    snapshot: BookSnapshot


class StreamStatus(Request[dict[str, Any]], frozen=True):
    """How a stream is doing, for people."""


# ---- StreamManager


class Want(Request[tuple[Rejected, ...]], frozen=True):
    """Subscribe to these too. Answers which of them the exchange does not have; the others are on their way.

    What it does not have is said on the feed's topic too, every 10 s for who subscribes later, and delivered once it is listed.
    """

    subscriptions: tuple[Subscription, ...]


class Unwant(Message, frozen=True):
    """Subscribe to these no longer."""

    subscriptions: tuple[Subscription, ...]


class Repeat(Message, frozen=True):
    """Time to say again what was rejected."""


class Subscriptions(Request[tuple[Subscription, ...]], frozen=True):
    """All that is wanted."""


ConnectionMessage = RequestLease | RequestWeight | LeaseOutcome | LeaseEnded | UseEndpoint | Probe | Down
StateMessage = LinkReport | EndpointDown | EndpointUp | LinkStates | Tick
HealthMessage = Vitals | HealthReport | Tick
RecoveryMessage = BookIncident | Down | Up | Gone
StreamMessage = SetSubscriptions | ApplySnapshot | StreamStatus | EndpointInForce | Tick
StreamManagerMessage = Want | Unwant | Subscriptions | Repeat | Tick

CONNECTIONS: Name[ConnectionMessage] = Name("connections")
STATES: Name[StateMessage] = Name("states")
HEALTH: Name[HealthMessage] = Name("health")
RECOVERY: Name[RecoveryMessage] = Name("recovery")
STREAMS: Name[StreamManagerMessage] = Name("stream manager")

ENDPOINTS: Topic[EndpointInForce] = Topic("endpoints")
BREAKERS: Topic[BreakerMoved] = Topic("breakers")
LINK_CHANGES: Topic[LinkMoved] = Topic("link changes")
HEALTH_CHANGES: Topic[HealthChanged] = Topic("health changes")
RECOVERIES: Topic[Recovered] = Topic("recoveries")
