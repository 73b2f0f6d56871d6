"""Who takes which messages, and the names and topics under which the actors of one exchange find each other."""

from __future__ import annotations

from actors.protocol.health import (
    ActiveAlerts,
    AlertMoved,
    Diagnose,
    HealthChanged,
    HealthDetail,
    HealthReport,
    LinkQuality,
    RaiseAlert,
    Vitals,
)
from actors.protocol.leases import (
    BreakerMoved,
    EndpointInForce,
    EndpointStates,
    IsolateEndpoint,
    LeaseEnded,
    LeaseHeld,
    LeaseOutcome,
    ManagerStarted,
    Probe,
    ReleaseEndpoint,
    RequestLease,
    RequestWeight,
    ResetBreakers,
    UseEndpoints,
)
from actors.protocol.recoveries import BookIncident, Incidents, Recovered, TradesMissing, TriggerRecovery, Trouble
from actors.protocol.states import (
    EndpointDown,
    EndpointReport,
    EndpointUp,
    FallbackMoved,
    FallbacksInForce,
    ForceFallback,
    LinkMoved,
    LinkReport,
    LinkStates,
    Pressure,
)
from actors.protocol.streams import (
    ApplyFill,
    ApplySnapshot,
    BookInStep,
    LastKnown,
    Renew,
    Repeat,
    Resubscribe,
    SetSubscriptions,
    StreamOf,
    StreamStatus,
    Subscriptions,
    Tick,
    Unwant,
    Want,
)
from supervisor import Down, Gone, Name, Topic, Up

__all__ = [
    "ALERTS",
    "BREAKERS",
    "CONNECTIONS",
    "ENDPOINTS",
    "FALLBACKS",
    "HEALTH",
    "HEALTH_CHANGES",
    "LEASES",
    "LINK_CHANGES",
    "RECOVERIES",
    "RECOVERY",
    "STATES",
    "STREAMS",
    "ConnectionMessage",
    "HealthMessage",
    "RecoveryMessage",
    "StateMessage",
    "StreamManagerMessage",
    "StreamMessage",
]

ConnectionMessage = (
    RequestLease
    | RequestWeight
    | LeaseOutcome
    | LeaseEnded
    | LeaseHeld
    | UseEndpoints
    | Probe
    | IsolateEndpoint
    | ReleaseEndpoint
    | ResetBreakers
    | EndpointStates
    | Tick
    | Down
)
StateMessage = (
    LinkReport | EndpointReport | EndpointDown | EndpointUp | Pressure | LinkStates | FallbacksInForce | ForceFallback | Tick
)
HealthMessage = (
    Vitals
    | HealthReport
    | HealthDetail
    | ActiveAlerts
    | RaiseAlert
    | Diagnose
    | LinkMoved
    | BreakerMoved
    | FallbackMoved
    | Recovered
    | Tick
)
RecoveryMessage = BookIncident | TradesMissing | Trouble | TriggerRecovery | Incidents | Tick | Down | Up | Gone
StreamMessage = (
    SetSubscriptions
    | ApplySnapshot
    | ApplyFill
    | Resubscribe
    | BookInStep
    | Renew
    | LastKnown
    | StreamStatus
    | LinkQuality
    | EndpointInForce
    | ManagerStarted
    | FallbackMoved
    | Tick
)
StreamManagerMessage = Want | Unwant | Subscriptions | StreamOf | FallbackMoved | Repeat | Tick

CONNECTIONS: Name[ConnectionMessage] = Name("connections")
STATES: Name[StateMessage] = Name("states")
HEALTH: Name[HealthMessage] = Name("health")
RECOVERY: Name[RecoveryMessage] = Name("recovery")
STREAMS: Name[StreamManagerMessage] = Name("stream manager")

ALERTS: Topic[AlertMoved] = Topic("alerts")
BREAKERS: Topic[BreakerMoved] = Topic("breakers")
ENDPOINTS: Topic[EndpointInForce] = Topic("endpoints")
FALLBACKS: Topic[FallbackMoved] = Topic("fallbacks")
HEALTH_CHANGES: Topic[HealthChanged] = Topic("health changes")
LEASES: Topic[ManagerStarted] = Topic("leases")
LINK_CHANGES: Topic[LinkMoved] = Topic("link changes")
RECOVERIES: Topic[Recovered] = Topic("recoveries")
