"""Which fault comes when: all kinds, in an order that a seed chooses, again and again. Pure.

A deck holds every kind once and is played in a random order, so that no kind is left out for long. What lasts until it is
ended (half-open sockets, throttles, refused subscriptions, errors at the door) ends at the end of each deck.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from attrs import define, field, frozen

from actors.simulator import faults

__all__ = ["DECK", "OUTAGE_EVERY", "Kind", "Plan", "Step"]


class Kind(StrEnum):
    ABORT = "abort"
    CLOSE = "close"
    STALL_STREAM = "stall a stream"
    STALL_CONNECTION = "stall a connection"
    HALF_OPEN = "half open"
    CORRUPT = "corrupt"
    GAP = "gap"
    LATENCY = "latency"
    REFUSE = "refuse"
    SHUTDOWN = "shutdown notice"
    THROTTLE = "throttle"
    SLOW_READER = "slow reader"
    HTTP_ERROR = "http error"
    HANDSHAKE_ERROR = "handshake error"
    BAN = "ban"
    REFUSE_SUBSCRIPTION = "refuse subscription"
    OUTAGE = "outage"
    """The first endpoint is gone with all its connections. Not in every deck."""
    END = "end"
    """What lasts ends."""


DECK = tuple(kind for kind in Kind if kind not in (Kind.OUTAGE, Kind.END))
"""All that comes once per deck."""
OUTAGE_EVERY = 8
"""Decks from one outage to the next. All connections begin at one endpoint: an outage of that costs all of them."""
STREAMS = ("trade", "bookTicker", "depth@100ms", "aggTrade", "miniTicker")
CODES = (1000, 1001, 1011, 1012, 1013)
"""Of closes. 1008 is left out: it says that we send too much, and a bot is right to merge its connections then."""
HTTP_STATUSES = (429, 500, 502, 503)


@frozen
class Step:
    """What is done at one moment."""

    at: float
    """Seconds from the beginning."""
    kind: Kind
    commands: tuple[faults.Command, ...]


@define(eq=False)
class Plan:
    """A plan without an end.

    Args:
        symbols: native ones, `BTCUSDT`.
        endpoints: how many there are.
        seed: the same seed gives the same plan.
        every: seconds between two faults.
        first_outage: the deck that has the first outage, from 0.
    """

    symbols: Sequence[str]
    endpoints: int = 2
    seed: int = 0
    every: float = 1.0
    first_outage: int = 1
    _random: random.Random = field(init=False)

    def steps(self) -> Iterator[Step]:
        """All steps, in the order of their times."""
        self._random = random.Random(f"{self.seed}:soak")
        later: list[Step] = []
        begins, decks = 0.0, 0
        while True:
            deck: list[Kind] = [*DECK, *([Kind.OUTAGE] if decks % OUTAGE_EVERY == self.first_outage else [])]
            self._random.shuffle(deck)
            steps: list[Step] = []
            for number, kind in enumerate(deck):
                at = begins + (number + 0.8 * self._random.random()) * self.every
                steps += self._steps(kind, at)
            decks, begins = decks + 1, begins + (len(deck) + 1) * self.every
            ended = Step(begins - 0.1 * self.every, Kind.END, (faults.Resume(),))
            steps = sorted([*later, *steps, ended], key=lambda step: step.at)
            later = [step for step in steps if step.at >= begins]
            yield from (step for step in steps if step.at < begins)

    def _steps(self, kind: Kind, at: float) -> list[Step]:
        """A fault, and its end where that is a step of its own."""
        step = Step(at, kind, self._commands(kind))
        ends: dict[Kind, tuple[float, tuple[faults.Command, ...]]] = {
            Kind.LATENCY: (3.0, (faults.Latency(delay=0.0),)),
            Kind.REFUSE: (3.0, (faults.Accept(),)),
            Kind.OUTAGE: (4.0, (faults.Accept(),)),
        }
        if kind not in ends:
            return [step]
        lasts, commands = ends[kind]
        return [step, Step(at + lasts * self.every, Kind.END, commands)]

    def _commands(self, kind: Kind) -> tuple[faults.Command, ...]:
        some, stream = self._random.randint(1, 3), self._stream()
        seconds = self._random.uniform(3.0, 20.0) * self.every
        endpoint = self._random.randint(1, self.endpoints)
        make: dict[Kind, Callable[[], tuple[faults.Command, ...]]] = {
            Kind.ABORT: lambda: (faults.Abort(count=some),),
            Kind.CLOSE: lambda: (faults.Close(count=some, code=self._random.choice(CODES)),),
            Kind.STALL_STREAM: lambda: (faults.Stall(stream=stream, seconds=seconds),),
            Kind.STALL_CONNECTION: lambda: (faults.Stall(count=some, seconds=seconds),),
            Kind.HALF_OPEN: lambda: (faults.HalfOpen(count=1),),
            Kind.CORRUPT: lambda: (faults.Corrupt(stream=stream, count=some),),
            Kind.GAP: lambda: (faults.Gap(symbol=self._random.choice(self.symbols), count=some),),
            Kind.LATENCY: lambda: (faults.Latency(delay=self._random.uniform(0.05, 0.5), jitter=0.2),),
            Kind.REFUSE: lambda: (faults.Refuse(endpoint=endpoint), faults.Abort(count=some)),
            Kind.SHUTDOWN: lambda: (faults.ShutdownNotice(count=some, then_close=5.0 * self.every),),
            Kind.THROTTLE: lambda: (faults.Throttle(count=some, bytes_per_second=self._random.choice((0.0, 100.0, 1000.0))),),
            Kind.SLOW_READER: lambda: (faults.SlowReader(count=some),),
            Kind.HTTP_ERROR: lambda: (self._http_error(some), faults.Gap(symbol=self._random.choice(self.symbols))),
            Kind.HANDSHAKE_ERROR: lambda: (faults.HandshakeError(status=503, count=some), faults.Abort(count=some)),
            Kind.BAN: lambda: (faults.Ban(seconds=3.0 * self.every, status=self._random.choice((418, 429))),),
            # Only who asks for it meets the refusal: so its connection is reset.
            Kind.REFUSE_SUBSCRIPTION: lambda: (faults.RefuseSubscription(stream=stream), faults.Abort(stream=stream)),
            Kind.OUTAGE: lambda: (faults.Refuse(endpoint=1, abort=True),),
        }
        return make[kind]()

    def _http_error(self, count: int) -> faults.HttpError:
        status = self._random.choice(HTTP_STATUSES)
        return faults.HttpError(status=status, count=count, retry_after=2 if status == HTTP_STATUSES[0] else None)

    def _stream(self) -> str:
        return f"{self._random.choice(self.symbols).lower()}@{self._random.choice(STREAMS)}"
