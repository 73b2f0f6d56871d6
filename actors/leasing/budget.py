"""What an address may spend at an exchange: connection attempts and REST weight, and until when it is banned. No clock.

Theory of operation:

* Attempts count in a strict rolling window (300 in 5 minutes at Binance). Three quarters of it are free. The last quarter is
  kept for who has no connection (`Purpose.SERVE`), and is given out evenly over the time until three quarters are no longer
  used. So a storm is never followed by minutes in which nobody may connect at all: who needs one soon waits some seconds.
* A hand-over must not touch that last quarter, a spare no more than the first half: what they wait for still has a connection.
* At once, only so many attempts are on their way: a few more after each success, half as many after each failure. When an
  exchange comes back, hundreds of streams that wait are not all sent into what may be its next fault; when it is well, that
  costs some round trips.
* Who is refused is told when to ask again, those who ask later a later time: so they do not all ask in the same instant.
* A ban holds for what it says: `Scope.ADDRESS` for everything; `Scope.ROLE` for requests, and for connects too where a
  handshake was answered so.
* *Pressure* is the share that is spent of what is free. It is told when it has changed by `STEP` or reaches 1, and that it is
  below 1 again only from `RELIEF` down: at the edge it would be told with each attempt.
"""

from __future__ import annotations

import math

from attrs import define, field, frozen

from actors.ports import Limits, Role
from actors.protocol import Denial, PressureKind, Purpose
from actors.resilience import LimiterMachine, RollingWindow

__all__ = ["LeaseBudget", "Shortage"]

STEP = 0.05
RELIEF = 0.9
MOST = 2.0
"""A share is told as no more than this."""
FIRST_FLIGHT, LEAST_FLIGHT, LARGEST_FLIGHT = 16, 4, 64
"""Attempts on their way at once: at the beginning, after failures, after successes."""
WRITTEN_OFF = 60.0
"""Seconds after which an attempt whose outcome nobody told is no longer on its way."""
QUEUE_STEP = 0.05
"""Seconds between those who wait for attempts that are on their way."""
LONGEST_QUEUE = 0.5
LONGEST_TRICKLE = 10.0
"""Seconds; nobody is sent to the back of a line for longer, beyond what is necessary: those before may be gone."""


@frozen
class Shortage:
    """Why something may not be spent now."""

    kind: Denial
    until: float
    """When to ask again."""
    reason: str


