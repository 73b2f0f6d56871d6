"""The book that snapshot and deltas make."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from actors.book import Applied, BookSync, DeltaOutcome, Desynchronised, LocalBook, SnapshotOutcome, Stale, Synced
from actors.market import BookDelta, BookSnapshot, Feed, MarketEvent, Subscription
from actors.ports import Delivery, Exchange
from actors.testing.playback import Played, play, subscription_of, wanted_by
from actors.testing.recording import Answered, Conversation, Question, Recording
from actors.testing.rule import Finding, rules_of

__all__ = ["BOOKING"]

CHECKED = 25
"""Levels per side that a checksum is given."""
WIDTH = 2**32


@define
class _Replay:
    """One conversation's book of one instrument."""

    subscription: Subscription
    sync: BookSync
    lost: list[str] = field(factory=list)
    snapshots: int = 0
    deltas: int = 0
    applied: int = 0
    checksums: list[tuple[int, int | None]] = field(factory=list)
    """(what the exchange says, what the adapter computes)"""

    def take(self, adapter: Exchange, event: MarketEvent, *, fetched: bool) -> None:
        outcome: SnapshotOutcome | DeltaOutcome
        if isinstance(event, BookSnapshot):
            self.snapshots += 1
            outcome = self.sync.snapshot(event) if fetched else self.sync.replace(event)
        elif isinstance(event, BookDelta):
            self.deltas += 1
            outcome = self.sync.delta(event)
        else:
            return
        if isinstance(outcome, Desynchronised):
            self.lost.append(f"{outcome.reason} between {outcome.after_id} and {outcome.before_id}")
        elif isinstance(outcome, Stale):
            self.lost.append(f"the snapshot {outcome.snapshot_id} is older than the first delta, {outcome.first_id}")
        elif isinstance(outcome, Applied | Synced):
            self.applied += isinstance(outcome, Applied)
            if event.checksum is not None:
                self.checksums.append((event.checksum, adapter.checksum(*outcome.book.best(CHECKED))))


def book(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Snapshot and deltas make a book without a gap, never crossed."""
    for replay in _replays(adapter, recording):
        name = str(replay.subscription)
        if replay.lost:
            advice = "Look at first_id, last_id and previous_id; at who is bid and ask; at quantity 0, which removes a level."
            yield Finding(f"{name}: {'; '.join(replay.lost[:3])}", "no gap, no crossed book", advice)
        elif not replay.snapshots:
            in_band = adapter.snapshot_request(replay.subscription.instrument) is None
            where = "in the stream, as a BookSnapshot" if in_band else "with 'get snapshot' among the frames"
            advice = "Return a request from `snapshot_request`, or deliver the snapshot that the stream sends."
            yield Finding(f"{name} has deltas and no snapshot", f"one {where}", advice)
        elif replay.deltas and not replay.applied:
            advice = "Are all of them older than the snapshot? Then record more, or look at last_id."
            yield Finding(f"{name}: {replay.deltas} deltas, none applied", "at least one", advice)


def checksums(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Where the exchange sends checksums, they are those of our book."""
    told = False
    for replay in _replays(adapter, recording):
        for said, ours in replay.checksums:
            told = True
            if ours is None:
                advice = "Compute it in `checksum`, from the best levels of both sides."
                yield Finding(f"the exchange says {said}, and checksum() None", "a number", advice)
                break
            if said % WIDTH != ours % WIDTH:
                advice = "Digits count: 0.10 is not 0.1. Look at the order of sides and at how many levels count."
                yield Finding(f"{replay.subscription}: the exchange says {said}, we {ours}", "the same", advice)
                break
    one = next((wanted for wanted in _wanted_books(adapter, recording)), None)
    computes = adapter.checksum([], []) is not None
    if one is not None and computes and not told and "checksum" not in recording.never:
        advice = "Set BookDelta.checksum and BookSnapshot.checksum, or write 'never checksum'."
        yield Finding(f"{one} can be checked, and no event carries a checksum", "at least one", advice)


def _wanted_books(adapter: Exchange, recording: Recording) -> Iterator[Subscription]:
    for conversation in recording.conversations:
        yield from (one for one in wanted_by(adapter, conversation) if one.feed is Feed.BOOK)


def _replays(adapter: Exchange, recording: Recording) -> Iterator[_Replay]:
    for conversation in recording.conversations:
        yield from (replay for replay in _replayed(adapter, conversation) if replay.snapshots or replay.deltas)


def _replayed(adapter: Exchange, conversation: Conversation) -> list[_Replay]:
    replays = {
        wanted: _Replay(wanted, BookSync(LocalBook(wanted.instrument, adapter.feeds[Feed.BOOK].levels)))
        for wanted in wanted_by(adapter, conversation)
        if wanted.feed is Feed.BOOK and Feed.BOOK in adapter.feeds
    }
    for step in play(adapter, conversation):
        if isinstance(step, Played):
            if isinstance(step.result, Delivery) and (replay := replays.get(step.result.subscription)) is not None:
                for event in step.result.events:
                    replay.take(adapter, event, fetched=False)
        elif (replay := _fetched_for(adapter, step, replays)) is not None:
            replay.take(adapter, adapter.parse_snapshot(replay.subscription.instrument, step.response), fetched=True)
    return list(replays.values())


def _fetched_for(adapter: Exchange, step: Answered, replays: dict[Subscription, _Replay]) -> _Replay | None:
    if step.question is not Question.SNAPSHOT:
        return None
    return replays.get(subscription_of(adapter, step.subscription))


BOOKING = rules_of(book, checksums)
