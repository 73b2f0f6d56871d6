"""A circuit breaker as a machine: no clock, no task, no callback. The caller says what time it is.

    CLOSED       calls pass; failures in a row, or a rate of them over the last calls, open it
    OPEN         calls are refused until a time; the wait grows with each opening that no closing came between
    HALF_OPEN    a few probes pass: enough successes close it, one failure opens it again
    ISOLATED     an operator holds it open; only an operator lets go
    DISABLED     calls pass and nothing is recorded
    METRICS_ONLY calls pass and are recorded, and nothing follows from it

Theory of operation:

* Every entry into a state begins an *epoch*, and a permit carries the epoch it was given in. A result counts
  only in its own epoch. Otherwise a slow call from before the opening would judge the probe that follows it.
* One thing is heard whatever its epoch: a time the server named itself (`open_until`). It is a fact about the
  server, not a verdict on our call, and passing over it would deepen a ban.
* A cancelled call is no evidence. It gives its permit back with `release`; a probe that were not given back
  would hold the breaker half-open for ever. A probe whose holder never reports at all is written off after
  `probe_within` seconds, as a failure.
* Time is a transition too. Each method that is told the time first lets it pass, so `state(now)` is never
  stale and no timer is needed. Times must not go backwards.
* Transitions are kept as values until they are drained. The shell reports them, outside of any call.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from enum import StrEnum
from typing import Any, Self

from attrs import Attribute, Factory, define, field, frozen

from actors.errors import CircuitOpen
from actors.errors.checks import count, number, refuse, seconds
from supervisor.backoff import Backoff, is_count, is_number

__all__ = ["BreakerConfig", "BreakerMachine", "BreakerState", "BreakerStatistics", "Permit", "Transition"]

KEPT_TRANSITIONS = 64
"""Transitions that wait to be drained. Of more, the oldest are forgotten."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    ISOLATED = "isolated"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"


_MANUAL = frozenset({BreakerState.ISOLATED, BreakerState.DISABLED, BreakerState.METRICS_ONLY})


def _check_minimum_calls(config: BreakerConfig, attribute: Attribute[Any], value: Any) -> None:
    if not is_count(value) or value > config.window:
        # A window that never holds enough calls would never trip (resilience4j #903).
        expected = f"a count from 1 to window={config.window!r}, for example minimum_calls={min(20, config.window)}"
        refuse(config, attribute, value, expected)


def _check_open_maximum(config: BreakerConfig, attribute: Attribute[Any], value: Any) -> None:
    if not is_number(value) or value < config.open_for:
        example = f"for example open_maximum={10 * config.open_for!r}"
        refuse(config, attribute, value, f"seconds, no less than open_for={config.open_for!r}, {example}")


_check_rate = number(lambda rate: 0 < rate <= 1, "a share above 0, up to 1, or None", "0.5", optional=True)
_check_factor = number(lambda factor: factor >= 1, "a number of 1 or more", "2.0")


