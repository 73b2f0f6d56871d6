"""`Probe`: stands for an actor, records what it is told, and answers as the test says.

    gateway: Probe[Submit | Cancel] = Probe(Submit, Cancel).answers(Submit, Accepted())
    async with open_supervisor(gateway.in_tree(bot, "bot/orders/gateway")) as root:
        ...
        assert (await gateway.received(Submit)).price == 100

A probe outlives the lives of the actor that it stands for: it records across restarts, and says which life heard what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Self, TypeVar, Union, cast, overload

import anyio
from attrs import evolve, frozen

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
from supervisor.errors import SpecError, SupervisorError
from supervisor.exits import ExitReason
from supervisor.mailbox import PendingReply, Reply
from supervisor.messages import Request
from supervisor.parking import Parker, parker_type
from supervisor.spec import ActorSpec, ChildSpec, SupervisorSpec

__all__ = ["Heard", "NotReceived", "Probe", "Unanswered"]

M = TypeVar("M")
N = TypeVar("N")
R = TypeVar("R")


@frozen
class Heard(Generic[M]):
    """One message that a probe was told."""

    message: M
    at: float
    """Seconds of the loop's clock."""
    incarnation: int
    """Which life heard it."""


class NotReceived(SupervisorError, TimeoutError, AssertionError):
    """A probe was not told in time what was expected.

    Args:
        expected: what.
        timeout: seconds that were waited.
        heard: the last messages that it was told, and that nobody has asked for.
    """

    def __init__(self, expected: str, timeout: float, heard: tuple[object, ...]) -> None:
        self.expected = expected
        self.timeout = timeout
        self.heard = heard
        got = ", ".join(map(repr, heard)) or "nothing"
        super().__init__(f"no {expected} came within {timeout:g} s; what came and was not asked for: {got}")


class Unanswered(SupervisorError, LookupError):
    """A probe was asked what the test has not told it how to answer.

    Args:
        path: of the actor that it stands for.
        kind: the request's class.
    """

    def __init__(self, path: str, kind: type) -> None:
        self.path = path
        self.kind = kind
        name = kind.__name__
        super().__init__(
            f"the probe at {path} was asked {name} and does not know the answer; write probe.answers({name}, value), "
            f"probe.answers_by({name}, function), probe.crashes_on({name}, error) or probe.holds({name})"
        )


