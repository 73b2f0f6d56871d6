"""What the actors of one exchange say to each other, and the names under which they find each other.

Names are scoped to the exchange's supervisor: two exchanges in one tree do not see each other's. Topics are the whole tree's,
so what is published on them says its venue. Times are seconds of the loop's clock: none of these messages leaves the process.

    leases        what the ConnectionManager is asked and told
    states        what the StateManager is told, and what it puts in force
    health        what the HealthMonitor is told and asked
    recoveries    what the RecoveryManager is told and asked
    streams       what a Stream and the StreamManager are told and asked
    names         who takes which of them, names and topics
"""

from actors.protocol.health import ActiveAlerts as ActiveAlerts
from actors.protocol.health import AlertMoved as AlertMoved
from actors.protocol.health import ConnectionVitals as ConnectionVitals
from actors.protocol.health import Diagnose as Diagnose
from actors.protocol.health import HealthChanged as HealthChanged
from actors.protocol.health import HealthDetail as HealthDetail
from actors.protocol.health import HealthReport as HealthReport
from actors.protocol.health import LinkQuality as LinkQuality
from actors.protocol.health import RaiseAlert as RaiseAlert
from actors.protocol.health import Vitals as Vitals
from actors.protocol.leases import BreakerMoved as BreakerMoved
from actors.protocol.leases import CircuitIsOpen as CircuitIsOpen
from actors.protocol.leases import Denial as Denial
from actors.protocol.leases import Denied as Denied
from actors.protocol.leases import EndpointInForce as EndpointInForce
from actors.protocol.leases import EndpointStates as EndpointStates
from actors.protocol.leases import IsolateEndpoint as IsolateEndpoint
from actors.protocol.leases import Lease as Lease
from actors.protocol.leases import LeaseEnded as LeaseEnded
from actors.protocol.leases import LeaseHeld as LeaseHeld
from actors.protocol.leases import LeaseOutcome as LeaseOutcome
from actors.protocol.leases import ManagerStarted as ManagerStarted
from actors.protocol.leases import Probe as Probe
from actors.protocol.leases import Purpose as Purpose
from actors.protocol.leases import ReleaseEndpoint as ReleaseEndpoint
from actors.protocol.leases import RequestLease as RequestLease
from actors.protocol.leases import RequestWeight as RequestWeight
from actors.protocol.leases import ResetBreakers as ResetBreakers
from actors.protocol.leases import UseEndpoints as UseEndpoints
from actors.protocol.names import ALERTS as ALERTS
from actors.protocol.names import BREAKERS as BREAKERS
from actors.protocol.names import CONNECTIONS as CONNECTIONS
from actors.protocol.names import ENDPOINT_REPORTS as ENDPOINT_REPORTS
from actors.protocol.names import ENDPOINTS as ENDPOINTS
from actors.protocol.names import FALLBACKS as FALLBACKS
from actors.protocol.names import HEALTH as HEALTH
from actors.protocol.names import HEALTH_CHANGES as HEALTH_CHANGES
from actors.protocol.names import LEASES as LEASES
from actors.protocol.names import LINK_CHANGES as LINK_CHANGES
from actors.protocol.names import RECOVERIES as RECOVERIES
from actors.protocol.names import RECOVERY as RECOVERY
from actors.protocol.names import STATES as STATES
from actors.protocol.names import STREAMS as STREAMS
from actors.protocol.names import ConnectionMessage as ConnectionMessage
from actors.protocol.names import HealthMessage as HealthMessage
from actors.protocol.names import RecoveryMessage as RecoveryMessage
from actors.protocol.names import StateMessage as StateMessage
from actors.protocol.names import StreamManagerMessage as StreamManagerMessage
from actors.protocol.names import StreamMessage as StreamMessage
from actors.protocol.recoveries import Attempted as Attempted
from actors.protocol.recoveries import BookIncident as BookIncident
from actors.protocol.recoveries import Incidents as Incidents
from actors.protocol.recoveries import Recovered as Recovered
from actors.protocol.recoveries import TradesMissing as TradesMissing
from actors.protocol.recoveries import TriggerRecovery as TriggerRecovery
from actors.protocol.recoveries import Trouble as Trouble
from actors.protocol.states import EndpointDown as EndpointDown
from actors.protocol.states import EndpointReport as EndpointReport
from actors.protocol.states import EndpointUp as EndpointUp
from actors.protocol.states import FallbackKind as FallbackKind
from actors.protocol.states import FallbackMoved as FallbackMoved
from actors.protocol.states import FallbacksInForce as FallbacksInForce
from actors.protocol.states import ForceFallback as ForceFallback
from actors.protocol.states import LinkEnded as LinkEnded
from actors.protocol.states import LinkMoved as LinkMoved
from actors.protocol.states import LinkReport as LinkReport
from actors.protocol.states import LinkStates as LinkStates
from actors.protocol.states import Pressure as Pressure
from actors.protocol.states import PressureKind as PressureKind
from actors.protocol.streams import ApplyFill as ApplyFill
from actors.protocol.streams import ApplySnapshot as ApplySnapshot
from actors.protocol.streams import BookInStep as BookInStep
from actors.protocol.streams import FindStream as FindStream
from actors.protocol.streams import LastKnown as LastKnown
from actors.protocol.streams import Look as Look
from actors.protocol.streams import Renew as Renew
from actors.protocol.streams import Repeat as Repeat
from actors.protocol.streams import RestartStream as RestartStream
from actors.protocol.streams import Resubscribe as Resubscribe
from actors.protocol.streams import SayStale as SayStale
from actors.protocol.streams import SetSubscriptions as SetSubscriptions
from actors.protocol.streams import StreamOf as StreamOf
from actors.protocol.streams import StreamStatus as StreamStatus
from actors.protocol.streams import Subscriptions as Subscriptions
from actors.protocol.streams import SubscriptionTo as SubscriptionTo
from actors.protocol.streams import Tick as Tick
from actors.protocol.streams import Unwant as Unwant
from actors.protocol.streams import Want as Want

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
    "ActiveAlerts",
    "AlertMoved",
    "ApplyFill",
    "ApplySnapshot",
    "Attempted",
    "BookInStep",
    "BookIncident",
    "BreakerMoved",
    "CircuitIsOpen",
    "ConnectionMessage",
    "ConnectionVitals",
    "Denial",
    "Denied",
    "Diagnose",
    "EndpointDown",
    "EndpointInForce",
    "EndpointReport",
    "EndpointStates",
    "EndpointUp",
    "FallbackKind",
    "FallbackMoved",
    "FallbacksInForce",
    "FindStream",
    "ForceFallback",
    "HealthChanged",
    "HealthDetail",
    "HealthMessage",
    "HealthReport",
    "Incidents",
    "IsolateEndpoint",
    "LastKnown",
    "Lease",
    "LeaseEnded",
    "LeaseHeld",
    "LeaseOutcome",
    "LinkEnded",
    "LinkMoved",
    "LinkQuality",
    "LinkReport",
    "LinkStates",
    "Look",
    "ManagerStarted",
    "Pressure",
    "PressureKind",
    "Probe",
    "Purpose",
    "RaiseAlert",
    "Recovered",
    "RecoveryMessage",
    "ReleaseEndpoint",
    "Renew",
    "Repeat",
    "RequestLease",
    "RequestWeight",
    "ResetBreakers",
    "RestartStream",
    "Resubscribe",
    "SayStale",
    "SetSubscriptions",
    "StateMessage",
    "StreamManagerMessage",
    "StreamMessage",
    "StreamOf",
    "StreamStatus",
    "SubscriptionTo",
    "Subscriptions",
    "Tick",
    "TradesMissing",
    "TriggerRecovery",
    "Trouble",
    "Unwant",
    "UseEndpoints",
    "Vitals",
    "Want",
]
