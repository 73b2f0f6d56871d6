"""The protocol over real sockets, on both loops."""

from __future__ import annotations

import gzip
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.exceptions import InvalidStatus

from actors.errors import RecordingError
from actors.exchanges.binance import Binance
from actors.market import BookDelta, Feed, Quote, Subscription, Trade
from actors.ports import Delivery, Frame, RestResponse
from actors.simulator import Control, SimulatorError, Started
from tests.simulator.support import PATIENCE, connected, get, simulator

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

BTC = ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"]
FEEDS = (Feed.TRADES, Feed.QUOTES, Feed.BOOK)


async def until(control: Control, condition: Any) -> Any:
    """The first status of which the condition holds."""
    with anyio.fail_after(PATIENCE):
        while not condition(status := await control.status()):
            await anyio.sleep(0.01)
    return status


async def test_two_endpoints_serve_one_market_each_with_both_protocols() -> None:
    async with simulator(symbols=("BTC/USDT",)) as running:
        assert len(running.stream_urls) == len(running.rest_urls) == 2
        assert running.symbols == ("BTC/USDT",)
        answers = [(await get(f"{url}/api/v3/exchangeInfo")).json()["symbols"] for url in running.rest_urls]
        async with connected(f"{running.stream_urls[1]}/ws") as client:
            assert await client.ask("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}

    assert answers[0] == answers[1]


async def test_errors_of_rest_come_with_their_status_and_weight() -> None:
    async with simulator() as running:
        refused = await get(f"{running.rest_urls[0]}/api/v3/depth?symbol=NOPE")
        unknown = await get(f"{running.rest_urls[0]}/nope")

    assert (refused.status_code, refused.json()) == (400, {"code": -1121, "msg": "Invalid symbol."})
    assert refused.headers["X-MBX-USED-WEIGHT-1M"] == "5"
    assert unknown.status_code == 404


async def test_every_answer_of_rest_says_the_exchanges_time() -> None:
    async with simulator(epoch_ms=1_700_000_000_000) as running:
        found = await get(f"{running.rest_urls[0]}/api/v3/time")
        unknown = await get(f"{running.rest_urls[0]}/nope")

    said = [parsedate_to_datetime(one.headers["Date"]).timestamp() for one in (found, unknown)]
    assert said[0] in range(1_700_000_000, found.json()["serverTime"] // 1000 + 1)
    assert said == sorted(said)


@pytest.mark.parametrize("tail", ["/ws", "/ws/", "/ws/0", "/ws/1"])
async def test_raw_connections_get_bare_events_whatever_the_tail(tail: str) -> None:
    async with simulator() as running, connected(running.stream_urls[0] + tail) as client:
        await client.ask("SUBSCRIBE", ["btcusdt@trade"])
        event = await client.next()

    assert (event["e"], event["s"]) == ("trade", "BTCUSDT")


async def test_streams_may_be_named_in_the_address() -> None:
    async with simulator() as running:
        async with connected(f"{running.stream_urls[0]}/ws/btcusdt@bookTicker/ethusdt@trade") as raw:
            assert (await raw.ask("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@bookTicker", "ethusdt@trade"]
        async with connected(f"{running.stream_urls[0]}/stream?streams=btcusdt%40bookTicker") as combined:
            assert (await combined.next())["stream"] == "btcusdt@bookTicker"


async def test_combined_connections_get_the_name_of_the_stream_and_can_turn_it_off() -> None:
    async with simulator() as running, connected(f"{running.stream_urls[0]}/stream") as client:
        await client.ask("SUBSCRIBE", ["btcusdt@bookTicker"], "a text")
        assert sorted(await client.next()) == ["data", "stream"]
        await client.ask("SET_PROPERTY", ["combined", False], None)

        assert sorted(await client.next()) == ["A", "B", "a", "b", "s", "u"]


async def test_another_path_is_no_place_for_a_stream() -> None:
    async with simulator() as running:
        with pytest.raises(InvalidStatus, match="404"):
            async with connected(f"{running.stream_urls[0]}/nope"):
                raise AssertionError("it connected")


async def test_garbage_is_answered_and_the_connection_lives() -> None:
    async with simulator() as running, connected(f"{running.stream_urls[0]}/ws") as client:
        await client.send_text(b"hello")
        assert (await client.next())["code"] == 3

        assert await client.ask("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


async def test_a_client_that_is_no_client_does_not_disturb_the_others() -> None:
    async with simulator() as running:
        port = int(running.stream_urls[0].rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            with anyio.fail_after(PATIENCE), pytest.raises(anyio.EndOfStream):
                await stream.receive()

        assert (await get(f"{running.rest_urls[0]}/api/v3/ping")).status_code == 200


async def test_what_was_unsubscribed_comes_no_more() -> None:
    async with simulator() as running, connected(f"{running.stream_urls[0]}/stream") as client:
        await client.ask("SUBSCRIBE", BTC)
        await client.ask("UNSUBSCRIBE", ["btcusdt@bookTicker", "btcusdt@trade"])

        assert {(await client.next())["stream"] for _ in range(5)} == {"btcusdt@depth@100ms"}


async def test_a_message_too_many_closes_with_1008() -> None:
    async with simulator(message_window=3600.0) as running, connected(f"{running.stream_urls[0]}/ws") as client:
        await client.ping()
        for number in range(5):
            await client.send({"method": "LIST_SUBSCRIPTIONS", "id": number})
        ended = await client.end()
        status = await until(Control(running.control_url), lambda s: not s.connections)

    assert (ended.code, ended.reason) == (1008, "Too many requests")
    assert (status.totals.violations, status.totals.messages_received) == (1, 6)


async def test_the_server_pings_and_an_answer_keeps_the_connection() -> None:
    settings: dict[str, Any] = {"ping_interval": 0.02, "pong_timeout": 5.0, "message_limit": 10_000}
    async with simulator(**settings) as running, connected(f"{running.stream_urls[0]}/ws/btcusdt@trade") as client:
        while client.pings < 5:
            await client.next()
        status = await Control(running.control_url).status()

    assert status.totals.unanswered_pings == 0
    assert status.connections[0].messages_received >= 4


async def test_a_client_that_does_not_answer_pings_is_dropped() -> None:
    async with (
        simulator(ping_interval=0.02, pong_timeout=0.1) as running,
        connected(f"{running.stream_urls[0]}/ws") as client,
    ):
        client.answers_pings = False
        ended = await client.end()
        status = await Control(running.control_url).status()

    assert ended.reset
    assert status.totals.unanswered_pings == 1


async def test_a_connection_that_is_too_old_is_closed() -> None:
    async with simulator(max_age=0.05) as running, connected(f"{running.stream_urls[0]}/ws") as client:
        ended = await client.end()

    assert (ended.code, ended.reset) == (1001, False)


async def test_a_client_that_does_not_read_is_dropped() -> None:
    async with (
        simulator(outgoing_limit=4096, speed=500.0) as running,
        connected(f"{running.stream_urls[0]}/stream", receive_buffer=4096) as client,
    ):
        await client.send({"method": "SUBSCRIBE", "params": BTC, "id": 1})
        status = await until(Control(running.control_url), lambda s: s.totals.slow_consumers and not s.connections)

    assert status.totals.slow_consumers == 1


async def test_compressed_frames_are_understood() -> None:
    async with (
        simulator(compression=True) as running,
        connected(f"{running.stream_urls[0]}/stream?streams=btcusdt@bookTicker", compression=True) as client,
    ):
        assert client.protocol.extensions
        assert [(await client.next())["stream"] for _ in range(3)] == ["btcusdt@bookTicker"] * 3


async def test_a_client_that_says_goodbye_is_answered() -> None:
    async with simulator() as running, connected(f"{running.stream_urls[0]}/ws") as client:
        client.protocol.send_close(1000, "bye")
        await client._flush()
        ended = await client.end()

    assert (ended.code, ended.reset) == (1000, False)


async def book_check(running: Started, canonical: str, wanted: int) -> tuple[int, int]:
    """Subscribe with the adapter, build the book by the exchange's rule, and compare its top with the quotes.

    Returns:
        How many tops were compared, and how many trades were seen.
    """
    binance = Binance.at(stream_urls=running.stream_urls, rest_urls=running.rest_urls)
    instrument, session = binance.instrument(canonical), binance.session()
    quotes: dict[int, tuple[Decimal, ...]] = {}
    deltas: list[BookDelta] = []
    trades: list[int] = []
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    book_id = compared = 0
    async with connected(binance.stream_url(binance.endpoints[0])) as client:
        for text in session.subscribe([Subscription(instrument, feed) for feed in (Feed.TRADES, Feed.QUOTES, Feed.BOOK)]):
            await client.send_text(text.encode())
        while compared < wanted:
            inbound = session.receive(Frame(await client.next_text(), 0.0))
            match inbound.events[0] if isinstance(inbound, Delivery) else inbound:
                case Quote() as quote:
                    quotes[quote.update_id] = (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity)
                case Trade(id=number):
                    trades.append(number)
                case BookDelta() as delta:
                    deltas.append(delta)
                case _:
                    pass
            if deltas and not book_id:
                request = binance.snapshot_request(instrument)
                response = await get(f"{running.rest_urls[0]}{request.path}?symbol={instrument.native}&limit=5000")
                snapshot = binance.parse_snapshot(instrument, RestResponse(response.status_code, response.content))
                assert snapshot.last_id >= deltas[0].first_id - 1
                bids, asks, book_id = dict(snapshot.bids), dict(snapshot.asks), snapshot.last_id
            for delta in deltas:
                if delta.last_id > book_id:
                    assert delta.first_id <= book_id + 1
                    for side, levels in ((bids, delta.bids), (asks, delta.asks)):
                        side.update(levels)
                        for price, quantity in levels:
                            if not quantity:
                                side.pop(price, None)
                    book_id = delta.last_id
                    earlier = [u for u in quotes if u <= book_id]
                    if earlier:
                        top = (max(bids), bids[max(bids)], min(asks), asks[min(asks)])
                        assert top == quotes[max(earlier)]
                        compared += 1
                        quotes = {u: q for u, q in quotes.items() if u >= max(earlier)}
            deltas = [] if book_id else deltas
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    return compared, len(trades)


async def test_a_clients_book_agrees_with_every_quote_of_the_synthetic_market() -> None:
    async with simulator(symbols=("BTC/USDT",), speed=20.0) as running:
        compared, trades = await book_check(running, "BTC/USDT", 60)

    assert compared == 60
    assert trades > 20


@pytest.mark.parametrize("speed", [None, 30.0])
async def test_a_clients_book_agrees_with_every_quote_of_the_recording(recorded: Path, speed: float | None) -> None:
    replay = str(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz")
    async with simulator(replay=replay, speed=speed) as running:
        assert running.symbols == ("BTC/USDT",)
        compared, _ = await book_check(running, "BTC/USDT", 100)

    assert compared == 100


async def test_a_recording_waits_for_its_first_subscriber_and_is_played_to_its_end(recorded: Path) -> None:
    replay = str(recorded / "binance-multi" / "BINANCE.ws.1.0")
    async with simulator(replay=replay, speed=None) as running, connected(f"{running.stream_urls[0]}/stream") as client:
        control = Control(running.control_url)
        depth = await get(f"{running.rest_urls[0]}/api/v3/depth?symbol=RUNEEUR&limit=5")
        assert depth.json()["lastUpdateId"] == 15602511
        assert not (await control.status()).finished
        wanted = [
            f"{name}@{kind}"
            for name in ("nknusdt", "blzeth", "lrcbtc", "runeeur")
            for kind in ("depth@100ms", "bookTicker", "kline_1m", "aggTrade")
        ]
        await client.send({"method": "SUBSCRIBE", "params": wanted, "id": 1})
        received = [await client.next() for _ in range(192)]
        status = await until(control, lambda s: s.finished)

    assert received[0] == {"result": None, "id": 1}
    assert {event["stream"] for event in received[1:]} <= set(wanted)
    assert received[-1]["stream"] == "nknusdt@depth@100ms"
    assert (status.totals.frames_sent, status.skipped) == (191, 0)


async def test_a_port_in_use_is_one_plain_sentence() -> None:
    async with simulator(endpoints=1) as running:
        port = int(running.stream_urls[0].rpartition(":")[2])
        with pytest.raises(SimulatorError) as busy:
            async with simulator(endpoints=1, ports=(port,)):
                raise AssertionError("it started")

    assert str(busy.value) == f"port {port} on 127.0.0.1 is in use; give another one, or 0 for any free one"


async def test_an_unreadable_recording_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        async with simulator(replay=str(tmp_path / "nope")):
            raise AssertionError("it started")


async def test_the_status_says_what_of_a_recording_could_not_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.simulator.replay.SURVEY", 10)  # the damage at the end is not seen before the start
    line = b'1723161253%06d000 {"stream":"btcusdt@trade","data":{"e":"trade","t":1,"p":"1.0","q":"2.0","T":1,"m":true}}\n'
    data = bytearray(gzip.compress(b"noise\n" + b"".join(line % number for number in range(100))))
    data[-6] ^= 0xFF  # the checksum
    path = tmp_path / "damaged.gz"
    path.write_bytes(data)
    async with simulator(replay=str(path), endpoints=1) as running:
        control = Control(running.control_url)
        async with connected(f"{running.stream_urls[0]}/ws/btcusdt@trade"):
            status = await until(control, lambda s: s.finished)
    assert (status.skipped, status.first_skipped) == (1, "line 1: it does not begin with a time")
    assert status.unreadable.startswith(f"cannot read the recording {path}, line 102: damaged data")
