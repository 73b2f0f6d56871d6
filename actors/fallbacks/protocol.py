"""Polling: REST instead of the stream, while the socket is tried on.

It is put in force for a link whose socket has delivered nothing for too long, or that has failed, if it can be asked for by
REST and REST answers. It is lifted when the socket delivers again, for a while: a REST that ceases to answer does not lift it,
because that would bring nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from actors.fallbacks.force import FallbackChange, Force
from actors.fallbacks.options import FallbackOptions
from actors.fallbacks.switch import Patience, Switch

__all__ = ["Polling", "SocketEvidence", "polling_interval"]


def polling_interval(weights: Iterable[int], limit: int, within: float, share: float, at_least: float) -> float:
    """Seconds between two polls of each of several links, so that all together stay within a share of the REST weight.

    Args:
        weights: of asking once for all that a link is subscribed to, of every link that polls.
        limit: the weight that the exchange allows within `within` seconds.
        within: seconds.
        share: of the limit that polling may spend, above 0.
        at_least: seconds; shorter is of no use.
    """
    return max(at_least, sum(weights) * within / (limit * share))


@frozen
class SocketEvidence:
    """How one link's socket is doing."""

    quiet: float
    """Seconds without data from it; 0 while there is no trouble."""
    failed: bool
    """Its endpoint is given up."""
    weight: int
    """REST weight of asking once; 0: it cannot be asked."""
    rest_answers: bool


@define
class Polling:
    """One link's. Times must not go backwards.

    Args:
        options: how patient it is.
    """

    options: FallbackOptions
    force: Force = field(init=False)

    def __attrs_post_init__(self) -> None:
        options = self.options
        self.force = Force(Switch(Patience(put_after=0.0, lift_after=options.poll_lift_after, longest=options.longest)))

    @property
    def in_force(self) -> bool:
        return self.force.in_force

    def feed(self, evidence: SocketEvidence, now: float) -> FallbackChange | None:
        """Look at the evidence."""
        quiet, failed, possible = evidence.quiet, evidence.failed, evidence.weight > 0
        if self.force.switch.in_force:
            bad = possible and (failed or quiet > 0)
        else:
            bad = possible and evidence.rest_answers and (failed or quiet >= self.options.poll_after)
        return self.force.feed(bad, self._words(evidence), now)

    def _words(self, evidence: SocketEvidence) -> str:
        if not evidence.weight:
            return "it cannot be asked for by REST"
        if evidence.failed:
            return "the link has failed"
        if evidence.quiet > 0:
            return f"no data from the socket for {evidence.quiet:.1f} s"
        return "the socket delivers again"
