"""A recording as an exchange in memory, and an exchange that has nothing."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors.errors import BadFrame, ConnectionLost
from actors.exchanges.defaults import ExchangeDefaults
from actors.market import Feed, InstrumentId, Subscription
from actors.ports import Endpoint, RestRequest, RestResponse, Role
from actors.testing import Meaning, RecordedExchange, load_recording

pytestmark = pytest.mark.anyio

RECORDING = load_recording(Path(__file__).parent / "recordings" / "binance.txt")
TOLD = [
    heard.payload
    for heard in RECORDING.conversations[0].heard
    if heard.meaning in (Meaning.ACK, Meaning.DELIVERY, Meaning.NOTHING)
]
BTC = InstrumentId("nowhere", "BTC", "BTC/USDT")


async def test_every_connection_hears_the_recording_after_its_first_request() -> None:
    exchange = RecordedExchange(RECORDING, pause=0.5)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        for _ in range(2):
            channel = await exchange.transport.connect("wss://anywhere")
            began = anyio.current_time()
            await channel.send("{}")
            heard: list[bytes] = []
            while len(heard) < len(TOLD):
                heard += [frame.payload for frame in await channel.receive()]
            assert heard == TOLD
            assert anyio.current_time() - began == pytest.approx(0.5 * (len(TOLD) - 1))
            await channel.aclose()
        group.cancel_scope.cancel()


async def test_before_anything_is_asked_it_says_nothing() -> None:
    exchange = RecordedExchange(RECORDING)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        channel = await exchange.transport.connect("wss://anywhere")
        with anyio.move_on_after(10.0) as waited:
            await channel.receive()
        assert waited.cancelled_caught
        group.cancel_scope.cancel()


async def test_a_client_that_goes_away_in_the_middle_harms_nobody() -> None:
    exchange = RecordedExchange(RECORDING, pause=1.0)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        gone = await exchange.transport.connect("wss://anywhere")
        await gone.send("{}")
        await gone.receive()
        gone.abort()
        with pytest.raises(ConnectionLost):
            await gone.receive()
        channel = await exchange.transport.connect("wss://anywhere")
        await channel.send("{}")
        (first,) = await channel.receive()
        assert first.payload == TOLD[0]
        group.cancel_scope.cancel()


async def test_rest_answers_where_something_was_recorded() -> None:
    async with RecordedExchange(RECORDING).open_rest() as rest:
        known = await rest.get("https://anywhere", RestRequest("/api/v3/time"))
        unknown = await rest.get("https://anywhere", RestRequest("/api/v3/nothing"))

    assert (known.status, known.body) == (200, b'{"serverTime":1499827319559}')
    assert unknown.status == 404


def test_an_exchange_that_has_nothing_asks_nothing() -> None:
    nothing, wanted = ExchangeDefaults(), Subscription(BTC, Feed.TRADES)

    assert nothing.stream_url(Endpoint("one", Role.STREAM, "wss://one")) == "wss://one"
    assert nothing.snapshot_request(BTC) is None
    assert nothing.fill_request(wanted, 1, 3) is None
    assert nothing.poll_request(wanted, None) is None
    assert nothing.time_request() is None
    assert nothing.checksum([], []) is None
    assert nothing.used_weight(RestResponse(200, b"")) is None


def test_an_answer_that_nobody_reads_says_what_to_write() -> None:
    nothing, wanted, answer = ExchangeDefaults(), Subscription(BTC, Feed.TRADES), RestResponse(200, b"{}")

    with pytest.raises(BadFrame, match="write parse_snapshot beside its request"):
        nothing.parse_snapshot(BTC, answer)
    with pytest.raises(BadFrame, match="write parse_fill"):
        nothing.parse_fill(wanted, answer)
    with pytest.raises(BadFrame, match="write parse_poll"):
        nothing.parse_poll(wanted, answer)
    with pytest.raises(BadFrame, match="write parse_time"):
        nothing.parse_time(answer)
