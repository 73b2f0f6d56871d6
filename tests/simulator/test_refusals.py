"""What is refused at the door and why, over real sockets on both loops."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from actors.simulator import Control
from tests.simulator.support import connected, get, simulator
from tests.simulator.test_control import QUOTES, TRADES, running

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow]


async def refused(url: str) -> tuple[int, str | None]:
    """Status of a handshake that is refused, and its Retry-After."""
    with pytest.raises(InvalidStatus) as caught:
        async with connected(url):
            raise AssertionError("it connected")
    return caught.value.response.status_code, caught.value.response.headers.get("Retry-After")


async def test_a_ban_refuses_rest_and_handshakes_and_leaves_who_is_connected() -> None:
    async with running((1, QUOTES)) as (started, control, (client,)):
        assert await control.ban(3600.0) == 1
        answers = [await get(f"{url}/api/v3/ping") for url in started.rest_urls]
        handshake = await refused(f"{started.stream_urls[1]}/ws")
        await client.next()
        await control.ban(0.0)
        lifted = await get(f"{started.rest_urls[0]}/api/v3/ping")
        status = await control.status()

    assert [(a.status_code, a.headers["Retry-After"], a.json()["code"]) for a in answers] == [(418, "3600", -1003)] * 2
    assert handshake == (418, "3600")
    assert lifted.status_code == 200
    assert (status.totals.banned, status.faults) == (3, {"ban": 2})


async def test_a_client_that_ignores_429_is_banned() -> None:
    async with simulator(weight_limit=1, ban_after=2) as started:
        heavy = f"{started.rest_urls[0]}/api/v3/exchangeInfo"
        found = [(await get(heavy)).status_code for _ in range(4)]
        handshake = await refused(f"{started.stream_urls[0]}/ws")
        status = await Control(started.control_url).status()

    assert found == [429, 429, 418, 418]
    assert handshake == (418, "120")
    assert (status.totals.bans, status.totals.banned) == (1, 3)


async def test_an_address_that_connects_too_often_is_refused_at_the_handshake() -> None:
    async with simulator(attempt_limit=2, attempt_window=3600.0) as started:
        for url in started.stream_urls:
            async with connected(f"{url}/ws"):
                pass
        handshake = await refused(f"{started.stream_urls[0]}/ws")
        status = await Control(started.control_url).status()

    assert handshake == (429, "3600")
    assert (status.totals.attempts_refused, status.totals.connections) == (1, 2)


async def test_the_next_answers_of_rest_are_errors_as_they_were_ordered() -> None:
    async with simulator() as started:
        control, url = Control(started.control_url), started.rest_urls[0]
        await control.http_error(403, path="/api/v3/depth")
        await control.http_error(503, '{"code":-1008,"msg":"busy"}', retry_after=3)
        first = await get(f"{url}/api/v3/time")
        page = await get(f"{url}/api/v3/depth?symbol=BTCUSDT")
        last = await get(f"{url}/api/v3/depth?symbol=BTCUSDT")
        status = await control.status()

    assert (first.status_code, first.json()["code"], first.headers["Retry-After"]) == (503, -1008, "3")
    assert (page.status_code, page.headers["Content-Type"]) == (403, "text/html")
    assert "403 Forbidden" in page.text
    assert (last.status_code, status.totals.http_errors) == (200, 2)


async def test_handshakes_are_refused_at_one_endpoint_until_it_is_resumed() -> None:
    async with simulator() as started:
        control = Control(started.control_url)
        await control.handshake_error(502, count=None, endpoint=1)
        await control.http_error(451, count=None)
        found = [await refused(f"{started.stream_urls[0]}/ws") for _ in range(3)]
        async with connected(f"{started.stream_urls[1]}/ws"):
            pass
        assert (await get(f"{started.rest_urls[0]}/api/v3/ping")).status_code == 451
        await control.resume()
        async with connected(f"{started.stream_urls[0]}/ws"):
            pass
        assert (await get(f"{started.rest_urls[0]}/api/v3/ping")).status_code == 200
        status = await control.status()

    assert found == [(502, None)] * 3
    assert status.totals.handshakes_refused == 3


async def test_a_subscription_is_refused_with_the_code_and_words_that_were_ordered() -> None:
    async with simulator() as started, connected(f"{started.stream_urls[0]}/ws") as client:
        control = Control(started.control_url)
        await control.refuse_subscription(TRADES, code=4, msg="no such thing")
        answers = [await client.ask("SUBSCRIBE", streams, 7) for streams in ([QUOTES, TRADES], [QUOTES])]
        async with connected(f"{started.stream_urls[0]}/ws/{TRADES}") as other:
            named = await other.ask("LIST_SUBSCRIPTIONS")
        await control.resume()
        later = await client.ask("SUBSCRIBE", [TRADES], 8)
        subscribed = (await client.ask("LIST_SUBSCRIPTIONS"))["result"]

    assert answers == [{"code": 4, "msg": "no such thing", "id": 7}, {"result": None, "id": 7}]
    assert named["result"] == []
    assert (later, subscribed) == ({"result": None, "id": 8}, [QUOTES, TRADES])
