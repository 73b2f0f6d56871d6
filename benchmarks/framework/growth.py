"""Growth: how a check of it is made, how much is allowed, and what it is made with.

Ids and messages compare in Python, so that a search over them counts also where C makes it (`operations.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import combinations

from attrs import frozen

from benchmarks.framework.trees import Counter, Tally, Tick
from benchmarks.loops import Loop
from benchmarks.operations import Cost
from supervisor import ActorSpec, ChildSpec

__all__ = ["COPY", "FEW", "MANY", "Check", "Costs", "Id", "Limit", "Noted", "grown", "idlers", "noted"]

MANY = 250
"""Units of work that are counted: fewer than an actor handles in one go, and enough to make little of a turn of the loop."""
FEW = 10
"""The same of what costs thousands of instructions."""
COPY = 16_384
"""Bytes that the largest size may hold at once beyond the smallest: a copy of five thousand references has 40,000."""

Costs = Mapping[str, Cost]
"""What was counted in one tree, by the names of limits."""


@frozen
class Limit:
    """What a cost may grow by, from any size to any larger one."""

    growth: float = 1.1
    """As a factor, of instructions for a unit of work. Turns of the loop that many units share make a difference of some 4 in
    a hundred; a look at each of five thousand more, at five instructions, would make a restart cost five times as much."""
    memory: int | None = COPY
    """In bytes; None: it is not looked at."""


@frozen
class Check:
    """The same work at several sizes, smallest first."""

    sizes: Sequence[int]
    run: Callable[[int, Loop], Awaitable[Costs]]
    limits: Mapping[str, Limit]


def grown(name: str, costs: Mapping[int, Cost], limit: Limit) -> list[str]:
    """What is wrong with the costs of one thing, each a sentence.

    Args:
        name: what it is, and where it was measured.
        costs: by size, smallest first. Each is compared with every smaller one, as the smallest may bear what many share.
        limit: what is allowed.
    """
    found = []
    for small, large in combinations(costs, 2):
        few, many = costs[small], costs[large]
        if many.each > few.each * limit.growth:
            found.append(
                f"{name}: {few.each:,.0f} instructions at {small:,} became {many.each:,.0f} at {large:,}, "
                f"{many.each / few.each:.2f} times as many; at most {limit.growth:g} times is allowed"
            )
        if limit.memory is not None and many.memory > few.memory + limit.memory:
            found.append(
                f"{name}: {few.memory:,} bytes held at {small:,} became {many.memory:,} at {large:,}; at most "
                f"{limit.memory:,} more is allowed: something is copied that grows with the tree"
            )
    return found


# ---- what it is made with


class Id(str):
    """An id that compares in Python."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True

    def __hash__(self) -> int:
        return str.__hash__(self)


class Noted(Tick, frozen=True):
    """A message that compares in Python."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Noted) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


def noted(count: int) -> list[Noted]:
    """So many messages, none of which is another one."""
    return [Noted(number + 1) for number in range(count)]


def idlers(count: int, tally: Tally) -> list[ChildSpec]:
    """Actors that are there."""
    return [ActorSpec(Id(f"idle-{number}"), partial(Counter, tally)) for number in range(count)]
