"""What REST is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from actors.errors import BadFrame, ExchangeRefused
from actors.market import Feed, MarketEvent, Subscription
from actors.ports import Exchange, RestResponse
from actors.testing.delivering import KINDS, impossible
from actors.testing.playback import clipped, difference, subscription_of
from actors.testing.questions import request_for
from actors.testing.recording import Answered, Question, Recording
from actors.testing.rule import Finding, rules_of

__all__ = ["ANSWERING"]

UNREADABLE = (b"", b"<html></html>", b"{", b"[" * 100_000, b"7")


def requests(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Each question is asked where it was recorded."""
    for answered in recording.answered:
        if answered.question in (Question.ERROR, Question.WEIGHT):
            continue
        request = request_for(adapter, answered)
        asks = f"{answered.question.value} {answered.subscription}".strip()
        if request is None:
            yield Finding(
                f"{asks} is recorded, and the adapter does not ask it", "a request", "Or take it out of the recording."
            )
        elif not request.path.startswith("/") or (answered.path and request.path != answered.path):
            expected = answered.path or "a path that begins with /"
            yield Finding(f"{asks} is asked at {request.path!r}", expected, "The endpoint's address is put before it.")


def symbols(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The list of symbols is read, in the exchange's own words."""
    for answered in _answers(recording, Question.SYMBOLS):
        found = adapter.parse_symbols(answered.response)
        missing = set(answered.means.split()) - found
        if missing or not found:
            given = f"{len(found)} symbols, without {sorted(missing)}"
            advice = "These are native symbols of what can be subscribed now, as `instrument` gives them."
            yield Finding(given, answered.means or "some", advice)


def snapshots(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """A book that was fetched is a BookSnapshot of its instrument."""
    for answered in _answers(recording, Question.SNAPSHOT):
        wanted = subscription_of(adapter, answered.subscription)
        snapshot = adapter.parse_snapshot(wanted.instrument, answered.response)
        yield from _wrong(wanted, [snapshot], answered)


def fills(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What was missed is read, oldest first, and only of numbered feeds."""
    for answered in _answers(recording, Question.FILL):
        wanted = subscription_of(adapter, answered.subscription)
        events = adapter.parse_fill(wanted, answered.response)
        yield from _wrong(wanted, events, answered)
        if not adapter.feeds[wanted.feed].numbered:
            yield Finding(f"{wanted} is filled by ids", "FeedRule(numbered=True)", "Without it, no hole is ever seen.")
        if any(event.sequence <= (answered.after or 0) for event in events):
            given = f"the fill after {answered.after} begins with {events[0].sequence}"
            yield Finding(given, f"{answered.after} + 1 or later", "Ask for what follows `after_id`.")


def polls(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What is polled is what the stream would deliver, oldest first."""
    for answered in _answers(recording, Question.POLL):
        wanted = subscription_of(adapter, answered.subscription)
        yield from _wrong(wanted, adapter.parse_poll(wanted, answered.response), answered)


def clock(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The exchange's clock is read, in milliseconds."""
    for answered in _answers(recording, Question.TIME):
        found = adapter.parse_time(answered.response)
        if answered.means and found != int(answered.means):
            yield Finding(f"parse_time gives {found!r}", answered.means, "Milliseconds since 1970.")


def errors(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """An answer that is an error is found, whatever its HTTP status; no other is taken for one."""
    for answered in recording.answered:
        refused = adapter.refusal(answered.response)
        status = f"status {answered.response.status}: {clipped(answered.response.body)}"
        if answered.question is not Question.ERROR:
            if refused is not None:
                yield Finding(f"{status} is taken for {refused!r}", "no refusal: None", "Look for the error's own keys.")
            continue
        if refused is None:
            advice = "Many exchanges answer 200 and say the error in the body."
            yield Finding(f"{status} is taken for no error", f"a refusal with code {answered.means}", advice)
            continue
        if answered.means and str(refused.exchange_code) != answered.means:
            yield Finding(f"{status}: code {refused.exchange_code!r}", repr(answered.means), "Take the exchange's own code.")
        if refused.venue != adapter.venue:
            advice = "ExchangeRefused(..., venue=...): the same code means something else elsewhere."
            yield Finding(f"{status}: venue {refused.venue!r}", repr(adapter.venue), advice)


def raised_errors(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Whoever reads an answer that is an error gets it raised as ExchangeRefused."""
    readers = list(_readers(adapter, recording))
    for answered in _answers(recording, Question.ERROR):
        for name, read in readers:
            try:
                result: object = read(answered.response)
            except ExchangeRefused:
                continue
            except Exception as error:  # noqa: BLE001 - which one it is, the finding says
                result = f"{type(error).__name__}: {clipped(error)}"
            given = f"{name} makes of {clipped(answered.response.body)} {clipped(result)}"
            yield Finding(
                given, "ExchangeRefused", "Begin each parse_… with: if refused := self.refusal(response): raise refused."
            )


def unreadable_answers(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """An answer that cannot be read raises BadFrame from whoever reads it; whether it is an error, is told without raising."""
    readers = list(_readers(adapter, recording))
    for body in UNREADABLE:
        response = RestResponse(200, body)
        try:
            adapter.refusal(response)
        except Exception as error:  # noqa: BLE001 - which one it is, the finding says
            given = f"refusal raises {type(error).__name__} for {clipped(body)!r}"
            yield Finding(
                given, "None, or ExchangeRefused returned", "Everything that comes back is asked whether it is an error."
            )
        for name, read in readers:
            try:
                result: object = read(response)
            except (BadFrame, ExchangeRefused):
                continue
            except Exception as error:  # noqa: BLE001 - which one it is, the finding says
                result = f"{type(error).__name__}: {clipped(error)}"
            advice = "Catch what the decoder raises (RecursionError too) and raise BadFrame(reason, body) from it."
            yield Finding(f"{name} makes of {clipped(body)!r} {clipped(result)}", "BadFrame", advice)


def weights(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The weight that was used is read from the answer; None where it does not say."""
    for answered in recording.answered:
        used = adapter.used_weight(answered.response)
        if answered.question is Question.WEIGHT and str(used) != answered.means:
            advice = "Names of headers are in lower case."
            yield Finding(f"{dict(answered.response.headers)} gives {used!r}", answered.means, advice)
        elif used is not None and used < 0:
            yield Finding(f"used_weight gives {used}", "0 or more, or None", "It is spent, not left.")


def _answers(recording: Recording, question: Question) -> Iterator[Answered]:
    return (answered for answered in recording.answered if answered.question is question)


def _wrong(wanted: Subscription, events: Sequence[MarketEvent], answered: Answered) -> Iterator[Finding]:
    what = f"{answered.question.value} of {wanted}"
    if answered.events and (wrong := difference(events, answered.events)):
        yield Finding(f"{what}: {wrong}", clipped(answered.events), "Compare the fields' names with the keys of the answer.")
    last = 0
    for event in events:
        if not isinstance(event, KINDS[wanted.feed]):
            names = " or ".join(kind.__name__ for kind in KINDS[wanted.feed])
            yield Finding(f"{what} gives {type(event).__name__}", names, "The same events as the stream's.")
        if event.instrument != wanted.instrument:
            advice = 'Set it: msgspec.structs.force_setattr(event, "instrument", ...).'
            yield Finding(f"{what} says instrument {event.instrument!s}", str(wanted.instrument), advice)
        if event.sequence and event.sequence < last:
            yield Finding(f"{what} goes from {last} back to {event.sequence}", "oldest first", "Reverse the answer.")
        last = event.sequence or last
        for given, expected, advice in impossible(wanted, event):
            yield Finding(f"{what}: {given}", expected, advice)


def _readers(adapter: Exchange, recording: Recording) -> Iterator[tuple[str, Callable[[RestResponse], object]]]:
    yield "parse_symbols", adapter.parse_symbols
    for conversation in recording.conversations[:1]:
        for text in conversation.wanted:
            wanted = subscription_of(adapter, text)
            if wanted.feed is Feed.BOOK and adapter.snapshot_request(wanted.instrument) is not None:
                yield "parse_snapshot", partial(adapter.parse_snapshot, wanted.instrument)
            if adapter.poll_request(wanted, None) is not None:
                yield "parse_poll", partial(adapter.parse_poll, wanted)
            if adapter.fill_request(wanted, 1, 3) is not None:
                yield "parse_fill", partial(adapter.parse_fill, wanted)
    if adapter.time_request() is not None:
        yield "parse_time", adapter.parse_time


ANSWERING = rules_of(requests, symbols, snapshots, fills, polls, clock, errors, raised_errors, unreadable_answers, weights)
