"""Binance spot, as the simulator speaks it. Implements `Dialect`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from attrs import define, field

from actors.simulator import wire
from actors.simulator.answers import HttpAnswer, Query
from actors.simulator.derived import DerivedStreams
from actors.simulator.dialect import Refusal, Wanted
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Market, MarketMessage
from actors.simulator.requests import StreamRequests, streams_of_target
from actors.simulator.rest_api import RestApi
from actors.simulator.symbols import Symbol

__all__ = ["BinanceDialect"]


@define(eq=False)
class BinanceDialect:
    """One market by Binance's rules.

    Args:
        market: what is told of.
        weights: what REST requests have spent.
        time_ms: the exchange's time now, milliseconds since 1970.
        stream_limit: streams per connection.
    """

    market: Market
    weights: WeightMeter
    time_ms: Callable[[], int]
    stream_limit: int
    _rest: RestApi = field(init=False)
    _derived: DerivedStreams = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._rest = RestApi(self.market, self.weights, self.time_ms)
        self._derived = DerivedStreams(self.market)

    def rest(self, target: str, now: float) -> HttpAnswer:
        """See `Dialect`."""
        return self._rest.get(target, now)

    def session(self, path: str, query: Query, refused: Mapping[str, Refusal]) -> StreamRequests | None:
        """See `Dialect`."""
        target = streams_of_target(path, query)
        if target is None:
            return None
        combined, streams = target
        session = StreamRequests(combined, self.stream_limit, refused)
        session.add([stream for stream in streams if stream not in refused][: self.stream_limit])
        return session

    def frames(self, message: MarketMessage, wanted: Wanted) -> Iterable[tuple[str, bytes]]:
        """See `Dialect`. The market speaks Binance's language itself; the rest is derived."""
        itself = ((message.stream, message.data),)
        makers = self._derived.makers(message.native, wanted)
        return itertools.chain(itself, self._derived.frames(makers, message)) if makers else itself

    def book_streams(self, symbol: Symbol) -> Sequence[str]:
        """See `Dialect`."""
        return f"{symbol.stream}@depth@100ms", f"{symbol.stream}@depth"

    def shutdown_event(self, time_ms: int) -> tuple[str, bytes]:
        """See `Dialect`."""
        return "!serverShutdown", wire.shutdown_event(time_ms)

    def ban_answer(self, status: int, until_ms: int, retry_after: int) -> HttpAnswer:
        """See `Dialect`."""
        words = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        body = msgspec.json.encode({"code": -1003, "msg": words})
        return HttpAnswer(status, body, {"Retry-After": str(retry_after)})
