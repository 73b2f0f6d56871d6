"""The plan of the drills: which faults, which clients, how often, and how long is waited. Pure."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

__all__ = [
    "BUDGET",
    "CALM",
    "GIVE_UP",
    "LEAD",
    "LEARN",
    "SETTLE",
    "STABLE_AFTER",
    "Client",
    "Drill",
    "Fault",
    "Patience",
    "make_plan",
]

GIVE_UP = 50.0
"""Seconds after which a client that is not back, or has not noticed, is waited for no longer."""
BUDGET = 60.0
"""Seconds after which a drill begins no further round: its table says of how many the median is."""
LEAD = 3.0
"""Seconds from the announcement of a shutdown to the close."""
CALM = 2.0
"""Seconds without a fault before each round: what is usual is measured in them."""
SETTLE = 1.0
"""Seconds after each round, for what comes late: filled trades, and doubles."""
LEARN = 45.0
"""Seconds that a client of ours gets to learn how long its streams are usually quiet, before they fall silent."""
STABLE_AFTER = 1.5
"""Seconds after which a connection of ours is stable, and is tried again at once when it is lost. Below CALM: in life there are
hours between two faults, here there are seconds."""


class Fault(StrEnum):
    """What the exchange does."""

    ABORT = "abort"
    SHUTDOWN = "shutdown"
    CLOSE = "close"
    SILENCE = "silence"

    @property
    def heading(self) -> str:
        return _HEADINGS[self]


_HEADINGS = {
    Fault.ABORT: "TCP abort",
    Fault.SHUTDOWN: "announced shutdown",
    Fault.CLOSE: "clean close 1001",
    Fault.SILENCE: "silent socket",
}


class Client(StrEnum):
    """Who must live with it."""

    OURS = "ours"
    CCXT = "ccxt"
    PYTHON_BINANCE = "python-binance"

    @property
    def distribution(self) -> str:
        """The package that brings it, as pip calls it."""
        return "oneforone" if self is Client.OURS else self.value

    @property
    def module(self) -> str:
        """What runs in its process."""
        return f"actors.drills.{_MODULES[self]}"


_MODULES = {Client.OURS: "ours", Client.CCXT: "ccxt_client", Client.PYTHON_BINANCE: "python_binance_client"}


@frozen(kw_only=True)
class Patience:
    """How long is waited, in seconds. Tests wait less."""

    give_up: float = GIVE_UP
    budget: float = BUDGET
    lead: float = LEAD
    calm: float = CALM
    settle: float = SETTLE
    learn: float = LEARN


@frozen
class Drill:
    """One fault, done to one client again and again."""

    client: Client
    fault: Fault
    runs: int


def make_plan(clients: tuple[Client, ...], faults: tuple[Fault, ...], runs: int) -> list[list[list[Drill]]]:
    """Stages, one after the other; lanes of a stage, side by side; the drills of a lane, one after the other.

    Ours is alone in its stage, because starting another client takes a processor for a second, and ours is held to tenths.

    Args:
        clients: who; each once.
        faults: what is done.
        runs: rounds of each drill.
    """
    chosen = [one for one in Client if one in clients]
    lanes = [[Drill(client, fault, runs) for fault in Fault if fault in faults] for client in chosen]
    ours = [lane for lane in lanes if lane and lane[0].client is Client.OURS]
    others = [lane for lane in lanes if lane and lane[0].client is not Client.OURS]
    return [stage for stage in (ours, others) if stage]
