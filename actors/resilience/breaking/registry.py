"""Breakers by name: whoever asks for `binance` anywhere in the program gets the same one."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypedDict, Unpack

from attrs import asdict, define, evolve, field

from actors.errors.checks import count
from actors.resilience.breaking.breaker import CircuitBreaker, Listener, listed
from actors.resilience.breaking.config import BreakerConfig, BreakerOptions, BreakerStatistics
from actors.resilience.breaking.verdict import Selector
from actors.resilience.listeners import listeners as _functions
from actors.resilience.locking import Lock, new_lock
from supervisor import SpecError

__all__ = ["BreakerRegistry", "default_breakers"]

SHOWN = 20
"""Names that an error tells of."""


class _Given(TypedDict):
    failure_on: Selector | None
    ignore: Selector | None
    failed_result: Callable[[Any], bool] | None


@define(eq=False)
class BreakerRegistry:
    """Makes each breaker once. Safe to use from any thread.

    Names are for a bounded set of things, exchanges or endpoints, and so is what counts by them: metrics, dashboards. A name
    per request would be a leak, and is refused at the `limit`.

    Args:
        limit: how many breakers there may be.
        listeners: as for `CircuitBreaker`, for each of them.
    """

    limit: int = field(default=256, validator=count(256))
    listeners: tuple[Listener, ...] = field(default=(), validator=_functions("print"), converter=listed)
    _breakers: dict[str, CircuitBreaker] = field(factory=dict, init=False, repr=False)
    _lock: Lock = field(factory=new_lock, init=False, repr=False)

    def get(
        self,
        name: str,
        config: BreakerConfig | None = None,
        *,
        failure_on: Selector | None = None,
        ignore: Selector | None = None,
        failed_result: Callable[[Any], bool] | None = None,
        **options: Unpack[BreakerOptions],
    ) -> CircuitBreaker:
        """The breaker of this name; made with these options if there is none.

        Args:
            name: what it guards.
            config: as for `CircuitBreaker`. Without it, what the options do not name is as it is.
            failure_on: as for `CircuitBreaker`.
            ignore: as for `CircuitBreaker`.
            failed_result: as for `CircuitBreaker`.
            options: fields of `BreakerConfig`.

        Raises:
            SpecError: an option is not what the breaker was made with (both are said), an option is out of its range, or
                there are too many names.
        """
        given: _Given = {"failure_on": failure_on, "ignore": ignore, "failed_result": failed_result}
        with self._lock:
            breaker = self._breakers.get(name)
            if breaker is None:
                if len(self._breakers) >= self.limit:
                    raise SpecError(
                        "BreakerRegistry.limit",
                        self.limit,
                        f"no more names than that, and {name!r} would be one more; name what is guarded (an exchange, an "
                        f"endpoint), not a request, or type BreakerRegistry(limit={2 * self.limit})",
                    )
                breaker = CircuitBreaker(name, config, listeners=self.listeners, **given, **options)
                self._breakers[name] = breaker
                return breaker
        wanted = {key: value for key, value in given.items() if value is not None}
        wanted.update(asdict(evolve(config, **options)) if config is not None else options)
        self._compare(breaker, wanted)
        return breaker

    def find(self, name: str) -> CircuitBreaker:
        """The breaker of this name, which is there: for operators, whose slip must not make another one.

        Args:
            name: what it guards.

        Raises:
            LookupError: there is none; says which there are.
        """
        with self._lock:
            breaker = self._breakers.get(name)
            names = sorted(self._breakers)
        if breaker is None:
            near = get_close_matches(name, names, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise LookupError(f"there is no breaker {name!r}; {meant}expected one of: {', '.join(names[:SHOWN]) or 'none yet'}")
        return breaker

    def listen(self, listener: Listener) -> None:
        """Tell one more listener of every transition of every breaker here, of those still to be made too.

        Raises:
            TypeError: it is an `async def`, which nobody would await.
        """
        with self._lock:
            self.listeners = (*self.listeners, listener)
            breakers = tuple(self._breakers.values())
        for breaker in breakers:
            breaker.listen(listener)

    def all(self) -> tuple[CircuitBreaker, ...]:
        """All breakers, in the order in which they were made."""
        with self._lock:
            return tuple(self._breakers.values())

    def statistics(self) -> dict[str, BreakerStatistics]:
        """{name: its statistics}"""
        return {breaker.name: breaker.statistics() for breaker in self.all()}

    def __str__(self) -> str:
        breakers = self.all()
        return "\n".join([f"breakers: {len(breakers)}", *(f"  {breaker}; now {breaker.state}" for breaker in breakers)])

    def clear(self) -> None:
        """Forget all breakers, for tests. Who holds one still has it."""
        with self._lock:
            self._breakers.clear()

    def _compare(self, breaker: CircuitBreaker, wanted: dict[str, Any]) -> None:
        for option, value in wanted.items():
            # Not by `hasattr`: a breaker has a method `open_for`, its configuration a number.
            made = getattr(breaker if option in _Given.__annotations__ else breaker.config, option)
            if made != (tuple(value) if isinstance(value, list) else value):
                raise SpecError(
                    f"{option} of the breaker {breaker.name!r}",
                    value,
                    f"{made!r}, with which it was made; leave the option out, or take another name",
                )


default_breakers: BreakerRegistry = BreakerRegistry()
"""The breakers of `@circuit_breaker(name)`."""
