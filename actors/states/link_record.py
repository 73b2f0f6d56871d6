"""LinkRecord: all that is known of one link: its state, its drought, and the fallbacks that are about it alone."""

from __future__ import annotations

import math

from attrs import define, field

from actors.fallbacks import Cache, Drought, FallbackChange, FallbackOptions, Polling, SocketEvidence
from actors.link_state import LinkChange, LinkEvent, LinkLimits, LinkPhase, LinkState

__all__ = ["LinkRecord"]


@define
class LinkRecord:
    """One link's. Times must not go backwards.

    Args:
        preferred: the endpoint that is not a fallback.
        limits: of its state.
        options: how patient the fallbacks are.
        heard_at: when it was reported on last.
    """

    preferred: str
    limits: LinkLimits
    options: FallbackOptions
    heard_at: float
    state: LinkState = field(init=False)
    drought: Drought = field(init=False, factory=Drought)
    polling: Polling = field(init=False)
    cache: Cache = field(init=False)
    weight: int = field(init=False, default=0)
    """REST weight of asking once for all that it is subscribed to; 0: it cannot be asked."""
    changes: list[LinkChange] = field(init=False, factory=list)
    """Changes of its state that have not been told."""
    endpoint: str = field(init=False)
    """What its state is about."""
    _ailing_since: float | None = field(init=False, default=None)
    _asked_at: float = field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        self.endpoint = self.preferred
        self.state, self.polling, self.cache = LinkState(self.limits), Polling(self.options), Cache(self.options)

    @property
    def delivers(self) -> bool:
        """Its socket delivers, or would if there were something."""
        return self.drought.flows and self.drought.delivered_at is not None

    def feed(self, event: LinkEvent, endpoint: str, weight: int, now: float) -> bool:
        """Take a report in.

        Args:
            event: what happened.
            endpoint: where; empty: nowhere, it was a poll, or there was no leave.
            weight: of asking once.
            now: the time.

        Returns:
            Whether the endpoint has proved to be of no use by that.
        """
        if endpoint and endpoint != self.endpoint:
            # Another endpoint begins without a record: what was held against the last one must not count against it.
            self._step(LinkEvent.FALLBACK_OFF if endpoint == self.preferred else LinkEvent.FALLBACK_ON, now)
            self.endpoint = endpoint
        self.heard_at, self.weight = now, weight
        self.drought.feed(event, now)
        self._step(event, now)
        return self.state.wants_fallback and endpoint != ""

    def look_at_socket(self, rest_answers: bool, now: float) -> FallbackChange | None:
        """Whether it is to be polled, by what its socket does."""
        failed = self.state.phase is LinkPhase.FAILED
        evidence = SocketEvidence(self.drought.of_socket(now), failed, self.weight, rest_answers)
        return self.polled(self.polling.feed(evidence, now))

    def look_at_data(self, interval: float, now: float) -> FallbackChange | None:
        """Whether its last values are stale, by what comes from anywhere.

        Args:
            interval: seconds between two polls.
            now: the time.
        """
        quiet = self.drought.of_all(now)
        change = self.cache.feed(quiet, interval if self.polling.in_force else 0.0, now)
        if change is not None and change.on:
            self._step(LinkEvent.STARVED, now)
        return change

    def polled(self, change: FallbackChange | None) -> FallbackChange | None:
        """What follows for its state where the polling began or ended."""
        if change is not None:
            self._step(LinkEvent.POLLING_ON if change.on else LinkEvent.POLLING_OFF, change.at)
        return change

    def recall_polling(self, word: bool | None, reason: str, since: float, now: float) -> None:
        """It was polled before a restart, or must not be."""
        self.polling.force.recall(word, reason, since)
        if self.polling.in_force:
            self.weight = max(self.weight, 1)  # it could be asked; what that weighs is said with its next report
            self._step(LinkEvent.POLLING_ON, now)
        self._recall_drought(word, now)

    def recall_cache(self, word: bool | None, reason: str, since: float, now: float) -> None:
        """Its last values were stale before a restart, or must not be."""
        self.cache.force.recall(word, reason, since)
        self._recall_drought(word, now)

    def trouble(self, now: float) -> str:
        """Why its recovery is to be asked for now; empty: it is not."""
        failed, starved = self.state.phase is LinkPhase.FAILED or self.state.wants_fallback, self.polling.force.switch.in_force
        if not failed and not starved:
            self._ailing_since = None
            return ""
        if self._ailing_since is None:
            self._ailing_since = now
        if now - max(self._ailing_since, self._asked_at) < self.options.trouble_after:
            return ""
        self._asked_at = now
        what = "it has failed" if failed else "its socket delivers nothing, and it is polled"
        return f"{what}, for {now - self._ailing_since:.0f} s"

    def _recall_drought(self, word: bool | None, now: float) -> None:
        if word is None:
            # By the evidence, of which nothing else is known any more: it holds until there is data.
            self.drought.feed(LinkEvent.SILENT, now)

    def _step(self, event: LinkEvent, now: float) -> None:
        change = self.state.feed(event, now)
        if change is not None:
            self.changes.append(change)
