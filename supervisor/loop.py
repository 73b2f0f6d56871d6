"""From mailbox to handler: what a life does between `on_start` and `on_stop`.

What is queued is handled in one go, bounded by a count and a time slice, then the loop gives way: a flooded actor must not
starve a polite one, and a wake-up per message would cost more than the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import CoroutineType
from typing import Any, Final

from supervisor.context import Context
from supervisor.errors import BadReply
from supervisor.mailbox import Envelope, Inbox
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


async def handle_messages(context: Context, receive: Callable[[Any], Any], watch: Callable[[], None] | None) -> None:
    """Hand each message to `receive`, in order, until the life is asked to stop, or is drained.

    Args:
        context: the life.
        receive: the actor's handler, sync or async.
        watch: called before each message, when the life has a watchdog.

    Cancellation: a kill cuts the handler; the message in hand stays in `context.in_hand`.
    """
    inbox = context.place.inbox
    assert inbox is not None  # noqa: S101  # only actors come here
    items, signals, now = inbox.queue.items, context.signals, context.runtime.now
    while True:
        count, look, began = 0, 1, now()
        while not context.stopping:
            if signals:
                item = _take_signal(context, signals, items)
                if item is _NOTHING:
                    continue
            elif items:
                item = inbox.take()
            else:
                break
            if watch is not None:
                watch()
            context.in_hand = item
            if item.__class__ is Envelope:
                await _handle_envelope(context, receive, item)
            else:
                if context.idle is not None:
                    context.end_idle()
                result = receive(item)
                if result.__class__ is CoroutineType:
                    await result
            context.in_hand = None
            count += 1
            if count == look:
                look += min(count, CLOCK_EVERY)
                if count >= BATCH or now() - began >= SLICE:
                    break
        else:
            return
        if items or signals:
            await give_way()
        elif not await _more(context, inbox):
            return


async def _more(context: Context, inbox: Inbox) -> bool:
    """Sleep until there is something to do; False if there will be nothing: the life is to stop, or is drained.

    Cancellation: atomic.
    """
    if context.draining or context.stopping:  # a stop that came during a long handler woke nobody, and will not come again
        return False
    await inbox.reader.park()
    return True


def _take_signal(context: Context, signals: deque[Any], items: deque[Any]) -> Any:
    """The message of the next signal, if it is still to be delivered."""
    signal = signals.popleft()
    if not signal.active:
        return _NOTHING
    if context.idle is not None and context.idle is signal and (items or signals):
        context.idle.put_off()  # something came after all, while it was on its way; if that has expired, nothing did
        return _NOTHING
    signal.delivered()
    return signal.message


async def _handle_envelope(context: Context, receive: Callable[[Any], Any], envelope: Envelope) -> None:
    """Handle a message that is owed a reply or can expire. Cancellation: as for `handle_messages`."""
    if envelope.expired(context.runtime.now):
        context.runtime.dead_letter(context.path, envelope.message, "expired")
        return
    if context.idle is not None:
        context.end_idle()
    reply = envelope.reply
    if reply is not None:
        reply.started = True
    context.deferred = False
    result = receive(envelope.message)
    if result.__class__ is CoroutineType:
        result = await result
    if reply is None or context.deferred:
        return
    request = type(envelope.message)
    if not reply_fits(result, reply_type(request)):
        raise BadReply(context.path, request, result, reply_type(request))
    reply.give(result)
