"""Every REST request passes one gate: leave before it, a report after it, and what the exchange says is known to all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from attrs import define, field

from actors.errors import ConnectFailed
from actors.exchanges.binance import Binance
from actors.ports import Exchange, Rest, RestRequest, RestResponse
from actors.protocol import (
    CONNECTIONS,
    CircuitIsOpen,
    Denied,
    Lease,
    LeaseEnded,
    LeaseOutcome,
    RequestWeight,
)
from actors.rest_gate import fetch
from actors.transport import MemoryRest
from supervisor import Actor, ActorSpec, Intensity, SupervisorSpec, open_supervisor
from supervisor.testing import Probe
from tests.actors.connections.office import REST, TWO

pytestmark = pytest.mark.anyio

EXCHANGE = Binance.at(stream_urls=TWO, rest_urls=REST)
ENDPOINT = next(endpoint for endpoint in EXCHANGE.endpoints if endpoint.name == "rest-1")
REQUEST = RestRequest("/api/v3/time", weight=7)
LEAVE = Lease(1, ENDPOINT)


@define(eq=False)
class Asker(Actor[object]):
    """Makes one request, and keeps what came of it."""

    rest: Rest
    results: list[Any]
    exchange: Exchange = EXCHANGE
    scope: anyio.CancelScope = field(factory=anyio.CancelScope)

    async def on_start(self) -> None:
        self.spawn(self._ask)

    def receive(self, message: object) -> None: ...

    async def _ask(self) -> None:
        with self.scope:
            try:
                self.results.append(await fetch(self, self.exchange, REQUEST, self.rest))
            except ConnectFailed as error:
                self.results.append(error)


@define(eq=False)
class Gate:
    manager: Probe[Any]
    rest: MemoryRest
    results: list[Any]
    asker: Asker

    @property
    def told(self) -> list[Any]:
        return [message for message in self.manager.messages if not isinstance(message, RequestWeight)]

    async def outcome(self) -> LeaseOutcome:
        outcome: LeaseOutcome = await self.manager.received(LeaseOutcome)
        return outcome


@asynccontextmanager
async def gate(
    answer: Callable[[], RestResponse | Awaitable[RestResponse]], leave: Callable[[], Any] = lambda: LEAVE
) -> AsyncIterator[Gate]:
    manager = Probe[Any]().answers_by(RequestWeight, lambda _: leave())
    rest, results = MemoryRest(lambda *_: answer(), latency=0.25), list[Any]()
    askers: list[Asker] = []

    def start() -> Asker:
        askers.append(Asker(rest, results))
        return askers[-1]

    children = [manager.spec("manager", name=CONNECTIONS), ActorSpec("asker", start)]
    async with open_supervisor(SupervisorSpec("bot", children, intensity=Intensity(0, 1.0))):
        await anyio.sleep(0.001)
        yield Gate(manager, rest, results, askers[0])


def ok(**headers: str) -> RestResponse:
    return RestResponse(200, b"{}", {name.replace("_", "-"): value for name, value in headers.items()})


async def test_a_request_is_made_where_the_lease_says_and_its_weight_is_asked_for() -> None:
    async with gate(ok) as here:
        await anyio.sleep(1.0)
        assert here.results == [ok()]
        assert here.rest.calls[0].base_url == "https://one"
        assert [message.weight for message in here.manager.messages if isinstance(message, RequestWeight)] == [7]


async def test_it_is_reported_how_it_went_and_that_it_is_over() -> None:
    async with gate(lambda: ok(x_mbx_used_weight_1m="123")) as here:
        await anyio.sleep(1.0)
        outcome, ended = here.told
        assert ended == LeaseEnded(1)
        assert (outcome.lease, outcome.error, outcome.used_weight, outcome.banned) == (1, None, 123, False)
        assert outcome.seconds == pytest.approx(0.25)


@pytest.mark.parametrize("denied", [Denied(3.0, "paced"), CircuitIsOpen(3.0, "open")])
async def test_it_waits_for_leave(denied: Denied) -> None:
    answers: list[Any] = [LEAVE, denied]
    async with gate(ok, answers.pop) as here:
        until = denied.until
        await anyio.sleep(max(until - anyio.current_time(), 0.0) + 1.0)
        assert here.results == [ok()]
        assert here.rest.calls[0].at >= until or anyio.current_time() > until


async def test_a_denial_without_end_is_asked_about_again() -> None:
    answers: list[Any] = [LEAVE, Denied(float("inf"), "isolated")]
    async with gate(ok, answers.pop) as here:
        await anyio.sleep(29.0)
        assert here.results == []
        await anyio.sleep(3.0)
        assert here.results == [ok()]


async def test_a_denial_that_is_over_is_not_asked_about_in_a_hot_loop() -> None:
    async with gate(ok, lambda: Denied(0.0, "now")) as here:
        await anyio.sleep(1.0)
        assert len(here.manager.messages) <= 22


@pytest.mark.parametrize(
    ("status", "body", "headers", "banned", "paced", "seconds"),
    [
        (429, b'{"code":-1003,"msg":"Too much"}', {"retry-after": "17"}, False, True, 17.0),
        (429, b"{}", {}, False, True, 60.0),
        (429, b"{}", {"retry-after": "0"}, False, True, 60.0),
        (429, b"{}", {"retry-after": "nan"}, False, True, 60.0),
        (429, b"{}", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, False, True, 60.0),
        (418, b'{"code":-1003,"msg":"banned"}', {"retry-after": "300"}, True, False, 300.0),
        (418, b"{}", {}, True, False, 120.0),
        (403, b"<html>Request blocked. CloudFront</html>", {}, False, False, 120.0),
        (503, b"", {"retry-after": "9"}, False, False, 9.0),
        (502, b"<html>Bad gateway</html>", {}, False, False, None),
        (451, b"<html>unavailable</html>", {}, False, False, None),
    ],
)
async def test_what_a_refusal_says_of_the_way_is_reported(
    status: int, body: bytes, headers: dict[str, str], banned: bool, paced: bool, seconds: float | None
) -> None:
    response = RestResponse(status, body, headers)
    async with gate(lambda: response) as here:
        outcome = await here.outcome()
        assert outcome.error is not None
        assert (outcome.banned, outcome.paced) == (banned, paced)
        left = None if outcome.open_until is None else outcome.open_until - anyio.current_time()
        assert left == (None if seconds is None else pytest.approx(seconds, abs=0.01))
        await anyio.sleep(0.1)
        assert here.results == [response]


async def test_the_end_of_a_ban_that_the_words_name_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: 1_700_000_000.0)
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1700000500000."}'
    async with gate(lambda: RestResponse(418, body)) as here:
        outcome = await here.outcome()
        assert outcome.open_until == pytest.approx(anyio.current_time() + 500.0, abs=1.0)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_wrong_request_is_no_failure_of_the_endpoint(status: int) -> None:
    async with gate(lambda: RestResponse(status, b'{"code":-1121,"msg":"Invalid symbol."}')) as here:
        assert (await here.outcome()).error is None


async def test_no_answer_is_a_failure_of_the_endpoint() -> None:
    def nobody() -> RestResponse:
        raise ConnectFailed("https://one", "connection refused")

    async with gate(nobody) as here:
        outcome = await here.outcome()
        assert (outcome.error, outcome.blameless) == ("connection refused", False)
        assert isinstance(here.results[0], ConnectFailed)


async def test_a_cancelled_request_gives_its_leave_back() -> None:
    async def never() -> RestResponse:
        await anyio.sleep_forever()
        raise AssertionError

    async with gate(never) as here:
        await anyio.sleep(1.0)
        here.asker.scope.cancel()
        outcome = await here.outcome()
        assert outcome.blameless
        assert here.results == []
