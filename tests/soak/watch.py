"""What is watched while it soaks: the consumers, the process, the tree."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Mapping

import sniffio
import trio
from attrs import define, field
from msgspec import Struct

from actors.demo.resident import resident
from actors.feeds import feed_topic
from actors.market import (
    AggregateTrade,
    Book,
    Disconnected,
    Feed,
    Filled,
    Gap,
    MiniTicker,
    Quote,
    Rejected,
    Resumed,
    SourceChanged,
    Stale,
    Subscription,
    Trade,
)
from supervisor import Actor, ChildGaveUp, DeadLetter, Event, MailboxOverflow, RestartScheduled, SupervisorGaveUp
from tests.soak.ledger import Ledger

__all__ = ["Consumer", "Sample", "TreeWatch", "look"]

Delivered = (
    Trade
    | AggregateTrade
    | Quote
    | Book
    | MiniTicker
    | Disconnected
    | Resumed
    | Filled
    | Gap
    | SourceChanged
    | Stale
    | Rejected
)


@define(eq=False)
class Consumer(Actor[Delivered]):
    """Hears some subscriptions, and enters all of it into their ledgers.

    Args:
        ledgers: one per subscription.
    """

    ledgers: Mapping[Subscription, Ledger]
    _by_event: dict[tuple[str, Feed], Ledger] = field(init=False)

    async def on_start(self) -> None:
        """Subscribe. Cancellation: atomic."""
        self._by_event = {(wanted.instrument.native, wanted.feed): ledger for wanted, ledger in self.ledgers.items()}
        for subscription in self.ledgers:
            self.subscribe(feed_topic(subscription))

    def receive(self, message: Delivered) -> None:
        """Enter one event."""
        now = self.context.runtime.now()
        match message:
            case Quote():
                self._by_event[message.instrument.native, Feed.QUOTES].data(message, now)
            case Trade():
                self._by_event[message.instrument.native, Feed.TRADES].data(message, now)
            case AggregateTrade():
                self._by_event[message.instrument.native, Feed.AGGREGATES].data(message, now)
            case Book():
                self._by_event[message.instrument.native, Feed.BOOK].data(message, now)
            case MiniTicker():
                self._by_event[message.instrument.native, Feed.MINI_TICKER].data(message, now)
            case _:
                self.ledgers[message.subscription].marker(message, now)


@define(eq=False)
class TreeWatch:
    """Counts what the tree says of itself."""

    restarts: Counter[str] = field(factory=Counter)
    """{path: restarts}; bounded by the tree."""
    reasons: Counter[str] = field(factory=Counter)
    gave_up: list[str] = field(factory=list)
    """Children that were parked, and supervisors that failed: a restart intensity was exceeded."""
    overflows: Counter[str] = field(factory=Counter)
    dead_letters: Counter[str] = field(factory=Counter)

    def sink(self, event: Event) -> None:
        """An event sink."""
        match event:
            case RestartScheduled(path=path, reason=reason):
                self.restarts[path] += 1
                if len(self.reasons) < 100:
                    self.reasons[reason[:200]] += 1
            case ChildGaveUp(path=path, reason=reason) | SupervisorGaveUp(path=path, reason=reason):
                self.gave_up.append(f"{path}: {reason}")
            case MailboxOverflow(path=path):
                self.overflows[path] += 1
            case DeadLetter(message=message, reason=reason):
                self.dead_letters[f"{message}: {reason}"[:100]] += 1


class Sample(Struct, frozen=True, kw_only=True):
    """One look at the process and what it does."""

    at: float
    """Seconds from the first fault."""
    rss: float
    """MiB."""
    objects: int
    """That the garbage collector tracks."""
    tasks: int
    sockets: int
    events: int
    """That consumers have been given so far."""
    down: int
    """Subscriptions that are interrupted."""
    restarts: int
    open: int
    """Connections at the exchange."""
    accepted: int
    """Connections that it has accepted so far."""
    cpu: float
    """Seconds of processor time that the bot has used so far."""
    backlog: int = 0
    """Messages in the fullest mailbox."""


def look() -> tuple[float, int, int, int, float]:
    """Memory in MiB, objects, tasks, sockets, seconds of processor time."""
    times = os.times()
    return resident() or 0.0, len(gc.get_objects()), _tasks(), _sockets(), times.user + times.system


def _tasks() -> int:
    if sniffio.current_async_library() == "trio":
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def _sockets() -> int:
    folder = "/proc/self/fd"
    found = 0
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            found += os.readlink(f"{folder}/{name}").startswith("socket:")
        except OSError:
            continue  # closed meanwhile
    return found
