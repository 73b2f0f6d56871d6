"""Binance's public REST, as the simulator answers it. Pure: an address in, an answer out.

    /api/v3/ping   /api/v3/time   /api/v3/exchangeInfo   /api/v3/depth   /api/v3/trades   /api/v3/historicalTrades
    /api/v3/aggTrades   /api/v3/klines   /api/v3/uiKlines   /api/v3/avgPrice
    /api/v3/ticker/24hr   /api/v3/ticker/price   /api/v3/ticker/bookTicker

Anything else is a web page with status 404, as on the real exchange: a client must cope with errors that are not JSON.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from attrs import define, field

from actors.simulator.answers import HttpAnswer, split_target
from actors.simulator.limits import WeightMeter
from actors.simulator.market import Market
from actors.simulator.market_data import MarketData
from actors.simulator.parameters import Parameters, Refused

__all__ = ["RestApi"]

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_DAY_WEIGHTS = ((20, 2), (100, 40), (1_000_000, 80))
_NOT_FOUND = b"<html>\n<head><title>404 Not Found</title></head>\n<body><h1>404 Not Found</h1></body>\n</html>\n"

_Weigh = Callable[[Parameters], int]
_Tell = Callable[[Parameters], bytes]


@define(eq=False)
class RestApi:
    """Answers for one market.

    Args:
        market: what is told of.
        weights: what was spent.
        time_ms: the exchange's time now, milliseconds since 1970.
    """

    market: Market
    weights: WeightMeter
    time_ms: Callable[[], int]
    _answers: dict[str, tuple[_Weigh, _Tell]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        data = MarketData(self.market, self.time_ms, self.weights.limit)
        paths: dict[str, tuple[_Weigh, _Tell]] = {
            "ping": (lambda _: 1, lambda _: b"{}"),
            "time": (lambda _: 1, lambda _: b'{"serverTime":%d}' % self.time_ms()),
            "exchangeInfo": (lambda _: 20, data.exchange_info),
            "depth": (_depth_weight, data.depth),
            "trades": (lambda _: 25, data.trades),
            "historicalTrades": (lambda _: 25, data.historical_trades),
            "aggTrades": (lambda _: 4, data.aggregates),
            "klines": (lambda _: 2, data.klines),
            # They differ for charts only, and in no way that is documented.
            "uiKlines": (lambda _: 2, data.klines),
            "avgPrice": (lambda _: 2, data.average_price),
            "ticker/24hr": (_day_weight, data.day_tickers),
            "ticker/price": (_few_weight, data.prices),
            "ticker/bookTicker": (_few_weight, data.best_prices),
        }
        self._answers = {f"/api/v3/{name}": pair for name, pair in paths.items()}

    def get(self, target: str, now: float) -> HttpAnswer:
        """Answer a GET request.

        Args:
            target: path and query.
            now: wall clock, seconds.
        """
        path, query = split_target(target)
        if path not in self._answers:
            return HttpAnswer(404, _NOT_FOUND, content_type="text/html")
        weigh, answer = self._answers[path]
        asked = Parameters(query, self.market.symbols)
        try:
            wait = self.weights.spend(weigh(asked), now)
            if wait is not None:
                return self._too_much(wait)
            return HttpAnswer(200, answer(asked), self._used())
        except Refused as exc:
            return HttpAnswer(exc.status, _error(exc.code, exc.message), self._used())

    def _used(self) -> dict[str, str]:
        used = str(self.weights.used)
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _too_much(self, wait: float) -> HttpAnswer:
        message = f"Too much request weight used; current limit is {self.weights.limit} request weight per 1 MINUTE."
        return HttpAnswer(429, _error(-1003, message), {**self._used(), "Retry-After": f"{wait:.0f}"})


def _depth_weight(asked: Parameters) -> int:
    limit = asked.limit(100)
    return next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), _DEPTH_WEIGHTS[-1][1])


def _few_weight(asked: Parameters) -> int:
    return 2 if asked.one else 4


def _day_weight(asked: Parameters) -> int:
    if "symbols" not in asked.query:
        return 2 if asked.one else 80
    count = len(asked.wanted())
    return next(weight for most, weight in _DAY_WEIGHTS if count <= most)


def _error(code: int, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "msg": message})
