"""Trees as data. A spec is frozen, checked when it is built, reusable and printable; it starts nothing.

ActorSpec               one actor: how to make it, its name and mailbox
TaskSpec                one async function
SupervisorSpec          a fixed list of children, started left to right and stopped right to left
DynamicSupervisorSpec   children that come at run time

The module is long because these four, their vocabulary and the checks of their fields name each other.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
from attrs import field, frozen

from supervisor.backoff import Backoff, is_count, is_number
from supervisor.checks import name_of, task_misfit
from supervisor.errors import SpecError
from supervisor.policies import OnError, Rules, rules
from supervisor.portability import obstacles

if TYPE_CHECKING:
    from supervisor.actor import Actor
    from supervisor.store import Store

__all__ = [
    "KILL",
    "ActorSpec",
    "AutoShutdown",
    "ChildSpec",
    "Conflate",
    "DynamicSupervisorSpec",
    "Exhausted",
    "Intensity",
    "Kill",
    "Mailbox",
    "Name",
    "OnRestart",
    "Overflow",
    "Restart",
    "Scope",
    "Strategy",
    "SupervisorSpec",
    "TaskSpec",
    "check_children",
    "check_significance",
]

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)


class Restart(Enum):
    """When a child gets another life."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only after a failure."""
    TEMPORARY = "temporary"
    """Never; it is forgotten."""


class Strategy(Enum):
    """Who is restarted when one child fails."""

    ONE_FOR_ONE = "one_for_one"
    """That child."""
    ONE_FOR_ALL = "one_for_all"
    """All of them: stopped in reverse order, then started in order. Counts as one restart."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those started after it."""


class AutoShutdown(Enum):
    """Whether the end of significant children ends the supervisor."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class Scope(Enum):
    """Whose budget an intensity is."""

    SUPERVISOR = "supervisor"
    """All children share one, as in OTP."""
    CHILD = "child"
    """Each child has its own."""


class Exhausted(Enum):
    """What happens to a child whose failure was one too many."""

    ESCALATE = "escalate"
    """The supervisor fails, as in OTP."""
    GIVE_UP = "give_up"
    """The child is parked and reported; its siblings live on."""


class Kill(Enum):
    """The type of `KILL`, which as a `shutdown` gives no grace."""

    KILL = "kill"


KILL = Kill.KILL


class OnRestart(Enum):
    """What becomes of queued messages when their actor restarts."""

    KEEP = "keep"
    DROP = "drop"


class Overflow(Enum):
    """What a full mailbox does with one message more."""

    DROP_NEWEST = "drop_newest"
    DROP_OLDEST = "drop_oldest"
    FAIL = "fail"
    """The actor crashes: for who must not miss a message."""


def _is_time(value: object) -> bool:
    return is_number(value) or (isinstance(value, float) and value == math.inf)


def _one_of(kind: type[Enum]) -> Any:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            members = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
            raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, f"one of {members}")

    return check


def _kind_of(kind: type, example: str, *, optional: bool = False) -> Any:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind) and not (optional and value is None):
            raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, example)

    return check


def _seconds(*, optional: bool = False) -> Any:
    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        if not _is_time(value) or value <= 0:
            expected = "seconds above 0, such as 5.0" + (" or None" if optional else "")
            raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)

    return check


def _count(least: int, *, optional: bool = False) -> Any:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if optional and value is None:
            return
        if not is_count(value, least):
            expected = f"a whole number from {least}" + (" or None" if optional else "")
            raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)

    return check


def _store(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    # By its methods: the port itself is on a higher floor.
    if value is not None and not all(
        callable(getattr(value, verb, None)) for verb in ("get", "put", "delete", "scan", "flush")
    ):
        expected = "a Store, such as MemoryStore(), or None"
        if isinstance(value, str | PathLike):
            expected = f"a Store; for a file, SqliteStore({str(value)!r})"
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)


def _function(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        expected = "something to call: the class or function itself, such as Account or functools.partial(Account, 10)"
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)


def _task(instance: TaskSpec, attribute: attrs.Attribute[Any], value: Callable[..., object]) -> None:
    _function(instance, attribute, value)
    problem = task_misfit(value)
    if problem:
        expected = (
            f"an async function that needs no argument but task_status ({problem}); "
            f"give functools.partial({name_of(value)}, ...)"
        )
        raise SpecError(f"TaskSpec({instance.id!r}).run", value, expected)


def _text(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value:
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, "a text that is not empty, without '/'")


def _grace(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not KILL and (not _is_time(value) or value < 0):
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, "seconds from 0, math.inf, or KILL")


def _window(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not is_number(value) or value <= 0:
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, "seconds above 0, such as 10.0")


def _policy(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Overflow | Conflate):
        expected = "an Overflow, such as Overflow.DROP_OLDEST, or Conflate(key)"
        raise SpecError(f"{type(instance).__name__}.{attribute.name}", value, expected)


@frozen
class Conflate:
    """An overflow policy: a newer message with the same key replaces the queued one, and keeps its place in the queue.

    A message whose key is None is never replaced. When more keys than capacity are queued, the oldest message goes.
    """

    key: Callable[[Any], object] = field(validator=_function)


@frozen
class Name(Generic[M_contra]):
    """A typed name: whoever knows it can find the actor, across its restarts. `ACCOUNT: Name[Deposit | Balance] =
    Name("account")`.
    """

    key: str = field(validator=_text)

    def __str__(self) -> str:
        return self.key


@frozen
class Intensity:
    """How many restarts are bearable: more than `restarts` within any `within` seconds are too many.

    The window slides, on the loop's clock. A group restart counts as one, and so does each failed attempt.
    """

    restarts: int = field(default=5, validator=_count(0))
    within: float = field(default=10.0, validator=_window)
    scope: Scope = field(default=Scope.SUPERVISOR, validator=_one_of(Scope))
    exhausted: Exhausted = field(default=Exhausted.ESCALATE, validator=_one_of(Exhausted))

    def __str__(self) -> str:
        return f"{self.restarts} restarts in {self.within:g} s"


@frozen
class Mailbox:
    """An actor's queue: how much it holds, what happens past that, and at a restart."""

    capacity: int = field(default=10_000, validator=_count(1))
    overflow: Overflow | Conflate = field(default=Overflow.DROP_NEWEST, validator=_policy)
    on_restart: OnRestart = field(default=OnRestart.KEEP, validator=_one_of(OnRestart))


