"""Publish and subscribe, by topic. A topic needs no owner: it exists while someone subscribes.

An actor's subscription feeds its mailbox. Code outside the tree reads a `Subscription` with `async for`; it is bounded, and
told once, as `Skipped(count)`, what it missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen

from supervisor.messages import Skipped
from supervisor.overflow import FAIL, NOTHING, BoundedQueue
from supervisor.parking import Parker

__all__ = ["Carries", "Subscriber", "Subscription", "Topic", "Topics"]

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


class Carries(Protocol[M_co]):
    """A topic seen by who subscribes: what it carries may be less than what the subscriber accepts, never more."""

    def __carries__(self) -> M_co: ...


class Subscriber(Protocol[M_contra]):
    """Whoever takes what is published. Never waits, never raises."""

    def push(self, message: M_contra) -> bool:
        """Take one message; False if it was dropped."""
        ...


class Topics:
    """All topics of one tree."""

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[Subscriber[Any], None]] = {}

    def publish(self, topic: Topic[M], message: M) -> int:
        """Hand a message to every subscriber, in order of subscription. Returns how many took it."""
        subscribers = self._subscribers.get(topic.key)
        if subscribers is None:
            return 0
        taken = 0
        for subscriber in tuple(subscribers):
            taken += subscriber.push(message)
        return taken

    def subscribe(self, topic: Topic[M], subscriber: Subscriber[M]) -> None:
        """Add a subscriber; twice is once."""
        self._subscribers.setdefault(topic.key, {})[subscriber] = None

    def unsubscribe(self, topic: Topic[M], subscriber: Subscriber[M]) -> None:
        """Take a subscriber out; nothing happens if it is not in."""
        subscribers = self._subscribers.get(topic.key)
        if subscribers is not None:
            subscribers.pop(subscriber, None)
            if not subscribers:
                del self._subscribers[topic.key]

    def count(self, topic: Topic[Any]) -> int:
        """How many subscribe to a topic."""
        return len(self._subscribers.get(topic.key, ()))

    def close(self) -> None:
        """End every `Subscription` outside the tree."""
        for subscribers in list(self._subscribers.values()):
            for subscriber in tuple(subscribers):
                if isinstance(subscriber, _Buffer):
                    subscriber.close()


class _Buffer:
    """What the topic knows of a subscription: the handle itself may be dropped by its reader at any time."""

    def __init__(self, queue: BoundedQueue, parker: Parker, on_close: Callable[[_Buffer], None]) -> None:
        self.queue = queue
        self.parker = parker
        self.skipped = 0
        self.closed = False
        self._on_close = on_close

    def push(self, message: Any) -> bool:
        dropped = self.queue.offer(message)
        self.parker.unpark()
        if dropped is NOTHING:
            return True
        self.skipped += 1
        return dropped is not message and dropped is not FAIL

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._on_close(self)
            self.parker.unpark()


class Subscription(Generic[M]):
    """One reader of one topic, outside the tree. `async for` ends with the tree, or with `close()`.

    It holds messages from when it is made. A slow reader gets `Skipped(count)` where messages are missing, then what came
    after.
    """

    def __init__(self, topics: Topics, topic: Topic[M], queue: BoundedQueue, parker: Parker) -> None:
        self.topic = topic
        self._buffer = _Buffer(queue, parker, lambda buffer: topics.unsubscribe(topic, buffer))
        topics.subscribe(topic, self._buffer)

    def __aiter__(self) -> Subscription[M]:
        return self

    async def __anext__(self) -> M:
        """The next message.

        Cancellation: atomic.
        """
        buffer = self._buffer
        while True:
            if buffer.skipped:
                count, buffer.skipped = buffer.skipped, 0
                return Skipped(count)  # type: ignore[return-value]  # told once, whatever the topic carries
            if buffer.queue.items:
                message: M = buffer.queue.take()
                return message
            if buffer.closed:
                raise StopAsyncIteration
            await buffer.parker.park()

    def __len__(self) -> int:
        """How many messages wait to be read."""
        return len(self._buffer.queue)

    def close(self) -> None:
        """Take no more; what is queued can still be read."""
        self._buffer.close()

    def __enter__(self) -> Subscription[M]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A reader that left its loop and dropped the handle would otherwise fill a queue for the rest of the tree's life.
        self._buffer.close()
