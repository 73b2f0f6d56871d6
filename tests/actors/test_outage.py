"""An exchange that is gone for ten minutes, and two hundred streams that wait for it."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

from actors.feeds import trades
from actors.resilience import BreakerConfig
from tests.actors.exchange import OPTIONS, STREAM, FakeExchange, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.long]

STREAMS = 200
GONE = 600.0
SCHEDULE_STEP = 30.0 * 1.1
"""The longest wait of the reconnection schedule, its jitter included."""


async def test_an_outage_of_ten_minutes_costs_no_restart_no_subscription_and_no_ban() -> None:
    natives = [f"C{number}USDT" for number in range(STREAMS)]
    feeds = [trades(f"binance:{native[:-4]}/USDT") for native in natives]
    # A beat a second of two hundred streams would be a million messages; what they do in an outage does not depend on it.
    breaker = BreakerConfig(open_maximum=30.0, successes=1)
    calm = evolve(
        OPTIONS,
        breaker=breaker,
        stream=evolve(STREAM, beat=10.0, silence={}, reconnect=evolve(STREAM.reconnect, maximum=30.0)),
        health_ttl=60.0,
    )
    exchange = FakeExchange(natives, tick=5.0)
    async with running(exchange, feeds=feeds, options=calm) as bot:
        bot.forget()
        before = len(exchange.transport.dials)
        exchange.transport.refuse("the exchange is gone")
        exchange.abort()
        await anyio.sleep(GONE)
        exchange.transport.admit()
        back = anyio.current_time()
        await until(lambda: len(exchange.open) == STREAMS)
        took = anyio.current_time() - back
        await until(lambda: all(bot.data(feed) for feed in feeds))
        times = [dial.at for dial in list(exchange.transport.dials)[before:]]
        busiest = max(sum(1 for at in times if begin <= at < begin + exchange.limits.attempts_within) for begin in times)

        assert not bot.restarts
        assert busiest <= exchange.limits.attempts
        assert took <= SCHEDULE_STEP
        assert sorted(stream for one in exchange.open for stream in one.streams) == sorted(
            f"{one.lower()}@trade" for one in natives
        )
