"""What a spec says that is allowed, and yet not what most people mean. Nothing is started, called or imported for it.

`SpecError` refuses what cannot work, when the spec is built. `findings` says what a look at the whole tree adds:

    WRONG      it will fail when it is started: a factory that needs arguments, an actor without message types
    WARNING    it will run, and one day surprise: a child that restarts for ever, a grace shorter than what is below it

Only what is certain is said. In particular, `restarts for ever` is computed for the fastest way in which a child can fail,
so a child that is named here can never be what exhausts the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from enum import Enum
from functools import partial
from inspect import Parameter, signature
from typing import Any, Generic

from attrs import frozen

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
from supervisor.backoff import Backoff
from supervisor.spec import (
    KILL,
    ActorSpec,
    AutoShutdown,
    ChildSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Kill,
    OnRestart,
    Overflow,
    Restart,
    Scope,
    SupervisorSpec,
)

__all__ = ["Finding", "Gravity", "findings", "most_restarts", "walk"]

RESTARTS_LOOKED_AT = 1_000
"""A budget above this is not computed: the work grows with its square, and nothing is said of it."""


class Gravity(Enum):
    """How bad a finding is."""

    WRONG = "wrong"
    """It will fail when it is started."""
    WARNING = "warning"
    """It will run, and one day surprise."""


@frozen
class Finding:
    """One thing that somebody should know about a spec."""

    path: str
    """Where in the tree."""
    code: str
    """Which rule it is of, for programs."""
    sentence: str
    """What it means, and what to type."""
    gravity: Gravity = Gravity.WARNING


Parent = SupervisorSpec | DynamicSupervisorSpec
Rule = Callable[[ChildSpec, Parent | None], Iterator[tuple[str, str]]]


def walk(root: ChildSpec) -> Iterator[tuple[int, str, ChildSpec, Parent | None]]:
    """Every spec of a tree with its depth, path and supervisor, parents before children. Without recursion: it may be deep."""
    todo: list[tuple[int, str, ChildSpec, Parent | None]] = [(0, root.id, root, None)]
    while todo:
        depth, path, spec, parent = todo.pop()
        yield depth, path, spec, parent
        if isinstance(spec, SupervisorSpec):
            todo.extend((depth + 1, f"{path}/{child.id}", child, spec) for child in reversed(spec.children))


def findings(root: ChildSpec) -> tuple[Finding, ...]:
    """What there is to say about a tree, in the order of its children."""
    graces = _graces(root)
    hidden = _hidden_names(root)
    found: list[Finding] = []
    for _, path, spec, parent in walk(root):
        found += [Finding(path, code, sentence, Gravity.WRONG) for code, sentence in _unstartable(spec)]
        for rule in _RULES:
            found += [Finding(path, code, sentence) for code, sentence in rule(spec, parent)]
        found += [Finding(path, code, sentence) for code, sentence in _short_grace(spec, parent, graces)]
        found += [Finding(path, "hidden-name", sentence) for sentence in hidden.get(path, ())]
    return tuple(found)


# ------------------------------------------------------------------------------------------------ what cannot be started


def _unstartable(spec: ChildSpec) -> Iterator[tuple[str, str]]:
    if isinstance(spec, ActorSpec):
        missing = _missing_arguments(spec.start)
        if missing:
            expected = f"functools.partial({_name(spec.start)}, ...), or a function without arguments"
            yield "start-arguments", f"its start is called without arguments, and needs {missing}; give {expected}"
        factory: Any = spec.start
        while isinstance(factory, partial):
            factory = factory.func
        if isinstance(factory, type):
            try:
                accepted_types(factory)
            except Exception as error:  # noqa: BLE001  # an annotation can raise anything when it is read
                yield "message-types", f"nobody knows which messages it takes: {error}"


def _missing_arguments(function: Callable[..., object]) -> str:
    """The arguments that a call would lack, as text."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return ""  # a callable that does not show its signature
    named = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    needed = [one for one in parameters if one.kind in named and one.default is Parameter.empty]
    return ", ".join(one.name for one in needed)


