"""What a soak came to, as lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from tests.soak.verdict import Counts, drift, most_attempts
from tests.soak.watch import Sample

__all__ = ["lines"]

SHOWN = 10
"""Examples of what is wrong."""
_DRIFTS: dict[str, Callable[[Sample], float]] = {
    "memory": lambda sample: sample.rss,
    "objects": lambda sample: sample.objects,
    "tasks": lambda sample: sample.tasks,
    "sockets": lambda sample: sample.sockets,
}


def lines(counts: Counts, backend: str, wrong: Sequence[str]) -> Iterator[str]:
    """The figures, then what is wrong."""
    minutes = counts.seconds / 60.0
    yield f"{counts.connections} connections, {counts.subscriptions} subscriptions, {minutes:.1f} minutes on {backend}"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.faults.items()))
    yield f"{sum(counts.faults.values())} faults: {kinds}"
    yield f"{counts.events:,} events delivered; {counts.rejections} rejections, {counts.stale} stale values"
    yield (
        f"{counts.comparable:,} of them numbered: {counts.missing} missing without a word, {counts.duplicates} twice, "
        f"{counts.lost} lost in {counts.gaps} gaps (of books, too), {counts.fills} holes filled"
    )
    yield f"fallbacks put in force: {counts.fallbacks or 'none'}; {counts.polled} changes between stream and polling"
    yield f"{counts.restarts} restarts {counts.restarted or ''}; {len(counts.gave_up)} given up"
    yield f"mailboxes that were full: {counts.overflows or 'none'}"
    back = "never" if counts.back_within is None else f"after {counts.back_within:.1f} s"
    yield f"everything back {back}; {counts.open_at_end} connections at the end"
    yield (
        f"connections opened: at most {most_attempts(counts.samples, counts.attempts_window)} of {counts.attempts_limit} in "
        f"{counts.attempts_window:g} s, {counts.attempts_refused} refused as too many"
    )
    yield f"{counts.violations} closed for too many messages, {counts.slow_consumers} for reading too slowly"
    if counts.outages:
        yield _outages(counts.outages)
        of_feeds = [f"{feed} {count:.0f}, {usual:.1f} s, {most:.0f} s" for feed, (count, usual, most) in counts.slowest.items()]
        yield f"of each feed, with median and longest: {'; '.join(of_feeds)}"
    if counts.samples:
        yield _resources(counts.samples)
    for sentence in wrong:
        yield f"WRONG: {sentence}"
    for example in counts.examples[:SHOWN] if wrong else ():
        yield f"  {example}"
    if not wrong:
        yield "nothing is wrong"


def _outages(outages: Sequence[float]) -> str:
    longest = f"99 % within {outages[int(0.99 * (len(outages) - 1))]:.1f} s, longest {outages[-1]:.1f} s"
    return f"{len(outages)} interruptions of a subscription: median {median(outages):.2f} s, {longest}"


def _resources(samples: Sequence[Sample]) -> str:
    first, last = samples[0], samples[-1]
    drifts = ", ".join(f"{what} {drift(samples, of):+.1%}" for what, of in _DRIFTS.items())
    cores = (last.cpu - first.cpu) / (last.at - first.at) if last.at > first.at else 0.0
    return (
        f"memory {first.rss:.0f} MiB at first, {last.rss:.0f} at last; from the middle third to the last: {drifts}; "
        f"{cores:.0%} of a core"
    )
