"""A local order book, and how it is kept in step with the exchange's. Pure.

local       the levels of one instrument; applies what it is given
sync        decides what may be given: which delta fits, which is old, where one is missing
outcomes    what came of a delta or a snapshot
"""

from actors.book.sync import Applied as Applied
from actors.book.sync import BookStatistics as BookStatistics
from actors.book.sync import BookSync as BookSync
from actors.book.sync import Buffered as Buffered
from actors.book.sync import Checksum as Checksum
from actors.book.sync import DeltaOutcome as DeltaOutcome
from actors.book.sync import Desynchronised as Desynchronised
from actors.book.sync import Ignored as Ignored
from actors.book.sync import LocalBook as LocalBook
from actors.book.sync import SnapshotOutcome as SnapshotOutcome
from actors.book.sync import Stale as Stale
from actors.book.sync import Synced as Synced
from actors.book.sync import SyncState as SyncState

__all__ = [
    "Applied",
    "BookStatistics",
    "BookSync",
    "Buffered",
    "Checksum",
    "DeltaOutcome",
    "Desynchronised",
    "Ignored",
    "LocalBook",
    "SnapshotOutcome",
    "Stale",
    "SyncState",
    "Synced",
]
