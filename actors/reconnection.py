"""When to connect again, as a machine: no clock, no task, no randomness.

The rules:

1. A link that lived long enough to be stable is tried again at once, and its earlier failures are forgotten.
2. Any other loss or failed attempt is one more failure in a row, and waits by the schedule: 1, 2, 4 ... 30 s ± 10 %.
   A connect alone forgets nothing: a link that is accepted and dropped at once must not be redialled every second.
3. A time that someone else names (a ban, an open breaker) is waited out as it is. It is no failure: nothing was tried,
   or the server said itself when to come back.
4. A reason that no waiting cures, or too many failures in a row, ends it.
"""

from __future__ import annotations

from attrs import Factory, define, field, frozen

from actors.resilience import seconds_until
from supervisor.backoff import Backoff

__all__ = ["Abandon", "BackOff", "Reconnect", "Reconnection", "Verdict"]


@frozen
class Reconnect:
    """Connect again after this many seconds."""

    delay: float


@frozen
class BackOff:
    """Someone else named the time: ask again after this many seconds, `math.inf` where only an operator lifts it."""

    delay: float


@frozen
class Abandon:
    """Do not connect again."""

    reason: str


Verdict = Reconnect | BackOff | Abandon


@define
class Reconnection:
    """One link's way back. Tell it what happened; it answers what to do.

    It is total: any event in any order has an answer, also after Abandon. Times must not go backwards.

    Args:
        backoff: the schedule; its `stable_after` is how long a stable link lives, its `give_up_after` the failures
            in a row that end it.
    """

    backoff: Backoff = Factory(Backoff)
    failures: int = field(default=0, init=False)
    """Losses and failed attempts in a row, since the last stable link."""
    quality: float = field(default=1.0, init=False)
    """How good the link is judged to be, 0 to 1. Delays grow up to twofold as it falls, the maximum holds."""
    _connected_at: float | None = field(default=None, init=False)

    @property
    def connected_since(self) -> float | None:
        """When the present link came up, or None without one."""
        return self._connected_at

    def rate(self, quality: float) -> None:
        """Judge the link's quality, from 0 (useless) to 1 (flawless); what is outside is taken as the nearer end."""
        self.quality = min(max(quality, 0.0), 1.0)

    def connected(self, now: float) -> None:
        """The link is up. While it is up, once more changes nothing: a hand-over is one life."""
        if self._connected_at is None:
            self._connected_at = now

    def lost(self, now: float, random: float, *, reason: str) -> Verdict:
        """The link went down.

        Args:
            now: the time.
            random: a number in [0, 1) for the jitter.
            reason: what to say if this was one failure too many.
        """
        began, self._connected_at = self._connected_at, None
        if began is not None and now - began >= self.backoff.stable_after:
            self.failures = 0
            return Reconnect(0.0)
        return self._failed_again(random, reason)

    def failed(
        self,
        now: float,
        random: float,
        *,
        until: float | None = None,
        permanent: str | None = None,
        reason: str = "no connection",
    ) -> Verdict:
        """An attempt did not lead to a link. One that is up meanwhile lives on: a hand-over failed.

        Args:
            now: the time.
            random: a number in [0, 1) for the jitter.
            until: when a ban or a breaker lets us try again. A time that has passed is no answer, and the schedule holds:
                a server that says "retry after 0 s" would be dialled in a loop.
            permanent: a reason that no waiting cures.
            reason: what to say if this was one failure too many.
        """
        if permanent is not None:
            return Abandon(permanent)
        if until is not None and until > now:
            return BackOff(seconds_until(until, now))
        return self._failed_again(random, reason)

    def _failed_again(self, random: float, reason: str) -> Verdict:
        self.failures += 1
        if self.backoff.exhausted(self.failures):
            return Abandon(f"{self.failures} failures in a row, the last: {reason}")
        return Reconnect(self.backoff.delay(self.failures, random, scale=2.0 - self.quality))
