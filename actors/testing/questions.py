"""Which requests an adapter makes for what a recording asks."""

from __future__ import annotations

from collections.abc import Iterator

from actors.ports import Exchange, RestRequest
from actors.testing.playback import subscription_of
from actors.testing.recording import Answered, Question, Recording

__all__ = ["asked", "request_for"]


def request_for(adapter: Exchange, answered: Answered) -> RestRequest | None:
    """The request that this is the answer to; None: the adapter does not ask that."""
    match answered.question:
        case Question.SYMBOLS:
            return adapter.symbols_request()
        case Question.TIME:
            return adapter.time_request()
        case Question.ERROR | Question.WEIGHT:
            return None
        case _:
            pass
    subscription = subscription_of(adapter, answered.subscription)
    match answered.question:
        case Question.SNAPSHOT:
            return adapter.snapshot_request(subscription.instrument)
        case Question.FILL:
            return adapter.fill_request(subscription, answered.after or 0, answered.before or 0)
        case _:
            return adapter.poll_request(subscription, answered.after)


def asked(adapter: Exchange, recording: Recording) -> Iterator[RestRequest]:
    """All requests that the recording has answers to."""
    for answered in recording.answered:
        request = request_for(adapter, answered)
        if request is not None:
            yield request
