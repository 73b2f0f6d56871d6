"""VenueRecord: what is known of a venue as a whole: what is short, whether REST answers, and the fallbacks about it."""

from __future__ import annotations

import math

from attrs import define, field

from actors.fallbacks import FallbackChange, FallbackOptions, Partial, Pressures, Rate

__all__ = ["VenueRecord"]

SHORT = ("attempts", "weight", "rate")
"""Kinds of pressure that merged connections relieve."""
LOAD = "load"
BAD_FOR = 60.0
"""Seconds that a failed request speaks against its endpoint, where no other follows."""


@define
class VenueRecord:
    """A venue's. Times must not go backwards.

    Args:
        options: how patient the fallbacks are.
        rest_endpoints: how many there are.
    """

    options: FallbackOptions
    rest_endpoints: int
    rate: Rate = field(init=False)
    partial: Partial = field(init=False)
    pressures: Pressures = field(init=False)
    _rest_failed: dict[str, float] = field(init=False, factory=dict)
    """{REST endpoint: when its last request failed, unless one was answered since}"""
    _banned_until: float = field(init=False, default=-math.inf)
    _polled_since: float = field(init=False, default=math.inf)
    """Since when something has been polled without a break."""

    def __attrs_post_init__(self) -> None:
        self.rate, self.partial = Rate(self.options), Partial(self.options)
        self.pressures = Pressures(self.options.pressure_fresh)

    def note_rest(self, endpoint: str, ok: bool, banned_until: float | None, now: float) -> None:
        """How a request went."""
        if banned_until is not None:
            self._banned_until = max(self._banned_until, banned_until)
        if ok:
            self._rest_failed.pop(endpoint, None)
        else:
            self._rest_failed[endpoint] = now

    def rest_answers(self, now: float) -> bool:
        """A request may be answered: some endpoint is not known to be bad, and our address is not banned."""
        bad = sum(now - at < BAD_FOR for at in self._rest_failed.values())
        return now >= self._banned_until and bad < self.rest_endpoints

    def look_at_rate(self, now: float) -> FallbackChange | None:
        """Whether connections are to be merged."""
        share, kind = self.pressures.worst(SHORT, now)
        return self.rate.feed(share, kind, now)

    def look_at_work(self, interval: float, now: float) -> FallbackChange | None:
        """Whether some subscriptions are to be given up.

        Args:
            interval: seconds between two polls that the REST weight allows; 0: nothing is polled.
            now: the time.
        """
        burdens = [(self.pressures.worst([LOAD], now)[0], "our own load")]
        self._polled_since = min(self._polled_since, now) if interval else math.inf
        lasting = now - self._polled_since >= self.options.slow_poll_for  # most outages are over before it is worth it
        if lasting and self.rest_answers(now):  # else nothing is polled, and fewer subscriptions would not bring REST back
            burdens.append((interval / self.options.slowest_poll, "polling within the REST weight"))
        if not self.rate.helps(now):
            share, kind = self.pressures.worst(SHORT, now)
            burdens.append((share, f"{kind} in spite of merged connections"))
        return self.partial.feed(*max(burdens), now)
