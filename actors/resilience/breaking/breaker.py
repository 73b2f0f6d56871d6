"""A circuit breaker: calls that keep failing are not made for a while, so that the other side recovers and ours goes on.

    binance = CircuitBreaker("binance", failures=5, open_for=30.0)

    @binance                                        binance.call(fetch, "BTCUSDT")              with binance as call:
    async def fetch(symbol: str) -> Price: ...      await binance.acall(fetch, "BTCUSDT")           ... call.fail("too old")

Theory of operation:

* `machine` decides; this gives it the time, under a lock that is held for the decision only. Errors are judged,
  listeners told and predicates asked outside of it.
* While the machine is calm, a call takes no lock and reads no clock: it looks at `door` before and at `calm` after, two reads
  of one attribute. A call that finds the breaker calm at its end has taken effect at that moment: it was a success between
  successes, of which nothing but the count is kept. If another thread's failure is recorded right after the look, that failure
  came after it. Whatever else happens takes the lock, with the permit of the epoch in which the call began.
* Listeners hear of transitions in their order: one thread at a time takes them from the machine and tells them, and whoever
  comes meanwhile leaves its own to that thread.

The module is long because all that takes the lock is read together: who holds it, for what, and what happens after.
"""

from __future__ import annotations

import math
import random as _random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar, Unpack

from attrs import Attribute, define, evolve, field

from actors.errors import classify
from actors.errors.checks import kind_of, refuse
from actors.resilience.breaking.call import BreakerCall
from actors.resilience.breaking.config import (
    BreakerConfig,
    BreakerOptions,
    BreakerState,
    BreakerStatistics,
    Permit,
    Refusal,
    Transition,
    in_a_row,
)
from actors.resilience.breaking.machine import BreakerMachine
from actors.resilience.breaking.verdict import (
    CallVerdict,
    Selector,
    asked_for,
    default_verdict,
    in_words,
    selected,
)
from actors.resilience.choosing import a_choice, as_tuple
from actors.resilience.clock import Clock
from actors.resilience.hooks import complain, plain_function
from actors.resilience.listeners import listeners as _functions
from actors.resilience.listeners import tell
from actors.resilience.locking import Lock, new_lock
from actors.resilience.policy import Async, Policy, refuse_coroutine
from actors.resilience.tally import Tally
from actors.resilience.waiting import who_runs
from supervisor.backoff import is_number
from supervisor.parking import uninterrupted
from supervisor.secrets import redact

__all__ = ["CircuitBreaker"]

P = ParamSpec("P")
R = TypeVar("R")

Listener = Callable[[Transition], object]
"""Is told of a transition; its result does not matter."""

_BY = 200
"""Characters of `by=` that are kept."""


