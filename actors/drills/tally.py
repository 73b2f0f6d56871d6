"""From observations to figures. Pure: what was seen goes in, counts and seconds come out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from attrs import frozen

from actors.drills.observation import Observation, Seen, Trouble, symbol_of

__all__ = ["SLACK", "Back", "back_at", "duplicates", "excess", "longest_pauses", "lost", "middle", "told_at"]

SLACK = 0.05
"""Seconds by which a pause must be longer than the longest before it: less than that is the machine's own unrest."""


def lost(observations: Iterable[Observation]) -> int:
    """Trades that were never seen, of those between the first and the last one of their stream.

    The exchange numbers the trades of a symbol without a hole, so a number that is missing is a trade that is lost. A trade
    that comes late, because it was asked for again, is not.
    """
    ids: dict[str, set[int]] = {}
    for one in observations:
        if isinstance(one, Seen) and _counts(one.stream):
            ids.setdefault(one.stream, set()).add(one.id)
    return sum(max(seen) - min(seen) + 1 - len(seen) for seen in ids.values())


def duplicates(observations: Iterable[Observation]) -> int:
    """Events that say nothing new: a trade that was seen before, a quote or book no newer than the one before it."""
    trades: dict[str, set[int]] = {}
    newest: dict[str, int] = {}
    found = 0
    for one in observations:
        if not isinstance(one, Seen):
            continue
        if _counts(one.stream):
            seen = trades.setdefault(one.stream, set())
            found += one.id in seen
            seen.add(one.id)
        else:
            found += one.id <= newest.get(one.stream, -1)
            newest[one.stream] = max(one.id, newest.get(one.stream, -1))
    return found


@frozen
class Back:
    """When data flowed again, by the clock of the observations."""

    first: float
    """Every symbol had delivered something new."""
    whole: float
    """Every stream had."""


def back_at(observations: Iterable[Observation], marks: Mapping[str, int]) -> Back | None:
    """When data flowed again.

    Args:
        observations: since the fault.
        marks: {stream: the id that the exchange had come to right after the fault}. What is above it cannot have come over
            a connection that the fault has ended.

    Returns:
        None while a stream has delivered nothing new: the others may be back, the client is not.
    """
    first: dict[str, float] = {}
    for one in observations:
        if isinstance(one, Seen) and one.id > marks.get(one.stream, math.inf):
            first.setdefault(one.stream, one.at)
    if not marks or first.keys() != marks.keys():
        return None
    symbols: dict[str, float] = {}
    for stream, at in first.items():
        symbol = symbol_of(stream)
        symbols[symbol] = min(at, symbols.get(symbol, math.inf))
    return Back(max(symbols.values()), max(first.values()))


def told_at(observations: Iterable[Observation]) -> float | None:
    """When the client first said that there is no data; None: it did not."""
    return min((one.at for one in observations if isinstance(one, Trouble)), default=None)


def longest_pauses(observations: Iterable[Observation], start: float, end: float) -> dict[str, float]:
    """{symbol: the longest time without any event of it, between two times}. The ends count: a silence may reach over them.

    All streams of a symbol count as one, because trades come when they like, and books every tenth of a market second.

    Raises:
        ValueError: the end lies before the start.
    """
    if end < start:
        raise ValueError(f"a pause from {start} to {end} cannot be measured: give the earlier time first")
    last: dict[str, float] = {}
    longest: dict[str, float] = {}
    for one in observations:
        if not isinstance(one, Seen):
            continue
        symbol, at = symbol_of(one.stream), min(max(one.at, start), end)
        longest[symbol] = max(longest.get(symbol, 0.0), at - last.get(symbol, start))
        last[symbol] = max(at, last.get(symbol, start))
    return {symbol: max(longest[symbol], end - at) for symbol, at in last.items()}


def excess(before: Mapping[str, float], during: Mapping[str, float]) -> float:
    """By how much the longest pause during an event is longer than the longest before it, for the symbol that it hit most.

    Args:
        before: {symbol: seconds}.
        during: likewise. A symbol that is missing was silent all the time.

    Returns:
        Seconds; 0 where no symbol paused longer than usual, give or take SLACK.
    """
    more = [during.get(symbol, math.inf) - usual for symbol, usual in before.items()]
    longest = max(more, default=0.0)
    return longest if longest > SLACK else 0.0


def middle(values: Sequence[float | None]) -> float | None:
    """The median, where None is longer than anything; None: the median itself is."""
    if not values:
        return None
    found = median(math.inf if value is None else value for value in values)
    return found if math.isfinite(found) else None


def _counts(stream: str) -> bool:
    """Whether the ids of a stream count up by one."""
    return stream.startswith("trades:")
