"""What the exchange says to our address holds for every endpoint and as long as it said, whoever was told and whoever lives."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from actors.errors import ConnectFailed
from actors.ports import Role
from actors.protocol import Denial, Denied, Lease, LeaseOutcome, UseEndpoints
from supervisor import MemoryStore
from supervisor.testing import crash, kill
from tests.actors.connections.office import Office, office

pytestmark = pytest.mark.anyio


async def answered(here: Office, role: Role, seconds: float = 90.0, **said: bool) -> float:
    """A request or an attempt is answered with a limit or a ban; until when that is."""
    granted = await here.weight() if role is Role.REST else await here.lease()
    assert isinstance(granted, Lease)
    until = anyio.current_time() + seconds
    here.manager.tell(LeaseOutcome(granted.id, error="HTTP 4xx", open_until=until, **said))
    return until


async def waits(here: Office) -> tuple[bool, bool]:
    """Whether connects wait for a ban, and whether requests do."""
    connect, request = await here.ask(), await here.weight()
    return is_ban(connect), is_ban(request)


def is_ban(answer: Lease | Denied) -> bool:
    return isinstance(answer, Denied) and answer.kind is Denial.BANNED


@pytest.mark.parametrize(
    ("role", "said", "expected"),
    [
        (Role.REST, {"banned": True}, (True, True)),
        (Role.STREAM, {"banned": True}, (True, True)),
        (Role.REST, {"paced": True}, (False, True)),
        (Role.STREAM, {"paced": True}, (True, True)),
        (Role.REST, {}, (False, False)),
        (Role.STREAM, {}, (False, False)),
    ],
    ids=["418 request", "418 handshake", "429 request", "429 handshake", "503 request", "503 handshake"],
)
async def test_who_waits(role: Role, said: dict[str, bool], expected: tuple[bool, bool]) -> None:
    async with office() as here:
        until = await answered(here, role, **said)
        assert await waits(here) == expected
        await here.settle(until - anyio.current_time())
        assert await waits(here) == (False, False)


async def test_it_is_said_until_when() -> None:
    async with office() as here:
        until = await answered(here, Role.REST, banned=True)
        assert (await here.denied()).until == until


async def test_a_shorter_ban_does_not_end_a_longer_one() -> None:
    async with office() as here:
        first, second = await here.weight(), await here.weight()
        assert isinstance(first, Lease)
        assert isinstance(second, Lease)
        now = anyio.current_time()
        here.manager.tell(LeaseOutcome(first.id, error="418", banned=True, open_until=now + 100.0))
        here.manager.tell(LeaseOutcome(second.id, error="429", paced=True, open_until=now + 10.0))
        await here.settle(20.0)
        assert await waits(here) == (True, True)


async def test_a_ban_is_no_verdict_on_the_endpoint() -> None:
    async with office() as here:
        for _ in range(6):
            until = await answered(here, Role.STREAM, seconds=1.0, banned=True)
            await here.settle(until - anyio.current_time())
        assert (await here.lease()).endpoint.name == "stream-1"


async def test_a_ban_that_a_lease_of_an_earlier_life_met_is_heeded() -> None:
    """The request was on its way when the manager crashed: that the answer is a ban is true all the same."""
    async with office() as here:
        granted = await here.weight()
        assert isinstance(granted, Lease)
        await here.restart(crash)
        here.manager.tell(LeaseOutcome(granted.id, error="418", banned=True, open_until=anyio.current_time() + 90.0))
        assert await waits(here) == (True, True)


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_ban_is_remembered_across_a_crash(end: Any) -> None:
    async with office() as here:
        await answered(here, Role.REST, banned=True)
        await here.settle()
        await here.restart(end)
        assert await waits(here) == (True, True)


@pytest.mark.parametrize(("said", "expected"), [("banned", (True, True)), ("paced", (False, True))])
async def test_a_ban_is_remembered_by_the_next_process_for_the_time_that_is_left(
    down: list[float], said: str, expected: tuple[bool, bool]
) -> None:
    store = MemoryStore()
    async with office(store=store) as here:
        began = anyio.current_time()
        await answered(here, Role.REST, **{said: True})
        await here.settle()
        lasted = anyio.current_time() - began
    down[0] = 50.0
    async with office(store=store) as here:
        assert await waits(here) == expected
        denied = await here.weight()
        assert isinstance(denied, Denied)
        assert denied.until - anyio.current_time() == pytest.approx(90.0 - 50.0 - lasted, abs=0.1)


async def test_a_ban_that_names_no_sane_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.connection_manager.LONGEST_WAIT", 100.0)
    async with office() as here:
        await answered(here, Role.REST, seconds=float("inf"), banned=True)
        await here.settle(101.0)
        assert await waits(here) == (False, False)


async def test_a_probe_whose_handshake_is_answered_with_a_ban_bans_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with office() as here:

        async def banned(url: str) -> Any:
            raise ConnectFailed(url, "the server answered HTTP 418", status=418, retry_after=300.0)

        monkeypatch.setattr(type(here.transport), "connect", lambda self, url: banned(url))
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-1",)))
        await here.fail()
        here.manager.tell(UseEndpoints(Role.STREAM, ("stream-2",)))
        await here.settle(6.0)
        assert await waits(here) == (True, True)