def _check_name(breaker: object, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value:
        refuse(breaker, attribute, value, 'a text, for example name="binance"')


def _check_random(breaker: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        refuse(breaker, attribute, value, "a function that returns a number in [0, 1), for example random=random.random")


def listed(value: Iterable[Listener]) -> tuple[Listener, ...]:
    """A converter: listeners as they are kept."""
    return tuple(value)


@define(eq=False, init=False)
class CircuitBreaker(Policy["BreakerCall"]):
    """Refuses calls while those before them failed. Safe to use from any thread and any loop.

    What is refused raises `CircuitOpen`, at once, and was not sent. The error of a call that was made is never replaced.
    Cancellation is no verdict.

    Args:
        name: what it guards, for errors, transitions and the registry.
        config: when it opens and closes.
        failure_on: which errors are failures; every other one then counts as a success, since the other side answered. None:
            what `classify` says of them decides, by the table in `verdict`.
        ignore: which errors are neither success nor failure. Asked first.
        failed_result: whether a result is a failure.
        listeners: told of every transition, in their order, after it has happened.
        clock: for tests; None for the clock of the loop that runs, or `time.monotonic`.
        random: numbers in [0, 1) for `open_jitter`.
        options: fields of `BreakerConfig`, `failures=3`; they win over `config`.

    Raises:
        SpecError: an option is out of its range; says what was given, what was expected and what to type.
        TypeError: a function that is handed in is an `async def`, or there is no such option.
    """

    name: str = field(validator=_check_name)
    config: BreakerConfig = field(validator=kind_of(BreakerConfig, "a BreakerConfig"))
    failure_on: Selector | None = field(default=None, validator=a_choice, converter=as_tuple)
    ignore: Selector | None = field(default=None, validator=a_choice, converter=as_tuple)
    failed_result: Callable[[Any], bool] | None = field(default=None, validator=plain_function)
    listeners: tuple[Listener, ...] = field(default=(), validator=_functions("print"), converter=listed)
    clock: Callable[[], float] | None = field(default=None, repr=False, validator=plain_function)
    random: Callable[[], float] = field(default=_random.random, repr=False, validator=_check_random)
    _machine: BreakerMachine = field(init=False, repr=False)
    _clock: Clock = field(init=False, repr=False)
    _lock: Lock = field(factory=new_lock, init=False, repr=False)
    _telling: bool = field(default=False, init=False, repr=False)
    """A thread is telling listeners."""
    _calm_successes: Tally = field(factory=Tally, init=False, repr=False)
    """Those of which the machine was not told."""
    _hook_errors: Tally = field(factory=Tally, init=False, repr=False)

    def __init__(
        self,
        name: str,
        config: BreakerConfig | None = None,
        *,
        failure_on: Selector | None = None,
        ignore: Selector | None = None,
        failed_result: Callable[[Any], bool] | None = None,
        listeners: Sequence[Listener] = (),
        clock: Callable[[], float] | None = None,
        random: Callable[[], float] = _random.random,
        **options: Unpack[BreakerOptions],
    ) -> None:
        if config is None:
            config = BreakerConfig(**options)
        elif options and isinstance(config, BreakerConfig):
            config = evolve(config, **options)
        self.__attrs_init__(name, config, failure_on, ignore, failed_result, listeners, clock, random)  # pyright: ignore[reportAttributeAccessIssue]  # attrs writes it
        self._machine = BreakerMachine(name, config, random())
        self._clock = Clock(clock)

    def __str__(self) -> str:
        config = self.config
        limits = [in_a_row(config.failures)]
        if config.failure_rate is not None:
            limits.append(f"{config.failure_rate:.0%} failed")
        if config.slow_rate is not None:
            limits.append(f"{config.slow_rate:.0%} slower than {config.slow_after:g} s")
        return f"CircuitBreaker {self.name}: opens at {' or '.join(limits)}, for {config.open_for:g} s"

    # What it tells

    @property
    def state(self) -> BreakerState:
        """The state now, also if nobody called for a long time."""
        now = self._clock.now()
        with self._lock:
            state = self._machine.state(now)
        self._tell()
        return state

    def retry_after(self) -> float:
        """Seconds until a call may pass: 0 if one may now, `math.inf` if only an operator can change it."""
        now = self._clock.now()
        with self._lock:
            until = self._machine.retry_at(now)
        self._tell()
        return max(0.0, until - now)

    def statistics(self) -> BreakerStatistics:
        """All that can be known of it now; times are those of the loop that asks."""
        now = self._clock.now()
        with self._lock:
            found = self._machine.statistics(now)
        self._tell()
        return evolve(
            found,
            retry_at=self._clock.here(found.retry_at),
            changed_at=None if found.changed_at is None else self._clock.here(found.changed_at),
            successes=found.successes + self._calm_successes.value(),
            hook_errors=self._hook_errors.value(),
        )

    # What an operator decides

    def isolate(self, *, by: str) -> None:
        """Refuse every call until `reset`, `disable` or `observe_only`.

        Args:
            by: who decided it and why, for the listeners and those who are refused.
        """
        self._act(lambda now: self._machine.isolate(now, _named(by)))

    def disable(self, *, by: str) -> None:
        """Let every call pass and record nothing, until `reset`; `by` as for `isolate`."""
        self._act(lambda now: self._machine.disable(now, _named(by)))

    def observe_only(self, *, by: str) -> None:
        """Let every call pass and go on recording, until `reset`; tell once that it would have opened. `by` as there."""
        self._act(lambda now: self._machine.observe_only(now, _named(by)))

    def reset(self, *, by: str) -> None:
        """Close it and forget the failures; calls in flight no longer count. `by` as for `isolate`."""
        self._act(lambda now: self._machine.reset(now, _named(by)))

    def open_for(self, seconds: float, *, by: str = "") -> None:
        """Refuse calls for this long, or longer if it is open for longer. Changes nothing in an operator's state.

        Raises:
            ValueError: not a number of seconds.
        """
        if not is_number(seconds):
            raise ValueError(f"open_for({seconds!r}); expected seconds, for example open_for(30.0)")
        self._act(lambda now: self._machine.open_until(now + seconds, now, "it was asked for", _named(by) if by else ""))

    def open_until(self, moment: float, *, by: str = "") -> None:
        """As `open_for`, until a moment of the clock of the loop that runs: `anyio.current_time() + 30.0`.

        Raises:
            ValueError: no moment.
        """
        if not is_number(moment):
            raise ValueError(f"open_until({moment!r}); expected a time of the loop, for example anyio.current_time() + 30.0")
        until = self._clock.on_axis(moment)
        self._act(lambda now: self._machine.open_until(until, now, "it was asked for", _named(by) if by else ""))

    def listen(self, listener: Listener) -> None:
        """Tell one more listener of every transition from now on.

        Raises:
            TypeError: it is an `async def`, which nobody would await.
        """
        with self._lock:
            self.listeners = (*self.listeners, listener)

    # Calls

    def _wrapped(self, function: Callable[P, R]) -> Callable[P, R]:
        machine, ask, ended_well, ended_badly = self._machine, self._ask, self._ended_well, self._ended_badly
        count, judge = self._calm_successes.add, self.failed_result

        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            permit = machine.door
            if permit is None:
                permit = ask()
            try:
                result = function(*args, **kwargs)
                if type(result) is CoroutineType:
                    refuse_coroutine(result)
            except BaseException as error:
                ended_badly(permit, error)
                raise
            if machine.calm is permit and judge is None:
                count()
            else:
                ended_well(permit, result)
            return result

        return guarded

    def _awrapped(self, function: Callable[P, Awaitable[R]]) -> Async[P, R]:
        machine, ask, ended_well, ended_badly = self._machine, self._ask, self._ended_well, self._ended_badly
        count, judge = self._calm_successes.add, self.failed_result

        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            permit = machine.door
            if permit is None:
                permit = ask()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                ended_badly(permit, error)
                raise
            if machine.calm is permit and judge is None:
                count()
            else:
                ended_well(permit, result)
            return result

        return guarded

    def _passage(self) -> BreakerCall:
        return BreakerCall(self)

    # What the wrappers and blocks call

    def _ask(self) -> Permit:
        """Leave to make a call, from the machine.

        Raises:
            CircuitOpen: not now.
        """
        given = self._acquire()
        if self._machine.untold:
            try:
                self._tell()
            except BaseException:  # a listener was interrupted
                if isinstance(given, Permit):
                    self._release(given)
                raise
        if isinstance(given, Permit):
            return given
        raise given.error(self.name, self._clock.here(given.until))

    def _ended_well(self, permit: Permit, result: object) -> None:
        judge = self.failed_result
        if judge is not None:
            try:
                failed = judge(result)
            except Exception as broken:  # noqa: BLE001  # the call succeeded, and its result is not lost for a predicate
                self._complain("failed_result failed", broken)
                failed = False
            if failed:
                self._settle(permit, CallVerdict.FAILURE, None, "a result that counts as a failure")
                return
        if self._machine.calm is permit:
            self._calm_successes.add()
        else:
            self._settle(permit, CallVerdict.SUCCESS)

    def _ended_badly(self, permit: Permit, error: BaseException) -> None:
        if not isinstance(error, Exception):
            self._release(permit)
            return
        verdict = self._verdict(error)
        if verdict is CallVerdict.FAILURE:
            self._settle(permit, verdict, asked_for(error, self.config.hint_maximum), in_words(error))
        else:
            self._settle(permit, verdict)

    def _verdict(self, error: Exception) -> CallVerdict:
        try:
            if self.ignore is not None and selected(self.ignore, error, wholly=True):
                return CallVerdict.IGNORED
            if self.failure_on is not None:
                return CallVerdict.FAILURE if selected(self.failure_on, error) else CallVerdict.SUCCESS
        except Exception as broken:  # noqa: BLE001  # the caller is to get the error of the call, not that of a predicate
            self._complain("a predicate failed", broken)
        return default_verdict(classify(error))

    def _settle(self, permit: Permit, verdict: CallVerdict, hint: float | None = None, words: str | None = None) -> None:
        """Have the machine know how a call ended, and tell what follows.

        Args:
            permit: of the call.
            verdict: what its end counts as.
            hint: seconds that the other side asked for.
            words: the failure.
        """
        self._record(permit, verdict, hint, words)
        if self._machine.untold:
            self._tell()

    @uninterrupted
    def _acquire(self) -> Permit | Refusal:
        now = self._clock.now()
        # Who asks matters only to probes. If the state changes right after the look, nobody knows whose probe it is.
        holder = None if self._machine.closed else who_runs()
        with self._lock:
            return self._machine.try_acquire(now, holder)

    @uninterrupted
    def _record(self, permit: Permit, verdict: CallVerdict, hint: float | None, words: str | None) -> None:
        machine = self._machine
        if verdict is CallVerdict.SUCCESS:
            # While it is closed, time matters only to calls that are timed, which get no shared permit, and to a time window.
            now = -math.inf if not permit.number and self.config.window_seconds is None else self._clock.now()
            with self._lock:
                machine.record_success(permit, now)
        elif verdict is CallVerdict.FAILURE:
            now = self._clock.now()
            with self._lock:
                machine.record_failure(permit, now, None if hint is None else now + hint, words)
        else:
            with self._lock:
                machine.record_ignored(permit)

    @uninterrupted
    def _release(self, permit: Permit) -> None:
        with self._lock:
            self._machine.release(permit)

    def _act(self, act: Callable[[float], None]) -> None:
        now = self._clock.now()
        with self._lock:
            act(now)
        self._tell()

    def _tell(self) -> None:
        """Tell the listeners what nobody has told them, unless a thread is at it: it goes on until there is nothing left."""
        machine = self._machine
        while machine.untold:
            with self._lock:
                if self._telling or not machine.untold:
                    return
                self._telling = True
                transition = machine.untold.popleft()
            try:
                if transition.after is BreakerState.OPEN:
                    self._spread()
                if self.listeners:
                    seen = evolve(transition, at=self._clock.here(transition.at))
                    for _ in range(tell(self.listeners, seen, str(self))):
                        self._hook_errors.add()
            finally:
                self._telling = False

    def _spread(self) -> None:
        """See to it that the next opening lasts differently."""
        try:
            self._machine.chance = self.random()
        except Exception as broken:  # noqa: BLE001  # handed in, and not what the call is about
            self._complain("random failed", broken)

    def _complain(self, what: str, error: Exception) -> None:
        self._hook_errors.add()
        complain(what, error, str(self))


def _named(by: str) -> str:
    """Who and why, bounded and without secrets.

    Raises:
        ValueError: nobody.
    """
    if not isinstance(by, str) or not by.strip():
        raise ValueError(f'by={by!r}; expected who decides it and why, for example by="anna: exchange in maintenance"')
    return str(redact(by))[:_BY]
