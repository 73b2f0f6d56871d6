"""What a Stream and the StreamManager are told and asked."""

from __future__ import annotations

from typing import Any

from actors.errors import UnknownInstrument
from actors.market import BookSnapshot, InstrumentId, MarketEvent, Rejected, Subscription
from supervisor import Message, Request, SpecError

__all__ = [
    "ApplyFill",
    "ApplySnapshot",
    "BookInStep",
    "FindStream",
    "LastKnown",
    "Look",
    "Renew",
    "Repeat",
    "RestartStream",
    "Resubscribe",
    "SayStale",
    "SetSubscriptions",
    "StreamOf",
    "StreamStatus",
    "SubscriptionTo",
    "Subscriptions",
    "Tick",
    "Unwant",
    "Want",
]


class Tick(Message, frozen=True):
    """Time to look after things."""


class SetSubscriptions(Message, frozen=True):
    """Subscribe to these, and to nothing else."""

    subscriptions: tuple[Subscription, ...]
    reason: str = ""
    """Why others are taken off, for their consumers; empty: they are no longer wanted here."""


class Look(Message, frozen=True):
    """Somebody may have been quiet for too long."""


class SayStale(Message, frozen=True):
    """Time to say the last known values again."""


class ApplySnapshot(Request[bool], frozen=True):
    """Here is a snapshot; True: the book is in step, False: it is older than what has been seen, fetch another."""

    snapshot: BookSnapshot


class ApplyFill(Request[bool], frozen=True):
    """Here are events that were missing, oldest first; True: the hole is closed, or nobody waits for it any more.

    False: some are still missing; fetch from the last of these on.
    """

    subscription: Subscription
    events: tuple[MarketEvent, ...]
    last: bool = False
    """There is no more to come: what is still missing is a Gap."""


class Resubscribe(Request[bool], frozen=True):
    """Ask the exchange for this subscription anew, alone; True: it is on its way, or nobody wants it."""

    subscription: Subscription


class BookInStep(Request[bool], frozen=True):
    """Whether this instrument's book is in step, or not wanted."""

    instrument: InstrumentId


class Renew(Message, frozen=True):
    """Give the connection up and make another, by hand-over if the present one still delivers."""

    reason: str


class LastKnown(Request[MarketEvent | None], frozen=True):
    """What was delivered last for this subscription."""

    subscription: Subscription


class StreamStatus(Request[dict[str, Any]], frozen=True):
    """How a stream is doing, for people."""


class Want(Request[tuple[Rejected, ...]], frozen=True):
    """Subscribe to these too. Answers which of them the exchange does not have; the others are on their way.

    Wanting is counted: what two want is given up when both have said `Unwant`. What the exchange does not have is said on the
    feed's topic too, every 10 s for who subscribes later, and delivered once it is listed.
    """

    subscriptions: tuple[Subscription, ...]
    holder: Any = None  # Ref[Any]
    """The actor that wants them: its place is counted once, however often it says so, and its end gives them up. None: whoever
    it is has to say `Unwant` himself.
    """
    by: str = ""
    """Without a holder: a name of his own, so that he is counted once, and his `Unwant` takes nobody else's place in the count,
    though what he said before was never heard."""


class Unwant(Message, frozen=True):
    """Subscribe to these no longer, as far as whoever says it is concerned."""

    subscriptions: tuple[Subscription, ...]
    holder: Any = None  # Ref[Any]
    """As it was said with `Want`."""
    by: str = ""


class Repeat(Message, frozen=True):
    """Time to say again what was rejected."""


class Subscriptions(Request[tuple[Subscription, ...]], frozen=True):
    """All that is wanted."""


class SubscriptionTo(Request[Subscription | SpecError | UnknownInstrument], frozen=True):
    """What a feed's topic stands for at this exchange, by the topic's key; an error, to be raised: it stands for nothing."""

    topic: str


class StreamOf(Request[str], frozen=True):
    """The name of the stream that serves this subscription; empty: none does."""

    subscription: Subscription


class FindStream(Request[Any], frozen=True):
    """The ref of the stream of this name; None: there is none."""

    name: str


class RestartStream(Request[bool], frozen=True):
    """Start a stream again that was parked; True: it lives, or did already."""

    name: str
