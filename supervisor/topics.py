"""Publish and subscribe, by topic. A topic needs no owner: it exists while someone subscribes.

An actor's subscription feeds its mailbox. Code outside the tree reads a `Subscription` with `async for`; it is bounded, and
told once, as `Skipped(count)`, what it missed.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from supervisor.checks import check_kind
from supervisor.messages import Skipped, Undelivered
from supervisor.parking import refuse_thread
from supervisor.reader import Buffer, Reader

__all__ = ["DEAD_LETTERS", "Carries", "Subscriber", "Subscription", "Topic", "Topics", "check_topic"]

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)
M_contra = TypeVar("M_contra", contravariant=True)


@frozen
class Topic(Generic[M]):
    """A typed topic: `TICKS: Topic[Tick] = Topic("ticks")`."""

    key: str

    def __carries__(self) -> M:
        raise AssertionError("__carries__ is for the type checkers; nothing calls it")

    def __str__(self) -> str:
        return self.key


def check_topic(topic: object, said: str) -> None:
    """Refuse what is no topic.

    Args:
        topic: what was given.
        said: who got it: `bot/feed: subscribe()`.

    Raises:
        TypeError
    """
    check_kind(topic, Topic, said, "a Topic, such as Topic('ticks')")


DEAD_LETTERS: Topic[Undelivered] = Topic("dead letters")
"""Every message of the tree that nobody will handle: `root.subscription(DEAD_LETTERS)`."""


class Carries(Protocol[M_co]):
    """A topic seen by who subscribes: what it carries may be less than what the subscriber accepts, never more."""

    def __carries__(self) -> M_co: ...


class Subscriber(Protocol[M_contra]):
    """Whoever takes what is published. Never waits, never raises."""

    def push(self, message: M_contra, /) -> bool:
        """Take one message; False if it was dropped."""
        ...


class Topics:
    """All topics of one tree."""

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[Subscriber[Any], None]] = {}
        self._pushes: dict[str, tuple[Callable[[Any], bool], ...]] = {}
        """How to reach the subscribers of a topic, made when it is published to; gone when they change."""
        self._home = get_ident()

    def publish(self, topic: Topic[M], message: M) -> int:
        """Hand a message to every subscriber, in order of subscription. Returns how many took it.

        Raises:
            RuntimeError: there are some, and this is another thread than the tree's. None got it.
        """
        try:
            key = topic.key
        except AttributeError:
            check_topic(topic, "publish()")
            raise
        pushes = self._pushes.get(key)
        if pushes is None:
            subscribers = self._subscribers.get(key)
            if subscribers is None:
                return 0
            pushes = self._pushes[key] = tuple(subscriber.push for subscriber in subscribers)
        if get_ident() != self._home:
            refuse_thread()
        taken = 0
        for push in pushes:
            taken += push(message)
        return taken

    def subscribe(self, topic: Topic[M], subscriber: Subscriber[M]) -> None:
        """Add a subscriber; twice is once."""
        self._subscribers.setdefault(topic.key, {})[subscriber] = None
        self._pushes.pop(topic.key, None)

    def unsubscribe(self, topic: Topic[M], subscriber: Subscriber[M]) -> None:
        """Take a subscriber out; nothing happens if it is not in."""
        subscribers = self._subscribers.get(topic.key)
        if subscribers is not None:
            subscribers.pop(subscriber, None)
            self._pushes.pop(topic.key, None)
            if not subscribers:
                del self._subscribers[topic.key]

    def count(self, topic: Topic[Any]) -> int:
        """How many subscribe to a topic."""
        return len(self._subscribers.get(topic.key, ()))

    def close(self) -> None:
        """End every `Subscription` outside the tree."""
        for subscribers in list(self._subscribers.values()):
            for subscriber in tuple(subscribers):
                if isinstance(subscriber, Buffer):
                    subscriber.close()


class Subscription(Reader[M]):
    """One reader of one topic, outside the tree. What it missed, it is told as `Skipped(count)`.

    Args:
        topics: of the tree.
        topic: what it reads.
        buffer: its own.
    """

    def __init__(self, topics: Topics, topic: Topic[M], buffer: Buffer) -> None:
        super().__init__(buffer)
        self.topic = topic
        buffer.on_close = lambda: topics.unsubscribe(topic, buffer)
        topics.subscribe(topic, buffer)

    def _missed(self, count: int) -> M:
        return Skipped(count)  # type: ignore[return-value]  # our face says `iterator of M`: typed, each consumer would have to spell it
