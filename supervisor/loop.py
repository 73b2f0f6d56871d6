"""From mailbox to handler: what a life does between `on_start` and `on_stop`.

What is queued is handled in one go, bounded by a count and a time slice, then the loop gives way: a flooded actor must not
starve a polite one, and a wake-up per message would cost more than the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import Any, Final

from supervisor.context import Context
from supervisor.errors import BadReply
from supervisor.mailbox import WRAPPED, Expiring, PendingReply
from supervisor.messages import reply_fits, reply_type
from supervisor.parking import give_way

__all__ = ["Guard", "handle_messages"]

Guard = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
"""Awaits a coroutine where it can be cut."""

BATCH = 256
"""Messages handled before the loop gives way."""
SLICE = 0.002
"""Seconds after which it gives way."""
CLOCK_EVERY = 16
"""The clock is read after 1, 2, 4, 8 and then every so many messages. Each time would cost as much as a cheap handler;
only so often would let a slow one hold the loop for as many of its messages."""


_NOTHING: Final[Any] = object()


async def handle_messages(  # noqa: C901  # one body: a call costs as much as all the rest that is done for a message
    context: Context,
    receive: Callable[[Any], Any],
    watch: Callable[[], None] | None,
    guard: Guard | None,
) -> None:
    """Hand each message to `receive`, in order, until the life is asked to stop, or is drained.

    Args:
        context: the life.
        receive: the actor's handler, sync or async.
        watch: called before each message, when the life has a watchdog.
        guard: awaits what `receive` returns to be awaited, where that is not expected of it; None: just await it.

    Cancellation: a kill cuts the handler; the message in hand stays in `context.in_hand`.
    """
    place, now, reader, number = context.place, context.runtime.now, context.reader, 0
    inbox = place.inbox
    assert inbox is not None  # noqa: S101  # only actors come here
    place.rouse = reader.unpark
    place.alert = bool(context.stopping or context.signals or inbox.waiting or not inbox.plain or watch or context.idle)
    try:
        while True:
            if not place.room and not place.refusing and inbox.queue is not None:
                place.room = inbox.plain  # from now on senders need not wake the life
            items, began, look = place.items, now(), 0
            for number in range(BATCH):
                if place.alert:
                    item = _NOTHING if context.stopping else _take_closely(context, watch)
                    if item is _NOTHING:
                        break
                else:
                    try:
                        item = items.popleft()
                    except IndexError:
                        break
                context.in_hand = item
                kind = item.__class__
                if kind is PendingReply or kind is Expiring:
                    if not item.pending if kind is PendingReply else now() >= item.at:
                        _drop_expired(context, item)
                        continue
                    if context.idle is not None:
                        context.end_idle()
                    context.deferred = False
                    item.started = True
                    message = item.message
                    result = receive(message)
                    if result.__class__ is CoroutineType:
                        result = await (result if guard is None else guard(result))
                    if kind is PendingReply and not context.deferred:
                        expected = reply_type(message.__class__)
                        if result.__class__ is not expected and not reply_fits(result, expected):
                            raise BadReply(context.path, message.__class__, result, expected)
                        item.give(result)
                else:
                    result = receive(item)
                    if result is not None and result.__class__ is CoroutineType:
                        await (result if guard is None else guard(result))
                if number >= look and (items or context.signals):
                    look = number + min(number + 1, CLOCK_EVERY)
                    if now() - began >= SLICE:
                        inbox.handled += 1
                        break
            else:
                inbox.handled += 1
            context.in_hand = None
            inbox.handled += number
            number = 0
            if context.stopping:  # a stop that came during a long handler woke nobody, and will not come again
                return
            if place.items or context.signals:
                await give_way()
            elif context.draining:
                return
            else:
                place.room = 0
                await reader.park()
    finally:
        place.room = 0
        inbox.handled += number


def _take_closely(context: Context, watch: Callable[[], None] | None) -> Any:
    """The next item where there is more than a queue to look at: signals, what is idle, who waits for room, a watchdog."""
    place, signals, item = context.place, context.signals, _NOTHING
    inbox = place.inbox
    assert inbox is not None  # noqa: S101  # as above
    while signals and item is _NOTHING:
        item = _take_signal(context, signals)
    if item is _NOTHING and place.items:
        item = inbox.take()
    if item is not _NOTHING:
        if watch is not None:
            watch()
        if context.idle is not None and type(item) not in WRAPPED:
            context.end_idle()
    place.alert = bool(signals or inbox.waiting or not inbox.plain or watch is not None or context.idle is not None)
    return item


def _take_signal(context: Context, signals: deque[Any]) -> Any:
    """The message of the next signal, if it is still to be delivered."""
    signal = signals.popleft()
    if not signal.active:
        return _NOTHING
    if context.idle is not None and context.idle is signal and (context.place.items or signals):
        context.idle.put_off()  # something came after all, while it was on its way; if that has expired, nothing did
        return _NOTHING
    signal.delivered()
    return signal.message


def _drop_expired(context: Context, item: PendingReply | Expiring) -> None:
    """Nobody waits for it, or it comes too late."""
    context.in_hand = None
    assert context.place.inbox is not None  # noqa: S101  # as above
    context.place.inbox.handled -= 1  # it counts as one of the batch
    context.runtime.dead_letter(context.path, item.message, "expired")
