"""A StreamManager alone: its streams do nothing but note what they are told, its neighbours are probes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import anyio
import msgspec
from attrs import define, evolve, field
from msgspec import structs

from actors.errors import ConnectFailed
from actors.exchanges.binance import LIMITS, Binance
from actors.feeds import feed_topic
from actors.market import Feed, Rejected, Subscription
from actors.ports import Endpoint, RestRequest, RestResponse, Role
from actors.protocol import (
    CONNECTIONS,
    FALLBACKS,
    RECOVERY,
    STATES,
    STREAMS,
    FallbackKind,
    FallbackMoved,
    Lease,
    LinkEnded,
    RequestWeight,
    SetSubscriptions,
    Subscriptions,
    Trouble,
    Unwant,
    Want,
)
from actors.stream_manager import StreamManager
from actors.transport import MemoryRest, MemoryTransport
from supervisor import (
    Actor,
    ActorSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Name,
    Scope,
    Store,
    Strategy,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from supervisor.testing import Probe

EXCHANGE = Binance.at(stream_urls=("wss://one",), rest_urls=("https://one",), limits=LIMITS)
WANTER: Name[Any] = Name("wanter")


def of(base: str, feed: Feed = Feed.TRADES) -> Subscription:
    return Subscription(EXCHANGE.instrument(f"{base}/USDT"), feed)


def all_of(*bases: str) -> tuple[Subscription, ...]:
    return tuple(of(base, feed) for base in bases for feed in (Feed.TRADES, Feed.BOOK))


class Gate(Actor[Any]):
    """Grants everything."""

    def receive(self, message: Any) -> Any:
        return Lease(1, Endpoint("rest-1", Role.REST, "https://one")) if isinstance(message, RequestWeight) else None


class Wanter(Actor[Any]):
    def receive(self, message: Any) -> None: ...


@define(eq=False)
class FakeStream(Actor[Any]):
    share: tuple[Subscription, ...]
    told: list[tuple[str, SetSubscriptions]]
    carries: dict[str, tuple[Subscription, ...]]

    async def on_start(self) -> None:
        self.carries[self.name] = self.share

    async def on_stop(self, reason: object) -> None:
        self.carries.pop(self.name, None)

    def receive(self, message: Any) -> None:
        if isinstance(message, SetSubscriptions):
            self.told.append((self.name, message))
            self.carries[self.name] = message.subscriptions

    @property
    def name(self) -> str:
        return self.context.path.rpartition("/")[2]


@define(eq=False)
class Yard:
    """A running StreamManager, and what its streams and neighbours were told."""

    states: Probe[Any]
    recovery: Probe[Any]
    rest: MemoryRest = field(init=False)
    told: list[tuple[str, SetSubscriptions]] = field(factory=list)
    carries: dict[str, tuple[Subscription, ...]] = field(factory=dict)
    """{stream that runs: what it was told to carry}"""
    listed: set[str] | None = field(factory=lambda: {f"{base}USDT" for base in "ABCDEFGH"})
    """None: there is no answer."""
    root: Supervisor = field(init=False)
    rejections: list[Rejected] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rest = MemoryRest(self._answer)

    def _answer(self, base_url: str, request: RestRequest) -> RestResponse:
        if self.listed is None:
            raise ConnectFailed("https://one", "nobody answers")
        symbols = [{"symbol": native, "status": "TRADING"} for native in sorted(self.listed)]
        return RestResponse(200, msgspec.json.encode({"symbols": symbols}))

    @property
    def venue(self) -> Supervisor:
        return self.root.supervisor("binance")

    @property
    def group(self) -> Supervisor:
        return self.venue.supervisor("streams")

    @property
    def streams(self) -> Supervisor:
        return self.group.supervisor("streams")

    @property
    def manager(self) -> Any:
        return self.venue.ref(STREAMS)

    async def want(self, *subscriptions: Subscription, holder: Any = None) -> list[str]:
        """Which are rejected."""
        rejected = await self.manager.ask(Want(subscriptions, holder))
        return [str(no.subscription) for no in rejected]

    async def unwant(self, *subscriptions: Subscription, holder: Any = None) -> None:
        self.manager.tell(Unwant(subscriptions, holder))
        await anyio.sleep(0.001)

    async def wanted(self) -> tuple[Subscription, ...]:
        found: tuple[Subscription, ...] = await self.manager.ask(Subscriptions())
        return found

    async def fall_back(self, kind: FallbackKind, *detail: object, on: bool = True, venue: str = "binance") -> None:
        texts = tuple(map(str, detail))
        self.root.publish(FALLBACKS, FallbackMoved(kind, "", on, "because", anyio.current_time(), venue, texts))
        await anyio.sleep(0.001)

    def ended(self) -> list[str]:
        return [one.link for one in self.states.messages if isinstance(one, LinkEnded)]

    def troubles(self) -> list[Trouble]:
        return [one for one in self.recovery.messages if isinstance(one, Trouble)]

    async def follow(self, subscription: Subscription, events: Any) -> None:
        async for event in events:
            self.rejections.append(event)


@asynccontextmanager
async def yard(
    *wanted: Subscription,
    store: Store | None = None,
    at_most: int = 1024,
    instruments: int = 1,
    listed: set[str] | None = None,
    follow: tuple[Subscription, ...] = (),
) -> AsyncIterator[Yard]:
    exchange = Binance.at(
        stream_urls=("wss://one",), rest_urls=("https://one",), limits=structs.replace(LIMITS, subscriptions=at_most)
    )
    here = Yard(Probe[Any](), Probe[Any]())
    if listed is not None:
        here.listed = listed
    manager = partial(
        StreamManager,
        exchange,
        MemoryTransport(),
        lambda: nullcontext(here.rest),
        wanted,
        instruments_per_stream=instruments,
        start=lambda share: FakeStream(share, here.told, here.carries),
    )
    often = Intensity(100, 10.0)
    parks = Intensity(2, 60.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    streams = SupervisorSpec(
        "streams",
        [DynamicSupervisorSpec("streams", intensity=parks), ActorSpec("stream manager", manager, name=STREAMS)],
        strategy=Strategy.REST_FOR_ONE,
        intensity=often,
    )
    children = [
        here.states.spec("state manager", name=STATES),
        here.recovery.spec("recovery manager", name=RECOVERY),
        ActorSpec("connection manager", Gate, name=CONNECTIONS),
        streams,
    ]
    venue = SupervisorSpec("binance", children, scoped=True, intensity=often)
    bot = SupervisorSpec("bot", [ActorSpec("wanter", Wanter, name=WANTER), venue], intensity=often)
    async with anyio.create_task_group() as group, open_supervisor(evolve(bot, store=store)) as here.root:
        for subscription in follow:
            group.start_soon(here.follow, subscription, here.root.subscription(feed_topic(subscription)))
        await anyio.sleep(0.01)
        yield here
        group.cancel_scope.cancel()
