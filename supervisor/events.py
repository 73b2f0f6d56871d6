"""What a tree reports: one frozen struct per kind of event. A sink gets them all; structlog is one sink.

Events name types and paths, never the fields of a message or of an actor: those may hold what nobody should read.
"""

from __future__ import annotations

import traceback
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

__all__ = [
    "ChildEnded",
    "ChildGaveUp",
    "ChildStarted",
    "DeadLetter",
    "Event",
    "EventsSkipped",
    "HandlerResumed",
    "HookFailed",
    "LifeUnstopped",
    "MailboxOverflow",
    "RestartScheduled",
    "SinkFailed",
    "SlowHandler",
    "StartFailed",
    "StateDiscarded",
    "StateRestored",
    "StoreFailing",
    "SupervisorGaveUp",
    "TreeStarted",
    "TreeStopped",
]


class Event(Struct, frozen=True, tag=True, kw_only=True):
    """What every event says."""

    path: str
    """Whom it is about."""
    at: float
    """When, in seconds of the loop's clock."""

    _level: ClassVar[str] = "info"

    @property
    def level(self) -> str:
        """How loud a log should be about it: debug, info, warning or error."""
        return self._level

    def to_dict(self) -> dict[str, Any]:
        """The event as plain data, its kind under `type`."""
        fields = msgspec.structs.asdict(self)
        cause = fields.pop("cause", None)
        if isinstance(cause, BaseException):
            fields["error"] = "".join(traceback.format_exception(cause))
        return {"type": type(self).__name__, **fields}


class TreeStarted(Event, frozen=True, kw_only=True):
    """All children of the root are running."""


class TreeStopped(Event, frozen=True, kw_only=True):
    """No life is left."""

    reason: str


class ChildStarted(Event, frozen=True, kw_only=True):
    """A life is ready."""

    incarnation: int
    took: float
    """Seconds from the start of the life until it was ready."""

    _level: ClassVar[str] = "debug"


class ChildEnded(Event, frozen=True, kw_only=True):
    """A life is over."""

    incarnation: int
    reason: str
    abnormal: bool
    """True for a crash or a kill, also while stopping."""
    restart: str
    """The child's restart type."""
    cause: BaseException | None = None
    """What a crash raised; `to_dict` gives its traceback as `error`."""
    message: str | None = None
    """What an actor that crashed had in hand: its type, or what `disclose` made of it."""
    state: str | None = None
    """The actor that crashed: its class, or what `disclose` made of it."""

    @property
    def level(self) -> str:
        return "error" if self.abnormal else "debug"


class StartFailed(Event, frozen=True, kw_only=True):
    """A life ended before it was ready."""

    incarnation: int
    reason: str
    cause: BaseException | None = None

    _level: ClassVar[str] = "error"


class RestartScheduled(Event, frozen=True, kw_only=True):
    """A child gets another life."""

    reason: str
    delay: float
    """Seconds until then."""
    failures: int
    """Failures in a row."""
    in_window: int
    """Restarts that the budget counts now."""

    _level: ClassVar[str] = "warning"


class ChildGaveUp(Event, frozen=True, kw_only=True):
    """A child's failure was one too many: it is parked until someone restarts it."""

    reason: str
    limit: str

    _level: ClassVar[str] = "error"


class SupervisorGaveUp(Event, frozen=True, kw_only=True):
    """A child's failure was one too many: its supervisor fails (OTP: reached_max_restart_intensity)."""

    child: str
    reason: str
    limit: str

    _level: ClassVar[str] = "error"


class LifeUnstopped(Event, frozen=True, kw_only=True):
    """A life still runs one second after its kill."""

    incarnation: int
    stack: str

    _level: ClassVar[str] = "error"


class DeadLetter(Event, frozen=True, kw_only=True):
    """A message nobody will handle."""

    message: str
    """Its type."""
    reason: str

    _level: ClassVar[str] = "debug"


class HandlerResumed(Event, frozen=True, kw_only=True):
    """A handler raised what the child's `on_error` says to resume from: the life went on without that message."""

    incarnation: int
    message: str
    """Its type."""
    reason: str
    cause: BaseException | None = None

    _level: ClassVar[str] = "warning"


class SlowHandler(Event, frozen=True, kw_only=True):
    """Something held the loop: a handler that computes, or that calls what blocks. Nothing else ran meanwhile.

    It comes when the loop runs again. Until then the thread that watches the loop logs `loop held`.
    """

    seconds: float
    """How long, on the clock of the machine."""
    stack: str
    """Where it was when the threshold had passed."""

    _level: ClassVar[str] = "warning"


class MailboxOverflow(Event, frozen=True, kw_only=True):
    """A full mailbox dropped messages. Reported when it begins, then at most once a second."""

    policy: str
    dropped: int
    """How many since the last report."""

    _level: ClassVar[str] = "warning"


class StateDiscarded(Event, frozen=True, kw_only=True):
    """Several lives in a row recalled what is remembered here and failed at once: the next one starts without it.

    It is kept aside, one generation of it. If the life without it fails at once too, it is put back: see `StateRestored`.
    """

    keys: tuple[str, ...]
    """What was set aside, `module.Type` or `module.Type key`; of many, the first."""
    count: int
    """How many values it was."""
    lives: int
    """How many lives in a row failed on it."""

    _level: ClassVar[str] = "error"


class StateRestored(Event, frozen=True, kw_only=True):
    """The life without the state failed at once too, so the state was not to blame: it is in its place again."""

    count: int
    """How many values came back."""

    _level: ClassVar[str] = "warning"


class StoreFailing(Event, frozen=True, kw_only=True):
    """A durable store cannot write. Reported when that begins and when it is over; what is not written is kept and retried."""

    store: str
    """Which; the path of its file."""
    error: str | None
    """Why not; None: it is over, everything is written."""

    _level: ClassVar[str] = "warning"


class HookFailed(Event, frozen=True, kw_only=True):
    """`on_stop`, or other work of a life that was ending already, raised or was cut by the kill."""

    hook: str
    error: str

    _level: ClassVar[str] = "error"


class SinkFailed(Event, frozen=True, kw_only=True):
    """An event sink raised; it keeps its place."""

    error: str

    _level: ClassVar[str] = "warning"


class EventsSkipped(Event, frozen=True, kw_only=True):
    """A reader of `events()` was too slow and missed this many here."""

    count: int

    _level: ClassVar[str] = "warning"
