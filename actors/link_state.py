"""How a link is doing, as one transition table and the few counts around it.

    HEALTHY      data flows, and has for a while
    DEGRADED     one trouble: it fell silent, or was lost once
    UNSTABLE     it keeps being lost, and coming back
    FAILING      its endpoint refuses, or it is lost more often than it is worth
    FAILED       its endpoint is given up: a fallback is wanted
    RECOVERING   data flows again, not yet for long. A new link begins here
    FALLBACK     data flows over a fallback: another endpoint, or polling over REST

Rule 1: every change of state stands in `TABLE`. What has no entry changes nothing, so that the machine is total.
Rule 2: the counts turn what is told into sharper events, and do nothing else. A loss is LOST; the third within the window is
FLAPPING, the sixth a STORM, the tenth EXHAUSTED. The fifth refusal in a row is EXHAUSTED too, and a connection lost before
it delivered anything is a refusal: otherwise an endpoint that lets us in and stays silent would be tried for ever. Unless it
was PINGED: then the endpoint lives, and what is silent is the market. Data over a fallback is FALLBACK_DATA, and data that
flows unbroken for `stable_after` seconds is STABLE.
Rule 3: another endpoint begins without a record, so the counts end when one comes into force or is lifted.
Rule 4: while polling delivers, it carries the link: what happens to the socket, which is tried on, is counted and moves
nothing. When the polling ends, or delivers no longer (STARVED), the socket is what there is: flowing, the link recovers; else
it is FAILING, or FAILED where the counts have said so meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from attrs import Attribute, Factory, define, field, frozen

from actors.errors.checks import count, refuse, seconds
from supervisor.backoff import is_count

__all__ = ["TABLE", "LinkChange", "LinkEvent", "LinkLimits", "LinkPhase", "LinkState"]


class LinkPhase(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNSTABLE = "unstable"
    FAILING = "failing"
    FAILED = "failed"
    RECOVERING = "recovering"
    FALLBACK = "fallback"


class LinkEvent(StrEnum):
    CONNECTED = "connected"
    """The endpoint let us in. That proves nothing until data comes, so no state follows."""
    DATA = "data"
    PINGED = "pinged"
    """The exchange pinged. That proves that the connection lives, and nothing of the data, so no state follows."""
    SILENT = "silent"
    """No data for longer than it may."""
    LOST = "lost"
    REFUSED = "refused"
    """An attempt to connect failed."""
    GAVE_UP = "gave_up"
    """The reconnection schedule is at its end."""
    WAITS = "waits"
    """There is no leave to connect now: nothing is tried. That says nothing of the endpoint, so no state follows."""
    FALLBACK_ON = "fallback_on"
    """Another endpoint is put in force: what is told from now on is about the link over it."""
    FALLBACK_OFF = "fallback_off"
    """That is lifted: what is told from now on is about the link to its own endpoint again."""
    POLLING_ON = "polling_on"
    """The link is polled over REST from now on, while its socket is tried on."""
    POLLED = "polled"
    """A poll was answered."""
    STARVED = "starved"
    """Polling delivers no longer."""
    POLLING_OFF = "polling_off"
    """The link is polled no longer."""

    # Those that the counts make of the ones above.
    STABLE = "stable"
    FLAPPING = "flapping"
    STORM = "storm"
    EXHAUSTED = "exhausted"
    FALLBACK_DATA = "fallback_data"


_P, _E = LinkPhase, LinkEvent

TABLE: Mapping[tuple[LinkPhase, LinkEvent], LinkPhase] = MappingProxyType(
    {
        (_P.HEALTHY, _E.SILENT): _P.DEGRADED,
        (_P.HEALTHY, _E.LOST): _P.DEGRADED,
        (_P.HEALTHY, _E.FLAPPING): _P.UNSTABLE,
        (_P.HEALTHY, _E.STORM): _P.FAILING,
        (_P.HEALTHY, _E.REFUSED): _P.FAILING,
        (_P.HEALTHY, _E.EXHAUSTED): _P.FAILED,
        (_P.HEALTHY, _E.GAVE_UP): _P.FAILED,
        #
        (_P.DEGRADED, _E.STABLE): _P.HEALTHY,
        (_P.DEGRADED, _E.FLAPPING): _P.UNSTABLE,
        (_P.DEGRADED, _E.STORM): _P.FAILING,
        (_P.DEGRADED, _E.REFUSED): _P.FAILING,
        (_P.DEGRADED, _E.EXHAUSTED): _P.FAILED,
        (_P.DEGRADED, _E.GAVE_UP): _P.FAILED,
        #
        (_P.UNSTABLE, _E.STABLE): _P.RECOVERING,  # and healthy after as long again: it has a record
        (_P.UNSTABLE, _E.STORM): _P.FAILING,
        (_P.UNSTABLE, _E.REFUSED): _P.FAILING,
        (_P.UNSTABLE, _E.EXHAUSTED): _P.FAILED,
        (_P.UNSTABLE, _E.GAVE_UP): _P.FAILED,
        #
        (_P.FAILING, _E.DATA): _P.RECOVERING,
        (_P.FAILING, _E.EXHAUSTED): _P.FAILED,
        (_P.FAILING, _E.GAVE_UP): _P.FAILED,
        #
        (_P.FAILED, _E.DATA): _P.RECOVERING,  # its endpoint came back by itself
        #
        (_P.RECOVERING, _E.STABLE): _P.HEALTHY,
        (_P.RECOVERING, _E.SILENT): _P.DEGRADED,
        (_P.RECOVERING, _E.LOST): _P.UNSTABLE,
        (_P.RECOVERING, _E.FLAPPING): _P.UNSTABLE,
        (_P.RECOVERING, _E.STORM): _P.FAILING,
        (_P.RECOVERING, _E.REFUSED): _P.FAILING,
        (_P.RECOVERING, _E.EXHAUSTED): _P.FAILED,
        (_P.RECOVERING, _E.GAVE_UP): _P.FAILED,
        #
        (_P.FALLBACK, _E.SILENT): _P.FAILING,  # a fallback has no credit: it is there to deliver
        (_P.FALLBACK, _E.FLAPPING): _P.FAILING,
        (_P.FALLBACK, _E.STORM): _P.FAILING,
        (_P.FALLBACK, _E.REFUSED): _P.FAILING,
        (_P.FALLBACK, _E.EXHAUSTED): _P.FAILED,
        (_P.FALLBACK, _E.GAVE_UP): _P.FAILED,
        (_P.FALLBACK, _E.FALLBACK_OFF): _P.RECOVERING,
        (_P.FALLBACK, _E.STARVED): _P.FAILING,
        (_P.FALLBACK, _E.POLLING_OFF): _P.RECOVERING,
        # Whatever the state, data over a fallback makes it that.
        **{(before, data): _P.FALLBACK for before in _P for data in (_E.FALLBACK_DATA, _E.POLLED) if before is not _P.FALLBACK},
    }
)

_HOPELESS = frozenset({LinkEvent.EXHAUSTED, LinkEvent.GAVE_UP})


def _no_less_than(lower: str, example: int) -> Any:
    def check(limits: LinkLimits, attribute: Attribute[Any], value: object) -> None:
        least = getattr(limits, lower)
        if not is_count(value, least):
            refuse(limits, attribute, value, f"a count, no less than {lower}={least}, for example {attribute.name}={example}")

    return check


@frozen(kw_only=True)
class LinkLimits:
    """The counts at which events become sharper.

    Raises:
        SpecError: a count below 1, losses out of order, or a time that is not above 0.
    """

    flapping: int = field(default=3, validator=count(3))
    """Losses within the window that make FLAPPING."""
    storm: int = field(default=6, validator=_no_less_than("flapping", 6))
    """Losses within the window that make a STORM."""
    losses: int = field(default=10, validator=_no_less_than("storm", 10))
    """Losses within the window that make EXHAUSTED."""
    within: float = field(default=300.0, validator=seconds(300.0))
    """The window of losses, in seconds."""
    refusals: int = field(default=5, validator=count(5))
    """Refusals in a row, without data or a ping between them, that make EXHAUSTED."""
    stable_after: float = field(default=15.0, validator=seconds(15.0))
    """Seconds of unbroken data that make STABLE."""


@frozen
class LinkChange:
    """A link went from one state to another."""

    before: LinkPhase
    after: LinkPhase
    event: LinkEvent
    """What made it, as sharp as the counts made it."""
    at: float


@define
class LinkState:
    """One link's machine. Feed it what happens; times must not go backwards.

    Args:
        limits: the counts around the table.
    """

    limits: LinkLimits = Factory(LinkLimits)
    phase: LinkPhase = field(default=LinkPhase.RECOVERING, init=False)
    on_fallback: bool = field(default=False, init=False)
    """Another endpoint is in force."""
    polling: bool = field(default=False, init=False)
    """It is polled over REST."""
    carried: bool = field(default=False, init=False)
    """Polling delivers."""
    wants_fallback: bool = field(default=False, init=False)
    """The endpoint in use is given up, be it the link's own or a fallback, and no other was put in force since."""
    _losses: deque[float] = field(init=False)
    _refusals: int = field(default=0, init=False)
    _barren: bool = field(default=False, init=False)
    """A connection is up that has not delivered anything yet, not even a ping."""
    _flowing_since: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._losses = deque(maxlen=self.limits.losses)

    def feed(self, event: LinkEvent, now: float) -> LinkChange | None:
        """Take one event in and return the change it made, or None.

        Whatever the state, `refusals` refusals in a row make `wants_fallback` True, and it FAILED unless polling carries it.
        """
        carried = self.carried
        sharp = self._sharpen(event, now)
        if sharp in _HOPELESS:
            self.wants_fallback = True
        if carried and self.carried:
            return None
        before = self.phase
        self.phase = TABLE.get((before, sharp), before)
        if self.phase is not before and before is LinkPhase.FAILED:
            self.wants_fallback = False
        return None if self.phase is before else LinkChange(before, self.phase, sharp, now)

    def _sharpen(self, event: LinkEvent, now: float) -> LinkEvent:
        """Count this event and return what it amounts to."""
        match event:
            case LinkEvent.DATA:
                return self._data(now)
            case LinkEvent.LOST:
                return self._lost(now)
            case LinkEvent.REFUSED:
                return self._refused()
            case LinkEvent.CONNECTED:
                self._barren = True
            case LinkEvent.PINGED:
                self._refusals = 0
                self._barren = False
            case LinkEvent.SILENT | LinkEvent.GAVE_UP:
                self._flowing_since = None
            case LinkEvent.FALLBACK_ON | LinkEvent.FALLBACK_OFF:
                self.on_fallback = event is LinkEvent.FALLBACK_ON
                self._begin_anew()
            case LinkEvent.POLLING_ON:
                self.polling = True
            case LinkEvent.POLLED:
                return self._polled()
            case LinkEvent.STARVED | LinkEvent.POLLING_OFF:
                return self._polling_ends(event)
            case _:
                pass
        return event

    def _data(self, now: float) -> LinkEvent:
        self._refusals = 0
        self._barren = False
        if self._flowing_since is None:
            self._flowing_since = now
        if self.carried:
            self.wants_fallback = False
        if self.on_fallback:
            return LinkEvent.FALLBACK_DATA
        settling = self.phase not in (LinkPhase.FAILING, LinkPhase.FAILED)
        if settling and now - self._flowing_since >= self.limits.stable_after:
            self._flowing_since = now  # the next STABLE is as long away again
            return LinkEvent.STABLE
        return LinkEvent.DATA

    def _polled(self) -> LinkEvent:
        self.carried = self.polling
        # A late answer of a polling that was lifted is no data of the link's.
        return LinkEvent.POLLED if self.polling else LinkEvent.POLLING_ON

    def _polling_ends(self, event: LinkEvent) -> LinkEvent:
        carried, self.carried = self.carried, False
        self.polling = self.polling and event is LinkEvent.STARVED
        if not carried:
            return LinkEvent.POLLING_ON
        if self._flowing_since is not None:
            return LinkEvent.FALLBACK_DATA if self.on_fallback else LinkEvent.POLLING_OFF
        return LinkEvent.EXHAUSTED if self.wants_fallback else LinkEvent.STARVED

    def _lost(self, now: float) -> LinkEvent:
        self._flowing_since = None
        while self._losses and self._losses[0] <= now - self.limits.within:
            self._losses.popleft()
        self._losses.append(now)
        losses = len(self._losses)
        barren, self._barren = self._barren, False
        refused = self._refused() if barren else None
        if losses >= self.limits.losses:
            return LinkEvent.EXHAUSTED
        if refused is not None:
            return refused
        if losses >= self.limits.storm:
            return LinkEvent.STORM
        return LinkEvent.FLAPPING if losses >= self.limits.flapping else LinkEvent.LOST

    def _refused(self) -> LinkEvent:
        self._flowing_since = None
        self._refusals += 1
        return LinkEvent.EXHAUSTED if self._refusals >= self.limits.refusals else LinkEvent.REFUSED

    def _begin_anew(self) -> None:
        self._losses.clear()
        self._refusals = 0
        self._barren = False
        self._flowing_since = None
        self.wants_fallback = False
