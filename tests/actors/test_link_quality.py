"""How good a link is judged to be changes how soon it is dialled again, in the whole tree."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

from actors.feeds import trades
from supervisor import Backoff
from tests.actors.exchange import OPTIONS, STREAM, FakeExchange, running, send, until

pytestmark = pytest.mark.anyio

BTC = "binance:BTC/USDT"
SLOW = evolve(OPTIONS, stream=evolve(STREAM, reconnect=Backoff(initial=4.0, maximum=30.0, factor=1.0, jitter=0.0)))
"""Every failure in a row waits 4 s at quality 1, 8 s at 0."""


async def pause_after_a_refusal(bad_frames: int) -> float:
    """Seconds until an endpoint that refuses is dialled once more, after a minute in which so many frames were unusable."""
    exchange = FakeExchange(["BTCUSDT"], tick=1.0, stream_urls=["wss://one"])
    async with running(exchange, feeds=[trades(BTC)], options=SLOW):
        for _ in range(bad_frames):
            send(exchange.open[0], {"stream": 5})
            await anyio.sleep(1.0)
        await anyio.sleep(60.0 - bad_frames)
        exchange.transport.refuse()
        before = len(exchange.transport.dials)
        exchange.abort()
        await until(lambda: len(exchange.transport.dials) >= before + 2)
        first, second = [dial.at for dial in list(exchange.transport.dials)[before:]]
        exchange.transport.admit()
        return second - first


async def test_a_flawless_link_is_dialled_again_by_the_schedule() -> None:
    assert await pause_after_a_refusal(0) == pytest.approx(4.0, abs=0.1)


async def test_a_link_that_brought_many_unusable_frames_is_dialled_again_later() -> None:
    assert 6.0 < await pause_after_a_refusal(15) <= 8.1
