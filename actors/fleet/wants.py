"""Wants: who wants what. What two want is given up when both have let it go.

Who wants as an actor is counted by its place in the tree: a new life that wants the same once more changes nothing, and what
it wanted goes when its place does. Who does not say who he is, code outside the tree, is counted only. An earlier process is
nobody any more: what it wanted stays wanted, and the first who wants it now takes its place in the count.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from msgspec import Struct

from actors.market import Subscription

__all__ = ["WantRecord", "Wants"]


class WantRecord(Struct, frozen=True):
    """One subscription and who wants it, as it is remembered."""

    subscription: Subscription
    count: int
    """Of those who did not say who they are."""
    holders: tuple[str, ...] = ()
    inherited: bool = False


@define
class _Wanted:
    count: int = 0
    holders: dict[str, None] = field(factory=dict)
    inherited: bool = False
    """The count's one is that of an earlier process."""


@define
class Wants:
    """All that is wanted, in the order in which it came to be."""

    _by: dict[Subscription, _Wanted] = field(init=False, factory=dict)

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription in self._by

    def __len__(self) -> int:
        return len(self._by)

    @property
    def all(self) -> tuple[Subscription, ...]:
        return tuple(self._by)

    def count(self, subscription: Subscription) -> int:
        """How many want it."""
        wanted = self._by.get(subscription)
        return 0 if wanted is None else wanted.count + len(wanted.holders)

    def want(self, subscription: Subscription, holder: str = "") -> None:
        """Somebody wants it.

        Args:
            subscription: what.
            holder: the path of who; empty: that is not known.
        """
        wanted = self._by.setdefault(subscription, _Wanted())
        if holder:
            wanted.holders[holder] = None
            if wanted.inherited:
                wanted.count, wanted.inherited = wanted.count - 1, False
        elif wanted.inherited:
            wanted.inherited = False
        else:
            wanted.count += 1

    def want_once(self, subscription: Subscription, holder: str = "") -> None:
        """As `want`, but those who do not say who they are count as one."""
        if holder or not self._by.get(subscription, _Wanted()).count:
            self.want(subscription, holder)

    def let_go(self, subscription: Subscription, holder: str = "") -> None:
        """Who wanted it does no longer. Who never did changes nothing."""
        wanted = self._by.get(subscription)
        if wanted is None:
            return
        if holder:
            wanted.holders.pop(holder, None)
        elif wanted.count:
            wanted.count, wanted.inherited = wanted.count - 1, False
        if not wanted.count and not wanted.holders:
            del self._by[subscription]

    def gone(self, holder: str) -> bool:
        """The place of who wanted is no more; True: something is not wanted any longer because of that."""
        before = len(self._by)
        for subscription in [one for one, wanted in self._by.items() if holder in wanted.holders]:
            self.let_go(subscription, holder)
        return len(self._by) < before

    def forget(self, subscription: Subscription) -> None:
        """It is not wanted, whoever wanted it."""
        self._by.pop(subscription, None)

    def records(self) -> tuple[WantRecord, ...]:
        """What should be remembered."""
        return tuple(WantRecord(one, wanted.count, tuple(wanted.holders), wanted.inherited) for one, wanted in self._by.items())

    def recall(self, records: Iterable[WantRecord], *, inherited: bool) -> None:
        """Go on where a predecessor was.

        Args:
            records: what it remembered.
            inherited: it was another process's.
        """
        for record in records:
            if inherited:
                self._by[record.subscription] = _Wanted(1, {}, inherited=True)
            else:
                holders = dict.fromkeys(record.holders)
                self._by[record.subscription] = _Wanted(record.count, holders, record.inherited)
