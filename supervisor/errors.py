"""The exception tree of the framework.

    SupervisorError
    ├── SpecError (ValueError)              a spec that cannot work: field, value, what to type
    ├── StartError (RuntimeError)           a child did not start: path, reason
    ├── RestartIntensityExceeded (RuntimeError)  too many failures is a failure: path, child, reason
    ├── NameTaken (ValueError)              a name has one owner at a time
    ├── Unstopped (TimeoutError)            a life that does not end, even after its kill
    ├── Hung (TimeoutError)                 a life that took longer over one thing than its spec allows
    ├── StrayCancellation (RuntimeError)    a cancellation that was none of ours ended a life
    ├── BadReply (TypeError)                a reply that is not of the type its request names
    ├── ChildNotFound (LookupError)
    ├── ChildAlreadyStarted (ValueError)    that id runs: `ref` is who
    ├── ChildAlreadyPresent (ValueError)    that id is known, though not running
    ├── ChildRunning (RuntimeError)
    ├── ChildRestarting (RuntimeError)
    ├── MaxChildrenReached (RuntimeError)
    ├── NoSuchActor (LookupError)           nobody lives there, and nobody will
    ├── ActorCrashed (RuntimeError)         the life that had the request ended: path, reason
    ├── AskTimeout (TimeoutError)           `started`: whether work on the request had begun
    ├── MailboxFull (RuntimeError)
    └── AskedSelf (RuntimeError)            an actor that waits for itself waits for ever

Every one is also the builtin that a caller already catches, and carries what it says as fields.
"""

from __future__ import annotations

from typing import Any

from supervisor.exits import ExitReason, error_of

__all__ = [
    "ActorCrashed",
    "AskTimeout",
    "AskedSelf",
    "BadReply",
    "ChildAlreadyPresent",
    "ChildAlreadyStarted",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "Hung",
    "MailboxFull",
    "MaxChildrenReached",
    "NameTaken",
    "NoSuchActor",
    "RestartIntensityExceeded",
    "SpecError",
    "StartError",
    "StrayCancellation",
    "SupervisorError",
    "Unstopped",
]


class SupervisorError(Exception):
    """Base of all errors that `supervisor` raises on purpose."""


class SpecError(SupervisorError, ValueError):
    """A spec that cannot work. Raised when the spec is built, before anything runs.

    Args:
        field: which field, `ActorSpec.shutdown`.
        value: what was given.
        expected: what is expected, and what to type.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {value!r}; expected {expected}")
        self.field = field
        self.value = value
        self.expected = expected


class StartError(SupervisorError, RuntimeError):
    """A child did not start; its error is the `__cause__`."""

    def __init__(self, path: str, reason: ExitReason) -> None:
        super().__init__(f"{path} did not start: {reason}")
        self.path = path
        self.reason = reason
        self.__cause__ = error_of(reason)


class RestartIntensityExceeded(SupervisorError, RuntimeError):
    """A supervisor gave up: more restarts than its intensity allows. The last child's error is the `__cause__`.

    Args:
        path: the supervisor.
        child: the id of the child whose failure was one too many.
        reason: how that child's last life ended.
        limit: the limit, in words.
    """

    def __init__(self, path: str, child: str, reason: ExitReason, limit: str = "its intensity") -> None:
        super().__init__(f"{path} gave up: {child!r} failed once more than {limit} allows; it ended with {reason}")
        self.path = path
        self.child = child
        self.reason = reason
        self.__cause__ = error_of(reason)


class NameTaken(SupervisorError, ValueError):
    """A name has one owner at a time, within its scope."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(f"the name {name!r} belongs to {owner}; give this one another name, or stop that one first")
        self.name = name
        self.owner = owner


class Unstopped(SupervisorError, TimeoutError):
    """A life that does not end, even after its kill: it shields itself, swallows cancellation or blocks the thread.

    Args:
        path: whose life.
        stack: where its task is, as text.
    """

    def __init__(self, path: str, stack: str = "") -> None:
        super().__init__(f"{path} was killed and still runs; look for a shield, a swallowed cancellation or blocking code")
        self.path = path
        self.stack = stack


