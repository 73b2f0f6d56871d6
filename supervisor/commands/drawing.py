"""Trees in words: what a line about a spec, or about a running child, says. Where the lines go is up to others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from supervisor.backoff import Backoff, BackoffKind
from supervisor.snapshot import ChildSnapshot
from supervisor.spec import (
    ActorSpec,
    AutoShutdown,
    ChildSpec,
    Conflate,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Kill,
    Mailbox,
    OnRestart,
    Overflow,
    Scope,
    SupervisorSpec,
)

__all__ = ["describe", "describe_child", "kind_of", "outline", "printable"]


def printable(text: str) -> str:
    """Text that a terminal only shows: what would move its cursor, change its colours or break the line is escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def outline(lines: Iterable[tuple[int, str]]) -> str:
    """Lines with their depth, as indented text without control characters."""
    return "\n".join("  " * depth + printable(line) for depth, line in lines)


def kind_of(spec: ChildSpec) -> str:
    """`DynamicSupervisorSpec` as `dynamic supervisor`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(spec).__name__.removesuffix("Spec")).lower()


def describe(spec: ChildSpec) -> tuple[str, ...]:
    """What a spec says, in words: always its kind, restart type and grace; the rest where it differs from the default."""
    parts = [kind_of(spec), spec.restart.value]
    if isinstance(spec, SupervisorSpec):
        parts.append(spec.strategy.value)
    if isinstance(spec, SupervisorSpec | DynamicSupervisorSpec):
        parts += _supervisor(spec)
    parts.append(_shutdown(spec.shutdown))
    if spec.backoff is not None:
        parts.append(_backoff(spec.backoff))
    name = getattr(spec, "name", None)
    if name is not None:
        parts.append(f"name {name.key!r}")
    if spec.significant:
        parts.append("significant")
    if spec.on_error:
        parts.append("on error: " + ", ".join(f"{kind.__name__} {policy.value}" for kind, policy in spec.on_error))
    parts += _worker(spec)
    if getattr(spec, "store", None) is not None:
        parts.append(f"store {type(getattr(spec, 'store', None)).__name__}")
    return tuple(parts)


def _supervisor(spec: SupervisorSpec | DynamicSupervisorSpec) -> list[str]:
    parts = [_intensity(spec.intensity)]
    if isinstance(spec, DynamicSupervisorSpec) and spec.max_children is not None:
        parts.append(f"at most {spec.max_children} children")
    if spec.auto_shutdown is not AutoShutdown.NEVER:
        parts.append(f"auto shutdown: {spec.auto_shutdown.value}")
    if spec.scoped:
        parts.append("names scoped")
    if spec.contains_stop:
        parts.append("contains a stop of the tree")
    return parts


def _worker(spec: ChildSpec) -> list[str]:
    parts = []
    if isinstance(spec, ActorSpec):
        if spec.mailbox != Mailbox():
            parts.append(_mailbox(spec.mailbox))
        if spec.watchdog is not None:
            parts.append(f"watchdog {spec.watchdog:g} s")
    start_timeout = getattr(spec, "start_timeout", None)
    if start_timeout is not None and not isinstance(spec, SupervisorSpec):
        parts.append(f"start within {start_timeout:g} s" if start_timeout < math.inf else "start without a bound")
    return [part for part in parts if part != "start within 30 s"]


def _intensity(intensity: Intensity) -> str:
    words = str(intensity)
    if intensity.scope is Scope.CHILD:
        words += " for each child"
    if intensity.exhausted is Exhausted.GIVE_UP:
        words += ", then gives up on it"
    return words


def _shutdown(grace: float | Kill) -> str:
    if isinstance(grace, Kill):
        return "killed at once"
    return "stops in its own time" if grace == math.inf else f"stops within {grace:g} s"


def _backoff(backoff: Backoff) -> str:
    words = f"backoff {backoff.initial:g} to {backoff.maximum:g} s {backoff.kind.value}"
    if backoff.kind is BackoffKind.FIXED:
        words = f"backoff {backoff.initial:g} s"
    return words if backoff.give_up_after is None else f"{words}, gives up after {backoff.give_up_after}"


def _mailbox(mailbox: Mailbox) -> str:
    policy = mailbox.overflow
    words = f"mailbox {mailbox.capacity}"
    if isinstance(policy, Conflate):
        words += " conflating"
    elif policy is not Overflow.DROP_NEWEST:
        words += f" {policy.value}"
    return words if mailbox.on_restart is OnRestart.KEEP else f"{words}, emptied at a restart"


def describe_child(child: ChildSnapshot) -> tuple[str, ...]:
    """What there is to say about a running child: its phase, then what is worth a word."""
    words = child.words()
    if child.uptime is not None:
        words.insert(2 if child.incarnation else 1, f"up {_span(child.uptime)}")
    return tuple(words)


def _span(seconds: float) -> str:
    """A time as people say it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
