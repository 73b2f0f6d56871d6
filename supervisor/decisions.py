"""What the restart machine is told, and what it answers: `decide(event, now, random) -> effects`.

A `key` names a child within its supervisor, a `life` numbers its incarnations, a `call` is whoever asked and means nothing
here.
"""

from __future__ import annotations

from attrs import frozen

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


@frozen
class Begin:
    """Start the children."""


@frozen
class Started:
    """A life is ready."""

    key: str
    life: int


@frozen
class Ignored:
    """A life said that there is nothing to do."""

    key: str
    life: int


@frozen
class Ended:
    """A life is over, with everything that belonged to it."""

    key: str
    life: int
    reason: ExitReason


@frozen
class Overdue:
    """A life still runs after its kill."""

    key: str
    life: int
    stack: str = ""


@frozen
class Due:
    """The delay before a child's restart is over."""

    key: str
    life: int


@frozen
class Add:
    """Someone wants a new child. `call` is who is answered; it means nothing here."""

    key: str
    spec: ChildSpec
    call: object


@frozen
class Abandon:
    """Who asked for a start no longer waits: undo it, if it is not done."""

    key: str
    call: object


@frozen
class Terminate:
    """Someone wants a child stopped, and not restarted."""

    key: str
    call: object


@frozen
class Resurrect:
    """Someone wants a stopped or parked child started again."""

    key: str
    call: object


@frozen
class Delete:
    """Someone wants a stopped child forgotten."""

    key: str
    call: object


@frozen
class StopSupervisor:
    """Stop all children, then end with this reason."""

    reason: ExitReason


Event = Begin | Started | Ignored | Ended | Overdue | Due | Add | Abandon | Terminate | Resurrect | Delete | StopSupervisor

# --------------------------------------------------------------------------------------------- effects: what is to be done


@frozen
class StartLife:
    """Begin life number `life` of a child."""

    key: str
    life: int


@frozen
class StopLife:
    """Ask a life to stop, with the grace its spec gives."""

    key: str
    life: int


@frozen
class Wait:
    """Send `Due` after this many seconds."""

    key: str
    life: int
    delay: float


@frozen
class Cancel:
    """Forget the `Wait`: nobody waits for it."""

    key: str


@frozen
class Close:
    """Nobody lives at this place now: its queue becomes dead letters. `forget`: the child is gone from the list too."""

    key: str
    forget: bool


@frozen
class Answer:
    """Tell who asked. `error` None: it is done."""

    call: object
    key: str
    error: SupervisorError | None = None


@frozen
class Restarting:
    """Report: a child is to be restarted."""

    key: str
    reason: ExitReason
    delay: float
    failures: int
    in_window: int


@frozen
class GaveUp:
    """Report: a failure was one too many. The child is parked, or, when `escalates`, the supervisor fails."""

    key: str
    reason: ExitReason
    limit: str
    escalates: bool


@frozen
class Ready:
    """All children of the first start are running."""


@frozen
class Finish:
    """No life is left; the supervisor ends with this reason."""

    reason: ExitReason


Effect = StartLife | StopLife | Wait | Cancel | Close | Answer | Restarting | GaveUp | Ready | Finish
