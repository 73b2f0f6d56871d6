"""Which pattern fits what is going on."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

__all__ = ["Diagnosis", "Pattern", "Recommendation"]


class Pattern(StrEnum):
    """What may be behind it."""

    NONE = "none"
    """Nothing is wrong."""
    UNCLEAR = "unclear"
    """Something is wrong, and no pattern fits."""
    EXCHANGE_OUTAGE = "exchange_outage"
    ONE_ENDPOINT = "one_endpoint"
    OWN_NETWORK = "own_network"
    LOOP_BLOCKED = "loop_blocked"
    BAN = "ban"
    CLOCK = "clock"


class Recommendation(StrEnum):
    """What to do about it."""

    NOTHING = "nothing"
    WAIT = "wait"
    SWITCH_ENDPOINT = "switch_endpoint"
    CHECK_NETWORK = "check_network"
    FIND_BLOCKER = "find_blocker"
    WAIT_OUT_BAN = "wait_out_ban"
    SET_CLOCK = "set_clock"
    LOOK = "look"
    """A person should."""


class Diagnosis(Struct, frozen=True):
    """The pattern that fits best, and why."""

    pattern: Pattern
    action: Recommendation
    evidence: tuple[str, ...] = ()
    """One plain sentence each."""
    subject: str = ""
    """The endpoint, where it is about one."""
    until: float | None = None
    """When it ends by itself, where that is known, in seconds of the loop's clock."""
