"""What the actors of an exchange are asked, and what it means that one of them does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from msgspec import structs

from actors.incidents import IncidentRecord
from actors.protocol import (
    CONNECTIONS,
    HEALTH,
    RECOVERY,
    STATES,
    STREAMS,
    EndpointStates,
    HealthDetail,
    HealthReport,
    Incidents,
    LinkStates,
    Subscriptions,
)
from supervisor import ActorCrashed, AskTimeout, Draining, MailboxFull, Name, NoSuchActor, Request

__all__ = ["ACTORS", "METRICS", "UNANSWERED", "Answer"]

UNANSWERED = (AskTimeout, ActorCrashed, MailboxFull, NoSuchActor, Draining)
ACTORS: Mapping[str, tuple[Name[Any], Request[Any]]] = {
    "connection manager": (CONNECTIONS, EndpointStates()),
    "health monitor": (HEALTH, HealthReport()),
    "state manager": (STATES, LinkStates()),
    "stream manager": (STREAMS, Subscriptions()),
    "recovery manager": (RECOVERY, Incidents()),
}
"""{child: (its name, the lightest question)}"""


@frozen
class Answer:
    """What one actor said, or why it said nothing."""

    value: Any
    seconds: float
    silent: str = ""


def _incidents_as_data(records: tuple[IncidentRecord, ...]) -> list[dict[str, Any]]:
    return [{**structs.asdict(one), "kind": one.kind.value, "strategy": one.strategy.value} for one in records]


METRICS: Mapping[str, tuple[Name[Any], Request[Any], Callable[[Any], Any]]] = {
    "health": (HEALTH, HealthDetail(), lambda detail: detail),
    "endpoints": (CONNECTIONS, EndpointStates(), lambda states: states),
    "links": (STATES, LinkStates(), lambda links: {name: phase.value for name, phase in links.items()}),
    "incidents": (RECOVERY, Incidents(), _incidents_as_data),
    "subscriptions": (STREAMS, Subscriptions(), len),
}
"""{what: (who is asked for it, how, what makes plain types of the answer)}"""
