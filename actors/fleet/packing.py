"""Packing: which subscriptions go onto which stream.

The rules:

1. What is placed stays where it is as long as it is wanted: to move is to unsubscribe and subscribe, which is a hole.
2. Subscriptions of one instrument share a stream as far as there is room. A stream has so many instruments and so many
   subscriptions at most; one instrument per stream means that a fault hits one instrument alone.
3. While connections are to be merged, what is new goes onto the emptiest stream that lives, whatever its instruments, and so
   does what is on streams that are down: for it, there is no hole to make. Where none lives, nothing moves: who comes back
   first is not known. What was merged stays so, by rule 1.

A stream is named after its instrument where it has one, else `streams-1`, `streams-2` ...
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping

from attrs import define, field

from actors.errors.checks import count
from actors.market import Subscription

__all__ = ["Packing"]


@define
class Packing:
    """Streams and what is on them.

    Args:
        at_most: subscriptions per stream.
        instruments: per stream.

    Raises:
        SpecError: one of them is no count.
    """

    at_most: int = field(validator=count(1024))
    instruments: int = field(default=1, validator=count(1))
    _streams: dict[str, dict[Subscription, None]] = field(init=False, factory=dict)
    _of: dict[Subscription, str] = field(init=False, factory=dict)
    _carries: dict[str, dict[str, int]] = field(init=False, factory=dict)
    """{stream: {native symbol: how many of its subscriptions}}"""
    _serving: dict[str, dict[str, None]] = field(init=False, factory=dict)
    """{native symbol: the streams that have some of its subscriptions}"""

    @property
    def streams(self) -> dict[str, tuple[Subscription, ...]]:
        """What is on which stream. No stream is empty."""
        return {name: tuple(share) for name, share in self._streams.items()}

    def of(self, subscription: Subscription) -> str:
        """The stream that has it; empty: none."""
        return self._of.get(subscription, "")

    def recall(self, streams: Mapping[str, Iterable[Subscription]]) -> None:
        """Begin with streams that exist already, however they came about."""
        for name, share in streams.items():
            for subscription in share:
                if subscription not in self._of:
                    self._put(name, subscription)

    def place(self, wanted: Iterable[Subscription]) -> None:
        """Make the streams carry what is wanted, and nothing else."""
        self._place(wanted, self._stream_for)

    def merge(self, wanted: Iterable[Subscription], down: Collection[str]) -> None:
        """As `place`, but let what is new, and what is on streams that are down, share the streams that live."""
        wanted = list(wanted)
        self._place([one for one in wanted if one in self._of], self._stream_for)
        living = [name for name in self._streams if name not in down]
        for subscription in [one for one, name in self._of.items() if name in down]:
            host = self._emptiest(living)
            if host is None:
                break  # they are full, or none lives: the rest waits for connections of its own
            self._take(subscription)
            self._put(host, subscription)
        self._place(wanted, lambda subscription: self._emptiest(living) or self._stream_for(subscription))

    def _place(self, wanted: Iterable[Subscription], choose: Callable[[Subscription], str]) -> None:
        wanted = dict.fromkeys(wanted)
        for subscription in [one for one in self._of if one not in wanted]:
            self._take(subscription)
        for subscription in wanted:
            if subscription not in self._of:
                self._put(choose(subscription), subscription)

    # ---- where to

    def _stream_for(self, subscription: Subscription) -> str:
        """The stream of its instrument, else one with room for another instrument, else a new one."""
        native = subscription.instrument.native
        alone = native.replace("/", "-")  # a name is part of a path
        for name in self._serving.get(native, ()):
            if len(self._streams[name]) < self.at_most:
                return name
        if self.instruments == 1:
            return self._unused(itertools.chain([alone], (f"{alone}-{number}" for number in itertools.count(2))))
        for name, carried in self._carries.items():
            if len(carried) < self.instruments and len(self._streams[name]) < self.at_most:
                return name
        return self._unused(f"streams-{number}" for number in itertools.count(1))

    def _unused(self, names: Iterable[str]) -> str:
        return next(name for name in names if name not in self._streams)

    def _emptiest(self, hosts: Iterable[str]) -> str | None:
        """The one with the most room; None: they are full, or there is none."""
        best = min(hosts, key=lambda name: len(self._streams[name]), default=None)
        return None if best is None or len(self._streams[best]) >= self.at_most else best

    # ---- books

    def _put(self, name: str, subscription: Subscription) -> None:
        native = subscription.instrument.native
        self._streams.setdefault(name, {})[subscription] = None
        self._of[subscription] = name
        carried = self._carries.setdefault(name, {})
        carried[native] = carried.get(native, 0) + 1
        self._serving.setdefault(native, {})[name] = None

    def _take(self, subscription: Subscription) -> None:
        name, native = self._of.pop(subscription), subscription.instrument.native
        del self._streams[name][subscription]
        self._carries[name][native] -= 1
        if not self._carries[name][native]:
            del self._carries[name][native], self._serving[native][name]
        if not self._serving[native]:
            del self._serving[native]
        if not self._streams[name]:
            del self._streams[name], self._carries[name]
