"""What a session says, and what it makes of the answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from actors.errors import BadFrame
from actors.market import InstrumentId, Subscription
from actors.ports import Ack, Delivery, Exchange, Frame, Heartbeat, Refusal, ShutdownNotice
from actors.testing.playback import Played, clipped, frame_of, heard_by, play, wanted_by
from actors.testing.recording import Conversation, Meaning, Recording
from actors.testing.rule import Finding, rules_of

__all__ = ["TALKING"]

MANY = 100
NO_JSON = (b"", b"\xff\xfe\x00", b"{", b'{"', b"[" * 100_000)
NO_FRAME = (b"[]", b"{}", b"null", b"7", b'"text"', b'[{"a":[]}]', b'{"id":{},"data":7,"type":[],"channel":null}')


def subscribing(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The frames that subscribe are JSON text, as recorded."""
    for conversation in recording.conversations:
        session = adapter.session()
        frames = session.subscribe(wanted_by(adapter, conversation))
        yield from _unsendable(frames, "subscribe")
        if not frames:
            yield Finding(f"no frame for {conversation.wanted}", "at least one", "Write it in `Session.subscribe`.")
        if conversation.sent and _json(frames) != _json(conversation.sent):
            advice = "Compare with the exchange's documentation. Requests are numbered from 1 in each session."
            yield Finding(f"subscribe says {clipped(' '.join(frames))}", clipped(" ".join(conversation.sent)), advice)


