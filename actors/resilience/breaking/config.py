"""When a breaker opens, for how long, and what closes it: its options, and the words in which it tells what it did."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, TypedDict

from attrs import Attribute, field, frozen

from actors.errors import CircuitOpen
from actors.errors.checks import count, number, refuse, seconds
from supervisor.backoff import Backoff, is_count, is_number

__all__ = [
    "BreakerConfig",
    "BreakerOptions",
    "BreakerState",
    "BreakerStatistics",
    "Permit",
    "Refusal",
    "Transition",
    "in_a_row",
]


class BreakerState(StrEnum):
    """What a breaker does with calls; `machine` says how it gets from one state to another."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    ISOLATED = "isolated"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"


def _check_minimum_calls(config: BreakerConfig, attribute: Attribute[Any], value: Any) -> None:
    if config.window_seconds is not None:
        count(20)(config, attribute, value)
    elif not is_count(value) or value > config.window:
        # A window that never holds enough calls would never trip (resilience4j #903).
        expected = f"a count from 1 to window={config.window!r}, for example minimum_calls={min(20, config.window)}"
        refuse(config, attribute, value, expected)


def _check_open_maximum(config: BreakerConfig, attribute: Attribute[Any], value: Any) -> None:
    if not is_number(value) or value < config.open_for:
        example = f"for example open_maximum={10 * config.open_for!r}"
        refuse(config, attribute, value, f"seconds, no less than open_for={config.open_for!r}, {example}")


def _check_slow_rate(config: BreakerConfig, attribute: Attribute[Any], value: Any) -> None:
    _check_rate(config, attribute, value)
    if value is not None and config.slow_after is None:
        refuse(config, attribute, value, "None where slow_after is None, as no call is slow then; for example slow_after=2.0")


_check_rate = number(lambda rate: 0 < rate <= 1, "a share above 0, up to 1, or None", "0.5", optional=True)
_check_factor = number(lambda factor: factor >= 1, "a number of 1 or more", "2.0")
_check_jitter = number(lambda jitter: 0 <= jitter <= 1, "a share from 0 to 1", "0.1")
_check_seconds = number(lambda value: value > 0, "seconds above 0, or None", "60.0", optional=True)


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
    slow_after: float | None = field(default=None, validator=_check_seconds)
    """A call that takes this many seconds or more is slow, whether it fails or not; None: no call is."""
    slow_rate: float | None = field(default=None, validator=_check_slow_rate)
    """This share of slow calls among the last calls opens it, and a slow probe is a failed one; None: they are only counted."""
    window: int = field(default=100, validator=count(100))
    """How many calls the rates look back on."""
    window_seconds: float | None = field(default=None, validator=_check_seconds)
    """How many seconds the rates look back on, instead of `window` calls. There must be `minimum_calls` within it, so a
    rate over a short time says nothing where there is little traffic."""
    minimum_calls: int = field(default=20, validator=_check_minimum_calls)
    """With fewer calls in the window there is no rate."""
    open_for: float = field(default=30.0, validator=seconds(30.0))
    """Seconds that the first opening lasts."""
    open_factor: float = field(default=2.0, validator=_check_factor)
    """Each further opening lasts this many times longer, until a closing."""
    open_maximum: float = field(default=300.0, validator=_check_open_maximum)
    """Seconds; no opening lasts longer, unless the server names a time."""
    open_jitter: float = field(default=0.0, validator=_check_jitter)
    """Share, 0 to 1, by which an opening is longer or shorter, so that many bots do not come back in the same instant."""
    hint_maximum: float = field(default=259_200.0, validator=seconds(259_200.0))
    """Seconds; what a server asks for beyond it is cut. Three days is the longest ban that is known of an exchange."""
    probes: int = field(default=1, validator=count(1))
    """Probes in flight at once while it is half-open."""
    successes: int = field(default=2, validator=count(2))
    """Successful probes that close it."""
    probe_within: float = field(default=60.0, validator=seconds(60.0))
    """Seconds after which a probe that has not reported is written off as a failure."""
    ask_again: float = field(default=1.0, validator=seconds(1.0))
    """Seconds after which a caller should ask again that was refused because all probes are in flight."""

    def wait(self, opening: int, random: float = 0.5) -> float:
        """Seconds that the n-th opening since the last closing lasts, counted from 1.

        Args:
            opening: n.
            random: a number in [0, 1) for the jitter; 0.5 gives the middle.
        """
        growth = Backoff(initial=self.open_for, maximum=self.open_maximum, factor=self.open_factor, jitter=self.open_jitter)
        return growth.delay(opening, random)

    @property
    def rated(self) -> bool:
        """Whether a rate can open it."""
        return self.failure_rate is not None or self.slow_rate is not None


