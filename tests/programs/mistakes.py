"""What goes wrong in a program: errors, and what the rules of a child say about each."""

from __future__ import annotations

from typing import Any

from supervisor import OnError

__all__ = ["MISTAKES", "EscalatedError", "ForgivenError", "ParkedError", "ProgramError", "rule_for"]


class ProgramError(Exception):
    """What everything in a program fails with."""


class ForgivenError(ProgramError):
    """Where there are rules: the life goes on."""


class ParkedError(ProgramError):
    """Where there are rules: the child is parked."""


class EscalatedError(ProgramError):
    """Where there are rules: the supervisor fails with it."""


MISTAKES: dict[str, type[ProgramError]] = {"forgiven": ForgivenError, "parked": ParkedError, "escalated": EscalatedError}
"""By the word that has an actor raise it."""


def rule_for(node: Any, error: BaseException | None) -> OnError | None:
    """What the rules of a child say about an error, found by going from its class upwards."""
    given = dict(node.options.get("on_error", ()))
    kind: Any = type(error)
    while kind is not object and error is not None:
        if kind in given:
            rule: OnError = given[kind]
            return rule
        kind = kind.__base__
    return None
