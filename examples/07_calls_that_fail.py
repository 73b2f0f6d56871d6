"""A price that fails for a while, and an order that times out: one is asked for again, the other is looked up instead."""

from __future__ import annotations

import anyio

from actors.errors import UnknownOutcome, classify
from actors.resilience import CircuitBreaker, Delays, ErrorMonitor, error_context, resilient

monitor = ErrorMonitor()
exchange = CircuitBreaker("exchange", failures=5, open_for=30.0, listeners=[monitor.breaker_changed])
quick = Delays(initial=0.05, maximum=0.2)
asked: list[str] = []
sent: list[str] = []


@resilient(attempts=4, timeout=1.0, breaker=exchange, delays=quick, idempotent=True)
async def price(symbol: str) -> float:
    asked.append(symbol)
    if len(asked) < 3:
        raise TimeoutError("the socket said nothing")
    return 101.5


@resilient(breaker=exchange, delays=quick)
async def place(client_order_id: str) -> None:
    sent.append(client_order_id)
    raise UnknownOutcome("no answer to the order", client_order_id=client_order_id)


async def main() -> None:
    print("price", await price("BTCUSDT"), "after", len(asked), "calls")
    try:
        with error_context(component="orders", operation="place", monitor=monitor):
            await place("bot-17")
    except UnknownOutcome as error:
        print("order sent", len(sent), "time:", classify(error).action, error.client_order_id, "before anything else")
    print("errors seen:", monitor.statistics().total, "breaker:", exchange.state)


if __name__ == "__main__":
    anyio.run(main)
