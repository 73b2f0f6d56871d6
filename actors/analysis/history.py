"""A component's measurements over time: the last ten minutes by the second, the last day by the minute. Bounded; no clock.

Values stand in arrays of plain numbers, one column each beside one of times: two hundred components with a day's history are
some tens of megabytes, where tuples of floats would be hundreds.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

from attrs import define, field

__all__ = ["History", "Table"]

SECOND, MINUTE = 1.0, 60.0
ROWS_OF_SECONDS, ROWS_OF_MINUTES = 600, 1_440


@define
class Table:
    """Rows of numbers, the newest last. What is missing is not a number.

    Args:
        columns: their names.
        rows: how many are kept.
    """

    columns: Sequence[str]
    rows: int
    _times: array[float] = field(init=False, factory=lambda: array("d"))
    _values: dict[str, array[float]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._values = {name: array("f") for name in self.columns}

    def add(self, now: float, values: Mapping[str, float]) -> None:
        """One row. Columns that are not the table's are left out."""
        self._times.append(now)
        for name, column in self._values.items():
            column.append(values.get(name, math.nan))
        if len(self._times) >= self.rows + self.rows // 4:
            # A quarter at a time: to move all of it for each row would cost what the table holds.
            surplus = len(self._times) - self.rows
            del self._times[:surplus]
            for column in self._values.values():
                del column[:surplus]

    def series(self, name: str, since: float = -math.inf) -> list[tuple[float, float]]:
        """(when, value) of one column from `since` on, oldest first, without what is missing."""
        column = self._values.get(name)
        if column is None:
            return []
        pairs = zip(self._times[-self.rows :], column[-self.rows :], strict=True)
        return [(at, value) for at, value in pairs if at >= since and not math.isnan(value)]

    def __len__(self) -> int:
        return min(len(self._times), self.rows)


@define
class History:
    """One component's history. Times must not go backwards.

    Args:
        columns: the names of what is measured.
    """

    columns: Sequence[str]
    seconds: Table = field(init=False)
    """The last ten minutes: one row a second at most."""
    minutes: Table = field(init=False)
    """The last day: each minute's mean."""
    _second: float = field(init=False, default=-math.inf)
    _minute: float = field(init=False, default=-math.inf)
    _sums: dict[str, tuple[float, int]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.seconds = Table(self.columns, ROWS_OF_SECONDS)
        self.minutes = Table(self.columns, ROWS_OF_MINUTES)

    def add(self, now: float, values: Mapping[str, float]) -> None:
        """Take one set of measurements in."""
        if now - self._second >= SECOND:
            self._second = now
            self.seconds.add(now, values)
        if self._minute == -math.inf:
            self._minute = now
        elif now - self._minute >= MINUTE:
            means = {name: total / count for name, (total, count) in self._sums.items()}
            self.minutes.add(self._minute + MINUTE / 2, means)
            self._sums.clear()
            self._minute = now
        for name, value in values.items():
            if name in self.columns and math.isfinite(value):
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value, count + 1)
