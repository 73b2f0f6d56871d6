"""A ConnectionManager alone: its neighbours are probes, its exchange is in memory, its holders are told what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
from attrs import define, evolve, field
from msgspec import structs

from actors.connection_manager import ConnectionManager
from actors.exchanges.binance import LIMITS, Binance
from actors.ports import Limits, Role
from actors.protocol import (
    BREAKERS,
    CONNECTIONS,
    ENDPOINTS,
    LEASES,
    STATES,
    Denied,
    EndpointReport,
    Lease,
    LeaseOutcome,
    Pressure,
    Purpose,
    RequestLease,
    RequestWeight,
)
from actors.resilience import BreakerConfig
from actors.transport import MemoryTransport
from supervisor import Actor, ActorSpec, Intensity, Name, Store, Supervisor, SupervisorSpec, open_supervisor
from supervisor.testing import Probe, await_restart

T = TypeVar("T")

TWO = ("wss://one", "wss://two")
ONE = ("wss://one",)
REST = ("https://one", "https://two")
BREAKER = BreakerConfig(open_for=5.0, successes=1)
TOPICS = (BREAKERS, ENDPOINTS, LEASES)


class Holder(Actor[object]):
    """Holds leases, and can die."""

    def receive(self, message: object) -> None: ...


HOLDERS: list[Name[object]] = [Name("holder"), Name("other")]


def limits(**changes: Any) -> Limits:
    return structs.replace(LIMITS, **changes)


@define(eq=False)
class Office:
    """A running ConnectionManager, and what its neighbours heard."""

    root: Supervisor
    transport: MemoryTransport
    states: Probe[Any]
    published: dict[str, list[Any]] = field(factory=dict)

    @property
    def manager(self) -> Any:
        return self.root.supervisor("binance").ref(CONNECTIONS)

    def holder(self, number: int = 0) -> Any:
        return self.root.ref(HOLDERS[number])

    async def ask(
        self, holder: int = 0, role: Role = Role.STREAM, purpose: Purpose = Purpose.SERVE, avoid: str = ""
    ) -> Lease | Denied:
        answer: Lease | Denied = await self.manager.ask(RequestLease(role, self.holder(holder), purpose, avoid))
        return answer

    async def lease(self, holder: int = 0, **more: Any) -> Lease:
        answer = await self.ask(holder, **more)
        assert isinstance(answer, Lease), answer
        return answer

    async def denied(self, holder: int = 0, **more: Any) -> Denied:
        answer = await self.ask(holder, **more)
        assert isinstance(answer, Denied), answer
        return answer

    async def weight(self, weight: int = 1, holder: int = 0) -> Lease | Denied:
        answer: Lease | Denied = await self.manager.ask(RequestWeight(weight, self.holder(holder)))
        return answer

    async def opened(self, holder: int = 0, **more: Any) -> Lease:
        """A lease, and that its connection was opened."""
        granted = await self.lease(holder, **more)
        self.manager.tell(LeaseOutcome(granted.id))
        return granted

    async def fail(self, times: int = 5, **outcome: Any) -> None:
        """Fail so often; five times open the breaker of where leases go."""
        for _ in range(times):
            granted = await self.lease()
            self.manager.tell(LeaseOutcome(granted.id, error="refused", **outcome))

    async def restart(self, end: Any) -> None:
        """End the manager's life, and wait for the next one."""
        manager = self.root.supervisor("binance").child("connection manager")
        end(manager)
        await await_restart(manager)

    async def settle(self, seconds: float = 0.001) -> None:
        """Until what was told has been heard."""
        await anyio.sleep(seconds)

    def heard(self, kind: type[T]) -> list[T]:
        """Messages of one kind that the StateManager got."""
        return [message for message in self.states.messages if isinstance(message, kind)]

    def reports(self) -> list[tuple[str, bool]]:
        return [(report.endpoint, report.ok) for report in self.heard(EndpointReport)]

    def pressures(self, kind: str) -> list[float]:
        return [pressure.share for pressure in self.heard(Pressure) if pressure.kind == kind]

    def in_force(self, role: Role = Role.STREAM) -> list[str]:
        return [moved.endpoint.name for moved in self.published[ENDPOINTS.key] if moved.role is role]

    def dials(self, url: str = "wss://") -> list[float]:
        return [dial.at for dial in self.transport.dials if dial.url.startswith(url)]

    async def follow(self, topic: Any, subscription: Any) -> None:
        async for event in subscription:
            self.published[topic.key].append(event)


@asynccontextmanager
async def office(
    urls: tuple[str, ...] = TWO,
    *,
    limits: Limits = LIMITS,
    store: Store | None = None,
    breaker: BreakerConfig = BREAKER,
    beside: tuple[Any, ...] = (),
) -> AsyncIterator[Office]:
    exchange = Binance.at(stream_urls=urls, rest_urls=REST, limits=limits)
    transport, states = MemoryTransport(), Probe[Any]()
    children = [
        states.spec("state manager", name=STATES),
        ActorSpec("connection manager", partial(ConnectionManager, exchange, transport, breaker), name=CONNECTIONS),
        *beside,
    ]
    often = Intensity(100, 10.0)
    venue = SupervisorSpec("binance", children, scoped=True, intensity=often)
    holders = [ActorSpec(name.key, Holder, name=name) for name in HOLDERS]
    spec = evolve(SupervisorSpec("bot", [*holders, venue], intensity=often), store=store)
    async with anyio.create_task_group() as group, open_supervisor(spec) as root:
        here = Office(root, transport, states)
        for topic in TOPICS:
            here.published[topic.key] = []
            group.start_soon(here.follow, topic, root.subscription(topic))
        await here.settle()
        yield here
        group.cancel_scope.cancel()
