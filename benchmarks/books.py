"""Level updates applied to a local book.

The case: `BookSync` decides for each update whether it fits, and `LocalBook` keeps both sides in order. The floor: one
dictionary per side, whose entries are set or deleted; it knows neither the order of the prices nor whether an update is
missing. Both are given the same decoded updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from attrs import frozen

from actors.book import BookSync, LocalBook, SyncState
from actors.market import BookDelta, BookSnapshot, Level
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Pair, Spread, Stopwatch, interleave
from benchmarks.traffic import Traffic, generated, traffic

__all__ = ["run"]

TARGET = 150_000
"""Level updates per second."""


@frozen
class Course:
    """A book's updates, and the snapshot that they belong to."""

    snapshot: BookSnapshot
    deltas: Sequence[BookDelta]
    levels: int


def course(source: Traffic, limit: int | None) -> Course:
    """The updates that the snapshot does not have yet, as many as wanted."""
    snapshot = source.book()
    deltas = [delta for delta in source.deltas() if delta.last_id > snapshot.last_id][:limit]
    return Course(snapshot, deltas, sum(len(delta.bids) + len(delta.asks) for delta in deltas))


def floor(course: Course) -> Measured:
    """Set and delete, and nothing else."""
    stopwatch = Stopwatch()
    bids, asks = dict(course.snapshot.bids), dict(course.snapshot.asks)
    stopwatch.start()
    for delta in course.deltas:
        _set(bids, delta.bids)
        _set(asks, delta.asks)
    return stopwatch.stop(course.levels)


def _set(side: dict[Decimal, Decimal], levels: Sequence[Level]) -> None:
    for price, quantity in levels:
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)


def case(course: Course) -> Measured:
    """As a Stream does it."""
    stopwatch = Stopwatch()
    sync = BookSync(LocalBook(course.snapshot.instrument))
    sync.snapshot(course.snapshot)
    stopwatch.start()
    for delta in course.deltas:
        sync.delta(delta)
    measured = stopwatch.stop(course.levels)
    statistics = sync.statistics()
    if statistics.state is not SyncState.SYNCED or statistics.applied != len(course.deltas):
        raise CaseFailed(f"books: {statistics.applied} of {len(course.deltas)} updates were applied: {statistics}")
    return measured


def run(options: Options) -> list[Figure]:
    """Measure on recorded traffic, where there is some, and on generated.

    Raises:
        CaseFailed: not every update was applied.
    """
    found = traffic(options.data)
    figures = []
    for source in (found,) if found.origin == "generated" else (found, generated()):
        run_through = course(source, options.limit)
        cases = {source.origin: partial(case, run_through)}
        pairs = interleave(partial(floor, run_through), cases, options.rounds, options.progress)
        figures += [_figure(name, pair, len(run_through.deltas)) for name, pair in pairs.items()]
    return figures


def _figure(name: str, pair: Pair, deltas: int) -> Figure:
    rates = Spread.of(1 / measured.each for measured in pair.cases)
    return Figure(
        case=name,
        done=f"{pair.done:,} levels in {deltas:,} updates",
        unit="levels/s",
        value=rates,
        floor=Spread.of(1 / measured.each for measured in pair.floors),
        ratio=pair.ratio,
        floor_is="two dictionaries",
        higher=True,
        target=TARGET,
        decimals=0,
    )
