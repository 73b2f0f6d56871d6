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
from actors.protocol.recoveries import Attempted, BookIncident, Incidents, Recovered, TradesMissing, TriggerRecovery, Trouble
from actors.protocol.states import (
    EndpointDown,
    EndpointReport,
    EndpointUp,
    FallbackMoved,
    FallbacksInForce,
    ForceFallback,
    LinkEnded,
    LinkMoved,
    LinkReport,
    LinkStates,
    Pressure,
)
from actors.protocol.streams import (
    ApplyFill,
    ApplySnapshot,
    BookInStep,
    FindStream,
    LastKnown,
    Look,
    Renew,
    Repeat,
    RestartStream,
    Resubscribe,
    SayStale,
    SetSubscriptions,
    StreamOf,
    StreamStatus,
    Subscriptions,
    SubscriptionTo,
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
    "ENDPOINT_REPORTS",
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
    LinkReport
    | LinkEnded
    | EndpointReport
    | EndpointDown
    | EndpointUp
    | Pressure
    | LinkStates
    | FallbacksInForce
    | ForceFallback
    | Tick
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
    | EndpointReport
    | Recovered
    | Tick
)
RecoveryMessage = Attempted | BookIncident | TradesMissing | Trouble | TriggerRecovery | Incidents | Tick | Down | Up | Gone
StreamMessage = (
    SetSubscriptions
    | ApplySnapshot
    | ApplyFill
    | Resubscribe
    | BookInStep
    | Renew
    | LastKnown
    | Look
    | SayStale
    | StreamStatus
    | LinkQuality
    | EndpointInForce
    | ManagerStarted
    | FallbackMoved
    | Tick
)
StreamManagerMessage = (
    Want
    | Unwant
    | Subscriptions
    | SubscriptionTo
    | StreamOf
    | FindStream
    | RestartStream
    | FallbackMoved
    | Repeat
    | Tick
    | Down
    | Up
    | Gone
)

CONNECTIONS: Name[ConnectionMessage] = Name("connections")
STATES: Name[StateMessage] = Name("states")
HEALTH: Name[HealthMessage] = Name("health")
RECOVERY: Name[RecoveryMessage] = Name("recovery")
STREAMS: Name[StreamManagerMessage] = Name("stream manager")

ALERTS: Topic[AlertMoved] = Topic("alerts")
BREAKERS: Topic[BreakerMoved] = Topic("breakers")
ENDPOINTS: Topic[EndpointInForce] = Topic("endpoints")
ENDPOINT_REPORTS: Topic[EndpointReport] = Topic("endpoint reports")
FALLBACKS: Topic[FallbackMoved] = Topic("fallbacks")
HEALTH_CHANGES: Topic[HealthChanged] = Topic("health changes")
LEASES: Topic[ManagerStarted] = Topic("leases")
LINK_CHANGES: Topic[LinkMoved] = Topic("link changes")
RECOVERIES: Topic[Recovered] = Topic("recoveries")