class Probe(Generic[M]):
    """Stands for an actor in a tree.

    Args:
        accepts: the classes of messages that it takes, as the actor's `Actor[...]` names them; none: anything.
        capacity: messages that it keeps; older ones are forgotten, and counted in `forgotten`.
    """

    def __init__(self, *accepts: type[M], capacity: int = 10_000) -> None:
        if not all(isinstance(kind, type) for kind in accepts):
            raise TypeError(f"Probe(*accepts) got {accepts!r}; expected classes, such as Probe(Deposit, Balance)")
        if capacity < 1:
            raise ValueError(f"Probe(capacity={capacity!r}); expected a whole number from 1")
        self.heard: deque[Heard[M]] = deque(maxlen=capacity)
        """Every message, the oldest first."""
        self.held: deque[Reply[Any]] = deque(maxlen=capacity)
        """The open answers of requests that it `holds`, the oldest first."""
        self.reasons: deque[ExitReason] = deque(maxlen=capacity)
        """How its lives ended, but for those that were killed."""
        self.lives = 0
        """How many it has had."""
        self.forgotten: int = 0
        self._accepts = accepts
        self._script: dict[type, Callable[[_Stand, Any], Any]] = {}
        self._unasked: deque[Heard[M]] = deque(maxlen=capacity)
        self._waiting: dict[Parker, None] = {}

    @classmethod
    def like(cls, actor: type[Actor[N]], *, capacity: int = 10_000) -> Probe[N]:
        """A probe that accepts what the actors of a class accept."""
        return cast("Probe[N]", cls(*cast("Any", accepted_types(actor) or ()), capacity=capacity))

    # ---- into a tree

    def spec(self, id: str, **fields: Any) -> ActorSpec[M]:  # noqa: A002  # the word of the spec
        """The spec of an actor that is this probe.

        Args:
            id: of the child.
            fields: as for `ActorSpec`: `name`, `restart`, `mailbox` ...
        """
        return ActorSpec(id, self._start(), **fields)

    def in_place_of(self, spec: ActorSpec[M]) -> ActorSpec[M]:
        """The spec of an actor, with this probe instead of the actor: name, mailbox, restart type and all else stay."""
        return evolve(spec, start=self._start())

    def in_tree(self, tree: SupervisorSpec, path: str) -> SupervisorSpec:
        """A tree, with this probe instead of one of its static actors.

        Args:
            tree: stays as it is.
            path: of the actor, from the tree's own id: `"bank/tellers/anna"`.

        Raises:
            SpecError: no static actor is there.
        """
        first, *rest = path.split("/")
        found = self._into(tree, rest) if first == tree.id else None
        if not isinstance(found, SupervisorSpec):
            raise SpecError("in_tree(path)", path, f"the path of a static actor, such as {_example(tree)!r}")
        return found

    def _into(self, spec: ChildSpec, path: list[str]) -> ChildSpec | None:
        if not path:
            return self.in_place_of(spec) if isinstance(spec, ActorSpec) else None
        if not isinstance(spec, SupervisorSpec):
            return None
        changed = {child.id: self._into(child, path[1:]) for child in spec.children if child.id == path[0]}
        if changed.get(path[0]) is None:
            return None
        return evolve(spec, children=[changed.get(child.id) or child for child in spec.children])

    def _start(self) -> Callable[[], Actor[M]]:
        # The class says what is accepted, and each probe accepts what it likes.
        message = Union[self._accepts] if self._accepts else object  # noqa: UP007  # of a tuple
        kind: Any = type("ProbeActor", (_Stand,), {"__message_type__": message, "__slots__": ()})
        return partial(kind, self)

    # ---- the script

    def answers(self, kind: type[Request[R]], value: R) -> Self:
        """From now on a request of this class is answered with `value`."""
        self._script[kind] = lambda stand, message: value
        return self

    def answers_by(self, kind: type[N], function: Callable[[N], Any]) -> Self:
        """From now on a request or message of this class is given to a function, sync or async; its result is the answer."""
        self._script[kind] = lambda stand, message: function(message)
        return self

    def crashes_on(self, kind: type, error: BaseException) -> Self:
        """From now on a message of this class ends the life that hears it, with this error."""

        def crash(stand: _Stand, message: object) -> None:
            raise error

        self._script[kind] = crash
        return self

    def holds(self, kind: type[Request[Any]]) -> Self:
        """From now on a request of this class is not answered: its `Reply` comes into `held`."""
        self._script[kind] = lambda stand, message: self.held.append(stand.reply_later()) if _asked(stand) else None
        return self

    # ---- what it heard

    @property
    def messages(self) -> list[M]:
        """Every message that is kept, the oldest first."""
        return [heard.message for heard in self.heard]

    @overload
    async def received(self, expected: type[N], timeout: float = 5.0) -> N: ...
    @overload
    async def received(self, expected: Callable[[M], bool], timeout: float = 5.0) -> M: ...
    async def received(self, expected: Any, timeout: float = 5.0) -> Any:
        """Wait for a message, and return it. Each message is returned once, the oldest first.

        Args:
            expected: its class, or a function that says whether this is the one.
            timeout: seconds of the loop's clock.

        Raises:
            NotReceived: none came.

        Cancellation: atomic.
        """
        fits: Callable[[Any], bool] = (
            (lambda message: isinstance(message, expected)) if isinstance(expected, type) else expected
        )
        parker = parker_type()()
        with anyio.move_on_after(timeout):
            self._waiting[parker] = None
            try:
                while True:
                    for heard in self._unasked:
                        if fits(heard.message):
                            self._unasked.remove(heard)
                            return heard.message
                    await parker.park()
            finally:
                self._waiting.pop(parker, None)
        name = getattr(expected, "__name__", repr(expected))
        raise NotReceived(name, timeout, tuple(heard.message for heard in list(self._unasked)[-10:]))

    def clear(self) -> None:
        """Forget what was heard, and go on."""
        self.heard.clear()
        self._unasked.clear()

    # ---- from the stand

    def _hear(self, stand: _Stand, message: Any) -> Any:
        heard = Heard(message, stand.context.runtime.now(), stand.context.incarnation)
        self.forgotten += len(self.heard) == self.heard.maxlen
        self.heard.append(heard)
        self._unasked.append(heard)
        for parker in tuple(self._waiting):
            parker.unpark()
        for kind in type(message).__mro__:
            if kind in self._script:
                return self._script[kind](stand, message)
        if isinstance(message, Request) and _asked(stand):
            raise Unanswered(stand.context.path, type(message))
        return None


class _Stand(Actor[object]):
    """One life of the actor that a probe stands for."""

    __slots__ = ("_probe",)

    def __init__(self, probe: Probe[Any]) -> None:
        self._probe = probe

    async def on_start(self) -> None:
        """Count the life. Cancellation: does not wait."""
        self._probe.lives += 1

    def receive(self, message: object) -> Any:
        return self._probe._hear(self, message)

    async def on_stop(self, reason: ExitReason) -> None:
        """Note how it ended. Cancellation: does not wait."""
        self._probe.reasons.append(reason)


def _asked(stand: _Stand) -> bool:
    """Whether somebody waits for an answer to the message in hand."""
    item = stand.context.in_hand
    return isinstance(item, PendingReply)


def _example(tree: SupervisorSpec) -> str:
    """The path of some actor of the tree."""
    todo: list[tuple[str, ChildSpec]] = [(tree.id, tree)]
    for path, spec in todo:
        if isinstance(spec, ActorSpec):
            return path
        todo.extend((f"{path}/{child.id}", child) for child in getattr(spec, "children", ()))
    return f"{tree.id}/actor"
