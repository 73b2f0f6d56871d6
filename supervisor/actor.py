"""`Actor`: the class to derive from.

Overridable: `receive`, `on_start`, `on_stop`. All else is what an actor may do, from `on_start` on; a subclass that redefines
one of those is refused, because half of it would go on using the original.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar, TypeVarTuple, get_args, get_origin

from supervisor.checks import misfit, signature_of
from supervisor.context import Context
from supervisor.exits import ExitReason
from supervisor.mailbox import Reply
from supervisor.ref import Ref
from supervisor.registries.registry import DuplicateRegistry, Registry
from supervisor.registries.registry_view import Registrar
from supervisor.signals import ActorTimer, Monitor
from supervisor.spec import Name
from supervisor.topics import Carries, Topic

__all__ = ["Actor"]

M = TypeVar("M")
N = TypeVar("N")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
K = TypeVar("K")
V = TypeVar("V")

_OVERRIDABLE = {"receive", "on_start", "on_stop"}


class Actor(Generic[M]):
    """An actor that accepts messages of type M: `class Account(Actor[Deposit | Balance])`.

    It handles one message at a time. What `receive` returns for a request is its reply. An exception ends this life; what
    happens then is up to the supervisor.

    The object serves one life. If it is kept longer, what it sets up does nothing: `spawn`, `subscribe` and `unsubscribe` are
    not heeded, the timers and monitors that it gets are cancelled ones.
    """

    __slots__ = ("_context",)
    _context: Context
    __message_type__: ClassVar[object] = None
    _receive_is_async: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in cls.__dict__:
            if name in Actor.__dict__ and name not in _OVERRIDABLE and not name.startswith("_"):
                raise TypeError(f"{cls.__name__}.{name} hides what every actor may do; give yours another name")
        _check_handlers(cls)
        cls._receive_is_async = inspect.iscoroutinefunction(cls.receive)
        for base in cls.__dict__.get("__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Actor):
                cls.__message_type__ = _message_type(origin, get_args(base))
        if cls.__message_type__ is None:
            raise TypeError(
                f"class {cls.__name__}(Actor) names no messages; write Actor[Deposit | Balance], or Actor[object] for any"
            )

    # ---- to override

    def receive(self, message: M) -> Any:
        """Handle one message; for a request, return its reply. May be `async`.

        Cancellation: a stop lets it finish within the grace; a kill cuts it.
        """
        # Not abstract: an actor that lives by `on_start` and `spawn` alone needs no handler.
        raise NotImplementedError(f"{type(self).__name__} has no receive(self, message)")

    async def on_start(self) -> None:
        """Get ready. The child counts as started when this returns. Do not wait for the network here.

        Raise `Ignore()` to say that there is nothing to do.

        Cancellation: a stop or the start timeout cuts it; `on_stop` does not run then.
        """

    async def on_stop(self, reason: ExitReason) -> None:
        """Tidy up, within what is left of the grace. Runs after a stop and after a crash; not after a kill or a failed start.

        Cancellation: the kill cuts it.
        """

    # ---- what an actor may do

    @property
    def context(self) -> Context:
        """Who this is: `ref`, `path`, `supervisor`, `incarnation`, `log`.

        Raises:
            RuntimeError: the actor does not live yet.
        """
        try:
            return self._context
        except AttributeError:
            raise RuntimeError(f"{type(self).__name__} does not live yet; do this in on_start, not in __init__") from None

    def after(self, delay: float, message: M, key: object = None) -> ActorTimer:
        """Receive `message` once, in `delay` seconds. A timer with the same key is replaced."""
        return self.context.after(delay, message, key)

    def every(self, interval: float, message: M, key: object = None) -> ActorTimer:
        """Receive `message` every `interval` seconds. A tick that is not handled yet is not queued twice."""
        return self.context.after(interval, message, key, interval)

    def spawn(self, function: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> None:
        """Run an async function in the background, as part of this life: if it fails, the life fails; it ends with the life.

        Once the life is to stop, nothing is begun any more: a call from `on_stop` does nothing.
        """
        self.context.spawn(function, *args)

    def monitor(self, ref: Ref[Any]) -> Monitor:
        """Receive `Down(ref, incarnation, reason)` once, when the life there ends; at once, reason None, if there is none."""
        return self.context.monitor(ref)

    def watch(self, ref: Ref[Any]) -> Monitor:
        """Receive `Up` and `Down` for every life at that place, and finally `Gone`."""
        return self.context.watch(ref)

    def idle_after(self, delay: float, message: M) -> ActorTimer:
        """Receive `message` if nothing else comes for `delay` seconds. Any message cancels it; set it again in the handler."""
        return self.context.idle_after(delay, message)

    def link(self, ref: Ref[Any]) -> None:
        """Share the fate of the life there, and it yours: if one ends, other than `Normal`, the other ends in the same way.

        Once per pair of lives, whoever asks; over when either ends. Who called `trap_exits` receives an `Exit` instead.

        Raises:
            NoSuchActor: there is no life, and this one does not trap exits.
        """
        self.context.link(ref)

    def unlink(self, ref: Ref[Any]) -> None:
        """Share it no longer. No `Exit` of that life is delivered after this."""
        self.context.unlink(ref)

    def trap_exits(self) -> None:
        """From now on, receive `Exit(ref, reason)` when a linked life ends, however it ended, instead of ending with it.

        Raises:
            TypeError: the actor does not accept `Exit`.
        """
        self.context.trap_exits()

    def lookup(self, name: Name[N]) -> Ref[N]:
        """The ref of who has the name. Raises NoSuchActor."""
        return self.context.lookup(name)

    def registry(self, declaration: Registry[K, V] | DuplicateRegistry[K, V]) -> Registrar[K, V]:
        """A registry as this life sees it: what it registers is its own, and ends with it."""
        return self.context.registry(declaration)

    def subscribe(self, topic: Carries[M]) -> None:
        """Receive what is published to the topic. A later life goes on receiving if its `on_start` subscribes again."""
        self.context.subscribe(topic)

    def unsubscribe(self, topic: Carries[M]) -> None:
        """Receive no more of it."""
        self.context.unsubscribe(topic)

    def publish(self, topic: Topic[N], message: N) -> int:
        """Hand a message to all who subscribe. Returns how many took it."""
        return self.context.runtime.topics.publish(topic, message)

    def reply_later(self) -> Reply[Any]:
        """Answer the ask in hand later, from anywhere; what `receive` returns is then ignored."""
        return self.context.reply_later()

    def remember(self, value: object, key: str = "") -> None:
        """Keep a snapshot of `value` for later lives. It is found again by its type and key."""
        self.context.remember(value, key)

    def recall(self, kind: type[T], key: str = "") -> T | None:
        """What an earlier life remembered of this type and key, or None."""
        return self.context.recall(kind, key)

    def recall_all(self, kind: type[T]) -> dict[str, T]:
        """Everything remembered of this type, by key."""
        return self.context.recall_all(kind)

    def forget(self, key: str = "") -> None:
        """Remember nothing under this key any more, of whatever type."""
        self.context.forget(key)

    async def flush(self) -> None:
        """Return when what was remembered is as durable as the store makes it.

        Cancellation: may have happened.
        """
        await self.context.shelf.store.flush()


_HANDLERS = {
    "receive": ("def receive(self, message)", "take one message", 2),
    "on_start": ("async def on_start(self)", "be called without arguments", 1),
    "on_stop": ("async def on_stop(self, reason)", "take the reason", 2),
}
"""How each is written, what it must be able to do, and how many arguments it is called with."""


def _check_handlers(cls: type[Actor[Any]]) -> None:
    """Refuse a handler that could not be called, or that would do nothing, when the class is made: its own and a mixin's."""
    for name in _HANDLERS:
        owner = next(base for base in cls.__mro__ if name in base.__dict__)
        if owner is cls or not issubclass(owner, Actor):
            _check_handler(cls, name, owner.__dict__[name])