def _no_receive(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    """An actor that will crash at its first message. One that names none, `Actor[None]`, lives by its on_start alone."""
    factory: Any = getattr(spec, "start", None)
    while isinstance(factory, partial):
        factory = factory.func
    if not isinstance(factory, type) or not issubclass(factory, Actor) or factory.receive is not Actor.receive:
        return
    with suppress(Exception):  # an annotation can raise anything when it is read; that is said above
        if accepted_types(factory) == (type(None),):
            return
    own = [name for base in factory.__mro__ if base not in (Actor, Generic, object) for name in vars(base)]
    near = get_close_matches("receive", own, 1, 0.75)
    advice = f"it has {near[0]}: write receive" if near else "write def receive(self, message), or Actor[None] if it gets none"
    yield "no-receive", f"{factory.__name__} has no receive, so the first message crashes it; {advice}"


def _name(function: object) -> str:
    return str(getattr(function, "__name__", "..."))


# ------------------------------------------------------------------------------------------------ restarts for ever


def _endless(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if parent is None or spec.backoff is None or spec.restart is Restart.TEMPORARY or spec.backoff.give_up_after is not None:
        return
    intensity = parent.intensity
    most = most_restarts(spec.backoff, intensity)
    if most is not None and 0 < most <= intensity.restarts:
        budget = "its own budget" if intensity.scope is Scope.CHILD else f"the budget of {parent.id!r}"
        sentence = (
            f"its backoff is too slow to exhaust {budget}: failing alone, it restarts for ever, at most {most} times within "
            f"any {intensity.within:g} s, where {intensity.restarts} are allowed; if it should end one day, give its Backoff a "
            "give_up_after"
        )
        yield "restarts-for-ever", sentence


def most_restarts(backoff: Backoff, intensity: Intensity) -> int | None:
    """How many failures one child can have within the window of a budget, however fast and however unlucky; at most one more
    than are allowed. None: too many to be counted.

    A failure is counted when it happens; before the next one lies its delay, at the least that the jitter makes of it. The
    delays grow, so failures are closest at the start of a row. A row can begin again, for a life of `stable_after`: that is
    worth it where the delays have grown longer than that.
    """
    if intensity.restarts > RESTARTS_LOOKED_AT:
        return None
    least = [backoff.delay(number, 0.0) for number in range(1, intensity.restarts + 1)]
    rows = [0.0]
    for delay in least:
        rows.append(rows[-1] + delay)
    shortest = [0.0]  # by the number of delays: the least time from the first failure to the last
    for count in range(1, intensity.restarts + 1):
        again = (shortest[count - last] + backoff.stable_after + rows[last] for last in range(1, count))
        shortest.append(min([rows[count], *again]))
        if shortest[count] > intensity.within:
            return count
    return intensity.restarts + 1


def _idle_backoff(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if spec.backoff is None or parent is None:
        return
    if spec.restart is Restart.TEMPORARY:
        yield "idle-backoff", "its backoff does nothing: a TEMPORARY child is never restarted"
    elif parent.intensity.restarts == 0:
        yield "idle-backoff", f"its backoff does nothing: {parent.id!r} allows no restart at all"
    elif spec.backoff.give_up_after == 1:
        yield "idle-backoff", "its backoff does nothing: give_up_after=1 gives up at the first failure; 2 allows one restart"


def _shared_give_up(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if isinstance(spec, SupervisorSpec | DynamicSupervisorSpec):
        intensity = spec.intensity
        if intensity.exhausted is Exhausted.GIVE_UP and intensity.scope is Scope.SUPERVISOR:
            sentence = (
                "its children share one budget, and whoever fails when it is spent is parked, though others may have spent it; "
                "give its Intensity scope=Scope.CHILD"
            )
            yield "shared-give-up", sentence


# ------------------------------------------------------------------------------------------------ stopping


def _killed_at_once(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if isinstance(spec, SupervisorSpec | DynamicSupervisorSpec) and spec.shutdown is KILL:
        yield "kill", "shutdown=KILL on a supervisor kills all below it, and no on_stop runs there; math.inf is the default"


def _short_grace(spec: ChildSpec, parent: Parent | None, graces: dict[int, float]) -> Iterator[tuple[str, str]]:
    if isinstance(spec.shutdown, Kill) or spec.shutdown == math.inf:
        return
    if isinstance(spec, DynamicSupervisorSpec):
        sentence = (
            f"its grace of {spec.shutdown:g} s may be shorter than that of a child that comes at run time, which is then "
            "killed before its time; math.inf leaves each child its own"
        )
        yield "short-grace", sentence
    elif isinstance(spec, SupervisorSpec):
        needed = sum(graces[id(child)] for child in spec.children)
        if needed > spec.shutdown:
            below = "without a bound" if needed == math.inf else f"{needed:g} s"
            sentence = (
                f"its grace is {spec.shutdown:g} s, the graces of its children, which stop one after the other, come to "
                f"{below}: some may be killed before their time; math.inf leaves each child its own"
            )
            yield "short-grace", sentence


def _graces(root: ChildSpec) -> dict[int, float]:
    """The longest that each spec may take to stop in order, by its identity; of a dynamic supervisor, what is known of it."""
    found: dict[int, float] = {}
    for _, _, spec, _ in reversed(list(walk(root))):
        grace = 0.0 if isinstance(spec.shutdown, Kill) else spec.shutdown
        if grace == math.inf and isinstance(spec, DynamicSupervisorSpec):
            grace = 0.0
        elif grace == math.inf and isinstance(spec, SupervisorSpec):
            grace = sum(found[id(child)] for child in spec.children)
        found[id(spec)] = grace
    return found


# ------------------------------------------------------------------------------------------------ significance, names, queues


def _unheeded(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if not isinstance(spec, SupervisorSpec | DynamicSupervisorSpec) or spec.auto_shutdown is AutoShutdown.NEVER:
        return
    if isinstance(spec, SupervisorSpec) and not any(child.significant for child in spec.children):
        sentence = (
            f"auto_shutdown={spec.auto_shutdown.name}, and no child is significant: only one that comes at run time could end "
            "it"
        )
        yield "no-significant-child", sentence
    if parent is not None and spec.restart is Restart.PERMANENT:
        sentence = (
            "it shuts itself down when its significant children end, and being PERMANENT it is started again at once; "
            "give it restart=Restart.TRANSIENT"
        )
        yield "comes-back", sentence


def _last_message(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    if not isinstance(spec, ActorSpec) or spec.mailbox.overflow is not Overflow.FAIL:
        return
    if spec.restart is not Restart.TEMPORARY:
        if spec.mailbox.on_restart is OnRestart.KEEP:
            sentence = (
                "one message too many crashes it, and its next life begins with the same full mailbox, where one message more "
                "does it again; give Mailbox(on_restart=OnRestart.DROP)"
            )
            yield "overflow-again", sentence
    else:
        sentence = "one message too many ends it for good: Overflow.FAIL crashes it, and a TEMPORARY child is not restarted"
        yield "overflow-ends-it", sentence


def _endless_start(spec: ChildSpec, parent: Parent | None) -> Iterator[tuple[str, str]]:
    timeout: Any = getattr(spec, "start_timeout", None)
    if timeout == math.inf:
        yield "endless-start", "start_timeout=math.inf: a start that hangs holds up all that start after it, for ever"


def _hidden_names(root: ChildSpec) -> dict[str, list[str]]:
    """Names that a scope gives again, so that nobody within it reaches their owner outside; by path."""
    scopes: dict[str, tuple[str, ...]] = {root.id: (root.id,)}
    owners: dict[tuple[str, str], str] = {}
    named: list[tuple[str, str, tuple[str, ...]]] = []
    for _, path, spec, parent in walk(root):
        if parent is not None:
            around = scopes[path.rpartition("/")[0]]
            if isinstance(spec, ActorSpec) and spec.name is not None:
                owners[around[-1], spec.name.key] = path
                named.append((path, spec.name.key, around))
            if isinstance(spec, SupervisorSpec):
                scopes[path] = (*around, path) if spec.scoped else around
    found: dict[str, list[str]] = {}
    for path, key, around in named:
        outer = next((owners[scope, key] for scope in reversed(around[:-1]) if (scope, key) in owners), None)
        if outer is not None:
            sentence = f"its name {key!r} hides that of {outer} from all in {around[-1]}; give one of them another name"
            found.setdefault(path, []).append(sentence)
    return found


_RULES: tuple[Rule, ...] = (
    _no_receive,
    _endless,
    _idle_backoff,
    _shared_give_up,
    _killed_at_once,
    _unheeded,
    _last_message,
    _endless_start,
)