@frozen
class ChildSpec:
    """What all children have in common."""

    id: str = field(validator=_text)
    restart: Restart = field(default=Restart.PERMANENT, validator=_one_of(Restart), kw_only=True)
    shutdown: float | Kill = field(default=5.0, validator=_grace, kw_only=True)
    """Seconds of grace between the request to stop and the kill; `math.inf` waits; `KILL` gives none."""
    significant: bool = field(default=False, validator=_kind_of(bool, "True or False"), kw_only=True)
    """Whether its end can end its supervisor: see `AutoShutdown`."""
    backoff: Backoff | None = field(
        default=None,
        validator=_kind_of(Backoff, "a Backoff, such as Backoff(), or None", optional=True),
        kw_only=True,
    )
    """Delay before a restart; None: at once."""
    on_error: Rules = field(default=(), converter=rules, kw_only=True)
    """What an error means, by its class: `{BadFrame: OnError.RESUME}`. What no rule names is up to the restart type."""

    def __attrs_post_init__(self) -> None:
        resumed = next((kind.__name__ for kind, policy in self.on_error if policy is OnError.RESUME), None)
        if resumed is not None and not isinstance(self, ActorSpec):
            expected = "RESTART, STOP or ESCALATE: only an actor has a next message to go on with"
            raise SpecError(f"{type(self).__name__}.on_error[{resumed}]", OnError.RESUME, expected)
        self._check_significance()

    def portable(self) -> tuple[str, ...]:
        """Why this child, and all below it, could not be started on another machine; empty: it could."""
        found: list[str] = []
        todo: list[ChildSpec] = [self]
        while todo:
            spec = todo.pop()
            found.extend(obstacles(spec))
            if isinstance(spec, SupervisorSpec):
                todo.extend(reversed(spec.children))
        return tuple(found)

    def _check_significance(self) -> None:
        if self.significant and self.restart is Restart.PERMANENT:
            expected = "False, or restart=Restart.TRANSIENT or Restart.TEMPORARY: a PERMANENT child never ends for good"
            raise SpecError(f"{type(self).__name__}.significant", value=True, expected=expected)


@frozen
class ActorSpec(ChildSpec, Generic[M]):
    """One actor."""

    start: Callable[[], Actor[M]] = field(validator=_function)
    """Makes a fresh actor for each life: the class, or a function without arguments."""
    name: Name[M] | None = field(
        default=None,
        validator=_kind_of(Name, 'a Name, such as Name("account"), or None', optional=True),
        kw_only=True,
    )
    mailbox: Mailbox = field(default=Mailbox(), validator=_kind_of(Mailbox, "a Mailbox, such as Mailbox(100)"), kw_only=True)
    store: Store | None = field(default=None, validator=_store, kw_only=True)
    """Where `remember` keeps its state; None: where the nearest supervisor above says, or in memory."""
    start_timeout: float = field(default=30.0, validator=_seconds(), kw_only=True)
    """Seconds that `on_start` may take."""
    watchdog: float | None = field(default=None, validator=_seconds(optional=True), kw_only=True)
    """Seconds that one message may take. Past it the life is killed and counts as a crash, `Failed(Hung(...))`."""


@frozen
class TaskSpec(ChildSpec):
    """One async function. If it takes `task_status`, it is started when it calls `task_status.started()`; else at once.

    What it gives there, `task_status.started(port)`, is the `info` of its `ChildInfo`.
    """

    run: Callable[..., Awaitable[object]] = field(validator=_task)
    start_timeout: float = field(default=30.0, validator=_seconds(), kw_only=True)


