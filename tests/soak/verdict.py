"""From what was counted to what is wrong, in plain sentences. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from msgspec import Struct

from tests.soak.watch import Sample

__all__ = ["LEAST_MINUTES", "Counts", "drift", "most_attempts", "verdict"]

LEAST_MINUTES = 3.0
"""A shorter soak says nothing about memory: buffers and histories are still filling."""
MOST_GROWTH = 0.03
"""Of memory and objects, from the middle third to the last one."""
ROOM = 5
"""Tasks and sockets that may come and go."""


class Counts(Struct, kw_only=True):
    """All that was counted."""

    connections: int
    subscriptions: int
    seconds: float
    """That faults were injected for."""
    faults: dict[str, int]
    samples: list[Sample]
    attempts_window: float
    """Seconds in which the exchange counts attempts."""
    attempts_limit: int
    events: int = 0
    comparable: int = 0
    """Numbered events: trades and aggregates."""
    missing: int = 0
    """Numbered events that are missing without a word."""
    duplicates: int = 0
    out_of_place: int = 0
    gaps: int = 0
    lost: int = 0
    fills: int = 0
    polled: int = 0
    stale: int = 0
    rejections: int = 0
    examples: list[str] = []
    """Of what is wrong with the events of a subscription: some, with what came before."""
    outages: list[float] = []
    """Seconds of every interruption of a subscription that ended."""
    dead: list[str] = []
    """Subscriptions that did not deliver again after the faults had ended, and why."""
    back_within: float | None = None
    """Seconds after the end of the faults until every subscription had delivered something new."""
    open_at_end: int = 0
    """Connections at the exchange."""
    served_at_end: int = 0
    """Of these, how many carry subscriptions."""
    restarts: int = 0
    restarted: dict[str, int] = {}
    gave_up: list[str] = []
    overflows: dict[str, int] = {}
    """{actor: how often its mailbox was full}"""
    slowest: dict[str, list[float]] = {}
    """{feed: seconds of its interruptions: how many, their median, the longest}"""
    violations: int = 0
    """Connections that the exchange closed because we sent too much."""
    slow_consumers: int = 0
    attempts_refused: int = 0
    fallbacks: dict[str, int] = {}
    """How often each was put in force."""


def verdict(counts: Counts) -> list[str]:
    """What is wrong; empty: nothing."""
    # Who reads slowly finds what was sent over many seconds at once, and takes it for a burst: that is not ours to prevent.
    unread = counts.faults.get("slow reader", 0)
    found = [
        sentence
        for wrong, sentence in (
            (counts.gave_up, f"a restart intensity was exceeded: {'; '.join(counts.gave_up[:3])}"),
            (counts.dead, f"{len(counts.dead)} subscriptions did not come back: {'; '.join(counts.dead[:3])}"),
            (counts.open_at_end != counts.connections, _orphans(counts)),
            (
                counts.served_at_end != counts.open_at_end,
                f"{counts.open_at_end - counts.served_at_end} connections carry nothing",
            ),
            (counts.missing, f"{counts.missing} trades or aggregates are missing without a Gap"),
            (counts.duplicates, f"{counts.duplicates} events came twice"),
            (counts.out_of_place, f"{counts.out_of_place} events or markers stand where they cannot be"),
            (counts.overflows, f"mailboxes overflowed: {counts.overflows}"),
            (counts.attempts_refused, f"the exchange refused {counts.attempts_refused} connection attempts as too many"),
            (counts.violations > unread, f"the exchange closed {counts.violations} connections because of too many messages"),
        )
        if wrong
    ]
    return [*found, *_growth(counts)]


def _orphans(counts: Counts) -> str:
    return f"{counts.open_at_end} connections are open at the exchange, {counts.connections} should be"


def _growth(counts: Counts) -> list[str]:
    if counts.seconds < LEAST_MINUTES * 60.0:
        return []
    found = []
    for what, of in (("memory", lambda sample: sample.rss), ("objects", lambda sample: sample.objects)):
        grown = drift(counts.samples, of)
        if grown > MOST_GROWTH:
            found.append(f"{what} grew by {grown:.1%} from the middle third to the last")
    for what, of in (("tasks", lambda sample: sample.tasks), ("sockets", lambda sample: sample.sockets)):
        before, after = _thirds(counts.samples, of)
        if after > before * (1.0 + MOST_GROWTH) + ROOM:
            found.append(f"{what} grew from {before:g} in the middle third to {after:g} in the last")
    return found


def drift(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """How much more there is in the last third than in the middle one, as a share; of each the median."""
    before, after = _thirds(samples, of)
    return after / before - 1.0 if before else 0.0


def _thirds(samples: Sequence[Sample], of: Callable[[Sample], float]) -> tuple[float, float]:
    third = len(samples) // 3
    if not third:
        return 0.0, 0.0
    middle, last = samples[third : 2 * third], samples[-third:]
    return median(map(of, middle)), median(map(of, last))


def most_attempts(samples: Sequence[Sample], window: float) -> int:
    """The most connections that were accepted within a window, as far as samples show."""
    most = 0
    for first in samples:
        within = [sample.accepted for sample in samples if first.at <= sample.at <= first.at + window]
        most = max(most, within[-1] - first.accepted)
    return most