class BreakerOptions(TypedDict, total=False):
    """The fields of `BreakerConfig`, as keyword arguments."""

    failures: int
    failure_rate: float | None
    slow_after: float | None
    slow_rate: float | None
    window: int
    window_seconds: float | None
    minimum_calls: int
    open_for: float
    open_factor: float
    open_maximum: float
    open_jitter: float
    hint_maximum: float
    probes: int
    successes: int
    probe_within: float
    ask_again: float


def in_a_row(failures: int) -> str:
    """So many failures, in words."""
    return "1 failure" if failures == 1 else f"{failures} failures in a row"


@frozen
class Permit:
    """Leave to make one call. Report its end exactly once: success, failure, ignored or release."""

    epoch: int
    number: int
    """0 for the permit that all calls share while nothing has to be asked."""
    at: float
    """When it was given."""


@frozen
class Refusal:
    """Why a call must not be made."""

    at: float
    until: float
    """When to ask again; `math.inf` where only an operator lets calls pass."""
    state: BreakerState
    last: str | None
    """The failure that opened it, in words."""
    by: str
    """Who isolated it."""

    def error(self, name: str, until: float) -> CircuitOpen:
        """What to raise.

        Args:
            name: of the breaker.
            until: `until`, in time of the loop that is told.
        """
        isolated = self.state is BreakerState.ISOLATED
        return CircuitOpen(
            name,
            until,
            retry_after=None if self.until == math.inf else self.until - self.at,
            state=self.state.value,
            last=None if isolated else self.last,
            hint=f"isolated by {self.by}; only a reset lets calls pass" if isolated and self.by else None,
        )


@frozen
class Transition:
    """A breaker went from one state to another, or an operator did something to it that left it where it was."""

    name: str
    before: BreakerState
    after: BreakerState
    at: float
    """When: the moment it was due, in seconds of the loop's clock."""
    why: str = ""
    """In words: `5 failures in a row`."""
    by: str = ""
    """Who decided it; empty where nobody did."""


@frozen(kw_only=True)
class BreakerStatistics:
    """A breaker at one moment. The counts are totals since it was made; what is DISABLED counts nothing."""

    state: BreakerState
    epoch: int
    retry_at: float
    """As `BreakerMachine.retry_at`."""
    consecutive_failures: int
    calls_in_window: int
    """0 where no rate is configured: there is no window then."""
    failure_rate: float | None
    """Share of failures among the last calls; None below the minimum of calls, and where no rate is configured."""
    slow_rate: float | None
    """Share of slow calls among the last calls; None as `failure_rate`."""
    probes_in_flight: int
    openings: int
    """Openings since it was last closed; the wait grows with it."""
    openings_total: int
    changed_at: float | None
    """When its state changed last; None: it never did."""
    successes: int
    failures: int
    slow: int
    """Successes and failures that took `slow_after` or more."""
    ignored: int
    """Calls that ended with an error that says nothing about the other side."""
    released: int
    """Calls that were cancelled."""
    refused: int
    late: int
    """Results of an earlier epoch, without consequence. They are among the successes and failures too."""
    written_off: int
    """Half-open periods that ended because a probe never reported."""
    hook_errors: int = 0
    """Errors of listeners and predicates, which were logged and changed nothing."""

    @property
    def calls(self) -> int:
        """Calls that were let through and have ended, whatever way."""
        return self.successes + self.failures + self.ignored + self.released
