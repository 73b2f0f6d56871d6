"""What the drills came to, as it is written to JSON; and what must be reached. Pure."""

from __future__ import annotations

from msgspec import Struct

from actors.drills.plan import Client, Fault
from actors.drills.tally import middle

__all__ = ["BACK_WITHIN", "PATIENCE", "Outcome", "Reach", "Report", "Round", "reaches"]

BACK_WITHIN = 0.3
"""Seconds after an abort or a close: the first step of the schedule, and a handshake."""
PATIENCE = 2.0
"""Times what a lively stream was seen to pause: by then its silence must be noticed."""


class Round(Struct, frozen=True, kw_only=True):
    """One fault. Seconds; None: not while it was waited for."""

    back: float | None
    """From the fault to the first new data, of the symbol that came last."""
    whole: float | None = None
    """From the fault until every stream had delivered something new."""
    noticed: float | None = None
    """From the silence to a marker, an error, or a new connection."""
    gap: float | None = None
    """By how much the longest pause around a shutdown was longer than the longest before it."""
    connections: int = 0
    """Opened since the fault."""


class Outcome(Struct, kw_only=True):
    """One fault, done to one client again and again."""

    client: Client
    fault: Fault
    version: str = ""
    rounds: list[Round] = []
    events: int = 0
    lost: int = 0
    duplicates: int = 0
    pauses: dict[str, float] = {}
    """What the client says that it has learned: {stream: seconds}."""
    failed: str = ""
    """Why there are no more rounds; empty: nothing went wrong."""

    def median(self, name: str) -> float | None:
        """The median of a field of the rounds."""
        return middle([getattr(one, name) for one in self.rounds])

    def worst(self, name: str) -> float | None:
        """The greatest; None: there is a round without."""
        values = [getattr(one, name) for one in self.rounds]
        return None if None in values else max(values, default=None)

    @property
    def connections(self) -> int:
        return sum(one.connections for one in self.rounds)


class Reach(Struct, frozen=True, kw_only=True):
    """One thing that must be reached."""

    what: str
    measured: str
    met: bool | None
    """None: it cannot be said."""


class Report(Struct, kw_only=True):
    """A whole run."""

    backend: str
    speed: float
    seed: int
    outcomes: list[Outcome] = []
    absent: list[Client] = []
    """Not installed."""
    reach: list[Reach] = []
    seconds: float = 0.0

    def judge(self) -> None:
        """Say what ours has reached."""
        self.reach = [one for outcome in self.outcomes if outcome.client is Client.OURS for one in reaches(outcome)]

    @property
    def missed(self) -> bool:
        """Whether ours misses anything."""
        return any(one.met is False for one in self.reach)


def reaches(outcome: Outcome) -> list[Reach]:
    """What a client has reached. Times are judged by their median, because the machine has its moments; counts as they are."""
    title = outcome.fault.heading
    if outcome.failed or not outcome.rounds:
        return [Reach(what=f"{title}: measured", measured=outcome.failed or "no round", met=False)]
    found = [_time_reach(outcome)]
    found.append(Reach(what=f"{title}: 0 trades lost", measured=str(outcome.lost), met=not outcome.lost))
    found.append(Reach(what=f"{title}: 0 duplicates", measured=str(outcome.duplicates), met=not outcome.duplicates))
    return found


def _time_reach(outcome: Outcome) -> Reach:
    title = outcome.fault.heading
    match outcome.fault:
        case Fault.SHUTDOWN:
            gap = outcome.median("gap")
            return Reach(what=f"{title}: 0 s gap", measured=_seconds(gap), met=gap == 0)
        case Fault.SILENCE:
            return _silence_reach(outcome)
        case _:
            back = outcome.median("back")
            met = back is not None and back <= BACK_WITHIN
            return Reach(what=f"{title}: back within {BACK_WITHIN:g} s", measured=_seconds(back), met=met)


def _silence_reach(outcome: Outcome) -> Reach:
    title, noticed = outcome.fault.heading, outcome.median("noticed")
    if not outcome.pauses:
        what = f"{title}: noticed within {PATIENCE:g} x the learned pause"
        met = False if noticed is None else None
        return Reach(what=what, measured=f"{_seconds(noticed)}; the streams do not say what they have learned", met=met)
    within = PATIENCE * min(outcome.pauses.values())
    what = f"{title}: noticed within {PATIENCE:g} x the learned pause = {within:.2f} s"
    return Reach(what=what, measured=_seconds(noticed), met=noticed is not None and noticed <= within)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
