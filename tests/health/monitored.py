"""A small tree for tests: a HealthMonitor alone among probes that stand for its neighbours."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, cast

import anyio
from attrs import define, field

from actors.errors import ConnectFailed
from actors.health_monitor import HealthMonitor
from actors.link_state import LinkPhase
from actors.ports import Endpoint, RestRequest, RestResponse, Role
from actors.ports import Exchange as ExchangePort
from actors.protocol import (
    ALERTS,
    CONNECTIONS,
    HEALTH,
    HEALTH_CHANGES,
    RECOVERY,
    STATES,
    ConnectionVitals,
    HealthMessage,
    Lease,
    LinkStates,
    RequestWeight,
    Vitals,
)
from actors.transport import MemoryRest
from actors.vitals import Reading, Vital
from supervisor import ActorSpec, Ref, Supervisor, SupervisorSpec, Topic
from supervisor.testing import Probe, open_tree

__all__ = ["NO_TOTALS", "REST", "STREAMS", "Ward", "until", "ward"]

STREAMS = tuple(Endpoint(f"stream-{number}", Role.STREAM, f"wss://{number}") for number in (1, 2))
REST = Endpoint("rest-1", Role.REST, "https://one")
NO_TOTALS: dict[str, Any] = {
    "endpoint": "stream-1", "connected_since": 0.0, "frames": 0, "bad_frames": 0, "gaps": 0, "losses": 0, "duplicates": 0,
}  # fmt: skip


@define
class Exchange:
    """As much of an exchange as a monitor needs. Its clock is ours plus `ahead`, unless it does not answer."""

    ahead: float | None = None
    venue: str = "binance"
    endpoints: tuple[Endpoint, ...] = (*STREAMS, REST)
    began: float = field(init=False, factory=lambda: time.time() - anyio.current_time())

    def answer(self, base_url: str, request: RestRequest) -> RestResponse:
        if self.ahead is None:
            raise ConnectFailed(base_url, "nobody answers")
        return RestResponse(200, str(round((self.began + anyio.current_time() + self.ahead) * 1000)).encode())

    def time_request(self) -> RestRequest | None:
        return RestRequest("/time")

    def parse_time(self, response: RestResponse) -> int:
        return int(response.body)

    def refusal(self, response: RestResponse) -> None:
        return None

    def used_weight(self, response: RestResponse) -> None:
        return None


@define(eq=False)
class Ward:
    """The running monitor, and all that it said."""

    root: Supervisor
    exchange: Exchange
    states: Probe[Any]
    recovery: Probe[Any]
    stream: Probe[Any]
    seen: dict[str, list[Any]] = field(factory=dict)
    """{topic: everything that came on it}"""

    @property
    def venue(self) -> Supervisor:
        return self.root.supervisor("binance")

    @property
    def monitor(self) -> Ref[HealthMessage]:
        return self.venue.ref(HEALTH)

    def alerts(self, *, ended: bool = False) -> list[str]:
        """The keys of the alerts that were said."""
        return [said.alert.key for said in self.seen[ALERTS.key] if (said.alert.ended is not None) is ended]

    def levels(self, component: str) -> list[str]:
        return [change.after.value for change in self.seen[HEALTH_CHANGES.key] if change.component == component]

    async def say(self, topic: Topic[Any], message: Any) -> None:
        """As a neighbour would, and let it be heard."""
        self.root.publish(topic, message)
        await anyio.sleep(0.01)

    async def report(self, *shares: float, component: str = "part", critical: bool = True, **totals: Any) -> None:
        """Reports half a second apart, each with this share of bad frames."""
        connection = ConnectionVitals(**{**NO_TOTALS, **totals}) if totals else None
        for share in shares:
            readings = (Reading(Vital.BAD_FRAMES, share),)
            self.monitor.tell(Vitals(component, readings, critical, connection, self.venue.child("stream")))
            await anyio.sleep(0.5)


async def until(condition: Any, within: float = 300.0) -> None:
    """Wait, in virtual time, until the condition holds."""
    with anyio.fail_after(within):
        while not condition():
            await anyio.sleep(0.05)


@asynccontextmanager
async def ward(
    exchange: Exchange | None = None, *, neighbours: bool = True, links: dict[str, LinkPhase] | None = None, **options: Any
) -> AsyncIterator[Ward]:
    """A monitor at work. With an exchange that has a clock, it is asked for the time."""
    exchange = exchange or Exchange()
    recovery, stream = Probe[Any](), Probe[Any]()
    states = Probe[Any]().answers(LinkStates, {} if links is None else links)
    leases = Probe[Any]().answers(RequestWeight, Lease(1, REST))
    options = {"exchange": cast("ExchangePort", exchange), **options}
    if exchange.ahead is not None:
        options["open_rest"] = lambda: nullcontext(MemoryRest(exchange.answer, latency=0.1))
    monitor = ActorSpec("health monitor", partial(HealthMonitor, "binance", **options), name=HEALTH)
    others = [
        states.spec("state manager", name=STATES),
        recovery.spec("recovery manager", name=RECOVERY),
        leases.spec("connection manager", name=CONNECTIONS),
    ]
    children = [*(others if neighbours else []), stream.spec("stream"), monitor]
    async with open_tree(SupervisorSpec("bot", [SupervisorSpec("binance", children, scoped=True)])) as tree:
        here = Ward(tree.root, exchange, states, recovery, stream)
        async with anyio.create_task_group() as group:
            topics: list[Topic[Any]] = [ALERTS, HEALTH_CHANGES]
            for topic in topics:
                group.start_soon(_follow, tree.root.subscription(topic), here.seen.setdefault(topic.key, []))
            yield here
            group.cancel_scope.cancel()


async def _follow(subscription: Any, seen: list[Any]) -> None:
    async for event in subscription:
        seen.append(event)  # noqa: PERF401  # it never ends: others read what is there