def batches(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Many subscriptions go in few frames, none is left out, and none stands in two."""
    if not recording.conversations:
        return
    example = wanted_by(adapter, recording.conversations[0])[0]
    count = max(1, min(MANY, adapter.limits.subscriptions))
    natives = [f"{example.instrument.native}{n}X" for n in range(count)]
    many = [
        Subscription(InstrumentId(adapter.venue, native, f"A{n}/B"), example.feed, example.option)
        for n, native in enumerate(natives)
    ]
    frames = [text.casefold() for text in adapter.session().subscribe(many)]
    most = math.ceil(count / recording.batch)
    if len(frames) > most:
        advice = (
            f"Each is one of {adapter.limits.messages} messages in {adapter.limits.messages_within:g} s. Put more into one."
        )
        yield Finding(f"{len(frames)} frames for {count} subscriptions", f"{most}, as 'batch {recording.batch}' says", advice)
    for native in natives:
        times = sum(text.count(native.casefold()) for text in frames)
        if times != 1:
            yield Finding(f"{native} is asked for {times} times", "once", "Look at how `subscribe` cuts what it is given.")
            return


def acknowledgements(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """An answer that confirms is an Ack, and says what it confirms."""
    for conversation in recording.conversations:
        wanted = set(wanted_by(adapter, conversation))
        for played in _played(adapter, [conversation], Meaning.ACK):
            result = played.result
            if not isinstance(result, Ack):
                yield _is_not(played, "an Ack", "Recognise the exchange's answers to requests in `Session.receive`.")
            elif not result.subscriptions or not wanted.issuperset(result.subscriptions):
                given = f"an Ack of {[str(one) for one in result.subscriptions]}"
                yield Finding(given, f"some of {sorted(map(str, wanted))}", "Remember what each request asked for.")


def refusals(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """An answer that refuses is a Refusal with the exchange's code and words; what was refused can be asked for again."""
    for conversation in recording.conversations:
        session = adapter.session()
        session.subscribe(wanted_by(adapter, conversation))
        for number, heard in enumerate(conversation.heard):
            played = Played(heard, frame_of(heard, number), heard_by(session, frame_of(heard, number)))
            if heard.meaning is not Meaning.REFUSAL:
                continue
            result = played.result
            if not isinstance(result, Refusal):
                yield _is_not(played, "a Refusal", "An error that nobody sees is a subscription that never delivers.")
            elif (heard.code and str(result.code) != heard.code) or not result.message:
                expected = f"code {heard.code or 'as it is'} and the exchange's words"
                yield Finding(f"code {result.code}, message {result.message!r}", expected, "Take both from the answer.")
            elif result.subscriptions and not session.subscribe(result.subscriptions):
                advice = "Forget what was refused: it is asked for again later."
                yield Finding("what was refused is not asked for again", "a frame", advice)


def heartbeats(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """A sign of life is a Heartbeat, not data; and who has a ping of its own says how often."""
    for played in _played(adapter, recording.conversations, Meaning.HEARTBEAT):
        if not isinstance(played.result, Heartbeat):
            advice = "Taken for data, it would hide that there is none; unrecognised, a quiet link is taken for a dead one."
            yield _is_not(played, "a Heartbeat", advice)
    ping = adapter.session().ping()
    if ping is not None and not math.isfinite(adapter.limits.client_ping):
        yield Finding(f"ping() is {ping!r} and limits.client_ping is inf", "seconds", "As it is, the ping is never sent.")


def shutdowns(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The announcement that the connection will be closed is a ShutdownNotice."""
    for played in _played(adapter, recording.conversations, Meaning.SHUTDOWN):
        if not isinstance(played.result, ShutdownNotice):
            yield _is_not(played, "a ShutdownNotice", "With it, the next connection delivers before this one ends.")


def meaningless(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What concerns nobody means nothing, and what is recorded as bad is bad."""
    for played in _played(adapter, recording.conversations, Meaning.NOTHING):
        if played.result is not None:
            yield _is_not(played, "nothing: None", "Return None for what nobody asked for.")
    for played in _played(adapter, recording.conversations, Meaning.BAD):
        if not isinstance(played.result, BadFrame):
            yield _is_not(played, "BadFrame", "Raise BadFrame(reason, payload) for what cannot be used.")


def garbage(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Any bytes raise BadFrame or mean nothing, and the session goes on."""
    for conversation in recording.conversations[:3]:
        good = next((heard for heard in conversation.heard if heard.meaning is Meaning.DELIVERY), None)
        if good is None:
            continue
        session = adapter.session()
        session.subscribe(wanted_by(adapter, conversation))
        cut = [good.payload[:end] for end in (1, len(good.payload) // 2, len(good.payload) - 1)]
        for payload in (*NO_JSON, *cut, *NO_FRAME):
            try:
                result: object = session.receive(Frame(payload, 0.0))
            except BadFrame:
                continue
            except Exception as error:  # noqa: BLE001 - which one it is, the finding says
                result = f"{type(error).__name__}: {error}"
            if payload not in NO_FRAME or result is not None:
                advice = "Catch what the decoder raises (RecursionError too) and raise BadFrame(reason, payload) from it."
                yield Finding(f"{clipped(payload)!r} gave {clipped(result)}", "BadFrame", advice)
        if not isinstance(heard_by(session, frame_of(good)), Delivery):
            yield Finding(
                "after garbage, a good frame is not delivered", "a Delivery", "A bad frame must not change the session."
            )


def unsubscribing(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What was given up is not delivered any more."""
    for conversation in recording.conversations:
        session = adapter.session()
        wanted = wanted_by(adapter, conversation)
        session.subscribe(wanted)
        frames = session.unsubscribe(wanted)
        yield from _unsendable(frames, "unsubscribe")
        if not frames:
            yield Finding("unsubscribe says nothing", "at least one frame", "Without it, the exchange goes on sending.")
        for number, heard in enumerate(conversation.heard):
            if isinstance(heard_by(session, frame_of(heard, number)), Delivery):
                advice = "Forget the subscription in `unsubscribe`: frames under way still arrive."
                yield Finding(f"{clipped(heard.payload)} is delivered after unsubscribe", "nothing", advice)
                break


def strangers(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Frames of what this session did not ask for mean nothing."""
    for conversation in recording.conversations:
        first, *_ = wanted_by(adapter, conversation)
        session = adapter.session()
        session.subscribe([first])
        for number, heard in enumerate(conversation.heard):
            if heard.meaning is not Meaning.DELIVERY:
                continue
            result = heard_by(session, frame_of(heard, number))
            if isinstance(result, Delivery) and heard.subscription != str(first):
                given = f"asked for {first}, and {clipped(heard.payload)} is delivered"
                yield Finding(given, "nothing", "Look the frame's stream up among what was asked for.")
                break


def separate_sessions(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Two sessions share nothing: what one asked for, the other does not know."""
    for conversation in recording.conversations:
        one, other = adapter.session(), adapter.session()
        one.subscribe(wanted_by(adapter, conversation))
        for number, heard in enumerate(conversation.heard):
            result = heard_by(other, frame_of(heard, number))
            known = isinstance(result, Delivery | Ack) or (isinstance(result, Refusal) and result.subscriptions)
            if known:
                given = f"{clipped(heard.payload)} means {type(result).__name__} to a session that asked for nothing"
                yield Finding(given, "nothing", "Keep what is subscribed in the session, made afresh by `session()`.")
                break


def _played(adapter: Exchange, conversations: Sequence[Conversation], meaning: Meaning) -> Iterator[Played]:
    for conversation in conversations:
        for step in play(adapter, conversation):
            if isinstance(step, Played) and step.heard.meaning is meaning:
                yield step


def _is_not(played: Played, expected: str, advice: str) -> Finding:
    result = played.result
    meant = "nothing" if result is None else f"{type(result).__name__}: {clipped(result)}"
    return Finding(f"{clipped(played.heard.payload)} means {meant}", expected, advice)


def _unsendable(frames: Sequence[str], method: str) -> Iterator[Finding]:
    for text in frames:
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, TypeError):
            yield Finding(f"{method} says {clipped(text)!r}", "JSON text", "Encode with msgspec.json.encode(...).decode().")


def _json(texts: Sequence[str]) -> list[object]:
    return [msgspec.json.decode(text) for text in texts]


TALKING = rules_of(
    subscribing,
    batches,
    acknowledgements,
    refusals,
    heartbeats,
    shutdowns,
    meaningless,
    garbage,
    unsubscribing,
    strangers,
    separate_sessions,
)
