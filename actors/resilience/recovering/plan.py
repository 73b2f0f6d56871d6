"""What a recovery does next: no clock, no task, no lock, no randomness. The shell says what time it is and holds the lock.

Theory of operation:

* `choose` puts the actions that fit in order: a component's own first, then the common ones, each by priority.
* A `Course` walks through them for one incident. Failures move it on; a cancelled attempt does not, for it is no verdict; the
  total is bounded in either case. It remembers whether the outcome of what failed is unknown: from then on nothing that is not
  idempotent is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field, frozen

from actors.resilience.recovering.action import AttemptOutcome, Incident, RecoveryAction, RecoveryKind

__all__ = ["Course", "Skip", "Try", "choose"]


def choose(
    own: Iterable[RecoveryAction],
    common: Iterable[RecoveryAction],
    incident: Incident,
    broken: Callable[[RecoveryAction, Exception], object],
) -> tuple[RecoveryAction, ...]:
    """The actions that fit, in the order in which they are made.

    Args:
        own: those of the incident's component: first, whatever their priority.
        common: those of all components.
        incident: what to recover from.
        broken: told of each action whose predicate raised; it does not fit.
    """
    chosen: list[RecoveryAction] = []
    for group in (own, common):
        for action in sorted(group, key=lambda action: -action.priority):
            try:
                fits = action.when.fits(incident)
            except Exception as error:  # noqa: BLE001  # a condition that cannot be told is none that holds
                broken(action, error)
            else:
                if fits:
                    chosen.append(action)
    return tuple(chosen)


@frozen
class Try:
    """Make this attempt."""

    action: RecoveryAction
    number: int
    wait: float
    """Seconds before it."""
    within: float
    """Seconds that it may take."""


@frozen
class Skip:
    """This action has no turn."""

    action: RecoveryAction
    number: int
    why: str


@define
class Course:
    """The way through the actions for one incident.

    Args:
        actions: in order.
        most: attempts in all; alerts are made nevertheless.
        longest_wait: seconds; an attempt that would have to wait longer is not made.
        unknown: whether what failed may have been carried out.
        hint: seconds to wait before it is tried again, from the other side.
    """

    actions: tuple[RecoveryAction, ...]
    most: int
    longest_wait: float
    unknown: bool = False
    hint: float | None = None
    made: int = field(default=0, init=False)
    """Attempts, cancelled ones included."""
    by: RecoveryAction | None = field(default=None, init=False)
    """The action that recovered it."""
    _at: int = field(default=0, init=False)
    _failed: int = field(default=0, init=False)
    _number: int = field(default=0, init=False)

    def next(self, random: float, left: float, left_for_alerts: float) -> Try | Skip | None:
        """What comes next; None at the end. A `Skip` has moved on, a `Try` waits for its `report`.

        Args:
            random: a number in [0, 1).
            left: seconds until no more attempts are made.
            left_for_alerts: seconds until no more alerts are made.
        """
        if self.by is not None or self._at >= len(self.actions):
            return None
        action = self.actions[self._at]
        wait = self._wait(action, random)
        left = left_for_alerts if action.kind is RecoveryKind.ALERT else left
        why = self._reason_to_skip(action, wait, left)
        if why is None:
            return Try(action, self._number + 1, wait, min(action.within, left - wait))
        return self.skip(why)

    def skip(self, why: str) -> Skip:
        """Go past the action whose turn it is."""
        skipped = Skip(self.actions[self._at], self._number + 1, why)
        self._move_on()
        return skipped

    def report(self, outcome: AttemptOutcome, *, unknown: bool = False, hint: float | None = None) -> None:
        """How the attempt ended that `next` named.

        Args:
            outcome: anything but SKIPPED.
            unknown: whether what it did may have been carried out although it failed.
            hint: seconds to wait before it is tried again, from the other side.
        """
        action = self.actions[self._at]
        self.made += 1
        self._number += 1
        if action.kind is RecoveryKind.RETRY and outcome is not AttemptOutcome.SUCCEEDED:
            # The attempt was the operation itself. Cut off in the middle, it may have been carried out.
            cut = outcome in (AttemptOutcome.TIMED_OUT, AttemptOutcome.CANCELLED)
            self.unknown = self.unknown or unknown or cut
            self.hint = hint
        elif action.kind is RecoveryKind.RETRY and action.run is not None:
            self.unknown = True  # it was carried out, by the attempt; whoever made the call must not make it once more
        match outcome:
            case AttemptOutcome.SUCCEEDED if action.kind is not RecoveryKind.ALERT:
                self.by = action
            case AttemptOutcome.SUCCEEDED | AttemptOutcome.LOOPED:
                self._move_on()
            case AttemptOutcome.FAILED | AttemptOutcome.TIMED_OUT:
                self._failed += 1
                if self._failed >= action.attempts:
                    self._move_on()
            case _:
                pass

    def _wait(self, action: RecoveryAction, random: float) -> float:
        wait = action.backoff.delay(self._failed, random) if self._failed else action.delay
        return max(wait, self.hint or 0.0) if action.kind is RecoveryKind.RETRY else wait

    def _reason_to_skip(self, action: RecoveryAction, wait: float, left: float) -> str | None:
        if action.kind is RecoveryKind.RETRY and self.unknown and not action.idempotent:
            return "it may have been carried out already, and the action is not idempotent"
        if wait > self.longest_wait:
            return f"it would have to wait {wait:.3f} s; at most {self.longest_wait:g} s are waited"
        if wait >= left:
            return "no time is left"
        if self.made >= self.most and action.kind is not RecoveryKind.ALERT:
            return f"{self.made} attempts were made; expected {self.most} at most"
        return None

    def _move_on(self) -> None:
        self._at += 1
        self._failed = self._number = 0
