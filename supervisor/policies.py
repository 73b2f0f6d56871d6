"""What to do about a life's error, chosen by its class: the rules of `on_error`.

    on_error={BadFrame: OnError.RESUME, AuthenticationError: OnError.STOP, ConfigurationError: OnError.ESCALATE}

The most specific class decides. What no rule names is up to the restart type. (Akka's and Pekko's deciders are where this is
from; OTP has none.)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from supervisor.errors import SpecError
from supervisor.exits import ExitReason, Failed, Ignore, Stop

__all__ = ["OnError", "Rules", "policy_for", "rules"]


class OnError(Enum):
    """What an error means for who raised it."""

    RESUME = "resume"
    """An actor's life goes on with its state; only the message in hand is lost: a dead letter, and its ask fails. An error
    outside a handler cannot be resumed from; there the restart type decides."""
    RESTART = "restart"
    """As if no rule named it: the restart type decides."""
    STOP = "stop"
    """No restart: the child is parked and reported, as one that gave up. Someone may restart it."""
    ESCALATE = "escalate"
    """The supervisor fails with this error, whatever its budget."""


Rules = tuple[tuple[type[Exception], OnError], ...]
"""Rules as a spec keeps them."""


def rules(given: Mapping[type[Exception], OnError] | Rules) -> Rules:
    """A mapping, or pairs, as rules.

    Raises:
        SpecError: not classes of errors, or not an `OnError` for each.
    """
    pairs: Any = tuple(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, tuple):
        raise SpecError("on_error", given, "a mapping of errors, such as {ValueError: OnError.STOP}")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:  # a pair
            raise SpecError("on_error", pair, "pairs of an error's class and an OnError")
        kind, policy = pair
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, Stop | Ignore):
            raise SpecError("on_error", kind, "a class of errors, such as ValueError; Stop and Ignore are none")
        if not isinstance(policy, OnError):
            raise SpecError(f"on_error[{kind.__name__}]", policy, "OnError.RESUME, RESTART, STOP or ESCALATE")
    return pairs


def policy_for(given: Rules, reason: ExitReason) -> OnError | None:
    """What the rules say about how a life ended, or would end; None if they say nothing."""
    if not given or not isinstance(reason, Failed):
        return None
    known = dict(given)
    return next((known[kind] for kind in type(reason.error).__mro__ if kind in known), None)
