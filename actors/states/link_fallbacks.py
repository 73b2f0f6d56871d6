"""LinkFallbacks: the links of a venue, and the fallbacks that are about one link: polling, and stale values."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from attrs import define, field

from actors.fallbacks import FallbackOptions, polling_interval
from actors.incidents import IncidentKind
from actors.link_state import LinkLimits, LinkPhase
from actors.ports import Limits
from actors.protocol import LINK_CHANGES, RECOVERY, FallbackKind, LinkMoved, LinkReport, Trouble
from actors.states.fallback_board import FallbackBoard, KeptFallback
from actors.states.link_record import LinkRecord
from supervisor import Actor, NoSuchActor

__all__ = ["LinkFallbacks"]

DOWN_AFTER = 2.0
"""Seconds of trouble after which a link's subscriptions may be merged onto others: most are back before."""
CHANGED = 0.1
"""The share by which the polling interval has to change to be said at once."""

_PROTOCOL, _CACHE = FallbackKind.PROTOCOL, FallbackKind.CACHE


@define(eq=False)
class LinkFallbacks:
    """All links of one venue.

    Args:
        actor: the StateManager.
        preferred: the stream endpoint that is not a fallback.
        allowed: by the exchange.
        limits: the counts around the table of link states.
        options: how patient the fallbacks are.
        board: where they are said.
    """

    actor: Actor[Any]
    preferred: str
    allowed: Limits
    limits: LinkLimits
    options: FallbackOptions
    board: FallbackBoard
    _links: dict[str, LinkRecord] = field(init=False, factory=dict)
    _interval: float = field(init=False, default=0.0)
    """Between two polls, as it was said last."""

    @property
    def phases(self) -> dict[str, LinkPhase]:
        return {name: record.state.phase for name, record in self._links.items()}

    def down(self, now: float) -> tuple[str, ...]:
        """The links that are down, and not just for a moment."""
        return tuple(name for name, record in self._links.items() if record.drought.of_socket(now) >= DOWN_AFTER)

    def note(self, report: LinkReport, rest_answers: bool, now: float) -> bool:
        """Take a report in; True: the endpoint that it is about is of no use, to most of its links."""
        record = self._links.get(report.link) or self._add(report.link, now)
        hopeless = record.feed(report.event, report.endpoint, report.poll_weight if self.options.poll else 0, now)
        hopeless = hopeless and not self._delivers(report.endpoint)
        self._look_at(report.link, record, rest_answers, now)
        return hopeless

    def look(self, rest_answers: bool, forget_after: float, now: float) -> None:
        """Look at all evidence, and forget who has not been heard of."""
        for name, record in list(self._links.items()):
            if now - record.heard_at > forget_after:
                self.end(name, f"nothing was heard of the link for {forget_after:g} s", now)
            else:
                self._look_at(name, record, rest_answers, now)
        self._renew_interval()

    def _renew_interval(self) -> None:
        """Say another interval to all that are polled: they spend too much, or could have more."""
        interval = self.interval(self.options.poll_at_least)
        if abs(interval - self._interval) > CHANGED * self._interval:
            self._interval = interval
            for name, record in self._links.items():
                if record.polling.in_force:
                    self.board.renew(_PROTOCOL, name, interval=interval)
            self.board.repeat(lambda moved: moved.kind is _PROTOCOL)

    def end(self, name: str, reason: str, now: float) -> None:
        """The link is no more: neither is what was in force for it."""
        if self._links.pop(name, None) is not None:
            for kind in (_PROTOCOL, _CACHE):
                self.board.lift(kind, name, reason, now)
                self.board.forget(kind, name)

    def force(self, kind: FallbackKind, scope: str, word: bool | None, now: float) -> bool:
        """An operator's word for one link, or for all; False: there is none that it can be done to."""
        done = False
        for name in [scope] if scope else list(self._links):
            record = self._links.get(name)
            if record is None or (kind is _PROTOCOL and word and not record.weight):
                continue
            done = True
            if kind is _PROTOCOL:
                if record.polled(record.polling.force.say(word, now)) is not None:
                    self._show_polling(name, record)
                self.board.keep(kind, name, record.polling.force)
            else:
                change = record.cache.force.say(word, now)
                if change is not None:
                    self.board.show(kind, name, change)
                self.board.keep(kind, name, record.cache.force)
            self._publish(name, record)
        return done

    def recall(self, kept: KeptFallback, now: float) -> None:
        """Go on where a predecessor was."""
        record = self._links.get(kept.scope) or self._add(kept.scope, now)
        if kept.kind is _PROTOCOL:
            record.recall_polling(kept.word, kept.reason, kept.since, now)
        else:
            record.recall_cache(kept.word, kept.reason, kept.since, now)
        if kept.word is not False:
            self.board.put(kept.kind, kept.scope, kept.reason, kept.since, interval=self.options.slowest_poll)

    def interval(self, at_least: float = 0.0) -> float:
        """Seconds between two polls of every link that is polled."""
        weights = [record.weight for record in self._links.values() if record.polling.in_force]
        return polling_interval(weights, self.allowed.weight, self.allowed.weight_within, self.options.poll_share, at_least)

    # ---- one link

    def _add(self, name: str, now: float) -> LinkRecord:
        record = self._links[name] = LinkRecord(self.preferred, self.limits, self.options, now)
        return record

    def _delivers(self, endpoint: str) -> bool:
        """Most links at this endpoint deliver: what fails there is one link's own trouble, and no reason for all to leave."""
        there = [record for record in self._links.values() if record.endpoint == endpoint]
        return 2 * sum(record.delivers for record in there) > len(there)

    def _look_at(self, name: str, record: LinkRecord, rest_answers: bool, now: float) -> None:
        if record.look_at_socket(rest_answers, now) is not None:
            self._show_polling(name, record)
            self.board.keep(_PROTOCOL, name, record.polling.force)
        stale = record.look_at_data(self._interval, now)
        if stale is not None:
            self.board.show(_CACHE, name, stale)
            self.board.keep(_CACHE, name, record.cache.force)
        self._publish(name, record)
        reason = record.trouble(now)
        if reason:
            with suppress(NoSuchActor):  # it starts last; and this is said again
                self.actor.lookup(RECOVERY).tell(Trouble(IncidentKind.LINK, name, reason))

    def _publish(self, name: str, record: LinkRecord) -> None:
        changes, record.changes = record.changes, []
        for change in changes:
            self.actor.publish(LINK_CHANGES, LinkMoved(name, change.before, change.after, change.at, self.board.venue))
            self.actor.context.log.info("link moved", link=name, before=change.before.value, after=change.after.value)

    def _show_polling(self, name: str, record: LinkRecord) -> None:
        force = record.polling.force
        if force.in_force:
            # The others hear of the interval that this makes longer with the next look: each time all, were a square of them.
            interval = self.interval(self.options.poll_at_least)
            self.board.put(_PROTOCOL, name, force.reason, force.since, interval=interval)
        else:
            self.board.lift(_PROTOCOL, name, force.reason, force.since)
