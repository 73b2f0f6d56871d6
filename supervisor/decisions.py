"""What the restart machine is told, and what it answers: `decide(event, now, random) -> effects`.

A `key` names a child within its supervisor, a `life` numbers its incarnations, a `call` is whoever asked and means nothing
here.
"""

from __future__ import annotations

from msgspec import Struct

from supervisor.errors import SupervisorError
from supervisor.exits import ExitReason
from supervisor.spec import ChildSpec

__all__ = [
    "Abandon",
    "Add",
    "Answer",
    "Begin",
    "Cancel",
    "Close",
    "Delete",
    "Due",
    "Effect",
    "Ended",
    "Event",
    "Finish",
    "GaveUp",
    "Ignored",
    "Overdue",
    "Ready",
    "Restarting",
    "Resurrect",
    "StartLife",
    "Started",
    "StopLife",
    "StopSupervisor",
    "Terminate",
    "Wait",
]

# ------------------------------------------------------------------------------------------------ events: what happened


class Begin(Struct, frozen=True, gc=False):
    """Start the children."""


class Started(Struct, frozen=True, gc=False):
    """A life is ready."""

    key: str
    life: int


class Ignored(Struct, frozen=True, gc=False):
    """A life said that there is nothing to do."""

    key: str
    life: int


class Ended(Struct, frozen=True, gc=False):
    """A life is over, with everything that belonged to it."""

    key: str
    life: int
    reason: ExitReason


class Overdue(Struct, frozen=True, gc=False):
    """A life still runs after its kill."""

    key: str
    life: int
    stack: str = ""


class Due(Struct, frozen=True, gc=False):
    """The delay before a child's restart is over."""

    key: str
    life: int


class Add(Struct, frozen=True, gc=False):
    """Someone wants a new child. `call` is who is answered; it means nothing here."""

    key: str
    spec: ChildSpec
    call: object


class Abandon(Struct, frozen=True, gc=False):
    """Who asked for a start no longer waits: undo it, if it is not done."""

    key: str
    call: object


class Terminate(Struct, frozen=True, gc=False):
    """Someone wants a child stopped, and not restarted."""

    key: str
    call: object


class Resurrect(Struct, frozen=True, gc=False):
    """Someone wants a stopped or parked child started again."""

    key: str
    call: object


class Delete(Struct, frozen=True, gc=False):
    """Someone wants a stopped child forgotten."""

    key: str
    call: object


class StopSupervisor(Struct, frozen=True, gc=False):
    """Stop all children, then end with this reason."""

    reason: ExitReason


Event = Begin | Started | Ignored | Ended | Overdue | Due | Add | Abandon | Terminate | Resurrect | Delete | StopSupervisor

# --------------------------------------------------------------------------------------------- effects: what is to be done


class StartLife(Struct, frozen=True, gc=False):
    """Begin life number `life` of a child."""

    key: str
    life: int


class StopLife(Struct, frozen=True, gc=False):
    """Ask a life to stop, with the grace its spec gives."""

    key: str
    life: int


class Wait(Struct, frozen=True, gc=False):
    """Send `Due` after this many seconds."""

    key: str
    life: int
    delay: float


class Cancel(Struct, frozen=True, gc=False):
    """Forget the `Wait`: nobody waits for it."""

    key: str


class Close(Struct, frozen=True, gc=False):
    """Nobody lives at this place now: its queue becomes dead letters. `forget`: the child is gone from the list too."""

    key: str
    forget: bool


class Answer(Struct, frozen=True, gc=False):
    """Tell who asked. `error` None: it is done."""

    call: object
    key: str
    error: SupervisorError | None = None


class Restarting(Struct, frozen=True, gc=False):
    """Report: a child is to be restarted."""

    key: str
    reason: ExitReason
    delay: float
    failures: int
    in_window: int


class GaveUp(Struct, frozen=True, gc=False):
    """Report: a failure was one too many. The child is parked, or, when `escalates`, the supervisor fails."""

    key: str
    reason: ExitReason
    limit: str
    escalates: bool


class Ready(Struct, frozen=True, gc=False):
    """All children of the first start are running."""


class Finish(Struct, frozen=True, gc=False):
    """No life is left; the supervisor ends with this reason."""

    reason: ExitReason


Effect = StartLife | StopLife | Wait | Cancel | Close | Answer | Restarting | GaveUp | Ready | Finish
