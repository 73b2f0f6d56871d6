"""The fault plan: what is done to the bot, and what must be true before the next thing is done."""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import Enum

from attrs import frozen

__all__ = ["Fault", "Phase", "make_plan"]


class Fault(Enum):
    """What can be done to the bot."""

    NOTHING = "steady"
    ABORT = "sockets aborted"
    STALL = "silent stall"
    CLOSE = "clean close"
    POISON = "poison message"
    GAP = "gap in a book"
    REFUSE = "endpoint refuses"
    KILL_MANAGER = "manager killed"


@frozen
class Phase:
    """One fault, and whom it hits.

    Args:
        fault: what is done.
        symbol: the victim, where the fault has one.
        seconds: how long the fault lasts, where it lasts.
        leaves_a_hole: whether consumers see it; False: the data must flow on as if nothing had happened.
    """

    fault: Fault
    symbol: str = ""
    seconds: float = 0.0
    leaves_a_hole: bool = True

    @property
    def title(self) -> str:
        return f"{self.fault.value} ({self.symbol})" if self.symbol else self.fault.value


def make_plan(symbols: Sequence[str], seed: int) -> list[Phase]:
    """The plan of a run: the same seed chooses the same victims.

    Args:
        symbols: canonical symbols of the market.
        seed: of the run.
    """
    choose = random.Random(seed).choice
    return [
        Phase(Fault.NOTHING, leaves_a_hole=False),
        Phase(Fault.ABORT),
        Phase(Fault.STALL, seconds=3.0),
        Phase(Fault.CLOSE),
        Phase(Fault.POISON, symbol=choose(symbols)),
        Phase(Fault.GAP, symbol=choose(symbols)),
        Phase(Fault.REFUSE),
        Phase(Fault.KILL_MANAGER, leaves_a_hole=False),
    ]
