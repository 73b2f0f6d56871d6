"""Plays a recording into sessions, and compares what comes out with what is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from attrs import frozen

from actors.errors import BadFrame
from actors.feeds import feed_of
from actors.market import MarketEvent, Subscription
from actors.ports import Delivery, Exchange, Frame, Inbound, Session
from actors.testing.recording import Answered, Conversation, Fields, Heard, Recording
from supervisor import Topic

__all__ = ["Played", "clipped", "deliveries", "difference", "frame_of", "heard_by", "play", "subscription_of", "wanted_by"]

FIRST = 1000.0
"""Arrival of the first frame, in seconds of a clock that nobody has."""
SHOWN = 160


@frozen
class Played:
    """One frame, and what the session made of it."""

    heard: Heard
    frame: Frame
    result: Inbound | BadFrame


def subscription_of(adapter: Exchange, text: str) -> Subscription:
    """The subscription that a recording names."""
    feed, option, venue, canonical = feed_of(Topic(text))
    if venue != adapter.venue:
        raise ValueError(f"{text!r} is of {venue!r}, and the adapter's venue is {adapter.venue!r}")
    return Subscription(adapter.instrument(canonical), feed, option)


def wanted_by(adapter: Exchange, conversation: Conversation) -> list[Subscription]:
    return [subscription_of(adapter, text) for text in conversation.wanted]


def frame_of(heard: Heard, number: int = 0) -> Frame:
    return Frame(heard.payload, FIRST + number / 8)


def heard_by(session: Session, frame: Frame) -> Inbound | BadFrame:
    try:
        return session.receive(frame)
    except BadFrame as bad:
        return bad


def play(adapter: Exchange, conversation: Conversation) -> Iterator[Played | Answered]:
    """A fresh session subscribes and hears all frames. Answers of REST come by in their places."""
    session = adapter.session()
    session.subscribe(wanted_by(adapter, conversation))
    for number, step in enumerate(conversation.steps):
        if isinstance(step, Heard):
            frame = frame_of(step, number)
            yield Played(step, frame, heard_by(session, frame))
        else:
            yield step


def deliveries(adapter: Exchange, recording: Recording) -> Iterator[tuple[int, Played, Delivery]]:
    """All that is delivered, with the number of its conversation."""
    for number, conversation in enumerate(recording.conversations):
        for played in play(adapter, conversation):
            if isinstance(played, Played) and isinstance(played.result, Delivery):
                yield number, played, played.result


def difference(events: Sequence[MarketEvent], expected: Sequence[Fields]) -> str:
    """In what the events are not what is written; empty if they are."""
    if len(events) != len(expected):
        return f"{len(events)} events instead of {len(expected)}"
    for event, fields in zip(events, expected, strict=True):
        for name, text in fields.items():
            if not hasattr(event, name):
                return f"{type(event).__name__} has no field {name!r}"
            value = getattr(event, name)
            if not _is(value, text):
                return f"{name} is {value!r}"
    return ""


def clipped(what: object) -> str:
    """Short enough to be read."""
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _is(value: object, text: str) -> bool:
    match value:
        case bool() | None:
            return text == str(value).lower()
        case int() | Decimal():
            return Decimal(text) == value
        case list() | tuple():
            pairs = [pair.split(":") for pair in text.split(",") if pair]
            return list(value) == [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]
        case _:
            return text == str(value)
