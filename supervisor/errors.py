"""The exception tree of the framework.

    SupervisorError
    ├── SpecError (ValueError)              a spec that cannot work: field, value, what to type
    ├── StartError (RuntimeError)           a child did not start: path, reason
    ├── RestartIntensityExceeded (RuntimeError)  too many failures is a failure: path, child, reason
    ├── NameTaken (ValueError)              a name has one owner at a time
    ├── AlreadyRegistered (ValueError)      so has a key of a unique registry: registry, key, ref
    ├── NotRegistered (LookupError)         this life does not have that key: registry, key, path
    ├── PoolEmpty (LookupError)             a pool that was resized to no member: path, size
    ├── JobTimeout (TimeoutError)           a supervised job took too long, and was ended: path, timeout
    ├── Unstopped (TimeoutError)            a life that does not end, even after its kill
    ├── Hung (TimeoutError)                 a life that took longer over one thing than its spec allows
    ├── StrayCancellation (RuntimeError)    a cancellation that was none of ours ended a life
    ├── BadReply (TypeError)                a reply that is not of the type its request names
    ├── BadState (ValueError)               what is remembered no longer fits its type: path, kind, key
    ├── StoreError (OSError)                a store that cannot be used: store, problem, advice
    │   ├── StoreInUse                      another tree or process has it open: holder
    │   ├── StoreTooNew                     written by a later version of oneforone: found, known
    │   ├── StoreCorrupt                    damaged, or not a store at all
    │   └── StoreFailed                     the disk does not do its part: full, read-only, broken
    ├── ChildNotFound (LookupError)
    ├── ChildAlreadyStarted (ValueError)    that id runs: `ref` is who
    ├── ChildAlreadyPresent (ValueError)    that id is known, though not running
    ├── ChildRunning (RuntimeError)
    ├── ChildRestarting (RuntimeError)
    ├── MaxChildrenReached (RuntimeError)
    ├── NoSuchActor (LookupError)           nobody lives there, and nobody will
    ├── Draining (RuntimeError)             it handles what is queued and takes no more
    ├── ActorCrashed (RuntimeError)         the life that had the request ended, or resumed without it: path, reason
    ├── AskTimeout (TimeoutError)           `started`: whether work on the request had begun
    ├── MailboxFull (RuntimeError)
    ├── AskedSelf (RuntimeError)            an actor that waits for itself waits for ever
    └── AskCycle (RuntimeError)             so do actors that wait for each other: paths

Every one is also the builtin that a caller already catches, and carries what it says as fields. The module is long because the
tree above is what one looks for, and an error that stood elsewhere would be missing in it.
"""

from __future__ import annotations

from typing import Any

from supervisor.exits import ExitReason, error_of

