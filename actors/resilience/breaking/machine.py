"""A circuit breaker as a machine: no clock, no task, no callback. The caller says what time it is.

    CLOSED       calls pass; failures in a row, or a rate of failed or slow ones among the last calls, open it
    OPEN         calls are refused until a time; the wait grows with each opening that no closing came between
    HALF_OPEN    a few probes pass: enough successes close it, one failure opens it again
    ISOLATED     an operator holds it open; only an operator lets go
    DISABLED     calls pass and nothing is recorded
    METRICS_ONLY calls pass and are recorded; that it would have opened is told once, and nothing follows from it

Theory of operation:

* Every entry into a state begins an *epoch*, and a permit carries the epoch it was given in. A result counts
  only in its own epoch. Otherwise a slow call from before the opening would judge the probe that follows it.
* One thing is heard whatever its epoch: a time the server named itself (`open_until`). It is a fact about the
  server, not a verdict on our call, and passing over it would deepen a ban.
* A cancelled call is no evidence. It gives its permit back with `release`; a probe that were not given back
  would hold the breaker half-open for ever. A probe whose holder never reports at all is written off after
  `probe_within` seconds, as a failure.
* Time is a transition too. Each method that is told the time first lets it pass, so `state(now)` is never
  stale and no timer is needed. A time before the last one is the last one: the clocks of two threads differ by
  a hair, and nothing may be undone by it.
* While it is closed there is little to ask. `door` is the permit that all calls may share without asking, and
  None when they must ask. `calm` is the same permit while a success would change nothing but a count. Both are
  single attributes, so that threads may read them without a lock.
* Transitions are kept as values until they are drained. The shell reports them, outside of any call.

The module is long because it is one machine: a transition that stood elsewhere would be missing here.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Hashable
from typing import Self

from attrs import Factory, define, field

from actors.resilience.breaking.config import BreakerConfig as BreakerConfig
from actors.resilience.breaking.config import BreakerState as BreakerState
from actors.resilience.breaking.config import BreakerStatistics as BreakerStatistics
from actors.resilience.breaking.config import Permit as Permit
from actors.resilience.breaking.config import Refusal as Refusal
from actors.resilience.breaking.config import Transition as Transition
from actors.resilience.breaking.config import in_a_row
from actors.resilience.breaking.outcomes import CountWindow, OutcomeWindow, TimeWindow

__all__ = ["BreakerConfig", "BreakerMachine", "BreakerState", "BreakerStatistics", "Permit", "Refusal", "Transition"]

KEPT_TRANSITIONS = 64
"""Transitions that wait to be drained. Of more, the oldest are forgotten."""

_MANUAL = frozenset({BreakerState.ISOLATED, BreakerState.DISABLED, BreakerState.METRICS_ONLY})


@define
class _Totals:
    successes: int = 0
    failures: int = 0
    slow: int = 0
    ignored: int = 0
    released: int = 0
    refused: int = 0
    late: int = 0
    written_off: int = 0
    openings: int = 0


def _window_of(machine: BreakerMachine) -> OutcomeWindow | None:
    config = machine.config
    if not config.rated:
        return None
    return CountWindow(config.window) if config.window_seconds is None else TimeWindow(config.window_seconds)


@define
class BreakerMachine:
    """Decides whether a call may be made, from how the calls before it ended.

    Args:
        name: what it guards, for errors and transitions.
        config: when it opens and closes.
        chance: a number in [0, 1) that spreads the next opening. Who wants openings to differ assigns a new one after each.
    """

    name: str
    config: BreakerConfig = Factory(BreakerConfig)
    chance: float = 0.5
    door: Permit | None = field(default=None, init=False)
    """The permit for whoever calls now; None: ask `acquire`. Never there where calls are timed (`slow_after`)."""
    calm: Permit | None = field(default=None, init=False)
    """`door`, as long as a success changes nothing but a count: no failure in a row, no rate."""
    untold: deque[Transition] = field(factory=lambda: deque(maxlen=KEPT_TRANSITIONS), init=False)
    """Transitions that nobody has drained, the oldest first."""
    _now: float = field(default=-math.inf, init=False)
    """The latest time that was told."""
    _state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    _epoch: int = field(default=0, init=False)
    _until: float = field(default=-math.inf, init=False)
    _openings: int = field(default=0, init=False)
    _in_a_row: int = field(default=0, init=False)
    _window: OutcomeWindow | None = field(default=Factory(_window_of, takes_self=True), init=False)
    """The calls of this epoch."""
    _probes: dict[int, float] = field(factory=dict, init=False)
    """{number of a probe in flight: when it was given}"""
    _holders: dict[int, Hashable] = field(factory=dict, init=False)
    """{number of a probe in flight: whose it is}, as far as that is known."""
    _probes_passed: int = field(default=0, init=False)
    _permits: int = field(default=0, init=False)
    _reported: bool = field(default=False, init=False)
    """METRICS_ONLY has told that it would have opened."""
    _last_failure: str | None = field(default=None, init=False)
    _by: str = field(default="", init=False)
    """Whose decision the state is."""
    _changed_at: float | None = field(default=None, init=False)
    _totals: _Totals = field(factory=_Totals, init=False)

    def __attrs_post_init__(self) -> None:
        self._open_door(-math.inf)

    # Calls

    def acquire(self, now: float) -> Permit:
        """Ask to make one call.

        Raises:
            CircuitOpen: it is open, isolated, or all probes are in flight; says when to ask again.
        """
        given = self.try_acquire(now)
        if isinstance(given, Refusal):
            raise given.error(self.name, given.until)
        return given

    def try_acquire(self, now: float, holder: Hashable = None) -> Permit | Refusal:
        """As `acquire`, but a refusal is a value.

        Args:
            now: the time.
            holder: who asks. A call that the holder of a probe makes inside of it is part of the probe: it passes, and decides
                nothing. Otherwise a guarded function that calls another one with the same guard would fail in each probe.
        """
        now = self._pass_time(now)
        inside = holder is not None and holder in self._holders.values()
        until = None if inside else self._refused_until(now)
        if until is not None:
            self._totals.refused += 1
            return Refusal(now, until, self._state, self._last_failure, self._by)
        self._permits += 1
        permit = Permit(self._epoch, self._permits, now)
        if self._state is BreakerState.HALF_OPEN and not inside:
            self._probes[permit.number] = now
            if holder is not None:
                self._holders[permit.number] = holder
        return permit

    def record_success(self, permit: Permit, now: float) -> None:
        """The call of this permit succeeded.

        Args:
            permit: from `acquire`, or `door`.
            now: the time. With a permit from `door` and no time window, `-math.inf` will do: no time passes.
        """
        now = self._pass_time(now)
        if self._state is not BreakerState.DISABLED:
            self._totals.successes += 1
            self._judge(permit, failed=False, now=now)

    def record_failure(self, permit: Permit, now: float, open_until: float | None = None, reason: str | None = None) -> None:
        """The call of this permit failed.

        Args:
            permit: from `acquire`, or `door`.
            now: the time.
            open_until: until when the server itself told us to stay away, from Retry-After or a ban. Opens
                the breaker at once, and is heard from a permit of an earlier epoch too.
            reason: the failure in words, for those who are refused because of it.
        """
        now = self._pass_time(now)
        if self._state is not BreakerState.DISABLED:
            self._totals.failures += 1
            if permit.epoch == self._epoch or open_until is not None:
                self._last_failure = reason
            self._judge(permit, failed=True, now=now)
        if open_until is not None:
            self.open_until(open_until, now)

    def record_ignored(self, permit: Permit) -> None:
        """The call of this permit ended in a way that says nothing about the other side: no verdict."""
        if self._state is not BreakerState.DISABLED:
            self._totals.ignored += 1
        self._give_back(permit)

    def release(self, permit: Permit) -> None:
        """The call of this permit was cancelled or never made: no verdict."""
        if self._state is not BreakerState.DISABLED:
            self._totals.released += 1
        self._give_back(permit)

    # What an operator, or the server, decides

    def open_until(self, until: float, now: float, why: str = "the server named a time", by: str = "") -> None:
        """Refuse calls until this time, or longer if it is open for longer.

        A time that has passed changes nothing, nor does any while an operator's state is in force.
        """
        now = self._pass_time(now)
        if not until > now or self._state in _MANUAL:
            return
        if self._state is BreakerState.OPEN:
            self._until = max(self._until, until)
        else:
            self._open(until, now, why, by)

    def isolate(self, now: float, by: str = "") -> None:
        """Refuse every call until `reset`, `disable` or `observe_only`."""
        self._go(BreakerState.ISOLATED, self._pass_time(now), "isolated", by)

    def disable(self, now: float, by: str = "") -> None:
        """Let every call pass and record nothing, until `reset`."""
        self._go(BreakerState.DISABLED, self._pass_time(now), "disabled", by)

    def observe_only(self, now: float, by: str = "") -> None:
        """Let every call pass but go on recording (METRICS_ONLY), until `reset`."""
        self._go(BreakerState.METRICS_ONLY, self._pass_time(now), "only observed", by)

    def reset(self, now: float, by: str = "") -> None:
        """Close it and forget the failures. Calls in flight no longer count."""
        self._close(self._pass_time(now), "reset", by)

    # What it tells

    @property
    def closed(self) -> bool:
        """Whether it was when it was asked last."""
        return self._state is BreakerState.CLOSED

    def state(self, now: float) -> BreakerState:
        """The state at this moment: an opening that has run out reads HALF_OPEN, without anyone calling."""
        self._pass_time(now)
        return self._state

    def retry_at(self, now: float) -> float:
        """When to ask next: `now` if a call may pass, `math.inf` if only an operator can change it."""
        now = self._pass_time(now)
        until = self._refused_until(now)
        return now if until is None else until

    def statistics(self, now: float) -> BreakerStatistics:
        """All that can be known of it, at this moment."""
        now = self._pass_time(now)
        window = self._window
        if window is not None:
            window.expire(now)
        enough = window is not None and window.calls >= self.config.minimum_calls
        totals = self._totals
        return BreakerStatistics(
            state=self._state,
            epoch=self._epoch,
            retry_at=self.retry_at(now),
            consecutive_failures=self._in_a_row,
            calls_in_window=0 if window is None else window.calls,
            failure_rate=window.failures / window.calls if window is not None and enough else None,
            slow_rate=window.slow / window.calls if window is not None and enough else None,
            probes_in_flight=len(self._probes),
            openings=self._openings,
            openings_total=totals.openings,
            changed_at=self._changed_at,
            successes=totals.successes,
            failures=totals.failures,
            slow=totals.slow,
            ignored=totals.ignored,
            released=totals.released,
            refused=totals.refused,
            late=totals.late,
            written_off=totals.written_off,
        )

    def drain_transitions(self) -> list[Transition]:
        """The transitions since the last drain, oldest first; of more than 64 the last 64."""
        drained = list(self.untold)
        self.untold.clear()
        return drained

    def copy(self) -> Self:
        """An independent breaker in the same state. For tests, and for looking ahead."""
        return copy.deepcopy(self)

    # The machine

    def _pass_time(self, now: float) -> float:
        """Do what time alone does, and say what time it is. Each step is stamped with the moment it was due, not with now."""
        if now > self._now:
            self._now = now
        else:
            now = self._now
        if self._state is BreakerState.HALF_OPEN and self._probes:
            # Probes are given in order, so the first is the oldest.
            due = next(iter(self._probes.values())) + self.config.probe_within
            if now >= due:
                self._totals.written_off += 1
                self._last_failure = f"a probe that did not report within {self.config.probe_within:g} s"
                self._trip(due, self._last_failure)
        if self._state is BreakerState.OPEN and now >= self._until:
            self._go(BreakerState.HALF_OPEN, self._until, "its time ran out")
        return now

    def _refused_until(self, now: float) -> float | None:
        match self._state:
            case BreakerState.OPEN:
                return self._until
            case BreakerState.ISOLATED:
                return math.inf
            case BreakerState.HALF_OPEN if len(self._probes) >= self.config.probes:
                return now + self.config.ask_again
            case _:
                return None

    def _give_back(self, permit: Permit) -> None:
        # Numbers are given once, so a permit of an earlier epoch frees nobody's place.
        self._probes.pop(permit.number, None)
        self._holders.pop(permit.number, None)

    def _judge(self, permit: Permit, *, failed: bool, now: float) -> None:
        slow_after = self.config.slow_after
        slow = slow_after is not None and now - permit.at >= slow_after
        if slow:
            self._totals.slow += 1
        state = self._state
        if permit.epoch != self._epoch:
            self._totals.late += 1
        elif state is BreakerState.HALF_OPEN:
            self._judge_probe(permit, failed=failed, slow=slow and self.config.slow_rate is not None, now=now)
        elif state is BreakerState.CLOSED or state is BreakerState.METRICS_ONLY:
            if self._window is not None:
                self._window.record(now, failed, slow)
            self._in_a_row = self._in_a_row + 1 if failed else 0
            why = self._over_a_limit()
            if why:
                self._exceed(why, now)
            self._quieten()

    def _exceed(self, why: str, now: float) -> None:
        """A limit is reached."""
        if self._state is BreakerState.CLOSED:
            self._trip(now, why)
        elif not self._reported:
            self._reported = True
            self.untold.append(Transition(self.name, self._state, self._state, now, f"would have opened: {why}"))

    def _judge_probe(self, permit: Permit, *, failed: bool, slow: bool, now: float) -> None:
        self._holders.pop(permit.number, None)
        if self._probes.pop(permit.number, None) is None:
            return  # Inside of a probe, reported twice, or after its release: one probe must not close the breaker alone.
        if failed or slow:
            self._trip(now, "a probe failed" if failed else "a probe was slow")
            return
        self._probes_passed += 1
        if self._probes_passed >= self.config.successes:
            self._close(now, f"{self._probes_passed} probes succeeded")

    def _over_a_limit(self) -> str:
        """In words which limit is reached; empty: none."""
        config = self.config
        if self._in_a_row >= config.failures:
            return in_a_row(self._in_a_row)
        last = self._window  # `record` has just expired it
        if last is not None and last.calls >= config.minimum_calls:
            if config.failure_rate is not None and last.failures / last.calls >= config.failure_rate:
                return f"{last.failures} of the last {last.calls} calls failed"
            if config.slow_rate is not None and last.slow / last.calls >= config.slow_rate:
                return f"{last.slow} of the last {last.calls} calls were slow"
        return ""

    def _trip(self, now: float, why: str) -> None:
        self._open(now + self.config.wait(self._openings + 1, self.chance), now, why)

    def _open(self, until: float, now: float, why: str, by: str = "") -> None:
        self._openings += 1
        self._totals.openings += 1
        self._until = until
        self._go(BreakerState.OPEN, now, why, by)

    def _close(self, now: float, why: str, by: str = "") -> None:
        self._openings = 0
        self._last_failure = None
        self._go(BreakerState.CLOSED, now, why, by)

    def _go(self, after: BreakerState, now: float, why: str, by: str = "") -> None:
        if after is not self._state:
            self._changed_at = now
        if after is not self._state or by:
            self.untold.append(Transition(self.name, self._state, after, now, why, by))
        self.door = self.calm = None  # first: who reads these without a lock must not find them in another state
        self._state = after
        self._by = by
        self._epoch += 1
        self._in_a_row = self._probes_passed = 0
        self._reported = False
        self._probes.clear()
        self._holders.clear()
        if self._window is not None:
            self._window.clear()
        if after is BreakerState.CLOSED:
            self._open_door(now)

    def _open_door(self, now: float) -> None:
        if self.config.slow_after is None:
            self.door = Permit(self._epoch, 0, now)
        self._quieten()

    def _quieten(self) -> None:
        """See to `calm`: after anything that may have changed what a success would change."""
        self.calm = self.door if self._window is None and self._in_a_row == 0 else None
