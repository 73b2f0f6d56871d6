"""What became of a delta or a snapshot that a `BookSync` was given, and how it is doing."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from actors.book.local import LocalBook

__all__ = [
    "Applied",
    "BookStatistics",
    "Buffered",
    "DeltaOutcome",
    "Desynchronised",
    "Ignored",
    "SnapshotOutcome",
    "Stale",
    "SyncState",
    "Synced",
]


class SyncState(StrEnum):
    WAITING = "waiting"
    """For a snapshot. The book, if there is one, is out of date."""
    SYNCED = "synced"


@frozen
class Applied:
    """The delta is in the book."""

    book: LocalBook


@frozen
class Buffered:
    """The delta is kept for when a snapshot comes."""


@frozen
class Ignored:
    """The book, or the buffer, has it already."""


@frozen
class Desynchronised:
    """The book cannot be trusted from here on. Fetch a snapshot."""

    after_id: int
    """The last id that was in the book."""
    before_id: int
    """The first id that was seen after the hole. It says what is missing only where the reason is a gap."""
    reason: str
    """In plain words: a gap, a crossed book, a wrong checksum, or ids that began anew."""


@frozen
class Synced:
    """The snapshot, and what came since, is in the book."""

    book: LocalBook


@frozen
class Stale:
    """The snapshot is older than what is in the buffer. Fetch another."""

    snapshot_id: int
    first_id: int
    """The first id that the buffer begins with: a snapshot needs at least the id before it."""


DeltaOutcome = Applied | Buffered | Ignored | Desynchronised
SnapshotOutcome = Synced | Stale | Ignored | Desynchronised


@frozen(kw_only=True)
class BookStatistics:
    """A book's synchronisation at one moment; the counts are totals."""

    state: SyncState
    update_id: int
    buffered: int
    applied: int
    ignored: int
    dropped: int
    """Deltas that left the buffer unused: it was full, or a gap made them useless."""
    desynchronised: int
    stale: int