__all__ = [
    "ActorCrashed",
    "AlreadyRegistered",
    "AskCycle",
    "AskTimeout",
    "AskedSelf",
    "BadReply",
    "BadState",
    "ChildAlreadyPresent",
    "ChildAlreadyStarted",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "Draining",
    "Hung",
    "JobTimeout",
    "MailboxFull",
    "MaxChildrenReached",
    "NameTaken",
    "NoSuchActor",
    "NotRegistered",
    "PoolEmpty",
    "RestartIntensityExceeded",
    "SpecError",
    "StartError",
    "StoreCorrupt",
    "StoreError",
    "StoreFailed",
    "StoreInUse",
    "StoreTooNew",
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
        self.__cause__: BaseException | None = error_of(reason)


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
        self.__cause__: BaseException | None = error_of(reason)


class NameTaken(SupervisorError, ValueError):
    """A name has one owner at a time, within its scope."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(f"the name {name!r} belongs to {owner}; give this one another name, or stop that one first")
        self.name = name
        self.owner = owner


class AlreadyRegistered(SupervisorError, ValueError):
    """A key of a unique registry has one owner at a time, and that one's value is unchanged.

    Args:
        registry: the registry's key.
        key: what was to be registered.
        ref: who has it.
    """

    def __init__(self, registry: str, key: object, ref: Any) -> None:
        super().__init__(
            f"the key {key!r} of registry {registry!r} belongs to {ref.path}; unregister() it there, or update() it"
        )
        self.registry = registry
        self.key = key
        self.ref = ref


class NotRegistered(SupervisorError, LookupError):
    """This life does not have that key; another's entry is not its own.

    Args:
        registry: the registry's key.
        key: what it does not have.
        path: the actor.
    """

    def __init__(self, registry: str, key: object, path: str) -> None:
        super().__init__(f"{path} has no key {key!r} in registry {registry!r}; register() it first")
        self.registry = registry
        self.key = key
        self.path = path


class PoolEmpty(SupervisorError, LookupError):
    """A pool has no member at work: it was resized to none.

    Args:
        path: the pool.
        size: how many it can have.
    """

    def __init__(self, path: str, size: int) -> None:
        super().__init__(f"the pool {path} has no member at work; resize(n) it, up to {size}")
        self.path = path
        self.size = size


class JobTimeout(SupervisorError, TimeoutError):
    """A job took too long and was ended. Whatever it makes after that is thrown away.

    Args:
        path: the job.
        timeout: seconds it had.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__(f"{path} had no result within {timeout:g} s and was ended")
        self.path = path
        self.timeout = timeout


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
        wanted = getattr(expected, "__name__", expected)
        super().__init__(
            f"{path} answered {request.__name__} with the type {type(reply).__name__}; expected {wanted}, as in Request[...]"
        )
        self.path = path
        self.request = request
        self.reply = reply
        self.expected = expected


class _ChildError(SupervisorError):
    _words = ""

    def __init__(self, path: str, child: object, words: str | None = None) -> None:
        super().__init__(f"{path} {(words or self._words).format(child=child)}")
        self.path = path
        self.child = child


class ChildNotFound(_ChildError, LookupError):
    """The supervisor has no child of that id or ref, or none that is a supervisor.

    Args:
        path: the supervisor's.
        child: the id or path that was given.
        kind: what the child of that id is, where a supervisor was wanted.
    """

    _words = "has no child {child!r}; which_children() lists them"

    def __init__(self, path: str, child: object, kind: str | None = None) -> None:
        article = "an" if kind == "actor" else "a"
        other = f"has no supervisor {{child!r}}: that is {article} {kind}; child({{child!r}}) gives its ref"
        super().__init__(path, child, None if kind is None else other)


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


class Draining(SupervisorError, RuntimeError):
    """The actor handles what is queued, takes no more, and stops."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is draining: it handles what is queued and takes no more")
        self.path = path


class ActorCrashed(SupervisorError, RuntimeError):
    """The life that had the request ended before it answered. `reason` says how; its error is the `__cause__`.

    Args:
        path: who was asked.
        reason: how the life ended.
        resumed: it did not end: its `on_error` let it go on without this request.
    """

    def __init__(self, path: str, reason: ExitReason, *, resumed: bool = False) -> None:
        super().__init__(f"{path} {'failed at this, and went on' if resumed else 'ended before it answered'}: {reason}")
        self.path = path
        self.reason = reason
        self.resumed = resumed
        self.__cause__: BaseException | None = error_of(reason)


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


class AskCycle(SupervisorError, RuntimeError):
    """Actors that wait for each other wait for ever. Found in debug mode, by the one whose ask would close the circle.

    Args:
        paths: who waits for whom, in order; the last waits for the first.
    """

    def __init__(self, paths: tuple[str, ...]) -> None:
        circle = " -> ".join((*paths, paths[0]))
        super().__init__(f"an ask that would never be answered: {circle}; let one of them tell(), or spawn() what asks")
        self.paths = paths


class BadState(SupervisorError, ValueError):
    """What is remembered no longer fits the type that it is recalled as: the type has changed since. The cause says where.

    Args:
        path: whose state.
        kind: the type that was asked for.
        key: under which key.
        reason: what does not fit, and at which place in the value.
    """

    def __init__(self, path: str, kind: object, key: str, reason: str) -> None:
        name = getattr(kind, "__qualname__", str(kind))
        super().__init__(
            f"{path} remembers a {name} under the key {key!r} that is no {name} any more: {reason}; "
            f"give new fields a default, or forget({key!r}) and remember it anew"
        )
        self.path = path
        self.kind = kind
        self.key = key
        self.reason = reason


class StoreError(SupervisorError, OSError):
    """A store that cannot be used.

    Args:
        store: which; the path of its file.
        problem: what is wrong with it.
        advice: what to do about it.
    """

    def __init__(self, store: str, problem: str, advice: str) -> None:
        super().__init__(f"the store {store} {problem}; {advice}")
        self.store = store
        self.problem = problem
        self.advice = advice


class StoreInUse(StoreError):
    """Another tree or process has it open. Two on one store would overwrite each other's state.

    Args:
        store: the path of its file.
        holder: who has it open, in words.
        advice: what to do about it.
        by: the store that has it open, if that is known: it is one of this process.
    """

    def __init__(
        self,
        store: str,
        holder: str,
        advice: str = "stop that one first, or give this tree a file of its own",
        *,
        by: object = None,
    ) -> None:
        super().__init__(store, f"is in use by {holder}", advice)
        self.holder = holder
        self.by = by


class StoreTooNew(StoreError):
    """It was written by a later version of oneforone, whose schema this one does not know."""

    def __init__(self, store: str, found: int, known: int) -> None:
        problem = f"has schema version {found}, and this oneforone knows versions up to {known}"
        super().__init__(store, problem, "install the version that wrote it, or move the file away to start without state")
        self.found = found
        self.known = known


class StoreCorrupt(StoreError):
    """It is damaged, or it is something else than a store."""

    def __init__(self, store: str, problem: str) -> None:
        super().__init__(store, problem, "put a backup in its place, or move the file away to start without state")


class StoreFailed(StoreError):
    """The disk does not do its part: it is full, read-only or broken. What is not written yet is kept and tried again."""
