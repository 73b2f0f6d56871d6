"""Faults over real sockets, on both loops."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from actors.errors import ConnectFailed, ExchangeRefused
from actors.simulator import Control, Started, control_api
from actors.simulator.control_api import COMMANDS
from actors.simulator.faults import Command
from tests.simulator.support import PATIENCE, Client, Ended, connected, get, simulator
from tests.simulator.test_server import until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

QUOTES = "btcusdt@bookTicker"
TRADES = "btcusdt@trade"
BOOK = "btcusdt@depth@100ms"


@asynccontextmanager
async def running(*targets: tuple[int, str], **settings: Any) -> AsyncIterator[tuple[Started, Control, list[Client]]]:
    """A lively simulator with clients at (endpoint, streams)."""
    async with AsyncExitStack() as stack:
        started = await stack.enter_async_context(simulator(**{"speed": 5.0, **settings}))
        clients = []
        for endpoint, streams in targets:
            url = f"{started.stream_urls[endpoint - 1]}/stream?streams={streams}"
            clients.append(await stack.enter_async_context(connected(url)))
            await clients[-1].next()
        yield started, Control(started.control_url), clients


async def test_aborted_sockets_are_reset_at_one_endpoint_only() -> None:
    async with running((1, QUOTES), (2, QUOTES)) as (_, control, (victim, other)):
        assert await control.abort(endpoint=1) == 1
        ended = await victim.end()
        assert (ended.code, ended.reset) == (1006, True)
        await other.next()
        status = await until(control, lambda s: len(s.connections) == 1)

    assert (status.connections[0].endpoint, status.faults) == (2, {"abort": 1})


async def test_victims_can_be_chosen_by_their_stream() -> None:
    async with running((1, QUOTES), (1, TRADES)) as (_, control, (other, victim)):
        assert await control.abort(stream=TRADES) == 1
        assert (await victim.end()).reset
        await other.next()


async def test_so_many_victims_are_chosen_by_the_seed() -> None:
    async def survivors() -> list[int]:
        async with running(*[(1, QUOTES)] * 5, seed=3) as (_, control, _clients):
            assert await control.abort(count=3) == 3
            status = await until(control, lambda s: len(s.connections) == 2)
            return [c.number for c in status.connections]

    assert await survivors() == await survivors()


async def test_closed_connections_get_a_close_frame() -> None:
    async with running((1, QUOTES)) as (_, control, (client,)):
        assert await control.close() == 1
        ended = await client.end()

    assert (ended.code, ended.reason, ended.reset) == (1001, "going away", False)


async def drained(client: Client) -> None:
    """Read what is on its way, until an answer to a question of now."""
    await client.ask("LIST_SUBSCRIPTIONS", None, 77)


async def test_a_stalled_connection_is_silent_and_answers_still() -> None:
    async with running((1, QUOTES), (1, QUOTES)) as (_, control, (victim, _other)):
        assert await control.stall(count=1) == 1
        assert await control.resume() == 2
        assert await control.stall() == 2
        await drained(victim)
        before = await control.status()
        await until(control, lambda s: s.totals.frames_silenced > before.totals.frames_silenced + 20)
        assert await victim.ask("LIST_SUBSCRIPTIONS") == {"result": [QUOTES], "id": 1}
        after = await control.status()
        assert [c.frames_sent for c in after.connections] == [c.frames_sent for c in before.connections]
        await control.resume()
        assert (await victim.next())["stream"] == QUOTES


async def test_one_stream_can_be_stalled_and_the_others_go_on() -> None:
    async with running((1, f"{QUOTES}/{TRADES}")) as (_, control, (client,)):
        await control.stall(stream=QUOTES)
        await drained(client)

        assert {(await client.next())["stream"] for _ in range(10)} == {TRADES}


async def test_a_stall_ends_after_its_seconds() -> None:
    async with running((1, QUOTES)) as (_, control, (client,)):
        await control.stall(seconds=0.1)
        await drained(client)

        assert (await client.next())["stream"] == QUOTES


async def test_a_stall_spares_new_connections_unless_told_otherwise() -> None:
    async with running((1, QUOTES)) as (started, control, _):
        await control.stall()
        async with connected(f"{started.stream_urls[0]}/stream?streams={QUOTES}") as spared:
            await spared.next()
        await control.stall(new=True)
        async with connected(f"{started.stream_urls[0]}/stream?streams={QUOTES}"):
            status = await until(control, lambda s: s.totals.frames_silenced > 50)
    assert status.connections[-1].frames_sent == 0


async def test_a_refusing_endpoint_refuses_and_accepts_again_on_the_same_port() -> None:
    async with running((1, QUOTES), (2, QUOTES)) as (started, control, (first, second)):
        assert await control.refuse(1) == 1
        for _ in range(3):
            with pytest.raises(OSError, match=r"attempts failed|refused"):
                await anyio.connect_tcp("127.0.0.1", int(started.stream_urls[0].rpartition(":")[2]))
        await first.next()
        await second.next()
        assert [e.listening for e in (await control.status()).endpoints] == [False, True]
        assert (await get(f"{started.rest_urls[1]}/api/v3/ping")).status_code == 200
        assert await control.refuse(1) == 1
        assert await control.accept() == 1
        assert await control.accept(1) == 0
        assert (await get(f"{started.rest_urls[0]}/api/v3/ping")).status_code == 200


async def test_an_endpoint_that_is_told_twice_at_once_to_accept_does_so_once() -> None:
    async with simulator(endpoints=1) as started:
        control = Control(started.control_url)
        for _ in range(5):
            await control.refuse(1)
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(control.accept)
            assert (await get(f"{started.rest_urls[0]}/api/v3/ping")).status_code == 200


async def test_a_refusing_endpoint_may_reset_what_it_has() -> None:
    async with running((1, QUOTES), (2, QUOTES)) as (_, control, (victim, other)):
        await control.refuse(1, abort=True)
        assert (await victim.end()).reset
        await other.next()


async def test_corrupt_frames_are_no_json_and_then_they_are_again() -> None:
    async with running((1, QUOTES)) as (_, control, (client,)):
        await control.corrupt(QUOTES, count=2)
        bad = 0
        while bad < 2:
            try:
                msgspec.json.decode(await client.next_text())
            except msgspec.DecodeError:
                bad += 1
        for _ in range(5):
            await client.next()


async def test_a_gap_loses_one_depth_event_for_all() -> None:
    async with running((1, BOOK), (2, BOOK)) as (_, control, clients):
        lasts = [(await client.next())["data"]["u"] for client in clients]
        await control.gap("BTC/USDT")
        gaps = []
        for client, last in zip(clients, lasts, strict=True):
            while (event := (await client.next())["data"])["U"] == last + 1:
                last = event["u"]
            gaps.append((last, event["U"]))
            assert (await client.next())["data"]["U"] == event["u"] + 1

    assert gaps[0] == gaps[1]


async def test_latency_holds_data_back_in_order_and_ends() -> None:
    async with running((1, BOOK)) as (_, control, (client,)):
        await control.latency(0.3, jitter=0.2)
        await until(control, lambda s: s.connections[0].waiting_bytes > 0)
        last = (await client.next())["data"]["u"]
        for _ in range(5):
            event = (await client.next())["data"]
            assert event["U"] == last + 1
            last = event["u"]
        await control.latency(0)
        await client.next()


async def test_a_shutdown_is_announced_in_the_form_of_the_connection() -> None:
    async with running((1, QUOTES)) as (started, control, (combined,)), connected(f"{started.stream_urls[0]}/ws") as raw:
        await raw.ask("LIST_SUBSCRIPTIONS")
        assert await control.shutdown_notice() == 2
        notice = await raw.next()
        while (event := await combined.next())["stream"] == QUOTES:
            pass

    assert (notice["e"], sorted(notice)) == ("serverShutdown", ["E", "e"])
    assert event == {"stream": "!serverShutdown", "data": notice}


async def test_the_status_tells_who_is_connected_and_what_was_done() -> None:
    async with running((1, QUOTES), (2, f"{QUOTES}/{BOOK}")) as (_, control, (client, _other)):
        await client.ask("SUBSCRIBE", [TRADES])
        await control.corrupt(QUOTES)
        await control.corrupt(QUOTES)
        status = await control.status()

    assert [(c.number, c.endpoint, c.subscriptions) for c in status.connections] == [
        (1, 1, (QUOTES, TRADES)),
        (2, 2, (QUOTES, BOOK)),
    ]
    assert status.connections[0].messages_received == 1
    assert status.totals.frames_sent >= sum(c.frames_sent for c in status.connections) > 0
    assert [e.accepted for e in status.endpoints] == [1, 1]
    assert Counter(status.faults) == {"corrupt": 2}


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/control/nope", 404, "there is no '/control/nope'; expected /control/ and one of abort, accept"),
        ("/", 404, "there is no '/'"),
        ("/control/refuse", 400, "refuse: Object missing required field `endpoint`"),
        ("/control/refuse?endpoint=3", 400, "refuse: endpoint is 3, expected 1 to 2"),
        ("/control/abort?endpoint=0", 400, "abort: endpoint is 0, expected 1 to 2"),
        ("/control/abort?count=0", 400, "abort: count is 0, expected 1 or more"),
        ("/control/abort?color=red", 400, "abort: Object contains unknown field `color`"),
        ("/control/stall?seconds=-1", 400, "stall: seconds is -1.0, expected more than 0"),
        ("/control/stall?new=perhaps", 400, "stall: Expected `bool`"),
        ("/control/close?code=5", 400, "close: code is 5"),
        ("/control/gap?symbol=NOPE", 400, "gap: symbol is 'NOPE', expected one of BTCUSDT, ETHUSDT, SOLUSDT"),
        ("/control/shutdown_notice?then_close=0", 400, "shutdown_notice: then_close is 0.0, expected seconds above 0"),
        ("/control/throttle", 400, "throttle: Object missing required field `bytes_per_second`"),
        ("/control/throttle?bytes_per_second=-1", 400, "throttle: bytes_per_second is -1.0, expected a number from 0 up"),
        ("/control/slow_reader?bytes_per_second=inf", 400, "slow_reader: bytes_per_second is inf"),
        ("/control/half_open?endpoint=9", 400, "half_open: endpoint is 9, expected 1 to 2"),
        ("/control/ban?seconds=-1", 400, "ban: seconds is -1.0, expected seconds from 0 up"),
        ("/control/ban?seconds=1&status=500", 400, "ban: status is 500, expected 418 or 429"),
        ("/control/http_error?status=200", 400, "http_error: status is 200, expected 400 to 599"),
        ("/control/http_error?status=502&count=0", 400, "http_error: count is 0, expected 1 or more"),
        ("/control/handshake_error?status=502&endpoint=3", 400, "handshake_error: endpoint is 3, expected 1 to 2"),
        ("/control/refuse_subscription", 400, "refuse_subscription: Object missing required field `stream`"),
        ("/control/latency?delay=-1", 400, "latency: delay is -1.0 and jitter 0.0, expected seconds from 0 up"),
    ],
)
async def test_a_wrong_command_is_refused_with_a_sentence(target: str, status: int, said: str) -> None:
    async with simulator() as started:
        answer = await get(started.control_url + target)

    assert answer.status_code == status
    assert answer.json()["error"].startswith(said)


@pytest.mark.parametrize("kind", COMMANDS.values())
def test_every_command_is_a_method_of_the_python_client(kind: type[Command]) -> None:
    name = next(name for name, one in COMMANDS.items() if one is kind)
    parameters = set(inspect.signature(getattr(Control, name)).parameters) - {"self"}

    assert parameters == {field.name for field in msgspec.structs.fields(kind)}
    assert f"/control/{name} " in str(control_api.__doc__)


async def test_the_python_client_raises_what_it_was_told() -> None:
    async with simulator() as started:
        with pytest.raises(ExchangeRefused, match="endpoint is 9, expected 1 to 2"):
            await Control(started.control_url).refuse(9)
    with pytest.raises(ConnectFailed):
        await Control(started.control_url).status()


async def test_faults_leave_the_simulator_standing() -> None:
    async with running((1, QUOTES), (2, QUOTES)) as (started, control, clients):
        for _ in range(3):
            await control.abort()
            await control.close()
            await control.stall(new=True)
            await control.refuse(1, abort=True)
            await control.accept()
            await control.resume()
        for client in clients:
            assert isinstance(await client.end(), Ended)
        async with connected(f"{started.stream_urls[0]}/stream?streams={QUOTES}") as client:
            await client.next()
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            assert (await http.get(f"{started.rest_urls[0]}/api/v3/ping")).status_code == 200
