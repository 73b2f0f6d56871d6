"""A StateManager alone: its neighbours are probes, and what it publishes is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
from attrs import define, evolve, field
from msgspec import structs

from actors.exchanges.binance import LIMITS, Binance
from actors.fallbacks import FallbackOptions
from actors.link_state import LinkEvent, LinkLimits, LinkPhase
from actors.market import Feed, InstrumentId, Subscription
from actors.ports import Role
from actors.protocol import (
    CONNECTIONS,
    FALLBACKS,
    LINK_CHANGES,
    RECOVERY,
    STATES,
    STREAMS,
    EndpointReport,
    FallbackKind,
    FallbackMoved,
    FallbacksInForce,
    ForceFallback,
    LinkReport,
    LinkStates,
    Pressure,
    PressureKind,
    Subscriptions,
    Trouble,
    UseEndpoints,
)
from actors.state_manager import StateManager
from supervisor import Actor, ActorSpec, Intensity, Store, Supervisor, SupervisorSpec, open_supervisor
from supervisor.testing import Probe, await_restart

STREAM_URLS = ("wss://one", "wss://two", "wss://three", "wss://four")
REST_URLS = ("https://one", "https://two")
WANTED = tuple(
    Subscription(InstrumentId("binance", f"{base}USDT", f"{base}/USDT"), feed)
    for base in ("A", "B", "C", "D", "E")
    for feed in (Feed.TRADES, Feed.BOOK)
)


class Streams(Actor[Any]):
    """Says what is wanted."""

    def receive(self, message: Any) -> Any:
        return WANTED if isinstance(message, Subscriptions) else None


@define(eq=False)
class Bureau:
    """A running StateManager, and what its neighbours heard."""

    root: Supervisor
    connections: Probe[Any]
    recovery: Probe[Any]
    moved: list[FallbackMoved] = field(factory=list)
    """All that was published of fallbacks."""
    links: list[tuple[str, LinkPhase]] = field(factory=list)

    @property
    def manager(self) -> Any:
        return self.root.supervisor("binance").ref(STATES)

    async def report(self, *events: LinkEvent, link: str = "link", endpoint: str = "stream-1", weight: int = 30) -> None:
        for event in events:
            self.manager.tell(LinkReport(link, event, endpoint, weight))
        await anyio.sleep(0.001)

    async def flow(
        self, seconds: float, event: LinkEvent = LinkEvent.DATA, link: str = "link", endpoint: str = "stream-1"
    ) -> None:
        """Report this every second for so long."""
        for _ in range(int(seconds)):
            await self.report(event, link=link, endpoint=endpoint)
            await anyio.sleep(0.999)

    async def use(self, role: Role, endpoint: str, *oks: bool, banned_until: float | None = None) -> None:
        for ok in oks:
            self.manager.tell(EndpointReport(role, endpoint, ok, banned_until=banned_until))
        await anyio.sleep(0.001)

    async def press(self, kind: PressureKind, share: float) -> None:
        self.manager.tell(Pressure(kind, share))
        await anyio.sleep(0.001)

    async def force(self, kind: FallbackKind, scope: str = "", on: bool | None = True) -> bool:
        done: bool = await self.manager.ask(ForceFallback(kind, scope, on))
        await anyio.sleep(0.001)
        return done

    async def in_force(self) -> dict[tuple[str, str], FallbackMoved]:
        found = await self.manager.ask(FallbacksInForce())
        return {(moved.kind.value, moved.scope): moved for moved in found}

    async def phase(self, link: str = "link") -> LinkPhase | None:
        phases: dict[str, LinkPhase] = await self.manager.ask(LinkStates())
        return phases.get(link)

    def told(self, kind: FallbackKind) -> list[tuple[str, bool]]:
        """(scope, on) of all that was published of this kind; repetitions once."""
        found = [(moved.scope, moved.on) for moved in self.moved if moved.kind is kind]
        return [one for number, one in enumerate(found) if one not in found[max(number - 1, 0) : number]]

    def orders(self, role: Role = Role.STREAM) -> list[tuple[str, ...]]:
        """What the ConnectionManager was told to use; repetitions once."""
        found = [one.order for one in self.connections.messages if isinstance(one, UseEndpoints) and one.role is role]
        return [one for number, one in enumerate(found) if one not in found[max(number - 1, 0) : number]]

    def troubles(self) -> list[Trouble]:
        return [one for one in self.recovery.messages if isinstance(one, Trouble)]

    async def restart(self, end: Any) -> None:
        manager = self.root.supervisor("binance").child("state manager")
        end(manager)
        await await_restart(manager)
        await anyio.sleep(0.001)

    async def _follow(self, subscription: Any) -> None:
        async for moved in subscription:
            self.moved.append(moved)

    async def _follow_links(self, subscription: Any) -> None:
        async for moved in subscription:
            self.links.append((moved.link, moved.after))


@asynccontextmanager
async def bureau(
    *,
    options: FallbackOptions | None = None,
    links: LinkLimits | None = None,
    store: Store | None = None,
    streams: tuple[str, ...] = STREAM_URLS,
    weight: int = 6000,
) -> AsyncIterator[Bureau]:
    exchange = Binance.at(stream_urls=streams, rest_urls=REST_URLS, limits=structs.replace(LIMITS, weight=weight))
    connections, recovery = Probe[Any](), Probe[Any]()
    start = partial(StateManager, exchange, LinkLimits() if links is None else links, options or FallbackOptions())
    children = [
        connections.spec("connection manager", name=CONNECTIONS),
        recovery.spec("recovery manager", name=RECOVERY),
        ActorSpec("stream manager", Streams, name=STREAMS),
        ActorSpec("state manager", start, name=STATES),
    ]
    often = Intensity(100, 10.0)
    venue = SupervisorSpec("binance", children, scoped=True, intensity=often)
    async with (
        anyio.create_task_group() as group,
        open_supervisor(evolve(SupervisorSpec("bot", [venue], intensity=often), store=store)) as root,
    ):
        here = Bureau(root, connections, recovery)
        group.start_soon(here._follow, root.subscription(FALLBACKS))
        group.start_soon(here._follow_links, root.subscription(LINK_CHANGES))
        await anyio.sleep(0.001)
        yield here
        group.cancel_scope.cancel()
