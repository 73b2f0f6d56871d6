"""What of leasing outlives a ConnectionManager: open breakers, isolation, the order in force, what is spent, bans.

All instants are kept in seconds since 1970: the loop's clock means nothing to the next process.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import frozen

from actors.leasing.machine import Leasing
from actors.ports import Role
from actors.protocol import UseEndpoints
from supervisor import Actor, Message

__all__ = ["LeaseMemory"]


class _OpenBreaker(Message, frozen=True):
    """A restarted manager must not dial what its predecessor gave up on."""

    until: float


class _Isolated(Message, frozen=True):
    """An operator's word holds until the operator takes it back."""

    endpoint: str


class _Spent(Message, frozen=True):
    """The exchange's limits count on, whoever manages them."""

    attempts: int
    weight: int
    at: float
    banned_until: float
    connects_banned_until: float = -math.inf


@frozen(eq=False)
class LeaseMemory:
    """Remembers for an actor.

    Args:
        actor: whose memory it is.
        leasing: what is remembered, and what is recalled into.
    """

    actor: Actor[Any]
    leasing: Leasing

    def recall(self, now: float) -> list[str]:
        """Put all of it in force again; the endpoints whose breakers were open, and are so no longer than what was left."""
        actor, leasing = self.actor, self.leasing
        loop_clock = actor.context.loop_clock
        spent = actor.recall(_Spent)
        if spent is not None:
            leasing.budget.recall(Role.STREAM, spent.attempts, loop_clock(spent.at), now)
            leasing.budget.recall(Role.REST, spent.weight, loop_clock(spent.at), now)
            leasing.budget.ban(loop_clock(spent.banned_until), Role.REST)
            leasing.budget.ban(loop_clock(spent.connects_banned_until), Role.STREAM)
        opened = [name for name in actor.recall_all(_OpenBreaker) if name in leasing.endpoints]
        for name in opened:
            # Also where that time has passed: it is tried with care, and its recovery is told to who gave it up.
            until = loop_clock(actor.recall_all(_OpenBreaker)[name].until)
            leasing.breakers[name].open_until(max(until, math.nextafter(now, math.inf)), now)
            leasing.breakers[name].drain_transitions()
        for isolated in actor.recall_all(_Isolated).values():
            leasing.isolate(isolated.endpoint, now)
        for use in actor.recall_all(UseEndpoints).values():
            leasing.use(use.role, use.order)
        return opened

    def order(self, use: UseEndpoints) -> None:
        """This order is in force."""
        self.actor.remember(use, key=use.role.value)

    def opened(self, endpoint: str, until: float) -> None:
        """Its breaker is open until then."""
        self.actor.remember(_OpenBreaker(self.actor.context.wall_clock(until)), key=endpoint)

    def closed(self, endpoint: str) -> None:
        """Its breaker is closed."""
        self.actor.forget(endpoint)

    def isolated(self, endpoint: str) -> None:
        """It is out of use."""
        self.actor.remember(_Isolated(endpoint), key=f"isolated {endpoint}")

    def released(self, endpoint: str) -> None:
        """It is no longer."""
        self.actor.forget(f"isolated {endpoint}")

    def spent(self, now: float) -> None:
        """What is spent now, and until when our address is banned."""
        budget, wall_clock = self.leasing.budget, self.actor.context.wall_clock
        self.actor.remember(
            _Spent(
                budget.used(Role.STREAM, now),
                budget.used(Role.REST, now),
                wall_clock(now),
                wall_clock(budget.banned_until(Role.REST)),
                wall_clock(budget.banned_until(Role.STREAM)),
            )
        )
