"""Sockets that are open and do not do what they should, on both loops."""

from __future__ import annotations

import anyio
import pytest

from tests.simulator.support import PATIENCE, Client, Ended, connected
from tests.simulator.test_control import BOOK, QUOTES, TRADES, running
from tests.simulator.test_server import until

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]

A_WHILE = 0.25
"""Seconds in which something would come, many times over."""


async def hears_nothing(client: Client) -> bool:
    """Whether the socket stays open and silent for a while."""
    with anyio.move_on_after(A_WHILE) as scope:
        while True:
            await client._read()
            # What was on its way when it began.
            scope.deadline = max(scope.deadline, anyio.current_time() + A_WHILE / 2)
    client._texts.clear()
    return scope.cancelled_caught


async def test_a_half_open_connection_says_nothing_until_it_is_dropped() -> None:
    settings = {"ping_interval": 0.05, "message_limit": 10_000}
    async with running((1, QUOTES), (2, QUOTES), **settings) as (_, control, (victim, _other)):
        assert await control.half_open(endpoint=1) == 1
        await victim.ping()
        assert await hears_nothing(victim)
        victim.pings = 0
        await victim.send({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert await hears_nothing(victim)
        # Nor does anything pile up for it, which would be for ever.
        waiting = [c.waiting_bytes for c in (await control.status()).connections if c.half_open]
        status = await until(control, lambda s: s.totals.frames_silenced > 20)
        await control.resume()
        ended = await victim.end()

    assert [c.waiting_bytes for c in status.connections if c.half_open] == waiting
    assert [c.half_open for c in status.connections if c.endpoint == 1] == [True]
    assert victim.pings == 0
    assert ended.reset


async def test_later_connections_are_half_open_too_where_that_was_ordered() -> None:
    async with running() as (started, control, _):
        assert await control.half_open(new=True) == 0
        async with connected(f"{started.stream_urls[0]}/stream?streams={QUOTES}") as client:
            assert await hears_nothing(client)
            await control.resume()
            assert (await client.end()).reset
        async with connected(f"{started.stream_urls[0]}/stream?streams={QUOTES}") as client:
            await client.next()


async def test_a_half_open_connection_can_be_aborted_but_not_closed() -> None:
    async with running((1, QUOTES)) as (_, control, (client,)):
        await control.half_open()
        await control.close()
        assert await hears_nothing(client)
        await control.abort()
        ended = await client.end()
        await until(control, lambda s: not s.connections)

    assert ended.reset


async def test_what_a_client_sends_piles_up_until_the_server_reads_again() -> None:
    async with running((1, BOOK), message_limit=10_000) as (_, control, (client,)):
        assert await control.slow_reader() == 1
        before = (await control.status()).connections[0].messages_received
        with anyio.move_on_after(A_WHILE) as scope:
            for _ in range(10_000):
                client.protocol.send_ping(b"x" * 120)
                await client._flush()
                client.protocol.send_text(b" " * 60_000)
                await client._flush()
        during = (await control.status()).connections[0].messages_received

    assert scope.cancelled_caught
    assert during - before <= 2  # what was being read when it began


async def test_a_slow_reader_answers_once_it_reads() -> None:
    async with running((1, BOOK)) as (_, control, (client,)):
        await control.slow_reader(0.0)
        await client.send({"method": "LIST_SUBSCRIPTIONS", "id": 99})
        events = [await client.next() for _ in range(3)]
        await control.resume()
        while "id" not in (answer := await client.next()):
            pass

    assert all("data" in event for event in events)
    assert answer == {"result": [BOOK], "id": 99}


async def test_a_throttled_connection_gets_no_more_than_the_rate() -> None:
    rate = 4_000.0
    async with running((1, f"{QUOTES}/{TRADES}/{BOOK}"), (2, QUOTES), speed=10.0) as (_, control, (victim, other)):
        assert await control.throttle(0.0, endpoint=1) == 1
        assert await hears_nothing(victim)
        began, sizes, elapsed = anyio.current_time(), [], 0.0
        await control.throttle(rate, endpoint=1)
        while elapsed < 2 * A_WHILE or len(sizes) < 3:
            sizes.append(len(await victim.next_text()))
            elapsed = anyio.current_time() - began
        status = await control.status()
        await other.next()

    # The first one may have been under way.
    assert sum(sizes) - sizes[0] <= rate * elapsed
    assert status.connections[0].waiting_bytes > 0


async def test_a_connection_that_is_throttled_to_nothing_gets_nothing_and_then_all() -> None:
    async with running((1, BOOK)) as (_, control, (client,)):
        await control.throttle(0.0)
        assert await hears_nothing(client)
        await control.resume()
        first = (await client.next())["data"]
        second = (await client.next())["data"]

    assert second["U"] == first["u"] + 1


async def test_an_announced_shutdown_closes_those_that_were_told_and_not_before() -> None:
    async with running((1, QUOTES), (2, QUOTES)) as (_, control, (victim, other)):
        began = anyio.current_time()
        assert await control.shutdown_notice(endpoint=1, then_close=A_WHILE) == 1
        while (await victim.next())["stream"] != "!serverShutdown":
            pass
        after = 0
        with anyio.fail_after(PATIENCE), pytest.raises(Ended) as ended:
            while True:
                await victim.next()
                after += 1
        elapsed = anyio.current_time() - began
        await other.next()

    assert (ended.value.code, ended.value.reset) == (1001, False)
    assert elapsed >= A_WHILE
    assert after > 0


async def test_one_of_several_streams_of_a_connection_goes_silent() -> None:
    async with running((1, f"{QUOTES}/{TRADES}/{BOOK}"), (2, TRADES)) as (_, control, (victim, other)):
        assert await control.stall(stream=TRADES, endpoint=1) == 1
        await victim.ask("LIST_SUBSCRIPTIONS")
        silent = {(await victim.next())["stream"] for _ in range(100)}
        await other.next()
        await control.resume()
        while (await victim.next())["stream"] != TRADES:
            pass

    assert silent == {QUOTES, BOOK}