class Hung(SupervisorError, TimeoutError):
    """A life took longer over one thing than its spec allows, and was killed for it.

    Args:
        path: whose life.
        what: `its start`, or the type of the message in hand.
        limit: seconds allowed.
    """

    def __init__(self, path: str, what: str, limit: float) -> None:
        super().__init__(f"{path} took longer than {limit:g} s over {what}")
        self.path = path
        self.what = what
        self.limit = limit


class StrayCancellation(SupervisorError, RuntimeError):
    """A cancellation that was none of ours ended a life: a native `task.cancel()`, or one that leaked from a library."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was ended by a cancellation that its supervisor did not ask for")
        self.path = path


class BadReply(SupervisorError, TypeError):
    """`receive` returned something that the request's type does not allow. The message names its type; `reply` is it."""

    def __init__(self, path: str, request: type, reply: object, expected: object) -> None:
        super().__init__(
            f"{path} answered {request.__name__} with a {type(reply).__name__}; "
            f"expected {getattr(expected, '__name__', expected)}, as in Request[...]"
        )
        self.path = path
        self.request = request
        self.reply = reply
        self.expected = expected


class _ChildError(SupervisorError):
    _words = ""

    def __init__(self, path: str, child: object) -> None:
        super().__init__(f"{path} {self._words.format(child=child)}")
        self.path = path
        self.child = child


class ChildNotFound(_ChildError, LookupError):
    """The supervisor has no child of that id or ref."""

    _words = "has no child {child!r}; which_children() lists them"


class ChildAlreadyStarted(_ChildError, ValueError):
    """A child of that id runs already; `ref` is who."""

    _words = "already runs a child {child!r}; use another id, or terminate it first"

    def __init__(self, path: str, child: object, ref: Any = None) -> None:
        super().__init__(path, child)
        self.ref = ref


class ChildAlreadyPresent(_ChildError, ValueError):
    """A child of that id is known, though not running."""

    _words = "knows a child {child!r} that is not running; restart_child() it, or delete_child() it first"


class ChildRunning(_ChildError, RuntimeError):
    """That needs a child that does not run."""

    _words = "runs {child!r}; terminate_child() it first"


class ChildRestarting(_ChildError, RuntimeError):
    """That child waits for its next life."""

    _words = "is about to restart {child!r}; terminate_child() cancels that"


class MaxChildrenReached(SupervisorError, RuntimeError):
    """A dynamic supervisor has as many children as its spec allows."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(f"{path} has {limit} children already, its max_children")
        self.path = path
        self.limit = limit


class NoSuchActor(SupervisorError, LookupError):
    """Nobody lives there, and nobody will: the place was closed, or there never was one."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no actor at {path}")
        self.path = path


class ActorCrashed(SupervisorError, RuntimeError):
    """The life that had the request ended before it answered. `reason` says how; its error is the `__cause__`."""

    def __init__(self, path: str, reason: ExitReason) -> None:
        super().__init__(f"{path} ended before it answered: {reason}")
        self.path = path
        self.reason = reason
        self.__cause__ = error_of(reason)


class AskTimeout(SupervisorError, TimeoutError):
    """No answer in time.

    Args:
        path: who was asked.
        timeout: seconds waited, queueing included.
        started: True: the work had begun, so whether it was done is unknown. False: it was not begun, and never will be.
    """

    def __init__(self, path: str, timeout: float, *, started: bool) -> None:
        begun = "it had begun, so its outcome is unknown" if started else "it was still queued and will not be done"
        super().__init__(f"{path} did not answer within {timeout:g} s: {begun}")
        self.path = path
        self.timeout = timeout
        self.started = started


class MailboxFull(SupervisorError, RuntimeError):
    """The mailbox took no more; as an exit reason's error: under `Overflow.FAIL` that crashes its owner."""

    def __init__(self, path: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {path} is full ({capacity} messages)")
        self.path = path
        self.capacity = capacity


class AskedSelf(SupervisorError, RuntimeError):
    """An actor that waits for itself waits for ever."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} would wait for itself; use tell(), or self.spawn() what waits")
        self.path = path