@frozen(kw_only=True)
class BreakerConfig:
    """When a breaker opens, for how long, and what closes it.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    failures: int = field(default=5, validator=count(5))
    """This many failures in a row open it."""
    failure_rate: float | None = field(default=None, validator=_check_rate)
    """This share of failures among the last calls opens it, above 0 to 1; None: the rate does not matter."""
    window: int = field(default=100, validator=count(100))
    """How many calls the rate looks back on."""
    minimum_calls: int = field(default=20, validator=_check_minimum_calls)
    """With fewer calls in the window there is no rate."""
    open_for: float = field(default=30.0, validator=seconds(30.0))
    """Seconds that the first opening lasts."""
    open_factor: float = field(default=2.0, validator=_check_factor)
    """Each further opening lasts this many times longer, until a closing."""
    open_maximum: float = field(default=300.0, validator=_check_open_maximum)
    """Seconds; no opening lasts longer, unless the server names a time."""
    probes: int = field(default=1, validator=count(1))
    """Probes in flight at once while it is half-open."""
    successes: int = field(default=2, validator=count(2))
    """Successful probes that close it."""
    probe_within: float = field(default=60.0, validator=seconds(60.0))
    """Seconds after which a probe that has not reported is written off as a failure."""
    ask_again: float = field(default=1.0, validator=seconds(1.0))
    """Seconds after which a caller should ask again that was refused because all probes are in flight."""

    def wait(self, opening: int) -> float:
        """Seconds that the n-th opening since the last closing lasts, counted from 1."""
        growth = Backoff(initial=self.open_for, maximum=self.open_maximum, factor=self.open_factor, jitter=0.0)
        return growth.delay(opening, 0.5)


@frozen
class Permit:
    """Leave to make one call. Report its end exactly once: success, failure or release."""

    epoch: int
    number: int
    at: float
    """When it was given."""


@frozen
class Transition:
    """A breaker went from one state to another."""

    name: str
    before: BreakerState
    after: BreakerState
    at: float


@frozen(kw_only=True)
class BreakerStatistics:
    """A breaker at one moment. The counts are totals since it was made."""

    state: BreakerState
    epoch: int
    retry_at: float
    """As `BreakerMachine.retry_at`."""
    consecutive_failures: int
    calls_in_window: int
    failure_rate: float | None
    """Share of failures among the last calls; None below the minimum of calls."""
    probes_in_flight: int
    openings: int
    """Openings since it was last closed; the wait grows with it."""
    successes: int
    failures: int
    released: int
    refused: int
    late: int
    """Results of an earlier epoch, without consequence. They are among the successes and failures too."""
    written_off: int
    """Half-open periods that ended because a probe never reported."""


@define
class _Totals:
    successes: int = 0
    failures: int = 0
    released: int = 0
    refused: int = 0
    late: int = 0
    written_off: int = 0


@define
class BreakerMachine:
    """Decides whether a call may be made, from how the calls before it ended.

    Args:
        name: what it guards, for errors and transitions.
        config: when it opens and closes.
    """

    name: str
    config: BreakerConfig = Factory(BreakerConfig)
    _state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    _epoch: int = field(default=0, init=False)
    _until: float = field(default=-math.inf, init=False)
    _openings: int = field(default=0, init=False)
    _in_a_row: int = field(default=0, init=False)
    _window: deque[bool] = field(init=False)
    """The last calls of this epoch, True for a failure."""
    _window_failures: int = field(default=0, init=False)
    _probes: dict[int, float] = field(factory=dict, init=False)
    """{number of a probe in flight: when it was given}"""
    _probes_passed: int = field(default=0, init=False)
    _permits: int = field(default=0, init=False)
    _totals: _Totals = field(factory=_Totals, init=False)
    _transitions: deque[Transition] = field(factory=lambda: deque(maxlen=KEPT_TRANSITIONS), init=False)

    def __attrs_post_init__(self) -> None:
        self._window = deque(maxlen=self.config.window)

    # Calls

    def acquire(self, now: float) -> Permit:
        """Ask to make one call.

        Raises:
            CircuitOpen: it is open, isolated, or all probes are in flight; says when to ask again.
        """
        self._pass_time(now)
        until = self._refused_until(now)
        if until is not None:
            self._totals.refused += 1
            raise CircuitOpen(self.name, until)
        self._permits += 1
        permit = Permit(self._epoch, self._permits, now)
        if self._state is BreakerState.HALF_OPEN:
            self._probes[permit.number] = now
        return permit

    def record_success(self, permit: Permit, now: float) -> None:
        """The call of this permit succeeded."""
        self._pass_time(now)
        if self._state is not BreakerState.DISABLED:
            self._totals.successes += 1
            self._judge(permit, failed=False, now=now)

    def record_failure(self, permit: Permit, now: float, open_until: float | None = None) -> None:
        """The call of this permit failed.

        Args:
            permit: from `acquire`.
            now: the time.
            open_until: until when the server itself told us to stay away, from Retry-After or a ban. Opens
                the breaker at once, and is heard from a permit of an earlier epoch too.
        """
        self._pass_time(now)
        if self._state is not BreakerState.DISABLED:
            self._totals.failures += 1
            self._judge(permit, failed=True, now=now)
        if open_until is not None:
            self.open_until(open_until, now)

    def release(self, permit: Permit) -> None:
        """The call of this permit was cancelled or never made: no verdict."""
        self._totals.released += 1
        if permit.epoch == self._epoch:
            self._probes.pop(permit.number, None)

    # What an operator, or the server, decides

    def open_until(self, until: float, now: float) -> None:
        """Refuse calls until this time, or longer if it is open for longer.

        A time that has passed changes nothing, nor does any while an operator's state is in force.
        """
        self._pass_time(now)
        if not until > now or self._state in _MANUAL:
            return
        if self._state is BreakerState.OPEN:
            self._until = max(self._until, until)
        else:
            self._open(until, now)

    def isolate(self, now: float) -> None:
        """Refuse every call until `reset`, `disable` or `observe_only`."""
        self._pass_time(now)
        self._go(BreakerState.ISOLATED, now)

    def disable(self, now: float) -> None:
        """Let every call pass and record nothing, until `reset`."""
        self._pass_time(now)
        self._go(BreakerState.DISABLED, now)

    def observe_only(self, now: float) -> None:
        """Let every call pass but go on recording (METRICS_ONLY), until `reset`."""
        self._pass_time(now)
        self._go(BreakerState.METRICS_ONLY, now)

    def reset(self, now: float) -> None:
        """Close it and forget the failures. Calls in flight no longer count."""
        self._pass_time(now)
        self._close(now)

    # What it tells

    def state(self, now: float) -> BreakerState:
        """The state at this moment: an opening that has run out reads HALF_OPEN, without anyone calling."""
        self._pass_time(now)
        return self._state

    def retry_at(self, now: float) -> float:
        """When to ask next: `now` if a call may pass, `math.inf` if only an operator can change it."""
        self._pass_time(now)
        until = self._refused_until(now)
        return now if until is None else until

    def statistics(self, now: float) -> BreakerStatistics:
        """All that can be known of it, at this moment."""
        return BreakerStatistics(
            state=self.state(now),
            epoch=self._epoch,
            retry_at=self.retry_at(now),
            consecutive_failures=self._in_a_row,
            calls_in_window=len(self._window),
            failure_rate=self._rate(),
            probes_in_flight=len(self._probes),
            openings=self._openings,
            successes=self._totals.successes,
            failures=self._totals.failures,
            released=self._totals.released,
            refused=self._totals.refused,
            late=self._totals.late,
            written_off=self._totals.written_off,
        )

    def drain_transitions(self) -> list[Transition]:
        """The transitions since the last drain, oldest first; of more than 64 the last 64."""
        drained = list(self._transitions)
        self._transitions.clear()
        return drained

    def copy(self) -> Self:
        """An independent breaker in the same state. For tests, and for looking ahead."""
        return copy.deepcopy(self)

    # The machine

    def _pass_time(self, now: float) -> None:
        """Do what time alone does. Each step is stamped with the moment it was due, not when we were asked."""
        if self._state is BreakerState.HALF_OPEN and self._probes:
            # Probes are given in order, so the first is the oldest.
            due = next(iter(self._probes.values())) + self.config.probe_within
            if now >= due:
                self._totals.written_off += 1
                self._trip(due)
        if self._state is BreakerState.OPEN and now >= self._until:
            self._go(BreakerState.HALF_OPEN, self._until)

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

    def _judge(self, permit: Permit, *, failed: bool, now: float) -> None:
        if permit.epoch != self._epoch:
            self._totals.late += 1
        elif self._state is BreakerState.HALF_OPEN:
            self._judge_probe(permit, failed=failed, now=now)
        else:
            self._remember(failed=failed)
            if self._state is BreakerState.CLOSED and self._tripped():
                self._trip(now)

    def _judge_probe(self, permit: Permit, *, failed: bool, now: float) -> None:
        if self._probes.pop(permit.number, None) is None:
            return  # Reported twice, or after its release: one probe must not close the breaker alone.
        if failed:
            self._trip(now)
            return
        self._probes_passed += 1
        if self._probes_passed >= self.config.successes:
            self._close(now)

    def _remember(self, *, failed: bool) -> None:
        if len(self._window) == self.config.window:
            self._window_failures -= self._window[0]
        self._window.append(failed)
        self._window_failures += failed
        self._in_a_row = self._in_a_row + 1 if failed else 0

    def _tripped(self) -> bool:
        rate, limit = self._rate(), self.config.failure_rate
        too_often = rate is not None and limit is not None and rate >= limit
        return too_often or self._in_a_row >= self.config.failures

    def _rate(self) -> float | None:
        calls = len(self._window)
        return self._window_failures / calls if calls >= self.config.minimum_calls else None

    def _trip(self, now: float) -> None:
        self._open(now + self.config.wait(self._openings + 1), now)

    def _open(self, until: float, now: float) -> None:
        self._openings += 1
        self._until = until
        self._go(BreakerState.OPEN, now)

    def _close(self, now: float) -> None:
        self._openings = 0
        self._go(BreakerState.CLOSED, now)

    def _go(self, after: BreakerState, now: float) -> None:
        if after is not self._state:
            self._transitions.append(Transition(self.name, self._state, after, now))
        self._state = after
        self._epoch += 1
        self._in_a_row = self._window_failures = self._probes_passed = 0
        self._window.clear()
        self._probes.clear()