def _children(value: Iterable[ChildSpec]) -> tuple[ChildSpec, ...]:
    if isinstance(value, ChildSpec | Mapping | str | bytes) or not isinstance(value, Iterable):
        expected = "a list of specs, such as [ActorSpec('worker', Worker)]"
        if isinstance(value, Mapping):
            expected += "; a mapping is none: each spec has its own id"
        raise SpecError("SupervisorSpec.children", value, expected)
    return tuple(value)


@frozen
class SupervisorSpec(ChildSpec):
    """A supervisor with a fixed list of children, in start order. Children added at run time come last."""

    children: tuple[ChildSpec, ...] = field(default=(), converter=_children)
    shutdown: float | Kill = field(default=math.inf, validator=_grace, kw_only=True)
    strategy: Strategy = field(default=Strategy.ONE_FOR_ONE, validator=_one_of(Strategy), kw_only=True)
    intensity: Intensity = field(
        default=Intensity(),
        validator=_kind_of(Intensity, "an Intensity, such as Intensity(5, 10.0)"),
        kw_only=True,
    )
    auto_shutdown: AutoShutdown = field(default=AutoShutdown.NEVER, validator=_one_of(AutoShutdown), kw_only=True)
    scoped: bool = field(default=False, validator=_kind_of(bool, "True or False"), kw_only=True)
    """True: names given below are seen only below, so that two such trees can stand side by side."""
    contains_stop: bool = field(default=False, validator=_kind_of(bool, "True or False"), kw_only=True)
    """True: when a child raises `StopTree`, this supervisor ends for good and those above it go on."""
    store: Store | None = field(default=None, validator=_store, kw_only=True)
    """Where the actors below keep their state, unless their own spec says otherwise."""

    def __attrs_post_init__(self) -> None:
        ChildSpec.__attrs_post_init__(self)
        check_children(self.children, self.auto_shutdown, where=f"SupervisorSpec({self.id!r}).children")
        _check_names(self)


@frozen
class DynamicSupervisorSpec(ChildSpec):
    """A supervisor whose children come at run time: one_for_one, stopped in parallel, forgotten when they end."""

    shutdown: float | Kill = field(default=math.inf, validator=_grace, kw_only=True)
    max_children: int | None = field(default=None, validator=_count(0, optional=True), kw_only=True)
    intensity: Intensity = field(
        default=Intensity(),
        validator=_kind_of(Intensity, "an Intensity, such as Intensity(5, 10.0)"),
        kw_only=True,
    )
    auto_shutdown: AutoShutdown = field(default=AutoShutdown.NEVER, validator=_one_of(AutoShutdown), kw_only=True)
    scoped: bool = field(default=False, validator=_kind_of(bool, "True or False"), kw_only=True)
    contains_stop: bool = field(default=False, validator=_kind_of(bool, "True or False"), kw_only=True)
    store: Store | None = field(default=None, validator=_store, kw_only=True)


def check_children(
    children: Iterable[ChildSpec],
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    *,
    where: str = "children",
) -> None:
    """Check a list of child specs against each other and their supervisor, without starting anything.

    Raises:
        SpecError: not a spec, an id twice, or a significant child where nothing heeds it.
    """
    seen: set[str] = set()
    for child in children:
        if not isinstance(child, ActorSpec | TaskSpec | SupervisorSpec | DynamicSupervisorSpec):
            raise SpecError(where, child, "specs only: ActorSpec, TaskSpec, SupervisorSpec or DynamicSupervisorSpec")
        if child.id in seen:
            raise SpecError(where, child.id, "ids that differ; this one stands there twice")
        seen.add(child.id)
        check_significance(child, auto_shutdown, where=where)


def check_significance(child: ChildSpec, auto_shutdown: AutoShutdown, *, where: str) -> None:
    """Refuse a significant child under a supervisor that would not heed it."""
    if child.significant and auto_shutdown is AutoShutdown.NEVER:
        expected = "auto_shutdown=AutoShutdown.ANY_SIGNIFICANT or ALL_SIGNIFICANT on its supervisor, or significant=False"
        raise SpecError(f"{where}: {child.id!r}.significant", value=True, expected=expected)


def _check_names(spec: SupervisorSpec) -> None:
    """Refuse one name given twice where both would be seen. Without recursion: a tree may be deep."""
    taken: dict[str, str] = {}
    todo = list(reversed(spec.children))
    while todo:
        child = todo.pop()
        if isinstance(child, SupervisorSpec) and not child.scoped:  # a scoped one was checked when it was built
            todo.extend(reversed(child.children))
        name = getattr(child, "name", None)  # of an actor, or of a pool
        if name is not None:
            if name.key in taken:
                where = f"{type(child).__name__}({child.id!r}).name"
                raise SpecError(where, name.key, f"a name of its own; {taken[name.key]!r} has this one")
            taken[name.key] = child.id
