"""What a tree finds out about itself beyond its events: off by default, because each costs something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from attrs import field, frozen

from supervisor.backoff import is_number
from supervisor.errors import SpecError

__all__ = ["DEBUG", "QUIET", "Diagnostics"]


def _threshold(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, int | float) or not is_number(value) or value <= 0):
        raise SpecError("Diagnostics.slow_handler", value, "seconds above 0, such as 0.1, or None")


def _hook(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise SpecError("Diagnostics.disclose", value, "a function of a message or an actor, such as repr, or None")


@frozen
class Diagnostics:
    """What to look for. `run(spec, diagnostics=DEBUG)`."""

    ask_cycles: bool = False
    """Whether an ask that would close a circle of actors that wait for each other raises `AskCycle` instead of timing out."""
    slow_handler: float | None = field(default=None, validator=_threshold)
    """Seconds for which one handler may hold the loop, on the machine's clock. Past that, a thread looks where it is, and a
    `SlowHandler` event says so. None: nobody looks. `run` and `background`, which own their loop, take 1.0."""
    disclose: Callable[[object], object] | None = field(default=None, validator=_hook)
    """Called with the message in hand and with the actor of a life that crashed; what it returns stands in the `ChildEnded`
    event, secrets redacted. None: their types are all that is said. If it raises, the same. (OTP's `format_status`.)"""


QUIET = Diagnostics()
"""Nothing."""
DEBUG = Diagnostics(ask_cycles=True, slow_handler=0.1)
"""For development: everything that finds mistakes."""
