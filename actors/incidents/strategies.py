"""How an incident is treated: by what it is, and by the class of the error behind it. Tables; no clock.

IMMEDIATE     at once
DELAYED       not before the time that the other side named, or a usual pause
PROGRESSIVE   milder means first, with growing pauses
MANUAL        only a person can: nothing is tried, it is alarmed
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

import actors.errors as taxonomy
from actors.errors import Action, ActorsError, Category, Classification, Severity, classify
from actors.incidents.kinds import IncidentKind, RecoveryStrategy
from supervisor import Backoff

__all__ = [
    "BOUNDS",
    "MOST_RETURNS",
    "SOON",
    "SWIFT",
    "USUAL",
    "Bounds",
    "delay_of",
    "judged_by_name",
    "strategy_of",
    "strength_of",
]

USUAL: Mapping[IncidentKind, RecoveryStrategy] = MappingProxyType(
    {
        IncidentKind.BOOK: RecoveryStrategy.IMMEDIATE,
        IncidentKind.TRADES: RecoveryStrategy.IMMEDIATE,
        IncidentKind.LINK: RecoveryStrategy.PROGRESSIVE,
        IncidentKind.ENDPOINT: RecoveryStrategy.PROGRESSIVE,
        IncidentKind.STREAM: RecoveryStrategy.PROGRESSIVE,
        IncidentKind.BAN: RecoveryStrategy.DELAYED,
        IncidentKind.CLOCK: RecoveryStrategy.PROGRESSIVE,
    }
)
"""Where the error says nothing else."""

FOR_A_PERSON = frozenset({Category.AUTHENTICATION, Category.CONFIGURATION, Category.SECURITY})
"""What is refused for one of these is refused each time, and trying may make it worse."""

USUAL_DELAY = 30.0
"""Seconds that DELAYED waits where nobody said how long."""
LONGEST_DELAY = 259_200.0
"""Seconds: the longest ban that is known of an exchange."""


@frozen
class Bounds:
    """How much is tried for one incident."""

    attempts: int
    each: float
    """Seconds that one attempt may take. To wait for the ConnectionManager's leave is no attempt, and does not count."""
    within: float
    """Seconds that all of them may take, the pauses included, the wait for leave not."""
    pauses: Backoff
    """Between two attempts."""


BOUNDS: Mapping[IncidentKind, Bounds] = MappingProxyType(
    {
        IncidentKind.BOOK: Bounds(8, 15.0, 120.0, Backoff(initial=0.25, maximum=10.0)),
        IncidentKind.TRADES: Bounds(8, 15.0, 120.0, Backoff(initial=0.25, maximum=10.0)),
        IncidentKind.LINK: Bounds(6, 30.0, 300.0, Backoff(initial=2.0, maximum=30.0)),
        IncidentKind.ENDPOINT: Bounds(8, 15.0, 600.0, Backoff(initial=5.0, maximum=120.0)),
        IncidentKind.STREAM: Bounds(5, 15.0, 600.0, Backoff(initial=5.0, maximum=120.0)),
        IncidentKind.BAN: Bounds(3, 15.0, 120.0, Backoff(initial=5.0, maximum=30.0)),
        IncidentKind.CLOCK: Bounds(5, 15.0, 600.0, Backoff(initial=10.0, maximum=120.0)),
    }
)

MOST_RETURNS: Mapping[IncidentKind, int] = MappingProxyType({IncidentKind.STREAM: 5})
"""How often it may come back; from then on it is a person's. What is not here is tried for ever, with long pauses."""


SWIFT = frozenset({IncidentKind.BOOK, IncidentKind.TRADES})
"""A request or two each, while consumers wait."""

SOON: Mapping[IncidentKind, int] = MappingProxyType({IncidentKind.BOOK: 5})
"""Returns in a row until which the pause after a cure is the shortest. While a book is out of step its consumers have none, and
a network that loses a frame now and then is no reason to let them wait; one that loses them all the time would ask too much."""


def judged_by_name(error: str) -> Classification | None:
    """What a report's `error` means: the name of an error's class (`Banned`), its code (`banned`) or an HTTP status (`451`).

    None: it says nothing; the kind of the incident decides.
    """
    if error.isascii() and error.isdigit():
        return classify(int(error[:3]))
    kind = _NAMED.get(error)
    if kind is None:
        return None
    return Classification(kind.category, kind.severity, kind.action, rule=kind.__name__)


def _named() -> dict[str, type[ActorsError]]:
    kinds = [one for one in vars(taxonomy).values() if isinstance(one, type) and issubclass(one, ActorsError)]
    # What a refusal means is said by its status and code, never by its class alone.
    telling = [kind for kind in kinds if kind.category is not Category.UNKNOWN and kind is not taxonomy.ExchangeRefused]
    return {name: kind for kind in telling for name in (kind.__name__, kind.code)}


_NAMED = _named()


def strategy_of(kind: IncidentKind, judged: Classification | None = None) -> RecoveryStrategy:
    """The strategy for an incident of this kind behind which is such an error."""
    if judged is None:
        return USUAL[kind]
    if judged.category in FOR_A_PERSON:
        return RecoveryStrategy.MANUAL
    if kind is IncidentKind.STREAM:
        return USUAL[kind]  # whatever it crashed of, one frame may have been the cause
    if judged.category is Category.RATE_LIMIT or judged.action is Action.WAIT:
        return RecoveryStrategy.DELAYED
    grave = judged.severity >= (Severity.CRITICAL if judged.category is Category.UNKNOWN else Severity.ERROR)
    if judged.action is Action.FIX or (judged.action is Action.NEVER and grave):
        return RecoveryStrategy.MANUAL
    return USUAL[kind]


def delay_of(
    kind: IncidentKind, strategy: RecoveryStrategy, judged: Classification | None, until: float | None, now: float
) -> float:
    """Seconds before the first attempt.

    Args:
        kind: of the incident.
        strategy: the one chosen for it.
        judged: the error behind it.
        until: when the other side said to come back, on the clock of `now`.
        now: the time.
    """
    if strategy is not RecoveryStrategy.DELAYED or kind is IncidentKind.BAN:
        return 0.0  # who treats a ban waits for leave, which comes when the ban is over
    if until is not None:
        wait = until - now
    else:
        wait = USUAL_DELAY if judged is None or judged.retry_after is None else judged.retry_after
    return min(max(wait, 0.0), LONGEST_DELAY)


def strength_of(returns: int) -> int:
    """How many of the milder means are left out, for an incident that has come back so often although it seemed cured."""
    return returns // 2
