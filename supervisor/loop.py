"""From mailbox to handler: what a life does between `on_start` and `on_stop`.

What is queued is handled in one go, bounded by a count and a time slice, then the loop gives way: a flooded actor must not
starve a polite one, and a wake-up per message would cost more than the message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import Any, Final

from supervisor.context import Context
from supervisor.errors import BadReply
from supervisor.mailbox import Expiring, PendingReply
from supervisor.messages import reply_fits, reply_type
from supervisor.parking import give_way

__all__ = ["handle_messages"]

BATCH = 256
"""Messages handled before the loop gives way."""
SLICE = 0.002
"""Seconds after which it gives way."""
CLOCK_EVERY = 16
"""The clock is read after 1, 2, 4, 8 and then every so many messages. Each time would cost as much as a cheap handler;
only so often would let a slow one hold the loop for as many of its messages."""


_NOTHING: Final = object()


async def handle_messages(
    context: Context,
    receive: Callable[[Any], Any],
    watch: Callable[[], None] | None,
    guard: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]] | None,
) -> None:
    """Hand each message to `receive`, in order, until the life is asked to stop, or is drained.

    The body is long and calls little: a call costs as much as the rest of what is done for a message.

    Args:
        context: the life.
        receive: the actor's handler, sync or async.
        watch: called before each message, when the life has a watchdog.
        guard: awaits what `receive` returns to be awaited, where that is not expected of it; None: just await it.

    Cancellation: a kill cuts the handler; the message in hand stays in `context.in_hand`.
    """
    place, now, reader, count = context.place, context.runtime.now, context.reader, 0
    inbox = place.inbox
    assert inbox is not None  # noqa: S101  # only actors come here
    try:
        while not context.stopping:
            place.open_gate()
            count, look, began = 0, 1, now()
            while not context.stopping:
                if context.signals:
                    item = _take_signal(context)
                    if item is _NOTHING:
                        continue
                elif place.items:
                    item = inbox.take() if inbox.waiting or not inbox.plain else place.items.popleft()
                else:
                    break
                if watch is not None:
                    watch()
                context.in_hand = message = item
                kind = item.__class__
                if kind is PendingReply or kind is Expiring:
                    if _expired(context, item):
                        continue
                    message = item.message
                if context.idle is not None:
                    context.end_idle()
                result = receive(message)
                if result.__class__ is CoroutineType:
                    result = await (result if guard is None else guard(result))
                if kind is PendingReply and not context.deferred:
                    _answer(context, item, result)
                count += 1
                if count == look and place.items:
                    look += min(count, CLOCK_EVERY)
                    if count >= BATCH or now() - began >= SLICE:
                        break
            context.in_hand = None
            inbox.handled += count
            count = 0
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
        inbox.handled += count


def _take_signal(context: Context) -> Any:
    """The message of the next signal, if it is still to be delivered."""
    signals = context.signals
    signal = signals.popleft()
    if not signal.active:
        return _NOTHING
    if context.idle is not None and context.idle is signal and (context.place.items or signals):
        context.idle.put_off()  # something came after all, while it was on its way; if that has expired, nothing did
        return _NOTHING
    signal.delivered()
    return signal.message


def _expired(context: Context, item: PendingReply | Expiring) -> bool:
    """Whether handling it would serve nobody; else a request has begun."""
    if item.__class__ is PendingReply:
        gone = item.abandoned
        item.started, context.deferred = not gone, False
    else:
        gone = context.runtime.now() >= item.at
    if gone:
        context.in_hand = None
        context.runtime.dead_letter(context.path, item.message, "expired")
    return gone


def _answer(context: Context, reply: PendingReply, result: Any) -> None:
    request = reply.message.__class__
    expected = reply_type(request)
    if result.__class__ is not expected and not reply_fits(result, expected):
        raise BadReply(context.path, request, result, expected)
    reply.give(result)