def _check_handler(cls: type[Actor[Any]], name: str, given: object) -> None:
    form, duty, count = _HANDLERS[name]
    if inspect.isgeneratorfunction(given) or inspect.isasyncgenfunction(given):
        raise TypeError(f"{cls.__name__}.{name} has a yield, so calling it handles nothing; write return, or await")
    if isinstance(given, staticmethod | classmethod) or not callable(given):
        raise TypeError(f"{cls.__name__}.{name} is a {type(given).__name__}; expected {form}")
    problem = misfit(given, *[None] * count)
    if problem:
        raise TypeError(f"{cls.__name__}.{name}{signature_of(given)} cannot {duty}; write {form}") from TypeError(problem)
    if name != "receive" and _is_sync(given):
        raise TypeError(f"{cls.__name__}.{name} is not async, and is awaited; write {form}")


def _is_sync(function: Any) -> bool:
    """Whether it is certain that what it returns is nothing to wait for: a plain function, under its decorators, too."""
    inner = inspect.unwrap(function)
    return inspect.isfunction(inner) and not inspect.iscoroutinefunction(inner) and not inspect.iscoroutinefunction(function)


def _message_type(base: type[Actor[Any]], arguments: tuple[Any, ...]) -> Any:
    """What `base[arguments]` accepts; the arguments of a subclass of `Actor` need not be its messages:
    `class Cache(Actor[Put], Generic[K])`.
    """
    if base is Actor:
        return arguments[0]
    message: Any = base.__message_type__
    given: dict[Any, Any] = dict(zip(getattr(base, "__parameters__", ()), arguments, strict=False))
    if isinstance(message, TypeVar):
        return given.get(message, message)
    inside = getattr(message, "__parameters__", ())
    return message[tuple(given.get(one, one) for one in inside)] if inside else message