@define(eq=False)
class LeaseBudget:
    """Says what may be spent, and counts what is.

    Args:
        limits: the exchange's.
    """

    limits: Limits
    _windows: dict[Role, RollingWindow] = field(init=False)
    """Connection attempts, and REST weight."""
    _limiters: dict[Role, LimiterMachine] = field(init=False)
    _last_attempt: float = field(init=False, default=-math.inf)
    _flight: int = field(init=False, default=FIRST_FLIGHT)
    _on_their_way: dict[int, float] = field(init=False, factory=dict)
    """{lease: when its attempt began}, oldest first"""
    _refused: int = field(init=False, default=0)
    """Attempts that were refused since one was not."""
    _short_until: float = field(init=False, default=-math.inf)
    """A request was refused that had too little weight left; then it will have."""
    _told: dict[PressureKind, float] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        limits = self.limits
        self._windows = {
            Role.STREAM: RollingWindow(limits.attempts, limits.attempts_within),
            Role.REST: RollingWindow(limits.weight, limits.weight_within),
        }
        self._limiters = {role: LimiterMachine(window) for role, window in self._windows.items()}

    # ---- what may be spent

    def shortage(self, role: Role, purpose: Purpose, weight: int, now: float) -> Shortage | None:
        """Why this may not be spent now; None: it may.

        Args:
            role: an attempt to connect, or a request.
            purpose: of an attempt.
            weight: of a request; what is more than ever fits counts as the most that does.
            now: the time.
        """
        banned = self._limiters[role].banned_until
        if banned > now:
            return Shortage(Denial.BANNED, banned, f"the exchange lets our address wait {banned - now:.1f} s longer")
        if role is Role.REST:
            wait = self._limiters[role].delay(now, self._fitting(weight))
            if not wait:
                return None
            self._short_until = max(self._short_until, now + wait)
            return Shortage(Denial.PACED, now + wait, f"the weight of requests within {self.limits.weight_within:g} s is spent")
        found = self._no_attempt(purpose, now)
        self._refused += found is not None
        return found

    def spend(self, role: Role, weight: int, now: float) -> None:
        """Count what `shortage` had nothing against."""
        if role is Role.STREAM:
            self._last_attempt, self._refused, weight = now, 0, 1
        self._limiters[role].try_take(now, self._fitting(weight) if role is Role.REST else weight)

    def began(self, lease: int, now: float) -> None:
        """An attempt under this lease is on its way."""
        self._on_their_way[lease] = now

    def ended(self, lease: int, *, ok: bool | None) -> None:
        """It is no longer; None: it was given up. What has not begun, or has ended, changes nothing."""
        if self._on_their_way.pop(lease, None) is None or ok is None:
            return
        self._flight = min(self._flight + 1, LARGEST_FLIGHT) if ok else max(self._flight // 2, LEAST_FLIGHT)

    def _fitting(self, weight: int) -> int:
        return max(1, min(weight, self.limits.weight))

    def _no_attempt(self, purpose: Purpose, now: float) -> Shortage | None:
        limit, within = self.limits.attempts, self.limits.attempts_within
        window, reserve = self._windows[Role.STREAM], limit // 4
        if purpose is not Purpose.SERVE:
            kept = reserve if purpose is Purpose.HAND_OVER else limit // 2
            until = window.ready_at(now, min(1 + kept, limit))
            if until > now:
                return Shortage(Denial.POSTPONED, until, "connection attempts are kept for who has no connection")
        until, trickle, left = window.ready_at(now), within / limit, limit - window.used(now)
        if 0 < left <= reserve:
            trickle = max(trickle, (window.ready_at(now, 1 + reserve) - now) / left)
            until = self._last_attempt + trickle
        if until > now:
            behind = min(self._refused * trickle, LONGEST_TRICKLE)
            return Shortage(Denial.PACED, until + behind, f"{limit} connection attempts are allowed within {within:g} s")
        while self._on_their_way and now - next(iter(self._on_their_way.values())) >= WRITTEN_OFF:
            del self._on_their_way[next(iter(self._on_their_way))]
        if len(self._on_their_way) >= self._flight:
            until = now + min(QUEUE_STEP * (1 + self._refused), LONGEST_QUEUE)
            return Shortage(Denial.PACED, until, f"{len(self._on_their_way)} other connection attempts are on their way")
        return None

    # ---- what the exchange says

    def ban(self, until: float, *roles: Role) -> None:
        """Nothing of these roles before this time."""
        for role in roles:
            self._limiters[role].ban_until(until)

    def banned_until(self, role: Role) -> float:
        """Until when; in the past: it is not."""
        return self._limiters[role].banned_until

    def observe(self, now: float, weight: int) -> None:
        """The exchange has counted this much of our weight."""
        self._limiters[Role.REST].observe(now, weight, within=self.limits.weight_within)

    # ---- what is told, and what outlives it

    def used(self, role: Role, now: float) -> int:
        """What counts now."""
        return self._windows[role].used(now)

    def recall(self, role: Role, used: int, at: float, now: float) -> None:
        """A predecessor had spent this much at that time."""
        if now - at < self._windows[role].within:
            self._windows[role].observe(now, used)

    def pressures(self, now: float) -> list[tuple[PressureKind, float]]:
        """The shares that have changed so much that they are worth telling. From 1 on there is too little."""
        free = max(self.limits.attempts - self.limits.attempts // 4, 1)
        weight = self.used(Role.REST, now) / self.limits.weight
        shares = {
            PressureKind.ATTEMPTS: self.used(Role.STREAM, now) / free,
            PressureKind.WEIGHT: max(weight, 1.0) if self._short_until > now else weight,
        }
        changed = [(kind, min(share, MOST)) for kind, share in shares.items() if self._is_news(kind, min(share, MOST))]
        self._told.update(changed)
        return changed

    def _is_news(self, kind: PressureKind, share: float) -> bool:
        told = self._told.get(kind, 0.0)
        if told >= 1.0 > share:
            return share < RELIEF
        return abs(share - told) >= STEP or share >= 1.0 > told or (told > 0.0 == share)
